"""The chain's shape, with langchain-core's fake models; its answers are tested in
integration_tests."""

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

from langchain_localllm.rag import NO_ANSWER, Citation, Statement, answer_chain, answer_prompt

PASSAGES = [
    Document("The boat is blue.", metadata={"source": "a.txt"}),
    Document("The key is old."),
]
RETRIEVER = RunnableLambda[str, list[Document]](lambda _: PASSAGES)
QUESTION = {"question": "What colour is the boat?"}


def models() -> list[Runnable[Any, Any]]:
    chat, text = FakeListChatModel(responses=["Blue."]), FakeListLLM(responses=["Blue."])
    return [chat, text, chat.with_retry(), text.bind(stop=["\n"])]


@pytest.mark.parametrize("llm", models(), ids=["chat", "text", "chat retrying", "text bound"])
async def test_answer_chain_same_result_on_every_path(llm: Runnable[Any, Any]) -> None:
    chain = answer_chain(RETRIEVER, llm)
    alone = {"standalone_question": QUESTION["question"]}
    expected = {
        **QUESTION,
        **alone,
        "context": PASSAGES,
        "omitted": [],
        "answer": "Blue.",
        "invalid_citations": [],
    }
    boat = Citation(1, "The boat is blue.", "a.txt", "The boat is blue.", end=17, inferred=True)
    expected |= {
        "citations": [boat],
        "statements": [Statement("Blue.", 0, 5, supported=True, citation=boat, score=0.812)],
    }
    assert chain.invoke(QUESTION) == expected
    assert await chain.ainvoke(QUESTION) == expected
    assert chain.batch([QUESTION, QUESTION]) == [expected, expected]
    assert await chain.abatch([QUESTION]) == [expected]


def check_stream(chunks: list[dict[str, Any]]) -> None:
    assert chunks[0]["question"] == QUESTION["question"]
    assert chunks[0]["context"] == PASSAGES
    assert [chunk["answer"] for chunk in chunks[1:] if chunk.get("answer")] == list("Blue.")


async def test_answer_chain_stream_gives_the_passages_before_the_answer() -> None:
    chain = answer_chain(RETRIEVER, FakeListChatModel(responses=["Blue."]))
    check_stream(list(chain.stream(QUESTION)))
    check_stream([chunk async for chunk in chain.astream(QUESTION)])


def test_answer_chain_chat_models_get_messages_and_text_models_one_text() -> None:
    values = {"passages": "[1] The boat is blue.", "question": "What colour?"}
    chat = answer_prompt(FakeListChatModel(responses=[]).bind(stop=["x"])).invoke(values)
    assert [message.type for message in chat.to_messages()] == ["system", "human"]
    assert chat.to_messages()[1].content == "[1] The boat is blue.\n\nQuestion: What colour?"
    assert (
        answer_prompt(FakeListLLM(responses=[]))
        .invoke(values)
        .to_string()
        .endswith("What colour?\n\nAnswer:")
    )


def test_answer_chain_accepts_a_custom_prompt() -> None:
    seen: list[str] = []

    def model(prompt: PromptValue) -> str:
        seen.append(prompt.to_string())
        return "Blue."

    prompt = PromptTemplate.from_template("{question}\n{passages}")
    assert (
        answer_chain(RETRIEVER, RunnableLambda(model), prompt).invoke(QUESTION)["answer"] == "Blue."
    )
    place = "a.txt:\n"
    assert seen == [
        f"What colour is the boat?\n{place}[1] The boat is blue.\n\n[2] The key is old."
    ]


@pytest.mark.parametrize("condition", ["is_small_model", "is_extractive"])
def test_answer_chain_small_model_gets_sentences_only(
    condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"langchain_localllm.rag.answer.chain.{condition}", lambda _: True)
    model = RunnableLambda[PromptValue, str](lambda prompt: prompt.to_string())
    prompt = PromptTemplate.from_template("{passages}")
    [context, *answer] = answer_chain(RETRIEVER, model, prompt).stream(QUESTION)
    assert context["context"] == PASSAGES
    assert "a.txt" not in "".join(part.get("answer", "") for part in answer)


def test_answer_chain_braces_in_documents_are_text() -> None:
    retriever = RunnableLambda[str, list[Document]](lambda _: [Document("Use {name} and {0}.")])
    assert (
        answer_chain(retriever, FakeListChatModel(responses=["ok"])).invoke({"question": "{x}?"})[
            "answer"
        ]
        == "ok"
    )


def test_answer_chain_without_passages_the_model_is_not_called() -> None:
    nothing = RunnableLambda[str, list[Document]](lambda _: [])
    chain = answer_chain(nothing, FakeListChatModel(responses=["a guess"]))
    assert chain.invoke(QUESTION)["answer"] == NO_ANSWER
    assert {"answer": NO_ANSWER} in list(chain.stream(QUESTION))
