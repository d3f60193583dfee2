"""The calculation of machines, and the simulation that checks it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.scale import ActorThroughput, CapacityPlan, plan_capacity, simulate
from tools import scale_plot

ONE = ActorThroughput(
    prompt_tokens_per_second=200,
    answer_tokens_per_second=20,
    cores_per_actor=4,
    memory_per_actor=2e9,
)


def need(documents: int, **options: float) -> CapacityPlan:
    asked = {
        "prompt_tokens": 400,
        "answer_tokens": 60,
        "hours": 24,
        "cores": 32,
        "memory": 64e9,
        **options,
    }
    return plan_capacity(documents, ONE, **asked)  # type: ignore[arg-type]  # whole numbers among them


def test_plan_capacity_numbers_are_those_of_a_calculation_by_hand() -> None:
    found = need(1_000_000, dimension=768)
    assert ONE.seconds_per_document(400, 60) == 5
    assert found.actors_per_machine == 7  # of 31 cores, 4 each
    assert found.documents_per_hour == pytest.approx(7 * 0.9 * 3600 / 5)
    assert found.machines == 10  # 1,000,000 / (4536 * 24) = 9.2
    assert found.index_bytes == pytest.approx(4.608e9)
    assert found.index_machines == 1
    assert need(1_000_000_000, dimension=768, bytes_per_number=1).index_machines == 23


def test_plan_capacity_memory_limits_actors_too() -> None:
    assert need(1, memory=5e9).actors_per_machine == 2
    with pytest.raises(InvalidOptionError, match="No actor"):
        need(1, memory=1e9)
    with pytest.raises(InvalidOptionError, match="above 0"):
        need(1, hours=0)


@given(st.integers(1, 10**9), st.floats(1, 10_000))
def test_plan_capacity_machines_are_enough_and_not_one_too_many(
    documents: int, hours: float
) -> None:
    found = need(documents, hours=hours)
    assert found.hours <= hours * (1 + 1e-9)
    assert found.machines == 1 or documents / (
        found.documents_per_hour * (found.machines - 1)
    ) > hours * (1 - 1e-9)


@pytest.mark.parametrize("hours", [12, 24, 100])
def test_plan_capacity_simulation_agrees_with_the_calculation(hours: float) -> None:
    found = need(1_000_000, hours=hours)
    played = simulate(
        1_000_000, found.machines * found.actors_per_machine, ONE.seconds_per_document(400, 60)
    )
    assert 0.85 <= played / found.hours <= 1.0, (
        "the share of time that is kept in reserve does not cover failures and the end"
    )


def test_plan_capacity_failures_and_starts_cost_time() -> None:
    calm = simulate(100_000, 10, 1.0, start_seconds=0, hours_between_failures=math.inf, spread=0)
    assert calm == pytest.approx(100_000 / 10 / 3600, rel=0.02)
    assert simulate(100_000, 10, 1.0, hours_between_failures=0.2) > calm * 1.1
    assert simulate(1000, 10, 1.0, seed=1) == simulate(1000, 10, 1.0, seed=1)
    assert simulate(0, 10, 1.0) == 0


def test_plan_capacity_plot_in_the_docs_is_what_the_simulation_gives() -> None:
    lines = [(count, scale_plot.calculated(count)) for count in scale_plot.MACHINES]
    dots = [
        (count, scale_plot.played(count, seed))
        for count in scale_plot.MACHINES
        for seed in range(scale_plot.SEEDS)
    ]
    assert scale_plot.draw(lines, dots) == scale_plot.PLOT.read_text(encoding="utf-8")
