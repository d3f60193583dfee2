"""The standard test suite for text LLMs, which langchain-tests lacks.

It runs against any `BaseLLM`, on the real engine, and needs langchain-core and pytest only. A test
class names the class to test and its arguments; pytest does the rest:

```text
from langchain_localllm.testing import LLMIntegrationTests

class TestMyLLM(LLMIntegrationTests):
    @property
    def llm_class(self):
        return MyLLM

    @property
    def llm_params(self):
        return {"model": "my-model", "base_url": "http://localhost:1234"}
```

A capability that the class lacks is switched off by a property, such as `supports_seed`. A test
that fails for a reason of its own is overridden by one that is marked
`@pytest.mark.xfail(reason="...")`; any other override is itself a failure.
"""

import pytest

for _module in ("base", "faults", "options", "paths", "results", "streaming", "unit"):
    # so that a failing assertion shows its values
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from langchain_localllm.testing.integration import LLMIntegrationTests  # noqa: E402 - the line above must come first
from langchain_localllm.testing.unit import LLMUnitTests  # noqa: E402 - as above

__all__ = ["LLMIntegrationTests", "LLMUnitTests"]
