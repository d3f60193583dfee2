"""The options of GPT4All, under the names of its package and of `langchain_community`.

Source: https://docs.gpt4all.io/gpt4all_python/ref.html
"""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.inprocess import InProcessOptions
from langchain_localllm.base.options import SamplingOptions, advise_once
from langchain_localllm.base.threads import default_threads
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.models.gguf_check import check_gguf
from langchain_localllm.models.trial_load import require_loadable
from langchain_localllm.runtimes.gpt4all.answers import Request
from langchain_localllm.runtimes.gpt4all.engine import GPT4AllEngine
from langchain_localllm.runtimes.gpt4all.files import check_kind, check_there, fetch, model_file

_MOST_CONTEXT: Final = 8192
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
"""Those of `langchain_community`, except `n_batch`: its 8 reads a prompt in small steps, 128 is the most that the engine takes."""
_NOT_SAMPLING: Final = frozenset({"max_tokens", "temperature"})


def as_text(path: Any) -> Any:
    """A path as text; anything else as it is, for the check that follows."""
    return os.fspath(path) if isinstance(path, os.PathLike) else path


class ModelOptions(InProcessOptions):
    """The model file and how it is computed, for classes of every kind."""

    LOADING: ClassVar[frozenset[str]] = frozenset({"device", "model", "n_ctx", "ngl"})
    NOT_IN_KEY: ClassVar[frozenset[str]] = InProcessOptions.NOT_IN_KEY | {"allow_download", "device", "n_threads", "ngl"}
    EMBEDS: ClassVar[bool] = False
    """Whether the class makes embeddings, and no text."""

    model: Annotated[str | Path, BeforeValidator(as_text)]
    """Path of a GGUF file, or the name of one in `~/.cache/gpt4all`."""
    allow_download: bool = False
    """Whether a model that is not there is fetched from gpt4all.io. Otherwise nothing reaches the network."""
    device: str | None = "cpu"
    """`cpu`, `gpu`, `cuda`, `kompute`, `nvidia`, `amd`, or a name that `gpt4all.GPT4All.list_gpus()` gives; `None` is Metal on
    a Mac, else `cpu`."""
    ngl: int = Field(default=100, ge=0)
    """Layers on the GPU."""
    n_ctx: int | None = Field(default=None, ge=8, le=2**20)
    """Context in tokens. Default: the model's own, at most 8,192."""
    n_threads: int | None = Field(default=None, ge=1)
    """Threads to compute with; no more than the machine has are used. Default: 1 for a file below 100 MB (more are slower there),
    else one per physical core."""

    _files: dict[str, Path] = PrivateAttr(default_factory=dict)  # where models were found, should the working folder change

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
        return (self.path.resolve(), self.n_ctx, self.ngl, self.device, self.EMBEDS)

    @override
    def load(self) -> GPT4AllEngine:
        if self.allow_download and not self.path.exists():
            fetch(str(self.model))
        path = self.path
        check_there(path)
        info = check_gguf(path)
        check_kind(path, info, embeds=self.EMBEDS)
        require_loadable(path, info, "GPT4All", "langchain_localllm.runtimes.gpt4all.load_once", embeds=self.EMBEDS)
        if info.metadata.get("tokenizer.ggml.model") == "gpt2" and "tokenizer.ggml.pre" not in info.metadata:
            advise_once(
                f"{path.name} has no tokenizer.ggml.pre, so texts may be split into other tokens than the model was trained with: "
                "download a newer file of the model."
            )
        n_ctx = self.n_ctx or min(info.context_length or _MOST_CONTEXT, _MOST_CONTEXT)
        return GPT4AllEngine(path, n_ctx=n_ctx, ngl=self.ngl, device=self.device)


class GPT4AllOptions(ModelOptions, SamplingOptions):
    """What the text and the chat class share."""

    NOT_IN_KEY: ClassVar[frozenset[str]] = ModelOptions.NOT_IN_KEY | {"n_batch", "stop"}
    _NEVER: ClassVar[str] = "the gpt4all package has no such setting, and never read it."
    RETIRED: ClassVar[Mapping[str, str]] = {
        "backend": "the engine finds the architecture in the file.",
        "client": "the model is loaded by itself, and shared by the objects that use it.",
        "echo": f"{_NEVER} Put the prompt before the answer yourself.",
        "embedding": f"{_NEVER} Use `GPT4AllEmbeddings`.",
        "f16_kv": _NEVER,
        "logits_all": _NEVER,
        "n_parts": _NEVER,
        "use_mlock": _NEVER,
        "vocab_only": f"{_NEVER} `get_token_ids` counts tokens.",
    }
    _FREE: ClassVar[str] = "its engine cannot bind an answer to a form. LlamaCpp and Llamafile can, with the same file."
    _NO_LOGPROBS: ClassVar[str] = "its engine does not report them. LlamaCpp and Llamafile do, with the same file."
    UNABLE: ClassVar[Mapping[str, str]] = {
        "format": _FREE,
        "grammar": _FREE,
        "grammar_path": _FREE,
        "json_schema": _FREE,
        "response_format": _FREE,
        "logit_bias": "its engine has no such setting. LlamaCpp and Llamafile have, with the same file.",
        "logprobs": _NO_LOGPROBS,
        "n_probs": _NO_LOGPROBS,
        "top_logprobs": _NO_LOGPROBS,
    }

    n_batch: int | None = Field(default=None, ge=1)
    """Tokens of the prompt that are read at a time; the engine takes 128 at most, which is the default."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drop tokens less probable than this share of the most probable one. Default 0, which is off."""
    repeat_penalty: float | None = Field(default=None, gt=0)
    """Makes repeated tokens less probable; 1 is off. Default 1.18."""
    repeat_last_n: int | None = Field(default=None, ge=-1)
    """Tokens that `repeat_penalty` looks back at; -1 is the whole context. Default 64."""

    def request(self, prompt: str, stop: list[str]) -> Request:
        """The request for a prompt, with the defaults where an option is not set."""
        chosen = _DEFAULTS | {name: value for name in _DEFAULTS if (value := getattr(self, name)) is not None}
        chosen["n_batch"] = min(chosen["n_batch"], _DEFAULTS["n_batch"])  # what C's int cannot hold would wrap
        return Request(
            prompt=prompt,
            stop=stop,
            max_tokens=int(chosen["max_tokens"]),
            seed=self.seed,
            threads=self.threads,
            sampling={"temp": chosen["temperature"], **{name: chosen[name] for name in _DEFAULTS.keys() - _NOT_SAMPLING}},
        )

    @property
    @override
    def model_label(self) -> str:
        return self.path.name

    @override
    def token_ids(self, text: str) -> list[int]:
        """Return the text's token ids, by the model's own tokenizer, with the token for the beginning where the model has one.

        Raises:
            InvalidRequestError: The package's library for this platform offers no tokenizer.
        """
        if (vocabulary := self.engine.loaded.vocabulary) is None:
            raise InvalidRequestError(
                "GPT4All offers no tokenizer on this platform, so tokens cannot be counted before a call. A result counts them in "
                "its `usage`."
            )
        ids: list[int] = vocabulary.tokens(text)
        return ids
