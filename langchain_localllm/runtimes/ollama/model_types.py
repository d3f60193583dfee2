"""What Ollama reports about models: those on its disk, those in memory, and one in full."""

from dataclasses import dataclass, field
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
        capabilities: What it can do, as in a `ModelCard`; empty from an Ollama whose list does not say.
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
        """A row of `/api/tags`."""
        about = row.get("details") or {}
        named = (about.get("family") or "", about.get("parameter_size") or "", about.get("quantization_level") or "")
        modified = datetime.fromisoformat(row["modified_at"])
        capabilities = tuple(row.get("capabilities") or ())
        return cls(row["name"], row["size"], *named, modified, row["digest"], capabilities, about.get("context_length"))


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
        """A row of `/api/ps`."""
        until = datetime.fromisoformat(row["expires_at"])
        return cls(row["name"], row["size"], row["size_vram"], until, row.get("context_length"))


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What Ollama knows of a model.

    Attributes:
        name: The name that was asked for.
        family: Architecture, such as `llama`.
        parameters: How many weights it has, such as `3.2B`.
        quantization: How they are stored, such as `Q4_K_M`.
        context: The longest context in tokens that it was made for, or `None`.
        capabilities: What it can do: `completion`, `tools`, `vision`, `embedding`, `thinking`, ...
        template: Its prompt template, in Go's template language.
        system: Its system message, or an empty string.
        license: Its licence's text, or an empty string.
        modelfile: The Modelfile that would make it again.
        metadata: What its file holds, by key.
        requires: The oldest version of Ollama that runs it, or an empty string.
        renderer: What writes its prompts in place of a template, such as `gemma4`, or an empty string.
        parser: What reads its answers, or an empty string.
    """

    name: str
    family: str
    parameters: str
    quantization: str
    context: int | None
    capabilities: tuple[str, ...]
    template: str = field(repr=False)
    system: str = field(repr=False)
    license: str = field(repr=False)
    modelfile: str = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)
    requires: str = ""
    renderer: str = ""
    parser: str = ""

    @classmethod
    def read(cls, name: str, shown: dict[str, Any]) -> Self:
        """An answer of `/api/show`."""
        about, metadata = shown.get("details") or {}, shown.get("model_info") or {}
        return cls(
            name=name,
            family=about.get("family") or "",
            parameters=about.get("parameter_size") or "",
            quantization=about.get("quantization_level") or "",
            context=next((value for key, value in metadata.items() if key.endswith(".context_length")), None),
            capabilities=tuple(shown.get("capabilities") or ()),
            template=shown.get("template") or "",
            system=shown.get("system") or "",
            license=shown.get("license") or "",
            modelfile=shown.get("modelfile") or "",
            metadata=metadata,
            requires=shown.get("requires") or "",
            renderer=shown.get("renderer") or "",
            parser=shown.get("parser") or "",
        )
