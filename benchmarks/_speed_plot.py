"""Ratios with their spread as an SVG picture, which follows the reader's dark or light mode."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

COLORS: Final = {"stream": "#4477aa", "batch": "#ee9944", "texts": "#4477aa"}
NAMES: Final = {"stream": "stream", "batch": "batch of 8", "texts": "embeddings"}
_STYLE: Final = """<style>
.paper { fill: #ffffff } text { fill: #222222 } .grid { stroke: #dddddd } .one { stroke: #cc3311 }
@media (prefers-color-scheme: dark) {
.paper { fill: #16181c } text { fill: #e6e6e6 } .grid { stroke: #3a3d44 } .one { stroke: #ff7755 }
}
</style>"""
_OPEN: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'font-family="sans-serif" font-size="12">'
)
_CAPTION: Final = (
    "times as fast as the other, right is better; dot: median, line: lowest to highest round"
)
_LEFT, _WIDTH, _RIGHT, _TOP, _ROW = 500, 380, 40, 74, 26
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Interval:
    """The lowest ratio, the median and the highest."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Panel:
    """A model's comparisons: row to metric to ratio."""

    title: str
    rows: Mapping[str, Mapping[str, Interval]]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """Return the picture; its axis is logarithmic, and 1 is a line."""
    intervals = [each for panel in panels for row in panel.rows.values() for each in row.values()]
    low = 0.9 * min([0.5, *(each.low for each in intervals)])
    high = 1.1 * max([2.0, *(each.high for each in intervals)])
    scale = _WIDTH / (math.log(high) - math.log(low))
    height = _TOP + sum(_ROW * (len(panel.rows) + 1) + 10 for panel in panels) + 30
    width = _LEFT + _WIDTH + _RIGHT

    def x_of(ratio: float) -> float:
        return _LEFT + scale * (math.log(ratio) - math.log(low))

    lines = [
        _OPEN.format(width=width, height=height),
        _STYLE,
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="12" y="44">{_CAPTION}</text>',
        *_legend([metric for metric in COLORS if metric in _drawn(panels)]),
    ]
    for tick in (tick for tick in _TICKS if low <= tick <= high):
        kind = "one" if tick == 1 else "grid"
        place = f"{x_of(tick):.1f}"
        lines.append(
            f'<line class="{kind}" x1="{place}" x2="{place}" y1="{_TOP}" y2="{height - 28}"/>'
        )
        lines.append(f'<text x="{place}" y="{height - 12}" text-anchor="middle">{tick:g} x</text>')
    top = _TOP
    for panel in panels:
        lines.append(f'<text x="12" y="{top + 16}" font-weight="bold">{escape(panel.title)}</text>')
        for label, row in panel.rows.items():
            top += _ROW
            lines.append(
                f'<text x="{_LEFT - 10}" y="{top + 16}" text-anchor="end">{escape(label)}</text>'
            )
            for number, (metric, each) in enumerate(row.items()):
                y = top + 7 + 10 * number + (5 if len(row) == 1 else 0)
                marks = (x_of(each.low), x_of(each.median), x_of(each.high))
                lines += _mark(COLORS[metric], y, *marks)
        top += _ROW + 10
    return "\n".join([*lines, "</svg>", ""])


def _drawn(panels: Sequence[Panel]) -> set[str]:
    return {metric for panel in panels for row in panel.rows.values() for metric in row}


def _legend(metrics: Sequence[str]) -> Iterator[str]:
    place = 12
    for metric in metrics:
        yield f'<circle cx="{place + 5}" cy="58" r="4" fill="{COLORS[metric]}"/>'
        yield f'<text x="{place + 15}" y="62">{NAMES[metric]}</text>'
        place += 40 + 7 * len(NAMES[metric])


def _mark(color: str, y: int, low: float, median: float, high: float) -> Iterator[str]:
    yield (
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{color}" '
        'stroke-width="2"/>'
    )
    yield f'<circle cx="{median:.1f}" cy="{y}" r="4" fill="{color}"/>'
