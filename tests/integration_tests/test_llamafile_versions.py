"""The three classes on stand-ins for every server that llamafile has shipped, and on servers that
want more than others."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_localllm import ChatLlamafile, Llamafile, LlamafileEmbeddings, errors
from langchain_localllm.testing import paths

from .llamafile_versions import FAIL, HELLO, REASON, VERSIONS, WINDOW, Version
from .scripted import Answer, Request, ScriptedServer, as_json
from .wires import WIRES

PAGE = Path(__file__).parents[2] / "docs" / "llamafile.md"


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


@pytest.fixture
def server(version: Version) -> Iterator[ScriptedServer]:
    with ScriptedServer(version) as server:
        yield server


@pytest.fixture(params=paths.PATHS)
def path(request: pytest.FixtureRequest) -> paths.Path:
    return paths.PATHS[request.param]


def test_llamafile_chat_is_answered(server: ScriptedServer, path: paths.Path) -> None:
    assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_llamafile_text_is_answered_or_the_server_has_no_path_for_it(
    server: ScriptedServer, version: Version, path: paths.Path
) -> None:
    llm = Llamafile(base_url=server.base_url)
    if version.text:
        assert path(llm, "Hi") == HELLO
    else:
        with pytest.raises(errors.WrongServerError, match="404"):
            path(llm, "Hi")


async def test_llamafile_texts_are_embedded_or_the_server_is_named_as_the_cause(
    server: ScriptedServer, version: Version
) -> None:
    embeddings = LlamafileEmbeddings(base_url=server.base_url, wait_until_ready=0)
    if version.embedding == "none":
        with pytest.raises(errors.ServerError, match=r"503: Service Unavailable.*--server --v2"):
            embeddings.embed_documents(["a", "b"])
        with pytest.raises(errors.ServerError, match=r"503: Service Unavailable.*--server --v2"):
            await embeddings.aembed_query("a")
    else:
        assert embeddings.embed_documents(["b", "c", "d"]) == [[0.6, 0.8]] * 3
        assert await embeddings.aembed_query("e") == [0.6, 0.8]


@pytest.mark.parametrize("version", [each for each in VERSIONS if each.embedding == "single"])
def test_llamafile_text_that_the_server_cuts_is_reported(
    version: Version, server: ScriptedServer
) -> None:
    assert version.embedding == "single"
    text = "x" * (WINDOW + 1)
    with pytest.raises(errors.ContextLengthError, match="513 tokens, and the model takes 512"):
        LlamafileEmbeddings(base_url=server.base_url).embed_documents(["a", text])
    assert LlamafileEmbeddings(base_url=server.base_url, truncate=True).embed_query(text) == [
        0.6,
        0.8,
    ]


def test_get_num_tokens_counts_on_each_version(server: ScriptedServer, version: Version) -> None:
    for model in (ChatLlamafile(base_url=server.base_url), Llamafile(base_url=server.base_url)):
        assert model.get_num_tokens("abc") == 3
        assert model.get_num_tokens_from_messages([HumanMessage("abc")]) >= 3
        if version.is_llamafiler:
            with pytest.raises(errors.InvalidRequestError, match="`get_num_tokens`"):
                model.get_token_ids("abc")
        else:
            assert model.get_token_ids("abc") == [97, 98, 99]


@pytest.mark.parametrize("version", [each for each in VERSIONS if not each.is_llamafiler])
def test_llamafile_error_line_raises_its_reason(
    version: Version, server: ScriptedServer, path: paths.Path
) -> None:
    assert not version.is_llamafiler
    for model in (ChatLlamafile(base_url=server.base_url), Llamafile(base_url=server.base_url)):
        with pytest.raises(errors.ServerError, match=REASON):
            path(model, FAIL)


@pytest.mark.parametrize("version", [each for each in VERSIONS if each.is_old_llama_cpp])
def test_llamafile_plain_500_raises_its_reason(
    version: Version, server: ScriptedServer, path: paths.Path
) -> None:
    assert version.is_old_llama_cpp
    content = [{"type": "text", "text": "Hi"}]
    chat = ChatLlamafile(
        base_url=server.base_url, extra_body={"messages": [{"role": "user", "content": content}]}
    )
    with pytest.raises(errors.ServerError, match="type must be string, but is array"):
        path(chat, "Hi")


@pytest.mark.parametrize("version", [each for each in VERSIONS if each.is_llamafiler])
def test_llamafile_llamafiler_gets_a_schema_in_its_own_form(
    version: Version, server: ScriptedServer
) -> None:
    assert version.is_llamafiler
    schema = {
        "title": "Lamp",
        "type": "object",
        "properties": {"colour": {"type": "string"}},
        "required": ["colour"],
    }
    chat = ChatLlamafile(base_url=server.base_url).with_structured_output(schema)
    assert chat.invoke("A lamp.") == asyncio.run(chat.ainvoke("A lamp.")) == {"colour": "red"}


# --- the table in the docs ---


@tool
def clock() -> str:
    """Tell the time."""
    return "12:00"


def _shown(server: ScriptedServer) -> dict[str, str]:
    """Return what a server can do, in the words of the table."""
    chat, text = ChatLlamafile(base_url=server.base_url), Llamafile(base_url=server.base_url)
    return {
        "chat": _word(lambda: chat.invoke("Hi").text == HELLO),
        "text": _word(lambda: text.invoke("Hi") == HELLO),
        "tools": _word(lambda: chat.bind_tools([clock]).invoke("Hi").tool_calls),
        "embeddings": _word(
            lambda: LlamafileEmbeddings(base_url=server.base_url, wait_until_ready=0).embed_query(
                "a"
            )
        ),
        "`get_num_tokens`": _word(lambda: chat.get_num_tokens("abc") == 3),
        "counts in a chat": _word(lambda: chat.invoke("Hi").usage_metadata),
        "log probabilities in a chat": _word(
            lambda: chat.invoke("Hi", logprobs=True).response_metadata.get("logprobs")
        ),
    }


def _word(ask: Callable[[], Any]) -> str:
    try:
        return "yes" if ask() else "ignored"
    except errors.InvalidRequestError:
        return "refused"
    except errors.LocalLLMError:
        return "no"


def _table() -> list[dict[str, str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| version |"))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines[start:]
        if line.startswith("|")
    ]
    rows = rows[: len(list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:])))]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def _covers(cell: str, version: Version) -> bool:
    found = re.fullmatch(r"([\d.]+)(?: to ([\d.]+))? `(.*)`", cell)
    if found is None or found[3] != version.flags:
        return False
    first, number, last = (
        [int(part) for part in each.split(".")]
        for each in (found[1], version.number, found[2] or found[1])
    )
    return first <= number <= last


def test_llamafile_each_row_of_the_docs_is_what_the_stand_in_shows(
    server: ScriptedServer, version: Version
) -> None:
    (row,) = [row for row in _table() if _covers(row["version"], version)]
    assert {name: cell for name, cell in row.items() if name != "version"} == _shown(server)


def test_llamafile_each_row_of_the_docs_has_a_stand_in() -> None:
    for row in _table():
        assert any(_covers(row["version"], version) for version in VERSIONS), row["version"]


# --- servers that want more, or less ---


def _chat(request: Request) -> Answer:
    return (
        as_json({"data": [{"id": "only-one"}]})
        if request.path == "/v1/models"
        else WIRES["ChatLlamafile"].hello()
    )


@pytest.mark.parametrize(
    "refusal",
    [
        Answer([b"400 JSON missing model string"], 400, {"Content-Type": "text/plain"}),
        as_json({"error": {"message": "model is required"}}, 400),
        as_json(
            {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]},
            422,
        ),
    ],
    ids=["llamafile", "ollama", "fastapi"],
)
def test_llamafile_model_that_must_be_named_is_found_out_and_sent(
    path: paths.Path, refusal: Answer
) -> None:
    def script(request: Request) -> Answer:
        return (
            _chat(request)
            if request.path == "/v1/models" or request.body.get("model") == "only-one"
            else refusal
        )

    with ScriptedServer(script) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO

    def vectors(request: Request) -> Answer:
        answer = script(request)
        return (
            as_json({"data": [{"index": 0, "embedding": [3.0, 4.0]}]})
            if answer.status == 200 and request.body
            else answer
        )

    with ScriptedServer(vectors) as server:
        assert LlamafileEmbeddings(base_url=server.base_url).embed_query("a") == [0.6, 0.8]
        assert asyncio.run(LlamafileEmbeddings(base_url=server.base_url).aembed_query("a")) == [
            0.6,
            0.8,
        ]


WHOLE = {
    "model": "tiny",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": HELLO}}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}


def test_whole_answer_to_a_streaming_request_is_read(path: paths.Path) -> None:
    with ScriptedServer(as_json(WHOLE)) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_llamafile_server_that_cannot_stream_is_asked_again_without(path: paths.Path) -> None:
    def script(request: Request) -> Answer:
        refused = as_json(
            {
                "error": {
                    "code": 500,
                    "message": "Cannot use tools with stream",
                    "type": "server_error",
                }
            },
            500,
        )
        return refused if request.body.get("stream") else as_json(WHOLE)

    with ScriptedServer(script) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_llamafile_server_that_does_not_know_stream_options_is_asked_again_without(
    path: paths.Path,
) -> None:
    def script(request: Request) -> Answer:
        refused = as_json(
            {
                "detail": [
                    {"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
                ]
            },
            422,
        )
        return refused if "stream_options" in request.body else WIRES["ChatLlamafile"].hello()

    with ScriptedServer(script) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO
