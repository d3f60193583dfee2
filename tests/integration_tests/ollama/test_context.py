"""`num_ctx` is sent where it was set, and once a prompt does not fit into the server's own context;
no prompt is cut silently."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import requests

from langchain_localllm import ChatOllama, Ollama, OllamaEmbeddings
from langchain_localllm.errors import ContextLengthError
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.testing.paths import PATHS
from tests.integration_tests.scripted import Answer, ScriptedServer
from tools.engines import ollama

from .replay import ReplayedOllama

NEWEST, REPORTS, OLDEST = "0.33.0", "0.11.0", "0.9.3"
"""An Ollama that refuses long prompts; one that cuts them and reports its context; one that cuts
them and reports nothing."""
VERSIONS: Final = (NEWEST, REPORTS, OLDEST)
SHORT: Final = "Say yes."


def words(count: int) -> str:
    return "word " * count


@pytest.fixture
def serve() -> Iterator[Callable[..., ReplayedOllama]]:
    """Starts a server of a version, with settings."""
    with ScriptedServer(ReplayedOllama()) as server:

        def start(**settings: Any) -> ReplayedOllama:
            server.script = replayed = ReplayedOllama(**settings, url=server.base_url)
            return replayed

        yield start


Serve = Callable[..., ReplayedOllama]


def sent(replayed: ReplayedOllama) -> list[int | None]:
    return [body["options"].get("num_ctx") for body in replayed.bodies]


def call(model: Any, text: str) -> Any:
    return model.embed_query(text) if isinstance(model, OllamaEmbeddings) else model.invoke(text)


KINDS: Final = (Ollama, ChatOllama, OllamaEmbeddings)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_num_ctx_short_prompt_is_sent_without_num_ctx(
    version: str, kind: Any, serve: Serve
) -> None:
    replayed = serve(version=version, default=32_768)
    model = kind(base_url=replayed.url, model="m")
    for _ in range(2):
        call(model, SHORT)
    assert (sent(replayed), replayed.loads) == ([None, None], [32_768])
    assert len(replayed.paths) == 3  # one question about the model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [NEWEST, REPORTS])
def test_num_ctx_long_prompt_that_fits_into_the_servers_context_is_sent_without_num_ctx(
    version: str, kind: Any, serve: Serve
) -> None:
    replayed = serve(version=version, default=32_768)
    call(kind(base_url=replayed.url, model="m"), words(10_000))
    assert (sent(replayed), replayed.loads) == ([None], [32_768])


@pytest.mark.parametrize(
    "loading",
    [Answer([b"{}\n{}\n"]), Answer([b"<h1>Forbidden</h1>"], 403)],
    ids=["streamed", "forbidden"],
)
def test_num_ctx_gateway_that_answers_the_loading_in_its_own_way_is_asked_for_the_context(
    loading: Answer, serve: Serve
) -> None:
    replayed = serve(version=REPORTS, default=32_768, loading=loading)
    Ollama(base_url=replayed.url, model="m").invoke(words(10_000))
    assert sent(replayed) == [None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_num_ctx_prompt_that_does_not_fit_raises_the_context_once_for_the_object(
    version: str, kind: Any, serve: Serve
) -> None:
    replayed = serve(version=version)
    model = kind(base_url=replayed.url, model="m")
    call(model, SHORT)
    for text in (words(6000), SHORT, words(6000), words(5000)):
        call(model, text)
    raised = replayed.loads[-1]
    assert replayed.loads == [4096, raised]
    assert 6000 < raised <= 16_384
    assert [context for context in sent(replayed) if context] == [raised] * 4
    call(kind(base_url=replayed.url, model="m"), SHORT)
    assert sent(replayed)[-1] is None


@pytest.mark.parametrize("path", sorted(PATHS))
def test_num_ctx_context_is_raised_on_every_path_and_for_bound_copies(
    path: str, serve: Serve
) -> None:
    replayed = serve()
    model = ChatOllama(base_url=replayed.url, model="m")
    assert PATHS[path](model, words(6000), temperature=0.5) == "Yes."
    PATHS[path](model, SHORT, top_k=3)
    assert set(sent(replayed)[-2:]) == {16_384}
    assert replayed.loads == [4096, 16_384]


def test_text_of_many_tokens_per_byte_raises_the_context_until_it_fits(serve: Serve) -> None:
    replayed = serve()
    assert Ollama(base_url=replayed.url, model="m").invoke("1234567890" * 3000) == "Yes."
    assert replayed.loads == [4096, 16_384, 32_768]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("settings", "num_ctx"),
    [({"trained": 8192}, None), ({"modelfile": 2048}, None), ({}, 2048)],
    ids=["model", "Modelfile", "num_ctx"],
)
def test_num_ctx_prompt_longer_than_the_limit_that_was_set_raises(
    settings: dict[str, Any], num_ctx: int | None, version: str, kind: Any, serve: Serve
) -> None:
    replayed = serve(version=version, **settings)
    model = kind(base_url=replayed.url, model="m", num_ctx=num_ctx)
    for _ in range(2):
        with pytest.raises(ContextLengthError):
            call(model, words(9000))
    assert set(sent(replayed)) <= {None, num_ctx, settings.get("trained")}
    assert len(replayed.loads) <= 2


@pytest.mark.parametrize("version", [NEWEST, OLDEST])
def test_num_ctx_truncate_has_a_prompt_cut_that_is_too_long(version: str, serve: Serve) -> None:
    replayed = serve(version=version)
    chat = ChatOllama(base_url=replayed.url, model="m", truncate=True, shift=True)
    answer = chat.invoke(words(9000))
    assert (answer.text, answer.usage_metadata and answer.usage_metadata["input_tokens"]) == (
        "Yes.",
        4096,
    )
    assert [(body["truncate"], body["shift"]) for body in replayed.bodies] == [(True, True)]
    assert sent(replayed) == [None]
    with pytest.raises(ContextLengthError):
        chat.invoke(words(9000), truncate=False, num_ctx=2048)


@pytest.mark.parametrize("version", [NEWEST, REPORTS])
@pytest.mark.parametrize("truncate", [False, True])
def test_num_ctx_count_does_not_raise_the_context(
    truncate: bool, version: str, serve: Serve
) -> None:
    replayed = serve(version=version, trained=6000)
    text = words(5000)
    count = Ollama(base_url=replayed.url, model="m", truncate=truncate).get_num_tokens(text)
    assert 5000 <= count <= 5010
    if version == NEWEST:
        assert replayed.loads == [4096]


def test_num_ctx_server_of_another_url_or_model_has_a_context(serve: Serve) -> None:
    replayed = serve()
    model = Ollama(base_url=replayed.url, model="m")
    model.invoke(words(6000))
    model.invoke(SHORT, model="other")
    model.invoke(SHORT)
    assert sent(replayed) == [None, 16_384, None, 16_384]


# --- the real Ollama ---


def test_num_ctx_real_server_loads_the_model_again_only_where_a_prompt_may_not_fit(
    url: str,
) -> None:
    ollama.create(
        url, "plain", tiny_chat_model(), template="{{ .Prompt }}", parameters={"num_thread": 1}
    )
    try:
        body = {"model": "plain", "prompt": SHORT, "stream": False, "options": {"num_predict": 1}}
        requests.post(f"{url}/api/generate", json=body, timeout=60).raise_for_status()
        by_itself = ollama.runners()
        llm = Ollama(base_url=url, model="plain", temperature=0, max_tokens=2)
        llm.invoke(SHORT)
        assert ollama.runners() == by_itself
        info = llm.generate(["lamp " * 280]).generations[0][0].generation_info
        assert info
        assert info["usage"]["prompt_tokens"] > 280
        raised = ollama.runners()
        llm.invoke("lamp " * 300)
        llm.invoke(SHORT)
        assert ollama.runners() == raised
    finally:
        requests.delete(f"{url}/api/delete", json={"model": "plain"}, timeout=60)
