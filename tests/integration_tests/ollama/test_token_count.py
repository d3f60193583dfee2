"""Counts of tokens by Ollama's own count of a call for one token, on the real Ollama and on servers
of other versions."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)

from langchain_localllm import ChatLlamaCpp, ChatOllama, LlamaCpp, Ollama
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ServerError,
    StreamBrokenError,
)
from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.scripted import Answer, Request, ScriptedServer, as_json
from tools.engines import ollama

from .conftest import CHAT, TEMPLATED

CALL: Final = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "1"}])
TALKS: Final[list[list[BaseMessage]]] = [
    [HumanMessage("A red lamp.")],
    [
        SystemMessage("Be brief."),
        HumanMessage("A red lamp."),
        AIMessage("Yes."),
        HumanMessage("And a boat?"),
    ],
    [HumanMessage("1 + 2?"), CALL, ToolMessage("3", tool_call_id="1")],
    [HumanMessage("A lamp."), AIMessage("Yes.")],
]


def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


# --- the real Ollama ---


@pytest.mark.parametrize("text", ["A red lamp.", "東京 \n\n 12,5", "<|im_end|>", " ", ""])
def test_token_count_text_has_as_many_tokens_as_in_process(url: str, text: str) -> None:
    same = LlamaCpp(model_path=str(tiny_chat_model())).get_num_tokens(text)
    assert (
        Ollama(base_url=url, model=CHAT).get_num_tokens(text)
        == ChatOllama(base_url=url, model=TEMPLATED).get_num_tokens(text)
        == same
    )


def test_token_count_options_of_the_answer_have_no_part_in_the_count(url: str) -> None:
    llm = Ollama(
        base_url=url,
        model=CHAT,
        system="Be kind.",
        template="{{ .Prompt }}!",
        suffix="x",
        format="json",
        stop=["A"],
    )
    assert llm.get_num_tokens("A red lamp.") == Ollama(base_url=url, model=CHAT).get_num_tokens(
        "A red lamp."
    )


@pytest.mark.parametrize("tools", [None, [add]], ids=["no tools", "tools"])
@pytest.mark.parametrize("talk", TALKS, ids=range(len(TALKS)))
def test_token_count_conversation_has_the_tokens_that_the_answer_reports(
    url: str, talk: list[BaseMessage], tools: Any
) -> None:
    chat = ChatOllama(base_url=url, model=TEMPLATED, temperature=0, max_tokens=1)
    count = chat.get_num_tokens_from_messages(talk, tools)
    usage = (chat.bind_tools(tools) if tools else chat).invoke(talk).usage_metadata
    assert usage
    assert usage["input_tokens"] == count == chat.get_num_tokens_from_messages(talk, tools)


def test_token_count_does_not_load_the_model_again(url: str) -> None:
    chat = ChatOllama(base_url=url, model=TEMPLATED, num_ctx=640, max_tokens=2)
    chat.invoke("Hi")
    runners = ollama.runners()
    chat.get_num_tokens("A red lamp.")
    chat.get_num_tokens_from_messages(TALKS[0], [add])
    assert ollama.runners() == runners


def test_token_count_text_over_the_context_is_counted_in_parts(url: str) -> None:
    small: dict[str, Any] = {"num_ctx": 64, "max_tokens": 1}
    in_process, chat = (
        ChatLlamaCpp(model_path=str(tiny_chat_model())),
        ChatOllama(base_url=url, model=TEMPLATED, **small),
    )
    text = "The red lamp and the green boat. " * 20
    assert (
        0
        <= Ollama(base_url=url, model=CHAT, **small).get_num_tokens(text)
        - in_process.get_num_tokens(text)
        <= 16
    )
    talk = [HumanMessage(text), AIMessage("Yes."), HumanMessage("And now?")]
    assert (
        0
        <= chat.get_num_tokens_from_messages(talk) - in_process.get_num_tokens_from_messages(talk)
        < 200
    )
    kept = trim_messages(talk, token_counter=chat, max_tokens=50)
    assert kept == talk[1:]
    system = [SystemMessage(text), HumanMessage("Hi")]
    assert chat.get_num_tokens_from_messages(system) >= in_process.get_num_tokens_from_messages(
        system
    )


def test_token_count_conversation_whose_first_message_is_dropped_raises_on_every_path(
    url: str,
) -> None:
    chat = ChatOllama(base_url=url, model=TEMPLATED, num_ctx=128, max_tokens=4)
    fits, long = (
        [HumanMessage("The red lamp and the green boat. " * times), *TALKS[-1][1:], *TALKS[0]]
        for times in (11, 16)
    )
    usage = chat.invoke(fits).usage_metadata
    assert usage
    # a larger one would be dropped, so that it was looked at
    assert 100 < usage["input_tokens"] < 124
    for call in (
        chat.invoke,
        lambda talk: list(chat.stream(talk)),
        lambda talk: asyncio.run(chat.ainvoke(talk)),
    ):
        with pytest.raises(
            ContextLengthError, match="context of 128 tokens, and Ollama dropped its first messages"
        ) as error:
            call(long)
        assert error.value.context_tokens == 128 < (error.value.prompt_tokens or 0)


# --- servers of other versions ---


class _Ollama:
    """An Ollama with a token per letter, as a version counts."""

    def __init__(
        self, *, cached: bool = False, context: int = 4096, shown: bool = True, counts: bool = True
    ) -> None:
        self._cached, self._context, self._shown, self._counts = cached, context, shown, counts
        self._seen = ""
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == "/api/show":
            return (
                as_json({"model_info": {"llama.context_length": self._context}})
                if self._shown
                else as_json({}, 404)
            )
        self.bodies.append(request.body)
        messages = request.body.get("messages")
        text = (
            request.body["prompt"]
            if messages is None
            else "".join(message["content"] for message in messages)
        )
        while messages and len(text) > self._context and len(messages) > 1:
            messages = messages[1:]
            text = "".join(message["content"] for message in messages)
        same = next(
            (at for at, (new, old) in enumerate(zip(text, self._seen, strict=False)) if new != old),
            min(len(text), len(self._seen)),
        )
        self._seen = text
        count = (
            {"prompt_eval_count": min(len(text), self._context) - (same if self._cached else 0)}
            if self._counts
            else {}
        )
        piece = {"response": "a"} if "prompt" in request.body else {"message": {"content": "a"}}
        return Answer(
            [json.dumps({**piece, "done": True, "done_reason": "length", **count}).encode()]
        )


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(_Ollama()) as server:
        yield server


def test_token_count_request_is_for_one_token_with_the_objects_context(
    server: ScriptedServer,
) -> None:
    server.script = script = _Ollama()
    options: dict[str, Any] = {
        "num_ctx": 640,
        "num_gpu": 3,
        "keep_alive": "10m",
        "max_tokens": 99,
        "stop": ["x"],
        "format": "json",
    }
    assert (
        Ollama(base_url=server.base_url, model="m", **options).get_num_tokens("twelve chars") == 12
    )
    body = script.bodies[-1]
    assert body["options"] == {"num_ctx": 640, "num_gpu": 3, "num_predict": 1}
    assert (body["raw"], body["keep_alive"], body["prompt"], "format" in body) == (
        True,
        "10m",
        "twelve chars",
        False,
    )
    chat = ChatOllama(base_url=server.base_url, model="m", reasoning=False, **options)
    assert chat.get_num_tokens_from_messages([HumanMessage("abc")], [add]) == 3
    body = script.bodies[-1]
    assert body["options"] == {"num_ctx": 640, "num_gpu": 3, "num_predict": 1}
    assert (body["think"], body["tools"][0]["function"]["name"], "format" in body) == (
        False,
        "add",
        False,
    )


def test_token_count_server_is_checked_once_for_counting_cached_tokens(
    server: ScriptedServer,
) -> None:
    server.script = script = _Ollama()
    llm = Ollama(base_url=server.base_url, model="m")
    assert [llm.get_num_tokens("abc"), llm.with_options({"seed": 1}).get_num_tokens("abc")] == [
        3,
        3,
    ]
    assert len(script.bodies) == 4


@pytest.mark.parametrize(
    "script", [_Ollama(cached=True), _Ollama(counts=False)], ids=["Ollama 0.30.0", "Ollama 0.1"]
)
def test_token_count_server_that_omits_cached_tokens_is_refused(
    server: ScriptedServer, script: _Ollama
) -> None:
    server.script = script
    with pytest.raises(InvalidRequestError, match=r"not in its cache.*custom_get_token_ids"):
        Ollama(base_url=server.base_url, model="m").get_num_tokens("abc")


def test_token_count_dropped_messages_are_counted(server: ScriptedServer) -> None:
    server.script = _Ollama(context=100)
    chat = ChatOllama(base_url=server.base_url, model="m")
    talk = [HumanMessage("a" * 90), AIMessage("b" * 40), HumanMessage("c" * 30)]
    assert chat.get_num_tokens_from_messages(talk) == 160
    assert chat.get_num_tokens("x" * 250) == 250


@pytest.mark.parametrize(
    ("version", "first", "dropped"),
    [("0.9.3", 90, True), ("0.9.3", 50, False), ("0.14.0", 90, False), (None, 90, True)],
    ids=["dropped", "fits", "newer", "no version"],
)
async def test_token_count_messages_that_an_older_version_drops_are_noticed(
    server: ScriptedServer, version: str | None, first: int, *, dropped: bool
) -> None:
    server.script = script = _Ollama(context=100)
    server.asides = {"/api/version": as_json({"version": version}) if version else as_json({}, 404)}
    chat = ChatOllama(base_url=server.base_url, model="m")
    talk = [
        SystemMessage(""),
        HumanMessage("a" * first),
        AIMessage("b" * 10),
        HumanMessage("c" * 30),
    ]
    if dropped:
        for _ in range(2):
            with pytest.raises(ContextLengthError, match="context of 100 tokens") as error:
                await chat.ainvoke(talk)
            assert (error.value.prompt_tokens, error.value.context_tokens) == (first + 40, 100)
    else:
        assert (await chat.ainvoke(talk)).text == "a"
        assert len(script.bodies) == (2 if version == "0.9.3" else 1)


@pytest.mark.parametrize(
    ("letters", "prompt"), [(3000, 3000), (40_000, None)], ids=["counted", "too long to count"]
)
@pytest.mark.parametrize(
    "cut",
    [as_json({"error": "model runner has unexpectedly stopped"}), Answer([b""])],
    ids=["error", "no end"],
)
async def test_token_count_prompt_at_which_an_older_version_fails_is_too_long(
    server: ScriptedServer, cut: Answer, letters: int, prompt: int | None
) -> None:
    counting = _Ollama(context=1000)
    server.asides = {"/api/version": as_json({"version": "0.9.3"})}
    server.script = lambda request: counting(request) if _is_count(request) else cut
    chat = ChatOllama(base_url=server.base_url, model="m", num_ctx=1000)
    with pytest.raises(
        ContextLengthError, match="longer than the context of 1000 tokens, and Ollama failed"
    ) as error:
        await chat.ainvoke([HumanMessage("a" * letters)])
    assert (error.value.prompt_tokens, error.value.context_tokens) == (prompt, 1000)
    with pytest.raises((ServerError, StreamBrokenError)):
        chat.invoke([HumanMessage("a" * 600)])


async def test_token_count_continues_where_the_server_fails_at_the_long_prompt_of_another_call(
    server: ScriptedServer,
) -> None:
    counting = _Ollama(context=1000)
    cut = as_json({"error": "model runner has unexpectedly stopped"})
    failing = iter([cut, cut, cut])
    server.asides = {"/api/version": as_json({"version": "0.9.3"})}

    def script(request: Request) -> Answer:
        if request.path == "/api/show":
            return counting(request)
        return next(failing, None) or counting(request) if _is_count(request) else cut

    server.script = script
    with pytest.raises(ContextLengthError) as error:
        await ChatOllama(base_url=server.base_url, model="m", num_ctx=1000, keep_alive=0).ainvoke(
            [HumanMessage("a" * 3000)]
        )
    assert error.value.prompt_tokens == 3000
    assert [body.get("keep_alive") for body in counting.bodies if "messages" in body][-1] == 0
    assert [body.get("keep_alive") for body in counting.bodies if "messages" in body].count(0) == 1


def _is_count(request: Request) -> bool:
    return request.path == "/api/show" or request.body.get("options", {}).get("num_predict") == 1


def test_token_count_length_that_cannot_be_known_is_not_guessed(server: ScriptedServer) -> None:
    server.script = _Ollama(shown=False)
    with pytest.warns(UserWarning, match="does not say"):
        assert ChatOllama(base_url=server.base_url, model="n").get_num_tokens("abc") == 3
    unknown, known = (
        ChatOllama(base_url=server.base_url, model="n", num_ctx=num_ctx) for num_ctx in (None, 4096)
    )
    long: list[BaseMessage] = [HumanMessage("a" * 3000)]
    with pytest.raises(InvalidRequestError, match="Set `num_ctx`"):
        unknown.get_num_tokens("a" * 3000)
    with pytest.raises(InvalidRequestError, match="Set `num_ctx`"):
        unknown.get_num_tokens_from_messages(long)
    assert known.get_num_tokens("a" * 3000) == known.get_num_tokens_from_messages(long) == 3000


def test_token_count_prompt_that_fills_the_models_own_context_raises_whatever_num_ctx_is(
    server: ScriptedServer,
) -> None:
    server.script = _Ollama(context=100)
    with pytest.raises(ContextLengthError, match=r"context of 100 tokens.*takes no more"):
        Ollama(base_url=server.base_url, model="m", num_ctx=4096).invoke("x" * 250)
