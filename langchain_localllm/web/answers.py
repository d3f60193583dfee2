"""An answer as events for the page, and as a turn of a conversation."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.rag import LocalRAG

_TURNS: Final = 6
"""Earlier turns that the model sees."""
_PLACE: Final = ("source", "page", "heading", "line")


class AnswerTurn:
    """Ask a question, and gather what comes.

    Args:
        question: The question.
        model: The name of the model.

    Attributes:
        turn: The turn so far: `question`, `answer`, `citations`, `passages`, `left_out`, `rejected`, `timings`,
            `tokens`, `tokens_per_second`, `model`, `asked` (seconds since 1970), `status` (`stopped`, `done`, `failed`), `fault`.
    """

    def __init__(self, question: str, model: str) -> None:
        lists: dict[str, Any] = {name: [] for name in ("citations", "passages", "left_out", "rejected")}
        values: dict[str, Any] = {"timings": {}, "tokens": {}, "tokens_per_second": None, "status": "stopped", "fault": ""}
        self.turn: dict[str, Any] = {"question": question, "answer": "", "model": model, "asked": time.time(), **lists, **values}
        self._context: list[Document] = []

    async def events(self, rag: LocalRAG, turns: Sequence[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Yield `{"answer": text}`, `{"citations": [...]}` and other parts of the turn, as they come.

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
        yield {name: self.turn[name] for name in ("status", "fault")}

    def _read(self, part: dict[str, Any]) -> dict[str, Any]:
        event: dict[str, Any] = {}
        if "context" in part:
            self._context = part["context"]
            event["passages"] = [_passage(each) for each in part["context"]]
        if part.get("left_out"):
            event["left_out"] = [_passage(each) for each in part["left_out"]]
        if part.get("citations"):
            event["citations"] = [{**asdict(each), "id": self._id_of(each.source, each.passage)} for each in part["citations"]]
        if part.get("rejected"):
            event["rejected"] = [asdict(each) for each in part["rejected"]]
        if part.get("answer"):
            event["answer"] = part["answer"]
        for name, value in event.items():
            self.turn[name] = self.turn[name] + value
        if "timings" in part:
            rest = {"timings": part["timings"], "tokens": part["tokens"]}
            rest["tokens_per_second"] = _speed(**rest)
            self.turn |= rest
            event |= rest
        return event

    def _id_of(self, source: str, text: str) -> str:
        found = (each.id for each in self._context if each.page_content == text and each.metadata.get("source") == source)
        return next(found, None) or ""


def _messages(turns: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    said = [turn for turn in turns if turn.get("answer")][-_TURNS:]
    return [message for turn in said for message in (("human", str(turn["question"])), ("ai", str(turn["answer"])))]


def _passage(document: Document) -> dict[str, Any]:
    place = {name: document.metadata.get(name) for name in _PLACE}
    return {**place, "passage": document.page_content, "id": document.id or ""}


def _speed(timings: dict[str, float], tokens: dict[str, int]) -> float | None:
    """Return the tokens per second while the answer was written, or `None` if they were not counted."""
    count, seconds = tokens.get("completion", 0), timings["total"] - timings.get("first_token", timings["total"])
    return round((count - 1) / seconds, 1) if count > 1 and seconds > 0 else None
