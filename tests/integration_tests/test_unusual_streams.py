"""Streams that only some servers send: answers repeated at the end, halves of characters, thoughts
under other keys, media, connections that break or stay open after the end."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from langchain_localllm import ChatLlamafile, ChatOllama, Llamafile, Ollama
from langchain_localllm.testing import paths

from .scripted import Answer, Cut, Part, ScriptedServer, Wait
from .wires import ASIDES, HELLO, WIRES

END: Final = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 4}
CALLS: Final = [{"function": {"name": "paint", "arguments": {"colour": "red"}}}]


def lines(*events: Any) -> bytes:
    """Ollama's form of a stream."""
    return b"".join(
        (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n"
        for event in events
    )


def message(content: str = "", *, end: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "message": {"role": "assistant", "content": content, **more},
        **(END if end else {"done": False}),
    }


def events(*parts: Any) -> bytes:
    """The form of OpenAI's API."""
    data = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    return b"".join(b"data: " + each + b"\n\n" for each in [*data, b"[DONE]"])


def delta(content: Any = None, *, reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": reason}]
    }


def last_message(content: str) -> dict[str, Any]:
    return {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
        ]
    }


STOP: Final = delta(reason="stop")
O_FIRST, O_SECOND = rb'{"message":{"content":"a\ud83d"}}', rb'{"message":{"content":"\ude00b"}}'
T_FIRST, T_SECOND = rb'{"response":"a\uD83D"}', rb'{"response":"\uDE00b"}'
FIRST, SECOND = (
    rb'{"choices":[{"delta":{"content":"a\ud83d"}}]}',
    rb'{"choices":[{"delta":{"content":"\ude00b"}}]}',
)
L_TEXT: Final = (
    b'data: {"content":"a\\ud83d","stop":false}\n\ndata: {"content":"\\ude00b","stop":true}\n\n'
)
WHOLE: Final = rb'{"choices":[{"message":{"content":"a\ud83d"},"finish_reason":"stop"}]}'
FORMS: Final[dict[str, tuple[Any, bytes, str]]] = {
    # a server that repeats the whole answer at its end
    "Ollama repeats the message": (
        ChatOllama,
        lines(message("He"), message("llo"), message("Hello", end=True)),
        "Hello",
    ),
    "Ollama ends with a piece": (
        ChatOllama,
        lines(message("He"), message("llo", end=True)),
        "Hello",
    ),
    "Ollama sends one event": (ChatOllama, lines(message("Hello", end=True)), "Hello"),
    "Ollama repeats the response": (
        Ollama,
        lines({"response": "He"}, {"response": "llo"}, {"response": "Hello", **END}),
        "Hello",
    ),
    "a message after deltas": (
        ChatLlamafile,
        events(delta("He"), delta("llo"), last_message("Hello")),
        "Hello",
    ),
    "a message after one delta": (
        ChatLlamafile,
        events(delta("Hello"), last_message("Hello")),
        "Hello",
    ),
    "a last delta with all": (
        ChatLlamafile,
        events(delta("He"), delta("llo"), delta("Hello", reason="stop")),
        "Hello",
    ),
    "a last delta with the last token": (
        ChatLlamafile,
        events(delta("ha"), delta("ha", reason="stop")),
        "haha",
    ),
    # halves of a character
    "Ollama splits a character": (ChatOllama, lines(O_FIRST, O_SECOND, message(end=True)), "a😀b"),
    "Ollama's text splits one": (Ollama, lines(T_FIRST, T_SECOND, {"response": "", **END}), "a😀b"),
    "Ollama sends half of one": (
        ChatOllama,
        lines(O_FIRST, message("b"), message(end=True)),
        "a\ufffdb",
    ),
    "half of one at the end": (ChatOllama, lines(O_FIRST, message(end=True)), "a\ufffd"),
    "half of one at the end of deltas": (ChatLlamafile, events(FIRST, STOP), "a\ufffd"),
    "the second half alone": (ChatLlamafile, events(SECOND, STOP), "\ufffdb"),
    "an event between the halves": (ChatLlamafile, events(FIRST, delta(""), SECOND, STOP), "a😀b"),
    "llama.cpp's text": (Llamafile, L_TEXT, "a😀b"),
    "half of one in an answer that is not streamed": (ChatLlamafile, WHOLE, "a\ufffd"),
    # what is said in audio
    "a transcript": (
        ChatLlamafile,
        events(delta(audio={"transcript": "Hel"}), delta(audio={"transcript": "lo"}), STOP),
        "Hello",
    ),
}


def on_server(body: bytes, ask: Callable[[str], Any]) -> Any:
    with ScriptedServer(lambda request: ASIDES.get(request.path) or Answer([body])) as server:
        return ask(server.base_url)


@pytest.mark.parametrize("path", sorted(paths.PATHS))
@pytest.mark.parametrize("form", FORMS)
def test_text_of_an_unusual_stream_is_whole_and_comes_once(form: str, path: str) -> None:
    kind, body, text = FORMS[form]
    assert on_server(body, lambda url: paths.PATHS[path](kind(base_url=url), "Hi")) == text
    text.encode()


@pytest.mark.parametrize("path", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize("after", [Cut(), Wait()], ids=["cut", "left open"])
@pytest.mark.parametrize("kind", sorted(WIRES))
def test_stream_that_has_ended_is_whole_whatever_becomes_of_its_connection(
    kind: str, after: Part, path: str
) -> None:
    wire = WIRES[kind]
    answer = wire.streamed(*map(wire.token, HELLO), wire.ending(), after)
    with ScriptedServer(lambda request: ASIDES.get(request.path) or answer) as server:
        # the silence does not count, since nothing is missing
        llm = wire.make(base_url=server.base_url, max_retries=0, timeout=5)
        for _ in range(2):
            assert paths.PATHS[path](llm, "Hi") == "".join(HELLO)


@pytest.mark.parametrize("path", ["invoke", "astream"])
@pytest.mark.parametrize("kind", sorted(WIRES))
def test_stream_that_has_ended_gives_its_connection_back(kind: str, path: str) -> None:
    wire = WIRES[kind]
    # the end of the body comes after the end of the answer
    answer = wire.streamed(*map(wire.token, HELLO), wire.ending(), Wait(0.05))
    with (
        ScriptedServer(lambda request: ASIDES.get(request.path) or answer) as server,
        paths.one_event_loop(),
    ):
        llm = wire.make(base_url=server.base_url)
        paths.PATHS[path](llm, "Hi")
        before = server.connections
        paths.PATHS[path](llm, "Hi")
        assert server.connections == before


@pytest.mark.parametrize("key", ["thinking", "reasoning", "reasoning_content"])
def test_stream_thoughts_of_ollama_under_any_key_are_kept_once(key: str) -> None:
    first: dict[str, Any] = {key: "Hm"}
    second: dict[str, Any] = {key: " \ud83d"}  # json.dumps writes it as an escape
    third: dict[str, Any] = {key: "\ude00"}
    body = lines(
        message(**first),
        message(**second),
        message(**third),
        message("Yes."),
        message("Yes.", end=True),
    )
    answer = on_server(body, lambda url: ChatOllama(base_url=url).invoke("Hi"))
    assert (answer.text, answer.additional_kwargs["reasoning_content"]) == ("Yes.", "Hm 😀")


def test_stream_thoughts_and_calls_that_ollama_repeats_at_the_end_come_once() -> None:
    body = lines(
        message(thinking="Hm"),
        message(tool_calls=CALLS),
        message(end=True, thinking="Hm", tool_calls=CALLS),
    )
    answer = on_server(body, lambda url: ChatOllama(base_url=url).invoke("Hi"))
    assert answer.additional_kwargs["reasoning_content"] == "Hm"
    assert [call["args"] for call in answer.tool_calls] == [{"colour": "red"}]
    body = lines(message(tool_calls=CALLS), message(tool_calls=CALLS), message(end=True))
    assert len(on_server(body, lambda url: ChatOllama(base_url=url).invoke("Hi")).tool_calls) == 2


def test_stream_character_that_is_split_in_arguments_is_joined() -> None:
    first = (
        rb'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f",'
        rb'"arguments":"{\"a\": \"\ud83d"}}]}}]}'
    )
    second = (
        rb'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":'
        rb'"\ude00\"}"}}]}}]}'
    )
    answer = on_server(
        events(first, second, delta(reason="tool_calls")),
        lambda url: ChatLlamafile(base_url=url).invoke("Hi"),
    )
    assert answer.tool_calls[0]["args"] == {"a": "😀"}


PICTURE: Final = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


@pytest.mark.parametrize(
    ("kind", "body", "word"),
    [
        (ChatLlamafile, events(delta("Yes."), delta(audio={"data": "aGk="}), STOP), "audio"),
        (ChatLlamafile, events(delta("Yes."), delta(images=[PICTURE]), STOP), "images"),
        (ChatLlamafile, events(delta([PICTURE]), delta("Yes."), STOP), "images"),
        (ChatOllama, lines(message("Yes.", images=["aGk="]), message(end=True)), "images"),
    ],
)
def test_stream_media_in_an_answer_is_reported(kind: Any, body: bytes, word: str) -> None:
    with pytest.warns(UserWarning, match=f"sent {word}"):
        assert on_server(body, lambda url: kind(base_url=url).invoke("Hi")).text == "Yes."
