"""Read the answer of `/api/show`, which describes one model.

All its fields are read, and those that calls depend on.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, Self

from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT

_MODELFILE_CONTEXT: Final = re.compile(r"^num_ctx\s+(\d+)", re.MULTILINE)
UNKNOWN_CONTEXT: Final = 0
LEAST_CONTEXT: Final = 512
"""No server's default context has fewer tokens, so it holds a prompt of so many bytes, and a model
made for so few has them all."""


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
        license: Its license's text, or an empty string.
        modelfile: The Modelfile that would make it again.
        metadata: What its file holds, by key.
        requires: The oldest version of Ollama that runs it, or an empty string.
        renderer: What writes its prompts in place of a template, such as `gemma4`, or an empty
            string.
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
        """Read an answer of `/api/show`."""
        about, metadata = shown.get("details") or {}, shown.get("model_info") or {}
        return cls(
            name=name,
            family=about.get("family") or "",
            parameters=about.get("parameter_size") or "",
            quantization=about.get("quantization_level") or "",
            context=next(
                (value for key, value in metadata.items() if key.endswith(".context_length")), None
            ),
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


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the server reported about a model.

    Attributes:
        context: Tokens of context to plan a prompt with when the object names none;
            `UNKNOWN_CONTEXT` where the server did not say.
        capabilities: What the model can do, such as `completion` or `vision`; `None` from an Ollama
            that does not report it.
        template: The model's template, in Go's language; empty where it is not known.
        trained_context: Tokens of context that the model was made for; Ollama uses no more,
            whatever `num_ctx` is.
        is_fixed: Whether the Modelfile sets the context, and not the server's default.
        own_bytes: Bytes that the model's template, system message and first messages may add to a
            prompt.
    """

    context: int
    capabilities: frozenset[str] | None = None
    template: str = ""
    trained_context: int | None = None
    is_fixed: bool = False
    own_bytes: int = 0

    @property
    def fixed_context(self) -> int:
        """Tokens of context that every call without `num_ctx` has.

        `UNKNOWN_CONTEXT` where that is the server's default.
        """
        return self.context if self.is_fixed or self.context <= LEAST_CONTEXT else UNKNOWN_CONTEXT

    @classmethod
    def read(cls, shown: dict[str, Any]) -> Self:
        """Read an answer of `/api/show`."""
        lengths = [
            int(value)
            for name, value in (shown.get("model_info") or {}).items()
            if name.endswith(".context_length")
        ]
        chosen = _MODELFILE_CONTEXT.search(shown.get("parameters") or "")
        template, capabilities = shown.get("template") or "", shown.get("capabilities")
        own = (
            template
            + (shown.get("system") or "")
            + json.dumps(shown.get("messages") or "", ensure_ascii=False)
        )
        return cls(
            context=int(chosen[1]) if chosen else min([DEFAULT_CONTEXT, *lengths]),
            capabilities=None if capabilities is None else frozenset(capabilities),
            template=template,
            trained_context=min(lengths, default=None),
            is_fixed=chosen is not None,
            own_bytes=len(own.encode("utf-8", "replace")),
        )
