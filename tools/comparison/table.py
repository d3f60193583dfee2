"""From outcomes to the page in the docs, and back."""

import datetime as dt
import importlib.metadata
from pathlib import Path
from typing import Final

import langchain_localllm
from langchain_localllm.testing import LLMIntegrationTests, LLMUnitTests
from tools.comparison.ollama_suite.excluded import section
from tools.comparison.run import PATHS, SECONDS
from tools.comparison.subjects import OURS, SUBJECTS

Cells = dict[tuple[str, str], str]
"""Test and subject to what the table says."""
ENGINES: Final = {"gpt4all", "langchain-core", "llama_cpp_python", "xllamacpp"}
PAGE: Final = Path(__file__).parents[2] / "docs/comparison.md"

_PAGE: Final = """# Comparison

What the standard suite for text LLMs finds in this package's classes and in those that they replace, all on the same real engines
with the same tiny model. The docstrings of the tests in `langchain_localllm/testing` describe what each checks.

✓ all cases of the test pass · ✗ all fail · ✗ 2/5: 2 of 5 cases fail, most often one for each path ({paths}) · crash: a case ends
the process · hang: a case was not over after {seconds} seconds · n/a: the class does not offer it

{table}

Made on {date} with {versions}, by `python -m tools.comparison`, which runs each case in a process of its own.

{suite}"""


def standard_tests() -> list[str]:
    """Return the tests of both suites, in the order of the source."""
    classes = [LLMUnitTests, *reversed(LLMIntegrationTests.__mro__)]
    names = dict.fromkeys(name for suite in classes for name in vars(suite))
    return [name for name in names if name.startswith("test_") and "OVERRIDE" not in name]


def cell(outcomes: list[str]) -> str:
    """Return what the table says of a test on a class."""
    for word, shown in (("crashed", "crash"), ("hung", "hang")):
        if word in outcomes:
            return shown
    if set(outcomes) == {"skipped"}:
        return "n/a"
    failed = outcomes.count("failed")
    if failed in {0, len(outcomes)}:
        return "✗" if failed else "✓"
    return f"✗ {failed}/{len(outcomes)}"


def write(cells: Cells) -> None:
    """Write the page."""
    packages = sorted(
        {subject.package for subject in SUBJECTS if subject.package != OURS} | ENGINES
    )
    others = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    versions = ", ".join([f"{OURS} {langchain_localllm.__version__}", "Ollama 0.9.3", *others])
    paths = ", ".join(f"`{path}`" for path in PATHS)
    date = dt.datetime.now(tz=dt.UTC).date()
    PAGE.write_text(
        _PAGE.format(
            paths=paths,
            seconds=SECONDS,
            table=_table(cells),
            date=date,
            versions=versions,
            suite=section(),
        ),
        encoding="utf-8",
    )


def _table(cells: Cells) -> str:
    heads = [f"{subject.name} <br> {subject.package}" for subject in SUBJECTS]
    rows = [
        [f"`{test}`", *(cells[test, subject.place] for subject in SUBJECTS)]
        for test in standard_tests()
    ]
    return "\n".join(
        "| " + " | ".join(row) + " |"
        for row in [["test", *heads], ["---"] * (len(heads) + 1), *rows]
    )


def read() -> Cells:
    """Return what the page says."""
    rows = [
        line.strip("|").split("|")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `test_")
    ]
    places = [subject.place for subject in SUBJECTS]
    return {
        (test.strip(" `"), place): said.strip()
        for test, *cells in rows
        for place, said in zip(places, cells, strict=True)
    }
