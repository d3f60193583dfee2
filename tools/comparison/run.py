"""Runs each case in a process of its own, since some of them abort or hang."""

import contextlib
import os
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from _pytest.runner import runtestprotocol

from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.contract.engines import ENGINES
from tools.comparison.subjects import LLAMAFILE_URL, MODEL_FILE, OLLAMA_URL, SUBJECTS, Subject
from tools.engines.models import never_ending

PATHS: Final = ("invoke", "ainvoke", "stream", "astream", "batch")
"""What the comparison calls; `abatch`, `generate`, `agenerate` and `astream_events` are made of the
same parts."""
SECONDS: Final = 60
"""A case that takes longer hangs."""
_PASSED, _FAILED, _SKIPPED = range(3)
_WORDS: Final = {_PASSED: "passed", _FAILED: "failed", _SKIPPED: "skipped", -signal.SIGALRM: "hung"}

Outcomes = dict[tuple[str, str], list[str]]
"""Test and subject to `passed`, `failed`, `skipped`, `crashed` or `hung`, once for each case."""


def run(tests: Collection[str], places: Collection[str]) -> Outcomes:
    """Run some tests on some subjects, on real engines."""
    plugin = _OwnProcess(tests, places)
    for subject in SUBJECTS:
        subject.load()  # once for all processes
    with _engines():
        suite = str(Path(__file__).with_name("suite.py"))
        pytest.main(
            [
                suite,
                "-q",
                "-s",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:faulthandler",
                "-o",
                "addopts=",
            ],
            plugins=[plugin],
        )
    return plugin.outcomes


@contextlib.contextmanager
def _engines() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = never_ending(tiny_chat_model(), folder / "endless.gguf")
        os.environ[MODEL_FILE] = str(model)
        for name, runtime in ((LLAMAFILE_URL, "llamafile"), (OLLAMA_URL, "ollama")):
            os.environ[name] = stack.enter_context(ENGINES[runtime](model, folder)).arguments[
                "base_url"
            ]
        yield


class _OwnProcess:
    """A plugin for pytest."""

    def __init__(self, tests: Collection[str], places: Collection[str]) -> None:
        self._tests, self._places = tests, places
        self.outcomes: Outcomes = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Leave what was asked for, on half of the paths."""
        asked = [
            item
            for item in items
            if item.originalname in self._tests and _subject(item).place in self._places
        ]
        items[:] = [item for item in asked if item.callspec.params.get("path", "invoke") in PATHS]

    def pytest_runtest_protocol(self, item: pytest.Function) -> bool:
        """Run a case in a fork; its exit status is the outcome."""
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os._exit(_outcome(item))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        outcome = _WORDS.get(status, "crashed")
        self.outcomes[item.originalname, _subject(item).place].append(outcome)
        print(f"{time.monotonic() - started:5.1f} s  {outcome:7}  {item.name}", flush=True)
        return True


def _subject(item: pytest.Function) -> Subject:
    return cast("Subject", item.callspec.params["_choose"])


def _outcome(item: pytest.Function) -> int:
    signal.alarm(SECONDS)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    reports = runtestprotocol(item, log=False)
    if any(report.failed for report in reports):
        return _FAILED
    return _SKIPPED if any(report.skipped for report in reports) else _PASSED
