"""Managing a llama.cpp server: slots and LoRA adapters on the real one, a router's models on a
stand-in."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typing_extensions import override

from langchain_localllm import ChatLlamafile, Llamafile, LlamaServerClient, LocalServer
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    ModelLoadingError,
    ModelMissingError,
    ServerError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.server_engine import _signal_handlers_kept
from langchain_localllm.runtimes.llamacpp.server_params import new_server, server_params
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from tools.engines.models import lora_adapter

PROMPT = "The lamp on the table is red. " * 4


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with two slots, an adapter, and a folder for slots."""
    folder = tmp_path_factory.mktemp("server")
    adapter = lora_adapter(tiny_chat_model(), folder / "adapter.gguf")
    settings = EngineSettings(
        path=tiny_chat_model(), context={"n_threads": 1}, lora=((str(adapter), 1.0),)
    )
    more = {
        "cache_ram_mib": 0,
        "endpoint_slots": True,
        "n_ctx": 512,
        "n_parallel": 2,
        "slot_save_path": f"{folder}/",
    }
    with _signal_handlers_kept():
        server = new_server(server_params(settings, more))
    yield server.listening_address
    del server


def test_server_slot_that_was_saved_is_not_read_again(url: str) -> None:
    llm = Llamafile(base_url=url, temperature=0, max_tokens=4, id_slot=1)
    llm.invoke(PROMPT)
    read = next(slot.prompt_tokens for slot in llm.slots() if slot.id == 1)
    assert llm.save_slot(1, "lamp.bin") == read
    assert asyncio.run(llm.aerase_slot(1)) == read
    assert llm.generate([PROMPT]).generations[0][0].generation_info["usage"]["cached_tokens"] == 0  # type: ignore[index]  # it is there
    llm.erase_slot(1)
    assert llm.restore_slot(1, "lamp.bin") == read
    assert llm.generate([PROMPT]).generations[0][0].generation_info["usage"]["cached_tokens"] > 0  # type: ignore[index]  # it is there


def test_server_scales_of_adapters_change_what_is_answered(url: str) -> None:
    client = LlamaServerClient(base_url=url)
    [adapter] = client.lora_adapters()
    assert (adapter.id, adapter.scale, Path(adapter.path).name) == (0, 1.0, "adapter.gguf")
    client.set_lora_scales({0: 0.25})
    assert asyncio.run(client.alora_adapters())[0].scale == 0.25
    client.set_lora_scales({})
    assert client.lora_adapters()[0].scale == 0
    with pytest.raises(InvalidRequestError, match=r"no LoRA adapter 3\. It has \[0\]"):
        client.set_lora_scales({3: 1.0})
    client.set_lora_scales({0: 1.0})


def test_server_of_one_model_lists_it_and_loads_no_other(url: str) -> None:
    chat = ChatLlamafile(base_url=url)
    [model] = chat.list()
    assert (model.name, model.status, model.context) == ("tiny-chat.gguf", "loaded", 256)
    assert chat.ps() == asyncio.run(chat.aps()) == [model]
    with pytest.raises(InvalidRequestError, match="is not a router"):
        chat.load("other")
    with pytest.raises(InvalidRequestError, match="Invalid filename"):
        chat.save_slot(0, "../outside.bin")


def test_server_feature_that_is_switched_off_is_named(chat_server: LocalServer) -> None:
    client = LlamaServerClient(base_url=chat_server.base_url)
    with pytest.raises(InvalidRequestError, match="--slot-save-path"):
        client.save_slot(0, "a.bin")
    with pytest.raises(InvalidRequestError, match="start it with `--lora`"):
        client.set_lora_scales({0: 1.0})
    with pytest.raises(InvalidOptionError, match="one address"):
        LlamaServerClient(base_url=[chat_server.base_url, "http://localhost:9"]).list()


class _Router(BaseHTTPRequestHandler):
    """Answers as llama-server's router does. A model is loading at the first look, and then
    loaded."""

    models: dict[str, dict[str, Any]]
    asked: list[tuple[str, Any]]

    @override
    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        rows = [
            {"id": name, "object": "model", "path": f"/models/{name}", "status": dict(status)}
            for name, status in self.models.items()
        ]
        for name, status in self.models.items():
            if status["value"] == "loading" and name != "slow":
                self.models[name] = (
                    {"value": "unloaded", "failed": True, "exit_code": 1}
                    if name == "bad"
                    else {"value": "loaded"}
                )
        self._answer(200, {"object": "list", "data": rows})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        name, loads = body["model"], self.path == "/models/load"
        status = self.models.get(name)
        if status is None:
            self._fault("model is not found", "not_found_error", 404)
        elif loads and status["value"] == "loaded":
            self._fault("model is already loaded")
        elif not loads and status["value"] == "unloaded":
            self._fault("model is not running")
        else:
            self.models[name] = {"value": "loading" if loads else "unloaded"}
            self._answer(200, {"success": True})

    def _fault(self, message: str, kind: str = "invalid_request_error", status: int = 400) -> None:
        self._answer(status, {"error": {"code": status, "message": message, "type": kind}})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def router() -> Iterator[tuple[str, type[_Router]]]:
    """The address of a router with four models, and its handler."""
    unloaded = {name: {"value": "unloaded"} for name in ("small", "bad", "slow")}
    handler = type(
        "Router", (_Router,), {"models": {"large": {"value": "loaded"}, **unloaded}, "asked": []}
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_server_router_lists_loads_and_unloads_models(router: tuple[str, type[_Router]]) -> None:
    url, handler = router
    with LlamaServerClient(base_url=url, model="small") as client:
        assert {model.name: model.status for model in client.list()} == {
            "large": "loaded",
            "small": "unloaded",
            "bad": "unloaded",
            "slow": "unloaded",
        }
        client.load()
        assert [model.name for model in client.ps()] == ["large", "small"]
        client.load("large")  # it is
        client.unload("large")
        client.unload("large")
        assert [model.name for model in client.ps()] == ["small"]
        assert client.list()[0].path == "/models/large"
    paths = [(path, body["model"]) for path, body in handler.asked]
    assert paths == [
        ("/models/load", "small"),
        ("/models/load", "large"),
        *[("/models/unload", "large")] * 2,
    ]


def test_server_model_that_a_router_cannot_load_is_an_error(
    router: tuple[str, type[_Router]],
) -> None:
    url, _ = router
    with LlamaServerClient(base_url=url, wait_until_ready=0) as client:
        with pytest.raises(ModelMissingError, match="not found"):
            client.load("missing")
        with pytest.raises(ModelLoadingError, match="slow is still loading"):
            client.load("slow")
        with pytest.raises(InvalidOptionError, match="No model was named"):
            client.load()
    with (
        LlamaServerClient(base_url=url) as client,
        pytest.raises(ServerError, match="could not load bad"),
    ):
        client.load("bad")
