"""Define what llama.cpp's server reports about its models, slots and LoRA adapters."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server offers.

    Attributes:
        name: The name to give as `model`.
        status: `loaded`, `loading`, `unloaded`, `sleeping` or `failed`; `loaded` for a server that
            runs one model.
        size: Bytes of its weights, or `None` if the server does not say.
        context: Its context in tokens, or `None`, as above.
        path: Its file on the server's machine, or `None`, as above.
        aliases: Other names of it.
    """

    name: str
    status: str
    size: int | None = None
    context: int | None = None
    path: str | None = None
    aliases: tuple[str, ...] = ()

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """Return a row of `/v1/models`."""
        status, meta = row.get("status"), row.get("meta") or {}
        value = str(status.get("value", "loaded")) if isinstance(status, dict) else "loaded"
        if isinstance(status, dict) and status.get("failed"):
            value = "failed"
        others = tuple(name for name in row.get("aliases") or () if name != row["id"])
        return cls(
            str(row["id"]), value, meta.get("size"), meta.get("n_ctx"), row.get("path"), others
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the places of a server in which a request is answered, with its part of the cache.

    Attributes:
        id: The number to give as `id_slot`.
        busy: Whether it works on a request.
        context: Tokens of context that it has.
        prompt_tokens: Tokens of its prompt, or `None` if the server does not say.
    """

    id: int
    busy: bool
    context: int
    prompt_tokens: int | None = None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """Return a row of `/slots`."""
        return cls(row["id"], bool(row["is_processing"]), row["n_ctx"], row.get("n_prompt_tokens"))


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    """A LoRA adapter that a server has loaded.

    Attributes:
        id: The number to give in `lora`, and to `set_lora_scales`.
        path: Its file on the server's machine.
        scale: Its scale where a request gives no other; 0 is off.
    """

    id: int
    path: str
    scale: float

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """Return a row of `/lora-adapters`."""
        return cls(row["id"], row["path"], row["scale"])
