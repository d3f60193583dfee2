"""Draw docs/scale-simulation.svg: hours as calculated in docs/scale.md, and as simulated.

`python -m tools.scale_plot` writes it. The plan is the example of that page: a million documents.
"""

import math
from pathlib import Path
from typing import Final

from langchain_localllm.scale import ActorThroughput, CapacityPlan, plan_capacity, simulate

PLOT: Final = Path(__file__).parents[1] / "docs" / "scale-simulation.svg"
EXAMPLE: Final = ActorThroughput(
    prompt_tokens_per_second=122,
    answer_tokens_per_second=23,
    cores_per_actor=1,
    memory_per_actor=0.34e9,
)
PROMPT_TOKENS, ANSWER_TOKENS, CORES, MEMORY = 400, 60, 32, 128e9
DOCUMENTS: Final = 1_000_000
MACHINES: Final = (1, 2, 4, 8, 16, 32, 64, 128)
SEEDS: Final = 5
_LEFT, _TOP, _WIDTH, _HEIGHT = 70, 60, 560, 300


def one_machine() -> CapacityPlan:
    """Return what a single machine does."""
    return plan_capacity(
        1,
        EXAMPLE,
        prompt_tokens=PROMPT_TOKENS,
        answer_tokens=ANSWER_TOKENS,
        hours=1,
        cores=CORES,
        memory=MEMORY,
    )


def calculated(count: int) -> float:
    """Hours that this many machines take, by the calculation."""
    return DOCUMENTS / (one_machine().documents_per_hour * count)


def played(count: int, seed: int) -> float:
    """Hours that they take in a run with chance in it."""
    seconds = EXAMPLE.seconds_per_document(PROMPT_TOKENS, ANSWER_TOKENS)
    return simulate(DOCUMENTS, one_machine().actors_per_machine * count, seconds, seed=seed)


def x_of(count: float) -> float:
    """Return the place of a number of machines; each doubling is as wide as the others."""
    first, last = math.log(MACHINES[0]), math.log(MACHINES[-1])
    return _LEFT + _WIDTH * (math.log(count) - first) / (last - first)


def draw(lines: list[tuple[int, float]], dots: list[tuple[int, float]]) -> str:
    """Return the picture as SVG; both axes are logarithmic."""
    low, high = math.log10(min(hours for _, hours in dots)) - 0.1, math.log10(lines[0][1]) + 0.1

    def y_of(hours: float) -> float:
        return _TOP + _HEIGHT * (high - math.log10(hours)) / (high - low)

    path = " ".join(f"{x_of(count):.1f},{y_of(hours):.1f}" for count, hours in lines)
    ticks = [
        tick
        for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
        if low <= math.log10(tick) <= high
    ]
    bottom = _TOP + _HEIGHT
    return "\n".join(
        [
            (
                '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 420" '
                'font-family="sans-serif" font-size="12">'
            ),
            '<rect width="680" height="420" fill="#ffffff"/>',
            (
                '<text x="12" y="24" font-size="15" font-weight="bold">A million documents: hours '
                "by "
                "machines of 32 cores</text>"
            ),
            (
                '<text x="12" y="42">line: the calculation; dots: simulated runs with chance, '
                "starts "
                "and failures</text>"
            ),
            *(
                f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y_of(tick):.1f}" '
                f'y2="{y_of(tick):.1f}" stroke="#dddddd"/><text x="{_LEFT - 8}" '
                f'y="{y_of(tick) + 4:.1f}" text-anchor="end">{tick} h</text>'
                for tick in ticks
            ),
            *(
                (
                    f'<text x="{x_of(count):.1f}" y="{bottom + 20}" '
                    f'text-anchor="middle">{count}</text>'
                )
                for count in MACHINES
            ),
            (
                f'<text x="{_LEFT + _WIDTH / 2}" y="{bottom + 42}" '
                'text-anchor="middle">machines</text>'
            ),
            f'<polyline points="{path}" fill="none" stroke="#4477aa" stroke-width="2"/>',
            *(
                f'<circle cx="{x_of(count):.1f}" cy="{y_of(hours):.1f}" r="3" fill="#ee9944"/>'
                for count, hours in dots
            ),
            "</svg>\n",
        ]
    )


def main() -> None:
    """Write the picture, and print what is in it."""
    lines = [(count, calculated(count)) for count in MACHINES]
    dots = [(count, played(count, seed)) for count in MACHINES for seed in range(SEEDS)]
    for count, hours in lines:
        runs = [played_hours for other, played_hours in dots if other == count]
        print(
            f"{count:>4} machines: {hours:7.1f} h calculated, {min(runs):7.1f} to "
            f"{max(runs):7.1f} h simulated"
        )
    PLOT.write_text(draw(lines, dots), encoding="utf-8")


if __name__ == "__main__":
    main()
