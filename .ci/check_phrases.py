"""Report the phrases of .ci/phrases.txt in pages, notebooks and the package's texts.

It reads pages, Markdown cells of notebooks, and docstrings, comments and messages.

    python .ci/check_phrases.py [FILE ...]

Code blocks of pages are not read. It prints `file:line: phrase -> better` for each, and exits with
1 if there is any.
"""

import json
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ("*.md", "docs/*.md", "notebooks/*.ipynb", ".github/**/*.md", ".github/**/*.yml")
SOURCES: Final = "langchain_localllm/**/*.py"
_SKIPPED: Final = {
    "CHANGELOG.md": "published entries stay as they are",
    "langchain_localllm/prompts/library/questions.py": "prompts that the tiny model was trained on",
    "langchain_localllm/prompts/library/agents.py": "as above",
    "langchain_localllm/prompts/library/texts.py": "as above",
    "langchain_localllm/rag/index/off_topic_questions.py": "questions",
}
"""Files that are not checked, and why."""
_CODE: Final = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def main(names: list[str]) -> int:
    """Print the phrases that were found, and return the exit code."""
    phrases = _phrases()
    patterns = (*PAGES, SOURCES)
    paths = [Path(name).resolve() for name in names] or [
        path for each in patterns for path in sorted(ROOT.glob(each))
    ]
    found = 0
    for path in paths:
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        if name in _SKIPPED:
            continue
        for line, phrase, better in _found(_prose(path), phrases):
            print(f"{name}:{line}: {phrase!r} -> {better}")
            found += 1
    return 1 if found else 0


def _phrases() -> list[tuple[re.Pattern[str], str]]:
    lines = (ROOT / ".ci/phrases.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" -> ", 1) for line in lines if line and not line.startswith("#")]
    return [
        (re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE), better) for phrase, better in pairs
    ]


def _prose(path: Path) -> str:
    """Return a file's text without its code; lines keep their numbers."""
    if path.suffix == ".py":
        return _strings_and_comments(path)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [
            cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"
        ]
        text = "\n".join("".join(cell) for cell in cells)
    return _CODE.sub(lambda code: "\n" * code[0].count("\n") or "`code`", text)


def _strings_and_comments(path: Path) -> str:
    """Return the strings and comments of a Python file, each at its line."""
    # as of 3.12
    kinds = {
        tokenize.COMMENT,
        tokenize.STRING,
        getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),
    }
    with tokenize.open(path) as file:
        tokens = [token for token in tokenize.generate_tokens(file.readline) if token.type in kinds]
    lines = [""] * max((token.end[0] for token in tokens), default=0)
    for token in tokens:
        for number, line in enumerate(token.string.split("\n"), token.start[0] - 1):
            lines[number] += f" {line}"
    return "\n".join(lines)


def _found(text: str, phrases: list[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str, str]]:
    for phrase, better in phrases:
        for hit in phrase.finditer(text):
            yield text.count("\n", 0, hit.start()) + 1, " ".join(hit[0].split()), better


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
