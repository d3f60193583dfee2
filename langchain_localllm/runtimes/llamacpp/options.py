"""Define the options of llama.cpp in this process: those it loads with, and those of a request.

They are those of `langchain_community`, and llama-cpp-python's own.

Source: https://llama-cpp-python.readthedocs.io/en/latest/api-reference/ (`Llama.__init__`,
    `Llama.create_completion`).
"""

import math
import os
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import TypedDict, override

from langchain_localllm.base.local_engine.options import InProcessOptions
from langchain_localllm.base.logits import LogitBias, enable_logprobs, normalize_logit_bias
from langchain_localllm.base.option_roles import Loads, NotInKey, SpeedsUp, options_marked
from langchain_localllm.base.options import MaxTokens
from langchain_localllm.base.sampler_options import SAMPLER_FIELDS, SamplerOptions
from langchain_localllm.base.type_schema import JsonSchema
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError
from langchain_localllm.gguf.memory import CACHE_TYPES
from langchain_localllm.gguf.threads import default_threads
from langchain_localllm.runtimes.llamacpp.backend import Backend, check_options, choose_backend
from langchain_localllm.runtimes.llamacpp.settings import Adapters, EngineSettings
from langchain_localllm.runtimes.llamacpp.speculation import SpecType, Speculation, prompt_lookup

_SAMPLING: Final = ("temperature", "top_k", "top_p", "seed", *SAMPLER_FIELDS)

_OF_SERVER: Final = (
    "n_cache_reuse",
    "n_indent",
    "post_sampling_probs",
    "return_progress",
    "t_max_predict_ms",
)
"""Options of a request that only llama.cpp's server has."""
_ALL: Final = -1
_SEEDS: Final = 1 << 32


def _cache_type(value: Any) -> Any:
    if isinstance(value, str):
        if value.lower() not in CACHE_TYPES:
            raise InvalidOptionError(
                f"{value!r} is not a cache type. Use one of {', '.join(CACHE_TYPES)}."
            )
        return CACHE_TYPES[value.lower()]
    # llama.cpp would end the process
    if isinstance(value, int) and value not in CACHE_TYPES.values():
        numbers = ", ".join(f"{number} ({name})" for name, number in CACHE_TYPES.items())
        raise InvalidOptionError(f"{value} is not a cache type. Use one of {numbers}.")
    return value


def _grammar_text(value: Any) -> Any:
    return getattr(value, "_grammar", value)  # llama_cpp.LlamaGrammar


def _lora_adapters(value: Any) -> Any:
    """Return adapters as pairs of a path and a scale."""
    if not isinstance(value, list | tuple):
        return value
    return [
        (_path_text(one["path"]), one.get("scale", 1.0))
        if isinstance(one, Mapping) and "path" in one
        else (_path_text(one), 1.0)
        if isinstance(one, str | os.PathLike)
        else one
        for one in value
    ]


def _spec_type(value: Any) -> Any:
    return "ngram-simple" if value == "ngram" else value


def _draft_model(value: Any) -> Any:
    if isinstance(value, str | os.PathLike):
        raise ValueError(  # noqa: TRY004 - pydantic makes its own error of this one only
            "`draft_model` is an object that drafts tokens. The path of a smaller model goes to "
            "`draft_model_path`."
        )
    return value


def _path_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


class LoraScale(TypedDict):
    """The scale of an adapter, as llama.cpp's server takes it."""

    id: int
    scale: float


PathText = Annotated[str | Path, BeforeValidator(_path_text)]
CacheType = Annotated[int | str, BeforeValidator(_cache_type)]


class ModelParam(Loads):
    """It is in llama.cpp's `llama_model_params` under its own name."""


class ContextParam(Loads):
    """It is in llama.cpp's `llama_context_params` under its own name."""


class ModelOptions(InProcessOptions):
    """The model file and how it is loaded, for classes of every kind."""

    PREFERRED_BACKEND: ClassVar[Backend] = "llama-cpp-python"
    """The one that is used where both are installed and support the options; docs/design.md says
    why."""

    model_path: Annotated[PathText, Loads]
    """The GGUF file; of a model in several parts, the first one."""

    backend: Annotated[Backend | None, Loads] = None
    """The binding of llama.cpp: `xllamacpp`, a prebuilt wheel, or `llama-cpp-python`, which is
    compiled. Default: the one that is installed; of both, the better one for the class that
    supports all options given. It is filled in when the object is made."""
    n_ctx: Annotated[Annotated[int, Field(ge=0)] | Literal["auto"] | None, Loads] = None
    """Tokens that a prompt and its answer can have together; 0 is what the model was trained with,
    and `auto` as much of that as fits into the free memory. Default: the smallest of that, 8,192
    and what fits into half of the free memory."""
    n_batch: Annotated[int, ContextParam, SpeedsUp] = Field(default=512, ge=1)
    """Tokens that are computed together at most."""
    n_ubatch: Annotated[int | None, ContextParam, SpeedsUp] = Field(default=None, ge=1)
    """Tokens that the device computes together at most. Default: `n_batch`."""
    n_threads: Annotated[int | None, Loads, SpeedsUp] = Field(default=None, ge=1, le=512)
    """Threads. Default: one or one per physical core, whichever the engine measures to be faster
    (for recurrent models, one for a file below 100 MB, else one per physical core). On `xllamacpp`:
    one per physical core; one for a file below 25 MB, or below 100 MB where llama-cpp-python is
    imported too or OpenMP's threads spin for another reason."""
    n_threads_batch: Annotated[int | None, Loads, SpeedsUp] = Field(default=None, ge=1, le=512)
    """Threads for several tokens at once. Default: `n_threads`, or as described there."""
    n_gpu_layers: Annotated[
        Annotated[int, Field(ge=-1)] | Literal["auto"] | None, ModelParam, SpeedsUp
    ] = None
    """Layers on the GPU, where llama-cpp-python was built for one; -1 is all, and `auto` as many as
    fit into its free memory. Default: none."""
    split_mode: Annotated[int | None, ModelParam, SpeedsUp] = None
    """How to split the model over several GPUs: 0 not at all, 1 by layers, 2 by rows."""
    main_gpu: Annotated[int | None, ModelParam, SpeedsUp] = None
    """The GPU to use where the model is not split."""
    tensor_split: Annotated[list[float] | None, ModelParam, SpeedsUp] = None
    """Each GPU's share of the model."""
    use_mmap: Annotated[bool, Loads, SpeedsUp] = True
    """Map the file into memory instead of reading it."""
    use_mlock: Annotated[bool, Loads, SpeedsUp] = False
    """Keep the model in memory."""
    numa: Annotated[bool | int, Loads, SpeedsUp] = False
    """Use NUMA; a number is one of llama.cpp's strategies."""
    kv_overrides: Annotated[dict[str, bool | int | float | str] | None, ModelParam] = None
    """Replaces values in the file's header."""
    lora_path: Annotated[PathText | None, Loads] = None
    """A LoRA adapter, as a GGUF file."""
    lora_scale: Annotated[float, Loads] = 1.0
    """Strength of the adapter."""
    lora_adapters: Annotated[
        list[tuple[PathText, float]] | None, BeforeValidator(_lora_adapters), Loads
    ] = None
    """Several LoRA adapters, whose scales a call can change by `lora`: a list of files, or of files
    and scales, as pairs or as `{"path": ..., "scale": ...}`. Their ids are their places in the
    list."""
    type_k: Annotated[CacheType | None, ContextParam] = None
    """Type of the cache's keys, such as `q8_0`, by name or llama.cpp's number. Default: f16."""
    type_v: Annotated[CacheType | None, ContextParam] = None
    """Type of the cache's values."""
    flash_attn: Annotated[bool | None, Loads] = None
    """Use flash attention. Default: with `xllamacpp` as llama.cpp decides, which is on wherever the
    device has it; off with `llama-cpp-python`, where a given `None` leaves it to llama.cpp too."""
    offload_kqv: Annotated[bool | None, ContextParam, SpeedsUp] = None
    """Keep the cache on the GPU. Default: yes."""
    op_offload: Annotated[bool | None, ContextParam, SpeedsUp] = None
    """Let the GPU compute with weights in main memory."""
    swa_full: Annotated[bool | None, ContextParam] = None
    """Keep all tokens for layers with a sliding window, so that prompts can share them. Default:
    yes."""
    attention_type: Annotated[int | None, ContextParam] = None
    """Kind of attention. Default: the model's."""
    rope_freq_base: Annotated[float | None, ContextParam] = None
    """Base frequency of RoPE. Default, and 0: the file's."""
    rope_freq_scale: Annotated[float | None, ContextParam] = None
    """Scale of RoPE's frequencies. Default, and 0: the file's."""
    rope_scaling_type: Annotated[int | None, ContextParam] = None
    """How RoPE is scaled: -1 the file's, 0 not at all, 1 linear, 2 YaRN."""
    yarn_ext_factor: Annotated[float | None, ContextParam] = None
    """YaRN's extrapolation. Default: the file's."""
    yarn_attn_factor: Annotated[float | None, ContextParam] = None
    """YaRN's magnitude."""
    yarn_beta_fast: Annotated[float | None, ContextParam] = None
    """YaRN's low correction."""
    yarn_beta_slow: Annotated[float | None, ContextParam] = None
    """YaRN's high correction."""
    yarn_orig_ctx: Annotated[int | None, ContextParam] = None
    """The context that YaRN extends."""

    @model_validator(mode="after")
    def _choose_backend(self) -> Self:
        options = self._features()
        if self.backend is None:
            self.__dict__["backend"] = choose_backend(options, self.PREFERRED_BACKEND)
        check_options(self.backend or self.PREFERRED_BACKEND, options)
        return self

    def _features(self) -> set[str]:
        """Return the names of the options that are set, for which a backend has to have support."""
        return set(self.set_options())

    @override
    def loading_key(self) -> Hashable:
        return (str(self._path), super().loading_key())

    @property
    def _on_server(self) -> bool:
        """Return whether llama.cpp's server in this process answers.

        Otherwise our own engine on llama-cpp-python does.
        """
        return self.backend == "xllamacpp"

    @property
    def _path(self) -> Path:
        return Path(self.model_path).expanduser().absolute()

    def _marked_options(self, mark: type) -> dict[str, Any]:
        names = sorted(options_marked(type(self), mark))
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def _model_settings(self) -> dict[str, Any]:
        settings = self._marked_options(ModelParam)
        if (layers := settings.pop("n_gpu_layers", 0)) == "auto":
            layers = self._gpu_layers()
        mapped = self.use_mmap and not self._adapters()  # an adapter can change weights
        return {
            **settings,
            "n_gpu_layers": layers,
            "load_mode": int(mapped) + 2 * int(self.use_mlock),
        }

    def _gpu_layers(self) -> int:
        """Return how many layers fit on the GPU."""
        from langchain_localllm.runtimes.llamacpp.sizing import gpu_layers

        if self._on_server:
            from langchain_localllm.runtimes.llamacpp.server_params import supports_gpu
        else:
            from langchain_localllm.runtimes.llamacpp.ffi import supports_gpu
        return gpu_layers(self._path, self.n_ctx) if supports_gpu() else 0

    def _context_settings(self) -> dict[str, Any]:
        settings = self._marked_options(ContextParam)
        threads = self.n_threads or self._default_threads(self._path)
        batch = self.n_threads_batch or self.n_threads
        return {
            **settings,
            "flash_attn_type": self._flash_attn_type(),
            "n_threads": threads,
            **({"n_threads_batch": batch} if batch else {}),
        }

    def _flash_attn_type(self) -> int:
        """Return llama.cpp's number: 1 for on, 0 for off, -1 for its own decision."""
        if self.flash_attn is not None:
            return int(self.flash_attn)
        return -1 if self._on_server or "flash_attn" in self.model_fields_set else 0

    def _default_threads(self, path: Path) -> int:
        if not path.is_file():
            return 1
        if not self._on_server:
            return default_threads(path)
        from langchain_localllm.runtimes.llamacpp.server_params import THREADS_SLEEP

        return default_threads(path, sleeping=THREADS_SLEEP)

    def _adapters(self) -> Adapters:
        if self.lora_path and self.lora_adapters:
            raise InvalidOptionError(
                "`lora_path` and `lora_adapters` cannot be used together. Give all adapters as "
                "`lora_adapters`."
            )
        adapters = (
            [(str(self.lora_path), self.lora_scale)] if self.lora_path else self.lora_adapters or []
        )
        return tuple((str(Path(path).expanduser()), scale) for path, scale in adapters)

    def engine_settings(self) -> EngineSettings:
        """Return the files and settings that the engine is loaded with."""
        return EngineSettings(
            path=self._path,
            model=self._model_settings(),
            context=self._context_settings(),
            n_ctx=self.n_ctx,
            lora=self._adapters(),
            lora_per_call=bool(self.lora_adapters),
            numa=self.numa,
            verbose=bool(getattr(self, "verbose", False)),
        )

    def _prepare(self) -> None:
        """Set what holds for the whole process."""
        from langchain_localllm.runtimes.llamacpp.ffi import LOG, start_numa

        LOG.shown = bool(getattr(self, "verbose", False))
        if self.numa:
            start_numa(self.numa)


class LlamaCppOptions(ModelOptions, SamplerOptions):
    """What the text and the chat class share."""

    ALIASES: ClassVar[Mapping[str, str]] = {
        **SamplerOptions.ALIASES,
        "mirostat_mode": "mirostat",
        "model": "model_path",
        "n_probs": "logprobs",
        "draft": "spec_type",
        "draft_max": "spec_draft_n_max",
        "model_draft": "draft_model_path",
        "repeat_last_n": "last_n_tokens_size",
        "spec_draft_model": "draft_model_path",
    }
    REMOVED: ClassVar[Mapping[str, str]] = {
        **SamplerOptions.REMOVED,
        "chat_format": (
            "prompts reach the model as they are. ChatLlamaCpp applies the chat template of the "
            "file."
        ),
        "chat_handler": "it works with llama-cpp-python's own class only.",
        "client": "the engine belongs to the object and makes itself.",
        "embedding": "LlamaCppEmbeddings makes vectors.",
        "f16_kv": "the cache is f16 by default. Use `type_k` and `type_v` for other types.",
        "logits_all": "`logprobs` works without it.",
        "lora_base": "llama.cpp applies an adapter to the loaded model. Give `lora_path`.",
        "n_gqa": "a GGUF file says how its heads are grouped.",
        "n_parts": "a GGUF file lists its parts.",
        "no_perf": "timings are always in the result.",
        "pooling_type": "LlamaCppEmbeddings makes vectors.",
        "rms_norm_eps": "a GGUF file says it.",
        "tokenizer": "the model's own tokenizer is used.",
        "vocab_only": "a model without weights cannot answer.",
    }

    n_parallel: Annotated[int | None, Loads, SpeedsUp] = Field(default=None, ge=1, le=128)
    """Requests that are answered together. Default: 8. The cache has room for that many whole
    contexts, or for as many as fit into a quarter of the free memory, at least one; requests that
    do not fit wait."""
    max_tokens: MaxTokens = 256
    """Tokens to generate at most, at least 1; -1 and `None` mean until the model ends or its
    context is full."""
    temperature: float | None = Field(default=0.8, ge=0)
    """Randomness; 0 always takes the most probable token."""
    last_n_tokens_size: int | None = Field(default=None, ge=-1)
    """Tokens that the penalties look back at, also into the prompt; -1 is all. Default: 64."""
    logit_bias: Annotated[LogitBias | None, BeforeValidator(normalize_logit_bias)] = None
    """Added to the logits of tokens, by their ids, or by a text for all of its tokens; `False` bans
    a token. A list of such pairs, as llama.cpp's server takes, works too."""
    grammar: Annotated[str | None, BeforeValidator(_grammar_text)] = None
    """A GBNF grammar that the answer follows: its text, or a `llama_cpp.LlamaGrammar`."""
    grammar_path: Annotated[PathText | None, NotInKey] = None
    """A file with such a grammar."""
    json_schema: JsonSchema | None = None
    """A JSON schema, or a pydantic class, that the answer follows."""
    logprobs: int | None = Field(default=None, ge=0)
    """Report each token's log probability, and those of so many most probable tokens.
    `logprobs=True` with `top_logprobs`, as in OpenAI's API, works too."""
    post_sampling_probs: bool | None = None
    """With `logprobs`, report probabilities as the samplers leave them (`prob`, `top_probs`); with
    `xllamacpp`."""
    return_progress: Annotated[bool | None, NotInKey] = None
    """Report how much of the prompt was read, as LangChain's custom event `prompt_progress` with
    `total`, `cache` and `processed` tokens and `time_ms`, to the `on_custom_event` of callback
    handlers and in `astream_events`; with `xllamacpp`."""
    t_max_predict_ms: int | None = Field(default=None, ge=-1)
    """Milliseconds after the first token at which an answer ends that holds a line break; with
    `xllamacpp`. Default: no limit."""
    n_indent: int | None = Field(default=None, ge=0)
    """Spaces with which each line of an answer begins at least; one with fewer ends it. For code;
    with `xllamacpp`. Default: 0."""
    n_cache_reuse: int | None = Field(default=None, ge=0)
    """Tokens that a part of the cache has at least to be moved to another place of a prompt; with
    `xllamacpp`. Default: 0, off."""
    cache_prompt: bool | None = None
    """Reuse what the cache holds of the prompt's beginning. The last digits then depend on earlier
    and concurrent requests. `False` makes the answer depend on the prompt and the options alone:
    the whole prompt is read into an empty cache, and no other request is computed at the same time.
    Default: reuse it, except for a request with a `seed` while no other is answered."""
    lora: list[LoraScale] | None = None
    """Scales of `lora_adapters`, as llama.cpp's server takes them: `[{"id": 0, "scale": 0.5}]`;
    those that are left out are off. Requests with different scales are not computed together.
    Default: the scales with which they were loaded."""
    cache_ram_mib: Annotated[int | None, Loads, SpeedsUp] = Field(default=None, ge=0)
    """MiB of memory for what earlier requests read, which later ones then do not read again.
    Default: an eighth of what is free."""
    cache_dir: Annotated[PathText | None, Loads, SpeedsUp] = None
    """Folder for the same on the disk, so that what was read is not read again after a restart. The
    files hold your prompts and answers; only your user can read them. Default: nothing is
    written."""
    cache_dir_mib: Annotated[int, Loads, SpeedsUp] = Field(default=2048, ge=1)
    """MiB that the files in `cache_dir` take at most; those that were not used for longest are
    deleted."""
    draft_model: Annotated[Any, BeforeValidator(_draft_model), SpeedsUp] = Field(
        default=None, repr=False
    )
    """Drafts the next tokens, which are then computed together: a
    `llama_cpp.llama_speculative.LlamaDraftModel`."""
    spec_type: Annotated[SpecType | None, BeforeValidator(_spec_type), Loads, SpeedsUp] = None
    """Drafts the next tokens from the text so far, which helps where an answer copies from its
    prompt: `ngram-simple` (or `ngram`), and with `xllamacpp` llama.cpp's other ways, such as
    `ngram-mod`. Then `flash_attn` is on unless it is given, so that greedy answers stay the
    same."""
    draft_model_path: Annotated[PathText | None, Loads, SpeedsUp] = None
    """A smaller model with the same vocabulary, which drafts the next tokens; with `xllamacpp`."""
    spec_draft_n_max: Annotated[int | None, Loads, SpeedsUp] = Field(default=None, ge=1, le=64)
    """Tokens to draft at most. Default: 4 from the text so far, 3 by a model; `ngram-mod` has
    64."""
    spec_ngram_size_n: Annotated[int | None, Loads, SpeedsUp] = Field(default=None, ge=1, le=64)
    """Tokens that have to repeat before what followed them is drafted. Default: 3; `ngram-mod` has
    24."""

    @classmethod
    @override
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return enable_logprobs(super()._normalize_names(given), "logprobs")

    @property
    @override
    def model_label(self) -> str:
        return self._path.name

    @override
    def load(self) -> Any:
        if self._on_server:
            from langchain_localllm.runtimes.llamacpp.server_engine import ServerEngine

            return ServerEngine(self.engine_settings())
        from langchain_localllm.runtimes.llamacpp.engine import Engine

        self._prepare()
        return Engine(self.engine_settings())

    @override
    def engine_settings(self) -> EngineSettings:
        settings = super().engine_settings()
        context = settings.context
        if (speculation := self._speculation()) and "flash_attn" not in self.model_fields_set:
            # without it, several tokens together are computed a little differently
            context = {**context, "flash_attn_type": 1}
        return replace(
            settings,
            n_parallel=self.n_parallel,
            speculation=speculation,
            context=context,
            cache_dir=self._cache_folder(),
            cache_dir_mib=self.cache_dir_mib,
            cache_ram_mib=self.cache_ram_mib,
        )

    def _cache_folder(self) -> Path | None:
        if self.cache_dir is None:
            return None
        if self.draft_model_path is not None:
            raise InvalidOptionError(
                "`cache_dir` and `draft_model_path` cannot be used together: a draft model's "
                "cache is not saved."
            )
        folder = Path(self.cache_dir).expanduser().absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidOptionError(
                f"The folder {folder} for `cache_dir` cannot be made: {error.strerror}."
            ) from None
        return folder

    def _speculation(self) -> Speculation | None:
        if self.spec_type is None and self.draft_model_path is None:
            if alone := [
                name
                for name in ("spec_draft_n_max", "spec_ngram_size_n")
                if getattr(self, name) is not None
            ]:
                raise InvalidOptionError(
                    f"`{alone[0]}` has no effect without `spec_type` or `draft_model_path`. "
                    "Give one of them."
                )
            return None
        path = (
            Path(self.draft_model_path).expanduser().absolute() if self.draft_model_path else None
        )
        return Speculation(self.spec_type, path, self.spec_draft_n_max, self.spec_ngram_size_n)

    @override
    def _features(self) -> set[str]:
        return super()._features() | (
            {f"spec_type={self.spec_type!r}"} if self.spec_type else set()
        )

    def draft(self) -> Any:
        """Return what drafts tokens for our own engine, or `None`."""
        if self.spec_type is None:
            return self.draft_model
        if self.draft_model is not None:
            raise InvalidOptionError(
                "`draft_model` and `spec_type` cannot be used together. Give one of them."
            )
        return prompt_lookup(self.spec_ngram_size_n, self.spec_draft_n_max)

    def tokens_of(self, text: str) -> list[int]:
        """Return the text's token ids, by the model's own tokenizer."""
        tokenizer = self.engine if self._on_server else self.engine.model
        tokens: list[int] = tokenizer.tokenize(text)
        return tokens

    def payload(self) -> dict[str, Any]:
        """Return the options that are set, as llama.cpp's server takes them."""
        chosen = self._sampling(self.engine.n_ctx)
        if self.max_tokens is not None:
            chosen["n_predict"] = self.max_tokens
        if self.seed is not None and self.seed >= 0:
            chosen["seed"] = self.seed % _SEEDS
        if self.cache_prompt is not None:
            chosen["cache_prompt"] = self.cache_prompt
        if self.logit_bias:
            self.engine.check_tokens(token for token in self.logit_bias if isinstance(token, int))
            chosen["logit_bias"] = [[token, bias] for token, bias in self.logit_bias.items()]
        # always: the server would not notice that a request has other scales again
        if self.lora_adapters and not self.cache_dir:
            scales = self.lora_scales() or [scale for _, scale in self.lora_adapters]
            chosen["lora"] = [{"id": number, "scale": scale} for number, scale in enumerate(scales)]
        else:
            self.lora_scales()
        if self.logprobs is not None:
            chosen["n_probs"] = max(1, self.logprobs)
        chosen |= {name: value for name in _OF_SERVER if (value := getattr(self, name)) is not None}
        self._check_forms()
        if self.json_schema is not None:
            chosen["json_schema"] = self.json_schema
        elif (grammar := self.grammar_text()) is not None:
            if not grammar.strip():  # the server would answer without one
                raise InvalidRequestError(
                    "The grammar is empty. Give one with a rule `root`, or leave it out."
                )
            chosen["grammar"] = grammar
            forbidden = [[token, False] for token in self.engine.nul_tokens]
            chosen["logit_bias"] = [*chosen.get("logit_bias", ()), *forbidden]
        return chosen

    def _sampling(self, n_ctx: int) -> dict[str, Any]:
        """Return the options of the samplers that are set, under llama.cpp's names."""
        chosen: dict[str, Any] = {
            name: value for name in _SAMPLING if (value := getattr(self, name)) is not None
        }
        if self.last_n_tokens_size is not None:
            chosen["repeat_last_n"] = self.last_n_tokens_size
        for name in ("dry_penalty_last_n", "repeat_last_n"):
            if chosen.get(name) == _ALL:
                chosen[name] = n_ctx
        if order := self.sampler_order():
            chosen["samplers"] = order
        return chosen

    def lora_scales(self) -> tuple[float, ...] | None:
        """Return the scale of each adapter for this call, or `None` for those it was loaded with.

        Raises:
            InvalidOptionError: There is no such adapter, or prompts are kept on the disk, for which
                the scales have to stay.
        """
        if self.lora is None:
            return None
        if self.cache_dir is not None:
            raise InvalidOptionError(
                "`lora` and `cache_dir` cannot be used together: files are valid for the same "
                "scales only."
            )
        count = len(self.lora_adapters or ())
        scales = {one["id"]: one["scale"] for one in self.lora}
        if unknown := [number for number in scales if not 0 <= number < count]:
            raise InvalidOptionError(
                f"`lora` names the adapter {unknown[0]}, and `lora_adapters` has {count}. Give "
                "the files as `lora_adapters`."
            )
        return tuple(scales.get(number, 0.0) for number in range(count))

    def sampling(self) -> Any:
        """Return how tokens are chosen, as the engine wants it."""
        from langchain_localllm.runtimes.llamacpp.sampler import Sampling

        chosen = self._sampling(self.engine.n_ctx)
        return Sampling(**chosen, logit_bias=self._token_bias(), grammar=self.grammar_text())

    def _token_bias(self) -> dict[int, float]:
        """Return the bias by token id; that of a text holds for each of its tokens."""
        bias: dict[int, float] = {}
        for token, value in (self.logit_bias or {}).items():
            tokens = (
                self.engine.model.tokenize(token, begin=False)
                if isinstance(token, str)
                else [token]
            )
            bias |= dict.fromkeys(tokens, -math.inf if value is False else value)
        return bias

    def grammar_text(self) -> str | None:
        """Return the grammar of the answer: as given, from its file, or from the JSON schema.

        Raises:
            InvalidOptionError: More than one of them is given, or the file cannot be read.
            InvalidRequestError: The schema cannot be made into a grammar.
        """
        self._check_forms()
        if self.grammar_path is not None:
            try:
                return Path(self.grammar_path).expanduser().read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise InvalidOptionError(
                    f"The grammar file {self.grammar_path} cannot be read: {error}."
                ) from None
        if self.json_schema is None:
            return self.grammar
        from langchain_localllm.runtimes.llamacpp.json_schema_to_grammar import schema_grammar

        return schema_grammar(self.json_schema)

    def _check_forms(self) -> None:
        given = [
            name
            for name in ("grammar", "grammar_path", "json_schema")
            if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise InvalidOptionError(
                f"`{given[0]}` and `{given[1]}` cannot be used together. Give one of them."
            )
