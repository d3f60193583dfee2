"""Rewrite questions that refer to earlier ones, and keep the conversation about documents."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    MessageLikeRepresentation,
    convert_to_messages,
    get_buffer_string,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.utils import AddableDict

from langchain_localllm.prompts.library import CONDENSE_QUESTION
from langchain_localllm.rag.answer.limits import limited
from langchain_localllm.rag.answer.result import Answer, answer_of
from langchain_localllm.rag.index.text_search import content_words

if TYPE_CHECKING:
    from langchain_localllm.rag.local_rag import LocalRAG

History = Sequence[MessageLikeRepresentation]

_TURNS: Final = 3
"""Questions and answers before the last one that the model sees to rewrite it."""
_ANSWER_CHARACTERS: Final = 600
"""Of a longer answer, it sees the beginning."""
_LONGEST_QUESTION: Final = 300
"""Characters that a rewritten question may be longer than what it was made of."""
_LEAST_KEPT: Final = 0.5
"""The share of the question's words that a rewritten one must have; with fewer, it asks something
else."""
_LEAST_KNOWN: Final = 0.6
"""The share of its words that must be in the conversation."""
_QUESTION: Final = (
    "domanda|frage|pergunta|pregunta|pytanie|query|question|soru|vraag|вопрос|питання"
    "|السؤال|سؤال|प्रश्न|सवाल|問題|問|問い|問句|质问|質問|问题|问|질문"
)
_LABEL: Final = re.compile(
    rf"^[*_#\s]*(?:\w+ ){{0,2}}(?:{_QUESTION})[*_\s]*[:\uff1a][*_\s]*", re.IGNORECASE
)
"""What small models write before a question, also in bold."""
_MARKER: Final = re.compile(r"\s*\[[\d\s,;?]+\]")


class Conversation:
    """Ask questions one after another; `LocalRAG.chat` begins one.

    The model rewrites a question that refers to the ones before, so that it can be searched for. It
    never sees the conversation when it answers, only the passages: what it said before is no
    source.

    Attributes:
        history: The messages so far. Of an answer that was stopped, it has the beginning.
        answers: The results of `ask` and `aask`, and of streams that were read to their end.
    """

    def __init__(self, rag: "LocalRAG", chat_history: History = ()) -> None:
        self._rag = rag
        self.history: list[BaseMessage] = convert_to_messages(chat_history)
        self.answers: list[Answer] = []

    def ask(self, question: str) -> "Answer":
        """Answer a question; see `LocalRAG.ask`."""
        for _ in self.stream(question):
            pass
        return self.answers[-1]

    async def aask(self, question: str) -> "Answer":
        """Work like `ask`."""
        async for _ in self.astream(question):
            pass
        return self.answers[-1]

    def stream(self, question: str) -> Iterator[dict[str, Any]]:
        """Yield the parts of an answer, as `LocalRAG.stream` does.

        Closing the stream stops the model.
        """
        found: Any = AddableDict()
        try:
            with closing(
                cast("Generator[dict[str, Any]]", self._rag.stream(self._asked(question)))
            ) as parts:
                for part in parts:
                    found += part
                    yield part
        finally:
            self._remember(question, found)

    async def astream(self, question: str) -> AsyncIterator[dict[str, Any]]:
        """Work like `stream`."""
        found: Any = AddableDict()
        try:
            async with aclosing(
                cast("AsyncGenerator[dict[str, Any]]", self._rag.astream(self._asked(question)))
            ) as parts:
                async for part in parts:
                    found += part
                    yield part
        finally:
            self._remember(question, found)

    def clear(self) -> None:
        """Forget the conversation."""
        self.history.clear()
        self.answers.clear()

    def _asked(self, question: str) -> dict[str, Any]:
        return {"question": question, "chat_history": list(self.history)}

    def _remember(self, question: str, found: dict[str, Any]) -> None:
        """Keep what was said.

        A question that failed before its answer began is as if it had not been asked.
        """
        if text := found.get("answer", "").strip():
            self.history += [HumanMessage(question), AIMessage(text)]
        if "timings" in found:
            self.answers.append(answer_of(found))


def with_question_before(asked: dict[str, Any]) -> str:
    """Return the search text without query rewriting: the question and the one before."""
    before = [message.text for message in asked["chat_history"] if message.type == "human"][-1:]
    return " ".join([*before, asked["question"]])


def condense_question(llm: Runnable[Any, Any]) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Make the step that rewrites a follow-up question as a standalone one.

    A first question is unchanged.

    Small models write something else instead, such as an answer. Then the question stays as it is,
    and is searched for together with the one before.

    Args:
        llm: The model that rewrites.

    Returns:
        A Runnable from `question` and `chat_history` to the same with `standalone_question`, and
        `search` where the question was not rewritten.
    """
    rewrite = CONDENSE_QUESTION.get_prompt(llm) | limited(llm) | StrOutputParser()

    def choose(asked: dict[str, Any]) -> Any:
        if not asked["chat_history"]:
            return {**asked, "standalone_question": asked["question"]}
        history = recent(asked["chat_history"])

        def check(written: str) -> dict[str, Any]:
            standalone = standalone_question(written, asked["question"], history)
            if standalone is None:
                return {
                    **asked,
                    "standalone_question": asked["question"],
                    "search": with_question_before(asked),
                }
            return {**asked, "standalone_question": standalone}

        return (
            RunnableLambda(lambda _: {"chat_history": history, "question": asked["question"]})
            | rewrite
            | RunnableLambda(check)
        )

    return RunnableLambda(choose)


def recent(chat_history: Sequence[BaseMessage]) -> str:
    r"""Return the end of a conversation as a text, so that it fits a small context.

    Example:
        >>> recent([HumanMessage("What does the warden own?"), AIMessage("A boat. [2]")])
        'Human: What does the warden own?\nAI: A boat.'
    """
    said = [
        message.model_copy(update={"content": _MARKER.sub("", message.text)[:_ANSWER_CHARACTERS]})
        for message in chat_history
        if message.type in {"human", "ai"}
    ]
    return get_buffer_string(said[-2 * _TURNS :])


def standalone_question(written: str, question: str, history: str) -> str | None:
    r"""Return what a model wrote as the rewritten question, or `None` if it cannot be one.

    Args:
        written: What the model wrote.
        question: The question that it should rewrite.
        history: The conversation before it, as a text.

    Example:
        >>> history = "Human: What is the boat called?\nAI: Dunlin."
        >>> written = "Question: What color is the boat Dunlin?"
        >>> standalone_question(written, "What color is it?", history)
        'What color is the boat Dunlin?'
        >>> standalone_question("The boat is blue.", "What color is it?", history) is None
        True
    """
    lines = [_LABEL.sub("", line).strip(' "*') for line in written.strip().splitlines()]
    # a line with a colon at its end only announces the question
    first = next((line for line in lines if line and line[-1] not in ":\uff1a"), "")
    words, asked = content_words(first), content_words(question)
    if not words or len(first) > len(question) + _LONGEST_QUESTION:
        return None
    known = words & (asked | content_words(history))
    return (
        first
        if len(words & asked) >= _LEAST_KEPT * len(asked)
        and len(known) >= _LEAST_KNOWN * len(words)
        else None
    )
