"""Manage Ollama's models: pull, create, list, show, copy, delete, load and unload them.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.errors import (
    ModelCallError,
    ModelMissingError,
    ServerError,
    StreamBrokenError,
)
from langchain_localllm.runtimes.ollama.api import fetch
from langchain_localllm.runtimes.ollama.api_show import ModelCard
from langchain_localllm.runtimes.ollama.error_reader import not_ollama, reader_for
from langchain_localllm.runtimes.ollama.model_list import InstalledModel, LoadedModel
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.runtimes.ollama.progress import PullProgress
from langchain_localllm.transport.decoding import LineBuffer, parse_json
from langchain_localllm.transport.operations import Plan, Read, Send
from langchain_localllm.transport.retry import open_reply

_STOPPED: Final = "context canceled"
"""What Ollama says to all that wait for a download when one of them stops it."""
_NOT_IN_REGISTRY: Final = "file does not exist"
_DONE: Final = "success"
_FOUND: Final = 200

Row = TypeVar("Row")


def list_installed(options: OllamaServer) -> Plan[list[InstalledModel]]:
    """Ask for the models on the disk."""
    return (yield from _rows(options, "/api/tags", InstalledModel.read))


def list_loaded(options: OllamaServer) -> Plan[list[LoadedModel]]:
    """Ask for the models in memory."""
    return (yield from _rows(options, "/api/ps", LoadedModel.read))


def _rows(
    options: OllamaServer, path: str, read: Callable[[dict[str, Any]], Row]
) -> Plan[list[Row]]:
    answer = yield from fetch(options, "GET", path)
    try:
        return [read(row) for row in answer["models"]]
    except (*UNREADABLE, ValueError):
        raise not_ollama(
            options.client.address.url, f"its answer at {path} cannot be read"
        ) from None


def show(options: OllamaServer, name: str) -> Plan[ModelCard]:
    """Ask for what Ollama knows about a model."""
    options.refuse_remote(name)  # Ollama asks its own servers about such a model
    shown = yield from fetch(options, "POST", "/api/show", {"model": name}, model=name)
    try:
        return ModelCard.read(name, shown)
    except UNREADABLE:
        raise not_ollama(
            options.client.address.url, "its answer at /api/show cannot be read"
        ) from None


def keep_loaded(options: OllamaServer, name: str, keep_alive: int | str | None) -> Plan[None]:
    """Load a model for so long; 0 unloads it, and `None` means Ollama's own time."""
    options.refuse_remote(name)
    body = {"model": name, "stream": False} | (
        {} if keep_alive is None else {"keep_alive": keep_alive}
    )
    yield from fetch(options, "POST", "/api/generate", body, model=name)


def delete(options: OllamaServer, name: str) -> Plan[None]:
    """Have a model deleted from the disk."""
    yield from _without_answer(
        options, Send("DELETE", "/api/delete", {"model": name}, options.timeout), name
    )


def copy(options: OllamaServer, source: str, destination: str) -> Plan[None]:
    """Give a model a second name."""
    body = {"source": source, "destination": destination}
    yield from _without_answer(options, Send("POST", "/api/copy", body, options.timeout), source)


def upload(options: OllamaServer, file: Path, digest: str) -> Plan[None]:
    """Send a file for `/api/create`, unless Ollama has it."""
    path = f"/api/blobs/{digest}"
    reply = yield Send("HEAD", path, None, options.timeout)
    yield Read(reply)
    if reply.status != _FOUND:
        yield from _without_answer(
            options, Send("POST", path, timeout=options.timeout, file=file), file.name
        )


def _without_answer(options: OllamaServer, send: Send, model: str) -> Plan[None]:
    reply = yield from open_reply(send, options.retry_policy, reader_for(options, model))
    yield Read(reply)  # it is empty; reading it gives the connection back


def open_pull(options: OllamaServer, name: str, *, insecure: bool) -> Plan[Any]:
    """Ask for a model to be downloaded; the steps are streamed."""
    options.refuse_remote(name)
    return (yield from _open_steps(options, "/api/pull", {"model": name, "insecure": insecure}))


def open_create(options: OllamaServer, settings: Mapping[str, Any]) -> Plan[Any]:
    """Ask for a model to be made; the steps are streamed."""
    if base := settings.get("from"):
        yield from show(options, base)  # one that is missing would be downloaded
    return (yield from _open_steps(options, "/api/create", settings))


def _open_steps(options: OllamaServer, path: str, settings: Mapping[str, Any]) -> Plan[Any]:
    send = Send("POST", path, {**settings, "stream": True}, None)
    return (
        yield from open_reply(
            send,
            options.retry_policy,
            reader_for(options, settings.get("from") or settings["model"]),
        )
    )


class JustStoppedError(ServerError):
    """A pull joined another one of the same model that the server was just ending."""


class StepDecoder:
    """Reads the steps of `/api/pull` and `/api/create`."""

    def __init__(self, model: str, task: str = "pull") -> None:
        self._model = model
        self._task = task
        self._lines = LineBuffer()
        self._status = ""

    @property
    def is_complete(self) -> bool:
        """Whether the last step has come."""
        return self._status == _DONE

    def feed(self, data: bytes) -> list[PullProgress]:
        """Return the steps that are complete with these bytes."""
        return [self._step(line) for line in self._lines.feed(data) if line]

    def end(self) -> list[PullProgress]:
        """Return the last step; raises when the model is not whole."""
        rest = self._lines.end()
        steps = [self._step(rest)] if rest else []
        if self._status != _DONE:
            raise StreamBrokenError(
                "Ollama broke off the download. Pull again: it resumes where it stopped. Its log "
                "may give the reason."
                if self._task == "pull"
                else (
                    f"Ollama ended before '{self._model}' was complete. Its log may give the "
                    "reason."
                )
            )
        return steps

    def _step(self, line: bytes) -> PullProgress:
        event = parse_json(line)
        try:
            if "error" in event:
                raise self._error(str(event["error"]))
            self._status = event["status"]
            return PullProgress(
                self._status,
                event.get("digest", ""),
                event.get("total", 0),
                event.get("completed", 0),
            )
        except UNREADABLE:
            raise StreamBrokenError(
                f"Ollama sent what cannot be read: {line[:80]!r}. Is `base_url` right?"
            ) from None

    def _error(self, reason: str) -> ModelCallError:
        if _NOT_IN_REGISTRY in reason:
            return ModelMissingError(
                f"The registry has no model '{self._model}'. Look the name up at "
                "https://ollama.com/search."
            )
        if reason == _STOPPED and self._task == "pull":
            return JustStoppedError(
                f"Ollama still ends another pull of '{self._model}' that was stopped. Pull again: "
                "it resumes where that one stopped."
            )
        if self._task != "pull":
            return ServerError(f"Ollama could not {self._task} '{self._model}': {reason}.")
        return ServerError(
            f"Ollama could not pull '{self._model}': {reason}. Is this machine online? Pulling "
            "again resumes where it stopped."
        )


_PullDecoder = StepDecoder
