"""What goes to stderr."""

import io
import sys

import pytest

from langchain_localllm.cli import stderr as notes
from langchain_localllm.cli.stderr import Progress, print_stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(monkeypatch: pytest.MonkeyPatch, screen: io.StringIO, patience: float) -> str:
    """Do ten pieces of work with a bar, and return what the screen got."""
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(notes, "_BAR_DELAY", patience)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    with Progress("Reading") as progress:
        for done in range(1, 11):
            progress(done, 10)
    return screen.getvalue()


def test_print_stderr_writes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_stderr("Two\n  lines.")
    assert capsys.readouterr().err == "localllm: Two lines.\n"


def test_stderr_long_work_has_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = work(monkeypatch, Terminal(), -1)
    assert "Reading" in shown
    assert "10/10" in shown


def test_stderr_short_work_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert work(monkeypatch, Terminal(), 60) == ""


def test_stderr_pipe_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert work(monkeypatch, io.StringIO(), -1) == ""


def test_stderr_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[38" not in work(monkeypatch, Terminal(), -1)
