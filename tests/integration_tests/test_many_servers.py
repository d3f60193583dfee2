"""Several addresses as one model: on real llama.cpp servers that are killed and frozen, and on
scripted ones."""

import asyncio
import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from pydantic import SecretStr

from langchain_localllm import ChatLlamafile, Llamafile, LocalServer, errors
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.transport import failover as balance

from .scripted import Answer, Cut, Request, ScriptedServer, Wait, as_json, soon
from .wires import HELLO, WIRES

REQUESTS = 500
WIRE = WIRES["Llamafile"]
SAYS_HELLO = "".join(HELLO)
BROKEN = WIRE.streamed(WIRE.token("Hel"), Cut())


# --- real servers ---


@pytest.fixture
def three() -> Iterator[list[LocalServer]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(LocalServer(tiny_chat_model(), n_ctx=256, n_parallel=4))
            for _ in range(3)
        ]


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "_LOOK_EVERY", 0.3)
    monkeypatch.setattr(balance, "_PROBE_SECONDS", 2.0)


def asked_for(number: int) -> str:
    """What the answer to this request must be: a grammar leaves the model no choice."""
    return f"Here is {number}."


def request(number: int) -> dict[str, Any]:
    return {"input": f"Request {number}:", "grammar": f'root ::= "{asked_for(number)}"'}


def test_backend_pool_500_requests_survive_a_killed_and_a_frozen_server(
    three: list[LocalServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    killed, frozen, _ = three
    llm = Llamafile(base_url=[server.base_url for server in three], temperature=0)
    answers: list[tuple[int, str]] = []

    def work(number: int) -> None:
        answers.append((number, llm.invoke(**request(number))))
        if len(answers) == 100:
            os.kill(killed.pid, signal.SIGKILL)
        if len(answers) == 200:
            os.kill(frozen.pid, signal.SIGSTOP)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(REQUESTS)))
    os.kill(frozen.pid, signal.SIGCONT)
    assert sorted(answers) == [(number, asked_for(number)) for number in range(REQUESTS)], (
        "an answer is lost, doubled or mixed up"
    )
    first, second, _ = fleet(llm)._servers
    assert first.ejected
    assert soon(lambda: not second.ejected), "a server that goes on is not taken back"
    llm.close()


async def test_backend_pool_async_requests_survive_a_killed_and_a_frozen_server(
    three: list[LocalServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    chat = ChatLlamafile(base_url=[server.base_url for server in three], temperature=0)
    answers: list[str] = []

    async def work(number: int) -> None:
        answers.append((await chat.ainvoke(**request(number))).text)
        if len(answers) == 20:
            os.kill(three[1].pid, signal.SIGSTOP)
            os.kill(three[2].pid, signal.SIGKILL)

    await asyncio.gather(*map(work, range(100)))
    assert sorted(answers) == sorted(map(asked_for, range(100)))
    await chat.aclose()


# --- scripted servers ---


def fleet(model: Any) -> balance.BackendPool:
    return model.pool  # type: ignore[no-any-return]  # of any class


def models(*names: str, **meta: Any) -> Answer:
    return as_json({"data": [{"id": name, "meta": meta} for name in names]})


@pytest.fixture
def pair() -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    with ScriptedServer(WIRE.hello()) as one, ScriptedServer(WIRE.hello()) as other:
        one.asides = other.asides = {"/v1/models": models("tiny"), "/health": as_json({})}
        yield one, other


def over(*servers: ScriptedServer, **options: Any) -> Llamafile:
    return Llamafile(base_url=[server.base_url for server in servers], **options)


class Tokens(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.seen.append(token)


Pair = tuple[ScriptedServer, ScriptedServer]
UNSEEN: dict[str, Callable[[Llamafile], str]] = {
    "invoke": lambda llm: llm.invoke("a"),
    "ainvoke": lambda llm: asyncio.run(llm.ainvoke("a")),
    "batch": lambda llm: llm.batch(["a"])[0],
}
SEEN: dict[str, Callable[[Llamafile], Any]] = {
    "stream": lambda llm: list(llm.stream("a")),
    "invoke with a handler": lambda llm: llm.invoke("a", config={"callbacks": [Tokens()]}),
}


@pytest.mark.parametrize("way", UNSEEN)
def test_backend_pool_answer_that_broke_off_unconsumed_comes_from_another_server(
    pair: Pair, way: str
) -> None:
    one, other = pair
    one.script = lambda _: BROKEN
    llm = over(*pair)
    assert UNSEEN[way](llm) == SAYS_HELLO
    assert [len(server.requests) for server in pair] == [1, 1]
    assert UNSEEN[way](llm) == SAYS_HELLO
    assert len(one.requests) == 1, "a server that has just failed is asked first"
    assert len(other.requests) == 2


@pytest.mark.parametrize("way", SEEN)
def test_backend_pool_partly_consumed_answer_is_not_restarted(pair: Pair, way: str) -> None:
    one, other = pair
    one.script = lambda _: BROKEN
    with pytest.raises(errors.StreamBrokenError):
        SEEN[way](over(*pair))
    assert (len(one.requests), other.requests) == (1, [])


@pytest.mark.parametrize(
    "fault",
    [
        Answer([Cut()]),
        Answer(raw=True),
        WIRE.streamed(Cut()),
        WIRE.streamed(),
        WIRE.reported(500, "CUDA error"),
        WIRE.reported(503, "Loading model", type="unavailable_error"),
        WIRE.reported(429, "Too many requests"),
        Answer([Wait()]),
    ],
    ids=["cut", "no answer", "cut before the first bytes", "empty", "500", "503", "429", "silence"],
)
def test_backend_pool_fault_before_the_first_bytes_sends_the_request_to_another_server(
    pair: Pair, fault: Answer, request: pytest.FixtureRequest
) -> None:
    one, other = pair
    one.script = lambda _: fault
    # the other server may be slow on a busy machine
    llm = over(*pair, timeout=2 if "silence" in request.node.name else None)
    assert list(llm.stream("a")) == HELLO
    assert asyncio.run(collected(llm)) == HELLO
    assert len(one.requests) in {1, 2}, "a failed connection is tried once more"
    assert len(other.requests) == 2


async def collected(llm: Llamafile) -> list[str]:
    return [piece async for piece in llm.astream("a")]


def test_backend_pool_fault_of_the_request_is_the_callers(pair: Pair) -> None:
    for server in pair:
        server.script = lambda _: WIRE.reported(400, "bad grammar")
    with pytest.raises(errors.InvalidRequestError, match="bad grammar"):
        over(*pair).invoke("a")
    assert sum(len(server.requests) for server in pair) == 1


def test_backend_pool_least_busy_server_is_asked_first(pair: Pair) -> None:
    one, other = pair
    one.script = lambda _: WIRE.streamed(WIRE.token("Hel"), Wait(), WIRE.ending())
    llm = over(*pair)
    slow = llm.stream("a")
    next(slow)
    for _ in range(5):
        llm.invoke("b")
    assert (len(one.requests), len(other.requests)) == (1, 5)
    slow.close()
    one.script = lambda _: WIRE.hello()
    for _ in range(6):
        llm.invoke("c")
    assert (len(one.requests), len(other.requests)) == (4, 8), (
        "servers that are equally busy do not take turns"
    )
    assert all(server.busy == 0 for server in fleet(llm)._servers)


def test_backend_pool_recovered_server_is_readmitted(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(balance, "_SHORTEST_BREAK", 0.1)
    one, other = pair
    one.script = lambda _: WIRE.reported(500, "CUDA error")
    llm = over(*pair)
    llm.invoke("a")
    one.script = lambda _: WIRE.hello()
    assert soon(lambda: not any(server.ejected for server in fleet(llm)._servers))
    for _ in range(4):
        llm.invoke("a")
    assert (len(one.requests), len(other.requests)) == (3, 3)


def test_backend_pool_server_whose_health_is_bad_stays_out(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(balance, "_SHORTEST_BREAK", 0.0)
    pair[0].script = lambda _: WIRE.reported(503, "Loading model")
    pair[0].asides = {**pair[0].asides, "/health": WIRE.reported(503, "Loading model")}
    llm = over(*pair)
    llm.invoke("a")
    time.sleep(0.5)
    assert [server.ejected for server in fleet(llm)._servers] == [True, False]


def test_backend_pool_all_down_error_names_every_server() -> None:
    with ScriptedServer(Answer()) as one, ScriptedServer(Answer()) as other:
        urls = [one.base_url, other.base_url]
    for call in (Llamafile.invoke, lambda llm, text: asyncio.run(llm.ainvoke(text))):
        with pytest.raises(
            errors.ConnectionFailedError, match="None of the 2 servers answers"
        ) as caught:
            call(Llamafile(base_url=urls), "a")
        assert all(url in str(caught.value) for url in urls)


def test_backend_pool_different_models_are_refused(pair: Pair) -> None:
    pair[1].asides = {**pair[1].asides, "/v1/models": models("other")}
    llm = over(*pair)
    llm.invoke("a")
    with pytest.raises(errors.InvalidOptionError, match="runs 'other'") as caught:
        llm.invoke("a")
    assert pair[0].base_url in str(caught.value)
    assert pair[1].requests == []


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        (models("/somewhere/else/tiny.gguf", size=7), True),
        (models("C:\\models\\tiny.gguf", size=7), True),
        (models("/models/tiny.gguf", size=8), False),
        (models("unknown", size=8), False),
        (as_json({"error": "no such path"}, 404), True),
    ],
    ids=["elsewhere", "Windows", "other quantization", "other name", "no list"],
)
def test_backend_pool_same_model_is_known_wherever_its_file_is(
    pair: Pair, answer: Answer, fits: bool
) -> None:
    pair[0].asides = {**pair[0].asides, "/v1/models": models("/models/tiny.gguf", size=7)}
    pair[1].asides = {**pair[1].asides, "/v1/models": answer}
    llm = over(*pair)
    if fits:
        assert llm.batch(["a", "b"]) == [SAYS_HELLO] * 2
    else:
        with pytest.raises(errors.InvalidOptionError, match="the same model"):
            llm.batch(["a", "b", "c", "d"])


def test_backend_pool_named_model_is_looked_for_in_each_list(pair: Pair) -> None:
    pair[0].asides = {**pair[0].asides, "/v1/models": models("small", "large")}
    pair[1].asides = {**pair[1].asides, "/v1/models": models("large", "medium")}
    assert over(*pair, model="large").batch(["a", "b"]) == [SAYS_HELLO] * 2
    with pytest.raises(errors.InvalidOptionError, match="the same model"):
        over(*pair, model="small").batch(["a", "b", "c", "d"])


def test_backend_pool_address_with_another_kind_of_answer_is_reported(pair: Pair) -> None:
    pair[1].script = lambda _: Answer([b"<html>Hello</html>"], 404)
    pair[1].asides = {}
    llm = over(*pair)
    llm.invoke("a")
    with pytest.raises(errors.WrongServerError, match=pair[1].base_url):
        llm.invoke("a")


def test_backend_pool_call_may_name_its_own_servers(pair: Pair) -> None:
    llm = Llamafile(base_url="http://localhost:1", api_key=SecretStr("secret"))
    assert llm.invoke("a", base_url=[server.base_url for server in pair]) == SAYS_HELLO
    (sent,) = [request for server in pair for request in server.requests]
    assert "authorization" not in sent.headers, "a key went to a server that it was not given for"


def test_backend_pool_each_server_gets_the_key(pair: Pair) -> None:
    llm = over(*pair, api_key="secret")
    llm.batch(["a", "b"])
    assert [server.requests[0].headers["authorization"] for server in pair] == ["Bearer secret"] * 2


@pytest.mark.parametrize(
    ("urls", "says"),
    [
        ([], "an empty list"),
        (["localhost:1", "me:hush@localhost:2"], "api_key"),
        (["ftp://a"], "server's address"),
    ],
)
def test_backend_pool_invalid_lists_are_refused(urls: list[str], says: str) -> None:
    with pytest.raises(errors.InvalidOptionError, match=says) as caught:
        Llamafile(base_url=urls)
    assert "hush" not in str(caught.value)


def test_backend_pool_addresses_are_kept_once_and_travel_to_other_processes(pair: Pair) -> None:
    llm = over(*pair, *pair)
    assert llm.base_url == tuple(server.base_url for server in pair)
    llm.invoke("a")
    copied = pickle.loads(pickle.dumps(llm))  # noqa: S301 - our own bytes
    assert copied.invoke("a") == SAYS_HELLO


def watches() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "_watch" in thread.name}


def test_backend_pool_idle_servers_are_not_watched(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "_LOOK_EVERY", 0.05)
    before = watches()
    over(*pair).invoke("a")
    assert watches() - before
    assert soon(lambda: not watches() - before)


def test_backend_pool_dropped_model_is_not_watched_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(balance, "_LOOK_EVERY", 0.05)
    before = watches()
    llm = Llamafile(base_url=["http://localhost:1", "http://localhost:2"])
    with pytest.raises(errors.ConnectionFailedError):
        llm.invoke("a")
    del llm
    gc.collect()
    assert soon(lambda: not watches() - before)


def test_backend_pool_list_of_one_address_is_a_server_like_any_other(pair: Pair) -> None:
    one, _ = pair
    one.asides = {}
    assert over(one).invoke("a") == SAYS_HELLO
    assert [request.path for request in one.requests] == ["/completion"], (
        "it has no other to be compared with"
    )


def test_backend_pool_two_requests_are_counted_apart(pair: Pair) -> None:
    def script(_: Request) -> Answer:
        return WIRE.streamed(WIRE.token("Hel"), Wait(0.3), WIRE.ending())

    for server in pair:
        server.script = script
    over(*pair).batch(["a", "b", "c", "d"])
    assert [len(server.requests) for server in pair] == [2, 2]
