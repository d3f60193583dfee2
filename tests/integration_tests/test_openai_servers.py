"""`ChatLlamafile` on servers that speak llama.cpp's own API, and on those that speak OpenAI's
only."""

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain_core.messages import HumanMessage

from langchain_localllm import (
    ChatLlamafile,
    ChatOllama,
    Llamafile,
    LlamafileEmbeddings,
    LocalServer,
    OllamaEmbeddings,
)
from langchain_localllm.errors import InvalidRequestError, ServerError

from .scripted import Answer, Request, Script, ScriptedServer, as_json
from .wires import ASIDES

PICTURE = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}


def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return colour


def light(on: bool) -> bool:
    """Switch the light."""
    return on


def test_forced_call_is_enforced_by_llama_cpp(chat_server: LocalServer) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url, temperature=0, max_tokens=120)
    forced = chat.bind_tools([paint, light], tool_choice="any")
    full: Any = None
    for chunk in forced.stream("Hello!"):
        full = chunk if full is None else full + chunk
    for answer in (forced.invoke("Hello!"), full):
        (call,) = answer.tool_calls
        assert call["args"] in (
            [{"colour": "red"}, {"colour": "green"}]
            if call["name"] == "paint"
            else [{"on": True}, {"on": False}]
        )
        assert answer.text == ""
        assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_openai_server_image_for_a_text_only_model_is_refused(chat_server: LocalServer) -> None:
    with pytest.raises(InvalidRequestError, match="does not support images"):
        ChatLlamafile(base_url=chat_server.base_url).invoke(
            [HumanMessage([{"type": "text", "text": "See"}, PICTURE])]
        )


def events(*deltas: dict[str, Any], reason: str) -> Answer:
    choices = [
        *({"delta": delta, "index": 0} for delta in deltas),
        {"delta": {}, "index": 0, "finish_reason": reason},
    ]
    parts = [
        b"data: " + json.dumps({"choices": [choice], "model": "m"}).encode() + b"\n\n"
        for choice in choices
    ]
    return Answer((*parts, b"data: [DONE]\n\n"), headers={"Content-Type": "text/event-stream"})


CALL = {"index": 0, "id": "a1", "function": {"name": "paint", "arguments": '{"colour": "red"}'}}
NO_PATH = {"error": "Unexpected endpoint or method. (GET /props)"}


@pytest.mark.parametrize("status", [200, 404, 405, 400])
@pytest.mark.parametrize(
    "deltas",
    [
        [{"tool_calls": [CALL]}],
        [{"content": '{"name": "paint", "arguments": {"co'}, {"content": 'lour": "red"}}'}],
    ],
)
def test_openai_server_that_speaks_only_openais_api_is_asked_in_its_way(
    status: int, deltas: list[dict[str, Any]]
) -> None:
    def script(request: Request) -> Answer:
        return (
            as_json(NO_PATH, status)
            if request.path == "/props?model=m"
            else events(*deltas, reason="stop")
        )

    with ScriptedServer(script) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m").bind_tools(
            [paint, light], tool_choice="any"
        )
        for _ in range(2):
            assert chat.invoke("Hello!").tool_calls[0]["args"] == {"colour": "red"}
        chat.invoke("Hello!", max_tokens=7)  # through a copy
        assert [request.path for request in server.requests].count("/props?model=m") == 1
        assert server.requests[-1].body["tool_choice"] == "required"
        assert "response_format" not in server.requests[-1].body


@pytest.mark.parametrize(
    ("answers", "count", "asked"),
    [
        ({"/tokenize": {"count": 31, "tokens": [1] * 31}}, 31, "/tokenize"),
        (
            {"/v1/chat/completions": {"choices": [], "usage": {"prompt_tokens": 32}}},
            32,
            "/v1/chat/completions",
        ),
        (
            {"/tokenize": {"tokens": []}, "/v1/chat/completions": {"usage": {"prompt_tokens": 33}}},
            33,
            "/v1/chat/completions",
        ),
    ],
)
def test_openai_server_counts_the_tokens_of_messages_with_tools(
    answers: dict[str, Any], count: int, asked: str
) -> None:
    def script(request: Request) -> Answer:
        return as_json(answers.get(request.path, NO_PATH), 200 if request.path in answers else 404)

    with ScriptedServer(script) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m")
        assert chat.get_num_tokens_from_messages([HumanMessage("Hello!")], tools=[paint]) == count
    request = server.requests[-1]
    assert (request.path, request.body["model"], request.body["messages"][0]["content"]) == (
        asked,
        "m",
        "Hello!",
    )
    assert request.body["tools"][0]["function"]["name"] == "paint"
    if asked != "/tokenize":
        assert (request.body["max_tokens"], request.body["stream"]) == (1, False)
        assert "stream_options" not in request.body


def test_openai_server_calls_and_thoughts_that_a_server_leaves_in_the_text_are_read() -> None:
    text = (
        '<think>So.</think>I look.\n<tool_call>\n{"name": "paint", "arguments": {"colour": '
        '"red"}}\n</tool_call>'
    )
    with ScriptedServer(
        lambda _: events(*({"content": char} for char in text), reason="stop")
    ) as server:
        answer = (
            ChatLlamafile(base_url=server.base_url, model="m").bind_tools([paint]).invoke("Hello!")
        )
    assert (answer.text, answer.tool_calls[0]["args"]) == ("I look.", {"colour": "red"})
    assert answer.additional_kwargs["reasoning_content"] == "So."
    # is it llama.cpp's?
    assert [request.path for request in server.requests] == [
        "/props?model=m",
        "/v1/chat/completions",
    ]


THOUGHTS: list[dict[str, Any]] = [
    {"reasoning_content": "Hm."},
    {"reasoning": "Hm."},
    {"thinking": "Hm."},
    {"reasoning_text": "Hm."},
    {"reasoning": {"content": "Hm."}},
    {"reasoning_content": [{"type": "text", "text": "Hm."}]},
    {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
    {
        "reasoning": "Hm.",
        "reasoning_content": "Hm.",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
    },
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
]
TEXTS: list[dict[str, Any]] = [
    {"content": [{"type": "text", "text": "Ye"}, {"type": "text", "text": "s."}]},
    {"content": ["Ye", None, "s."]},
    {"content": {"type": "text", "text": "Yes."}},
    {"refusal": "Yes."},
]


@pytest.mark.parametrize("thoughts", THOUGHTS)
async def test_openai_server_chat_thoughts_in_each_form_are_reasoning(
    thoughts: dict[str, Any],
) -> None:
    with ScriptedServer(lambda _: events(thoughts, {"content": "Yes."}, reason="stop")) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m")
        for answer in (chat.invoke("Hello!"), await chat.ainvoke("Hello!")):
            assert (answer.text, answer.additional_kwargs["reasoning_content"]) == ("Yes.", "Hm.")


@pytest.mark.parametrize("delta", TEXTS)
async def test_openai_server_chat_text_in_each_form_is_the_answer(delta: dict[str, Any]) -> None:
    with ScriptedServer(lambda _: events(delta, reason="stop")) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m")
        assert [chat.invoke("Hello!").text, (await chat.ainvoke("Hello!")).text] == ["Yes.", "Yes."]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("MAX_TOKENS", "length"),
        ({"type": "length"}, "length"),
        (1, "1"),
    ],
)
def test_openai_server_chat_finish_reason_has_the_name_of_openai(sent: Any, reason: str) -> None:
    with ScriptedServer(lambda _: events({"content": "Yes."}, reason=sent)) as server:
        assert (
            ChatLlamafile(base_url=server.base_url)
            .invoke("Hello!")
            .response_metadata["finish_reason"]
            == reason
        )


def test_openai_server_gets_no_tool_choice_where_none_is_given() -> None:
    def script(request: Request) -> Answer:
        return as_json(NO_PATH, 404) if request.method == "GET" else events(reason="stop")

    with ScriptedServer(script) as server:
        ChatLlamafile(base_url=server.base_url).bind_tools([paint]).invoke("Hello!")
        assert "tool_choice" not in server.requests[-1].body


def test_openai_server_gets_the_schema_of_an_option_by_openais_name() -> None:
    def script(request: Request) -> Answer:
        return as_json(NO_PATH, 404) if request.method == "GET" else events(reason="stop")

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    with ScriptedServer(script) as server:
        chat = ChatLlamafile(base_url=server.base_url, json_schema=schema)
        chat.invoke("Hello!")
        sent = server.requests[-1].body
        assert sent["response_format"]["json_schema"]["schema"] == sent["json_schema"]
        asked = {"type": "object", "properties": {"b": {"type": "string"}}}
        chat.invoke("Hello!", response_format=asked)
        sent = server.requests[-1].body
        assert sent["response_format"]["json_schema"]["schema"]["properties"].keys() == {"b"}


@pytest.mark.parametrize(
    "words",
    ["max_tokens must be at least 1, got -1.", "max_new_tokens must be at least 0, got -1."],
)
@pytest.mark.parametrize("make", [ChatLlamafile, Llamafile])
def test_openai_server_that_refuses_minus_one_is_asked_without_a_limit(
    make: Any, words: str
) -> None:
    def script(request: Request) -> Answer:
        if request.path not in {"/v1/chat/completions", "/v1/completions"}:
            return as_json(NO_PATH, 404)
        if request.body["max_tokens"] == -1:
            return as_json({"object": "error", "message": words, "code": 400}, 400)
        assert request.body["max_tokens"] is None
        choice = {"text": "Yes.", "message": {"content": "Yes."}, "finish_reason": "stop"}
        return as_json({"choices": [choice]})

    with ScriptedServer(script) as server:
        answer = make(base_url=server.base_url, max_tokens=-1).invoke("Hello!")
    assert getattr(answer, "text", answer) == "Yes."


def script_that_refuses(words: str, accepts: Callable[[dict[str, Any]], bool]) -> Script:
    """A server with OpenAI's API only, which answers status 400 to other bodies."""

    def script(request: Request) -> Answer:
        if request.method == "GET":
            return as_json(NO_PATH, 404)
        if not accepts(request.body):
            return as_json({"error": {"message": words}}, 400)
        return events({"content": '{"a": 1}'}, reason="stop")

    return script


LM_STUDIO_FORM = "'response_format.type' must be 'json_schema' or 'text'"
VLLM_EFFORT = "[{'loc': ('body', 'reasoning_effort'), 'msg': \"Input should be 'low' or 'high'\"}]"
VLLM_MISTRAL = "chat_template is not supported for Mistral tokenizers."


@pytest.mark.parametrize(
    ("words", "options", "sent"),
    [
        (
            LM_STUDIO_FORM,
            {"response_format": {"type": "json_object"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                }
            },
        ),
        (
            VLLM_EFFORT,
            {"reasoning": False},
            {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        ),
        (VLLM_MISTRAL, {"reasoning": "high"}, {"reasoning_effort": "high"}),
    ],
    ids=["LM Studio", "old vLLM", "vLLM with Mistral"],
)
def test_openai_server_chat_is_asked_again_without_what_it_refuses(
    words: str, options: dict[str, Any], sent: dict[str, Any]
) -> None:
    names = {"chat_template_kwargs", "reasoning_effort", "response_format"}

    def accepts(body: dict[str, Any]) -> bool:
        return {name: value for name, value in body.items() if name in names} == sent

    with ScriptedServer(script_that_refuses(words, accepts)) as server:
        chat = ChatLlamafile(base_url=server.base_url)
        assert chat.invoke("Hello!", **options).text == '{"a": 1}'
        own = {**options, "chat_template_kwargs": {"mine": 1}}
        with pytest.raises(InvalidRequestError):  # an option of the caller is not left out
            chat.invoke("Hello!", **own)


def test_openai_server_chat_thinking_is_switched_off_by_the_effort_too() -> None:
    with ScriptedServer(script_that_refuses("", lambda _: True)) as server:
        ChatLlamafile(base_url=server.base_url, reasoning=False).invoke("Hello!")
        assert server.requests[-1].body["reasoning_effort"] == "none"
        ChatLlamafile(base_url=server.base_url, reasoning=True).invoke("Hello!")
        assert "reasoning_effort" not in server.requests[-1].body


@pytest.mark.parametrize(
    "words",
    [
        "System message must be at the beginning.",
        "Conversation roles must alternate user/assistant/user/assistant/...",
    ],
)
def test_openai_server_chat_turns_that_a_template_refuses_are_joined(words: str) -> None:
    talk = [("system", "A"), ("system", "B"), ("user", "Why?"), ("user", "Where?")]
    turns = [
        {"role": "system", "content": "A\n\nB"},
        {"role": "user", "content": "Why?\n\nWhere?"},
    ]
    refusing = script_that_refuses(words, lambda body: bool(body["messages"] == turns))
    with ScriptedServer(refusing) as server:
        chat = ChatLlamafile(base_url=server.base_url)
        assert chat.invoke(talk).text
        with pytest.raises(InvalidRequestError):
            chat.invoke("Joined already.")


@pytest.mark.parametrize(
    "parameters",
    [{}, {"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": True}],
)
def test_openai_server_chat_tool_without_arguments_has_properties(
    parameters: dict[str, Any],
) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": parameters}}
    with ScriptedServer(script_that_refuses("", lambda _: True)) as server:
        ChatLlamafile(base_url=server.base_url).bind_tools([tool]).invoke("Hello!")
        [sent] = server.requests[-1].body["tools"]
    assert sent["function"]["parameters"]["type"] == "object"
    assert sent["function"]["parameters"]["properties"] == {}


OLD_VLLM = '"tool_choice" must either be a named tool, "auto", or "none".'


@pytest.mark.parametrize("tools", [[paint], [paint, light]])
def test_openai_server_chat_forced_call_of_the_only_tool_is_named_where_required_is_refused(
    tools: list[Any],
) -> None:
    def vllm(request: Request) -> Answer:  # before 0.8.3
        if request.method == "GET":
            return as_json(NO_PATH, 404)
        if request.body["tool_choice"] == "required":
            return as_json({"object": "error", "message": OLD_VLLM, "code": 400}, 400)
        assert request.body["tool_choice"]["function"]["name"] == "paint"
        return events({"tool_calls": [CALL]}, reason="stop")

    with ScriptedServer(vllm) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m")
        forced = chat.bind_tools(tools, tool_choice="any")
        if len(tools) > 1:
            with pytest.raises(InvalidRequestError, match="must either be a named tool"):
                forced.invoke("Hello!")
        else:
            assert forced.invoke("Hello!").tool_calls[0]["args"] == {"colour": "red"}


def test_openai_server_chat_log_probabilities_without_openais_content_are_read() -> None:
    token = {"token": "Yes.", "logprob": -0.5}
    choice = {"message": {"content": "Yes."}, "finish_reason": "stop", "logprobs": [token]}
    with ScriptedServer(as_json({"choices": [choice]})) as server:
        answer = ChatLlamafile(base_url=server.base_url).invoke("Hello!")
    assert answer.response_metadata["logprobs"] == {"content": [token]}


@pytest.mark.parametrize(
    "data",
    [
        b"data:\n\n",
        b"data: \r\n\r\n",
        b"data: null\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
    ],
)
def test_openai_server_chat_data_without_an_event_is_ignored(data: bytes) -> None:
    answer = events({"content": "Yes."}, reason="stop")
    with ScriptedServer(
        Answer((data, answer.parts[0], data, *answer.parts[1:]), headers=answer.headers)
    ) as server:
        assert ChatLlamafile(base_url=server.base_url).invoke("Hello!").text == "Yes."


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"message": "no slot"}]},
        {"code": 500, "msg": "no slot"},
        [{"error": {"message": "no slot"}}],
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_openai_server_chat_error_in_each_form_shows_the_servers_words(
    body: Any, streamed: bool
) -> None:
    answer = (
        Answer((b"data: " + json.dumps(body).encode() + b"\n\n",)) if streamed else as_json(body)
    )
    with ScriptedServer(answer) as server, pytest.raises(ServerError, match="no slot"):
        ChatLlamafile(base_url=server.base_url, model="m", max_retries=0).invoke("Hello!")


@pytest.mark.parametrize(
    "body",
    [{"detail": "no slot"}, {"object": "error", "message": "no slot"}, [{"error": "no slot"}]],
)
def test_openai_server_embeddings_error_in_each_form_shows_the_servers_words(body: Any) -> None:
    with ScriptedServer(as_json(body)) as server, pytest.raises(ServerError, match="no slot"):
        LlamafileEmbeddings(base_url=server.base_url, model="m", max_retries=0).embed_query(
            "Hello!"
        )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("error", "finish_reason 'error'"),
        ("abort", "finish_reason 'abort'"),
        ({"type": "abort", "message": "out of memory", "status_code": 503}, "out of memory"),
    ],
)
def test_openai_server_chat_answer_that_a_server_broke_off_raises(reason: Any, words: str) -> None:
    with (
        ScriptedServer(lambda _: events({"content": "Ye"}, reason=reason)) as server,
        pytest.raises(ServerError, match=words),
    ):
        ChatLlamafile(base_url=server.base_url, model="m", max_retries=0).invoke("Hello!")


@pytest.mark.parametrize(
    "usage", ["x", {"prompt_tokens": 3.0, "completion_tokens": "2"}, {"prompt_tokens_details": 5}]
)
def test_openai_server_chat_usage_that_is_not_numbers_is_ignored(usage: Any) -> None:
    choice = {"message": {"content": "Yes."}, "finish_reason": "stop"}
    with ScriptedServer(as_json({"choices": [choice], "model": 5, "usage": usage})) as server:
        assert ChatLlamafile(base_url=server.base_url).invoke("Hello!").text == "Yes."


def test_openai_server_embeddings_usage_that_is_not_numbers_is_ignored() -> None:
    usage = {"total_tokens": "5", "prompt_tokens": "3"}
    with ScriptedServer(as_json({"data": [{"embedding": [1, 0]}], "usage": usage})) as server:
        assert LlamafileEmbeddings(base_url=server.base_url, model="m").embed_query("Hello!") == [
            1,
            0,
        ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_openai_server_json_with_another_status_of_success_or_a_byte_order_mark_is_read(
    encoding: str,
) -> None:
    body = json.dumps({"data": [{"embedding": [1, 0], "index": 0}]}).encode(encoding)
    with ScriptedServer(Answer([body], 201, {"Content-Type": "application/json"})) as server:
        assert LlamafileEmbeddings(base_url=server.base_url, model="m").embed_query("Hello!") == [
            1,
            0,
        ]


def ollama(*lines: dict[str, Any]) -> ScriptedServer:
    end = {
        "done": True,
        "done_reason": "stop",
        "message": None,
        "prompt_eval_count": None,
        "eval_duration": None,
    }
    server = ScriptedServer(
        Answer(tuple(json.dumps(line).encode() + b"\r\n \n\r\n" for line in (*lines, end)))
    )
    server.asides = dict(ASIDES)
    return server


def test_openai_server_ollama_chat_reads_lines_of_servers_like_it() -> None:
    with ollama(
        {"message": {"content": "Yes", "thinking": None}, "error": None}, {"message": None}
    ) as server:
        assert ChatOllama(base_url=server.base_url, model="m").invoke("Hello!").text == "Yes"


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"colour": "red"}', {"colour": "red"}),
        ('{"colour": "dark\nred"}', {"colour": "dark\nred"}),
        ("", {}),
        (None, {}),
        ({"colour": "red", "functionName": "paint"}, {"colour": "red"}),
        ({"functionName": "red"}, {"functionName": "red"}),
    ],
)
def test_openai_server_ollama_chat_reads_arguments_in_each_form(
    arguments: Any, args: dict[str, Any]
) -> None:
    call = {"function": {"name": "paint", "arguments": arguments}}
    with ollama({"message": {"content": "", "tool_calls": [call]}, "done": False}) as server:
        assert (
            ChatOllama(base_url=server.base_url, model="m").invoke("Hello!").tool_calls[0]["args"]
            == args
        )


@pytest.mark.parametrize("count", ["3", 3.0, None, "many", float("inf")])
def test_openai_server_ollama_counts_and_timings_in_any_form_leave_the_answer_whole(
    count: Any,
) -> None:
    end = {
        "done": True,
        "prompt_eval_count": count,
        "eval_count": count,
        "load_duration": count,
        "eval_duration": count,
    }
    rows = {"embeddings": [[3, 4]], "prompt_eval_count": count}
    with ollama({"message": {"content": "Yes"}}, end) as server:
        answer = ChatOllama(base_url=server.base_url, model="m").invoke("Hello!")
    assert answer.text == "Yes"
    usage = answer.usage_metadata
    assert (usage["input_tokens"] if usage else 0) == (3 if count in {"3", 3.0} else 0)
    with ScriptedServer(as_json(rows)) as server:
        server.asides = dict(ASIDES)
        embeddings = OllamaEmbeddings(base_url=server.base_url, model="m", num_ctx=64)
        assert embeddings.embed_documents(["x" * 100]) == [[0.6, 0.8]]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("make", [ChatOllama, OllamaEmbeddings])
def test_openai_server_ollama_error_object_shows_its_message_alone(make: Any, status: int) -> None:
    with ScriptedServer(as_json({"error": {"message": "no slot"}}, status)) as server:
        server.asides = dict(ASIDES)
        model = make(base_url=server.base_url, model="m", max_retries=0)
        with pytest.raises(ServerError, match=": no slot"):
            model.invoke("Hello!") if make is ChatOllama else model.embed_query("Hello!")


def test_openai_server_thoughts_under_either_name_are_read() -> None:
    deltas = [{"reasoning_content": "So "}, {"reasoning": "it is."}, {"content": "Yes."}]
    with ScriptedServer(lambda _: events(*deltas, reason="stop")) as server:
        answer = ChatLlamafile(base_url=server.base_url, model="m").invoke("Hello!")
    assert (answer.text, answer.additional_kwargs["reasoning_content"]) == ("Yes.", "So it is.")
