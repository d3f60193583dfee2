"""Messages and tools as engines take them; what cannot be sent is refused before anything is."""

import base64
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    convert_to_openai_messages,
)
from langchain_core.tools import BaseTool

from langchain_localllm.base.content import check_parts
from langchain_localllm.base.messages import to_openai, with_markers, with_parsed_arguments
from langchain_localllm.base.tools import call_schema, openai_tools
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError
from tests.unit_tests.fakes import FakeChat, FakeChatOllama

CALL = {"name": "add", "args": {"a": 1}, "id": "1", "type": "tool_call"}
BAD = {"name": "add", "args": '{"a": 1', "id": "2", "error": None, "type": "invalid_tool_call"}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0000000000").decode()
WAV = base64.b64encode(b"RIFF0000WAVEfmt ").decode()
PICTURE: dict[str, Any] = {
    "type": "image_url",
    "image_url": {"url": f"data:image/png;base64,{PNG}"},
}
SOUND = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
FILM = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
PDF = {
    "type": "file",
    "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
}
NOTE = base64.b64encode("Grüezi".encode()).decode()


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


BLOCKS: list[tuple[Any, dict[str, Any]]] = [
    ("a", text("a")),
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, text("a")),
    ({"type": "text", "source_type": "text", "text": "a"}, text("a")),
    ({"text": "a"}, text("a")),
    ({"type": "input_text", "text": "a"}, text("a")),
    ({"type": "refusal", "refusal": "No."}, text("No.")),
    ({"type": "text-plain", "text": "a", "title": "T", "mime_type": "text/plain"}, text("T\na")),
    ({"type": "text-plain", "base64": NOTE, "mime_type": "text/plain"}, text("Grüezi")),
    ({"type": "json", "json": {"a": 1}}, text('{"a": 1}')),
    ({"type": "guard_content", "guard_content": {"text": "a"}}, text("a")),
    ({"type": "guard_content", "guard_content": {"text": {"text": "a"}}}, text("a")),
    ({"type": "reasoning", "reasoning": "Hm."}, text("Hm.")),
    ({"type": "non_standard", "value": {"odd": 1}}, text('{"odd": 1}')),
    ({"type": "non_standard", "value": PICTURE}, PICTURE),
    (PICTURE, PICTURE),
    ({"type": "image_url", "image_url": PICTURE["image_url"]["url"]}, PICTURE),
    ({"type": "image_url", "image_url": PNG}, PICTURE),
    (
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {**PICTURE["image_url"], "detail": "low"}},
    ),
    ({"type": "input_image", "image_url": PICTURE["image_url"]["url"]}, PICTURE),
    ({"type": "image", "base64": PNG, "mime_type": "image/png"}, PICTURE),
    ({"type": "image", "base64": PNG}, PICTURE),
    ({"type": "image", "url": PICTURE["image_url"]["url"]}, PICTURE),
    (
        {"type": "image", "base64": JPEG},
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{JPEG}"}},
    ),
    ({"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"}, PICTURE),
    ({"type": "image", "source_type": "url", "url": PICTURE["image_url"]["url"]}, PICTURE),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        PICTURE,
    ),
    ({"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}, PICTURE),
    ({"type": "media", "mime_type": "image/png", "data": PNG}, PICTURE),
    ({"type": "media", "mime_type": "audio/wav", "data": WAV}, SOUND),
    (SOUND, SOUND),
    ({"type": "audio", "base64": WAV, "mime_type": "audio/x-wav"}, SOUND),
    ({"type": "audio", "base64": WAV}, SOUND),
    ({"type": "audio", "source_type": "base64", "data": WAV, "mime_type": "audio/wav"}, SOUND),
    (
        {"type": "audio", "base64": "AAAA", "mime_type": "audio/mpeg"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ),
    ({"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{WAV}"}}, SOUND),
    ({"type": "video", "base64": "AAAA", "mime_type": "video/mp4"}, FILM),
    (FILM, FILM),
    (PDF, PDF),
    ({"type": "file", "base64": "AAAA", "mime_type": "application/pdf", "filename": "a.pdf"}, PDF),
    (
        {
            "type": "file",
            "base64": "AAAA",
            "mime_type": "application/pdf",
            "extras": {"filename": "a.pdf"},
        },
        PDF,
    ),
    (
        {
            "type": "file",
            "source_type": "base64",
            "data": "AAAA",
            "mime_type": "application/pdf",
            "metadata": {"filename": "a.pdf"},
        },
        PDF,
    ),
    ({"type": "file", "source_type": "text", "text": "a", "mime_type": "text/plain"}, text("a")),
    ({"type": "file", "base64": NOTE, "mime_type": "text/markdown"}, text("Grüezi")),
    (
        {"type": "document", "source": {"type": "text", "data": "a", "media_type": "text/plain"}},
        text("a"),
    ),
    (
        {"type": "document", "source": {"type": "content", "content": [text("a"), text("b")]}},
        text("a\nb"),
    ),
    (
        {"type": "document", "source": {"type": "content", "content": "a"}, "title": "T"},
        text("T\na"),
    ),
    ({"document": {"format": "txt", "name": "T", "source": {"text": "a"}}}, text("a")),
    (
        {
            "type": "file",
            "file": {"file_data": f"data:text/plain;base64,{NOTE}", "filename": "a.txt"},
        },
        text("Grüezi"),
    ),
    ({"type": "file", "base64": NOTE, "mime_type": "application/json"}, text("Grüezi")),
    (
        {"type": "file", "base64": NOTE, "mime_type": "application/atom+xml; charset=utf-8"},
        text("Grüezi"),
    ),
    ({"type": "file", "base64": NOTE, "extras": {"filename": "a.md"}}, text("Grüezi")),
    (
        {
            "type": "search_result",
            "source": "a.txt",
            "title": "T",
            "content": [text("a"), text("b")],
        },
        text("T\na.txt\na\nb"),
    ),
    (
        {"type": "file", "file": {"file_data": "data:text/plain;base64,", "filename": "empty.txt"}},
        text(""),
    ),
    (
        {
            "type": "file",
            "file": {"file_data": "data:application/msword;base64,AAAA", "filename": "a.doc"},
        },
        {
            "type": "file",
            "file": {"file_data": "data:application/msword;base64,AAAA", "filename": "a.doc"},
        },
    ),
    (
        {
            "type": "document",
            "source": {"type": "base64", "data": "AAAA", "media_type": "application/pdf"},
            "title": "x",
            "filename": "a.pdf",
        },
        PDF,
    ),
]
"""Content blocks that people have, and the parts that engines are given."""


@pytest.mark.parametrize(
    ("block", "part"), BLOCKS, ids=[json.dumps(block, default=str)[:70] for block, _ in BLOCKS]
)
@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage, AIMessage, "tool", "custom"])
def test_messages_content_block_of_any_provider_in_any_role_becomes_a_part(
    block: Any, part: dict[str, Any], kind: Any
) -> None:
    if kind == "tool":
        message: BaseMessage = ToolMessage([block], tool_call_id="1")
    elif kind == "custom":
        message = ChatMessage(role="critic", content=[block])
    else:
        message = kind([block])
    if kind is AIMessage and isinstance(block, dict) and block.get("type") == "reasoning":
        assert to_openai([message])[0]["reasoning_content"] == part["text"]
        return
    assert to_openai([message])[0]["content"] == (
        part["text"] if part["type"] == "text" else [part]
    )


@pytest.mark.parametrize(
    ("block", "part"), BLOCKS, ids=[json.dumps(block, default=str)[:70] for block, _ in BLOCKS]
)
def test_messages_content_block_reaches_the_server_on_every_path(
    block: Any, part: dict[str, Any]
) -> None:
    chat, message = FakeChat(), HumanMessage(["See", block])
    chat.invoke([message])
    list(chat.stream([message]))
    chat.generate([[message]])
    expected = f"See\n{part['text']}" if part["type"] == "text" else [text("See"), part]
    assert [(sent.body or {})["messages"][0]["content"] for sent in chat.asked] == [expected] * 3
    assert message.content == ["See", block]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": ["text"]}, "whose type is a list"),
        (
            {"type": "image", "source_type": "base64", "mime_type": "image/png"},
            "An image has no data",
        ),
        ({"type": "image", "source_type": "url"}, "An image has no data"),
        ({"type": "guard_content", "guard_content": 5}, "no text under 'text'"),
        (
            {"type": "tool_result", "tool_use_id": "1", "content": 5},
            "content of a message is a int",
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            "nothing is downloaded",
        ),
        ({"type": "image_url", "image_url": "https://example.org/a.png"}, "nothing is downloaded"),
        (
            {"type": "image_url", "image_url": "/home/me/a.png"},
            "An image is given as an address or a path",
        ),
        ({"type": "image_url", "image_url": {}}, "An image has no data"),
        ({"type": "image_url"}, "An image has no data"),
        (
            {"type": "image", "base64": "", "mime_type": "image/png"},
            "An image has no data: its block holds .*an empty 'base64'",
        ),
        ({"type": "image_url", "image_url": "data:image/png;base64,"}, "An image has no data"),
        (
            {"type": "document", "source": {"type": "content", "content": [PICTURE]}},
            "A file has no data",
        ),
        ({"type": "image_url", "image_url": "data:image/svg+xml,<svg/>"}, "not base64"),
        ({"type": "image", "url": "https://example.org/a.png"}, "nothing is downloaded"),
        ({"type": "image", "file_id": "file-1"}, "id of a file on a provider"),
        ({"type": "image", "source_type": "id", "id": "file-1"}, "id of a file on a provider"),
        (
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            "nothing is downloaded",
        ),
        ({"type": "audio", "url": "https://example.org/a.wav"}, "Audio is given as an address"),
        ({"type": "video", "url": "https://example.org/a.mp4"}, "A video is given as an address"),
        ({"type": "file", "url": "https://example.org/a.pdf"}, "A file is given as an address"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "id of a file on a provider"),
        ({"type": "text"}, "no text under 'text'"),
        ({"type": "text", "text": None}, "no text under 'text'"),
        ({"type": "server_tool_result", "output": 1}, "block of the type 'server_tool_result'"),
        ({"colour": "red"}, "block of unknown type, with the keys 'colour'"),
        ({"type": None, "text": 5}, "type is a NoneType"),
    ],
)
def test_messages_block_without_its_data_is_refused_with_the_reason(block: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        FakeChat().invoke([HumanMessage(["See", block])])


def test_texts_of_content_blocks_become_one_text() -> None:
    parts: list[Any] = ["a", text("b")]
    assert to_openai([HumanMessage(parts)]) == [{"role": "user", "content": "a\nb"}]


def test_messages_images_keep_their_place() -> None:
    picture = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    (message,) = to_openai([HumanMessage([text("See"), picture])])
    assert message["content"] == [text("See"), PICTURE]
    (marked,), images = with_markers([message], "the engine")
    assert marked["content"] == f"See{next(iter(images))}"


def test_messages_converted_by_langchain_give_the_same() -> None:
    history: list[BaseMessage] = [
        SystemMessage("Be brief."),
        HumanMessage(
            [text("See"), {"type": "image", "base64": PNG, "mime_type": "image/png"}], name="ada"
        ),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("2", tool_call_id="1", name="add", status="error", artifact={"kept": "here"}),
        AIMessage([text("It is"), text("2.")]),
        HumanMessage(""),
    ]
    ours = to_openai(history)
    assert ours == convert_to_openai_messages(history)


def test_messages_calls_thoughts_and_results_of_a_history_are_sent() -> None:
    blocks: list[Any] = [{"type": "reasoning", "reasoning": "Hm."}, text("x"), {**CALL}]
    history: list[BaseMessage] = [
        SystemMessage("Be brief."),
        AIMessage(blocks, tool_calls=[CALL]),
        ToolMessage([text("2")], tool_call_id="1", name="add"),
        AIMessage("y", additional_kwargs={"reasoning_content": "So."}),
        HumanMessage("z"),
    ]
    _, asked, result, last, _ = to_openai(history)
    assert (asked["content"], asked["reasoning_content"]) == ("x", "Hm.")
    assert asked["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert with_parsed_arguments([asked])[0]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert (result["content"], result["tool_call_id"]) == ("2", "1")
    assert last["reasoning_content"] == "So."


@pytest.mark.parametrize(
    ("message", "thought"),
    [
        (AIMessage([{"type": "thinking", "thinking": "Hm.", "signature": "x"}, text("y")]), "Hm."),
        (
            AIMessage(
                [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                    text("y"),
                ]
            ),
            "Hm.",
        ),
        (
            AIMessage(
                [
                    {
                        "type": "reasoning_content",
                        "reasoning_content": {"text": "Hm.", "signature": "x"},
                    },
                    text("y"),
                ]
            ),
            "Hm.",
        ),
        (AIMessage([{"type": "redacted_thinking", "data": "encrypted"}, text("y")]), None),
        (AIMessage("y", additional_kwargs={"reasoning_content": "Hm."}), "Hm."),
    ],
)
def test_messages_thoughts_of_any_provider_are_given_back(
    message: AIMessage, thought: str | None
) -> None:
    entry = to_openai([message])[0]
    assert (entry["content"], entry.get("reasoning_content")) == ("y", thought)


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("", tool_calls=[CALL]),
        AIMessage([{**CALL}]),
        AIMessage([{**CALL}], tool_calls=[CALL]),
        AIMessage([{"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}]),
        AIMessage(
            [{"type": "function_call", "call_id": "1", "name": "add", "arguments": '{"a": 1}'}]
        ),
        AIMessage(
            [{"type": "tool_call_chunk", "id": "1", "name": "add", "args": '{"a": 1}', "index": 0}]
        ),
        AIMessage(
            [{"type": "non_standard", "value": {"type": "text", "text": ""}}], tool_calls=[CALL]
        ),
        AIMessage(
            "",
            additional_kwargs={
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 1}'},
                    }
                ]
            },
        ),
    ],
)
def test_messages_call_in_any_form_is_sent_once(message: AIMessage) -> None:
    entries = to_openai([message, ToolMessage("2", tool_call_id="1")])
    assert entries[0]["tool_calls"] == [
        {"type": "function", "id": "1", "function": {"name": "add", "arguments": '{"a": 1}'}}
    ]
    assert entries[0]["content"] == ""
    assert entries[1] == {"role": "tool", "tool_call_id": "1", "name": "add", "content": "2"}


def test_messages_unreadable_call_is_sent_with_its_result() -> None:
    history = [
        AIMessage("", tool_calls=[CALL], invalid_tool_calls=[BAD]),
        ToolMessage("malformed", tool_call_id="2"),
    ]
    asked, result = with_parsed_arguments(to_openai(history))
    assert asked["tool_calls"][1]["id"] == result["tool_call_id"] == "2"
    assert asked["tool_calls"][1]["function"] == {
        "name": "add",
        "arguments": {"unreadable_arguments": '{"a": 1'},
    }


@pytest.mark.parametrize("args", [{"x": math.nan}, {"x": [math.inf]}])
def test_to_openai_arguments_that_json_does_not_have_are_sent_as_text(args: dict[str, Any]) -> None:
    asked, _ = with_parsed_arguments(
        to_openai([AIMessage("", tool_calls=[{**CALL, "args": args}])])
    )
    assert asked["tool_calls"][0]["function"]["arguments"] == {
        "unreadable_arguments": json.dumps(args)
    }


@pytest.mark.parametrize("block", [{"cachePoint": {"type": "default"}}, {"type": "cache_point"}])
def test_to_openai_marks_of_what_to_cache_are_omitted(block: dict[str, Any]) -> None:
    assert to_openai([SystemMessage([text("a"), block]), HumanMessage([block, "b"])]) == [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_messages_results_come_in_the_order_of_their_calls_with_their_names() -> None:
    calls = [{**CALL, "id": each, "name": f"tool{each}"} for each in ("a", "b", "c")]
    results = [ToolMessage(f"of {each}", tool_call_id=each) for each in ("c", "a", "b")]
    _, *sent = to_openai([AIMessage("", tool_calls=calls), *results])
    assert [(each["content"], each["name"]) for each in sent] == [
        ("of a", "toola"),
        ("of b", "toolb"),
        ("of c", "toolc"),
    ]


def test_messages_result_in_the_users_message_becomes_one() -> None:
    block = {"type": "tool_result", "tool_use_id": "1", "content": [text("2")]}
    _, result, human = to_openai(
        [AIMessage("", tool_calls=[CALL]), HumanMessage([block, text("And now?")])]
    )
    assert (result["role"], result["content"], human["content"]) == ("tool", "2", "And now?")


def test_messages_function_message_answers_the_call_of_its_name() -> None:
    called = AIMessage(
        "", additional_kwargs={"function_call": {"name": "add", "arguments": '{"a": 1}'}}
    )
    asked, result = to_openai([called, FunctionMessage(content="2", name="add")])
    assert result == {
        "role": "tool",
        "tool_call_id": asked["tool_calls"][0]["id"],
        "name": "add",
        "content": "2",
    }
    assert len(result["tool_call_id"]) == 9


@pytest.mark.parametrize("call_id", [None, ""])
@pytest.mark.parametrize("named", [True, False])
def test_to_openai_results_without_ids_answer_the_calls_in_order(
    call_id: Any, *, named: bool
) -> None:
    calls = [{**CALL, "id": call_id, "name": name} for name in ("add", "see")]
    results = [
        ToolMessage(f"of {name}", tool_call_id="", name=name if named else None)
        for name in ("add", "see")
    ]
    asked, *sent = to_openai(
        [AIMessage("", tool_calls=calls), *(reversed(results) if named else results)]
    )
    assert [each["content"] for each in sent] == ["of add", "of see"]
    assert [each["tool_call_id"] for each in sent] == [call["id"] for call in asked["tool_calls"]]


@pytest.mark.parametrize(
    "result",
    [
        ChatMessage(role="tool", content="2"),
        HumanMessage([{"type": "tool_result", "content": "2"}]),
        ToolMessage("2", tool_call_id=""),
        FunctionMessage(content="2", name="add"),
    ],
)
def test_to_openai_a_result_without_an_id_answers_the_only_open_call_or_is_refused(
    result: BaseMessage,
) -> None:
    asked = AIMessage("", tool_calls=[{**CALL, "id": "7"}])
    assert (
        to_openai([AIMessage("", tool_calls=[CALL]), HumanMessage("x"), asked, result])[-1][
            "tool_call_id"
        ]
        == "7"
    )
    with pytest.raises(
        InvalidRequestError, match=r"(a tool message|the tool 'add') without the id of a call"
    ):
        to_openai([AIMessage("x"), result])


def test_messages_history_that_was_trimmed_may_begin_with_a_result() -> None:
    system, result, human = to_openai(
        [SystemMessage("x"), ToolMessage("2", tool_call_id="9"), HumanMessage("Hi")]
    )
    assert (system["role"], result["role"], human["role"]) == ("system", "tool", "user")


@pytest.mark.parametrize("last", [AIMessage("x"), AIMessage("", tool_calls=[CALL]), AIMessage("")])
def test_messages_conversation_that_ends_with_an_answer_asks_for_another(last: AIMessage) -> None:
    assert to_openai([HumanMessage("Hi"), last])[-1] == {"role": "user", "content": ""}


@pytest.mark.parametrize(
    "last",
    [HumanMessage("x"), AIMessage(""), AIMessage("x", tool_calls=[CALL]), AIMessage([PICTURE])],
)
def test_messages_only_the_text_of_an_answer_can_be_continued(last: BaseMessage) -> None:
    assert to_openai([HumanMessage("Hi"), AIMessage("x")], continue_final=True)[-1] == {
        "role": "assistant",
        "content": "x",
    }
    with pytest.raises(InvalidRequestError, match="ends with an AI message with text"):
        to_openai([HumanMessage("Hi"), last], continue_final=True)


@pytest.mark.parametrize(
    ("role", "sent"),
    [
        *[("human", "user"), ("ai", "assistant"), ("developer", "system"), ("critic", "critic")],
        *[("User", "user"), ("SYSTEM", "system"), ("AI", "assistant"), ("Critic", "Critic")],
    ],
)
def test_messages_role_is_sent_under_the_name_that_engines_know(role: str, sent: str) -> None:
    assert to_openai([ChatMessage(role=role, content="x")])[0]["role"] == sent


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "no messages"),
        ([ChatMessage(role="", content="x")], "empty role"),
        ([RemoveMessage(id="1")], "RemoveMessage is not part of a conversation"),
        (
            [AIMessage("", tool_calls=[CALL]), ToolMessage("2", tool_call_id="9")],
            "no earlier message made it",
        ),
    ],
)
def test_messages_content_that_no_model_accepts_is_refused(
    messages: list[BaseMessage], words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        to_openai(messages)


@pytest.mark.parametrize(
    "extras", [{"refusal": "No."}, {"audio": {"id": "a", "transcript": "No."}}]
)
def test_messages_refusals_and_transcripts_of_openai_are_text(extras: dict[str, Any]) -> None:
    assert (
        to_openai([HumanMessage("Go"), AIMessage("", additional_kwargs=extras), HumanMessage("?")])[
            1
        ]["content"]
        == "No."
    )
    assert (
        to_openai(
            [HumanMessage("Go"), AIMessage("Yes", additional_kwargs=extras), HumanMessage("?")]
        )[1]["content"]
        == "Yes"
    )


def test_messages_input_whose_call_is_not_json_names_the_call() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{a"}}
    with pytest.raises(InvalidRequestError, match="arguments of a call are not valid JSON"):
        FakeChat().invoke([{"role": "assistant", "content": "", "tool_calls": [call]}])


UNREADABLE: list[Any] = [
    [("wizard", "x")],
    [{"role": "wizard", "content": "x"}],
    [{"content": "x"}],
    5,
    [5],
    [("user", None)],
    [{"role": "tool", "content": "x"}],
    [{"role": "assistant", "content": "", "tool_calls": [{}]}],
    [{"role": "assistant", "content": "", "tool_calls": "x"}],
]


@pytest.mark.parametrize("given", UNREADABLE)
def test_messages_input_of_another_type_is_refused_on_every_path(given: Any) -> None:
    chat = FakeChat()
    for call in (
        chat.invoke,
        lambda given: list(chat.stream(given)),
        lambda given: chat.batch([given]),
    ):
        with pytest.raises(InvalidRequestError, match="cannot be read as messages"):
            call(given)


@pytest.mark.parametrize(
    ("part", "words"), [(PICTURE, "an image"), (SOUND, "audio"), (FILM, "a video"), (PDF, "a file")]
)
def test_messages_engine_that_accepts_only_text_says_what_it_lacks(
    part: dict[str, Any], words: str
) -> None:
    with pytest.raises(
        InvalidRequestError,
        match=f"holds {words}, which the tiny model does not accept. It accepts only text",
    ):
        check_parts([{"role": "user", "content": [part]}], ("text",), "the tiny model")


@pytest.mark.parametrize(("part", "words"), [(SOUND, "audio"), (FILM, "a video"), (PDF, "a file")])
def test_messages_ollama_accepts_only_text_and_images(part: dict[str, Any], words: str) -> None:
    chat = FakeChatOllama(model="m")
    with pytest.raises(
        InvalidRequestError,
        match=f"{words}, which Ollama does not accept. It accepts only text and images",
    ):
        chat.invoke([HumanMessage([part])])


@pytest.mark.parametrize("part", [PICTURE, SOUND, FILM, PDF])
def test_messages_server_is_sent_parts_of_all_types(part: dict[str, Any]) -> None:
    chat = FakeChat()
    chat.invoke([HumanMessage(["See", part])])
    assert (chat.asked[0].body or {})["messages"][0]["content"] == [text("See"), part]


def test_messages_ollama_cannot_continue_a_message_and_says_so() -> None:
    with pytest.raises(InvalidRequestError, match="Ollama cannot be asked to continue"):
        FakeChatOllama(model="m", continue_final_message=True).invoke(
            [("user", "Hi"), ("ai", "He")]
        )


def test_messages_server_is_asked_to_continue_by_name() -> None:
    chat = FakeChat()
    chat.invoke([("user", "Hi"), ("ai", "He")], continue_final_message=True)
    chat.invoke([("user", "Hi"), ("ai", "He")], continue_final_message=False)
    continued, answered = (sent.body or {} for sent in chat.asked)
    assert (continued["continue_final_message"], continued["add_generation_prompt"]) == (
        True,
        False,
    )
    assert continued["messages"][-1]["role"] == "assistant"
    assert answered["messages"][-1]["role"] == "user"
    assert "continue_final_message" not in answered


# --- tools ---


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


def tool(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": "",
            "parameters": {"type": "object", "properties": {}},
        },
    }


class Recorder(BaseTool):
    name: str = "record"
    description: str = "Record."

    def _run(self) -> None: ...


def takes_a_function(run: Callable[[int], int]) -> None:
    """Run it."""


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ([tool("my tool")], "such as 'my_tool'"),
        ([tool("")], "such as 'tool'"),
        ([tool("a" * 129)], "up to 128"),
        ([5], "This is not a tool"),
        ([{"type": "function", "function": None}], "must be a dict with a `name`, not None"),
        ([{"type": "function", "function": {}}], "must be a dict with a `name`"),
        (
            [{"type": "function", "function": {"name": "x", "parameters": "y"}}],
            "must be a JSON schema, a dict, not 'y'",
        ),
        (
            [{"type": "function", "function": {"name": "x", "parameters": []}}],
            "must be a JSON schema",
        ),
        (
            [{"name": "x", "parameters": {"default": object()}}],
            "The tool 'x' cannot be written as JSON",
        ),
        (
            [{"name": "x", "parameters": {"type": "string"}}],
            "have the type 'string'. They are always an object",
        ),
        (
            [{"name": "x", "parameters": {"properties": [{"name": "a"}]}}],
            "at /properties, .* is not of type 'object'",
        ),
        (
            [{"name": "x", "parameters": {"required": "a"}}],
            "at /required, 'a' is not of type 'array'",
        ),
        (
            [{"name": "x", "description": 5, "parameters": {}}],
            "The description of the tool 'x' must be a text, not 5",
        ),
        ([Recorder], "Recorder is a class of tools. Give an instance of it"),
        ([takes_a_function], "takes_a_function cannot be written as a JSON schema"),
        ([{"type": "web_search"}], "'web_search' runs at a provider"),
        (
            [{"type": "web_search_20250305", "name": "web_search"}],
            "'web_search_20250305' runs at a provider",
        ),
        ([{"colour": "red"}], "This is not a tool"),
        (
            [{"name": "x", "params": {"type": "object", "properties": {}}}],
            "the schema of 'x' is under 'params'",
        ),
    ],
)
def test_messages_object_that_is_not_a_tool_is_refused(tools: list[Any], words: str) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        FakeChat().bind_tools(tools)


@pytest.mark.parametrize(
    ("choice", "offered", "sent"),
    [
        (None, ["add", "see"], None),
        ("auto", ["add", "see"], "auto"),
        ("none", ["add", "see"], "none"),
        ("any", ["add", "see"], "required"),
        ("required", ["add", "see"], "required"),
        (True, ["add", "see"], "required"),
        (False, ["add", "see"], None),
        ("see", ["see"], "required"),
        ({"type": "function", "function": {"name": "see"}}, ["see"], "required"),
        ({"type": "tool", "name": "add"}, ["add"], "required"),
    ],
)
def test_choice_of_tools_reaches_the_engine(
    choice: Any, offered: list[str], sent: str | None
) -> None:
    chat = FakeChat()
    chat.bind_tools([add, tool("see")], tool_choice=choice).invoke("Hi")
    body = chat.asked[0].body or {}
    assert [each["function"]["name"] for each in body["tools"]] == offered
    assert body.get("tool_choice") == sent


@pytest.mark.parametrize(
    "choice",
    ["see", "", "ANY", 1, ["add"], {}, {"tool": {"name": "add"}}, {"type": "allowed_tools"}],
)
def test_messages_choice_that_matches_no_tool_is_refused(choice: Any) -> None:
    with pytest.raises(
        InvalidOptionError, match=r"does not match any tool\. Use auto, none, any, or one of: add"
    ):
        FakeChat().bind_tools([add], tool_choice=choice)


PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({"type": "function", "name": "x", "parameters": PARAMETERS}, PARAMETERS),
        (
            {
                "type": "function",
                "function": {"name": "x", "description": None, "parameters": PARAMETERS},
            },
            PARAMETERS,
        ),
        ({"name": "x", "input_schema": PARAMETERS}, PARAMETERS),
        ({"type": "custom", "name": "x", "input_schema": PARAMETERS}, PARAMETERS),
        ({"title": "x", **PARAMETERS}, PARAMETERS),
        (
            {"name": "x", "inputSchema": PARAMETERS, "annotations": {"readOnlyHint": True}},
            PARAMETERS,
        ),
        ({"name": "x", "description": "Do it."}, None),
        ({"type": "function", "function": {"name": "x", "parameters": None}}, None),
        ({"type": "function", "function": {"name": "x"}}, None),
    ],
)
def test_openai_tools_reads_functions_of_every_api(
    given: dict[str, Any], parameters: Any, *, strict: bool | None
) -> None:
    (function,) = (each["function"] for each in openai_tools([given], strict=strict))
    assert function["name"] == "x"
    assert None not in function.values()
    if strict is None:
        assert function.get("parameters") == parameters


@pytest.mark.parametrize(
    "parameters",
    [{"type": "object", "properties": None, "required": None}, {"type": "object"}, None],
)
@pytest.mark.parametrize("chat", [FakeChat, partial(FakeChatOllama, model="m")])
def test_messages_tool_whose_parameters_are_null_is_offered(chat: Any, parameters: Any) -> None:
    given = {"type": "function", "function": {"name": "x", "parameters": parameters}}
    for choice in (None, "any"):
        chat().invoke("Hi", tools=[given], tool_choice=choice)


def test_messages_choice_without_tools_is_not_sent() -> None:
    chat = FakeChat()
    chat.bind_tools([], tool_choice="any").invoke("Hi")
    assert {"tools", "tool_choice"}.isdisjoint(chat.asked[0].body or {})


def test_messages_schema_of_a_call_holds_name_and_arguments() -> None:
    (one,) = openai_tools([add])
    schema = call_schema([one])
    assert schema["properties"]["name"] == {"const": "add"}
    assert schema["properties"]["arguments"]["required"] == ["a"]
    assert call_schema([one, tool("see")])["anyOf"] == [
        call_schema([one]),
        call_schema([tool("see")]),
    ]
    assert "parameters" in call_schema([one], "parameters")["properties"]


def test_messages_definitions_of_parameters_are_at_the_top_of_the_schema() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"type": "null"}},
    }
    schema = call_schema([{"type": "function", "function": {"name": "go_on", "parameters": node}}])
    assert schema["$defs"] == {"def-node": {"type": "null"}}
    assert schema["properties"]["arguments"]["properties"]["next"] == {"$ref": "#/$defs/def-node"}
