"""docs/speed.md and its pictures, from what `benchmarks.speed` measured."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks._speed_plot import Interval, Panel, draw
from benchmarks._speed_rows import COMPARISONS, ENGINES, LLAMA_CPP_PYTHON, METRICS, explanation

DOCS: Final = Path(__file__).parents[1] / "docs"
BEGIN: Final = "<!-- measured -->"
END: Final = "<!-- end of measured -->"
TITLES: Final = {"quiet": "On idle cores", "busy": "With all cores busy"}
PLOTTED: Final = ("stream", "batch", "texts")
_LOST: Final = 0.95
"""A median ratio below this is a loss, if no round shows the opposite."""
_SEVERAL: Final = 3
"""So many rounds that are all below 1 are a loss, however small."""
_IDLE: Final = 0.5
"""Load up to which a machine counts as idle."""

Model = dict[str, Any]


@dataclass(frozen=True)
class Ratio:
    """How one of our classes compares with another.

    Attributes:
        ours: Our class.
        other: What it is compared with.
        metric: Of `METRICS`.
        rounds: The ratio of each round; above 1 is better for us.
    """

    ours: str
    other: str
    metric: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.rounds)

    @property
    def is_lost(self) -> bool:
        """Whether ours is clearly worse: in the median and in each round."""
        return max(self.rounds) < 1 and (self.median < _LOST or len(self.rounds) >= _SEVERAL)

    @property
    def is_open(self) -> bool:
        """Whether ours is worse in the median, and better in other rounds."""
        return self.median < _LOST and not self.is_lost

    def __str__(self) -> str:
        if len(self.rounds) == 1:
            return f"{self.median:.2f}"
        return f"{self.median:.2f} ({min(self.rounds):.2f} to {max(self.rounds):.2f})"


def ratios(model: Model) -> list[Ratio]:
    """Return all comparisons of a model's subjects, round by round."""
    found, subjects = [], model["subjects"]
    for ours, other in (*COMPARISONS, *ENGINES):
        if ours in subjects and other in subjects:
            for metric, kind in METRICS.items():
                pairs = zip(
                    subjects[ours].get(metric, []), subjects[other].get(metric, []), strict=False
                )
                if rounds := tuple(kind.ratio(first, second) for first, second in pairs):
                    found.append(Ratio(ours, other, metric, rounds))
    return found


def write_page(results: dict[str, Any], docs: Path = DOCS) -> None:
    """Put what was measured into docs/speed.md, and draw its pictures.

    Args:
        results: By condition, `quiet` and `busy`; see `benchmarks.speed`.
        docs: The folder of the page, which has the markers.
    """
    page = docs / "speed.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    body = "\n\n".join(measured(results))
    page.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}", encoding="utf-8")
    for condition in _conditions(results):
        picture = draw(f"Speed, {TITLES[condition].lower()}", _panels(results[condition]))
        (docs / f"speed-{condition}.svg").write_text(picture, encoding="utf-8")


def measured(results: dict[str, Any]) -> Iterator[str]:
    """Yield the page's paragraphs on what was measured."""
    for condition in _conditions(results):
        yield from _section(condition, results[condition])


def _conditions(results: dict[str, Any]) -> list[str]:
    return [condition for condition in TITLES if condition in results]


def _section(condition: str, run: dict[str, Any]) -> Iterator[str]:
    yield f"### {TITLES[condition]}"
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    yield (
        f"Made by `{run['command']}` on {run['date']}: {run['machine']}; load before "
        f"{run['load']}.\n{versions}."
    )
    if condition == "quiet" and run["load"] > _IDLE:
        yield "**Other programs were running, so these figures are provisional.**"
    yield f"![Ratios of speed with their spread](speed-{condition}.svg)"
    for model in run["models"]:
        yield from _model(model)
    yield from _losses(run)


def _model(model: Model) -> Iterator[str]:
    rounds = max(
        (len(v) for found in model["subjects"].values() for v in found.values()), default=0
    )
    yield f"#### {model['model']}, {model['megabytes']:.0f} MB"
    yield _values(model)
    notes = [f"Medians of {rounds} rounds." if rounds > 1 else "One round."]
    if LLAMA_CPP_PYTHON in model["subjects"]:
        threads = f"{model['threads']} thread{'s' if model['threads'] > 1 else ''}"
        notes.append(f"llama-cpp-python alone has {threads}, the faster number here.")
    if model["server_memory"]:
        notes.append(f"The server's own peak was {model['server_memory']:.0f} MB.")
    yield " ".join(notes)
    yield _ratio_table(model)
    if model["failed"]:
        lines = (f"- {name}: {_plain(reason)}" for name, reason in model["failed"].items())
        yield "Not measured:\n\n" + "\n".join(lines)


def _values(model: Model) -> str:
    metrics = _metrics(model)
    lines = [
        _line("", *(METRICS[metric].title for metric in metrics)),
        _line("---", *["---:"] * len(metrics)),
    ]
    for name, found in model["subjects"].items():
        cells = (
            f"{statistics.median(found[metric]):,.{METRICS[metric].digits}f}"
            if metric in found
            else ""
            for metric in metrics
        )
        lines.append(_line(name, *cells))
    return "\n".join(lines)


def _ratio_table(model: Model) -> str:
    metrics, found = _metrics(model), ratios(model)
    lines = [
        _line("times as good as", *(METRICS[metric].title.partition(",")[0] for metric in metrics)),
        _line("---", *["---"] * len(metrics)),
    ]
    for ours, other in dict.fromkeys((each.ours, each.other) for each in found):
        cells = {
            each.metric: str(each) for each in found if (each.ours, each.other) == (ours, other)
        }
        lines.append(_line(f"{ours} / {other}", *(cells.get(metric, "") for metric in metrics)))
    return "\n".join(lines)


def _losses(run: dict[str, Any]) -> Iterator[str]:
    lost, unclear = [], []
    for model in run["models"]:
        for each in ratios(model):
            title = METRICS[each.metric].title.partition(",")[0]
            line = f"- {model['model']}, {each.ours} / {each.other}, {title}: {each}"
            if (each.ours, each.other) in ENGINES:
                continue
            if each.is_lost:
                why = explanation(each.ours, each.other, each.metric) or "not explained yet."
                lost.append(f"{line}: {why}")
            elif each.is_open:
                unclear.append(line)
    yield "**Where this package loses in every round:**" + (
        "\n\n" + "\n".join(lost) if lost else " nowhere in this run."
    )
    if unclear:
        yield (
            "Below 1 in the median, and above 1 in other rounds, so this run does not decide them:"
            "\n\n" + "\n".join(unclear)
        )


def _panels(run: dict[str, Any]) -> list[Panel]:
    panels = []
    for model in run["models"]:
        rows: dict[str, dict[str, Interval]] = {}
        for each in ratios(model):
            if each.metric in PLOTTED and (each.ours, each.other) not in ENGINES:
                interval = Interval(min(each.rounds), each.median, max(each.rounds))
                rows.setdefault(f"{each.ours} / {each.other}", {})[each.metric] = interval
        panels.append(Panel(model["model"], rows))
    return panels


def _metrics(model: Model) -> list[str]:
    return [
        metric for metric in METRICS if any(metric in found for found in model["subjects"].values())
    ]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(reason: str) -> str:
    """Keep a reason from being read as Markdown."""
    return reason.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
