"""Build the chain from a question to an answer.

It retrieves, formats the prompt, calls the model, and finds the sources.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from typing import Any, Final, cast

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import (
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnablePassthrough,
)

from langchain_localllm.base.repetition import RepeatedSentences, RepetitionDetector
from langchain_localllm.model_info.introspect import describe_model
from langchain_localllm.prompts.conditions import Condition
from langchain_localllm.prompts.library import CITED_ANSWER, COPIED_ANSWER
from langchain_localllm.rag.answer.citations import CitationReader, format_passages
from langchain_localllm.rag.answer.context_budget import fit_passages
from langchain_localllm.rag.answer.limits import MAX_TOKENS, limited
from langchain_localllm.rag.answer.no_answer import NO_ANSWER, RefusalReader, no_answer
from langchain_localllm.rag.answer.result import AnswerPart
from langchain_localllm.rag.answer.support import EmbedTexts
from langchain_localllm.rag.profile import is_small_model

__all__ = ["MAX_TOKENS", "NO_ANSWER", "answer_chain", "answer_prompt", "is_extractive"]

_REPEATED_LENGTH: Final = 200
"""Characters that a repeated phrase must fill, for the answer to be cut."""

_EXTRACTIVE_MODELS: Final = ("tiny-chat",)
"""Parts of the names of models that were trained to copy sentences only."""

is_extractive: Final = Condition(
    "is_extractive",
    lambda llm: any(name in describe_model(llm).name for name in _EXTRACTIVE_MODELS),
    looks=True,
)
"""Whether a model answers by copying a sentence, and cannot rewrite or write questions."""


def answer_chain(
    retriever: Runnable[str, list[Document]],
    llm: Runnable[Any, Any],
    prompt: BasePromptTemplate[Any] | None = None,
    *,
    embed: EmbedTexts | None = None,
) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Make the chain that answers a question from retrieved passages.

    Args:
        retriever: Takes the question and returns passages, best first:
            `index.as_retriever(search_kwargs={"k": 3})`.
        llm: A LangChain text or chat model, also wrapped by `.bind()` or `.with_retry()`.
        prompt: A template over `passages` (one text, its sentences numbered; for models of a
            billion parameters and more with the file and the headings of each passage above it) and
            `question`. Default: `answer_prompt(llm)`.
        embed: Embeds texts, such as `embeddings.embed_documents`, to recognize a sentence that says
            in other words what a passage says. Default: words and numbers alone decide.

    Returns:
        A Runnable from `{"question": ...}` to a dict. The input may also have
        `standalone_question`, if the question is part of a conversation, and `search`, if another
        text is used for retrieval. The dict has

        - `question`, and `standalone_question`, which the model was asked;
        - `context`: the passages that the model was given, as Documents;
        - `omitted`: the passages that did not fit into its context;
        - `answer`: the text, without numbers that have no passage;
        - `citations`: a `Citation` for each number that passages support, and each source found;
        - `invalid_citations`: an `InvalidCitation` for each number that they do not support;
        - `statements`: a `Statement` for each sentence, which says whether passages support it;
        - `finish_reason`: `"repetition"`, if the answer repeated itself and was cut.

        `stream` and `astream` yield these in this order: the answer in chunks, and each citation
        and statement as soon as its sentence ends. If no passage is found, the model is not called
        and the answer is `NO_ANSWER` in the question's language. An answer ends after 512 tokens,
        or a quarter of the model's context, unless the model has a `max_tokens` of its own.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> boat = Document("The boat is blue.", metadata={"source": "a.txt"})
        >>> retriever = RunnableLambda(lambda question: [boat])
        >>> chain = answer_chain(retriever, FakeListChatModel(responses=["The boat is blue [1]."]))
        >>> found = chain.invoke({"question": "What color is the boat?"})
        >>> found["answer"], found["citations"][0].source
        ('The boat is blue [1].', 'a.txt')
    """
    chosen = prompt or answer_prompt(llm)
    model = limited(llm)
    with_places = not (is_small_model(llm) or is_extractive(llm))

    def budget(found: dict[str, Any]) -> dict[str, Any]:
        alone = found.get("standalone_question") or found["question"]
        kept, omitted = fit_passages(found["found"], alone, model, chosen, with_places=with_places)
        return {
            "question": found["question"],
            "standalone_question": alone,
            "context": kept,
            "omitted": omitted,
        }

    answers = _Answers(chosen, model, embed, with_places=with_places)
    retrieve = RunnablePassthrough.assign(
        found=RunnableLambda(_search) | retriever
    ) | RunnableLambda(budget)
    return retrieve | RunnableGenerator(answers.stream, answers.astream)


def answer_prompt(llm: Runnable[Any, Any]) -> BasePromptTemplate[Any]:
    """Return the prompt over `passages` and `question` for a model.

    It has messages for a chat model, else a text in the model's format.
    """
    return (COPIED_ANSWER if is_extractive(llm) else CITED_ANSWER).get_prompt(llm)


def _search(asked: dict[str, Any]) -> str:
    return str(asked.get("search") or asked.get("standalone_question") or asked["question"])


class _Answers:
    """Answer from the passages that were found, until the answer ends or repeats itself.

    The model is streamed itself, not as a part of a sequence: LangChain reads a sequence to its end
    even when it is closed.
    """

    def __init__(
        self,
        prompt: BasePromptTemplate[Any],
        model: Runnable[Any, Any],
        embed: EmbedTexts | None,
        *,
        with_places: bool,
    ) -> None:
        self._prompt = prompt
        self._model = model
        self._embed = embed
        self._with_places = with_places

    def stream(self, parts: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        found: dict[str, Any] = {}
        for part in parts:
            found |= part
            yield AnswerPart(part)
        reader = _AnswerReader(found, self._embed)
        if found["context"]:
            pieces = cast(
                "Generator[Any]", self._model.stream(self._prompt.invoke(self._values(found)))
            )
            with closing(pieces):  # closing it stops the model
                for piece in pieces:
                    yield from reader.feed(_text(piece))
                    if reader.is_repeating:
                        break
        yield from reader.end()

    async def astream(self, parts: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        found: dict[str, Any] = {}
        async for part in parts:
            found |= part
            yield AnswerPart(part)
        reader = _AnswerReader(found, self._embed)
        if found["context"]:
            pieces = cast(
                "AsyncGenerator[Any]",
                self._model.astream(await self._prompt.ainvoke(self._values(found))),
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    text = _text(piece)
                    for read in (
                        await asyncio.to_thread(reader.feed, text)
                        if self._embed
                        else reader.feed(text)
                    ):
                        yield read
                    if reader.is_repeating:
                        break
        for read in await asyncio.to_thread(reader.end):
            yield read

    def _values(self, found: dict[str, Any]) -> dict[str, str]:
        passages = format_passages(found["context"], with_places=self._with_places)
        return {"passages": passages, "question": found["standalone_question"]}


class _AnswerReader:
    """Find the sources of an answer as it comes, and notice when it repeats itself."""

    def __init__(self, found: dict[str, Any], embed: EmbedTexts | None) -> None:
        self._question = found["question"]
        self._is_empty = not found["context"]
        self._refusal = RefusalReader(self._question)
        self._citations = CitationReader(found["context"], found["standalone_question"], embed)
        self._repetition = RepetitionDetector(_REPEATED_LENGTH)
        self._sentences = RepeatedSentences()
        self.is_repeating = False
        """Whether the answer must be cut."""

    def feed(self, piece: str) -> list[dict[str, Any]]:
        """Add text, and return the parts of the result that are final."""
        self.is_repeating |= self._repetition.is_repeating(piece)
        return self._read(self._refusal.feed(piece))

    def end(self) -> list[dict[str, Any]]:
        """Return the rest when the answer has ended."""
        rest = no_answer(self._question) if self._is_empty else self._refusal.end()
        parts = [*self._read(rest), *map(AnswerPart, self._citations.end())]
        parts.append(AnswerPart(answer="", citations=[], invalid_citations=[], statements=[]))
        return [*parts, AnswerPart(finish_reason="repetition")] if self.is_repeating else parts

    def _read(self, text: str) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [AnswerPart(part) for part in self._citations.feed(text)]
        for each in (statement.text for part in parts for statement in part.get("statements", ())):
            self.is_repeating |= self._sentences.is_repeating(each)
        return parts


def _text(piece: Any) -> str:
    return piece.text if isinstance(piece, BaseMessage) else str(piece)
