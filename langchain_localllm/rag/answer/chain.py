"""The chain from a question to an answer: retrieve, put the passages in a prompt, call the model, check what it cites."""

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
from langchain_localllm.rag.answer.context_budget import fit

NO_ANSWER: Final = "The passages do not tell."
"""What the model is asked to say when the passages hold no answer."""

is_tiny: Final = Condition("is_tiny", lambda llm: "tiny-chat" in describe_model(llm).name, looks=True)
"""Whether it is the tiny chat model of this package, which copies sentences and does not rewrite questions."""


def answer_chain(
    retriever: Runnable[str, list[Document]], llm: Runnable[Any, Any], prompt: BasePromptTemplate[Any] | None = None
) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Make the chain that answers a question from retrieved passages.

    Args:
        retriever: Takes the question and returns passages, best first: `index.as_retriever(search_kwargs={"k": 3})`.
        llm: A text or chat model of LangChain, also with `.bind()` or `.with_retry()` around it.
        prompt: A template over `passages` (one text, its sentences numbered) and `question`. Default: `answer_prompt(llm)`.

    Returns:
        A Runnable from `{"question": ...}` (and `standalone_question`, where the question is part of a conversation, and `search`,
        where another text is to be retrieved by) to a dict of

        - `question`, and `standalone_question`, which the model was asked;
        - `context`: the passages that the model was given, as Documents;
        - `left_out`: those that did not fit into its context;
        - `answer`: the text, without numbers that have no passage;
        - `citations`: a `Citation` for each number in it that the passages hold;
        - `rejected`: a `InvalidCitation` for each that they do not.

        Its `stream` and `astream` give these in this order, the answer piece by piece and each citation as soon as it is checked.
        Without any passage the model is not called and the answer is `NO_ANSWER`.

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
        kept, left_out = fit(found["found"], alone, llm, chosen)
        return {"question": found["question"], "standalone_question": alone, "context": kept, "left_out": left_out}

    answer = RunnableLambda(_prompt_values) | chosen | llm | StrOutputParser()
    refusing = RunnableBranch((lambda found: not found["context"], lambda _: NO_ANSWER), answer)
    retrieve = RunnablePassthrough.assign(found=RunnableLambda(_search) | retriever) | RunnableLambda(budget)
    return retrieve | RunnablePassthrough.assign(answer=refusing) | RunnableGenerator(_cited, _acited)


def answer_prompt(llm: Runnable[Any, Any]) -> BasePromptTemplate[Any]:
    """The prompt over `passages` and `question` that fits a model: messages for a chat model, else a text in its own format."""
    return (COPIED_ANSWER if is_tiny(llm) else CITED_ANSWER).get_prompt(llm)


def _search(asked: dict[str, Any]) -> str:
    return str(asked.get("search") or asked.get("standalone_question") or asked["question"])


def _prompt_values(found: dict[str, Any]) -> dict[str, str]:
    return {"passages": format_passages(found["context"]), "question": found["standalone_question"]}


class _Citing:
    """Puts the citations between the parts of an answer."""

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
