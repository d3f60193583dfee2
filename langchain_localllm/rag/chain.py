"""The chain from a question to an answer: retrieve, put the passages in a prompt, call the model."""

from operator import itemgetter
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import BasePromptTemplate, ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import Runnable, RunnableBranch, RunnableLambda, RunnablePassthrough

from langchain_localllm.rag.cite import format_passages

NO_ANSWER = "The passages do not tell."
"""What the model is asked to say when the passages hold no answer."""

_INSTRUCTION = f"Answer the question with a sentence from the passages and its number. If they do not tell, say: {NO_ANSWER}"
_QUESTION = "{passages}\n\nQuestion: {question}"


def answer_chain(
    retriever: Runnable[str, list[Document]], llm: Runnable[Any, Any], prompt: BasePromptTemplate[Any] | None = None
) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Make the chain that answers a question from retrieved passages.

    Args:
        retriever: Takes the question and returns passages, best first: `index.as_retriever(search_kwargs={"k": 3})`.
        llm: A text or chat model of LangChain, also with `.bind()` or `.with_retry()` around it.
        prompt: A template over `passages` (one text, its sentences numbered) and `question`. Default: `answer_prompt(llm)`.

    Returns:
        A Runnable from `{"question": ...}` to `{"question": ..., "context": [Document, ...], "answer": str}`. Its
        `stream` and `astream` give the question first, then the passages, then the answer piece by piece. Without any
        passage the model is not called and the answer is `NO_ANSWER`. `cited_passages` finds the passages whose sentences an
        answer names by their numbers, as in "[2] The boat is blue."

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> retriever = RunnableLambda(lambda question: [Document("The boat is blue.")])
        >>> chain = answer_chain(retriever, FakeListChatModel(responses=["Blue."]))
        >>> chain.invoke({"question": "What colour is the boat?"})["answer"]
        'Blue.'
    """
    fill = RunnableLambda(_prompt_values)
    answer = fill | (prompt or answer_prompt(llm)) | llm | StrOutputParser()
    return RunnablePassthrough.assign(context=itemgetter("question") | retriever).assign(
        answer=RunnableBranch((lambda found: not found["context"], lambda _: NO_ANSWER), answer)
    )


def answer_prompt(llm: Runnable[Any, Any]) -> BasePromptTemplate[Any]:
    """The prompt over `passages` and `question` that fits a model: messages for a chat model, else one text."""
    if _is_chat_model(llm):
        return ChatPromptTemplate.from_messages([("system", _INSTRUCTION), ("human", _QUESTION)])
    return PromptTemplate.from_template(f"{_INSTRUCTION}\n\n{_QUESTION}\nAnswer:")


def _prompt_values(found: dict[str, Any]) -> dict[str, str]:
    return {"passages": format_passages(found["context"]), "question": found["question"]}


def _is_chat_model(llm: Any) -> bool:
    while not isinstance(llm, BaseChatModel):  # look inside .bind(), .with_retry() and .with_fallbacks()
        inner = getattr(llm, "bound", None) or getattr(llm, "runnable", None)
        if inner is None:
            return False
        llm = inner
    return True
