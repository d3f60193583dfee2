"""Servers of language models on this machine are found at their usual ports, and named by what they
answer."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from langchain_localllm import ChatLlamafile, Llamafile, LlamafileEmbeddings, LocalServer
from langchain_localllm.cli.diagnosis.report import diagnose
from langchain_localllm.cli.diagnosis.running import running_servers as diagnosed
from langchain_localllm.cli.model_args import chat_model
from langchain_localllm.errors import ConnectionFailedError, ModelMissingError
from langchain_localllm.manage import inventory, probe, resolve
from langchain_localllm.runtimes.llamafile import default_server
from langchain_localllm.transport import discovery
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.discovery import (
    DEFAULT_ADDRESSES,
    DefaultAddress,
    FoundServer,
    identify,
)
from tests.integration_tests.scripted import Answer, Request, ScriptedServer, Wait, as_json

PATIENT = 60.0
"""Seconds: a busy machine answers late."""
NOT_FOUND = as_json({"error": "not found"}, 404)


def listed(*models: str, owner: str | None = None) -> Answer:
    """An answer of `/v1/models`."""
    return as_json(
        {
            "object": "list",
            "data": [{"id": each} | ({"owned_by": owner} if owner else {}) for each in models],
        }
    )


PROGRAMS: dict[str, dict[str, Answer]] = {
    "LM Studio": {"/v1/models": listed("a", "b", owner="organization_owner")},
    "LM Studio, empty": {
        "/v1/models": listed(),
        "/": as_json({"error": "Unexpected endpoint or method. (GET /)"}),
    },
    "vLLM": {"/v1/models": listed("a", owner="vllm")},
    "vLLM, with a key": {
        "/v1/models": as_json({"error": "Unauthorized"}, 401),
        "/version": as_json({"version": "0.11.2"}),
    },
    "Docker Model Runner": {"/engines/v1/models": listed("ai/smollm2", owner="docker")},
    "Lemonade": {"/api/v1/models": listed("a", owner="lemonade")},
    "Lemonade, empty": {
        "/api/v1/models": listed(),
        "/api/v1/health": as_json({"status": "ok", "model_loaded": None}),
    },
    "Jan": {"/v1/models": listed("a", owner="user")},
    "KoboldCpp": {
        "/v1/models": Answer(listed("a").parts, headers={"Server": "ConcedoLlamaForKoboldServer"})
    },
    "KoboldCpp, behind a proxy": {
        "/v1/models": listed("a"),
        "/api/extra/version": as_json({"result": "KoboldCpp", "version": "1.110"}),
        "/api/version": as_json({"version": "0.7.0"}),
    },
    "GPT4All": {"/v1/models": listed("a", owner="humanity")},
    "SGLang": {"/v1/models": listed("a", owner="sglang")},
    "SGLang, with a key": {
        "/v1/models": as_json({}, 401),
        "/get_model_info": as_json({"model_path": "a"}),
    },
    "Ollama": {"/v1/models": listed("a", owner="library")},
    "Ollama, empty": {
        "/v1/models": as_json({"object": "list", "data": None}),
        "/api/version": as_json({"version": "0.24.0"}),
    },
    "llama.cpp's server": {"/v1/models": listed("a", owner="llamacpp")},
    "llama.cpp's server, loading": {"/v1/models": Answer([b"{}"], 503, {"Server": "llama.cpp"})},
    "llama.cpp's server, behind a proxy": {
        "/v1/models": listed("a"),
        "/props": as_json({"default_generation_settings": {}}),
    },
    "llama-swap": {"/v1/models": listed("a", owner="llama-swap")},
}
PATHS = {place.program: place.path for place in DEFAULT_ADDRESSES}


def speaking(answers: dict[str, Answer]) -> ScriptedServer:
    return ScriptedServer(lambda request: answers.get(request.path, NOT_FOUND))


def look(server: ScriptedServer, program: str) -> FoundServer:
    url = server.base_url + PATHS.get(program, "")
    found = HttpClient(Address.parse(server.base_url), "").run(identify(url, program, PATIENT))
    assert found is not None
    return found


@pytest.mark.parametrize("case", PROGRAMS)
def test_identify_names_the_program_by_its_answers(case: str) -> None:
    program = case.partition(",")[0]
    with speaking(PROGRAMS[case]) as server:
        found = look(server, program)
    assert found.program == program
    assert found.version == {
        "vLLM, with a key": "0.11.2",
        "KoboldCpp, behind a proxy": "1.110",
        "Ollama, empty": "0.24.0",
    }.get(case, "")
    assert all("authorization" not in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (listed("a"), ""),
        (listed("a", owner="user"), ""),
        (Answer([b"<html>a page</html>"]), "lists no models at /v1/models (status 200)"),
        (as_json({"error": "no"}, 403), "wants a key"),
        (as_json(["a"]), "lists no models"),
        (Answer([b"SSH-2.0-x\r\n"], raw=True), "does not speak HTTP"),
        (Answer([Wait()]), "did not answer within 0.3 seconds"),
    ],
)
def test_identify_unknown_program_has_no_name(answer: Answer, problem: str) -> None:
    with ScriptedServer(answer) as server:
        seconds = 0.3 if "0.3" in problem else PATIENT
        found = HttpClient(Address.parse(server.base_url), "").run(
            identify(server.base_url, seconds=seconds)
        )
    assert found is not None
    assert found.program == ""
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)


def at(*urls: str) -> tuple[DefaultAddress, ...]:
    """A port without a server, and these servers, each where vLLM is expected."""
    return tuple(
        DefaultAddress(int(url.rpartition(":")[2]), "vLLM") for url in ("127.0.0.1:9", *urls)
    )


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes some servers the only ones that are looked at."""

    def only(*urls: str) -> None:
        for module in (default_server, probe):
            monkeypatch.setattr(module, "DEFAULT_ADDRESSES", at(*urls))

    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setattr(discovery, "SECONDS", PATIENT)
    monkeypatch.setattr(discovery, "_silent_until", {})
    return only


SILENT = Answer([Wait()])
SLOW_HEAD = Answer(
    [part for letter in b"HTTP/1.1 200 OK\r\n" for part in (bytes([letter]), Wait(0.4))], raw=True
)
SLOW_BODY = Answer([part for letter in b'{"data": [] }' for part in (bytes([letter]), Wait(0.4))])
ONLY_MODELS = {"/v1/models": listed("a")}


def test_silent_servers_take_two_seconds_together(
    places: Any, monkeypatch: pytest.MonkeyPatch, chat_server: LocalServer
) -> None:
    def script(request: Request) -> Answer:
        return ONLY_MODELS.get(request.path, SILENT)

    with ExitStack() as stack:
        servers = [
            stack.enter_context(ScriptedServer(each))
            for each in (SILENT, SLOW_HEAD, SLOW_BODY, SILENT, script)
        ]
        places(*(server.base_url for server in servers), chat_server.base_url)
        monkeypatch.setattr(discovery, "SECONDS", 2.0)
        begin = time.monotonic()
        *silent, partly, known = probe.running_servers()
        assert time.monotonic() - begin < 4, "they are looked at one after another"
        assert {server.problem for server in silent} == {"It did not answer within 2 seconds."}
        assert len(silent) == 4
        assert (partly.models, partly.problem) == (("a",), "")
        assert (known.program, known.problem) == ("llama.cpp's server", "")
        monkeypatch.setenv("OLLAMA_HOST", servers[0].base_url)
        monkeypatch.setattr(discovery, "_silent_until", {})
        places(*(server.base_url for server in servers[:4]), chat_server.base_url)
        begin = time.monotonic()
        faults: list[str] = []
        rows = inventory.installed(faults.append)
        assert [fault for fault in faults if "did not answer within 2 seconds" in fault]
        assert len([row for row in rows if "did not answer" in row.problem]) == 4
        with pytest.raises(ModelMissingError):
            resolve.resolve("no-such-model")
        report = diagnose().runtimes
        assert time.monotonic() - begin < 4
        assert [
            each["address"]
            for each in report
            if each["details"][1:] == ["It did not answer within 2 seconds."]
        ] == [server.base_url for server in servers[:4]]


@pytest.mark.parametrize("answer", [SILENT, SLOW_HEAD, SLOW_BODY])
async def test_chat_without_an_address_does_not_wait_for_silent_servers_in_turn(
    answer: Answer, places: Any, monkeypatch: pytest.MonkeyPatch, chat_server: LocalServer
) -> None:
    with (
        ScriptedServer(answer) as first,
        ScriptedServer(answer) as second,
        ScriptedServer(answer) as third,
    ):
        places(first.base_url, second.base_url, chat_server.base_url, third.base_url)
        monkeypatch.setattr(discovery, "SECONDS", 2.0)
        for call in (True, False):
            monkeypatch.setattr(discovery, "_silent_until", {})
            begin = time.monotonic()
            chat = ChatLlamafile(temperature=0, max_tokens=1)
            assert (
                await chat.ainvoke("Hello!")
                if call
                else await asyncio.to_thread(chat.invoke, "Hello!")
            )
            assert time.monotonic() - begin < 4
        places(first.base_url)
        with pytest.raises(
            ConnectionFailedError, match=f"What listens at {first.base_url} does not answer"
        ):
            await ChatLlamafile(max_tokens=1).ainvoke("Hello!")


def test_chat_without_an_address_does_not_wait_for_those_after_the_first(
    places: Any, chat_server: LocalServer
) -> None:
    with ScriptedServer(SILENT) as silent:
        places(chat_server.base_url, silent.base_url)
        begin = time.monotonic()
        assert ChatLlamafile(max_tokens=1).invoke("Hello!")
        assert time.monotonic() - begin < PATIENT / 4


def says(text: str) -> Answer:
    event = (
        b'data: {"choices": [{"delta": {"content": "%s"}, "finish_reason": "stop"}]}\n\n'
        b"data: [DONE]\n\n" % text.encode()
    )
    return Answer([event], headers={"Content-Type": "text/event-stream"})


@pytest.fixture
def lm_studio() -> Iterator[ScriptedServer]:
    """A stand-in for LM Studio with two models."""

    def script(request: Request) -> Answer:
        if request.path == "/v1/chat/completions":
            return says(request.body.get("model", "?"))
        return PROGRAMS["LM Studio"].get(request.path, NOT_FOUND)

    with ScriptedServer(script) as server:
        yield server


def test_running_servers_are_named_and_located(
    places: Any, lm_studio: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(Answer([b"a page"])) as page:
        places(lm_studio.base_url, page.base_url)
        known, unknown = probe.running_servers()
        monkeypatch.setattr(probe, "_listener", lambda _: "ssh")
        report = diagnosed()
    assert (known.program, known.models, known.location) == (
        "LM Studio",
        ("a", "b"),
        "on this machine",
    )
    assert (unknown.program, unknown.problem[:9]) == ("a program where vLLM often is", "It lists ")
    assert [each["name"] for each in report] == ["LM Studio", "A program where vLLM often is"]
    assert report[0]["details"] == ["on another machine, through ssh", "2 models: a, b"]
    assert probe.location("https://gpu-box/v1") == ("on gpu-box, another machine", False)


def test_listener_is_this_process_where_psutil_reports_it(lm_studio: ScriptedServer) -> None:
    assert probe._listener(int(lm_studio.base_url.rpartition(":")[2])) == psutil.Process().name()


def test_models_of_a_server_are_listed_and_resolved_by_name(
    places: Any, lm_studio: ScriptedServer
) -> None:
    places(lm_studio.base_url)
    rows = [row for row in inventory.installed() if row.runtime == "llamafile"]
    assert [row.name for row in rows] == [f"{lm_studio.base_url}#a", f"{lm_studio.base_url}#b"]
    assert rows[0].place == "LM Studio on this machine: a"
    assert rows[0].on_this_machine
    for reference in ("b", rows[1].reference, f"llamafile:{lm_studio.base_url}/v1#b"):
        with chat_model(resolve.resolve(reference, "chat")) as model:
            assert model.invoke("Hello!").text == "b"


def test_name_on_two_servers_is_ambiguous(places: Any, lm_studio: ScriptedServer) -> None:
    with speaking(PROGRAMS["vLLM"]) as vllm:
        places(lm_studio.base_url, vllm.base_url)
        with pytest.raises(
            ModelMissingError, match=f"several models: {lm_studio.base_url}#a, {vllm.base_url}"
        ):
            resolve.resolve("a")


def test_chat_without_an_address_uses_the_first_llama_cpp_server(
    places: Any, lm_studio: ScriptedServer, chat_server: LocalServer
) -> None:
    places(lm_studio.base_url, chat_server.base_url)
    chat = ChatLlamafile(temperature=0, max_tokens=8, api_key=SecretStr("secret"))
    assert chat.invoke("Repeat: red lamp").text == "red lamp"
    assert asyncio.run(chat.ainvoke("Repeat: red lamp")).text == "red lamp"
    assert "".join(chunk.text for chunk in chat.stream("Repeat: red lamp")) == "red lamp"
    assert chat.get_num_tokens("red lamp") > 0
    assert asyncio.run(Llamafile(max_tokens=4).ainvoke("Hello"))
    assert not any("secret" in str(request.headers) for request in lm_studio.requests)
    looked = len(lm_studio.requests)
    chat.bind(temperature=0.1).invoke("Repeat: red lamp")
    assert len(lm_studio.requests) == looked, "the server is looked for once"
    assert chat.bind(base_url=lm_studio.base_url, model="b").invoke("Hello!").text == "b"


def test_embeddings_without_an_address_use_the_first_llama_cpp_server(
    places: Any, embedding_server: LocalServer
) -> None:
    places(embedding_server.base_url)
    assert len(LlamafileEmbeddings().embed_documents(["a lamp", "a boat"])) == 2


def test_chat_without_an_address_says_what_was_looked_at(
    places: Any, lm_studio: ScriptedServer, chat_server: LocalServer
) -> None:
    places(lm_studio.base_url)
    chat = ChatLlamafile(max_tokens=8)
    studio = re.escape(lm_studio.base_url)
    words = (
        rf"No llama.cpp server answers at .*:8080 .*{studio[-5:]}.*LM Studio answers at {studio}"
        r".*`base_url`.*--server"
    )
    with pytest.raises(ConnectionFailedError, match=words):
        chat.invoke("Hello!")
    with pytest.raises(ConnectionFailedError, match=words):
        asyncio.run(chat.ainvoke("Hello!"))
    places(chat_server.base_url)
    assert chat.invoke("Repeat: red lamp").text, "it is looked for again"


def test_chat_without_an_address_uses_any_server_at_8080(
    monkeypatch: pytest.MonkeyPatch, lm_studio: ScriptedServer
) -> None:
    (place,) = at(lm_studio.base_url)[1:]
    monkeypatch.setattr(default_server, "DEFAULT_ADDRESSES", (place,))
    monkeypatch.setattr(default_server, "DEFAULT_URL", lm_studio.base_url)
    assert ChatLlamafile(model="a").invoke("Hello!").text == "a"


def test_default_addresses_begin_with_llama_cpps() -> None:
    assert [place.port for place in DEFAULT_ADDRESSES] == [
        8080,
        9931,
        11434,
        1234,
        8000,
        12434,
        13305,
        1337,
        5001,
        4891,
        30000,
    ]
    assert all(place.url.startswith("http://127.0.0.1:") for place in DEFAULT_ADDRESSES)
