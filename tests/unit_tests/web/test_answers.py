"""What the page gets of an answer, and what its conversation keeps."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel

from langchain_localllm.errors import ServerError
from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.answers import AnswerTurn

QUESTION = "Is the boat blue?"


class Parts:
    """Yields given parts in place of a `LocalRAG`, and raises the last one if it is an error."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        self.asked: Any = None

    async def astream(self, asked: Any) -> AsyncIterator[dict[str, Any]]:
        self.asked = asked
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


async def answered(
    rag: Any, turns: list[dict[str, Any]] | None = None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the turn that is kept, and the events."""
    turn = AnswerTurn(QUESTION, "stand-in")
    return turn.turn, [event async for event in turn.events(cast("LocalRAG", rag), turns or [])]


async def test_answer_turn_sentence_gets_the_number_of_its_source_or_a_mark(
    tmp_path: Path,
) -> None:
    llm = FakeListChatModel(responses=["The boat is blue. It has 3 masts."])
    (tmp_path / "boats.md").write_text("The boat is blue. It leaks.", encoding="utf-8")
    with LocalRAG(llm, DeterministicFakeEmbedding(size=8)) as rag:
        rag.index(tmp_path)
        turn, events = await answered(rag)
    (cited,) = turn["citations"]
    assert turn["answer"] == f"The boat is blue. [{cited['marker']}] It has 3 masts. [?]"
    assert turn["answer"] == "".join(event.get("answer", "") for event in events)
    assert turn["plain"] == "The boat is blue. It has 3 masts."
    assert turn["unsupported"] == [{"text": "It has 3 masts.", "missing": ["3"]}]
    assert cited["id"] in {each["id"] for each in turn["passages"]}


async def test_answer_turn_follow_up_omits_marks_and_failed_turns() -> None:
    rag = Parts({"answer": "Yes."})
    turns = [
        {"question": "Who is it?", "answer": "Ann. [?]", "plain": "Ann."},
        {"question": "Lost?", "answer": ""},
        {"question": "Kept by an older version?", "answer": "Yes [1]."},
    ]
    await answered(rag, turns)
    assert rag.asked == {
        "question": QUESTION,
        "chat_history": [
            ("human", "Who is it?"),
            ("ai", "Ann."),
            ("human", "Kept by an older version?"),
            ("ai", "Yes [1]."),
        ],
    }


async def test_answer_turn_passages_that_did_not_fit_the_end_and_the_speed_are_passed_on() -> None:
    passage = Document("The key is old.", id="7", metadata={"source": "keys.pdf", "page": 2})
    rag = Parts(
        {"context": [], "omitted": [passage]},
        {"answer": "Yes"},
        {
            "timings": {"first_token": 1.0, "total": 3.0},
            "tokens": {"completion": 21},
            "finish_reason": "length",
        },
    )
    turn, events = await answered(rag)
    shown = {
        "source": "keys.pdf",
        "page": 2,
        "heading": None,
        "line": None,
        "passage": "The key is old.",
        "id": "7",
    }
    assert events[0] == {"passages": [], "omitted": [shown]}
    assert events[2] | {"tokens_per_second": 10.0, "finish_reason": "length"} == events[2]
    assert events[3] == {"status": "done", "fault": "", "refused": False}
    assert turn["omitted"] == [shown]


async def test_answer_turn_refusal_differs_from_an_unsupported_answer() -> None:
    turn, _ = await answered(Parts({"answer": "The documents don't say."}))
    assert turn["refused"]


async def test_answer_turn_failure_keeps_what_was_said() -> None:
    turn, events = await answered(Parts({"answer": "Yes"}, ServerError("The engine failed.")))
    assert events[-1] == {"status": "failed", "fault": "The engine failed.", "refused": False}
    assert (turn["answer"], turn["status"]) == ("Yes", "failed")
