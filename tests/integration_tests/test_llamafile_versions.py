"""The three classes on stand-ins for every server that llamafile has shipped, and on servers that want more than others."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.tools import tool

from langchain_localllm import ChatLlamafile, Llamafile, LlamafileEmbeddings, errors
from langchain_localllm.testing import paths

from .llamafile_versions import HELLO, VERSIONS, WINDOW, Version
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


def test_chat_is_answered(server: ScriptedServer, path: paths.Path) -> None:
    assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_text_is_answered(server: ScriptedServer, path: paths.Path) -> None:
    assert path(Llamafile(base_url=server.base_url), "Hi") == HELLO


async def test_texts_are_embedded_or_the_server_is_to_blame(server: ScriptedServer, version: Version) -> None:
    embeddings = LlamafileEmbeddings(base_url=server.base_url, wait_until_ready=0)
    if version.embeddings == "none":
        with pytest.raises(errors.ServerError, match=r"503: Service Unavailable.*--server --v2"):
            embeddings.embed_documents(["a", "b"])
        with pytest.raises(errors.ServerError, match=r"503: Service Unavailable.*--server --v2"):
            await embeddings.aembed_query("a")
    else:
        assert embeddings.embed_documents(["b", "c", "d"]) == [[0.6, 0.8]] * 3
        assert await embeddings.aembed_query("e") == [0.6, 0.8]


@pytest.mark.parametrize("version", [each for each in VERSIONS if each.embeddings == "single"])
def test_a_text_that_the_server_cuts_is_reported(version: Version, server: ScriptedServer) -> None:
    assert version.embeddings == "single"
    text = "x" * (WINDOW + 1)
    with pytest.raises(errors.ContextLengthError, match="513 tokens, and the model takes 512"):
        LlamafileEmbeddings(base_url=server.base_url).embed_documents(["a", text])
    assert LlamafileEmbeddings(base_url=server.base_url, truncate=True).embed_query(text) == [0.6, 0.8]


def test_tokens_are_counted_or_the_error_says_why_not(server: ScriptedServer, version: Version) -> None:
    model = ChatLlamafile(base_url=server.base_url)
    if version.completion:
        assert model.get_num_tokens("abc") == 3
    else:
        with pytest.raises(errors.LocalLLMError, match=r'/tokenize|"prompt"'):
            model.get_num_tokens("abc")


def test_tools_that_a_server_refuses_are_named(server: ScriptedServer, version: Version) -> None:
    @tool
    def clock() -> str:
        """Tell the time."""
        return "12:00"

    chat = ChatLlamafile(base_url=server.base_url).bind_tools([clock])
    if version.wants_model:
        with pytest.raises(errors.InvalidRequestError, match="tools field not supported yet"):
            chat.invoke("Hi")
    else:
        assert chat.invoke("Hi").text == HELLO


def test_every_version_has_a_row_in_the_docs(version: Version) -> None:
    number, _, flags = version.name.partition(" ")
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| 0.") and f"`{flags}`" in row]
    assert any(re.search(rf"\b{re.escape(number)}\b", row) for row in rows)


# --- servers that want more, or less ---


def _chat(request: Request) -> Answer:
    return as_json({"data": [{"id": "only-one"}]}) if request.path == "/v1/models" else WIRES["ChatLlamafile"].hello()


@pytest.mark.parametrize(
    "refusal",
    [
        Answer([b"400 JSON missing model string"], 400, {"Content-Type": "text/plain"}),
        as_json({"error": {"message": "model is required"}}, 400),
        as_json({"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]}, 422),
    ],
    ids=["llamafile", "ollama", "fastapi"],
)
def test_a_model_that_must_be_named_is_found_out_and_sent(path: paths.Path, refusal: Answer) -> None:
    def script(request: Request) -> Answer:
        return _chat(request) if request.path == "/v1/models" or request.body.get("model") == "only-one" else refusal

    with ScriptedServer(script) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO

    def vectors(request: Request) -> Answer:
        answer = script(request)
        return as_json({"data": [{"index": 0, "embedding": [3.0, 4.0]}]}) if answer.status == 200 and request.body else answer

    with ScriptedServer(vectors) as server:
        assert LlamafileEmbeddings(base_url=server.base_url).embed_query("a") == [0.6, 0.8]
        assert asyncio.run(LlamafileEmbeddings(base_url=server.base_url).aembed_query("a")) == [0.6, 0.8]


WHOLE = {
    "model": "tiny",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": HELLO}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}


def test_a_whole_answer_to_a_streaming_request_is_read(path: paths.Path) -> None:
    with ScriptedServer(as_json(WHOLE)) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_a_server_that_cannot_stream_is_asked_again_without(path: paths.Path) -> None:
    def script(request: Request) -> Answer:
        refused = as_json({"error": {"code": 500, "message": "Cannot use tools with stream", "type": "server_error"}}, 500)
        return refused if request.body.get("stream") else as_json(WHOLE)

    with ScriptedServer(script) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_a_server_that_does_not_know_stream_options_is_asked_again_without(path: paths.Path) -> None:
    def script(request: Request) -> Answer:
        refused = as_json({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}, 422)
        return refused if "stream_options" in request.body else WIRES["ChatLlamafile"].hello()

    with ScriptedServer(script) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO
