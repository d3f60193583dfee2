"""Read the rows of `/api/tags` and `/api/ps`: the models on Ollama's disk and those in memory."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on Ollama's disk.

    Attributes:
        name: Name and tag, such as `llama3.2:latest`.
        size: Bytes on disk.
        family: Architecture, such as `llama`.
        parameters: How many weights it has, such as `3.2B`.
        quantization: How they are stored, such as `Q4_K_M`.
        modified: When it was pulled or made.
        digest: SHA-256 of its manifest.
        capabilities: What it can do, as in a `ModelCard`; empty from an Ollama whose list does not
            say.
        context: The longest context in tokens that it was made for; `None` as above.
    """

    name: str
    size: int
    family: str
    parameters: str
    quantization: str
    modified: datetime
    digest: str
    capabilities: tuple[str, ...] = ()
    context: int | None = None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """Read a row of `/api/tags`."""
        about = row.get("details") or {}
        named = (
            about.get("family") or "",
            about.get("parameter_size") or "",
            about.get("quantization_level") or "",
        )
        modified = datetime.fromisoformat(row["modified_at"])
        capabilities = tuple(row.get("capabilities") or ())
        return cls(
            row["name"],
            row["size"],
            *named,
            modified,
            row["digest"],
            capabilities,
            about.get("context_length"),
        )


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory.

    Attributes:
        name: Name and tag.
        size: Bytes in memory, the GPU's included.
        size_vram: Bytes of these in the GPU's memory.
        until: When Ollama unloads it, unless it is used before.
        context: Its context in tokens; `None` from an Ollama that does not report it.
    """

    name: str
    size: int
    size_vram: int
    until: datetime
    context: int | None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """Read a row of `/api/ps`."""
        until = datetime.fromisoformat(row["expires_at"])
        return cls(row["name"], row["size"], row["size_vram"], until, row.get("context_length"))
