"""Plans that run at the same time, in sync and in async code."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.operations import Gather, Plan, Sleep

CLIENT = HttpClient(Address.parse("http://127.0.0.1:9"), "")
RUNS: dict[str, Callable[[Plan[Any]], Any]] = {
    "sync": CLIENT.run,
    "async": lambda plan: asyncio.run(CLIENT.arun(plan)),
}
every_run = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


def returning(value: Any, seconds: float = 0) -> Plan[Any]:
    yield Sleep(seconds)
    if isinstance(value, Exception):
        raise value
    return value


def gathering(*args: Any) -> Plan[Any]:
    return (yield Gather(*args))


@every_run
def test_gather_returns_what_is_done_in_time_by_position(run: Callable[[Plan[Any]], Any]) -> None:
    begin = time.monotonic()
    assert run(gathering((returning("slow", 5), returning("a"), returning(None)), 0.5)) == {
        1: "a",
        2: None,
    }
    assert time.monotonic() - begin < 4
    assert run(gathering((), 0.5)) == {}


@every_run
def test_gather_ends_when_it_has_enough(run: Callable[[Plan[Any]], Any]) -> None:
    begin = time.monotonic()
    found = run(
        gathering(
            (returning("slow", 5), returning("a", 0.01)), 30, lambda done: "a" in done.values()
        )
    )
    assert found == {1: "a"}
    assert time.monotonic() - begin < 4


@every_run
def test_gather_raises_the_error_of_a_plan(run: Callable[[Plan[Any]], Any]) -> None:
    with pytest.raises(ValueError, match="no"):
        run(gathering((returning("slow", 5), returning(ValueError("no"))), 30))
