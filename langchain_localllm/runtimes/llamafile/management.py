"""Manage llama.cpp's server.

It lists, loads and unloads models, saves slots, and scales LoRA adapters.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("Using multiple models",
    "POST /slots", "/lora-adapters").
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    ModelLoadingError,
    ModelMissingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.api import send_to_pool
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader
from langchain_localllm.runtimes.llamafile.model_types import LoraAdapter, ServedModel, Slot
from langchain_localllm.runtimes.llamafile.options import ManyServers
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.operations import Plan, Send, Sleep
from langchain_localllm.transport.retry import RetryPolicy, fetch_json

Models = list[ServedModel]
Slots = list[Slot]
Adapters = list[LoraAdapter]
Row = TypeVar("Row")

_IN_MEMORY: Final = frozenset({"loaded", "loading", "sleeping"})
_PAUSE: Final = 0.25
"""Seconds between two looks at a model that is being loaded."""


class LlamaServerClient(ManyServers):
    """Manage one llama.cpp server: its models, slots and LoRA adapters.

    `Llamafile` and `ChatLlamafile` have the same methods.

    `load` and `unload` are for a router: a llama-server that was started without a model. Each
    method has an async one, with an `a` before its name.

    Example:
        >>> from langchain_localllm import LlamaServerClient, LocalServer
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with LocalServer(tiny_chat_model()) as server:
        ...     client = LlamaServerClient(base_url=server.base_url)
        ...     [model.status for model in client.list()], len(client.slots())
        (['loaded'], 1)
    """

    START_HINT = "Start llama-server, and give its address as `base_url`."

    def list(self) -> Models:
        """Return the models that the server offers."""
        return self.client.run(_models(self))

    async def alist(self) -> Models:
        """As `list`, without blocking the event loop."""
        return await self.client.arun(_models(self))

    def ps(self) -> Models:
        """Return the models in the server's memory."""
        return _in_memory(self.list())

    async def aps(self) -> Models:
        """As `ps`, without blocking the event loop."""
        return _in_memory(await self.alist())

    def load(self, model: str | None = None) -> None:
        """Let a router load a model, and wait up to `wait_until_ready` seconds for that.

        Args:
            model: The model's name; default the object's own.

        Raises:
            ModelMissingError: The router has no model of this name.
            ModelLoadingError: It is not loaded in time.
            ServerError: It could not be loaded.
            InvalidRequestError: The server is not a router.
        """
        self.client.run(_load(self, model))

    async def aload(self, model: str | None = None) -> None:
        """As `load`, without blocking the event loop."""
        await self.client.arun(_load(self, model))

    def unload(self, model: str | None = None) -> None:
        """Let a router free a model's memory; raises as `load` does.

        The next request loads it again.
        """
        self.client.run(_change(self, "unload", model))

    async def aunload(self, model: str | None = None) -> None:
        """As `unload`, without blocking the event loop."""
        await self.client.arun(_change(self, "unload", model))

    def slots(self) -> Slots:
        """Return the server's slots.

        Raises `InvalidRequestError` where it was started with `--no-slots`.
        """
        return self.client.run(_slots(self))

    async def aslots(self) -> Slots:
        """As `slots`, without blocking the event loop."""
        return await self.client.arun(_slots(self))

    def save_slot(self, id_slot: int, filename: str) -> int:
        """Save what a slot has read to a file.

        A prompt with the same beginning need not be read again.

        Args:
            id_slot: The slot's number.
            filename: The file's name, without a folder, in the folder that the server was given by
                `--slot-save-path`.

        Returns:
            How many tokens were saved.

        Raises:
            InvalidRequestError: The server was started without `--slot-save-path`, or has no such
                file.
        """
        return self.client.run(_slot_action(self, id_slot, "save", "n_saved", filename))

    async def asave_slot(self, id_slot: int, filename: str) -> int:
        """As `save_slot`, without blocking the event loop."""
        return await self.client.arun(_slot_action(self, id_slot, "save", "n_saved", filename))

    def restore_slot(self, id_slot: int, filename: str) -> int:
        """Read a file of `save_slot` into a slot, and return how many tokens it has.

        The arguments are the same, and the errors.
        """
        return self.client.run(_slot_action(self, id_slot, "restore", "n_restored", filename))

    async def arestore_slot(self, id_slot: int, filename: str) -> int:
        """As `restore_slot`, without blocking the event loop."""
        return await self.client.arun(
            _slot_action(self, id_slot, "restore", "n_restored", filename)
        )

    def erase_slot(self, id_slot: int) -> int:
        """Forget what a slot has read, and return how many tokens these were.

        Raises as `save_slot` does.
        """
        return self.client.run(_slot_action(self, id_slot, "erase", "n_erased"))

    async def aerase_slot(self, id_slot: int) -> int:
        """As `erase_slot`, without blocking the event loop."""
        return await self.client.arun(_slot_action(self, id_slot, "erase", "n_erased"))

    def lora_adapters(self) -> Adapters:
        """Return the LoRA adapters that the server has loaded."""
        return self.client.run(_adapters(self))

    async def alora_adapters(self) -> Adapters:
        """As `lora_adapters`, without blocking the event loop."""
        return await self.client.arun(_adapters(self))

    def set_lora_scales(self, scales: Mapping[int, float]) -> None:
        """Set the scales of LoRA adapters for all requests that give no `lora` of their own.

        Args:
            scales: Adapter's id to scale. Adapters that are left out are switched off.

        Raises:
            InvalidRequestError: The server has no adapter of this id.
        """
        self.client.run(_set_scales(self, scales))

    async def aset_lora_scales(self, scales: Mapping[int, float]) -> None:
        """As `set_lora_scales`, without blocking the event loop."""
        await self.client.arun(_set_scales(self, scales))


def _in_memory(models: Models) -> Models:
    return [model for model in models if model.status in _IN_MEMORY]


# --- plans ---


def _ask(options: ManyServers, method: str, path: str, body: Any = None) -> Plan[Any]:
    """Ask one server; a list of servers would leave open which one is meant."""
    if not isinstance(options.base_url, str):
        raise InvalidOptionError(
            "Manage one server at a time: give one address as `base_url`, not a list."
        )

    def plan(client: HttpClient, retry_policy: RetryPolicy) -> Plan[Any]:
        read_error = ErrorReader(client.address.url)
        answer = yield from fetch_json(
            Send(method, path, body, options.timeout, client), retry_policy, read_error
        )
        if isinstance(answer, dict) and answer.get("error"):
            raise read_error.in_answer(answer)
        return answer

    return (yield from send_to_pool(options, plan))


def _rows(
    options: ManyServers, path: str, read: Callable[[dict[str, Any]], Row], key: str | None = None
) -> Plan[list[Row]]:
    answer = yield from _ask(options, "GET", path)
    try:
        return [read(row) for row in (answer[key] if key else answer)]
    except UNREADABLE:
        raise WrongServerError(
            f"The server at {options.client.address.url} does not list anything at {path}."
        ) from None


def _models(options: ManyServers) -> Plan[Models]:
    return (yield from _rows(options, "/v1/models", ServedModel.read, "data"))


def _slots(options: ManyServers) -> Plan[Slots]:
    return (yield from _rows(options, _of_model("/slots", options), Slot.read))


def _adapters(options: ManyServers) -> Plan[Adapters]:
    return (yield from _rows(options, _of_model("/lora-adapters", options), LoraAdapter.read))


def _of_model(path: str, options: ManyServers) -> str:
    """Return the path with the model's name, which a router wants."""
    if not options.model:
        return path
    return f"{path}{'&' if '?' in path else '?'}model={quote(options.model, safe='')}"


def _slot_action(
    options: ManyServers, id_slot: int, action: str, count: str, filename: str | None = None
) -> Plan[int]:
    body = {"filename": filename, "model": options.model}
    given = {name: value for name, value in body.items() if value is not None}
    path = _of_model(f"/slots/{id_slot}?action={action}", options)
    answer = yield from _ask(options, "POST", path, given)
    try:
        return int(answer[count])
    except (*UNREADABLE, ValueError):
        raise WrongServerError(
            f"The server at {options.client.address.url} does not report what it did at {path}."
        ) from None


def _set_scales(options: ManyServers, scales: Mapping[int, float]) -> Plan[None]:
    known = yield from _adapters(options)
    ids = [adapter.id for adapter in known]
    if unknown := [number for number in scales if number not in ids]:
        raise InvalidRequestError(
            f"The server has no LoRA adapter {unknown[0]}. It has "
            f"{ids or 'none: start it with `--lora`'}."
        )
    body = [{"id": number, "scale": scales.get(number, 0.0)} for number in ids]
    yield from _ask(options, "POST", _of_model("/lora-adapters", options), body)


def _load(options: ManyServers, model: str | None) -> Plan[None]:
    name = yield from _change(options, "load", model)
    waited = 0.0
    while True:
        found = next(
            (each for each in (yield from _models(options)) if name in {each.name, *each.aliases}),
            None,
        )
        if found is None or found.status == "loaded":
            return
        if found.status == "failed":
            raise ServerError(f"The server could not load {name}. See its log for the reason.")
        if waited >= options.wait_until_ready:
            raise ModelLoadingError(
                f"{name} is still {found.status} after {waited:g} seconds. Wait, or raise "
                "`wait_until_ready`."
            )
        yield Sleep(_PAUSE)
        waited += _PAUSE


def _change(options: ManyServers, action: str, model: str | None) -> Plan[str]:
    """Ask a router to load or unload a model, and return its name."""
    name = model or options.model
    if not name:
        raise InvalidOptionError(
            f"No model was named to {action}: give its name. `list()` returns those of the server."
        )
    try:
        yield from _ask(options, "POST", f"/models/{action}", {"model": name})
    except WrongServerError as error:
        url = options.client.address.url
        raise InvalidRequestError(
            f"The server at {url} is not a router, so it loads no models. Start llama-server "
            "without a model."
        ) from error
    except InvalidRequestError as error:
        text = str(error)
        # it is as was asked for
        if "already" in text or "not running" in text or "not loaded" in text:
            return name
        if "not found" in text:
            raise ModelMissingError(f"{text} `list()` returns the models of the server.") from None
        raise
    return name
