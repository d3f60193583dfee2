"""What a download reports: its lines read, and its progress shown."""

import io
import sys

import pytest

from langchain_localllm.errors import (
    LocalLLMError,
    ModelMissingError,
    ServerError,
    StreamBrokenError,
    WrongServerError,
)
from langchain_localllm.runtimes.ollama.management import JustStoppedError, StepDecoder
from langchain_localllm.runtimes.ollama.progress import PullProgress, show_on_stderr

STEPS = [
    PullProgress("pulling manifest"),
    *(
        PullProgress("pulling 4ff8", "sha256:4ff8", 2_000_000_000, done * 100_000_000)
        for done in range(21)
    ),
    PullProgress("verifying sha256 digest"),
    PullProgress("success"),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Notebook(io.StringIO):
    __module__ = "ipykernel.iostream"


@pytest.mark.parametrize("stream", [Terminal(), Notebook()], ids=["terminal", "notebook"])
def test_pull_progress_is_one_line_where_a_line_can_be_written_again(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    report = show_on_stderr()
    for step in STEPS:
        report(step)
    shown = stream.getvalue()
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    screen = [line.rstrip() for line in shown.rstrip("\n").split("\r")[1:]]
    assert screen[0] == "pulling manifest"
    assert screen[11] == "pulling 4ff8: 1 GB of 2 GB, 50%"
    assert screen[-1] == "success"
    widths = [len(line) for line in shown.rstrip("\n").split("\r")[1:]]
    assert all(later >= len(earlier) for later, earlier in zip(widths[1:], screen, strict=False)), (
        "nothing of a longer line is left"
    )


def test_pull_progress_is_a_line_for_each_tenth_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = show_on_stderr()
    for step in STEPS:
        report(step)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + 11 + 2
    assert lines[1] == "pulling 4ff8: 0 B of 2 GB, 0%"


def test_pull_lines_are_read_wherever_they_are_cut() -> None:
    data = (
        b'{"status":"pulling 4ff8","digest":"sha256:4ff8","total":4,"completed":2}\n'
        b'{"status":"success"}\n'
    )
    decoder = StepDecoder("tiny")
    steps = [step for place in range(len(data)) for step in decoder.feed(data[place : place + 1])]
    assert steps + decoder.end() == [
        PullProgress("pulling 4ff8", "sha256:4ff8", 4, 2),
        PullProgress("success"),
    ]
    last = StepDecoder("tiny")
    assert (last.feed(data[:-1]), last.end()) == (steps[:1], steps[1:])


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b'{"status":"pulling manifest"}\n', StreamBrokenError, "resumes where it stopped"),
        (b"", StreamBrokenError, "resumes where it stopped"),
        (b'{"status":"pull', StreamBrokenError, "not JSON"),
        (b"<html>\n", WrongServerError, "web page"),
        (b"[1]\n", StreamBrokenError, "cannot be read"),
        (b"{}\n", StreamBrokenError, "cannot be read"),
        (
            b'{"error":"pull model manifest: file does not exist"}\n',
            ModelMissingError,
            "no model 'tiny'",
        ),
        (
            b'{"error":"digest mismatch, file must be downloaded again"}\n',
            ServerError,
            "digest mismatch",
        ),
        (b'{"error":"context canceled"}\n', JustStoppedError, "still ends another pull of 'tiny'"),
    ],
)
def test_pull_download_that_fails_has_its_error(
    data: bytes, kind: type[LocalLLMError], words: str
) -> None:
    decoder = StepDecoder("tiny")

    def read() -> None:
        decoder.feed(data)
        decoder.end()

    with pytest.raises(LocalLLMError, match=words) as caught:
        read()
    assert type(caught.value) is kind
