"""How many threads compute a batch of a small model: those with which it was faster."""

import itertools
from collections.abc import Callable

import pytest

from langchain_localllm.runtimes.llamacpp import thread_tuner as threads
from langchain_localllm.runtimes.llamacpp.thread_tuner import Threads


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "physical_cores", lambda: 4)


def run(chooser: Threads, batches: int, seconds: Callable[[int], float], size: int = 8) -> list[int]:
    """The numbers of threads that were chosen, where a token takes so long with each."""
    chosen = []
    for _ in range(batches):
        chosen.append(chooser.choose(size))
        chooser.record(size, chosen[-1], size * seconds(chosen[-1]))
    return chosen


def quiet(number: int) -> float:
    return {1: 2.0, 4: 1.0}[number]


def busy(number: int) -> float:
    return {1: 2.0, 4: 20.0}[number]


def test_what_was_asked_for_is_used() -> None:
    chooser = Threads((2, 3))
    assert {chooser.choose(1)} == {2}
    assert set(run(chooser, 100, lambda _: 1.0)) == {3}


@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize(("machine", "better", "worse"), [(quiet, 4, 1), (busy, 1, 4)], ids=["quiet", "busy"])
def test_the_faster_number_is_found_and_the_other_tried_less_and_less(
    machine: Callable[[int], float], better: int, worse: int, size: int
) -> None:
    chosen = run(Threads(), 2000, machine, size)
    assert set(chosen[:2]) == {1, 4}
    tries = [number for number, threads in enumerate(chosen) if threads == worse]
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 100
    assert chosen.count(better) > 0.99 * len(chosen)


def test_a_machine_that_becomes_busy_or_quiet_is_noticed() -> None:
    chooser = Threads()
    run(chooser, 100, quiet)
    assert run(chooser, 100, busy).count(1) > 90
    assert run(chooser, 200, quiet).count(4) > 100


def test_one_batch_that_takes_long_changes_nothing() -> None:
    chooser = Threads()
    run(chooser, 26, quiet)
    run(chooser, 1, lambda _: 50.0)
    assert run(chooser, 6, quiet) == [4] * 6


def test_a_try_that_was_not_computed_is_made_again() -> None:
    chooser = Threads()
    assert run(chooser, 17, quiet)[2:] == [4] * 15
    assert [chooser.choose(8) for _ in range(3)] == [1, 1, 1]
    assert run(chooser, 3, quiet) == [1, 4, 4]


def test_what_takes_twice_as_long_as_with_one_thread_is_given_up() -> None:
    chooser = Threads()
    assert chooser.limit(8, chooser.choose(8)) is None
    run(chooser, 1, quiet)
    number = chooser.choose(8)
    limit = chooser.limit(8, number)
    assert number == 4
    assert limit == 2 * 8 * quiet(1)
    chooser.record(8, number, limit)
    assert chooser.choose(8) == 1
    assert Threads((1, 4)).limit(8, 4) is None


def test_batches_of_other_sizes_are_judged_by_themselves() -> None:
    chooser = Threads()
    for _ in range(20):
        run(chooser, 1, busy, size=4)
        run(chooser, 1, quiet, size=200)
    assert chooser.choose(4) == 1
    assert chooser.choose(200) == 4
