"""`OllamaClient`: manage the models of an Ollama server."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from langchain_localllm.base.closing import Closing
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.runtimes.ollama import management
from langchain_localllm.runtimes.ollama.api import model_facts
from langchain_localllm.runtimes.ollama.api_show import ModelCard
from langchain_localllm.runtimes.ollama.context import server_version
from langchain_localllm.runtimes.ollama.management import JustStoppedError, StepDecoder
from langchain_localllm.runtimes.ollama.model_list import InstalledModel, LoadedModel
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.runtimes.ollama.progress import PullProgress, show_on_stderr
from langchain_localllm.transport.operations import Plan

Installed = list[InstalledModel]
Loaded = list[LoadedModel]
Report = Callable[[PullProgress], object]
Files = Mapping[str, str | Path]
_READ_SIZE: Final = 1 << 20
_WAITS: Final = (0.1, 0.2, 0.5, 1, 2, 4, None)
"""Seconds between pulls of a model while Ollama ends another pull of it that was stopped; after the
last one, `None`, the error is raised."""


class OllamaClient(Closing):
    """Manage the models of an Ollama server.

    It pulls, creates, lists, shows, copies, deletes, loads and unloads them.

    Each method has an async form with an `a` before its name. `ChatOllama`, `Ollama` and
    `OllamaEmbeddings` have one for their own server and model as `models`.

    Args:
        base_url: The server's address. Default: `OLLAMA_HOST`, else `http://127.0.0.1:11434`.
        server: An object, such as a `ChatOllama`, whose connections are shared, and whose model is
            meant where none is named.
        **connection: `api_key`, `auth`, `headers`, `timeout`, `verify`, `max_retries`,
            `wait_until_ready` and `allow_remote`, as `ChatOllama` takes them.

    Example:
        >>> from langchain_localllm import OllamaClient
        >>> OllamaClient("127.0.0.1:11434").base_url
        'http://127.0.0.1:11434'
    """

    def __init__(
        self, base_url: str | None = None, *, server: OllamaServer | None = None, **connection: Any
    ) -> None:
        if base_url is not None:
            connection["base_url"] = base_url
        self._server = server or OllamaServer(**connection)
        self._model = server.model if server else None

    @property
    def base_url(self) -> str:
        """The server's address."""
        return str(self._server.base_url)

    def pull(
        self, model: str | None = None, *, insecure: bool = False, progress: bool | Report = True
    ) -> None:
        """Have Ollama download a model.

        This is the one method that goes to the network, and only when it is called.

        A pull that is stopped, by Ctrl-C or otherwise, resumes where it stopped when it is called
        again. `timeout` does not count, since a large file is checked without any output.

        Args:
            model: The model's name; default that of the object whose client this is.
            insecure: Whether a registry may be reached without TLS.
            progress: `True` shows it on stderr, `False` not at all; or a function that is given
                each `PullProgress`.

        Raises:
            ModelMissingError: The registry has no such model.
            ServerError: Ollama could not download or store it.
        """
        name = self._named(model)
        for seconds in _WAITS:
            opening = management.open_pull(self._server, name, insecure=insecure)
            try:
                self._run_steps(opening, StepDecoder(name), progress)
            except JustStoppedError:
                if seconds is None:
                    raise
                time.sleep(seconds)
            else:
                return

    async def apull(
        self, model: str | None = None, *, insecure: bool = False, progress: bool | Report = True
    ) -> None:
        """As `pull`, without blocking the event loop."""
        name = self._named(model)
        for seconds in _WAITS:
            opening = management.open_pull(self._server, name, insecure=insecure)
            try:
                await self._arun_steps(opening, StepDecoder(name), progress)
            except JustStoppedError:
                if seconds is None:
                    raise
                await asyncio.sleep(seconds)
            else:
                return

    def create(
        self,
        model: str,
        *,
        from_model: str | None = None,
        files: str | Path | Files | None = None,
        adapters: str | Path | Files | None = None,
        progress: bool | Report = False,
        **settings: Any,
    ) -> None:
        """Make a model of another one or of GGUF files on this machine.

        Args:
            model: The name of the model to make; one of that name is replaced.
            from_model: The model to start from.
            files: A GGUF file, or all files of a model by their names. They are sent to the server,
                unless it has them.
            adapters: A LoRA adapter in a GGUF file, or several by their names.
            progress: As for `pull`.
            **settings: Fields of `/api/create`: `template`, `system`, `license`, `parameters`,
                `messages`, `quantize`, `renderer`, `parser`, `requires` and newer ones.

        Raises:
            ModelMissingError: There is no model of the name `from_model`.
            ServerError: Ollama could not make it.

        Example:
            ``client.create("brief", from_model="llama3.2", system="Be brief.",
            parameters={"num_ctx": 16384})``
        """
        sent = {
            kind: _with_digests(given)
            for kind, given in (("files", files), ("adapters", adapters))
            if given is not None
        }
        for file, digest in _uploads(sent):
            self._server.client.run(management.upload(self._server, file, digest))
        opening = management.open_create(
            self._server, _create_body(model, from_model, sent, settings)
        )
        self._run_steps(opening, StepDecoder(model, "create"), progress)

    async def acreate(
        self,
        model: str,
        *,
        from_model: str | None = None,
        files: str | Path | Files | None = None,
        adapters: str | Path | Files | None = None,
        progress: bool | Report = False,
        **settings: Any,
    ) -> None:
        """As `create`, without blocking the event loop."""
        given = {
            kind: value
            for kind, value in (("files", files), ("adapters", adapters))
            if value is not None
        }
        sent = {
            kind: await asyncio.to_thread(_with_digests, value) for kind, value in given.items()
        }
        for file, digest in _uploads(sent):
            await self._server.client.arun(management.upload(self._server, file, digest))
        opening = management.open_create(
            self._server, _create_body(model, from_model, sent, settings)
        )
        await self._arun_steps(opening, StepDecoder(model, "create"), progress)

    def list(self) -> Installed:
        """Return the models on Ollama's disk, the newest first."""
        return self._server.client.run(management.list_installed(self._server))

    async def alist(self) -> Installed:
        """As `list`, without blocking the event loop."""
        return await self._server.client.arun(management.list_installed(self._server))

    def show(self, model: str | None = None) -> ModelCard:
        """Return what Ollama knows of a model.

        Raises `ModelMissingError` where it has none of that name.
        """
        return self._server.client.run(management.show(self._server, self._named(model)))

    async def ashow(self, model: str | None = None) -> ModelCard:
        """As `show`, without blocking the event loop."""
        return await self._server.client.arun(management.show(self._server, self._named(model)))

    def ps(self) -> Loaded:
        """Return the models in memory."""
        return self._server.client.run(management.list_loaded(self._server))

    async def aps(self) -> Loaded:
        """As `ps`, without blocking the event loop."""
        return await self._server.client.arun(management.list_loaded(self._server))

    def load(self, model: str | None = None, *, keep_alive: int | str | None = None) -> None:
        """Have Ollama load a text model before the first call, and keep it for `keep_alive`.

        That is seconds, or a text such as `10m`.
        """
        self._server.client.run(
            management.keep_loaded(self._server, self._named(model), keep_alive)
        )

    async def aload(self, model: str | None = None, *, keep_alive: int | str | None = None) -> None:
        """As `load`, without blocking the event loop."""
        await self._server.client.arun(
            management.keep_loaded(self._server, self._named(model), keep_alive)
        )

    def unload(self, model: str | None = None) -> None:
        """Have Ollama free a model's memory, which takes it a moment.

        The next call loads it again.
        """
        self.load(model, keep_alive=0)

    async def aunload(self, model: str | None = None) -> None:
        """As `unload`, without blocking the event loop."""
        await self.aload(model, keep_alive=0)

    def copy(self, source: str, destination: str) -> None:
        """Give a model a second name; raises `ModelMissingError` where there is no `source`."""
        self._server.client.run(management.copy(self._server, source, destination))

    async def acopy(self, source: str, destination: str) -> None:
        """As `copy`, without blocking the event loop."""
        await self._server.client.arun(management.copy(self._server, source, destination))

    def delete(self, model: str) -> None:
        """Delete a model from Ollama's disk.

        Raises `ModelMissingError` where it has none of that name.
        """
        self._server.client.run(management.delete(self._server, model))

    async def adelete(self, model: str) -> None:
        """As `delete`, without blocking the event loop."""
        await self._server.client.arun(management.delete(self._server, model))

    def version(self) -> str:
        """Return Ollama's version, such as `0.33.0`.

        An empty text where the server does not say.
        """
        version = self._server.client.run(server_version(self._server))
        return ".".join(map(str, version or ()))

    async def aversion(self) -> str:
        """As `version`, without blocking the event loop."""
        version = await self._server.client.arun(server_version(self._server))
        return ".".join(map(str, version or ()))

    @override
    def close(self) -> None:
        """Close idle connections. The client can be used again."""
        self._server.close()

    @override
    async def aclose(self) -> None:
        """Close the connections of this event loop, and those of sync code."""
        await self._server.aclose()

    def _named(self, model: str | None) -> str:
        if (name := model or self._model) is None:
            raise InvalidOptionError("Name a model: this client has no default model.")
        return name

    def _run_steps(self, opening: Plan[Any], decoder: StepDecoder, progress: bool | Report) -> None:
        report = _report(progress)
        with closing(self._server.client.stream(opening, decoder)) as steps:
            for step in steps:
                report(step)
        self._server.forget_model()

    async def _arun_steps(
        self, opening: Plan[Any], decoder: StepDecoder, progress: bool | Report
    ) -> None:
        report = _report(progress)
        async with aclosing(self._server.client.astream(opening, decoder)) as steps:
            async for step in steps:
                report(step)
        self._server.forget_model()


def _report(progress: bool | Report) -> Report:
    if callable(progress):
        return progress
    return show_on_stderr() if progress else lambda _: None


def _with_digests(files: str | Path | Files) -> dict[str, tuple[Path, str]]:
    """Return the files by their names, each with the digest of its bytes."""
    named = files if isinstance(files, Mapping) else {Path(files).name: files}
    return {name: (Path(file), _digest(Path(file))) for name, file in named.items()}


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as data:
        while block := data.read(_READ_SIZE):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def _uploads(sent: Mapping[str, dict[str, tuple[Path, str]]]) -> Sequence[tuple[Path, str]]:
    return [upload for files in sent.values() for upload in files.values()]


def _create_body(
    model: str,
    from_model: str | None,
    sent: Mapping[str, dict[str, tuple[Path, str]]],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    files = {
        kind: {name: digest for name, (_, digest) in named.items()} for kind, named in sent.items()
    }
    return {"model": model, **({"from": from_model} if from_model else {}), **files, **settings}


class OllamaModels(OllamaServer):
    """Add short forms of `models`: what the server has, what is loaded, and pulling more.

    Each has an async form.
    """

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        if self.validate_model_on_init:
            self.client.run(model_facts(self))

    @property
    def models(self) -> OllamaClient:
        """The server's models, managed over the connections of this object."""
        return OllamaClient(server=self)

    def pull(
        self, model: str | None = None, *, insecure: bool = False, progress: bool | Report = True
    ) -> None:
        """As `OllamaClient.pull`."""
        self.models.pull(model, insecure=insecure, progress=progress)

    async def apull(
        self, model: str | None = None, *, insecure: bool = False, progress: bool | Report = True
    ) -> None:
        """As `OllamaClient.apull`."""
        await self.models.apull(model, insecure=insecure, progress=progress)

    def list(self) -> Installed:
        """As `OllamaClient.list`."""
        return self.models.list()

    async def alist(self) -> Installed:
        """As `OllamaClient.alist`."""
        return await self.models.alist()

    def show(self, model: str | None = None) -> ModelCard:
        """As `OllamaClient.show`, by default for the object's own model."""
        return self.models.show(model)

    async def ashow(self, model: str | None = None) -> ModelCard:
        """As `OllamaClient.ashow`, by default for the object's own model."""
        return await self.models.ashow(model)

    def ps(self) -> Loaded:
        """As `OllamaClient.ps`."""
        return self.models.ps()

    async def aps(self) -> Loaded:
        """As `OllamaClient.aps`."""
        return await self.models.aps()

    def unload(self, model: str | None = None) -> None:
        """As `OllamaClient.unload`, by default for the object's own model."""
        self.models.unload(model)

    async def aunload(self, model: str | None = None) -> None:
        """As `OllamaClient.aunload`, by default for the object's own model."""
        await self.models.aunload(model)

    def delete(self, model: str) -> None:
        """As `OllamaClient.delete`."""
        self.models.delete(model)

    async def adelete(self, model: str) -> None:
        """As `OllamaClient.adelete`."""
        await self.models.adelete(model)
