"""How many threads compute a batch: those with which it was faster."""

import itertools
from collections.abc import Callable

import pytest

from langchain_localllm.runtimes.llamacpp import thread_tuner as threads
from langchain_localllm.runtimes.llamacpp.thread_tuner import ThreadTuner


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "physical_cores", lambda: 4)


def run(
    chooser: ThreadTuner,
    batches: int,
    seconds: Callable[[int], float],
    size: int = 8,
    share: float = 0.5,
) -> list[int]:
    """The numbers of threads that were chosen, where a token takes so long with each.

    Args:
        chooser: What chooses.
        batches: How many to compute.
        seconds: Number of threads to the time of a token.
        size: Tokens of a batch.
        share: The part of the threads' time in which they compute.
    """
    chosen = []
    for _ in range(batches):
        number = chooser.pick(size)
        spent = size * seconds(number)
        chooser.record(size, number, spent, share * number * spent)
        chosen.append(number)
    return chosen


def quiet(number: int) -> float:
    return {1: 2.0, 4: 1.0}[number]


def busy(number: int) -> float:
    return {1: 2.0, 4: 20.0}[number]


def test_thread_tuner_given_number_is_used() -> None:
    chooser = ThreadTuner((2, 3))
    assert {chooser.pick(1)} == {2}
    assert set(run(chooser, 100, lambda _: 1.0)) == {3}


@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize(
    ("machine", "better", "worse"), [(quiet, 4, 1), (busy, 1, 4)], ids=["quiet", "busy"]
)
def test_thread_tuner_faster_number_is_found_and_the_other_tried_less_and_less(
    machine: Callable[[int], float], better: int, worse: int, size: int
) -> None:
    chosen = run(ThreadTuner(), 2000, machine, size)
    assert set(chosen[:2]) == {1, 4}
    tries = [number for number, threads in enumerate(chosen) if threads == worse]
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 100
    assert chosen.count(better) > 0.99 * len(chosen)


def test_thread_tuner_machine_that_becomes_busy_or_quiet_is_noticed() -> None:
    chooser = ThreadTuner()
    run(chooser, 100, quiet)
    assert run(chooser, 100, busy).count(1) > 90
    assert run(chooser, 200, quiet).count(4) > 100


def test_thread_tuner_one_batch_that_takes_long_changes_nothing() -> None:
    chooser = ThreadTuner()
    run(chooser, 26, quiet)
    run(chooser, 1, lambda _: 50.0)
    assert run(chooser, 6, quiet) == [4] * 6


def test_thread_tuner_trial_that_was_not_computed_is_repeated() -> None:
    chooser = ThreadTuner()
    assert run(chooser, 17, quiet)[2:] == [4] * 15
    assert [chooser.pick(8) for _ in range(3)] == [1, 1, 1]
    assert run(chooser, 3, quiet) == [1, 4, 4]


def test_thread_tuner_timeout_is_twice_the_time_with_the_other_number() -> None:
    chooser = ThreadTuner()
    assert chooser.pick(8) == 4
    assert chooser.timeout(8, 4) is None
    run(chooser, 1, quiet)
    assert chooser.pick(8) == 1
    assert chooser.timeout(8, 1) == 2 * 8 * quiet(4)
    run(chooser, 1, quiet)
    assert chooser.timeout(8, 4) == 2 * 8 * quiet(1)
    assert ThreadTuner((1, 4)).timeout(8, 4) is None


def test_thread_tuner_timeout_of_a_short_batch_on_one_thread_is_none() -> None:
    chooser = ThreadTuner()
    run(chooser, 1, lambda _: 0.0001)
    assert chooser.timeout(8, 1) is None


def test_thread_tuner_pick_after_aborted_batches_is_the_other_number() -> None:
    chooser = ThreadTuner()
    run(chooser, 2, quiet)
    for _ in range(2):
        limit = chooser.timeout(8, chooser.pick(8))
        assert limit is not None
        chooser.record(8, 4, limit, limit)
    assert chooser.pick(8) == 1


def test_thread_tuner_aborted_batch_is_computed_with_the_other_number() -> None:
    chooser = ThreadTuner()
    run(chooser, 4, quiet)
    limit = chooser.timeout(8, chooser.pick(8))
    assert limit is not None
    chooser.record(8, 4, limit, limit, aborted=True)
    assert run(chooser, 3, quiet) == [1, 4, 4]


def test_thread_tuner_pick_of_long_batches_that_have_the_cores_for_themselves_is_all_of_them() -> (
    None
):
    for size in 1, 64:
        chooser = ThreadTuner()
        assert run(chooser, 3000, quiet, size=size, share=0.98) == [4] * 3000
        assert run(chooser, 3, quiet, size=size) == [4, 1, 4]


def test_thread_tuner_pick_where_threads_may_only_spin_tries_one_thread() -> None:
    assert run(ThreadTuner(), 2, quiet, size=64, share=0.9) == [4, 1]


def test_thread_tuner_pick_of_short_batches_tries_one_thread_even_on_idle_cores() -> None:
    assert run(ThreadTuner(), 2, lambda _: 0.0001, share=1.0) == [4, 1]


def test_thread_tuner_batches_of_other_sizes_are_judged_by_themselves() -> None:
    chooser = ThreadTuner()
    for _ in range(20):
        run(chooser, 1, busy, size=4)
        run(chooser, 1, quiet, size=200)
    assert chooser.pick(4) == 1
    assert chooser.pick(200) == 4
