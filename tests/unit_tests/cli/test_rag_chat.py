"""The conversation of `localllm rag chat`, with a fake model."""

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from langchain_localllm.cli.rag_chat import talk
from langchain_localllm.rag import LocalRAG

NOTES = "# Boats\n\nOne line before.\n\nThe boat is blue. It was built in 1954.\n\nOne line after."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text(NOTES)
    return tmp_path


def run(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    llm: Runnable[Any, Any],
    *lines: str,
    as_json: bool = False,
) -> tuple[str, str]:
    """Print what a person who types these lines sees on stdout and on stderr."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    with LocalRAG(llm, DeterministicFakeEmbedding(size=8), refusal_quantile=0) as rag:
        rag.index(folder / "notes.md")
        talk(rag, as_json=as_json)
    printed = capsys.readouterr()
    return printed.out, printed.err


ANSWERS = RunnableLambda[Any, str](lambda _: "The boat was built in 1954. It sank in 1999.")


def test_rag_chat_sources_and_passages_are_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = run(
        folder,
        monkeypatch,
        capsys,
        ANSWERS,
        "/sources",
        "When was the boat built?",
        "",
        "/sources",
        "/open 3",
        "/open 9",
    )
    answer, _, rest = out.partition("\n\nSources:\n")
    assert answer == "The boat was built in 1954. [3] It sank in 1999. [?]"
    assert rest.splitlines()[:3] == [
        "[3] notes.md, Boats, line 3",
        "[3] notes.md, Boats, line 3",
        "    It was built in 1954.",
    ]
    assert f"{folder / 'notes.md'}, Boats\n" in rest
    assert "\n> The boat is blue. It was built in 1954.\n" in rest
    assert "There is no answer with sources yet." in err
    assert "The passages do not support: It sank in 1999. They do not contain 1999." in err
    assert "9 is not a source of the last answer. Sources: 3." in err


def test_rag_chat_commands_end_clear_and_help(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = run(
        folder, monkeypatch, capsys, ANSWERS, "/help", "/clear", "/nothing", "/bye", "When?"
    )
    assert "/open 2" in out
    assert "1954" not in out
    assert "The conversation is forgotten." in err
    assert "/nothing is not a command." in err


def test_rag_chat_answers_as_json_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = run(
        folder, monkeypatch, capsys, ANSWERS, "When was it built?", "And sunk?", as_json=True
    )
    first, second = map(json.loads, out.splitlines())
    assert (first["question"], second["question"]) == ("When was it built?", "And sunk?")
    assert [each["supported"] for each in first["statements"]] == [True, False]


def test_rag_chat_interrupt_stops_the_answer_and_the_conversation_continues(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = 0

    def model(_: Iterator[Any]) -> Iterator[str]:
        nonlocal asked
        asked += 1
        yield "The boat "
        if asked == 1:
            signal.raise_signal(signal.SIGINT)
        yield "is blue."

    out, err = run(
        folder,
        monkeypatch,
        capsys,
        RunnableGenerator(model),
        "What color is the boat?",
        "/clear",
        "What color is it?",
    )
    assert out.startswith("The boat\nThe boat is blue.")
    assert "The answer was stopped." in err
