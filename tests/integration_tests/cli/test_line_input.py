"""What a person types into `localllm chat` on a terminal: edited, pasted, long."""

import json
import os
import pty
import re
import readline
import signal
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.integration_tests.cli.command import COMMAND

LEFT = b"\x1b[D"
PASTE, PASTED = b"\x1b[200~", b"\x1b[201~"


class Terminal:
    """A terminal in which `localllm chat` runs."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self.attributes = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            [*COMMAND, "chat", "tiny-chat", "--json", "--max-tokens", "2"],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm-256color", "INPUTRC": os.devnull},
        )
        self.shown = b""
        self._changed = threading.Condition()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        with suppress(OSError):  # the other end is closed
            while data := os.read(self.ours, 65_536):
                with self._changed:
                    self.shown += data
                    self._changed.notify_all()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.theirs)
        self._reading.join()
        os.close(self.ours)

    def wait_for(self, text: bytes, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.shown.count(text) >= times, 120), self.shown

    def type(self, keys: bytes) -> None:
        for start in range(0, len(keys), 1000):
            os.write(self.ours, keys[start : start + 1000])

    def said(self) -> list[str]:
        """What was said, when the conversation has ended."""
        assert self.process.wait(120) == 0
        decoder = json.JSONDecoder()
        shown = self.shown.decode()  # typed text and prompts stand between the answers
        places = [found.start() for found in re.finditer(r'\{"said": ', shown)]
        return [decoder.raw_decode(shown, place)[0]["said"] for place in places]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with closing(Terminal()) as terminal:
        terminal.wait_for(b"> ")
        yield terminal


def test_chat_lines_are_edited_with_the_arrow_keys(terminal: Terminal) -> None:
    terminal.type(b"wo" + LEFT * 2 + b"t\r")
    terminal.wait_for(b'"}\r\n')
    terminal.type(b"/bye\r")
    assert terminal.said() == ["two"]


def test_chat_lines_may_be_longer_than_a_terminal_keeps(terminal: Terminal) -> None:
    line = "word " * 1500 + "end"
    terminal.type(f"{line}\r".encode())
    terminal.wait_for(b'"}\r\n')
    terminal.type(b"/bye\r")
    assert terminal.said() == [line]


@pytest.mark.skipif("GNU" not in str(readline.__doc__), reason="others do not know pasted text")
def test_chat_pasted_paragraphs_are_one_message(terminal: Terminal) -> None:
    terminal.type(PASTE + b"one\n\ntwo" + PASTED + b"\r")
    terminal.wait_for(b'"}\r\n')
    terminal.type(b"/bye\r")
    assert terminal.said() == ["one\n\ntwo"]


def test_chat_paragraphs_of_a_terminal_that_does_not_mark_pasted_text_do_not_end_it(
    terminal: Terminal,
) -> None:
    terminal.type(b"one\n\ntwo\n")
    terminal.wait_for(b'"}\r\n', 2)
    terminal.type(b"\r")
    assert terminal.said() == ["one", "two"]


def test_chat_ctrl_c_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.type(b"on")
    terminal.wait_for(b"on")
    assert termios.tcgetattr(terminal.theirs) != terminal.attributes, "the line is edited"
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(120) == 130
    assert termios.tcgetattr(terminal.theirs) == terminal.attributes
