"""The README says what the comparison found, works on a package index, and is the same page in
every language."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ENGLISH: Final = (ROOT / "README.md").read_text(encoding="utf-8")
TRANSLATIONS: Final = sorted((ROOT / "docs/readme").glob("README.*.md"))
PACKAGES: Final = ("langchain-localllm", "langchain-community", "langchain-ollama")
ROWS: Final = {
    "a prompt that is too long raises an error instead of being cut": ["test_too_long_prompt"],
    "a batch continues when one prompt fails (`return_exceptions=True`)": ["test_batch_errors"],
    "calls can be cancelled without a crash": ["test_cancelling_a_call"],
    "several threads can share a model without a crash": ["test_threads"],
    "stop sequences of the model and of the call both apply": ["test_stop_merged"],
    "the same seed gives the same answer": ["test_seed"],
    "results have a finish reason, token counts, the model's name and timings": [
        "test_finish_reason",
        "test_usage",
        "test_model_name",
        "test_timings",
    ],
    "LangChain's cache keeps calls with different options apart": ["test_cache_knows_options"],
    "every token reaches the callbacks as it is generated": ["test_streams_to_handlers"],
    "the model's own tokenizer counts tokens": ["test_token_count"],
}
"""Row of the README's table to the tests of docs/comparison.md that it sums up."""


def table(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def part(text: str, mark: str) -> str:
    return text.partition(f"<!-- {mark} -->")[2].partition(f"<!-- end of {mark} -->")[0]


def code_blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    return re.findall(r"\]\((\S+?)\)", text)


def verdict(tests: list[str], package: str) -> str:
    """ "yes", "no", or the classes that pass all of the tests; what a class does not offer does not
    count."""
    head, _, *rows = table((ROOT / "docs/comparison.md").read_text(encoding="utf-8"))
    by_test = {row[0].strip("`"): row for row in rows}
    results = {
        title.partition(" <br> ")[0]: [
            cell for test in tests if (cell := by_test[test][column]) != "n/a"
        ]
        for column, title in enumerate(head)
        if title.endswith(f"> {package}")
    }
    offered = {name: cells for name, cells in results.items() if cells}
    passing = [name for name, cells in offered.items() if all(cell == "✓" for cell in cells)]
    if not passing:
        return "no"
    return "yes" if len(passing) == len(offered) else ", ".join(passing)


def test_readme_comparison_has_what_the_full_comparison_found() -> None:
    _, _, *rows = table(part(ENGLISH, "comparison"))
    assert [row[0] for row in rows] == list(ROWS)
    for row in rows:
        assert row[1:] == [verdict(ROWS[row[0]], package) for package in PACKAGES], row[0]


def test_readme_comparison_states_the_number_of_tests() -> None:
    count = len(
        re.findall(
            r"^\| `test_\w+` \|(?: [^|]+\|){9}$",
            (ROOT / "docs/comparison.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )
    assert f"of {count} tests" in ENGLISH


@pytest.mark.parametrize("path", [ROOT / "README.md", *TRANSLATIONS], ids=lambda path: path.name)
def test_readme_links_are_absolute(path: Path) -> None:
    found = links(path.read_text(encoding="utf-8"))
    assert found
    assert not [link for link in found if not link.startswith("https://")]


def test_readme_there_are_four_translations() -> None:
    assert [path.name for path in TRANSLATIONS] == [
        "README.es.md",
        "README.fr.md",
        "README.ja.md",
        "README.zh.md",
    ]


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
def test_readme_translation_has_the_same_code(path: Path) -> None:
    assert code_blocks(path.read_text(encoding="utf-8")) == code_blocks(ENGLISH)


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
def test_readme_translation_has_the_same_parts_and_links(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [line.split()[0] for line in text.splitlines() if line.startswith("#")] == [
        line.split()[0] for line in ENGLISH.splitlines() if line.startswith("#")
    ]
    assert set(links(text)) == {
        link for link in links(ENGLISH) if not link.endswith(f"/{path.name}")
    } | {"https://github.com/langchain-localllm/langchain-localllm/blob/main/README.md"}


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
@pytest.mark.parametrize("mark", ["comparison", "capabilities"])
def test_readme_translation_has_tables_of_the_same_size_and_names(path: Path, mark: str) -> None:
    ours, theirs = (table(part(text, mark)) for text in (path.read_text(encoding="utf-8"), ENGLISH))
    assert [len(row) for row in ours] == [len(row) for row in theirs]
    for mine, english in zip(ours, theirs, strict=True):
        assert re.findall(r"`[^`]+`", "|".join(mine)) == re.findall(r"`[^`]+`", "|".join(english))
