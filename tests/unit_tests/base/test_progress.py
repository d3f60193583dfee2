"""The bar: one line that is written again on a terminal and in a notebook, else a line for each
tenth."""

import io
import itertools
import sys

import pytest

from langchain_localllm.base import progress
from langchain_localllm.base.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Notebook(io.StringIO):
    """As ipykernel's stream, which is not a terminal but writes a line again."""


Notebook.__module__ = "ipykernel.iostream"


@pytest.mark.parametrize("kind", [Terminal, Notebook])
def test_progress_is_one_line_where_lines_can_be_written_again(
    kind: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = kind()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_PAUSE", 0)
    with ProgressBar("texts", 1000) as bar:
        for _ in range(4):
            bar.add(250)
    shown = stream.getvalue()
    assert shown.count("\n") == 1
    assert "[######                  ] 250 of 1,000 texts" in shown
    assert (
        shown.rstrip().split("\r")[-1].startswith("[########################] 1,000 of 1,000 texts")
    )


def test_progress_is_a_few_lines_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("texts", 1000) as bar:
        for _ in range(1000):
            bar.add(1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" of ")[0] for line in lines] == [
        f"{count:,}" for count in range(100, 1001, 100)
    ]


def test_progress_nothing_is_shown_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("texts", 0) as bar:
        bar.add(0)
    assert capsys.readouterr().err == ""


def test_progress_remaining_time_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    bar = ProgressBar("texts", 800)
    bar.add(80)
    assert str(bar) == "80 of 800 texts, 8.0 a second, 1:30 left"


@pytest.mark.parametrize(
    ("done", "seconds", "shown"),
    [
        (2, 100.0, "2 of 800 texts, 1.2 a minute, 11:05 h left"),
        (1, 3600.0, "1 of 800 texts, 0.0 a minute, 33 d 7 h left"),
        (30, 10.0, "30 of 800 texts, 3.0 a second, 4:17 left"),
        (790, 10.0, "790 of 800 texts, 79 a second, 0:00 left"),
    ],
)
def test_progress_slow_work_is_shown_in_larger_units(
    done: int, seconds: float, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = itertools.chain([0.0], itertools.repeat(seconds))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    bar = ProgressBar("texts", 800)
    bar.add(done)
    assert str(bar) == shown
