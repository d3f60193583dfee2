"""Time of choosing and writing a prompt for a model that is known already.

`python -m benchmarks.prompts` prints a table. "core" is langchain-core's own
`PromptTemplate.format` of the same texts, for comparison. The budget for `get_prompt` is 20 µs. The
model is a class with a file, so that no server takes part; the time is the processor's.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from langchain_core.language_models import FakeListLLM
from langchain_core.prompts import PromptTemplate

from langchain_localllm.models import tiny_chat_model
from langchain_localllm.prompts import (
    ConditionalPromptSelector,
    context_at_least,
    for_model,
    is_chat_model,
    is_family,
    is_runtime,
)
from langchain_localllm.prompts.library import QUESTION_ANSWERING

TIMES: Final = 5000
ROUNDS: Final = 7
BUDGET: Final = 20.0


class FromFile(FakeListLLM):
    """A model with a file."""

    model_path: str


def main() -> None:
    """Print the table."""
    llm = FromFile(model_path=str(tiny_chat_model()), responses=[])
    wrapped = llm.bind(stop=["x"]).with_retry().with_fallbacks([llm])
    one, two = map(PromptTemplate.from_template, ["one {question}", "two {question}"])
    conditions = [
        is_chat_model,
        is_runtime("ollama") & is_family("llama2"),
        is_family("mistral") | ~context_at_least(1024),
    ]
    selector = ConditionalPromptSelector(
        default_prompt=one, conditionals=[(condition, two) for condition in conditions]
    )
    values = {"context": "[1] Odalys Fenn is the warden.", "question": "Who is the warden?"}
    fitted, plain = QUESTION_ANSWERING.get_prompt(llm), QUESTION_ANSWERING.text
    print(f"µs, median of {ROUNDS}")
    _report("selector.get_prompt, three conditions", lambda: selector.get_prompt(llm), BUDGET)
    _report("the same, inside three wrappers", lambda: selector.get_prompt(wrapped), BUDGET)
    _report("QUESTION_ANSWERING.get_prompt", lambda: QUESTION_ANSWERING.get_prompt(llm), BUDGET)
    _report("for_model", lambda: for_model(plain, llm))
    _report("format in the model's template", lambda: fitted.format(**values))
    _report("format of plain text (core)", lambda: plain.format(**values))


def _report(name: str, run: Callable[[], Any], budget: float | None = None) -> None:
    run()
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(TIMES):
            run()
        spent.append((time.process_time() - started) / TIMES * 1e6)
    limit = f"  budget {budget:g}" if budget else ""
    print(f"{name:<40}{statistics.median(spent):>8.1f}{limit}")


if __name__ == "__main__":
    main()
