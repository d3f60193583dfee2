"""What goes wrong between a class and its server: the same fault has the same type on every path,
and the next call works."""

import asyncio
import gc
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import Embeddings

from langchain_localllm import LlamafileEmbeddings, OllamaEmbeddings, errors
from langchain_localllm.testing import paths

from .scripted import Answer, Cut, Part, Request, Script, ScriptedServer, Wait, as_json, in_turn
from .wires import ASIDES, HELLO, WIRES, Wire

ROOT = Path(__file__).parents[2]
PATHS = (paths.invoke, paths.ainvoke, paths.stream, paths.astream, paths.batch, paths.abatch)
PROMPT = "Say hello."


# --- fixtures ---


@pytest.fixture(scope="module")
def one_server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Answer(status=500)) as server:
        yield server


@pytest.fixture
def server(one_server: ScriptedServer) -> ScriptedServer:
    one_server.reset(Answer(status=500))
    one_server.asides = ASIDES
    return one_server


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]


@pytest.fixture(params=PATHS, ids=lambda path: str(path.__name__))
def path(request: pytest.FixtureRequest) -> paths.Path:
    found: paths.Path = request.param
    return found


# --- the table ---


@dataclass(frozen=True)
class Fault:
    """A fault of a text or chat call.

    Attributes:
        script: From the class's wire to what the server does.
        outcome: The error's type, or the right text.
        says: Words of the error.
        settings: Settings of the model.
        shared: Whether whatever is asked of the server meets it, embeddings too, with the same
            outcome.
        only: The classes that can meet it, when not all can.
    """

    script: Callable[[Wire], Script | Answer]
    outcome: type[Exception] | str
    says: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    shared: bool = False
    only: tuple[str, ...] = tuple(WIRES)


def always(
    answer: Answer | Callable[[Wire], Answer], outcome: type[Exception], says: str, **settings: Any
) -> Fault:
    script = (lambda _: answer) if isinstance(answer, Answer) else answer
    return Fault(script, outcome, says, settings, shared=True)


def reported(status: int, message: str, **more: Any) -> Callable[[Wire], Answer]:
    return lambda wire: wire.reported(status, message, **more)


def then(*parts: Part | Callable[[Wire], bytes]) -> Callable[[Wire], Answer]:
    """A token, and then these parts."""
    return lambda wire: wire.streamed(
        wire.token("Hel"), *(part(wire) if callable(part) else part for part in parts)
    )


def at_chunks(size: int) -> Callable[[Wire], Answer]:
    def script(wire: Wire) -> Answer:
        data = wire.whole()
        return wire.streamed(*(data[start : start + size] for start in range(0, len(data), size)))

    return script


def loading_twice(wire: Wire) -> Script:
    busy = wire.reported(503, "Loading model", type="unavailable_error")
    return in_turn([busy, busy, wire.hello()])


def overflow(wire: Wire) -> Answer:
    words = "the input length exceeds the context length (601 tokens)"
    return wire.reported(
        400, words, type="exceed_context_size_error", n_prompt_tokens=601, n_ctx=256
    )


def half_a_token(wire: Wire) -> bytes:
    return wire.token("lo")[:20]


SAYS_HELLO = "".join(HELLO)
SSE = ("Llamafile", "ChatLlamafile")
HTML = {"Content-Type": "text/html"}
PAGE = Answer([b"<!DOCTYPE html>\n<html><body>Welcome</body></html>"], headers=HTML)

FAULTS = {
    # what is asked: the server at all
    "a web page": always(PAGE, errors.WrongServerError, "`base_url`"),
    "a web page that is missing": always(
        Answer(PAGE.parts, 404, HTML), errors.WrongServerError, "`base_url`"
    ),
    "another server's 404": always(
        Answer([b"404 page not found"], 404), errors.WrongServerError, "`base_url`"
    ),
    "no HTTP": always(
        Answer([b"SSH-2.0-OpenSSH_9.6\r\n"], raw=True),
        errors.WrongServerError,
        "`base_url`",
        max_retries=0,
    ),
    "a redirect": always(
        Answer(status=307, headers={"Location": "http://127.0.0.1:9/"}),
        errors.WrongServerError,
        "redirects",
    ),
    "gone before it answers": always(
        Answer(raw=True), errors.ConnectionFailedError, "No server answers"
    ),
    "silence before the answer": always(
        Answer([Wait()], raw=True), errors.CallTimeoutError, "`timeout`", timeout=0.1
    ),
    # what it reports
    "no key": always(reported(401, "Invalid API Key"), errors.AuthenticationError, "`api_key`"),
    "forbidden": always(reported(403, "Not for you"), errors.PermissionDeniedError, "Not for you"),
    "a model that is missing": always(
        reported(404, "model 'a' not found"), errors.ModelMissingError, "model"
    ),
    "too many": always(reported(429, "Slow down"), errors.RateLimitError, "Slow down"),
    "a failure": always(reported(500, "Compute error"), errors.ServerError, "Compute error"),
    "a failure without words": always(Answer(status=502), errors.ServerError, "no reason given"),
    "a wrong option": always(
        reported(400, "type must be number"), errors.InvalidRequestError, "must be number"
    ),
    "an overflow": always(overflow, errors.ContextLengthError, "context"),
    "loading forever": always(
        reported(503, "Loading model"),
        errors.ModelLoadingError,
        "`wait_until_ready`",
        wait_until_ready=0.1,
    ),
    "loading, then ready": Fault(loading_twice, SAYS_HELLO),
    "silence in an error": always(
        Answer([b"{", Wait()], 500), errors.CallTimeoutError, "`timeout`", timeout=0.1
    ),
    "cut in an error": always(
        Answer([b"{", Cut()], 400), errors.StreamBrokenError, "broke off", max_retries=0
    ),
    # how the answer ends
    "cut before the first token": always(
        Answer([Cut()]), errors.StreamBrokenError, "", max_retries=0
    ),
    "silence in the answer": Fault(
        then(Wait()), errors.CallTimeoutError, "`timeout`", {"timeout": 0.1}
    ),
    "cut in a token": Fault(then(half_a_token, Cut()), errors.StreamBrokenError),
    "an end in a token": Fault(then(half_a_token), errors.StreamBrokenError, "complete"),
    "an end after a token": Fault(then(), errors.StreamBrokenError, "before it was complete"),
    "an empty answer": Fault(
        lambda wire: wire.streamed(), errors.StreamBrokenError, "before it was complete"
    ),
    "more after the end": Fault(
        lambda wire: wire.streamed(wire.whole(), wire.token("more"), b"junk"), SAYS_HELLO
    ),
    # what cannot be read
    "half a line of JSON": Fault(
        then(lambda wire: wire.framed(b'{"con')), errors.StreamBrokenError, "not JSON"
    ),
    "an event of another shape": Fault(
        then(lambda wire: wire.framed(b"[1]")), errors.StreamBrokenError, "[1]"
    ),
    "bytes that are not UTF-8": Fault(
        then(lambda wire: wire.framed(b'{"content": "\xe6\xff"}')),
        errors.StreamBrokenError,
        "not JSON",
    ),
    "an error in the answer": Fault(
        then(lambda wire: wire.event({"error": wire.error(500, "Compute error")})),
        errors.ServerError,
        "Compute error",
    ),
    "an error line in the answer": Fault(
        then(b'error: {"code": 500, "message": "Compute error"}\n\n'),
        errors.ServerError,
        "Compute error",
        only=SSE,
    ),
    # how the network cuts it
    "a byte at a time": Fault(at_chunks(1), SAYS_HELLO),
    "characters in parts": Fault(at_chunks(7), SAYS_HELLO),
    "all at once": Fault(lambda wire: wire.streamed(wire.whole()), SAYS_HELLO),
    "no length and no chunks": Fault(
        lambda wire: Answer([b"HTTP/1.0 200 OK\r\n\r\n" + wire.whole()], raw=True), SAYS_HELLO
    ),
}
SHARED = {name: fault for name, fault in FAULTS.items() if fault.shared}


def check(call: Callable[[], Any], fault: Fault) -> None:
    if isinstance(fault.outcome, str):
        assert call() == fault.outcome
        return
    with pytest.raises(errors.LocalLLMError) as caught:
        call()
    assert type(caught.value) is fault.outcome
    assert fault.says in str(caught.value)


def meet(fault: Fault, wire: Wire, path: paths.Path, server: ScriptedServer) -> None:
    """Call a model whose server has the fault; then the server is well, and the same object
    works."""
    answer = fault.script(wire)
    server.script = (lambda _: answer) if isinstance(answer, Answer) else answer
    model = wire.make(base_url=server.base_url, **fault.settings)
    check(lambda: path(model, PROMPT), fault)
    model.timeout = None  # this machine may be busy
    server.script, server.asides = lambda _: wire.hello(), ASIDES
    assert path(model, PROMPT) == SAYS_HELLO


@pytest.mark.parametrize(
    ("name", "wire"),
    [(name, wire) for name, fault in FAULTS.items() for wire in fault.only],
    indirect=["wire"],
)
def test_fault_has_its_type_on_every_path(
    name: str, wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    meet(FAULTS[name], wire, path, server)


@pytest.mark.parametrize("wire", ["Ollama", "ChatOllama"], indirect=True)
@pytest.mark.parametrize("name", SHARED)
def test_fault_has_the_same_type_when_ollama_is_asked_about_the_model(
    name: str, wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    server.asides = {}
    meet(SHARED[name], wire, path, server)


@pytest.mark.parametrize("slow_path", [paths.stream, paths.astream])
def test_fault_timeout_limits_the_wait_for_data_and_not_the_whole_answer(
    slow_path: paths.Path, wire: Wire, server: ScriptedServer
) -> None:
    server.script = lambda _: wire.streamed(
        *[part for text in HELLO for part in (wire.token(text), Wait(0.4))], wire.ending()
    )
    assert slow_path(wire.make(base_url=server.base_url, timeout=1.5), PROMPT) == SAYS_HELLO


def embed_query(model: Embeddings) -> list[float]:
    return model.embed_query("a")


def aembed_query(model: Embeddings) -> list[float]:
    return asyncio.run(model.aembed_query("a"))


def embed_documents(model: Embeddings) -> list[float]:
    return model.embed_documents(["a", "b"])[1]


def aembed_documents(model: Embeddings) -> list[float]:
    return asyncio.run(model.aembed_documents(["a", "b"]))[1]


EMBED_PATHS = (embed_query, aembed_query, embed_documents, aembed_documents)
Rows = Callable[[list[list[float]]], Answer]
EMBEDDERS: dict[str, tuple[Any, Rows]] = {
    "Llamafile": (
        LlamafileEmbeddings,
        lambda rows: as_json(
            {"data": [{"index": index, "embedding": row} for index, row in enumerate(rows)]}
        ),
    ),
    "Ollama": (OllamaEmbeddings, lambda rows: as_json({"embeddings": rows})),
}
"""A class, and how its server gives vectors."""


def always_rows(rows: list[list[float]], says: str) -> Fault:
    return always(lambda wire: EMBEDDERS[wire.make.__name__][1](rows), errors.ServerError, says)


EMBED_FAULTS = SHARED | {
    "an overflow": replace(SHARED["an overflow"], says="tokens"),
    "half of the JSON": always(Answer([b'{"data": [']), errors.WrongServerError, "not JSON"),
    "JSON of another shape": always(as_json([1, 2]), errors.WrongServerError, "no vectors"),
    "no vectors": always_rows([], "0 vectors came back"),
    "too many vectors": always_rows([[3.0, 4.0]] * 3, "3 vectors came back"),
    "cut in the answer": always(
        Answer([b'{"data": [', Cut()]), errors.StreamBrokenError, "broke off"
    ),
    "silence in the answer": always(
        Answer([b'{"data": [', Wait()]), errors.CallTimeoutError, "`timeout`", timeout=0.1
    ),
}


@pytest.mark.parametrize("wire", EMBEDDERS, indirect=True)
@pytest.mark.parametrize("embed", EMBED_PATHS)
@pytest.mark.parametrize("name", EMBED_FAULTS)
def test_fault_has_its_type_for_embeddings_too(
    name: str, embed: Callable[[Embeddings], list[float]], wire: Wire, server: ScriptedServer
) -> None:
    fault = EMBED_FAULTS[name]
    answer = fault.script(wire)
    server.script = (lambda _: answer) if isinstance(answer, Answer) else answer
    model_class, rows = EMBEDDERS[wire.make.__name__]
    # a name, so that none is asked for
    model = model_class(base_url=server.base_url, model="m", **fault.settings)
    check(lambda: embed(model), fault)
    model.timeout = None
    server.script = lambda request: rows([[3.0, 4.0]] * len(request.body["input"]))
    assert embed(model) == [0.6, 0.8]


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("wire", EMBEDDERS, indirect=True)
def test_fault_vector_that_has_no_direction_is_refused(
    value: float, wire: Wire, server: ScriptedServer
) -> None:
    model_class, rows = EMBEDDERS[wire.make.__name__]
    server.script = lambda _: rows([[value, value]])
    with pytest.raises(errors.ServerError, match="Does this model make embeddings"):
        model_class(base_url=server.base_url).embed_query("a")


# --- no server ---


@pytest.fixture
def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_fault_missing_server_is_reported_with_a_fix(
    wire: Wire, path: paths.Path, free_port: int
) -> None:
    with pytest.raises(errors.ConnectionFailedError) as caught:
        path(wire.make(base_url=f"http://127.0.0.1:{free_port}"), PROMPT)
    assert type(caught.value) is errors.ConnectionFailedError
    assert str(caught.value).startswith(
        f"No server answers at http://127.0.0.1:{free_port}. {wire.make.START_HINT}"
    )


@pytest.mark.parametrize("embed", EMBED_PATHS)
def test_fault_missing_embedding_server_is_reported_with_a_fix(
    embed: Callable[[Embeddings], Any], free_port: int
) -> None:
    with pytest.raises(errors.ConnectionFailedError, match="--embedding"):
        embed(LlamafileEmbeddings(base_url=f"http://127.0.0.1:{free_port}"))


def test_fault_connection_that_breaks_before_the_answer_is_retried(
    wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    breaks = Answer(raw=True)
    server.script = in_turn([breaks, wire.hello()])
    if path in {paths.batch, paths.abatch}:
        server.script = in_turn([breaks, breaks, wire.hello()])
    assert path(wire.make(base_url=server.base_url, max_retries=2), PROMPT) == SAYS_HELLO


def test_fault_kept_connections_that_are_all_closed_at_once_cost_one_retry(
    wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    """As llama.cpp's server closes them after five idle seconds, perhaps just when they are used
    again."""
    server.script = lambda _: wire.streamed(Wait(0.1), *wire.hello().parts)
    model = wire.make(base_url=server.base_url)
    with paths.one_event_loop():
        model.batch([PROMPT] * 6)
        paths.run(model.abatch([PROMPT] * 6))
        server.script = lambda request: Answer(raw=True) if request.turn > 1 else wire.hello()
        assert path(model, PROMPT) == SAYS_HELLO


def test_fault_answer_that_began_is_never_asked_for_again(
    wire: Wire, server: ScriptedServer
) -> None:
    server.script = lambda _: wire.streamed(wire.token("Hel"), Cut())
    with pytest.raises(errors.StreamBrokenError):
        wire.make(base_url=server.base_url, max_retries=5).invoke(PROMPT)
    assert len(server.requests) == 1


def test_fault_cache_works_with_a_server_that_names_no_model(
    path: paths.Path, server: ScriptedServer
) -> None:
    wire = WIRES["Llamafile"]
    missing = wire.reported(404, "File Not Found")
    server.script = lambda request: missing if request.path == "/v1/models" else wire.hello()
    model = wire.make(base_url=server.base_url, cache=InMemoryCache())
    assert path(model, PROMPT) == path(model, PROMPT) == SAYS_HELLO


# --- a batch ---


TEXT = pytest.mark.parametrize("wire", ["Llamafile", "Ollama"], indirect=True)


@TEXT
@pytest.mark.parametrize("path", [paths.batch, paths.abatch])
def test_fault_first_real_error_of_a_batch_is_raised(
    path: paths.Path, wire: Wire, server: ScriptedServer
) -> None:
    """A prompt that is stopped because another one failed does not hide why."""
    slow = wire.streamed(
        *[part for _ in range(100) for part in (wire.token("a"), Wait(0.2))], wire.ending()
    )
    server.script = in_turn([slow, wire.reported(400, "refused")])
    with pytest.raises(errors.InvalidRequestError, match="refused"):
        path(wire.make(base_url=server.base_url), PROMPT)
    assert server.was_left()


class Runs(BaseCallbackHandler):
    """Counts the runs that began and those that ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    def on_llm_start(self, *_: Any, **__: Any) -> None:
        self.begun += 1

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.ended += 1

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.ended += 1


@TEXT
def test_fault_every_run_of_a_batch_that_fails_ends(wire: Wire, server: ScriptedServer) -> None:
    server.script = lambda _: wire.reported(400, "refused")
    for call in (paths.batch, paths.abatch):
        runs = Runs()
        with pytest.raises(errors.InvalidRequestError):
            call(_Many(wire.make(base_url=server.base_url)), PROMPT, {"callbacks": [runs]})
        assert (runs.begun, runs.ended) == (80, 80)


@TEXT
def test_fault_every_run_of_a_batch_ends_before_the_batch_does(
    wire: Wire, server: ScriptedServer
) -> None:
    """Handlers that are not async run in threads, of which there are fewer than runs here."""

    class SlowRuns(Runs):
        def on_llm_error(self, *_: Any, **__: Any) -> None:
            time.sleep(0.2)
            super().on_llm_error()

    server.script = lambda _: wire.reported(400, "refused")
    runs = SlowRuns()

    async def fail() -> int:
        model = wire.make(base_url=server.base_url)
        with pytest.raises(errors.InvalidRequestError):
            await model.abatch([PROMPT] * 16, {"callbacks": [runs]})
        return runs.ended

    assert asyncio.run(fail()) == runs.begun == 16


class _Many:
    """Makes a batch of two a batch of eighty, which is more than are worked on at a time."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def batch(self, prompts: list[str], config: Any) -> Any:
        return self._model.batch(prompts * 40, config)

    async def abatch(self, prompts: list[str], config: Any) -> Any:
        return await self._model.abatch(prompts * 40, config)


# --- callbacks, leaving and cancelling ---


class Raising(BaseCallbackHandler):
    raise_error = True

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        raise ZeroDivisionError


def test_fault_callback_that_raises_ends_the_call(
    wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    server.script = lambda _: wire.streamed(wire.token("Hel"), Wait(), wire.ending())
    model = wire.make(base_url=server.base_url)
    with pytest.raises(ZeroDivisionError) as caught:
        path(model, PROMPT, {"callbacks": [Raising()]})
    assert server.was_left()
    assert caught.tb  # it holds the frames, so that no collection of garbage closed the connection
    server.script = lambda _: wire.hello()
    assert path(model, PROMPT) == SAYS_HELLO


def endless(wire: Wire) -> Answer:
    return wire.streamed(wire.token("Hel"), Wait(), wire.ending())


def test_fault_leaving_a_stream_closes_its_connection(wire: Wire, server: ScriptedServer) -> None:
    server.script = lambda _: endless(wire)
    for _ in wire.make(base_url=server.base_url).stream(PROMPT):
        break
    assert server.was_left()


def test_fault_leaving_an_async_stream_closes_its_connection(
    wire: Wire, server: ScriptedServer
) -> None:
    server.script = lambda _: endless(wire)

    async def leave() -> bool:
        async for _ in wire.make(base_url=server.base_url).astream(PROMPT):
            break
        return await asyncio.to_thread(server.was_left)

    assert asyncio.run(leave())


@pytest.mark.parametrize("call", ["ainvoke", "astream", "abatch"])
def test_fault_cancelling_closes_the_connection(
    wire: Wire, call: str, server: ScriptedServer
) -> None:
    server.script = lambda _: endless(wire)
    run = {"ainvoke": _ainvoke, "astream": _astream, "abatch": _abatch}[call]

    async def cancel() -> bool:
        model = wire.make(base_url=server.base_url)
        task = asyncio.create_task(run(model))
        assert await asyncio.to_thread(server.was_asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = await asyncio.to_thread(server.was_left)
        server.script = lambda _: wire.hello()
        assert paths._text(await model.ainvoke(PROMPT)) == SAYS_HELLO
        return left

    assert asyncio.run(cancel())


async def _ainvoke(model: Any) -> Any:
    return await model.ainvoke(PROMPT)


async def _astream(model: Any) -> Any:
    return [chunk async for chunk in model.astream(PROMPT)]


async def _abatch(model: Any) -> Any:
    return await model.abatch([PROMPT, PROMPT])


# --- connections ---


def test_fault_connections_are_used_again(wire: Wire, server: ScriptedServer) -> None:
    server.script = lambda _: wire.hello()
    model = wire.make(base_url=server.base_url)
    for _ in range(3):
        model.invoke(PROMPT)
        model.invoke(PROMPT, temperature=0.5)
    assert server.connections == 1

    async def thrice() -> None:
        for _ in range(3):
            await model.ainvoke(PROMPT)

    asyncio.run(thrice())
    assert server.connections == 2


def test_fault_object_works_in_one_event_loop_after_another(
    wire: Wire, server: ScriptedServer
) -> None:
    server.script = lambda _: wire.hello()
    model = wire.make(base_url=server.base_url)
    for _ in range(3):
        assert paths.ainvoke(model, PROMPT) == SAYS_HELLO
        assert paths.astream(model, PROMPT) == SAYS_HELLO
    assert not model.client.loops  # an ended loop is not held


def test_fault_many_streams_of_one_object_do_not_mix(wire: Wire, server: ScriptedServer) -> None:
    def script(request: Request) -> Answer:
        prompt = wire.prompt(request)
        return wire.streamed(*(wire.token(letter) for letter in prompt), wire.ending())

    server.script = script
    model = wire.make(base_url=server.base_url)
    prompts = [f"prompt {number}" for number in range(200)]

    async def collect(prompt: str) -> str:
        return "".join([paths._text(chunk) async for chunk in model.astream(prompt)])

    async def together() -> list[str]:
        return await asyncio.gather(*(collect(prompt) for prompt in prompts))

    async def thrice() -> list[int]:
        sizes = []
        for _ in range(3):
            assert await together() == prompts
            server.requests.clear()
            gc.collect()
            sizes.append(len(gc.get_objects()))
        return sizes

    _, second, third = asyncio.run(thrice())
    assert third - second < len(prompts), "each stream leaves something behind"


@pytest.mark.parametrize("call", PATHS)
def test_fault_neither_proxies_nor_netrc_touch_this_machine(
    call: paths.Path,
    wire: Wire,
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine 127.0.0.1 login me password hidden\nmachine localhost login me password hidden\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.script = lambda _: wire.hello()
    with ScriptedServer(Answer(status=502)) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url)
            monkeypatch.setenv(name.lower(), proxy.base_url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for url in (server.base_url, server.base_url.replace("127.0.0.1", "localhost")):
            assert call(wire.make(base_url=url), PROMPT) == SAYS_HELLO
        assert not proxy.requests
    assert all("authorization" not in request.headers for request in server.requests)


def test_fault_another_machine_is_reached_through_the_proxy_and_with_its_own_key(
    wire: Wire,
    path: paths.Path,
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine model.example login me password hidden\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, server.base_url)
    server.script = lambda _: wire.hello()
    assert (
        path(wire.make(base_url="http://model.example:8080", api_key="a-key"), PROMPT) == SAYS_HELLO
    )
    assert all(request.path.startswith("http://model.example:8080/") for request in server.requests)
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer a-key"}


def test_fault_redirect_is_not_followed(
    wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    with ScriptedServer(wire.hello()) as elsewhere:
        server.script = lambda _: Answer(status=301, headers={"Location": elsewhere.base_url})
        with pytest.raises(errors.WrongServerError, match="final address"):
            path(wire.make(base_url=server.base_url), PROMPT)
        assert not elsewhere.requests


def test_fault_keys_and_headers_are_sent_and_passwords_are_not_shown(
    wire: Wire, path: paths.Path, server: ScriptedServer
) -> None:
    server.script = lambda _: wire.reported(401, "Invalid API Key")
    model = wire.make(
        base_url=server.base_url, api_key="hidden-key", headers={"X-Tenant": "hidden-tenant"}
    )
    with pytest.raises(errors.AuthenticationError) as caught:
        path(model, PROMPT)
    assert server.requests[0].headers["authorization"] == "Bearer hidden-key"
    assert server.requests[0].headers["x-tenant"] == "hidden-tenant"
    trail: list[BaseException | None] = [caught.value]
    while (error := trail[-1]) is not None:
        assert "hidden" not in f"{error} {error!r}"
        trail.append(error.__cause__ or error.__context__)


# --- nothing is left behind ---

LEFT_LOOP = """
    import asyncio, gc, sys, threading
    from langchain_localllm import {model_class}

    def ask(model, close):
        loop = asyncio.new_event_loop()  # which nobody shuts down, as asyncio.run does
        loop.run_until_complete(model.ainvoke("a"))
        if close:
            loop.close()

    async def dropped():
        for _ in range(3):
            await {model_class}(base_url=sys.argv[1]).ainvoke("a")
        gc.collect()

    kept = {model_class}(base_url=sys.argv[1])
    for close in (True, True, False):
        ask(kept, close)
        ask({model_class}(base_url=sys.argv[1]), close)
    thread = threading.Thread(target=ask, args=(kept, True))
    thread.start()
    thread.join()
    assert len(kept.client.loops) == 2, "an ended event loop is held"
    asyncio.run(dropped())
"""


def test_fault_event_loop_that_was_never_shut_down_brings_no_complaint(
    wire: Wire, server: ScriptedServer
) -> None:
    server.script = lambda _: wire.hello()
    code = textwrap.dedent(LEFT_LOOP.format(model_class=wire.make.__name__))
    command = [sys.executable, "-c", code, server.base_url]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert (run.returncode, run.stderr) == (0, "")


TIDY = """
    import asyncio, sys, threading
    from langchain_localllm import {model_class}

    def new():
        return {model_class}(base_url=sys.argv[1])

    async def use(model):
        await asyncio.gather(*(model.ainvoke("a") for _ in range(5)))
        async for _ in model.astream("a"):
            break
        task = asyncio.create_task(model.ainvoke("a"))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    model = new()
    model.invoke("a")
    model.batch(["a", "b"])
    for _ in model.stream("a"):
        break
    asyncio.run(use(model))
    asyncio.run(use(model))
    asyncio.run(use(new()))
    with new() as model:
        model.invoke("a")

    async def closed():
        async with new() as model:
            await model.ainvoke("a")

    asyncio.run(closed())
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
"""


def test_fault_nothing_is_left_unclosed(wire: Wire, server: ScriptedServer) -> None:
    server.script = lambda _: wire.hello()
    code = textwrap.dedent(TIDY.format(model_class=wire.make.__name__))
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-W",
        "error::ResourceWarning",
        "-c",
        code,
        server.base_url,
    ]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert (run.returncode, run.stderr) == (0, "")
