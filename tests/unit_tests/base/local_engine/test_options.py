"""Engines in this process: one for each file and its settings, shared, and freed when nobody holds
it."""

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, ClassVar
from weakref import WeakSet

import pytest
from typing_extensions import override

from langchain_localllm.base.local_engine.options import Engine, InProcessOptions
from langchain_localllm.base.option_roles import Loads
from langchain_localllm.errors import InvalidOptionError, ModelFileError


class ToyEngine:
    """Counts how many there are."""

    alive: ClassVar[WeakSet["ToyEngine"]] = WeakSet()
    loads: ClassVar[list[str]] = []

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = threading.Lock()  # cannot be copied or pickled, as an engine cannot
        time.sleep(0.01)
        self.loads.append(path)
        self.alive.add(self)

    def free(self) -> None:
        """Nothing to do."""


class Toy(InProcessOptions):
    """Options with one that needs a load of its own, and one that does not."""

    path: Annotated[str, Loads] = "a.gguf"
    heat: float = 0

    @override
    def load(self) -> Engine:
        if self.path == "missing.gguf":
            raise ModelFileError("There is no model file missing.gguf.")
        return ToyEngine(self.path)


class OtherToy(Toy):
    """Another kind of class on the same engine, as a chat class is."""


@pytest.fixture(autouse=True)
def _none_before() -> Iterator[None]:
    gc.collect()
    assert not ToyEngine.alive
    ToyEngine.loads.clear()
    yield
    gc.collect()
    assert not ToyEngine.alive


def test_engine_is_loaded_when_the_object_is_made() -> None:
    toy = Toy()
    assert ToyEngine.loads == ["a.gguf"]
    assert toy.engine is toy.engine
    assert ToyEngine.loads == ["a.gguf"]


def test_engine_objects_with_the_same_file_and_settings_share_it() -> None:
    toys = [Toy(), Toy(heat=1), OtherToy(timeout=5)]
    assert len({id(toy.engine) for toy in toys}) == 1
    assert Toy(path="b.gguf").engine is not toys[0].engine
    assert ToyEngine.loads == ["a.gguf", "b.gguf"]


def test_engine_many_threads_load_it_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        toys = list(pool.map(lambda _: Toy(), range(8)))
    assert len({id(toy.engine) for toy in toys}) == 1
    assert ToyEngine.loads == ["a.gguf"]
    pool.shutdown()


def test_engine_is_freed_when_the_last_object_is_forgotten() -> None:
    one, other = Toy(), Toy()
    del one
    assert len(ToyEngine.alive) == 1
    del other
    assert not ToyEngine.alive


def test_engine_is_freed_by_close_unless_another_object_uses_it() -> None:
    one, other = Toy(), Toy()
    one.close()
    assert len(ToyEngine.alive) == 1
    other.close()
    assert not ToyEngine.alive
    one.close()


def test_engine_is_freed_by_a_with_block() -> None:
    with Toy() as toy:
        assert toy.engine
    assert not ToyEngine.alive

    async def in_async_code() -> None:
        async with Toy() as other:
            assert other.engine
        assert not ToyEngine.alive
        again = Toy()
        await again.aclose()
        assert not ToyEngine.alive

    asyncio.run(in_async_code())


def test_engine_after_close_it_is_loaded_again_when_it_is_needed() -> None:
    toy = Toy()
    toy.close()
    assert ToyEngine.loads == ["a.gguf"]
    assert toy.engine.path == "a.gguf"
    assert ToyEngine.loads == ["a.gguf", "a.gguf"]


def test_engine_option_of_a_call_that_needs_another_load_leaves_the_objects_engine_alone() -> None:
    toy = Toy()
    mine = toy.engine
    assert toy.with_options({"heat": 1}).engine is mine
    assert toy.with_options({"path": "b.gguf"}).engine.path == "b.gguf"
    assert toy.engine is mine
    toy.close()


def test_engine_copies_share_it() -> None:
    toy = Toy()
    copies = [toy.model_copy(), toy.model_copy(deep=True), copy.copy(toy), copy.deepcopy(toy)]
    assert {id(twin.engine) for twin in copies} == {id(toy.engine)}
    toy.close()
    assert len(ToyEngine.alive) == 1  # a deep copy holds it by itself


def test_engine_pickled_object_finds_or_loads_it() -> None:
    toy = Toy()
    pickled = pickle.dumps(toy)
    assert pickle.loads(pickled).engine is toy.engine  # noqa: S301 - our own bytes
    toy.close()
    assert pickle.loads(pickled).engine.path == "a.gguf"  # noqa: S301 - our own bytes
    assert ToyEngine.loads == ["a.gguf", "a.gguf"]


def test_engine_load_that_fails_keeps_its_error_and_is_retried() -> None:
    for _ in range(2):
        with pytest.raises(ModelFileError, match="no model file"):
            Toy(path="missing.gguf")
    toy = Toy()
    with pytest.raises(ModelFileError):
        _ = toy.with_options({"path": "missing.gguf"}).engine
    assert toy.engine.path == "a.gguf"


@pytest.mark.parametrize("wrong", [{"heat": "hot"}, {"heats": 1}, {"timeout": 0}])
def test_engine_wrong_options_are_found_before_anything_is_loaded(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError):
        Toy(**wrong)
    assert not ToyEngine.loads


FORKING = """
import os
from tests.unit_tests.base.local_engine.test_options import Toy, ToyEngine

toy = Toy()
before = id(toy.engine)
if os.fork() == 0:
    assert id(toy.engine) != before
    os._exit(len(ToyEngine.loads))
_, status = os.wait()
assert id(toy.engine) == before
print(os.waitstatus_to_exitcode(status), len(ToyEngine.loads))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_engine_forked_process_loads_its_own() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FORKING],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[4],
    )
    assert (run.stdout, run.stderr) == ("2 1\n", "")
