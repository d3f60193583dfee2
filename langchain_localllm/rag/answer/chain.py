"""Build the chain from a question to an answer: retrieve, format the prompt, call the model, check the citations."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableBranch, RunnableGenerator, RunnableLambda, RunnablePassthrough
from langchain_core.runnables.utils import AddableDict

from langchain_localllm.model_info.introspect import describe_model
from langchain_localllm.prompts.conditions import Condition
from langchain_localllm.prompts.library import CITED_ANSWER, COPIED_ANSWER
from langchain_localllm.rag.answer.citations import CitationReader, format_passages
from langchain_localllm.rag.answer.context_budget import fit_passages

NO_ANSWER: Final = "The passages do not tell."
"""What the model is asked to say if the passages do not answer the question."""

_EXTRACTIVE_MODELS: Final = ("tiny-chat",)
"""Parts of the names of models that were trained to copy sentences only."""

is_extractive: Final = Condition(
    "is_extractive", lambda llm: any(name in describe_model(llm).name for name in _EXTRACTIVE_MODELS), looks=True
)
"""Whether a model answers by copying a sentence, and cannot rewrite or write questions."""


def answer_chain(
    retriever: Runnable[str, list[Document]], llm: Runnable[Any, Any], prompt: BasePromptTemplate[Any] | None = None
) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Make the chain that answers a question from retrieved passages.

    Args:
        retriever: Takes the question and returns passages, best first: `index.as_retriever(search_kwargs={"k": 3})`.
        llm: A LangChain text or chat model, also wrapped by `.bind()` or `.with_retry()`.
        prompt: A template over `passages` (one text, its sentences numbered) and `question`. Default: `answer_prompt(llm)`.

    Returns:
        A Runnable from `{"question": ...}` (and `standalone_question`, if the question is part of a conversation, and `search`,
        if another text is used for retrieval) to a dict of

        - `question`, and `standalone_question`, which the model was asked;
        - `context`: the passages that the model was given, as Documents;
        - `left_out`: the passages that did not fit into its context;
        - `answer`: the text, without numbers that have no passage;
        - `citations`: a `Citation` for each number in it that the passages support;
        - `rejected`: an `InvalidCitation` for each number that they do not support.

        `stream` and `astream` yield these in this order: the answer in chunks, and each citation as soon as it is checked.
        If no passage is found, the model is not called and the answer is `NO_ANSWER`.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> retriever = RunnableLambda(lambda question: [Document("The boat is blue.", metadata={"source": "a.txt"})])
        >>> chain = answer_chain(retriever, FakeListChatModel(responses=["The boat is blue [1]."]))
        >>> found = chain.invoke({"question": "What color is the boat?"})
        >>> found["answer"], found["citations"][0].source
        ('The boat is blue [1].', 'a.txt')
    """
    chosen = prompt or answer_prompt(llm)

    def budget(found: dict[str, Any]) -> dict[str, Any]:
        alone = found.get("standalone_question") or found["question"]
        kept, left_out = fit_passages(found["found"], alone, llm, chosen)
        return {"question": found["question"], "standalone_question": alone, "context": kept, "left_out": left_out}

    answer = RunnableLambda(_prompt_values) | chosen | llm | StrOutputParser()
    refusing = RunnableBranch((lambda found: not found["context"], lambda _: NO_ANSWER), answer)
    retrieve = RunnablePassthrough.assign(found=RunnableLambda(_search) | retriever) | RunnableLambda(budget)
    return retrieve | RunnablePassthrough.assign(answer=refusing) | RunnableGenerator(_cited, _acited)


def answer_prompt(llm: Runnable[Any, Any]) -> BasePromptTemplate[Any]:
    """Return the prompt over `passages` and `question` for a model: messages for a chat model, else a text in its format."""
    return (COPIED_ANSWER if is_extractive(llm) else CITED_ANSWER).get_prompt(llm)


def _search(asked: dict[str, Any]) -> str:
    return str(asked.get("search") or asked.get("standalone_question") or asked["question"])


def _prompt_values(found: dict[str, Any]) -> dict[str, str]:
    return {"passages": format_passages(found["context"]), "question": found["standalone_question"]}


class _Citing:
    """Insert the citations between the parts of an answer."""

    def __init__(self) -> None:
        self._reader = CitationReader([])

    def read(self, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "context" in part:
            self._reader = CitationReader(part["context"])
        if rest := {name: value for name, value in part.items() if name != "answer"}:
            yield AddableDict(rest)
        for each in self._reader.feed(part["answer"]) if "answer" in part else ():
            yield AddableDict(each)

    def end(self) -> Iterator[dict[str, Any]]:
        yield from map(AddableDict, [*self._reader.end(), {"answer": "", "citations": [], "rejected": []}])


def _cited(parts: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    citing = _Citing()
    for part in parts:
        yield from citing.read(part)
    yield from citing.end()


async def _acited(parts: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    citing = _Citing()
    async for part in parts:
        for each in citing.read(part):
            yield each
    for each in citing.end():
        yield each
