"""The options of GPT4All, under the names of its package and of `langchain_community`.

Source: https://docs.gpt4all.io/gpt4all_python/ref.html
"""

import os
import sys
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator
from typing_extensions import override

from langchain_localllm.base.local_engine.options import InProcessOptions
from langchain_localllm.base.logits import LogitBias, enable_logprobs, normalize_logit_bias
from langchain_localllm.base.option_roles import Loads, NotInKey, SpeedsUp
from langchain_localllm.base.options import SamplingOptions, warn_once
from langchain_localllm.base.type_schema import JsonSchema
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    MissingDependencyError,
    ModelFileError,
)
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.gguf.header import GGUFInfo, check_gguf
from langchain_localllm.gguf.threads import default_threads
from langchain_localllm.gguf.trial_load import require_loadable
from langchain_localllm.runtimes.gpt4all.backend import FORMER_BACKENDS, Backend, check_supported
from langchain_localllm.runtimes.gpt4all.engine import GPT4AllEngine
from langchain_localllm.runtimes.gpt4all.generation import Request
from langchain_localllm.runtimes.gpt4all.llamacpp_engine import (
    LlamaCppEngine,
    llamacpp_is_installed,
)
from langchain_localllm.runtimes.gpt4all.model_files import (
    check_kind,
    check_there,
    fetch,
    model_file,
)

_DEFAULTS: Final = {
    "max_tokens": 256,
    "min_p": 0.0,
    "n_batch": 128,
    "repeat_last_n": 64,
    "repeat_penalty": 1.18,
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.1,
}
"""Those of `langchain_community`, except `n_batch`: its 8 reads a prompt in small steps, 128 is the
most that the engine takes."""
_NOT_SAMPLING: Final = frozenset({"max_tokens", "temperature"})


def _known_backend(value: Any) -> Any:
    if value in FORMER_BACKENDS:
        warn_once(
            f"backend={value!r} of GPT4All has no effect: the engine finds the architecture in "
            "the file."
        )
        return None
    return value


def as_text(path: Any) -> Any:
    """Return a path as text; anything else as it is, for the check that follows."""
    return os.fspath(path) if isinstance(path, os.PathLike) else path


class ModelOptions(InProcessOptions):
    """The model file and how it is computed, for classes of every kind."""

    EMBEDS: ClassVar[bool] = False
    """Whether the class makes embeddings, and no text."""
    LLAMACPP: ClassVar[str]
    """The class for llama.cpp that does the same."""

    model: Annotated[str | Path, BeforeValidator(as_text)]
    """Path of a GGUF file, or the name of one in `~/.cache/gpt4all`."""
    backend: Annotated[Backend | None, BeforeValidator(_known_backend), Loads] = None
    """What runs the model: `gpt4all`, the package; `llamacpp`, llama.cpp by the better package that
    is installed; or such a package by name, `llama-cpp-python` or `xllamacpp`. Default: `gpt4all`
    where it is installed and can load the file; else `llamacpp`, with a warning."""
    allow_download: Annotated[bool, NotInKey] = False
    """Whether a model that is not there is fetched from gpt4all.io. Otherwise nothing reaches the
    network."""
    device: Annotated[str | None, Loads, SpeedsUp] = "cpu"
    """`cpu`, `gpu`, `cuda`, `kompute`, `nvidia`, `amd`, or a name that
    `gpt4all.GPT4All.list_gpus()` gives; `None` is Metal on a Mac, else `cpu`."""
    ngl: Annotated[int, Loads, SpeedsUp] = Field(default=100, ge=0)
    """Layers on the GPU."""
    n_ctx: Annotated[int | None, Loads] = Field(default=None, ge=8, le=2**20)
    """Context in tokens. Default: the model's own, at most 8,192."""
    n_threads: Annotated[int | None, SpeedsUp] = Field(default=None, ge=1)
    """Threads to compute with; no more than the machine has are used. Default: 1 for a file below
    100 MB (more are slower there), else one per physical core."""

    _used: dict[Hashable, Backend] = PrivateAttr(default_factory=dict)
    # where models were found, should the working folder change
    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path:
        """The model's file, which may not be there."""
        if (found := self._files.get(str(self.model))) is None:
            found = model_file(str(self.model))
            if found.is_file():
                found = self._files[str(self.model)] = found.absolute()
        return found

    @property
    def threads(self) -> int:
        """Threads to compute with; with many more than there are, the engine hardly gets on."""
        return min(self.n_threads or default_threads(self.path), os.cpu_count() or 1)

    @override
    def loading_key(self) -> Hashable:
        return (self.path.resolve(), self.EMBEDS, super().loading_key())

    @override
    def set_options(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the options that are set, with the backend that is used."""
        return {**super().set_options(ignored), "backend": self._used_backend()}

    def _used_backend(self) -> Backend:
        if self.backend is not None:
            return self.backend
        key = self.loading_key()
        if key not in self._used:
            self._used[key] = "llamacpp" if isinstance(self.engine, LlamaCppEngine) else "gpt4all"
        return self._used[key]

    @override
    def load(self) -> GPT4AllEngine | LlamaCppEngine:
        if self.allow_download and not self.path.exists():
            fetch(str(self.model))
        check_there(self.path)
        info = check_gguf(self.path)
        check_kind(self.path, info, embeds=self.EMBEDS)
        if self.backend not in {None, "gpt4all"}:
            return self._load_on_llamacpp()
        try:
            return self._load_binding(self.path, info)
        except (MissingDependencyError, ModelFileError) as error:
            if self.backend or not llamacpp_is_installed():
                raise
            engine = self._load_on_llamacpp()
            choice = (
                "Pass backend='llamacpp' to choose it without this warning, or backend='gpt4all' "
                "for an error instead."
            )
            warn_once(f"{self.path.name} runs on llama.cpp: {error} {choice}")
            return engine

    def _load_binding(self, path: Path, info: GGUFInfo) -> GPT4AllEngine:
        check_supported(path, info, embeds=self.EMBEDS)
        require_loadable(
            path,
            info,
            "GPT4All",
            "langchain_localllm.runtimes.gpt4all.load_once",
            embeds=self.EMBEDS,
        )
        if (
            info.metadata.get("tokenizer.ggml.model") == "gpt2"
            and "tokenizer.ggml.pre" not in info.metadata
        ):
            warn_once(
                f"{path.name} has no tokenizer.ggml.pre, so texts may be split into other tokens "
                "than the model was trained with: download a newer file of the model."
            )
        n_ctx = self.n_ctx or min(info.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        return GPT4AllEngine(path, n_ctx=n_ctx, ngl=self.ngl, device=self.device)

    def _load_on_llamacpp(self) -> LlamaCppEngine:
        on_gpu = sys.platform == "darwin" if self.device is None else self.device != "cpu"
        loading = {
            "model_path": self.path,
            "backend": None if self.backend in {None, "gpt4all", "llamacpp"} else self.backend,
            "n_ctx": self.n_ctx,
            "n_gpu_layers": self.ngl if on_gpu else 0,
        }
        engine = LlamaCppEngine(loading, self.device)
        engine.model(self.LLAMACPP, self.llamacpp_options())
        return engine

    def on_llamacpp(self) -> Any:
        """Return the llama.cpp counterpart of this object if llama.cpp runs the model.

        `None` if the gpt4all package does.
        """
        engine = self.engine
        return (
            engine.model(self.LLAMACPP, self.llamacpp_options())
            if isinstance(engine, LlamaCppEngine)
            else None
        )

    def llamacpp_options(self) -> dict[str, Any]:
        """Return the options of a call, under the names of the class for llama.cpp."""
        return {"n_threads": self.n_threads and self.threads, "timeout": self.timeout}


class GPT4AllOptions(ModelOptions, SamplingOptions):
    """What the text and the chat class share."""

    _NEVER: ClassVar[str] = "the gpt4all package has no such setting, and never read it."
    REMOVED: ClassVar[Mapping[str, str]] = {
        "client": "the model is loaded by itself, and shared by the objects that use it.",
        "echo": f"{_NEVER} Put the prompt before the answer yourself.",
        "embedding": f"{_NEVER} Use `GPT4AllEmbeddings`.",
        "f16_kv": _NEVER,
        "logits_all": _NEVER,
        "n_parts": _NEVER,
        "use_mlock": _NEVER,
        "vocab_only": f"{_NEVER} `get_token_ids` counts tokens.",
    }
    ALIASES: ClassVar[Mapping[str, str]] = {**SamplingOptions.ALIASES, "n_probs": "logprobs"}
    BINDING_LACKS: ClassVar[tuple[str, ...]] = ("grammar", "json_schema", "logit_bias", "logprobs")
    """Options that only llama.cpp reads."""
    _FORM: ClassVar[str] = "use `json_schema`, with backend='llamacpp'."
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "format": _FORM,
        "grammar_path": "read the file, and give its text as `grammar`, with backend='llamacpp'.",
        "response_format": _FORM,
    }

    n_batch: Annotated[int | None, SpeedsUp] = Field(default=None, ge=1)
    """Tokens of the prompt that are read at a time; the package reads 128 at most, which is the
    default. llama.cpp reads 512."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drop tokens less probable than this share of the most probable one. Default 0, which is
    off."""
    repeat_penalty: float | None = Field(default=None, gt=0)
    """Makes repeated tokens less probable; 1 is off. Default 1.18."""
    repeat_last_n: int | None = Field(default=None, ge=-1)
    """Tokens that `repeat_penalty` looks back at; -1 is the whole context. Default 64."""
    json_schema: JsonSchema | None = None
    """A JSON schema or pydantic class for the answer. This and the next three are for llama.cpp
    only, which is then the default."""
    grammar: str | None = None
    """A GBNF grammar that the answer follows."""
    logprobs: int | None = Field(default=None, ge=0)
    """Report each token's log probability, and those of so many most probable tokens.
    `logprobs=True` with `top_logprobs`, as in OpenAI's API, works too."""
    logit_bias: Annotated[LogitBias | None, BeforeValidator(normalize_logit_bias)] = None
    """Added to the logits of tokens, by their ids, or by a text for all of its tokens; `False` bans
    a token."""

    @classmethod
    @override
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return enable_logprobs(super()._normalize_names(given), "logprobs")

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        if self.backend is None and self._lacking():
            self.backend = "llamacpp"

    @model_validator(mode="after")
    def _check_backend(self) -> Self:
        if self.backend == "gpt4all":
            self._check_binding_has_all()
        return self

    def _lacking(self) -> list[str]:
        """Return options that are set and that the gpt4all package lacks."""
        return [name for name in self.BINDING_LACKS if getattr(self, name) is not None]

    def _check_binding_has_all(self) -> None:
        if lacking := self._lacking():
            raise InvalidOptionError(
                f"The gpt4all package has no `{lacking[0]}`. Make the object with "
                "backend='llamacpp', which runs the same file."
            )

    def request(self, prompt: str, stop: list[str]) -> Request:
        """Return the request for a prompt, with the defaults where an option is not set."""
        self._check_binding_has_all()
        chosen = self._with_defaults()
        # what C's int cannot hold would wrap
        chosen["n_batch"] = min(chosen["n_batch"], _DEFAULTS["n_batch"])
        return Request(
            prompt=prompt,
            stop=stop,
            max_tokens=int(chosen["max_tokens"]),
            seed=self.seed,
            threads=self.threads,
            sampling={
                "temp": chosen["temperature"],
                **{name: chosen[name] for name in _DEFAULTS.keys() - _NOT_SAMPLING},
            },
        )

    def _with_defaults(self) -> dict[str, float]:
        return _DEFAULTS | {
            name: value for name in _DEFAULTS if (value := getattr(self, name)) is not None
        }

    @override
    def llamacpp_options(self) -> dict[str, Any]:
        sampling: dict[str, Any] = self._with_defaults()
        # of no effect but on speed, and part of what a model is loaded with
        del sampling["n_batch"]
        sampling["last_n_tokens_size"] = sampling.pop("repeat_last_n")
        others = {name: getattr(self, name) for name in ("seed", *self.BINDING_LACKS)}
        # as the package computes, so that greedy answers are the same
        same_digits = {"flash_attn": False}
        return {**super().llamacpp_options(), **sampling, **others, **same_digits}

    @property
    @override
    def model_label(self) -> str:
        return self.path.name

    @override
    def token_ids(self, text: str) -> list[int]:
        """Return the text's token ids by the model's own tokenizer, with BOS if the model has one.

        Raises:
            InvalidRequestError: The package's library for this platform offers no tokenizer.
        """
        ids: list[int]
        if (model := self.on_llamacpp()) is not None:
            ids = model.token_ids(text)
            return ids
        if (vocabulary := self.engine.loaded.vocabulary) is None:
            raise InvalidRequestError(
                "GPT4All offers no tokenizer on this platform, so tokens cannot be counted before "
                "a call. A result counts them in its `usage`."
            )
        ids = vocabulary.tokens(text)
        return ids
