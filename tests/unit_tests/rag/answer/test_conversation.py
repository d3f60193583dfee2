"""Conversations about documents, with fake models; the command is in `cli/test_rag_chat.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from langchain_localllm.errors import StoreError
from langchain_localllm.rag import LocalRAG

NOTES = (
    "# Boats\n\nThe boat is blue. It was built in 1954.\n\n# Keys\n\nThe key of the boat is old."
)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text(NOTES)
    return tmp_path / "notes.md"


def rag_with(notes: Path, llm: Runnable[Any, Any]) -> LocalRAG:
    # its vectors are noise
    rag = LocalRAG(llm, DeterministicFakeEmbedding(size=8), refusal_quantile=0)
    rag.index(notes)
    return rag


@pytest.mark.parametrize(
    ("rewritten", "searched"),
    [
        ("When was the blue boat built?", "When was the blue boat built?"),
        ("Question: When was the blue boat built?\nIt helps.", "When was the blue boat built?"),
        ("**Standalone question:** When was the blue boat built?", "When was the blue boat built?"),
        ("Here it is:\nFrage: When was the blue boat built?", "When was the blue boat built?"),
        ("\u554f\u984c\uff1aWhen was the blue boat built?", "When was the blue boat built?"),
        ("The boat is red.", "When was it built?"),
        ("", "When was it built?"),
        ("When was the Titanic of the White Star Line in Belfast built?", "When was it built?"),
    ],
)
async def test_follow_up_is_rewritten_unless_the_model_writes_something_else(
    notes: Path, rewritten: str, searched: str
) -> None:
    prompts: list[str] = []

    def model(prompt: Any) -> str:
        prompts.append(prompt.to_string())
        return (
            rewritten
            if "Last question" in prompts[-1]
            else "The boat is blue. It was built in 1954."
        )

    chat = rag_with(notes, RunnableLambda(model)).chat()
    first = chat.ask("What color is the boat?")
    second = await chat.aask("When was it built?")
    assert prompts[-1].endswith(f"Question: {searched}")
    assert "AI: The boat is blue. It was built in 1954." in prompts[1]
    assert [message.text for message in chat.history[::2]] == [first.question, second.question]
    assert [each.marker for each in second.citations] == [1, 2]
    chat.clear()
    assert (chat.history, chat.answers) == ([], [])


def test_stream_that_is_closed_keeps_what_was_said(notes: Path) -> None:
    closed: list[bool] = []

    def model(_: Iterator[Any]) -> Iterator[str]:
        try:
            yield from map(str, range(10_000))
        finally:
            closed.append(True)

    chat = rag_with(notes, RunnableGenerator(model)).chat()
    stream = chat.stream("What color is the boat?")
    for part in stream:
        if "9" in part.get("answer", ""):
            break
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert closed
    assert (chat.history[1].text, chat.answers) == ("0123456789", [])


@pytest.mark.parametrize("phrase", ["The boat was built in 1954. ", "no ", "1, "])
async def test_answer_that_repeats_itself_is_cut(notes: Path, phrase: str) -> None:
    pieces = 0

    def model(_: Iterator[Any]) -> Iterator[str]:
        nonlocal pieces
        for _number in range(10_000):
            pieces += 1
            yield phrase

    rag = rag_with(notes, RunnableGenerator(model))
    found = rag.ask("When was the boat built?")
    assert found.finish_reason == "repetition"
    assert pieces < 150
    again = await rag_with(notes, FakeListChatModel(responses=[phrase * 300])).aask(
        "When was the boat built?"
    )
    assert again.finish_reason == "repetition"
    assert len(again.answer) < 600


def test_passage_is_shown_in_its_file(notes: Path) -> None:
    rag = rag_with(notes, RunnableLambda(lambda _: "It was built in 1954."))
    [citation] = rag.ask("When was the boat built?").citations
    assert citation.passage_id is not None
    passage = rag.passage(citation.passage_id)
    assert (passage.path, passage.line, passage.heading, passage.source) == (
        notes,
        3,
        "Boats",
        "notes.md",
    )
    assert passage.before + passage.text + passage.after == NOTES
    assert passage.text[citation.start : citation.end] == citation.quote == "It was built in 1954."
    notes.write_text("Changed.")
    moved = rag.passage(citation.passage_id)
    assert (moved.start, moved.after) == (None, "The key of the boat is old.")
    with pytest.raises(StoreError, match="does not have the passage"):
        rag.passage("none")
