"""Define the options of llama.cpp's server.

They are flags of `llama-server`, and parameters of the xllamacpp package.

Sources: https://github.com/ggml-org/llama.cpp/tree/master/tools/server (flags),
    xllamacpp.CommonParams (parameters).
"""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from langchain_localllm.errors import InvalidOptionError, ModelFileError
from langchain_localllm.gguf.companion_files import check_adapter, check_projector
from langchain_localllm.gguf.header import check_gguf

__all__ = ["ALIASES", "OPTIONS", "ROUTER", "ServerOption", "parameter_of", "read_options"]

Kind = Literal[
    "int",
    "layers",
    "float",
    "floats",
    "text",
    "word",
    "words",
    "switch",
    "pair",
    "file",
    "folder",
    "json",
    "lora",
]
"""How a value is given and written. `switch` is a flag for true, `pair` a flag for true and its
`--no-` form for false."""

_CACHE_TYPES: Final = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
_SWITCH: Final = ("on", "off", "auto")
_ALL_LAYERS: Final = 999
"""More layers than any model has: what builds from before `all` understand."""


@dataclass(frozen=True, slots=True)
class ServerOption:
    """An option.

    Attributes:
        name: The argument of `LocalServer`; the flag is the same with dashes, unless `flag` gives
            another.
        kind: How it is written.
        about: What it does.
        param: The attribute of `xllamacpp.CommonParams`; empty if the package has none, with `|`
            between several.
        words: The values that it can have.
        enum: The enumeration of xllamacpp and the beginning of its members' names, for words.
        inverted: Whether the attribute is true where the option is false.
        least: The smallest number.
        flag: The flag, where it has an older name that all versions know.
    """

    name: str
    kind: Kind
    about: str
    param: str = ""
    words: tuple[str, ...] = ()
    enum: tuple[str, str] = ("", "")
    inverted: bool = False
    least: float | None = None
    flag: str = ""

    @property
    def switch(self) -> str:
        """The flag on the command line."""
        return self.flag or f"--{self.name.replace('_', '-')}"

    def arguments(self, value: Any) -> list[str]:
        """Return the option as arguments of `llama-server`."""
        match self.kind:
            case "switch":
                return [self.switch] if value else []
            case "pair":
                return [self.switch if value else f"--no-{self.switch[2:]}"]
            case "lora":
                return [
                    argument for path, scale in value for argument in _lora_arguments(path, scale)
                ]
        return [self.switch, self._written(value)]

    def _written(self, value: Any) -> str:
        if self.kind == "json":
            return json.dumps(value)
        if self.kind == "layers" and value == -1:
            return str(_ALL_LAYERS)
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    def parameters(self, value: Any) -> dict[str, Any]:
        """Return the option as attributes of `CommonParams`, in values that JSON can hold.

        `_serve_xllamacpp` sets them.
        """
        return dict.fromkeys(self.param.split("|"), self._parameter(value))

    def _parameter(self, value: Any) -> Any:
        kind, prefix = self.enum
        if kind:
            words: list[str] = value if isinstance(value, list) else [value]
            names = [
                prefix + _ENUM_WORDS.get((kind, word), word).upper().replace("-", "_")
                for word in words
            ]
            return {"enum": kind, "name": names if isinstance(value, list) else names[0]}
        convert = _TO_PARAMETERS.get(self.name) or _TO_PARAMETERS.get(self.kind)
        return (
            convert(value)
            if convert
            else bool(value) != self.inverted
            if isinstance(value, bool)
            else value
        )


_ENUM_WORDS: Final = {
    ("llama_flash_attn_type", "on"): "enabled",
    ("llama_flash_attn_type", "off"): "disabled",
    ("llama_load_mode", "mmap+mlock"): "mmap_mlock",
    ("llama_load_mode", "dio"): "direct_io",
}
"""Words of the command line that the enumerations name otherwise."""
_TO_PARAMETERS: Final[dict[str, Callable[[Any], Any]]] = {
    "alias": lambda names: {"set": names.split(",")},
    "tags": lambda names: {"set": names.split(",")},
    "spec_draft_sampling": lambda word: word == "probabilistic",
    "chat_template_file": lambda path: Path(path).read_text("utf-8"),
    "fit": lambda word: word == "on",
    "folder": lambda path: f"{path}/",
    "json": lambda variables: {
        "dict": {name: json.dumps(value) for name, value in variables.items()}
    },
    # -1 would fit them to the free memory
    "layers": lambda layers: {"auto": -1, "all": -2, -1: -2}.get(layers, layers),
    "lora": lambda adapters: {"lora": adapters},
    "tensor_split": lambda shares: {"shares": shares},
    "reasoning": lambda word: {"auto": -1, "off": 0, "on": 1}[word],
}
"""By option or kind, what xllamacpp takes instead of the value."""
_GGML: Final = ("ggml_type", "GGML_TYPE_")
_SPEC_TYPES: Final = (
    *("none", "draft-simple", "draft-eagle3", "draft-mtp", "draft-dflash", "draft-dspark"),
    *("ngram-simple", "ngram-map-k", "ngram-map-k4v", "ngram-mod", "ngram-cache"),
)

_NGRAMS: Final = (
    ("mod", "n_min", "tokens to draft at least."),
    ("mod", "n_max", "tokens to draft at most."),
    ("mod", "n_match", "tokens that have to repeat."),
    *(
        (kind, name, about)
        for kind in ("simple", "map_k", "map_k4v")
        for name, about in (
            ("size_n", "tokens that have to repeat."),
            ("size_m", "tokens to draft."),
            ("min_hits", "how often they have to repeat."),
        )
    ),
)
"""Options of drafts from text that repeats: the kind, the name and what it is."""

_ALL: Final = (
    # the machine
    ServerOption(
        "n_gpu_layers",
        "layers",
        "Layers on the GPU: a number, `auto` or `all`; -1 is all.",
        "n_gpu_layers",
        least=-1,
    ),
    ServerOption("main_gpu", "int", "The GPU for what is not split.", "main_gpu", least=0),
    ServerOption(
        "split_mode",
        "word",
        "How the model is split over GPUs.",
        "split_mode",
        ("none", "layer", "row", "tensor"),
        ("llama_split_mode", "LLAMA_SPLIT_MODE_"),
    ),
    ServerOption("tensor_split", "floats", "The share of each GPU.", "tensor_split", least=0),
    ServerOption(
        "device", "text", "The devices to use, with commas between; `none` is the processor."
    ),
    ServerOption(
        "override_tensor",
        "text",
        "Where tensors are kept: `PATTERN=BUFFER,...`.",
        "tensor_buft_overrides",
    ),
    ServerOption("cpu_moe", "switch", "Keep the experts' weights in the processor's memory."),
    ServerOption(
        "n_cpu_moe", "int", "Keep the experts' weights of the first layers there.", least=0
    ),
    ServerOption("moe_cache_mib", "int", "MiB of GPU memory as a cache for them.", least=0),
    ServerOption(
        "n_cpu_ffn",
        "int",
        "Keep the feed-forward weights of the first layers there, of models without experts.",
        least=0,
    ),
    ServerOption(
        "flash_attn",
        "word",
        "Flash attention.",
        "flash_attn_type",
        _SWITCH,
        ("llama_flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_"),
    ),
    ServerOption(
        "kv_offload", "pair", "Keep the cache on the GPU.", "no_kv_offload", inverted=True
    ),
    ServerOption(
        "op_offload",
        "pair",
        "Compute on the GPU what is kept in the processor's memory.",
        "no_op_offload",
        inverted=True,
    ),
    ServerOption(
        "load_mode",
        "word",
        "How the file is read.",
        "load_mode",
        ("auto", "none", "mmap", "mlock", "mmap+mlock", "dio"),
        ("llama_load_mode", "LLAMA_LOAD_MODE_"),
    ),
    ServerOption(
        "lazy_mode",
        "word",
        "Read large tables of embeddings from the disk when they are needed.",
        "lazy_mode",
        ("auto", "on", "off"),
        ("llama_lazy_mode", "LLAMA_LAZY_MODE_"),
    ),
    ServerOption(
        "check_tensors", "switch", "Check the file's weights for invalid values.", "check_tensors"
    ),
    ServerOption(
        "repack", "pair", "Rearrange weights for the processor.", "no_extra_bufts", inverted=True
    ),
    ServerOption(
        "numa",
        "word",
        "The strategy for several memory nodes.",
        "numa",
        ("distribute", "isolate", "numactl"),
        ("ggml_numa_strategy", "GGML_NUMA_STRATEGY_"),
    ),
    ServerOption(
        "fit",
        "word",
        "Change what is not set so that it fits the GPU's memory.",
        "fit_params",
        ("on", "off"),
    ),
    ServerOption(
        "fit_ctx",
        "int",
        "The smallest context that this may choose.",
        "fit_params_min_ctx",
        least=1,
    ),
    ServerOption(
        "threads_batch",
        "int",
        "Threads that read prompts. Default: `threads`.",
        "cpuparams_batch.n_threads",
        least=1,
    ),
    ServerOption("threads_http", "int", "Threads that handle requests.", "n_threads_http", least=1),
    # the context and its cache
    ServerOption(
        "batch_size", "int", "Tokens of a prompt that are read at a time.", "n_batch", least=1
    ),
    ServerOption("ubatch_size", "int", "Tokens that are computed at a time.", "n_ubatch", least=1),
    ServerOption(
        "kv_unified",
        "pair",
        "One cache for all slots, so that one request can use all of it.",
        "kv_unified",
    ),
    ServerOption(
        "kv_unified_per_slot",
        "int",
        "Tokens of it that a slot can use at most.",
        "kv_unified_per_slot",
        least=1,
    ),
    ServerOption(
        "swa_full", "switch", "Keep the whole context of models with a sliding window.", "swa_full"
    ),
    ServerOption(
        "context_shift",
        "pair",
        "Drop the oldest tokens when the context is full. Answers that did so raise.",
        "ctx_shift",
    ),
    ServerOption(
        "keep", "int", "Tokens of the prompt that this keeps; -1 is all.", "n_keep", least=-1
    ),
    ServerOption(
        "cache_type_k", "word", "The type of the cache's keys.", "cache_type_k", _CACHE_TYPES, _GGML
    ),
    ServerOption(
        "cache_type_v",
        "word",
        "The type of the cache's values.",
        "cache_type_v",
        _CACHE_TYPES,
        _GGML,
    ),
    ServerOption(
        "cache_ram",
        "int",
        "MiB of memory for prompts of earlier requests; -1 is no limit.",
        "cache_ram_mib",
        least=-1,
    ),
    ServerOption(
        "cache_reuse",
        "int",
        "Reuse pieces of the cache of at least this many tokens, by shifting.",
        "n_cache_reuse",
        least=0,
    ),
    ServerOption(
        "cache_prompt", "pair", "Reuse the cache of a prompt's beginning.", "cache_prompt"
    ),
    ServerOption(
        "cache_idle_slots",
        "pair",
        "Save the cache of idle slots for later requests.",
        "cache_idle_slots",
    ),
    ServerOption(
        "ctx_checkpoints",
        "int",
        "Points of a slot's context that can be returned to.",
        "n_ctx_checkpoints",
        least=0,
    ),
    ServerOption(
        "checkpoint_min_step",
        "int",
        "Tokens between two such points.",
        "checkpoint_min_step",
        least=0,
    ),
    ServerOption(
        "slot_prompt_similarity",
        "float",
        "How much of a prompt a slot has to hold to be chosen.",
        "slot_prompt_similarity",
        least=0,
    ),
    ServerOption(
        "cont_batching", "pair", "Begin requests while others are answered.", "cont_batching"
    ),
    ServerOption(
        "predict",
        "int",
        "Tokens of an answer at most, where a request sets no limit.",
        "n_predict",
        least=-1,
    ),
    ServerOption(
        "rope_scaling",
        "word",
        "How positions are scaled.",
        "rope_scaling_type",
        ("none", "linear", "yarn"),
        ("llama_rope_scaling_type", "LLAMA_ROPE_SCALING_TYPE_"),
    ),
    ServerOption("rope_freq_base", "float", "The base frequency of positions.", "rope_freq_base"),
    ServerOption("rope_freq_scale", "float", "The factor of the frequency.", "rope_freq_scale"),
    ServerOption(
        "yarn_orig_ctx", "int", "YaRN: the context that the model was made for.", "yarn_orig_ctx"
    ),
    ServerOption("yarn_ext_factor", "float", "YaRN: how much is extrapolated.", "yarn_ext_factor"),
    ServerOption("yarn_attn_factor", "float", "YaRN: the factor of attention.", "yarn_attn_factor"),
    ServerOption("yarn_beta_slow", "float", "YaRN: the high correction.", "yarn_beta_slow"),
    ServerOption("yarn_beta_fast", "float", "YaRN: the low correction.", "yarn_beta_fast"),
    # more files
    ServerOption(
        "mmproj", "file", "The projector that turns images or audio into tokens.", "mmproj.path"
    ),
    ServerOption("mmproj_offload", "pair", "Compute it on the GPU.", "mmproj_use_gpu"),
    ServerOption(
        "mmproj_device",
        "text",
        "The device that computes it; `none` is the processor.",
        "mmproj_device",
    ),
    ServerOption(
        "mtmd_batch_max_tokens",
        "int",
        "Tokens of images that are computed at a time.",
        "mtmd_batch_max_tokens",
        least=1,
    ),
    ServerOption(
        "video_fps", "float", "Pictures of a video for each second.", "video_fps", least=0
    ),
    ServerOption(
        "video_timestamp_interval",
        "int",
        "Milliseconds between times of a video.",
        "video_timestamp_interval_ms",
        least=0,
    ),
    ServerOption(
        "video_ffmpeg_dir",
        "folder",
        "The folder with ffmpeg and ffprobe, for videos.",
        "video_ffmpeg_bin_dir",
    ),
    ServerOption(
        "image_min_tokens", "int", "Tokens of an image at least.", "image_min_tokens", least=1
    ),
    ServerOption(
        "image_max_tokens", "int", "Tokens of an image at most.", "image_max_tokens", least=1
    ),
    ServerOption(
        "lora",
        "lora",
        "LoRA adapters: a file, a list of files or of pairs with a scale, or a dict.",
        "lora_adapters",
    ),
    ServerOption(
        "lora_init_without_apply",
        "switch",
        "Apply adapters only where a request asks for them.",
        "lora_init_without_apply",
    ),
    # drafts
    ServerOption(
        "spec_type",
        "words",
        "How the next tokens are drafted; several with commas between.",
        "speculative.types",
        _SPEC_TYPES,
        ("common_speculative_type", "COMMON_SPECULATIVE_TYPE_"),
    ),
    ServerOption(
        "spec_draft_model",
        "file",
        "A smaller model that drafts.",
        "speculative.draft.mparams.path",
        flag="--model-draft",
    ),
    ServerOption(
        "spec_draft_n_max", "int", "Tokens to draft at most.", "speculative.draft.n_max", least=0
    ),
    ServerOption(
        "spec_draft_n_min", "int", "Tokens to draft at least.", "speculative.draft.n_min", least=0
    ),
    ServerOption(
        "spec_draft_p_min",
        "float",
        "The probability at which drafting ends.",
        "speculative.draft.p_min",
        least=0,
    ),
    ServerOption(
        "spec_draft_p_split",
        "float",
        "The probability at which drafts branch.",
        "speculative.draft.p_split",
        least=0,
    ),
    ServerOption(
        "spec_draft_sampling",
        "word",
        "How drafted tokens are chosen.",
        "speculative.draft.probabilistic",
        ("greedy", "probabilistic"),
    ),
    ServerOption(
        "spec_draft_backend_sampling",
        "pair",
        "Choose them on the GPU.",
        "speculative.draft.backend_sampling",
    ),
    ServerOption(
        "spec_draft_threads",
        "int",
        "Threads of the draft model.",
        "speculative.draft.cpuparams.n_threads",
        least=1,
    ),
    ServerOption(
        "spec_draft_threads_batch",
        "int",
        "Its threads that read prompts.",
        "speculative.draft.cpuparams_batch.n_threads",
        least=1,
    ),
    ServerOption(
        "spec_draft_device", "text", "Its devices, with commas between; `none` is the processor."
    ),
    ServerOption(
        "spec_draft_cpu_moe", "switch", "Keep its experts' weights in the processor's memory."
    ),
    ServerOption(
        "spec_draft_n_cpu_moe",
        "int",
        "Keep its experts' weights of the first layers there.",
        least=0,
    ),
    ServerOption(
        "spec_draft_ngl",
        "layers",
        "The draft model's layers on the GPU.",
        "speculative.draft.n_gpu_layers",
        flag="--gpu-layers-draft",
        least=-1,
    ),
    ServerOption(
        "spec_draft_type_k",
        "word",
        "The type of its cache's keys.",
        "speculative.draft.cache_type_k",
        _CACHE_TYPES,
        _GGML,
        flag="--cache-type-k-draft",
    ),
    ServerOption(
        "spec_draft_type_v",
        "word",
        "The type of its cache's values.",
        "speculative.draft.cache_type_v",
        _CACHE_TYPES,
        _GGML,
        flag="--cache-type-v-draft",
    ),
    *(
        ServerOption(
            f"spec_ngram_{kind}_{name}",
            "int",
            f"For `ngram-{kind.replace('_', '-')}`: {about}",
            f"speculative.ngram_{kind}.{name}",
            least=1,
        )
        for kind, name, about in _NGRAMS
    ),
    # chats
    ServerOption("jinja", "pair", "Use the model's own chat template.", "use_jinja"),
    ServerOption(
        "chat_template",
        "text",
        "Another chat template: Jinja, or a name that llama.cpp has.",
        "chat_template",
    ),
    ServerOption("chat_template_file", "file", "As above, from a file.", "chat_template"),
    ServerOption(
        "chat_template_kwargs", "json", "Variables of the template.", "default_template_kwargs"
    ),
    ServerOption(
        "reasoning",
        "word",
        "Thinking: `on`, `off`, or `auto` as the template has it.",
        "enable_reasoning",
        _SWITCH,
    ),
    ServerOption(
        "reasoning_effort",
        "text",
        "How hard models think that have levels, such as `low` or `high`.",
    ),
    ServerOption(
        "reasoning_format",
        "word",
        "Where thoughts are in an answer.",
        "reasoning_format",
        ("none", "auto", "deepseek", "deepseek-legacy"),
        ("common_reasoning_format", "COMMON_REASONING_FORMAT_"),
    ),
    ServerOption(
        "reasoning_budget",
        "int",
        "Tokens of thoughts at most; -1 is no limit.",
        "sampling.reasoning_budget_tokens",
        least=-1,
    ),
    ServerOption(
        "reasoning_budget_message",
        "text",
        "What ends thoughts that reach the limit.",
        "sampling.reasoning_budget_message",
    ),
    ServerOption(
        "reasoning_preserve",
        "pair",
        "Keep the thoughts of earlier answers, where the template can.",
    ),
    ServerOption(
        "prefill_assistant",
        "pair",
        "Continue a last message of the assistant.",
        "prefill_assistant",
    ),
    ServerOption(
        "skip_chat_parsing",
        "pair",
        "Leave thoughts and calls in the text.",
        "force_pure_content_parser",
    ),
    # what is served
    ServerOption("rerank", "switch", "Serve `/v1/rerank` with a reranker.", "embedding"),
    ServerOption(
        "pooling",
        "word",
        "How the vectors of tokens become one.",
        "pooling_type",
        ("none", "mean", "cls", "last", "rank"),
        ("llama_pooling_type", "LLAMA_POOLING_TYPE_"),
    ),
    ServerOption(
        "embd_normalize",
        "int",
        "The norm of vectors: -1 none, 0 largest, 1 taxicab, 2 euclidean.",
        "embd_normalize",
        least=-1,
    ),
    ServerOption(
        "alias", "text", "The model's name, or several with commas between.", "model_alias"
    ),
    ServerOption(
        "tags", "text", "Words about the model for its list, with commas between.", "model_tags"
    ),
    ServerOption("special", "switch", "Write special tokens into answers.", "special"),
    ServerOption(
        "spm_infill", "switch", "Fill gaps by suffix, prefix, middle, for models that prefer it."
    ),
    ServerOption(
        "backend_sampling", "switch", "Choose tokens on the GPU.", "sampling.backend_sampling"
    ),
    ServerOption("metrics", "switch", "Serve `/metrics`.", "endpoint_metrics"),
    ServerOption("props", "switch", "Let requests change `/props`.", "endpoint_props"),
    ServerOption("slots", "pair", "Serve `/slots`.", "endpoint_slots"),
    ServerOption(
        "slot_save_path", "folder", "The folder in which requests may save slots.", "slot_save_path"
    ),
    ServerOption(
        "media_path", "folder", "The folder from which requests may load files.", "media_path"
    ),
    ServerOption(
        "timeout",
        "int",
        "Seconds for reading or writing a request.",
        "timeout_read|timeout_write",
        least=1,
    ),
    ServerOption(
        "sse_ping_interval",
        "int",
        "Seconds between pings of a silent stream; -1 is off.",
        "sse_ping_interval",
        least=-1,
    ),
    ServerOption(
        "sleep_idle_seconds",
        "int",
        "Free the model's memory after so many idle seconds.",
        "sleep_idle_seconds",
        least=-1,
    ),
    ServerOption("warmup", "pair", "Compute once before the first request.", "warmup"),
    # several models
    ServerOption(
        "models_dir", "folder", "Serve all models of a folder; each is loaded when it is asked for."
    ),
    ServerOption("models_preset", "file", "An INI file with models and their options."),
    ServerOption("models_max", "int", "Models in memory at a time; 0 is no limit.", least=0),
    ServerOption("models_autoload", "pair", "Load a model when it is asked for."),
)
OPTIONS: Final = {option.name: option for option in _ALL}
"""Every option of `LocalServer` that is a flag of `llama-server`, by name."""
ALIASES: Final = {
    "cache_ram_mib": "cache_ram",
    "draft_model_path": "spec_draft_model",
    "flash_attention": "flash_attn",
    "gpu_layers": "n_gpu_layers",
    "model_draft": "spec_draft_model",
    "n_batch": "batch_size",
    "n_predict": "predict",
    "n_threads_batch": "threads_batch",
    "n_ubatch": "ubatch_size",
    "ngl": "n_gpu_layers",
    "offload_kqv": "kv_offload",
    "reranking": "rerank",
    "type_k": "cache_type_k",
    "type_v": "cache_type_v",
}
"""Names in other classes, and other flags, to ours."""
ROUTER: Final = frozenset({"models_dir", "models_preset"})
"""Options that replace the model file."""


def read_options(given: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """Return the options under our names, checked and in plain types; `None` is not set.

    Args:
        given: The options.
        own: Other arguments of the caller, which a wrong name may have meant.

    Raises:
        InvalidOptionError: An option is unknown, given twice, or its value does not fit.
        ModelFileError: A file does not exist or is not what the option needs.
    """
    read: dict[str, Any] = {}
    for spelling, value in given.items():
        name = ALIASES.get(spelling, spelling)
        if name not in OPTIONS:
            near = difflib.get_close_matches(spelling, [*OPTIONS, *ALIASES, *own], n=1)
            advice = (
                f"Did you mean `{near[0]}`?"
                if near
                else "Pass other flags of llama-server as `extra_args`."
            )
            raise InvalidOptionError(f"LocalServer has no option `{spelling}`. {advice}")
        if name in read:
            raise InvalidOptionError(
                f"`{name}` was given twice, once as `{spelling}`. Give it once."
            )
        if value is not None:
            read[name] = _READERS[OPTIONS[name].kind](OPTIONS[name], value)
    for name in [
        name for name, value in read.items() if OPTIONS[name].kind == "switch" and not value
    ]:
        del read[name]  # a switch can only be turned on: off is what it is without it
    return _checked(read)


def parameter_of(name: str) -> tuple[str, bool]:
    """Return the attribute of `CommonParams` for an option, and whether it is its negation.

    The option may be of any class; a negated attribute is true where the option is false.
    """
    option = OPTIONS.get(ALIASES.get(name, name))
    return (option.param, option.inverted) if option and option.param else (name, False)


def _checked(read: dict[str, Any]) -> dict[str, Any]:
    """Check files and what belongs together."""
    if "chat_template" in read and "chat_template_file" in read:
        raise InvalidOptionError(
            "`chat_template` and `chat_template_file` cannot be used together. Give one of them."
        )
    if "mmproj" in read:
        check_projector(read["mmproj"])
    for path, _ in read.get("lora", ()):
        check_adapter(path)
    if "spec_draft_model" in read:
        check_gguf(Path(read["spec_draft_model"]))
    if read.get("rerank"):
        if read.get("pooling", "rank") != "rank":
            raise InvalidOptionError(
                f"A reranker pools by `rank`, not by `{read['pooling']}`. Leave `pooling` out."
            )
        read["pooling"] = "rank"
    return read


def _number(option: ServerOption, value: Any, kind: type) -> Any:
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise InvalidOptionError(
            f"`{option.name}` must be {'a whole' if kind is int else 'a'} number, not {value!r}."
        )
    if option.least is not None and value < option.least:
        raise InvalidOptionError(f"`{option.name}` must be at least {option.least:g}, not {value}.")
    return value


def _read_int(option: ServerOption, value: Any) -> int:
    return int(_number(option, value, int))


def _read_float(option: ServerOption, value: Any) -> float:
    return float(_number(option, value, float))


def _read_layers(option: ServerOption, value: Any) -> Any:
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value)
    return value if value in ("auto", "all") else _number(option, value, int)


def _read_floats(option: ServerOption, value: Any) -> list[float]:
    shares = value.split(",") if isinstance(value, str) else value
    try:
        return [_read_float(option, float(share)) for share in shares]
    except (TypeError, ValueError):
        raise InvalidOptionError(
            f"`{option.name}` must be a list of numbers, not {value!r}."
        ) from None


def _read_text(option: ServerOption, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidOptionError(f"`{option.name}` must be a text, not {value!r}.")
    return value


def _read_word(option: ServerOption, value: Any) -> str:
    word = (
        {True: "on", False: "off"}[value]
        if isinstance(value, bool) and "on" in option.words
        else value
    )
    if not isinstance(word, str) or word not in option.words:
        raise InvalidOptionError(
            f"`{option.name}` must be one of {', '.join(option.words)}, not {value!r}."
        )
    return word


def _read_words(option: ServerOption, value: Any) -> list[str]:
    return [
        _read_word(option, word) for word in (value.split(",") if isinstance(value, str) else value)
    ]


def _read_bool(option: ServerOption, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidOptionError(f"`{option.name}` must be True or False, not {value!r}.")
    return value


def _read_path(option: ServerOption, value: Any) -> str:
    path = (
        Path(value).expanduser().absolute()
        if isinstance(value, (str, Path)) and str(value)
        else None
    )
    if path is None:
        raise InvalidOptionError(f"`{option.name}` must be a path, not {value!r}.")
    exists = path.is_dir() if option.kind == "folder" else path.is_file()
    if not exists:
        kind = "folder" if option.kind == "folder" else "file"
        raise ModelFileError(f"`{option.name}`: there is no {kind} {path}.")
    return str(path)


def _read_json(option: ServerOption, value: Any) -> dict[str, Any]:
    try:
        read = json.loads(value) if isinstance(value, str) else dict(value)
        json.dumps(read)
    except (TypeError, ValueError):
        read = None
    if not isinstance(read, dict):
        raise InvalidOptionError(
            f"`{option.name}` must be a dict that JSON can hold, not {value!r}."
        )
    return read


def _read_lora(option: ServerOption, value: Any) -> list[tuple[str, float]]:
    if isinstance(value, (str, Path)):
        value = [value]
    pairs = (
        value.items()
        if isinstance(value, Mapping)
        else (each if isinstance(each, tuple) else (each, 1.0) for each in value)
    )
    return [(_read_path(option, path), _read_float(option, scale)) for path, scale in pairs]


_READERS: Final[dict[str, Any]] = {
    "int": _read_int,
    "layers": _read_layers,
    "float": _read_float,
    "floats": _read_floats,
    "text": _read_text,
    "word": _read_word,
    "words": _read_words,
    "switch": _read_bool,
    "pair": _read_bool,
    "file": _read_path,
    "folder": _read_path,
    "json": _read_json,
    "lora": _read_lora,
}


def _lora_arguments(path: str, scale: float) -> list[str]:
    if "," in path or (":" in path and scale != 1):
        raise InvalidOptionError(
            f"`lora`: llama-server cannot read the path {path}, which holds a comma or a colon. "
            "Rename the file."
        )
    return ["--lora", path] if scale == 1 else ["--lora-scaled", f"{path}:{scale:g}"]
