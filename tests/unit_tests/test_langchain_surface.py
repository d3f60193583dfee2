"""What LangChain itself, and code written for other packages, uses of every class: token counts,
traces, switches, result keys."""

import json
import math
import warnings
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
    trim_messages,
)
from langchain_core.output_parsers import StrOutputParser

import langchain_localllm
from langchain_localllm import ChatOllama, Ollama, OllamaEmbeddings, chat_models, embeddings, llms
from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.logits import normalize_logit_bias
from langchain_localllm.base.response_parser import ReadHandle
from langchain_localllm.base.results import describe
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, TokenStream
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.registry import RUNTIMES
from langchain_localllm.runtimes.ollama.api_show import ModelFacts
from tests.unit_tests.fakes import FakeChat, FakeChatOllama, FakeOllama, FakeText
from tests.unit_tests.option_cases import SUBJECTS

TINY: Final = str(tiny_chat_model())
MADE_WITH: Final[dict[str, dict[str, Any]]] = {
    "gpt4all": {"model": TINY},
    "llamacpp": {"model_path": TINY},
    "llamafile": {},
    "ollama": {"model": "tiny"},
}
EACH: Final = [(runtime, kind) for runtime in sorted(RUNTIMES) for kind in ("text", "chat")]


def make(runtime: str, kind: str, **options: Any) -> Any:
    return getattr(langchain_localllm, RUNTIMES[runtime][kind])(**MADE_WITH[runtime], **options)


# --- token counts ---


@pytest.mark.parametrize(("runtime", "kind"), EACH)
def test_langchain_custom_get_token_ids_is_used_for_every_count(runtime: str, kind: str) -> None:
    model = make(runtime, kind, custom_get_token_ids=lambda text: [7] * len(text.split()))
    assert model.get_token_ids("one two three") == [7, 7, 7]
    assert model.get_num_tokens("one two") == 2
    assert model.get_num_tokens_from_messages([HumanMessage("one two three")]) >= 3
    assert model.with_options({"temperature": 0}).get_num_tokens("one two") == 2


@pytest.mark.parametrize("kind", ["text", "chat"])
def test_token_ids_that_ollama_does_not_report_name_the_ways_out(kind: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"get_num_tokens_from_messages.*custom_get_token_ids"
    ):
        make("ollama", kind).get_token_ids("hello")


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_langchain_messages_are_counted_in_any_order_of_trim_messages(runtime: str) -> None:
    model = make(runtime, "chat", custom_get_token_ids=lambda text: [7] * len(text.split()))
    assert model.get_num_tokens_from_messages([]) == 0
    assert model.get_num_tokens_from_messages([RemoveMessage(id="1")]) == 0
    call = AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}])
    talk = [
        HumanMessage("Add!", id="1"),
        call,
        ToolMessage("3", tool_call_id="1"),
        AIMessage("It is three."),
        HumanMessage("Thanks."),
    ]
    count = model.get_num_tokens_from_messages(talk)
    assert model.get_num_tokens_from_messages([RemoveMessage(id="9"), *talk]) == count
    for length in range(1, len(talk) + 1):
        # without a question, an empty one follows
        assert 0 < model.get_num_tokens_from_messages(talk[::-1][:length]) <= count + 3
    assert trim_messages(talk, token_counter=model, max_tokens=count) == talk
    assert len(trim_messages(talk, token_counter=model, max_tokens=count - 1)) < len(talk)


# --- traces ---


@pytest.mark.parametrize(("runtime", "kind"), EACH)
def test_langchain_traces_name_the_model_and_never_a_path(runtime: str, kind: str) -> None:
    params = make(runtime, kind, max_tokens=5, temperature=0.5, stop=["END"])._get_ls_params(["X"])
    names = {
        "gpt4all": "tiny-chat.gguf",
        "llamacpp": "tiny-chat.gguf",
        "llamafile": "localhost:8080",
        "ollama": "tiny",
    }
    assert params["ls_model_name"] == names[runtime]
    assert params["ls_provider"] == runtime
    assert (params["ls_max_tokens"], params["ls_temperature"], params["ls_stop"]) == (
        5,
        0.5,
        ["END", "X"],
    )


@pytest.mark.parametrize("name", ["Llamafile", "ChatLlamafile"])
def test_langchain_traces_name_the_model_that_a_server_named_in_its_last_answer(name: str) -> None:
    model = SUBJECTS[name].make()
    model.invoke("Hi")
    assert model._get_ls_params()["ls_model_name"] == "tiny"
    assert model._get_ls_params(model="/models/other.gguf")["ls_model_name"] == "other.gguf"


@pytest.mark.parametrize(
    ("reason", "normalized"), [("stop", "stop"), ("length", "length"), ("tool_calls", "tool_call")]
)
def test_langchain_finish_reasons_are_normalized_as_langchain_core_reads_them(
    reason: str, normalized: str
) -> None:
    assert describe(CompletionInfo(reason))["normalized_finish_reason"] == normalized


def test_langchain_unknown_finish_reason_is_not_normalized() -> None:
    assert describe(CompletionInfo("abort")) == {"finish_reason": "abort"}


# --- switches of other packages ---


@pytest.mark.parametrize(("runtime", "kind"), EACH)
def test_langchain_streaming_is_accepted_without_a_warning(runtime: str, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(runtime, kind, streaming=True).streaming is True
        assert make(runtime, kind, streaming=False).streaming is False


@pytest.mark.parametrize("name", sorted(SUBJECTS))
@pytest.mark.parametrize("switch", ["stream", "streaming"])
def test_langchain_call_may_ask_for_streaming(name: str, switch: str) -> None:
    model = SUBJECTS[name].make()
    assert model.invoke("Hi", **{switch: True})
    assert list(model.stream("Hi", **{switch: True}))
    assert [send.body for send in model.asked] == [SUBJECTS[name].empty] * 2


@pytest.mark.parametrize(("runtime", "kind"), EACH)
def test_langchain_model_kwargs_are_options_like_all_others(runtime: str, kind: str) -> None:
    model = make(runtime, kind, model_kwargs={"top_k": 5, "temp": 0.5}, top_p=0.5)
    assert (model.top_k, model.temperature, model.top_p) == (5, 0.5, 0.5)
    assert make(runtime, kind, model_kwargs=None).top_k is None
    with pytest.raises(
        InvalidOptionError, match=r"`top_k` was given twice, once in `model_kwargs`"
    ):
        make(runtime, kind, model_kwargs={"top_k": 5}, top_k=6)
    with pytest.raises(InvalidOptionError, match="has no option `no_such_option`"):
        make(runtime, kind, model_kwargs={"no_such_option": 5})
    with pytest.raises(InvalidOptionError, match="must be a dict of arguments, not list"):
        make(runtime, kind, model_kwargs=[1])


OF_LANGCHAIN_OPENAI: Final = {
    "default_headers": {"X-Tenant": "a"},
    "max_retries": 2,
    "model_name": "tiny",
    "openai_api_base": "http://host:1/v1",
    "openai_api_key": "a-key",
}


@pytest.mark.parametrize("kind", ["text", "chat", "embeddings"])
def test_langchain_connection_options_of_langchain_openai_are_read(kind: str) -> None:
    model = make("llamafile", kind, **OF_LANGCHAIN_OPENAI)
    assert (model.base_url, model.model) == ("http://host:1", "tiny")
    assert dict(model.client.address.headers) == {
        "Authorization": "Bearer a-key",
        "X-Tenant": "a",
    }


@pytest.mark.parametrize("runtime", ["llamafile", "ollama"])
@pytest.mark.parametrize("timeout", [7, httpx.Timeout(7.0), httpx.Timeout(7, connect=1), (1, 7)])
def test_langchain_timeout_in_the_forms_of_httpx_is_the_seconds_of_silence(
    runtime: str, timeout: Any
) -> None:
    assert make(runtime, "chat", timeout=timeout).timeout == 7
    assert make(runtime, "chat").with_options({"request_timeout": timeout}).timeout == 7
    assert make(runtime, "chat", max_retries=None).max_retries == 1


@pytest.mark.parametrize("kind", ["text", "chat", "embeddings"])
@pytest.mark.parametrize("name", ["http_client", "http_async_client", "openai_proxy"])
def test_langchain_clients_of_httpx_are_refused_with_what_to_use(kind: str, name: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"httpx is not used\. Use `verify`"):
        make("llamafile", kind, **{name: "x"})


@pytest.mark.parametrize("kind", ["text", "chat", "embeddings", "reranker"])
def test_langchain_fields_of_a_server_are_refused_with_the_place_for_them(kind: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"`min_tokens`.* goes into `extra_body`\."):
        make("llamafile", kind, min_tokens=5)


@pytest.mark.parametrize("name", ["base_url", "openai_api_base"])
def test_langchain_key_is_not_sent_to_the_server_of_one_call_under_any_name(name: str) -> None:
    elsewhere = make("llamafile", "chat", api_key="a-key").with_options({name: "http://other:1"})
    assert elsewhere.base_url == "http://other:1"
    assert dict(elsewhere.client.address.headers) == {}


def test_langchain_options_of_langchain_openai_without_effect_warn() -> None:
    with pytest.warns(UserWarning, match="`stream_usage` of ChatLlamafile has no effect"):
        make("llamafile", "chat", stream_usage=True)
    with pytest.warns(UserWarning, match="`check_embedding_ctx_length` of LlamafileEmbeddings"):
        assert (
            make(
                "llamafile", "embeddings", check_embedding_ctx_length=False, chunk_size=8
            ).batch_size
            == 8
        )


@pytest.mark.parametrize("runtime", ["gpt4all", "llamacpp"])
@pytest.mark.parametrize("kind", ["text", "chat"])
def test_langchain_bindings_object_is_refused_with_what_to_use(runtime: str, kind: str) -> None:
    model = make(runtime, kind)
    assert not hasattr(model, "client")
    with pytest.raises(AttributeError, match=r"has no `client`.*get_token_ids"):
        _ = model.client


def test_langchain_submodules_are_attributes_without_being_imported() -> None:
    assert embeddings.ollama.OllamaEmbeddings is OllamaEmbeddings
    assert llms.ollama.Ollama is Ollama
    assert chat_models.ollama.ChatOllama is ChatOllama
    assert langchain_localllm.llms.llamacpp.LlamaCpp is langchain_localllm.LlamaCpp


# --- logprobs ---

TOP_LOGPROBS: Final = [
    ({"top_logprobs": 2}, True, 2),
    ({"logprobs": True, "top_logprobs": 2}, True, 2),
    ({"logprobs": True}, True, None),
    ({"logprobs": False}, False, None),
    ({"logprobs": None, "top_logprobs": None}, False, None),
]
CONTRADICTIONS: Final = [
    ({"top_logprobs": 0}, "`top_logprobs` must be a positive integer, not 0"),
    ({"top_logprobs": -1}, "`top_logprobs` must be a positive integer, not -1"),
    ({"top_logprobs": True}, "`top_logprobs` must be a positive integer, not True"),
    ({"top_logprobs": 5, "logprobs": False}, "`logprobs` is explicitly `False`"),
]


@pytest.mark.filterwarnings("ignore:`top_logprobs` is set")
@pytest.mark.parametrize("name", sorted(SUBJECTS))
@pytest.mark.parametrize(("options", "on", "top"), TOP_LOGPROBS)
def test_top_logprobs_switches_log_probabilities_on(
    name: str, options: dict[str, Any], *, on: bool, top: int | None
) -> None:
    model = SUBJECTS[name].make()
    model.invoke("Hi", **options)
    SUBJECTS[name].make(**options)
    body = model.asked[0].body
    if name == "Llamafile":
        assert body.get("n_probs") == ((top or 1) if on else None)
    else:
        assert bool(body.get("logprobs")) is on
        assert body.get("top_logprobs") == (top or 1 if on and name == "ChatLlamafile" else top)


@pytest.mark.filterwarnings("ignore:`top_logprobs` is set")
@pytest.mark.parametrize("name", ["Ollama", "ChatOllama"])
def test_langchain_call_switches_the_objects_log_probabilities_off(name: str) -> None:
    model = SUBJECTS[name].make(top_logprobs=3)
    model.invoke("Hi", logprobs=False)
    assert "top_logprobs" not in model.asked[0].body


@pytest.mark.parametrize("runtime", ["llamacpp", "llamafile", "ollama"])
@pytest.mark.parametrize("kind", ["text", "chat"])
@pytest.mark.parametrize(("options", "words"), CONTRADICTIONS)
def test_langchain_contradicting_log_probabilities_are_refused(
    runtime: str, kind: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        make(runtime, kind, **options)
    with pytest.raises(InvalidOptionError, match=words):
        make(runtime, kind).with_options(options)


@pytest.mark.parametrize("runtime", ["llamacpp", "llamafile"])
def test_langchain_log_probabilities_in_two_spellings_must_agree(runtime: str) -> None:
    assert make(runtime, "text", n_probs=2, top_logprobs=2)
    with pytest.raises(InvalidOptionError, match="given twice, as 2 and 3"):
        make(runtime, "text", n_probs=2, top_logprobs=3)


# --- logit_bias ---


@pytest.mark.parametrize(
    ("given", "normalized"),
    [
        ({5: -1.5}, {5: -1.5}),
        ({"5": -100}, {5: -100}),
        ({"Hello": 2}, {"Hello": 2}),
        ({5: False}, {5: False}),
        ({5: -math.inf}, {5: False}),
        ([[5, -1], ["Hello", False]], {5: -1, "Hello": False}),
        ([("5", 1.0)], {5: 1.0}),
        ({"-5": 1}, {"-5": 1}),
        ({"\u0665": 1}, {"\u0665": 1}),  # a digit elsewhere
        ({}, {}),
        ([], {}),
        (None, None),
    ],
)
def test_langchain_bias_is_read_in_every_spelling(given: Any, normalized: Any) -> None:
    assert normalize_logit_bias(given) == normalized
    assert make("llamacpp", "text", logit_bias=given).logit_bias == normalized
    assert make("llamafile", "chat", logit_bias=given).logit_bias == normalized


@pytest.mark.parametrize(
    "given",
    [
        5,
        "Hello",
        [1, 2],
        [[5]],
        {"": 1},
        {1.5: 1},
        {5: True},
        {5: "a"},
        {5: math.nan},
        {5: math.inf},
        {5: None},
    ],
)
def test_langchain_bias_of_another_shape_is_refused(given: Any) -> None:
    with pytest.raises(
        InvalidOptionError, match="`logit_bias` must be a dict of token ids or texts to numbers"
    ):
        make("llamacpp", "chat", logit_bias=given)


@pytest.mark.parametrize("kind", ["text", "chat"])
def test_langchain_engine_without_a_bias_says_so(kind: str) -> None:
    with pytest.raises(
        InvalidOptionError, match=r"does not support `logit_bias`: .* LlamaCpp and Llamafile have"
    ):
        make("ollama", kind, logit_bias={1: 1})


# --- Ollama ---


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("system", "SystemMessage"),
        ("raw", "`Ollama`"),
        ("template", "`Ollama`"),
        ("tools", "bind_tools"),
    ],
)
def test_chat_ollama_an_argument_that_a_chat_lacks_names_what_to_use(
    name: str, advice: str
) -> None:
    given: Any = "x"
    with pytest.raises(
        InvalidOptionError, match=f"ChatOllama does not support `{name}`: .*{advice}"
    ):
        ChatOllama(**{"model": "tiny", name: given})


@pytest.mark.parametrize("name", ["Ollama", "ChatOllama"])
@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"num_predict": 7, "stop": ["END"]}, {"num_predict": 7, "stop": ["END"]}),
        ({"new_option": 1, "num_ctx": 64}, {"new_option": 1, "num_ctx": 64}),
        ({"new_option": None}, {"new_option": None}),
        ({}, {}),
        (None, {}),
    ],
)
def test_langchain_options_of_a_call_are_those_of_ollama(
    name: str, options: Any, sent: dict[str, Any]
) -> None:
    model = SUBJECTS[name].make(top_k=3)
    model.invoke("Hi", options=options)
    model.invoke("Hi")
    list(model.stream("Hi", options=options))
    expected = {"top_k": 3}
    assert [send.body["options"] for send in model.asked] == [
        {**expected, **sent},
        expected,
        {**expected, **sent},
    ]


def test_langchain_options_of_a_call_leave_those_of_the_object_that_they_do_not_name() -> None:
    model = SUBJECTS["Ollama"].make(options={"new_option": 1, "newer": 2, "top_k": 3})
    model.invoke("Hi", options={"newer": 3, "top_p": 0.5})
    model.invoke("Hi", options={})
    model.invoke("Hi")
    expected = {"new_option": 1, "newer": 2, "top_k": 3}
    assert [send.body["options"] for send in model.asked] == [
        {**expected, "newer": 3, "top_p": 0.5},
        expected,
        expected,
    ]


def test_langchain_options_of_a_call_are_checked() -> None:
    chat = ChatOllama(model="m")
    with pytest.raises(
        InvalidOptionError, match="`options` must be a dict of Ollama's options, not list"
    ):
        chat.with_options({"options": ["temperature"]})
    with pytest.raises(
        InvalidOptionError, match="`temperature` was given twice, once in `options`"
    ):
        chat.with_options({"temperature": 1, "options": {"temp": 0}})
    with pytest.raises(InvalidOptionError, match="`temperature`: Input should be a valid number"):
        chat.with_options({"options": {"temperature": "warm"}})


KEY: Final = {"Authorization": "Bearer a-key"}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, KEY),
        ({"base_url": "https://ollama.example"}, KEY),
        ({"api_key": "mine"}, {"Authorization": "Bearer mine"}),
        ({"auth": ("me", "word")}, {"Authorization": "Basic bWU6d29yZA=="}),
        ({"base_url": "http://me:word@host"}, {"Authorization": "Basic bWU6d29yZA=="}),
        ({"headers": {"authorization": "Custom"}}, {"Authorization": "Custom"}),
        ({"headers": {"X-Tenant": "a"}}, {**KEY, "X-Tenant": "a"}),
    ],
)
@pytest.mark.parametrize("cls", [Ollama, ChatOllama, OllamaEmbeddings])
def test_langchain_key_in_the_environment_is_sent_unless_another_is_given(
    cls: Any, options: dict[str, Any], sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", " a-key\n")
    model = cls(model="m", **options)
    assert dict(model.client.address.headers) == sent
    assert "a-key" not in repr(model)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"client_kwargs": {"headers": {"A": "1"}, "timeout": 5}},
            {"headers": {"A": "1"}, "timeout": 5.0},
        ),
        (
            {
                "client_kwargs": {"headers": {"A": "1"}},
                "async_client_kwargs": {"headers": {"B": "2"}},
            },
            {"headers": {"A": "1", "B": "2"}},
        ),
        (
            {"client_kwargs": {"headers": {"A": "1"}}, "headers": {"A": "2"}},
            {"headers": {"A": "2"}},
        ),
        (
            {"client_kwargs": {"auth": ("me", "word"), "verify": False}},
            {"auth": ("me", "word"), "verify": False},
        ),
        ({"client_kwargs": {"timeout": httpx.Timeout(7.0)}}, {"timeout": 7.0}),
        ({"client_kwargs": {"timeout": None}}, {"timeout": None}),
        ({"client_kwargs": {}, "sync_client_kwargs": None}, {"timeout": None, "verify": None}),
    ],
)
@pytest.mark.parametrize("cls", [Ollama, ChatOllama, OllamaEmbeddings])
def test_langchain_client_kwargs_of_the_connection_are_used(
    cls: Any, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    model = cls(model="m", **options)
    assert {name: getattr(model, name) for name in expected} == expected


def test_langchain_client_kwargs_of_httpx_warn() -> None:
    with pytest.warns(UserWarning, match="`http2` of `client_kwargs` has no effect"):
        make("ollama", "chat", client_kwargs={"http2": True})
    with pytest.raises(
        InvalidOptionError, match="`client_kwargs` must be a dict of arguments, not list"
    ):
        make("ollama", "chat", client_kwargs=[1])


def test_langchain_key_in_the_environment_is_not_sent_to_the_server_of_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "a-key")
    elsewhere = ChatOllama(model="m").with_options({"base_url": "http://elsewhere:1"})
    assert dict(elsewhere.client.address.headers) == {}


LAST: Final = {
    "created_at": "2025-01-01T00:00:00Z",
    "done": True,
    "done_reason": "stop",
    "eval_count": 6,
    "eval_duration": 3,
    "load_duration": 1,
    "model": "m",
    "prompt_eval_count": 5,
    "prompt_eval_duration": 2,
    "total_duration": 9,
}
BYTES: Final = {"token": "Hi", "logprob": -0.3, "bytes": [72, 105]}
LINES: Final = [
    {
        "model": "m",
        "message": {"content": "", "thinking": "Hm, "},
        "response": "",
        "thinking": "Hm, ",
        "done": False,
    },
    {
        "model": "m",
        "message": {"content": "", "thinking": "hi."},
        "response": "",
        "thinking": "hi.",
        "done": False,
    },
    {
        "model": "m",
        "message": {"content": "Hi"},
        "response": "Hi",
        "done": False,
        "logprobs": [BYTES],
    },
    {"model": "m", "message": {"content": "!"}, "response": "!", "done": False, "logprobs": []},
    {**LAST, "message": {"role": "assistant", "content": ""}, "response": "", "context": [1, 2]},
]


class Recorded:
    """Ollama's lines as they come."""

    def __init__(self, asked: TokenStream) -> None:
        assert isinstance(asked, HttpHandle)
        self._decoder = asked.decoder

    def events(self) -> Generator[StreamEvent]:
        for line in LINES:
            yield from self._decoder.feed(json.dumps(line).encode() + b"\n")

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        for piece in self.events():
            yield piece


class RecordedOllama(Ollama):
    """A text class that reads them."""

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(512)

    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        return Recorded(super().open_answer(prompt, stop))


class RecordedChatOllama(ChatOllama):
    """A chat class that reads them."""

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(512)

    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        asked = super().open_answer(messages, stop, request)
        assert isinstance(asked, ReadHandle)
        return replace(asked, handle=Recorded(asked.handle))


def holds_ollamas_keys(info: Mapping[str, Any] | None) -> bool:
    assert info is not None
    return (
        {name: info[name] for name in LAST} == LAST
        and info["finish_reason"] == "stop"
        and info["model_name"] == "m"
    )


async def test_langchain_text_results_hold_ollamas_own_keys_and_the_thoughts_on_every_path() -> (
    None
):
    llm = RecordedOllama(model="m")
    streamed = sum(list(llm._stream("x"))[1:], start=next(iter(llm._stream("x"))))
    astreamed = [chunk async for chunk in llm._astream("x")]
    results = [
        llm.generate(["x"]).generations[0][0],
        (await llm.agenerate(["x"])).generations[0][0],
        streamed,
    ]
    for result in (*results, sum(astreamed[1:], start=astreamed[0])):
        assert result.text == "Hi!"
        assert holds_ollamas_keys(result.generation_info)
        assert result.generation_info
        assert (
            result.generation_info["reasoning_content"]
            == result.generation_info["thinking"]
            == "Hm, hi."
        )
        assert result.generation_info["logprobs"] == [BYTES]
        assert "context" not in result.generation_info
    assert [
        chunk.generation_info.get("reasoning_content")
        for chunk in astreamed
        if chunk.generation_info
    ][:2] == ["Hm, ", "hi."]
    assert list(llm.stream("x")) == ["Hi", "!"]


async def test_langchain_chat_results_hold_ollamas_own_keys_on_every_path() -> None:
    chat = RecordedChatOllama(model="m")
    chunks = list(chat.stream("x"))
    messages = [chat.invoke("x"), await chat.ainvoke("x"), sum(chunks[1:], start=chunks[0])]
    for message in messages:
        assert message.content == "Hi!"
        assert holds_ollamas_keys(message.response_metadata)
        assert message.response_metadata["model_provider"] == "ollama"
        assert message.response_metadata["logprobs"] == [BYTES]
        assert message.additional_kwargs["reasoning_content"] == "Hm, hi."
    assert holds_ollamas_keys(
        chat.generate([[HumanMessage("x")]]).generations[0][0].generation_info
    )


def test_langchain_each_chunk_holds_the_log_probabilities_of_its_text() -> None:
    chunks: list[AIMessageChunk] = list(RecordedChatOllama(model="m").stream("x"))
    found = [
        (chunk.content, chunk.response_metadata.get("logprobs"))
        for chunk in chunks
        if not chunk.additional_kwargs
    ]
    assert found[:2] == [("Hi", [BYTES]), ("!", [])]
    assert "logprobs" not in chunks[-1].response_metadata


# --- what a call gets in addition to options ---


class Starts(BaseCallbackHandler):
    """Keeps the settings with which runs start."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def _note(
        self, *_: Any, tags: Any = None, metadata: Any = None, name: Any = None, **__: Any
    ) -> None:
        self.seen.append((tags, metadata["note"], name))

    on_llm_start = on_chat_model_start = _note


@pytest.mark.parametrize(
    "llm", [FakeText, FakeChat, partial(FakeOllama, model="m"), partial(FakeChatOllama, model="m")]
)
async def test_langchain_settings_of_a_run_may_be_given_to_the_call(llm: Any) -> None:
    model, seen = llm(), Starts()
    given: dict[str, Any] = {
        "callbacks": [seen],
        "tags": ["a"],
        "metadata": {"note": 1},
        "run_name": "mine",
    }
    model.invoke("Hi", **given)
    await model.ainvoke("Hi", **given)
    list(model.stream("Hi", **given))
    [_ async for _ in model.astream("Hi", **given)]
    model.batch(["Hi"], **given)
    await model.abatch(["Hi"], **given)
    model.bind(**given).invoke("Hi")
    assert seen.seen == [(["a"], 1, "mine")] * 7
    model.invoke("Hi", {"tags": ["b"], "metadata": {"note": 2}}, tags=["a"], callbacks=[seen])
    assert seen.seen[-1] == (["a", "b"], 2, None)


@pytest.mark.parametrize("llm", [FakeText, partial(FakeOllama, model="m")])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "Invalid input type"),
        (5, "Invalid input type"),
        ([5], "Unsupported message type"),
        (
            [HumanMessage([{"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}])],
            "an image, which a text class",
        ),
        ([HumanMessage(["a", {"colour": "red"}])], "of unknown type"),
    ],
)
async def test_langchain_text_classes_refuse_what_is_not_text(
    llm: Any, given: Any, words: str
) -> None:
    model = llm()
    for call in (
        model.invoke,
        lambda given: list(model.stream(given)),
        lambda given: model.batch([given]),
    ):
        with pytest.raises(InvalidRequestError, match=words):
            call(given)
    with pytest.raises(InvalidRequestError, match=words):
        await model.ainvoke(given)


def test_langchain_text_classes_send_the_text_of_all_blocks() -> None:
    model = FakeText()
    file = {"type": "file", "base64": "Yg==", "mime_type": "text/plain"}
    model.invoke(
        [
            HumanMessage(["a", file]),
            AIMessage([{"type": "reasoning", "reasoning": "x"}, {"type": "text", "text": "c"}]),
        ]
    )
    assert (model.asked[0].body or {})["prompt"] == "Human: a\nb\nAI: c"


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("name", ["Llamafile", "ChatLlamafile", "Ollama", "ChatOllama"])
def test_langchain_object_is_dumped_without_secrets_and_loaded_again(name: str) -> None:
    kind = getattr(langchain_localllm, name)
    secrets = {
        "headers": {"X-Key": "hidden"},
        **({"auth": ("me", "hidden")} if "Ollama" in name else {"api_key": "hidden"}),
    }
    model = kind(model="tiny", temperature=0, base_url="http://host/v1", **secrets)
    text = dumps(model | StrOutputParser())
    assert "hidden" not in text
    folder = "chat_models" if name.startswith("Chat") else "llms"
    assert f'["langchain_localllm", "{folder}", "{name}"]' in text
    keys = {"LOCALLLM_API_KEY": "other"}
    again = loads(
        dumps(model),
        allowed_objects=[kind],
        valid_namespaces=["langchain_localllm"],
        secrets_map=keys,
    )
    assert again.set_options(frozenset({"api_key", "headers", "auth"})) == model.set_options(
        frozenset({"api_key", "headers", "auth"})
    )
    assert model.api_key is None or again.api_key.get_secret_value() == "other"
