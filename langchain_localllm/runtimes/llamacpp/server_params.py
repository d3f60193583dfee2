"""Convert our options to the parameters of llama.cpp's server in this process.

Source: https://github.com/xorbitsai/xllamacpp/blob/main/params_reference.md
"""

import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.threads import sleeping_openmp
from langchain_localllm.runtimes.llamacpp.backend import missing_backend
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.speculation import (
    DEFAULT_N_MAX,
    DEFAULT_SIZE_N,
    Speculation,
)
from langchain_localllm.runtimes.llamafile.server_options import parameter_of

try:
    with sleeping_openmp() as THREADS_SLEEP:
        import xllamacpp
except ImportError as error:
    raise missing_backend("xllamacpp", error) from error

VERSION: Final = f"xllamacpp {importlib.metadata.version('xllamacpp')}"
"""Name and version of the engine."""
_DEVICE_COUNT: Final[int] = len(xllamacpp.CommonParams().tensor_split)
_ENUMS: Final[dict[str, Callable[[Any], Any]]] = {
    "attention_type": xllamacpp.llama_attention_type,
    "flash_attn_type": xllamacpp.llama_flash_attn_type,
    "load_mode": xllamacpp.llama_load_mode,
    "pooling_type": xllamacpp.llama_pooling_type,
    "rope_scaling_type": xllamacpp.llama_rope_scaling_type,
    "split_mode": xllamacpp.llama_split_mode,
    "type_k": xllamacpp.ggml_type,
    "type_v": xllamacpp.ggml_type,
}
_CONVERTED: Final[dict[str, Callable[[Any], Any]]] = {
    **_ENUMS,
    # -1 would fit them to the free memory
    "n_gpu_layers": lambda layers: -2 if layers == -1 else layers,
    "tensor_split": lambda shares: [*shares, *[0.0] * (_DEVICE_COUNT - len(shares))],
}
_QUIET, _INFO = 0, 3
"""llama.cpp's levels of its log: nothing but what the program prints, and all but details."""
_SMALLEST_BATCH: Final = 32
_DEFAULTS: Final[dict[str, Any]] = {
    "endpoint_metrics": True,  # see new_server
    "fit_params": False,  # the lengths are chosen by us
    "offline": True,
    "port": 0,
    # a last message of the assistant is continued only where that is asked for
    "prefill_assistant": False,
    "swa_full": True,
    "ui": False,
    "warmup": False,
}


def server_params(settings: EngineSettings, more: Mapping[str, Any]) -> Any:
    """Return the parameters of a server.

    Args:
        settings: The files and how they are loaded.
        more: Other parameters, such as the lengths, under the names of the package.

    Raises:
        InvalidOptionError: llama.cpp has no such value.
    """
    params = xllamacpp.CommonParams()
    params.model.path = str(settings.path)
    params.model_alias = {settings.path.name}
    params.chat_template = settings.chat_template or ""
    for name, value in {**_DEFAULTS, **settings.model, **settings.context, **more}.items():
        _set(params, name, value)
    params.cpuparams_batch.n_threads = settings.context.get(
        "n_threads_batch", settings.context["n_threads"]
    )
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(path, scale) for path, scale in settings.lora
    ]
    if settings.projector:
        _set_projector(params, *settings.projector)
    if settings.speculation:
        _set_speculation(params, settings.speculation)
    # llama.cpp aborts the process if a batch cannot hold a token and its drafts per slot
    for name in ("n_batch", "n_ubatch"):
        setattr(params, name, max(getattr(params, name), params.n_parallel, _SMALLEST_BATCH))
    params.numa = xllamacpp.ggml_numa_strategy(int(settings.numa))
    params.verbosity = _INFO if settings.verbose else _QUIET
    return params


def _set_speculation(params: Any, speculation: Speculation) -> None:
    chosen = params.speculative
    types = xllamacpp.common_speculative_type
    kinds = (
        [types[f"COMMON_SPECULATIVE_TYPE_{speculation.kind.upper().replace('-', '_')}"]]
        if speculation.kind
        else []
    )
    if speculation.model:
        kinds.append(types.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE)
        chosen.draft.mparams.path = str(speculation.model)
        chosen.draft.n_gpu_layers = params.n_gpu_layers
        chosen.draft.cpuparams.n_threads = params.cpuparams.n_threads
        chosen.draft.cpuparams_batch.n_threads = params.cpuparams_batch.n_threads
        chosen.draft.n_max = speculation.n_max or chosen.draft.n_max
    chosen.types = kinds
    size_n, n_max = speculation.size_n or DEFAULT_SIZE_N, speculation.n_max or DEFAULT_N_MAX
    for ngram in (chosen.ngram_simple, chosen.ngram_map_k, chosen.ngram_map_k4v):
        # llama.cpp drafts no fewer than it compares
        ngram.size_n, ngram.size_m = size_n, max(size_n, n_max)
    chosen.ngram_mod.n_match = speculation.size_n or chosen.ngram_mod.n_match
    chosen.ngram_mod.n_max = speculation.n_max or chosen.ngram_mod.n_max
    chosen.ngram_mod.n_min = min(chosen.ngram_mod.n_min, chosen.ngram_mod.n_max)


def _set_projector(params: Any, path: Path, settings: Mapping[str, Any]) -> None:
    params.mmproj.path = str(path)
    params.mmproj_use_gpu = settings["use_gpu"]
    for name in ("image_min_tokens", "image_max_tokens"):
        setattr(params, name, settings.get(name, -1))


def new_server(params: Any) -> Any:
    """Return a server with these parameters, which loads the model.

    Raise `RuntimeError` where it cannot.
    """
    server = xllamacpp.Server(params)
    # answered by its loop, so that it runs: one that is freed before that would never end
    server.handle_metrics()
    return server


def supports_gpu() -> bool:
    """Return whether the package was built for a GPU that this machine has."""
    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return any(device["type"] != cpu for device in xllamacpp.get_device_info())


def _set(params: Any, name: str, value: Any) -> None:
    try:
        converted = _CONVERTED[name](value) if name in _CONVERTED else value
    except ValueError:
        raise InvalidOptionError(f"llama.cpp has no `{name}` {value!r}.") from None
    attribute, inverted = parameter_of(name)
    if name == "n_threads":
        params.cpuparams.n_threads = converted
    elif name != "n_threads_batch":
        setattr(params, attribute, not converted if inverted else converted)
