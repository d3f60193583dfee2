"""The options of Ollama, under its own names.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md ("Generate a completion") and the `PARAMETER` list of the Modelfile.
"""

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.http import CONNECTION_OPTIONS, ServerOptions
from langchain_localllm.base.options import SamplingOptions
from langchain_localllm.transport.address import basic_auth

_PORT: Final = 11434
_TOP_LEVEL: Final = frozenset(
    {"model", "system", "template", "suffix", "images", "format", "keep_alive", "raw", "think", "context"}
)
"""Fields of the request itself; all other options go into its `options`."""


def default_url() -> str:
    """The address in `OLLAMA_HOST`, else Ollama's own; a server that listens everywhere is reached on this machine."""
    host = os.environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1"
    scheme, _, rest = host.rpartition("://")
    name, _, path = rest.partition("/")
    if not name.rpartition("]")[2].partition(":")[2]:
        name = f"{name.rstrip(':')}:{ {'https': 443, 'http': 80}.get(scheme, _PORT) }"
    url = f"{scheme or 'http'}://{name.replace('0.0.0.0', '127.0.0.1')}"  # noqa: S104 - the reverse of listening everywhere
    return f"{url}/{path}" if path else url


class OllamaOptions(ServerOptions, SamplingOptions):
    """What the text and the chat class share."""

    START_HINT: ClassVar[str] = "Start Ollama with `ollama serve`, or name its address in `base_url` or OLLAMA_HOST."
    ALIASES: ClassVar[Mapping[str, str]] = {**SamplingOptions.ALIASES, "reasoning": "think"}
    _GONE: ClassVar[str] = "Ollama took it out. Use `min_p`, `top_p` or `temperature`."
    _CLIENT: ClassVar[str] = "it set up a client that is not used here. Use `headers`, `auth` and `timeout`."
    RETIRED: ClassVar[Mapping[str, str]] = {
        "async_client_kwargs": _CLIENT,
        "client_kwargs": _CLIENT,
        "mirostat": _GONE,
        "mirostat_eta": _GONE,
        "mirostat_tau": _GONE,
        "sync_client_kwargs": _CLIENT,
        "tfs_z": _GONE,
    }
    NOT_IN_KEY: ClassVar[frozenset[str]] = CONNECTION_OPTIONS | {"auth", "keep_alive", "stop", "validate_model_on_init"}

    base_url: str = Field(default_factory=default_url)
    """The server's address. Default: `OLLAMA_HOST`, else `http://127.0.0.1:11434`."""
    model: str = "llama2"
    """The model's name, as `ollama list` shows it."""
    auth: tuple[str, str] | None = Field(default=None, repr=False)
    """User and password, for a server behind a proxy that wants them."""
    validate_model_on_init: bool = False
    """Ask the server for the model at once, so that a missing one is found before the first call."""

    num_ctx: int | None = Field(default=None, ge=1)
    """Context in tokens. Default: what the model's Modelfile says, else the model's own, at most 8,192. It should stay the same for
    an object's life, since Ollama loads the model again when it changes."""
    num_keep: int | None = None
    """Tokens of the prompt that Ollama keeps when it shifts the context."""
    num_batch: int | None = Field(default=None, ge=1)
    """Tokens of the prompt that are read at a time."""
    num_gpu: int | None = Field(default=None, ge=-1)
    """Layers on the GPU; 0 is none."""
    main_gpu: int | None = None
    """The GPU for small tensors."""
    num_thread: int | None = Field(default=None, ge=0)
    """Threads to compute with."""
    use_mmap: bool | None = None
    """Map the file into memory instead of reading it."""
    use_mlock: bool | None = None
    """Keep the model in memory."""
    numa: bool | None = None
    """Use NUMA."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drop tokens less probable than this share of the most probable one."""
    typical_p: float | None = Field(default=None, ge=0, le=1)
    """Locally typical sampling; 1 is off."""
    repeat_penalty: float | None = Field(default=None, ge=0)
    """Makes repeated tokens less probable; 1 is off."""
    repeat_last_n: int | None = Field(default=None, ge=-1)
    """Tokens that `repeat_penalty` looks back at; -1 is the whole context."""
    presence_penalty: float | None = None
    """Makes tokens that occurred less probable; 0 is off."""
    frequency_penalty: float | None = None
    """Makes tokens less probable by how often they occurred; 0 is off."""

    format: Literal["", "json"] | dict[str, Any] | None = None
    """`json`, or a JSON schema that the answer follows."""
    keep_alive: int | str | None = None
    """How long the model stays loaded: seconds, or a text such as `10m`; -1 is for ever, 0 is not at all."""
    think: bool | str | None = None
    """Whether a reasoning model thinks first; some models take a level such as `low`."""

    _contexts: dict[tuple[str, str], int] = PrivateAttr(default_factory=dict)  # by address and model; copies share it

    @override
    def sent_headers(self) -> dict[str, str]:
        headers = super().sent_headers()
        if self.auth is not None:
            headers["Authorization"] = basic_auth(*self.auth)
        return headers

    @property
    def known_context(self) -> int | None:
        """The context to ask for, as far as it is known yet."""
        return self.num_ctx or self._contexts.get((self.base_url, self.model))

    def remember_context(self, length: int) -> int:
        """Keep what the server told of the model's context."""
        return self._contexts.setdefault((self.base_url, self.model), length)

    def payload(self) -> dict[str, Any]:
        """The options that are set, as the server wants them."""
        chosen = self.chosen(CONNECTION_OPTIONS | {"base_url", "auth", "stop", "validate_model_on_init", "num_ctx"})
        if "max_tokens" in chosen:
            chosen["num_predict"] = chosen.pop("max_tokens")
        if not chosen.get("format", True):
            del chosen["format"]
        request = {name: chosen.pop(name) for name in list(chosen) if name in _TOP_LEVEL}
        return {**request, "options": chosen}
