"""Describe what an engine is loaded with, the same for both backends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from langchain_localllm.gguf.companion_files import check_adapter, check_projector
from langchain_localllm.gguf.trial_load import require_usable
from langchain_localllm.runtimes.llamacpp.speculation import Speculation

Adapters = tuple[tuple[str, float], ...]
"""Paths of LoRA adapters and their scales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The files and settings that an engine is loaded with.

    Attributes:
        path: The model file.
        model: How it is loaded: fields of `llama_model_params`.
        context: The context and the threads: fields of `llama_context_params`, without lengths.
        n_ctx: Tokens of context; `None` chooses, "auto" is the most that fits, 0 is the model's
            own.
        n_parallel: Requests to answer together; `None` chooses.
        lora: Paths of LoRA adapters and their scales.
        lora_per_call: Whether requests can have other scales.
        projector: Path of the projector that turns images into tokens, and settings for it.
        speculation: How tokens are drafted, if they are.
        cache_dir: Folder for saved sequences; `None` saves none on the disk.
        cache_dir_mib: MiB that they take at most.
        cache_ram_mib: MiB of memory for what earlier requests left in the cache; `None` chooses.
        chat_template: A chat template to use instead of the file's.
        numa: The strategy for memory that is nearer to some cores than to others.
        verbose: Whether llama.cpp's log goes to stderr.
    """

    path: Path
    model: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    n_ctx: int | Literal["auto"] | None = None
    n_parallel: int | None = None
    lora: Adapters = ()
    lora_per_call: bool = False
    projector: tuple[Path, Mapping[str, Any]] | None = None
    speculation: Speculation | None = None
    cache_dir: Path | None = None
    cache_dir_mib: int = 2048
    cache_ram_mib: int | None = None
    chat_template: str | None = None
    numa: bool | int = False
    verbose: bool = False

    def check_companions(self, engine: str, module: str, **options: Any) -> None:
        """Check companion files, at which llama.cpp could end the process.

        They are the adapters, the projector and the draft model.

        Args:
            engine: Name and version of the engine.
            module: The module that tries them in another process; see `require_usable`.
            options: More arguments of its `load_once`.

        Raises:
            ModelFileError: A file is missing, damaged, something else, or cannot be used.
        """
        for adapter, _ in self.lora:
            check_adapter(adapter, self.path)
            require_usable(
                Path(adapter), self.path, engine, module, lora=adapter, **options, **self.model
            )
        if self.projector:
            path, _ = self.projector
            check_projector(path)
            require_usable(
                path, self.path, engine, module, projector=str(path), **options, **self.model
            )
        if draft := self.speculation and self.speculation.model:
            require_usable(
                draft, self.path, engine, module, draft=str(draft), **options, **self.model
            )
