"""Keep conversations on disk: a JSON file for each, which only its owner can read."""

import json
import os
import re
import secrets
import threading
import time
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import InvalidOptionError

_ID: Final = re.compile(r"[0-9a-f]{16}")
_TITLE: Final = 80
_MOST_LISTED: Final = 500
_OLD_KEYS: Final = {"left_out": "omitted", "rejected": "invalid_citations"}


class History:
    """Store conversations in a folder.

    A conversation is a dict with `id`, `title`, `updated` (seconds since 1970) and `turns`.

    Args:
        folder: The folder, created with the first conversation.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def list(self) -> list[dict[str, Any]]:
        """Return `id`, `title` and `updated` of the latest 500 conversations, the newest first.

        Damaged files have no title.
        """
        found = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                if _ID.fullmatch(path.stem):
                    found.append((path.stat().st_mtime, path))
            except FileNotFoundError:  # deleted meanwhile
                continue
        newest = sorted(found, reverse=True)[:_MOST_LISTED]
        return [
            {"id": path.stem, "title": self._title(path), "updated": updated}
            for updated, path in newest
        ]

    def read(self, key: str) -> dict[str, Any]:
        """Return a conversation.

        Raises:
            InvalidOptionError: There is none with this id, or its file is damaged.
        """
        path = self._path(key)
        try:
            conversation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return {**conversation, "turns": [_renamed(turn) for turn in conversation["turns"]]}
        except FileNotFoundError:
            raise InvalidOptionError("This conversation does not exist any more.") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InvalidOptionError(
                "The file of this conversation is damaged. Delete the conversation."
            ) from None

    def begin(self, question: str) -> str:
        """Begin a conversation without turns, titled by its first question, and return its id."""
        key = secrets.token_hex(8)
        self._write({"id": key, "title": _short(question), "turns": []})
        return key

    def add(self, key: str, turn: dict[str, Any]) -> None:
        """Add a turn to a conversation, unless that was deleted meanwhile."""
        with self._lock:
            if self._path(key).exists():
                conversation = self.read(key)
                conversation["turns"].append(turn)
                self._write(conversation)

    def delete(self, key: str) -> None:
        """Delete a conversation, if it exists."""
        with self._lock:
            self._path(key).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all conversations."""
        with self._lock:
            for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
                if _ID.fullmatch(path.stem):
                    path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not _ID.fullmatch(key):
            raise InvalidOptionError("The id of the conversation is not valid.")
        return self._folder / f"{key}.json"

    def _write(self, conversation: dict[str, Any]) -> None:
        text = json.dumps({**conversation, "updated": time.time()}, ensure_ascii=False)
        _write(self._path(conversation["id"]), text)

    def _title(self, path: Path) -> str:
        try:
            return str(self.read(path.stem)["title"])
        except (InvalidOptionError, KeyError, OSError):
            return ""


def _renamed(turn: dict[str, Any]) -> dict[str, Any]:
    """Return a turn with the keys of this version, also if an earlier version kept it."""
    return {_OLD_KEYS.get(name, name): value for name, value in turn.items()}


def _short(question: str) -> str:
    text = " ".join(question.split())
    return text if len(text) <= _TITLE else f"{text[: _TITLE - 1].rstrip()}\u2026"


def _write(path: Path, text: str) -> None:
    """Write a whole file, or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600),
            "w",
            encoding="utf-8",
            errors="replace",
        ) as file:
            file.write(text)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
