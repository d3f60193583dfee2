"""Save and restore sequences on the disk for llama.cpp's server in this process."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from langchain_localllm.base.local_engine.thread import WorkThread
from langchain_localllm.errors import ModelCallError
from langchain_localllm.runtimes.llamacpp.disk_cache import DiskCache
from langchain_localllm.runtimes.llamacpp.host_cache import WORTH_KEEPING

_IDLE_SECONDS: Final = 0.5
"""Time without a request after which slots are saved."""
_ONLY_TEXT: Final = frozenset({"text"})

Ask = Callable[..., Any]


class SlotFiles:
    """Restore a prompt's beginning into a slot before it is read.

    Slots are saved while nothing is computed.

    Args:
        files: The saved sequences.
        ask: Asks the server for an answer in JSON: a path, and a payload for POST.
        busy: Whether the server works on an answer.
    """

    def __init__(self, files: DiskCache, ask: Ask, busy: Callable[[], bool]) -> None:
        self._files, self._ask, self._busy = files, ask, busy
        self._saved: dict[int, int] = {}  # by slot, the task after which it was saved or restored
        self._lock = threading.Lock()
        self._used, self._ended = threading.Event(), False
        self._thread = WorkThread(
            target=self._save_when_idle, name="llama.cpp prompt files", daemon=True
        )
        self._thread.start()

    def restore_for(self, payload: Mapping[str, Any]) -> None:
        """Restore the beginning of a request's prompt, where a file has it."""
        # the request itself says what is wrong
        with contextlib.suppress(ModelCallError, OSError, KeyError), self._lock:
            self._used.set()
            if self._files.is_empty or _has_media(payload):
                return
            prompt = (
                payload["prompt"]
                if "prompt" in payload
                else self._ask("/apply-template", payload)["prompt"]
            )
            request = {"content": prompt, "add_special": True, "parse_special": True}
            tokens = (
                self._ask("/tokenize", request)["tokens"] if isinstance(prompt, str) else prompt
            )
            if file := self._files.best(tokens, WORTH_KEEPING):
                self._restore(file)

    def _restore(self, file: Any) -> None:
        opened = self._files.take(file)
        idle = [slot for slot in self._ask("/slots") if not slot["is_processing"]]
        if opened is None or not idle:
            return
        opened.close()
        number = min(idle, key=lambda slot: slot.get("n_prompt_tokens", 0))["id"]
        self._ask(f"/slots/{number}?action=restore", {"filename": file.path.name})

    def _save_when_idle(self) -> None:
        while True:
            self._used.wait()
            if self._ended:
                return
            self._used.clear()
            time.sleep(_IDLE_SECONDS)
            if self._busy() or self._used.is_set():
                self._used.set()
                continue
            self.save()

    def save(self) -> None:
        """Save the slots that have changed and that nothing is computed in."""
        with contextlib.suppress(ModelCallError, OSError, KeyError), self._lock:
            for slot in self._ask("/slots"):
                number, task = slot["id"], slot.get("id_task")
                if slot["is_processing"] or task is None or self._saved.get(number) == task:
                    continue
                self._saved[number] = task
                if slot["n_prompt_tokens"] >= WORTH_KEEPING:
                    self._save(number)

    def _save(self, number: int) -> None:
        path = self._files.new_path()
        try:
            self._ask(f"/slots/{number}?action=save", {"filename": path.name})
            self._files.adopt(path)
        finally:
            path.unlink(missing_ok=True)

    def end(self) -> None:
        """Save what is not saved yet, and end the thread."""
        self._ended = True
        self._used.set()
        if not isinstance(threading.current_thread(), WorkThread):
            self._thread.join()
        self.save()


def slot_path(files: DiskCache) -> str:
    """Return the folder of the files, as the server wants it."""
    return f"{files.folder}{Path('/')}"


def _has_media(payload: Mapping[str, Any]) -> bool:
    contents = (message.get("content") for message in payload.get("messages", ()))
    return any(
        part.get("type") not in _ONLY_TEXT
        for content in contents
        if isinstance(content, list)
        for part in content
    )
