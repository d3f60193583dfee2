"""The options of Ollama, under its own names.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md ("Generate a completion") and the
    `PARAMETER` list of the Modelfile.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, NoReturn, Self

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, field_validator
from typing_extensions import override

from langchain_localllm.base.http import ServerOptions
from langchain_localllm.base.json_schema import check_schema
from langchain_localllm.base.logits import check_top_logprobs
from langchain_localllm.base.option_roles import Connects, NotSent, SpeedsUp
from langchain_localllm.base.options import SamplingOptions, advise, warn_once
from langchain_localllm.base.reasoning import ReasoningOptions, no_budget
from langchain_localllm.base.reduce_schema import reduce_schema
from langchain_localllm.base.type_schema import as_json_schema
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError
from langchain_localllm.runtimes.ollama.api_show import UNKNOWN_CONTEXT, ModelFacts
from langchain_localllm.transport.address import basic_auth

_PORT: Final = 11434
_PORTS: Final = {"http": 80, "https": 443}
_HAS_PORT: Final = re.compile(r":\d*$")
_HERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - the reverse of listening everywhere
_TOP_LEVEL: Final = frozenset(
    {
        "context",
        "dimensions",
        "format",
        "images",
        "keep_alive",
        "logprobs",
        "model",
        "raw",
        "shift",
        "suffix",
        "system",
        "template",
        "think",
        "top_logprobs",
        "truncate",
    }
)
"""Fields of the request itself; all other options go into its `options`."""
NOT_IN_A_COUNT: Final = frozenset(
    {
        "context",
        "format",
        "images",
        "logprobs",
        "max_tokens",
        "raw",
        "reasoning",
        "suffix",
        "system",
        "template",
        "top_logprobs",
        "truncate",
    }
)
"""Options that have no part in the count of a text."""
_FILLS_CONTEXT: Final = -2
"""`num_predict` of older Ollamas for an answer that may fill the context. That is what -1 does with
`shift=False`."""
_CLIENT_KWARGS: Final = ("client_kwargs", "sync_client_kwargs", "async_client_kwargs")

_HOST_OR_PORT: Final = re.compile(r"[\w.-]+|:\d+", re.ASCII)
"""A `base_url` that names only a host or only a port, which Ollama's client completes."""


def default_url() -> str:
    """Return the address in `OLLAMA_HOST`, else Ollama's own.

    A server that listens everywhere is reached on this machine.
    """
    return _read_host(os.environ.get("OLLAMA_HOST", "").strip(" \t\"'"))


def _read_host(text: str) -> str:
    """Return an address with what is missing in the text filled in as Ollama does."""
    scheme, _, rest = text.rpartition("://")
    place, _, path = rest.partition("/")
    if place.count(":") > 1 and "[" not in place:
        place = f"[{place}]"  # an IPv6 address alone
    host, _, port = place.rpartition(":") if _HAS_PORT.search(place) else (place, "", "")
    url = f"{scheme or 'http'}://{_HERE.get(host, host)}:{port or _PORTS.get(scheme, _PORT)}"
    return f"{url}/{path}" if path else url


@dataclass(slots=True)
class ModelState:
    """What calls found out about a model on a server.

    Attributes:
        facts: What the server reported about the model; `None` until it was asked.
        served: Tokens of context where a call sends no `num_ctx`; `UNKNOWN_CONTEXT` from a server
            that does not report it, and `None` until it was asked.
        raised: The `num_ctx` that all calls send since a prompt did not fit; `UNKNOWN_CONTEXT` for
            none.
        refuses_long: Whether the server can refuse a prompt that is too long, instead of cutting
            it; `None` until it was asked.
        counts_all: Whether it was found that the server counts all tokens of a prompt, those in its
            cache too.
    """

    facts: ModelFacts | None = None
    served: int | None = None
    raised: int = UNKNOWN_CONTEXT
    refuses_long: bool | None = None
    counts_all: bool = False

    def raise_to(self, num_ctx: int) -> int:
        """Have all later calls send `num_ctx`, or the larger one that they send already.

        Return what they send.
        """
        self.raised = max(self.raised, num_ctx)
        return self.raised


class OllamaServer(ServerOptions):
    """Where Ollama is, and how it loads the model: what all three classes share."""

    START_HINT: ClassVar[str] = (
        "Start Ollama with `ollama serve`, or name its address in `base_url` or OLLAMA_HOST."
    )
    ALIASES: ClassVar[Mapping[str, str]] = {"request_timeout": "timeout"}
    _REMOVED: ClassVar[str] = "Ollama removed it. Use `min_p`, `top_p` or `temperature`."
    _LOADING: ClassVar[str] = "Ollama removed it and chooses the value."
    REMOVED: ClassVar[Mapping[str, str]] = {
        "f16_kv": _LOADING,
        "low_vram": _LOADING,
        "mirostat": _REMOVED,
        "mirostat_eta": _REMOVED,
        "mirostat_tau": _REMOVED,
        "numa": _LOADING,
        "penalize_newline": _REMOVED,
        "tfs_z": _REMOVED,
        "use_mlock": _LOADING,
    }
    CREDENTIALS: ClassVar[tuple[str, ...]] = (*ServerOptions.CREDENTIALS, "auth")

    base_url: str = Field(default_factory=default_url)
    """The server's address. Default: `OLLAMA_HOST`, else `http://127.0.0.1:11434`."""
    model: str = Field(default="llama2", min_length=1)
    """The model's name, as `ollama list` shows it."""
    auth: Annotated[tuple[str, str] | None, Connects] = Field(
        default=None, repr=False, exclude=True
    )
    """User and password, for a server behind a proxy that wants them."""
    validate_model_on_init: Annotated[bool, Connects] = False
    """Ask the server for the model at once, so that a missing one is found before the first
    call."""
    allow_remote: Annotated[bool, Connects] = False
    """Let Ollama hand prompts to a model on another machine, such as `gpt-oss:120b-cloud`.
    Otherwise such a model is refused."""
    keep_alive: Annotated[int | str | None, SpeedsUp] = None
    """How long the model stays loaded: seconds, or a text such as `10m`; -1 is forever, 0 is not at
    all."""

    num_ctx: int | None = Field(default=None, ge=1)
    """Context in tokens. Default: the Modelfile's, else the server's; the first prompt that does
    not fit raises the latter, for that and all later calls of the object. Keep it the same for an
    object's life: Ollama loads the model again when it changes."""
    num_batch: int | None = Field(default=None, ge=1)
    """Tokens of the prompt that are read at a time."""
    num_gpu: int | None = Field(default=None, ge=-1)
    """Layers on the GPU; 0 uses the CPU only."""
    main_gpu: int | None = None
    """The GPU for small tensors."""
    num_thread: int | None = Field(default=None, ge=0)
    """Threads to compute with."""
    use_mmap: bool | None = None
    """Map the file into memory instead of reading it."""
    extra_body: Annotated[dict[str, Any] | None, NotSent] = None
    """Fields of the request that are not known here, for newer Ollamas; they win over fields of the
    same name. `options` in it is added to the other options."""

    # by address and model; copies share it
    _states: dict[tuple[str, str], ModelState] = PrivateAttr(default_factory=dict)

    @classmethod
    @override
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under our names.

        What `client_kwargs` and the like say about the connection is included.
        """
        named = super()._normalize_names(
            {name: value for name, value in given.items() if name not in _CLIENT_KWARGS}
        )
        for name, value in _connection(given).items():
            if name not in cls.model_fields:
                warn_once(
                    f"`{name}` of `client_kwargs` has no effect: httpx is not used. Use "
                    "`headers`, `auth`, `timeout`, `verify`."
                )
            elif name == "headers":
                named["headers"] = {**value, **(named.get("headers") or {})}
            else:
                named.setdefault(name, value)
        return named

    @field_validator("base_url", mode="before")
    @classmethod
    def _own_address(cls, base_url: Any) -> Any:
        if base_url is None or (isinstance(base_url, str) and not base_url.strip()):
            return default_url()  # so langchain_ollama's default does what it did
        if isinstance(base_url, str) and _HOST_OR_PORT.fullmatch(base_url.strip()):
            return _read_host(base_url.strip())
        return base_url

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self.refuse_remote()
        if self.api_key is None and "Authorization" not in dict(self._addresses()[0].headers):
            key = os.environ.get("OLLAMA_API_KEY", "").strip()
            self.__dict__["api_key"] = SecretStr(key) if key else None

    @override
    def sent_headers(self) -> dict[str, str]:
        headers = super().sent_headers()
        if self.auth is not None:
            headers["Authorization"] = basic_auth(*self.auth)
        return headers

    @property
    def state(self) -> ModelState:
        """What calls found out about the model on this server."""
        return self._states.setdefault((self.base_url, self.model), ModelState())

    @property
    def facts(self) -> ModelFacts | None:
        """What is known of the model, once the server was asked."""
        return self.state.facts

    @property
    def context_tokens(self) -> int:
        """The context that the next call has; `UNKNOWN_CONTEXT` when it is not known."""
        fixed = self.facts.fixed_context if self.facts else UNKNOWN_CONTEXT
        return self.num_ctx or self.state.raised or fixed or self.state.served or UNKNOWN_CONTEXT

    def forget_model(self) -> None:
        """Ask about the models again before the next call, since they may be others now."""
        self._states.clear()

    def refuse_remote(self, model: str | None = None, host: str = "") -> None:
        """Raise when a model runs on another machine and that was not asked for.

        It is this object's model unless another is named.

        Raises:
            InvalidOptionError: The name says so, or the server reported a remote host.
        """
        name = model or self.model
        if (host or _names_cloud(name)) and not self.allow_remote:
            raise InvalidOptionError(
                f"The model '{name}' runs at {host or 'ollama.com'}, not on your machine: Ollama "
                "would send it your prompts. Use a local model, or set `allow_remote=True`."
            )

    def payload(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the options that are set, without those to ignore, as the server wants them."""
        chosen = self._options_to_send(ignored | {"num_ctx"})
        if "max_tokens" in chosen:
            chosen["num_predict"] = chosen.pop("max_tokens")
        if "reasoning" in chosen:
            chosen["think"] = chosen.pop("reasoning")
        if not chosen.get("format", True):
            del chosen["format"]
        elif isinstance(chosen.get("format"), dict):
            chosen["format"] = reduce_schema(chosen["format"])
        request = {name: chosen.pop(name) for name in list(chosen) if name in _TOP_LEVEL}
        return {**request, "options": chosen}

    def request_body(self, payload: Mapping[str, Any], num_ctx: int) -> dict[str, Any]:
        """Return a payload as it is sent: with `num_ctx` (if known) and `extra_body`.

        `UNKNOWN_CONTEXT` is not sent.
        """
        extra = self.extra_body or {}
        context = {"num_ctx": num_ctx} if num_ctx else {}
        return {
            **payload,
            **extra,
            "options": {**payload.get("options", {}), **context, **extra.get("options", {})},
        }


def _connection(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the arguments for httpx's clients say, which `langchain_ollama` takes.

    Those for both clients come first.
    """
    found: dict[str, Any] = {}
    for name in _CLIENT_KWARGS:
        settings = given.get(name) or {}
        if not isinstance(settings, Mapping):
            raise InvalidOptionError(
                f"`{name}` must be a dict of arguments, not {type(settings).__name__}."
            )
        headers = {**found.get("headers", {}), **(settings.get("headers") or {})}
        found |= {**settings, **({"headers": headers} if headers else {})}
    return found


def _names_cloud(model: str) -> bool:
    """Whether the tag is `cloud` or ends so, by which Ollama knows models of its own servers."""
    _, colon, tag = model.strip().lower().rpartition(":")
    return bool(colon) and "/" not in tag and (tag == "cloud" or tag.endswith("-cloud"))


def _answer_format(given: Any) -> Any:
    wanted = as_json_schema(given)
    if isinstance(wanted, dict):
        check_schema(wanted)
    elif wanted not in (None, "", "json"):
        raise InvalidOptionError(
            f"{given!r} is not a format of answers. Use 'json', a JSON schema or a pydantic class."
        )
    return wanted


class OllamaOptions(OllamaServer, ReasoningOptions, SamplingOptions):
    """What the text and the chat class share."""

    ALIASES: ClassVar[Mapping[str, str]] = {
        **SamplingOptions.ALIASES,
        "reasoning_effort": "reasoning",
        "think": "reasoning",
    }
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "logit_bias": (
            "Ollama has no such option. LlamaCpp and Llamafile have it, with the same file."
        ),
        "n_probs": "use `logprobs=True`, with `top_logprobs` for alternatives.",
        **no_budget("Ollama"),
    }

    COUNTS_BY_READING: ClassVar[bool] = True

    num_keep: int | None = None
    """Tokens of the prompt that Ollama keeps when it shifts the context."""
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
    draft_num_predict: int | None = Field(default=None, ge=0)
    """Tokens that a draft model guesses at a time, where the model has one (newer Ollamas)."""

    format: Annotated[
        Literal["", "json"] | dict[str, Any] | None, BeforeValidator(_answer_format)
    ] = None
    """`json`, or a JSON schema or pydantic class whose form the answer has."""
    truncate: bool = False
    """Let Ollama cut a prompt that is longer than the context: the first messages of a chat, the
    middle of a text. By default such a prompt raises a `ContextLengthError`."""
    shift: bool = False
    """Let Ollama drop the beginning of the prompt when an answer reaches the end of the context,
    instead of ending the answer there with the finish reason `length` (Ollama 0.12.6 or newer). A
    model is loaded again when this changes (Ollama 0.30 or newer)."""
    logprobs: bool | None = None
    """Report each token's probability (newer Ollamas)."""
    top_logprobs: int | None = Field(default=None, ge=1, le=20)
    """Report so many likely alternatives to each token as well, which switches `logprobs` on."""

    options: dict[str, Any] | None = None
    """Ollama's options in a dict, as `langchain_ollama` takes them at a call. Names that are not
    known here are sent as they are, for newer Ollamas."""

    @classmethod
    @override
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under our names, with those in `options`.

        `top_logprobs` switches `logprobs` on.
        """
        own = given.get("options")
        if not isinstance(own, Mapping | None):
            raise InvalidOptionError(
                f"`options` must be a dict of Ollama's options, not {type(own).__name__}."
            )
        named = super()._normalize_names(
            {name: value for name, value in given.items() if name != "options"}
        )
        ours = {
            name: value
            for name, value in (own or {}).items()
            if name in {*cls.model_fields, *cls.ALIASES, *cls.REMOVED}
        }
        for name, value in super()._normalize_names(ours).items():
            if name in named:
                raise InvalidOptionError(
                    f"`{name}` was given twice, once in `options`. Give it once."
                )
            named[name] = value
        if "options" in given:
            named["options"] = {
                name: value for name, value in (own or {}).items() if name not in ours
            } or None
        top, logprobs = named.get("top_logprobs"), named.get("logprobs")
        check_top_logprobs(top, logprobs)
        if logprobs is False:
            # first, since options of a call are checked one after the other
            return {"top_logprobs": None, **named}
        if top is None:
            return named
        if not logprobs:
            advise(
                "`top_logprobs` is set, but `logprobs` is not. Setting `logprobs=True` "
                "automatically."
            )
        return {"logprobs": True, **named} | {"logprobs": True}

    @classmethod
    @override
    def _under_our_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        if given.get("num_predict") == _FILLS_CONTEXT:
            given = {**given, "num_predict": -1}
        return super()._under_our_names(given)

    @override
    def with_options(self, options: Mapping[str, Any]) -> Self:
        own = options.get("options")
        if self.options and isinstance(own, Mapping):
            options = {**options, "options": {**self.options, **own}}
        return super().with_options(options)

    @override
    def token_ids(self, text: str) -> NoReturn:
        """Raise, since Ollama counts tokens but does not report their ids."""
        raise InvalidRequestError(
            "Ollama does not report the ids of tokens. Use `get_num_tokens` or "
            "`get_num_tokens_from_messages` to count them, or give the model's own tokenizer as "
            "`custom_get_token_ids`, such as `AutoTokenizer.from_pretrained(...).encode`. "
            "`LlamaCpp` and `Llamafile` report ids, with the same file."
        )

    @override
    def payload(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        body = super().payload(ignored)
        body["options"] |= body["options"].pop("options", {})
        return body
