"""What Ollama is asked about a model before it is used, on a server whose answers are written
here."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from langchain_localllm import ChatOllama, LocalServer, Ollama
from langchain_localllm.errors import ContextLengthError, InvalidOptionError, WrongServerError
from langchain_localllm.testing import paths
from tests.integration_tests.scripted import Answer, ScriptedServer, as_json
from tests.integration_tests.wires import ASIDES, HELLO, WIRES

WIRE = WIRES["Ollama"]
PROMPT = "Say hello."
SAYS_HELLO = "".join(HELLO)
REMOTE = as_json({"remote_host": "https://ollama.com:443", "remote_model": "big", "model_info": {}})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Records all requests, those about the model too."""
    with ScriptedServer(lambda request: ASIDES.get(request.path) or WIRE.hello()) as server:
        yield server


def asked(server: ScriptedServer) -> list[str]:
    found = [request.path.removeprefix("/api/") for request in server.requests]
    server.requests.clear()
    return found


def test_ollama_model_is_asked_about_once(server: ScriptedServer) -> None:
    llm = Ollama(base_url=server.base_url, model="tiny")
    for path in paths.PATHS.values():
        path(llm, PROMPT)
        path(llm, PROMPT, temperature=0.5, num_ctx=256)
        llm.bind(seed=1).invoke(PROMPT)
    assert asked(server).count("show") == 1
    llm.invoke(PROMPT, model="other")
    assert asked(server) == ["show", "generate"]


def test_ollama_validation_asks_at_construction_and_not_for_each_option_of_a_call(
    server: ScriptedServer,
) -> None:
    llm = Ollama(base_url=server.base_url, model="tiny", validate_model_on_init=True)
    assert asked(server) == ["show"]
    llm.invoke(PROMPT, temperature=0.5, top_k=3, seed=1)
    llm.with_config(tags=["a"]).invoke(PROMPT)
    llm.model_copy().invoke(PROMPT)
    assert asked(server) == ["generate"] * 3


def test_ollama_keys_and_headers_come_with_each_question(server: ScriptedServer) -> None:
    llm = Ollama(base_url=server.base_url, auth=("me", "word"), headers={"X-Tenant": "a"})
    llm.invoke(PROMPT)
    assert [(r.headers["authorization"], r.headers["x-tenant"]) for r in server.requests] == [
        ("Basic bWU6d29yZA==", "a")
    ] * 2


def test_ollama_overflow_that_a_newer_ollama_refuses_names_the_context(
    server: ScriptedServer,
) -> None:
    refusal = as_json({"error": "the input length exceeds the context length"}, 400)
    server.script = lambda request: ASIDES.get(request.path) or refusal
    for num_ctx, context in ((None, 512), (64, 64)):
        with pytest.raises(ContextLengthError, match=str(context)) as caught:
            Ollama(base_url=server.base_url, num_ctx=num_ctx).invoke(PROMPT)
        assert caught.value.context_tokens == context


# --- models on other machines ---


@pytest.mark.parametrize(
    "name", ["gpt-oss:120b-cloud", "gpt-oss:20b:cloud", "qwen3-coder:480B-Cloud", "minimax:cloud"]
)
def test_ollama_cloud_model_is_refused_by_its_name_before_anything_is_asked(
    name: str, server: ScriptedServer
) -> None:
    with pytest.raises(InvalidOptionError, match="allow_remote=True"):
        Ollama(base_url=server.base_url, model=name)
    llm = Ollama(base_url=server.base_url, model="tiny")
    with pytest.raises(InvalidOptionError, match="not on your machine"):
        llm.invoke(PROMPT, model=name)
    assert not asked(server)
    assert (
        Ollama(base_url=server.base_url, model=name, allow_remote=True).invoke(PROMPT) == SAYS_HELLO
    )
    assert llm.invoke(PROMPT, model=name, allow_remote=True) == SAYS_HELLO


@pytest.mark.parametrize(
    "name",
    ["cloud", "cloud-model", "my-cloud", "a/nimbus-cloud", "host:5000/x-cloud", "x:cloud-7b"],
)
def test_ollama_other_names_with_the_word_are_not_refused(
    name: str, server: ScriptedServer
) -> None:
    assert Ollama(base_url=server.base_url, model=name).invoke(PROMPT)


@pytest.mark.parametrize("path", sorted(paths.PATHS))
@pytest.mark.parametrize("settings", [{}, {"num_ctx": 512}])
def test_ollama_model_whose_host_is_another_machine_gets_no_prompt(
    path: str, settings: dict[str, Any], server: ScriptedServer
) -> None:
    server.script = lambda request: REMOTE if request.path == "/api/show" else WIRE.hello()
    llm = Ollama(base_url=server.base_url, model="my-alias", **settings)
    with pytest.raises(InvalidOptionError, match=r"runs at https://ollama\.com:443"):
        paths.PATHS[path](llm, PROMPT)
    assert set(asked(server)) == {"show"}
    assert paths.PATHS[path](llm, PROMPT, allow_remote=True)


def test_ollama_answer_of_another_kind_of_server_is_reported(server: ScriptedServer) -> None:
    server.reset(Answer([b"[1, 2]"]))
    with pytest.raises(ConnectionError, match="does not appear to be an Ollama server"):
        Ollama(base_url=server.base_url).invoke(PROMPT)


LM_STUDIO: Final = as_json({"error": "Unexpected endpoint or method. (POST /api/show)"})


@pytest.mark.parametrize("kind", [Ollama, ChatOllama])
def test_ollama_server_of_openais_api_names_the_classes_for_it(kind: Any) -> None:
    with (
        ScriptedServer(LM_STUDIO) as lm_studio,
        pytest.raises(WrongServerError, match="use `ChatLlamafile`"),
    ):
        kind(model="m", base_url=lm_studio.base_url).invoke(PROMPT)


def test_chat_ollama_on_llama_cpps_server_names_the_class_for_it(chat_server: LocalServer) -> None:
    with pytest.raises(WrongServerError, match="use `ChatLlamafile`"):
        ChatOllama(model="m", base_url=chat_server.base_url).invoke(PROMPT)


def test_ollama_address_that_ends_in_api_is_named(server: ScriptedServer) -> None:
    server.reset(Answer([b"404 page not found"], 404))
    with pytest.raises(WrongServerError, match="Leave out the `/api` at the end of `base_url`"):
        ChatOllama(model="m", base_url=f"{server.base_url}/api").invoke(PROMPT)
