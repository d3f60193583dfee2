"""Report the phrases of .ci/phrases.txt that a page or a Markdown cell of a notebook has.

    python .ci/check_phrases.py [PAGE ...]

Code blocks are not read. It prints `page:line: phrase -> better` for each, and exits with 1 if there is any.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ("*.md", "docs/*.md", "notebooks/*.ipynb", ".github/**/*.md", ".github/**/*.yml")
_OLD: Final = {"docs/cli.md", "CHANGELOG.md"}
"""Pages with phrases from before the list existed: help texts, and what is already published."""
_CODE: Final = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def main(names: list[str]) -> int:
    """Print what was found; the exit code."""
    phrases = _phrases()
    paths = [Path(name).resolve() for name in names] or [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    found = 0
    for path in paths:
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        if name in _OLD:
            continue
        for line, phrase, better in _found(_prose(path), phrases):
            print(f"{name}:{line}: {phrase!r} -> {better}")
            found += 1
    return 1 if found else 0


def _phrases() -> list[tuple[re.Pattern[str], str]]:
    lines = (ROOT / ".ci/phrases.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" -> ", 1) for line in lines if line and not line.startswith("#")]
    return [(re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE), better) for phrase, better in pairs]


def _prose(path: Path) -> str:
    """A page's text without its code; lines keep their numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n".join("".join(cell) for cell in cells)
    return _CODE.sub(lambda code: "\n" * code[0].count("\n") or "`code`", text)


def _found(text: str, phrases: list[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str, str]]:
    for phrase, better in phrases:
        for hit in phrase.finditer(text):
            yield text.count("\n", 0, hit.start()) + 1, " ".join(hit[0].split()), better


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
