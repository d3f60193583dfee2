"""Pulling, listing, showing, unloading and deleting models, on the real Ollama and a registry on
this machine."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm import Ollama, OllamaClient
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    ModelMissingError,
    ServerError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.ollama.progress import PullProgress
from tests.integration_tests.scripted import Answer, ScriptedServer, in_turn, soon

from .conftest import CHAT, EMBED
from .registry import Registry, registry


@pytest.fixture
def llm(url: str) -> Ollama:
    return Ollama(base_url=url, model=CHAT, temperature=0, max_tokens=4)


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Any:
    """Calls a method by its name, as it is or in its async form."""

    def run(llm: Ollama, method: str, *args: Any, **kwargs: Any) -> Any:
        if request.param == "sync":
            return getattr(llm, method)(*args, **kwargs)
        return asyncio.run(getattr(llm, f"a{method}")(*args, **kwargs))

    return run


def test_ollama_client_list_names_the_models_on_the_disk(llm: Ollama, call: Any) -> None:
    models = {model.name: model for model in call(llm, "list")}
    chat = models[f"{CHAT}:latest"]
    assert (chat.family, chat.quantization) == ("llama", "Q8_0")
    assert chat.size > tiny_chat_model().stat().st_size
    assert chat.modified < datetime.now(UTC)
    assert models[f"{EMBED}:latest"].family == "bert"


def test_ollama_client_show_describes_a_model(llm: Ollama, call: Any) -> None:
    card = call(llm, "show")
    assert (card.name, card.family, card.context, card.capabilities) == (
        CHAT,
        "llama",
        2048,
        ("completion",),
    )
    assert card.template == "{{ .Prompt }}"
    assert card.metadata["general.architecture"] == "llama"
    assert "num_ctx" in card.modelfile
    assert call(llm, "show", EMBED).capabilities == ("embedding",)


def test_ollama_client_ps_and_unload(llm: Ollama, call: Any) -> None:
    llm.invoke("The lamp", keep_alive="3m")
    (loaded,) = (model for model in call(llm, "ps") if model.name == f"{CHAT}:latest")
    assert loaded.size > 0
    assert 0 < (loaded.until - datetime.now(UTC)).total_seconds() <= 180
    call(llm, "unload")
    assert soon(lambda: all(model.name != f"{CHAT}:latest" for model in call(llm, "ps")))


@pytest.mark.parametrize("method", ["show", "delete", "unload"])
def test_ollama_client_missing_model_is_named(llm: Ollama, call: Any, method: str) -> None:
    with pytest.raises(ModelMissingError, match="no model 'nowhere:1b'"):
        call(llm, method, "nowhere:1b")


@pytest.mark.parametrize("method", ["show", "unload", "pull"])
def test_ollama_client_model_on_another_machine_is_not_asked_for(
    llm: Ollama, call: Any, method: str
) -> None:
    with pytest.raises(InvalidOptionError, match="allow_remote"):
        call(llm, method, "gpt-oss:120b-cloud")


# --- the client ---


def test_client_manages_models_without_an_llm(url: str, call: Any) -> None:
    with OllamaClient(url, timeout=60) as client:
        assert client.base_url == url
        assert f"{CHAT}:latest" in {model.name for model in call(client, "list")}
        assert call(client, "show", EMBED).capabilities == ("embedding",)
        assert call(client, "version").count(".") == 2
        with pytest.raises(InvalidOptionError, match="Name a model"):
            call(client, "show")


def test_ollama_client_model_is_made_of_another_copied_loaded_and_deleted(
    llm: Ollama, call: Any
) -> None:
    models = llm.models
    steps: list[PullProgress] = []
    settings: dict[str, Any] = {
        "system": "Be brief.",
        "parameters": {"num_ctx": 640, "num_thread": 1},
    }
    call(models, "create", "made", from_model=CHAT, progress=steps.append, **settings)
    try:
        assert steps[-1].status == "success"
        card = call(models, "show", "made")
        assert (card.system, "640" in card.modelfile) == ("Be brief.", True)
        call(models, "load", "made", keep_alive="2m")
        (loaded,) = (model for model in call(models, "ps") if model.name == "made:latest")
        assert 60 < (loaded.until - datetime.now(UTC)).total_seconds() <= 120
        call(models, "copy", "made", "made-too")
        call(models, "delete", "made-too")
        with pytest.raises(ModelMissingError, match="no model 'made-too'"):
            call(models, "copy", "made-too", "again")
    finally:
        llm.delete("made")
    with pytest.raises(ModelMissingError, match="no model 'nowhere'"):
        call(models, "create", "made", from_model="nowhere")
    with pytest.raises(InvalidOptionError, match="allow_remote"):
        call(models, "create", "made", from_model="big:cloud")


def test_ollama_client_model_is_made_of_a_file_that_is_sent_once(
    llm: Ollama, call: Any, tmp_path: Path
) -> None:
    data = bytearray(tiny_chat_model().read_bytes())
    data[-2] ^= 1  # so that it is another file
    file = tmp_path / "other.gguf"
    file.write_bytes(bytes(data))
    for _ in range(2):
        call(
            llm.models,
            "create",
            "of-file",
            files=file,
            template="{{ .Prompt }}",
            parameters={"num_thread": 1},
        )
    try:
        assert llm.invoke("The lamp", model="of-file") == llm.invoke("The lamp", num_thread=1)
    finally:
        llm.delete("of-file")
    with pytest.raises(FileNotFoundError):
        call(llm.models, "create", "of-file", files=tmp_path / "missing.gguf")


# --- pull ---


@pytest.fixture
def offered(llm: Ollama) -> Iterator[Registry]:
    """A registry with a model that this Ollama does not have yet."""
    data = bytearray(tiny_chat_model().read_bytes())
    data[-1] ^= 1  # so that it is another file
    with registry(bytes(data)) as server:
        yield server
        if any(model.name.startswith(server.model_name) for model in llm.list()):
            llm.delete(server.model_name)


def test_ollama_client_model_is_pulled_and_answers_and_is_deleted(
    llm: Ollama, call: Any, offered: Registry
) -> None:
    name = offered.model_name
    steps: list[PullProgress] = []
    call(llm, "pull", name, insecure=True, progress=steps.append)
    assert steps[0].status == "pulling manifest"
    assert steps[-1].status == "success"
    assert max(step.completed for step in steps) == len(offered.blobs[offered.model_digest])
    assert llm.invoke("The lamp", model=name, num_thread=1) == llm.invoke("The lamp")
    call(llm, "delete", name)
    with pytest.raises(ModelMissingError):
        llm.show(name)


def test_ollama_client_interrupted_pull_is_resumed(
    llm: Ollama, call: Any, offered: Registry
) -> None:
    offered.stops_after = 1_000_000

    def stop(step: PullProgress) -> None:
        if step.completed >= 1_000_000:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(llm, "pull", offered.model_name, insecure=True, progress=stop)
    offered.stops_after = None
    call(llm, "pull", offered.model_name, insecure=True, progress=False)
    assert offered.ranges[0] == 0
    assert offered.ranges[-1] == 1_000_000


def test_ollama_client_progress_is_shown_on_stderr(
    llm: Ollama, call: Any, offered: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    call(llm, "pull", offered.model_name, insecure=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pulling manifest\n")
    assert "of 3.82 MB, 100%\n" in err
    assert err.endswith("success\n")


def test_ollama_client_model_missing_in_the_registry_raises(
    llm: Ollama, call: Any, offered: Registry
) -> None:
    with pytest.raises(ModelMissingError, match="registry has no model"):
        call(
            llm,
            "pull",
            f"127.0.0.1:{offered.server_port}/made-here/nothing",
            insecure=True,
            progress=False,
        )


def test_ollama_client_unreachable_registry_raises(llm: Ollama, call: Any) -> None:
    with pytest.raises(ServerError, match="connection refused"):
        call(llm, "pull", "127.0.0.1:9/made-here/nothing", insecure=True, progress=False)


def test_ollama_client_invalid_name_is_refused(llm: Ollama, call: Any) -> None:
    with pytest.raises(InvalidRequestError, match="invalid model name"):
        call(llm, "pull", "two words", progress=False)


def test_ollama_client_pull_is_repeated_while_a_stopped_one_ends(call: Any) -> None:
    stopped, done = (
        Answer([b'{"status":"pulling manifest"}\n', json.dumps(last).encode() + b"\n"])
        for last in ({"error": "context canceled"}, {"status": "success"})
    )
    with ScriptedServer(in_turn([stopped, stopped, done])) as server:
        llm = Ollama(base_url=server.base_url, model=CHAT)
        call(llm, "pull", "tiny", progress=False)
        assert [request.path for request in server.requests] == ["/api/pull"] * 3
