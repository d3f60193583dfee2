"""The object as a Runnable, with langchain-core's fake models; its answers are tested in
integration_tests."""

from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

from langchain_localllm.errors import InvalidOptionError, StoreError
from langchain_localllm.rag import NO_ANSWER, LocalRAG

QUESTION = "What colour is the boat?"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("The boat is blue.")
    return Path("notes.txt")


def asked(notes: Path, llm: Runnable[Any, Any]) -> LocalRAG:
    # its vectors are noise
    rag = LocalRAG(llm, DeterministicFakeEmbedding(size=8), refusal_quantile=0)
    rag.index(notes)
    return rag


MODELS: list[Runnable[Any, Any]] = [
    FakeListChatModel(responses=["The boat is blue [1]."]),
    FakeListLLM(responses=["The boat is blue [1]."]),
]


@pytest.mark.parametrize("llm", MODELS, ids=["chat", "text"])
async def test_local_rag_every_path_gives_the_same(notes: Path, llm: Runnable[Any, Any]) -> None:
    rag = asked(notes, llm)
    results = [
        rag.invoke(QUESTION),
        await rag.ainvoke({"question": QUESTION}),
        *rag.batch([QUESTION, QUESTION]),
    ]
    results += await rag.abatch([QUESTION])
    for found in results:
        assert found["answer"] == "The boat is blue [1]."
        assert [(each.marker, each.source, each.line) for each in found["citations"]] == [
            (1, "notes.txt", 1)
        ]
        assert set(found["timings"]) == {"retrieval", "first_token", "total"}
    answer = rag.ask(QUESTION)
    assert (await rag.aask(QUESTION)).citations == answer.citations
    assert answer.passages[0].page_content == "The boat is blue."


async def test_local_rag_stream_is_in_pieces_and_in_order(notes: Path) -> None:
    rag = asked(notes, MODELS[0])
    parts = [part async for part in rag.astream(QUESTION)]
    assert [sorted(part) for part in parts] == [sorted(part) for part in rag.stream(QUESTION)]
    assert "context" in parts[0]
    assert "timings" in parts[-1]
    assert len([part for part in parts if part.get("answer")]) > 5


def test_local_rag_composes_with_runnables(notes: Path) -> None:
    before = RunnableLambda[str, str](lambda name: f"What colour is the {name}?")
    chain: Runnable[str, str] = before | asked(notes, MODELS[0]) | itemgetter("answer")
    assert chain.invoke("boat") == "The boat is blue [1]."
    assert [chunk for chunk in chain.stream("boat") if chunk]


def test_local_rag_nothing_relevant_is_answered_without_the_model(notes: Path) -> None:
    rag = LocalRAG(
        FakeListChatModel(responses=["a guess"]),
        DeterministicFakeEmbedding(size=8),
        min_similarity=0.9,
    )
    rag.index(notes)
    answer = rag.ask("Who wrote Hamlet?")
    assert (answer.answer, answer.citations, answer.tokens) == (NO_ANSWER, [], {})


HISTORY = [HumanMessage("What does the warden own?"), AIMessage("A boat.")]


def test_local_rag_follow_up_is_rewritten_as_a_standalone_question(notes: Path) -> None:
    prompts: list[str] = []

    def model(prompt: Any) -> str:
        prompts.append(prompt.to_string())
        return (
            "What colour is the warden's boat?" if "Last question" in prompts[-1] else "Blue [1]."
        )

    answer = asked(notes, RunnableLambda(model)).ask("What colour is it?", HISTORY)
    assert "Human: What does the warden own?\nAI: A boat." in prompts[0]
    assert prompts[1].endswith("Question: What colour is the warden's boat?")
    assert answer.question == "What colour is it?"
    assert len(prompts) == 2


def test_local_rag_first_question_is_not_rewritten(notes: Path) -> None:
    prompts: list[Any] = []

    def model(prompt: Any) -> str:
        prompts.append(prompt)
        return "Blue."

    asked(notes, RunnableLambda(model)).ask(QUESTION)
    assert len(prompts) == 1


def test_local_rag_accepts_a_custom_prompt(notes: Path) -> None:
    prompt = PromptTemplate.from_template("{question} / {passages}")
    rag = LocalRAG(
        RunnableLambda(lambda asked: asked.to_string()),
        DeterministicFakeEmbedding(size=8),
        prompt=prompt,
    )
    rag.index(notes)
    assert rag.ask(QUESTION).answer == f"{QUESTION} / notes.txt: The boat is blue."


@pytest.mark.parametrize("question", ["", " \n", {"question": ""}, {"input": "x"}, {"question": 3}])
def test_local_rag_empty_question_is_refused(notes: Path, question: Any) -> None:
    with pytest.raises(InvalidOptionError, match="The question is empty"):
        asked(notes, MODELS[0]).invoke(question)


def test_local_rag_missing_part_is_named(notes: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="LocalRAG has no model"):
        asked(notes, None).ask(QUESTION)  # type: ignore[arg-type]  # the fault
    with pytest.raises(StoreError, match="There is no index in"):
        LocalRAG(MODELS[0], DeterministicFakeEmbedding(size=8), tmp_path / "none").ask(QUESTION)


async def test_as_tool_returns_passages_or_an_answer_with_their_places(notes: Path) -> None:
    rag = asked(notes, MODELS[0])
    call = {
        "name": "search_documents",
        "args": {"question": QUESTION},
        "id": "1",
        "type": "tool_call",
    }
    found = await rag.as_tool().ainvoke(call)
    assert found.content == "[1] notes.txt, line 1\nThe boat is blue."
    assert found.artifact == rag.retriever.invoke(QUESTION)
    answered = rag.as_tool(name="ask_notes", description="Ask.", answer=True).invoke(call)
    assert (
        answered.content
        == "The boat is blue [1].\n\nSources:\n[1] notes.txt, line 1: The boat is blue."
    )
    assert answered.artifact == rag.ask(QUESTION).citations
    assert list(rag.as_tool(arg_types={"question": str, "chat_history": list}).args) == [
        "question",
        "chat_history",
    ]
