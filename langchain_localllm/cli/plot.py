"""Pictures as SVG files: bars of parts, one below the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from langchain_localllm.errors import InvalidOptionError

_COLORS: Final = ("#4477aa", "#ee9944", "#66aa77", "#aa6688")
_LEFT, _WIDTH, _RIGHT = 190, 520, 90
_ROW, _TOP = 26, 70
_LONGEST_TITLE: Final = 84
"""Characters that fit in one line."""
_LONGEST_LABEL: Final = 28


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar.

    Attributes:
        label: What comes before it.
        parts: The lengths of its parts, by name.
        text: What comes after it.
    """

    label: str
    parts: Mapping[str, float]
    text: str

    @property
    def length(self) -> float:
        """Of all parts."""
        return sum(self.parts.values())


def write_bars(
    path: Path, title: str, bars: Sequence[Bar], *, limit: float = 0.0, limit_text: str = ""
) -> None:
    """Write bars to an SVG file, with a line at a limit.

    Raises:
        InvalidOptionError: The file cannot be written.
    """
    try:
        path.write_text(_svg(title, bars, limit, limit_text), encoding="utf-8")
    except OSError as error:
        raise InvalidOptionError(f"--plot: {path} cannot be written: {error.strerror}.") from None


def _svg(title: str, bars: Sequence[Bar], limit: float, limit_text: str) -> str:
    longest = max((bar.length for bar in bars), default=0.0)
    scale = _WIDTH / max(longest, limit if limit < 2 * longest else 0.0, 1e-9)
    names = list(dict.fromkeys(name for bar in bars for name in bar.parts))
    colors = dict(zip(names, _COLORS, strict=False))
    height = _TOP + _ROW * len(bars) + 16
    width = _LEFT + _WIDTH + _RIGHT
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        (
            '<text x="12" y="24" font-size="15" font-weight="bold">'
            f"{escape(_shortened(title, _LONGEST_TITLE))}</text>"
        ),
        *_legend(colors if len(names) > 1 else {}),
    ]
    for number, bar in enumerate(bars):
        lines += _bar(bar, _TOP + _ROW * number, scale, colors)
    if limit and limit * scale <= _WIDTH:
        place = _LEFT + limit * scale
        lines += [
            (
                f'<line x1="{place:.1f}" y1="{_TOP - 8}" x2="{place:.1f}" y2="{height - 8}" '
                'stroke="#cc3311" stroke-dasharray="4 3"/>'
            ),
            (
                f'<text x="{place:.1f}" y="{_TOP - 12}" text-anchor="middle" '
                f'fill="#cc3311">{escape(limit_text)}</text>'
            ),
        ]
    return "\n".join([*lines, "</svg>", ""])


def _legend(colors: Mapping[str, str]) -> list[str]:
    lines, place = [], 12
    for name, color in colors.items():
        lines.append(f'<rect x="{place}" y="36" width="12" height="12" fill="{color}"/>')
        lines.append(f'<text x="{place + 17}" y="46">{escape(name)}</text>')
        place += 34 + 7 * len(name)
    return lines


def _bar(bar: Bar, top: int, scale: float, colors: Mapping[str, str]) -> list[str]:
    label = escape(_shortened(bar.label, _LONGEST_LABEL))
    lines = [f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{label}</text>']
    place = float(_LEFT)
    for name, length in bar.parts.items():
        width, color = length * scale, colors.get(name, _COLORS[0])
        lines.append(
            f'<rect x="{place:.1f}" y="{top}" width="{width:.1f}" height="{_ROW - 7}" '
            f'fill="{color}"/>'
        )
        place += width
    return [*lines, f'<text x="{place + 6:.1f}" y="{top + 14}">{escape(bar.text)}</text>']


def _shortened(text: str, longest: int) -> str:
    """Return a text that fits: the middle is left out, since names of files differ at their end."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[1 - half :]}"
