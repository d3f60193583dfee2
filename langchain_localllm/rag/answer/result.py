"""Define the result of a question: answer, sources, citations."""

from dataclasses import dataclass, field, fields
from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.runnables.utils import AddableDict
from typing_extensions import override

from langchain_localllm._deprecated import renamed_attribute, renamed_key
from langchain_localllm.rag.answer.citations import (
    Citation,
    InvalidCitation,
    Statement,
    with_markers,
)
from langchain_localllm.rag.answer.no_answer import is_refusal

_RENAMED_KEYS: Final = {"left_out": "omitted", "rejected": "invalid_citations"}


class AnswerPart(AddableDict):
    """A part of the output of the chain; parts add up to the whole output.

    Keys of earlier versions are read with a warning: `left_out` as `omitted`, `rejected` as
    `invalid_citations`.
    """

    def __missing__(self, key: str) -> Any:
        if key in _RENAMED_KEYS:
            return self[renamed_key(key, _RENAMED_KEYS[key])]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str) and key in _RENAMED_KEYS:
            key = renamed_key(key, _RENAMED_KEYS[key])
        return super().__contains__(key)

    @override
    def get(self, key: str, default: Any = None, /) -> Any:
        if key in _RENAMED_KEYS:
            key = renamed_key(key, _RENAMED_KEYS[key])
        return super().get(key, default)

    @override
    def __add__(self, other: dict[str, Any]) -> "AnswerPart":
        return AnswerPart(super().__add__(AddableDict(other)))

    @override
    def __radd__(self, other: dict[str, Any]) -> "AnswerPart":
        return AnswerPart(super().__radd__(AddableDict(other)))


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold the result of `LocalRAG.ask`.

    Attributes:
        question: The question.
        answer: The text.
        citations: The sources of its statements.
        passages: The passages that the model was given, best first.
        omitted: Retrieved passages that did not fit into the model's context.
        invalid_citations: Citations that the passages do not support.
        statements: The sentences of the answer, and whether the passages support them.
        finish_reason: `"stop"`, `"length"` if the answer was cut at `max_tokens`, or `"repetition"`
            if it repeated itself and was cut; `None` if the model was not called, or does not
            report it.
        timings: Seconds until the passages were retrieved (`retrieval`), until the first token
            (`first_token`), and in total (`total`).
        tokens: `prompt` and `completion`, as the engine counts them; empty if the model was not
            called.
    """

    question: str
    answer: str = ""
    citations: list[Citation] = field(default_factory=list)
    passages: list[Document] = field(default_factory=list)
    omitted: list[Document] = field(default_factory=list)
    invalid_citations: list[InvalidCitation] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    finish_reason: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    left_out = renamed_attribute("left_out", "omitted")
    rejected = renamed_attribute("rejected", "invalid_citations")

    @property
    def refused(self) -> bool:
        """Whether the answer is that the documents don't say."""
        return is_refusal(self.answer)

    @property
    def text_with_markers(self) -> str:
        """The answer with a source number after each sentence, or `[?]` for unsupported ones."""
        return with_markers(self.answer, self.statements)


def answer_of(found: dict[str, Any]) -> Answer:
    """Return the output of a `LocalRAG` as an `Answer`."""
    named = {**found, "passages": found.get("context", [])}
    return Answer(**{each.name: named[each.name] for each in fields(Answer) if each.name in named})
