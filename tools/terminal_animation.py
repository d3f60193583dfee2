"""Write docs/ask.svg, the README's animation of questions asked in a terminal.

The questions are about documents.

`python -m tools.terminal_animation` runs the commands below on this machine and draws what they
print. The picture has no script and loads nothing; it does not move on systems that are set to
reduced motion.
"""

from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from tools.terminal_picture import run

PICTURE: Final = Path(__file__).parent.parent / "docs/ask.svg"
COMMANDS: Final = (
    ("ask", "docs/handbook", "What is the rowing boat called?"),
    ("ask", "docs/handbook", "How high is the hill?"),
    ("ask", "docs/handbook", "Who is the dentist?"),
)
COLUMNS: Final = 72
_LINE: Final = 22
_LETTER: Final = 9.03
_MARGIN: Final = 20
_BAR: Final = 34
_TYPING: Final = 0.045
"""Seconds for a letter that is typed."""
_ANSWERING: Final = 0.015
"""Seconds for a letter of an answer."""
_PAUSE: Final = 0.7
_LAST_PAUSE: Final = 5.0


class Line(NamedTuple):
    """A line of the terminal, and when it appears, in seconds."""

    text: str
    is_command: bool
    start: float
    end: float


def timed_lines() -> list[Line]:
    """Run the commands; what the terminal shows and when."""
    lines, now = [], 0.5
    for words in COMMANDS:
        command = " ".join(f'"{word}"' if " " in word else word for word in ("localllm", *words))
        lines.append(Line(command, True, now, now + len(command) * _TYPING))  # noqa: FBT003 - a field
        now = lines[-1].end + _PAUSE
        for text in (*run(words).rstrip("\n").split("\n"), ""):
            lines.append(Line(text, False, now, now + len(text) * _ANSWERING))  # noqa: FBT003 - a field
            now = lines[-1].end + 0.05
        now += _PAUSE
    return lines[:-1]


def picture(lines: list[Line]) -> str:
    """Return the SVG file."""
    if any(len(line.text) > COLUMNS - 2 for line in lines):
        raise ValueError(f"A line has more than {COLUMNS - 2} letters.")
    duration = lines[-1].end + _LAST_PAUSE
    width = round(COLUMNS * _LETTER + 2 * _MARGIN)
    height = _BAR + len(lines) * _LINE + _MARGIN
    rules = "\n".join(
        _rule(number, line, duration) for number, line in enumerate(lines) if line.text
    )
    texts = "\n".join(_text(number, line) for number, line in enumerate(lines) if line.text)
    buttons = "".join(
        f'<circle cx="{_MARGIN + 18 * place}" cy="18" r="6" fill="{color}"/>'
        for place, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>localllm ask in a terminal: two answers with their sources, and one refusal</title>
<style>
text {{ font: 15px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d6deeb; white-space: pre; }}
.command {{ fill: #ffffff; font-weight: bold; }}
.prompt {{ fill: #28c840; }}
@media (prefers-reduced-motion: no-preference) {{
{rules}
}}
</style>
<rect width="{width}" height="{height}" rx="10" fill="#1b2430"/>
{buttons}
{texts}
</svg>
"""  # noqa: E501 - SVG as it is written into the file


def _rule(number: int, line: Line, duration: float) -> str:
    """Return the rule by which a line's letters appear one after the other in each round."""
    start, end = (f"{100 * seconds / duration:.2f}%" for seconds in (line.start, line.end))
    return (
        f"#l{number} {{ animation: k{number} {duration:.1f}s steps({len(line.text)}) infinite; "
        f"}}\n"
        f"@keyframes k{number} {{ 0%, {start} {{ clip-path: inset(0 100% 0 0); }} {end}, 100% {{ "
        f"clip-path: inset(0); }} }}"
    )


def _text(number: int, line: Line) -> str:
    top = _BAR + number * _LINE + 16
    length = len(line.text) + 2 * line.is_command
    prompt = '<tspan class="prompt">$ </tspan>' if line.is_command else ""
    style = ' class="command"' if line.is_command else ""
    fit = f'textLength="{length * _LETTER:.1f}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<text id="l{number}" x="{_MARGIN}" y="{top}"{style} '
        f"{fit}>{prompt}{escape(line.text, quote=False)}</text>"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(timed_lines()), encoding="utf-8")
    print(f"wrote {PICTURE}")
