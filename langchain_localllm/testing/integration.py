"""The suite that calls the model."""

from langchain_localllm.testing.faults import FaultTests
from langchain_localllm.testing.options import OptionTests
from langchain_localllm.testing.results import ResultTests
from langchain_localllm.testing.streaming import StreamingTests


class LLMIntegrationTests(StreamingTests, OptionTests, ResultTests, FaultTests):
    """Check a text LLM on the real engine, on nine paths.

    They are sync and async, calls, streams and batches. The model must answer `prompt` with 24
    tokens or more, always the same with `greedy_params`. A small one is best: there are some two
    hundred cases.

    Example:
        ```text
        from langchain_localllm.testing import LLMIntegrationTests

        class TestMyLLM(LLMIntegrationTests):
            @property
            def llm_class(self):
                return MyLLM

            @property
            def llm_params(self):
                return {"model": "my-model"}

            @property
            def supports_seed(self):
                return False
        ```
    """
