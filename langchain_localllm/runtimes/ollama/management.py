"""What Ollama does beside answering: it pulls, lists, shows, deletes and unloads models.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any, Final, TypeVar

from typing_extensions import override

from langchain_localllm.base.http import UNREADABLE
from langchain_localllm.errors import ModelCallError, ModelMissingError, ServerError, StreamBrokenError
from langchain_localllm.runtimes.ollama.api import fetch, model_facts, not_ollama, reader_for
from langchain_localllm.runtimes.ollama.model_types import InstalledModel, LoadedModel, ModelCard
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.runtimes.ollama.progress import PullProgress, show_on_stderr
from langchain_localllm.transport.decoding import LineBuffer, parse_json
from langchain_localllm.transport.operations import Plan, Read, Send, open_reply

_NOT_IN_REGISTRY: Final = "file does not exist"
_DONE: Final = "success"


Installed = list[InstalledModel]
Loaded = list[LoadedModel]
Report = Callable[[PullProgress], object]
Row = TypeVar("Row")


class OllamaModels(OllamaServer):
    """What the server has, what is loaded, and getting more. Each method has an async one, with an `a` before its name."""

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        if self.validate_model_on_init:
            self.client.run(model_facts(self))

    def pull(self, model: str | None = None, *, insecure: bool = False, progress: bool | Report = True) -> None:
        """Let Ollama download a model. This is the one method that goes to the network, and only when it is called.

        A pull that is stopped, by Ctrl-C or otherwise, resumes where it stopped when it is called again. `timeout` does not count,
        since a large file is checked in silence.

        Args:
            model: The model's name; default the object's own.
            insecure: Whether a registry may be reached without TLS.
            progress: `True` shows it on stderr, `False` not at all; or a function that is given each `PullProgress`.

        Raises:
            ModelMissingError: The registry has no such model.
            ServerError: Ollama could not download or store it.
        """
        report = _report(progress)
        with closing(self.client.stream(_open_pull(self, model, insecure=insecure), _PullDecoder(model or self.model))) as steps:
            for step in steps:
                report(step)
        self.forget_model()

    async def apull(self, model: str | None = None, *, insecure: bool = False, progress: bool | Report = True) -> None:
        """As `pull`, without blocking the event loop."""
        report = _report(progress)
        opening = _open_pull(self, model, insecure=insecure)
        async with aclosing(self.client.astream(opening, _PullDecoder(model or self.model))) as steps:
            async for step in steps:
                report(step)
        self.forget_model()

    def list(self) -> Installed:
        """The models on Ollama's disk, the newest first."""
        return self.client.run(_list(self))

    async def alist(self) -> Installed:
        """As `list`, without blocking the event loop."""
        return await self.client.arun(_list(self))

    def show(self, model: str | None = None) -> ModelCard:
        """What Ollama knows of a model, by default the object's own; raises `ModelMissingError` where it has none of that name."""
        return self.client.run(_show(self, model))

    async def ashow(self, model: str | None = None) -> ModelCard:
        """As `show`, without blocking the event loop."""
        return await self.client.arun(_show(self, model))

    def ps(self) -> Loaded:
        """The models in memory."""
        return self.client.run(_ps(self))

    async def aps(self) -> Loaded:
        """As `ps`, without blocking the event loop."""
        return await self.client.arun(_ps(self))

    def unload(self, model: str | None = None) -> None:
        """Let Ollama free a model's memory, by default the object's own, which takes it a moment; the next call loads it again."""
        self.client.run(_unload(self, model))

    async def aunload(self, model: str | None = None) -> None:
        """As `unload`, without blocking the event loop."""
        await self.client.arun(_unload(self, model))

    def delete(self, model: str) -> None:
        """Delete a model from Ollama's disk; raises `ModelMissingError` where it has none of that name."""
        self.client.run(_delete(self, model))

    async def adelete(self, model: str) -> None:
        """As `delete`, without blocking the event loop."""
        await self.client.arun(_delete(self, model))


def _report(progress: bool | Report) -> Report:
    if callable(progress):
        return progress
    return show_on_stderr() if progress else lambda _: None


# --- plans ---


def _list(options: OllamaServer) -> Plan[Installed]:
    return (yield from _rows(options, "/api/tags", InstalledModel.read))


def _ps(options: OllamaServer) -> Plan[Loaded]:
    return (yield from _rows(options, "/api/ps", LoadedModel.read))


def _rows(options: OllamaServer, path: str, read: Callable[[dict[str, Any]], Row]) -> Plan[list[Row]]:
    answer = yield from fetch(options, "GET", path)
    try:
        return [read(row) for row in answer["models"]]
    except (*UNREADABLE, ValueError):
        raise not_ollama(options.client.address.url, f"its answer at {path} cannot be read") from None


def _show(options: OllamaServer, model: str | None) -> Plan[ModelCard]:
    name = model or options.model
    options.refuse_remote(name)  # Ollama asks its own servers about such a model
    shown = yield from fetch(options, "POST", "/api/show", {"model": name}, model=name)
    try:
        return ModelCard.read(name, shown)
    except UNREADABLE:
        raise not_ollama(options.client.address.url, f"its answer at {'/api/show'} cannot be read") from None


def _unload(options: OllamaServer, model: str | None) -> Plan[None]:
    name = model or options.model
    options.refuse_remote(name)
    yield from fetch(options, "POST", "/api/generate", {"model": name, "keep_alive": 0, "stream": False}, model=name)


def _delete(options: OllamaServer, model: str) -> Plan[None]:
    send = Send("DELETE", "/api/delete", {"model": model}, options.timeout)
    reply = yield from open_reply(send, options.patience, reader_for(options, model))
    yield Read(reply)  # it is empty; reading it gives the connection back


def _open_pull(options: OllamaServer, model: str | None, *, insecure: bool) -> Plan[Any]:
    name = model or options.model
    options.refuse_remote(name)
    send = Send("POST", "/api/pull", {"model": name, "insecure": insecure, "stream": True}, None)
    return (yield from open_reply(send, options.patience, reader_for(options, name)))


class _PullDecoder:
    """Reads `/api/pull`."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._lines = LineBuffer()
        self._status = ""

    def feed(self, data: bytes) -> list[PullProgress]:
        """The steps that are complete with these bytes."""
        return [self._step(line) for line in self._lines.feed(data) if line]

    def end(self) -> list[PullProgress]:
        """The last step; raises when the model is not whole."""
        rest = self._lines.end()
        steps = [self._step(rest)] if rest else []
        if self._status != _DONE:
            raise StreamBrokenError(
                "Ollama broke off the download. Pull again: it resumes where it stopped. Its log may tell the reason."
            )
        return steps

    def _step(self, line: bytes) -> PullProgress:
        event = parse_json(line)
        try:
            if "error" in event:
                raise self._error(str(event["error"]))
            self._status = event["status"]
            return PullProgress(self._status, event.get("digest", ""), event.get("total", 0), event.get("completed", 0))
        except UNREADABLE:
            raise StreamBrokenError(f"Ollama sent what cannot be read: {line[:80]!r}. Is `base_url` right?") from None

    def _error(self, reason: str) -> ModelCallError:
        if _NOT_IN_REGISTRY in reason:
            return ModelMissingError(f"The registry has no model '{self._model}'. Look the name up at https://ollama.com/search.")
        return ServerError(
            f"Ollama could not pull '{self._model}': {reason}. Is this machine online? Pulling again resumes where it stopped."
        )
