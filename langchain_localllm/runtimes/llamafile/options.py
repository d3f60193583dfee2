"""The options of llama.cpp's server, under its own names.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("POST /completion").
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.http import ServerOptions
from langchain_localllm.base.logits import LogitBias, enable_logprobs, normalize_logit_bias
from langchain_localllm.base.option_roles import NotInKey, NotSent, SpeedsUp
from langchain_localllm.base.sampler_options import SamplerOptions
from langchain_localllm.base.token_stream import CompletionInfo
from langchain_localllm.base.trace_names import short_name
from langchain_localllm.base.type_schema import JsonSchema
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.runtimes.llamafile.api import name_if_listed, token_ids, tokenize
from langchain_localllm.runtimes.llamafile.default_server import DEFAULT_URL, DefaultServer
from langchain_localllm.runtimes.llamafile.server_info import Known
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.failover import Backend


class ManyServers(ServerOptions):
    """A server, or several with the same model."""

    ALIASES: ClassVar[Mapping[str, str]] = {
        "default_headers": "headers",  # this and what follows: as langchain_openai names it
        "model_name": "model",
        "openai_api_base": "base_url",
        "openai_api_key": "api_key",
        "request_timeout": "timeout",
    }

    _NO_HTTPX: ClassVar[str] = (
        "httpx is not used. Use `verify`, `headers` and `timeout`; a proxy is read from HTTP_PROXY "
        "and HTTPS_PROXY."
    )
    UNSUPPORTED: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("http_async_client", "http_client", "http_socket_options", "openai_proxy"), _NO_HTTPX
    )

    base_url: str | list[str] | tuple[str, ...] = DEFAULT_URL
    """The server's address, or a list of those of several that run the same model: the least busy
    one is asked. Default: the first llama.cpp server that answers on this machine, looked for at
    port 8080, then 9931, then at the ports of other programs."""
    model: str | None = None
    """The model's name, for servers that offer several. Where a server wants a name and offers one
    model, that one's is sent."""

    _only_models: dict[Any, str] = PrivateAttr(default_factory=dict)
    """By address, the model name that a server with one model requires; copies share it."""
    _default_server: dict[str, str] = PrivateAttr(default_factory=dict)
    """The server that was found where no address was given; copies share it."""

    @classmethod
    @override
    def _unknown(cls, name: str, known: frozenset[str]) -> InvalidOptionError:
        error = super()._unknown(name, known)
        if name in cls.UNSUPPORTED or "extra_body" not in cls.model_fields:
            return error
        return InvalidOptionError(
            f"{error} A field that only the server knows goes into `extra_body`."
        )

    @property
    @override
    def pool(self) -> Backend:
        if "base_url" in self.model_fields_set:
            return super().pool
        return DefaultServer(self._default_server, self._client_of, self.START_HINT)

    def _client_of(self, url: str) -> HttpClient:
        address = Address.parse(url, self.sent_headers(), self.verify)
        return self._connections.client(address, self.START_HINT)

    @override
    def _known_urls(self) -> set[str]:
        return super()._known_urls() | set(self._default_server.values())


class LlamafileOptions(ManyServers, SamplerOptions):
    """What the text and the chat class share."""

    START_HINT: ClassVar[str] = (
        "Start one, for example with `./model.llamafile --server`, or from Python with "
        "`langchain_localllm.LocalServer('model.gguf')`, and give its address as `base_url`."
    )
    ALIASES: ClassVar[Mapping[str, str]] = {
        **ManyServers.ALIASES,
        **SamplerOptions.ALIASES,
        "max_completion_tokens": "max_tokens",
        "n_cmpl": "n",
        "stop_sequences": "stop",
    }
    REMOVED: ClassVar[Mapping[str, str]] = {
        **SamplerOptions.REMOVED,
        "stream_usage": "each answer has its token counts.",
        "tiktoken_model_name": "tokens are counted by the server's own tokenizer.",
    }

    n: int | None = Field(default=None, ge=1)
    """Answers to each prompt: `generate` returns all of them, `invoke` and `stream` the first.
    llama.cpp's server allows as many as it has slots (`--parallel`), and counts their seeds up.
    Default: 1."""
    t_max_predict_ms: int | None = Field(default=None, ge=-1)
    """Milliseconds after the first token at which an answer ends that holds a line break. Default:
    0, which is no limit."""
    n_indent: int | None = Field(default=None, ge=0)
    """Spaces with which each line of the answer begins at least; a line with fewer ends it. For
    code. Default: 0."""
    backend_sampling: bool | None = None
    """Choose tokens on the GPU, where the server was built for that. Default: the server's, off."""
    repeat_last_n: int | None = Field(default=None, ge=-1)
    """Tokens that the penalties look back at; -1 is the whole context, which newer servers refuse.
    Default: 64."""
    grammar: str | None = None
    """A GBNF grammar that the answer follows."""
    json_schema: JsonSchema | None = None
    """A JSON schema, or a pydantic class, that the answer follows."""
    logit_bias: Annotated[LogitBias | None, BeforeValidator(normalize_logit_bias)] = None
    """Added to the logits of tokens, by their ids, or by a text for all of its tokens; `False` bans
    a token. A list of such pairs works too."""
    n_keep: int | None = Field(default=None, ge=-1)
    """Tokens of the prompt kept when a server shifts its context; such an answer raises here."""
    n_discard: int | None = Field(default=None, ge=0)
    """Tokens after these that such a shift drops; 0 is half of them. Default: 0."""
    n_probs: int | None = Field(default=None, ge=0)
    """Report the probabilities of this many top tokens. `logprobs=True` with `top_logprobs`, as in
    OpenAI's API, works too."""
    post_sampling_probs: bool | None = None
    """With `n_probs`, report probabilities as the samplers leave them (`prob`, `top_probs`), not
    log probabilities before them."""
    return_tokens: bool | None = None
    """Report the ids of the answer's tokens, as `tokens` in a result of the text class. The
    server's chats do not report them."""
    timings_per_token: bool | None = None
    """Have the server send timings with each token, by which the chat class counts
    `reasoning_tokens`. Those of the whole answer are in each result without it."""
    response_fields: list[str] | None = None
    """Fields of the server's last event to return in a result of the text class, such as
    `["generation_settings/seed"]`. What is left out is missing in the result: without `stop_type`,
    its `finish_reason` is `unknown`."""
    return_progress: Annotated[bool | None, NotInKey] = None
    """Report how much of the prompt the server has read, as LangChain's custom event
    `prompt_progress` with `total`, `cache` and `processed` tokens and `time_ms`, to the
    `on_custom_event` of callback handlers and in `astream_events`."""
    sse_ping_interval: Annotated[int | None, SpeedsUp] = Field(default=None, ge=-1)
    """Seconds between keep-alive messages while the server is silent; -1 turns them off. Default:
    the server's."""
    cache_prompt: Annotated[bool | None, SpeedsUp] = None
    """Keep the prompt in the server's cache and read only what is new; the server does so by
    default."""
    n_cache_reuse: int | None = Field(default=None, ge=0)
    """Tokens that a part of the cache has at least to be moved to another place of a prompt.
    Default: 0, which is off."""
    id_slot: Annotated[int | None, SpeedsUp] = Field(default=None, ge=-1)
    """The server's slot to use; -1 is any that is idle."""
    lora: list[dict[str, Any]] | None = None
    """LoRA adapters of the server and their scales: `[{"id": 0, "scale": 0.5}]`."""
    extra_body: Annotated[dict[str, Any] | None, NotSent] = None
    """Fields to send with each request as they are, such as `{"min_tokens": 5}` for vLLM. They
    replace fields of the same name."""

    _facts: Known = PrivateAttr(default_factory=dict)  # copies share it
    # by address, the model that answered; as above
    _served: dict[Any, str] = PrivateAttr(default_factory=dict)

    @property
    @override
    def model_label(self) -> str:
        """The model's name for traces.

        It is as given, else as the last answer named it, else the server's host and port.
        """
        return short_name(
            self.model
            or self._served.get(self.base_url)
            or self.client.address.url.partition("://")[2]
        )

    @override
    def answered(self, finish: CompletionInfo) -> None:
        if finish.model:
            self._served[self.base_url] = finish.model

    @override
    def token_ids(self, text: str) -> list[int]:
        return self.client.run(token_ids(self, text))

    @override
    def token_count(self, text: str) -> int:
        return len(self.client.run(tokenize(self, text)))

    def payload(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the options that are set, without those to ignore, as the server wants them."""
        chosen = self._options_to_send(ignored)
        if order := self.sampler_order():
            chosen["samplers"] = order
        if "max_tokens" in chosen:
            chosen["n_predict"] = chosen.pop("max_tokens")
        if "logit_bias" in chosen:
            chosen["logit_bias"] = [[token, bias] for token, bias in chosen["logit_bias"].items()]
        return chosen

    @classmethod
    @override
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return enable_logprobs(super()._normalize_names(given), "n_probs", least=1)

    def with_model_name(self) -> Self:
        """Return this object with the name of the model that the server runs."""
        return (
            self
            if self.model
            else self.with_options({"model": self.client.run(name_if_listed(self))})
        )

    async def aidentified(self) -> Self:
        """As `with_model_name`, without blocking the event loop."""
        return (
            self
            if self.model
            else self.with_options({"model": await self.client.arun(name_if_listed(self))})
        )
