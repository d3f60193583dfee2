"""Turn an answer into events for the page, and into a turn of a conversation."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.rag import LocalRAG, is_refusal
from langchain_localllm.rag.answer.citations import marker_of

_TURNS: Final = 6
"""Earlier turns that the model sees."""
_LISTS: Final = ("citations", "passages", "omitted", "invalid_citations", "unsupported")
_PLACE: Final = ("source", "page", "heading", "line")


class AnswerTurn:
    """Ask a question, and gather what comes.

    Args:
        question: The question.
        model: The name of the model.

    Attributes:
        turn: The turn so far: `question`, `answer` (with the markers of its sources, and `[?]`
            after a sentence that no passage supports), `plain` (without those), `citations`,
            `passages`, `omitted`, `invalid_citations`, `unsupported`, `timings`, `tokens`,
            `tokens_per_second`, `finish_reason`, `refused`, `model`, `asked` (seconds since 1970),
            `status` (`stopped`, `done`, `failed`), `fault`.
    """

    def __init__(self, question: str, model: str) -> None:
        lists: dict[str, Any] = {name: [] for name in _LISTS}
        values: dict[str, Any] = {
            "timings": {},
            "tokens": {},
            "tokens_per_second": None,
            "status": "stopped",
            "fault": "",
        }
        about = {
            "question": question,
            "model": model,
            "asked": time.time(),
            "finish_reason": None,
            "refused": False,
        }
        self.turn: dict[str, Any] = {**about, "answer": "", "plain": "", **lists, **values}

    async def events(
        self, rag: LocalRAG, turns: Sequence[dict[str, Any]]
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield `{"answer": text}`, `{"citations": [...]}` and other parts of the turn.

        Args:
            rag: The documents and the model.
            turns: The conversation so far.
        """
        try:
            asked = {"question": self.turn["question"], "chat_history": _messages(turns)}
            async with aclosing(rag.astream(asked)) as parts:  # type: ignore[type-var]  # it is a generator
                async for part in parts:
                    if event := self._read(part):
                        yield event
            self.turn["status"] = "done"
        except LocalLLMError as error:
            self.turn |= {"status": "failed", "fault": str(error)}
        self.turn["refused"] = is_refusal(self.turn["plain"])
        yield {name: self.turn[name] for name in ("status", "fault", "refused")}

    def _read(self, part: dict[str, Any]) -> dict[str, Any]:
        event: dict[str, Any] = {}
        if "context" in part:
            event["passages"] = [_passage(each) for each in part["context"]]
        if part.get("omitted"):
            event["omitted"] = [_passage(each) for each in part["omitted"]]
        if part.get("citations"):
            event["citations"] = [
                {**asdict(each), "id": each.passage_id or ""} for each in part["citations"]
            ]
        if part.get("invalid_citations"):
            event["invalid_citations"] = [asdict(each) for each in part["invalid_citations"]]
        if unsupported := [each for each in part.get("statements", ()) if not each.supported]:
            event["unsupported"] = [
                {"text": each.text, "missing": list(each.missing)} for each in unsupported
            ]
        self.turn["plain"] += part.get("answer", "")
        if shown := part.get("answer", "") + "".join(map(marker_of, part.get("statements", ()))):
            event["answer"] = shown
        for name, value in event.items():
            self.turn[name] = self.turn[name] + value
        if "timings" in part:
            rest = {"timings": part["timings"], "tokens": part["tokens"]}
            rest["tokens_per_second"] = _speed(**rest)
            self.turn |= rest
            event |= rest
        if reason := part.get("finish_reason"):
            self.turn["finish_reason"] = event["finish_reason"] = reason
        return event


def _messages(turns: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    said = [
        (str(turn["question"]), str(turn.get("plain") or turn["answer"]))
        for turn in turns
        if turn.get("answer")
    ]
    return [
        message
        for asked, answer in said[-_TURNS:]
        for message in (("human", asked), ("ai", answer))
    ]


def _passage(document: Document) -> dict[str, Any]:
    place = {name: document.metadata.get(name) for name in _PLACE}
    return {**place, "passage": document.page_content, "id": document.id or ""}


def _speed(timings: dict[str, float], tokens: dict[str, int]) -> float | None:
    """Return the tokens per second of the written answer, or `None` if they were not counted."""
    count, seconds = (
        tokens.get("completion", 0),
        timings["total"] - timings.get("first_token", timings["total"]),
    )
    return round((count - 1) / seconds, 1) if count > 1 and seconds > 0 else None
