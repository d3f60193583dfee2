"""docs/comparison.md is what `python -m tools.comparison` writes, whole and still true."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.comparison.ollama_suite.excluded import section
from tools.comparison.subjects import OURS, SUBJECTS
from tools.comparison.table import PAGE, read, standard_tests

CHEAP: Final = ("test_unknown_argument", "test_no_empty_chunks", "test_second_event_loop")
"""Rows that take seconds; all of them take an hour."""


def test_comparison_page_has_all_tests_and_classes() -> None:
    assert set(read()) == {
        (test, subject.place) for test in standard_tests() for subject in SUBJECTS
    }


def test_comparison_page_is_about_the_versions_that_are_installed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for package in {subject.package for subject in SUBJECTS} - {OURS}:
        assert f"{package} {importlib.metadata.version(package)}" in page


def test_comparison_page_lists_what_is_omitted_of_the_suite_of_langchain_ollama() -> None:
    assert section() in PAGE.read_text(encoding="utf-8")


def test_comparison_suite_of_langchain_ollama_passes() -> None:
    command = [sys.executable, "-m", "tools.comparison.ollama_suite", "--", "-x"]
    ran = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]


def test_comparison_our_classes_fail_nothing() -> None:
    assert {
        row: said
        for row, said in read().items()
        if row[1].startswith("langchain_localllm") and said not in {"✓", "n/a"}
    } == {}


def test_comparison_some_rows_are_still_true() -> None:
    command = [sys.executable, "-m", "tools.comparison", "--check", "--tests", *CHEAP]
    ran = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
