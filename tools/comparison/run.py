"""Runs each case in a process of its own, since some of them abort or hang."""

import contextlib
import os
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import pytest
from _pytest.runner import runtestprotocol

from langchain_localllm.models import tiny_chat_model
from tests.engines.models import never_ending
from tests.integration_tests.contract.engines import ENGINES
from tools.comparison.subjects import LLAMAFILE_URL, MODEL_FILE, OLLAMA_URL, SUBJECTS, Subject

SECONDS: Final = 60
"""A case that takes longer hangs."""
_PASSED, _FAILED, _SKIPPED = range(3)
_WORDS: Final = {_PASSED: "passed", _FAILED: "failed", _SKIPPED: "skipped", -signal.SIGALRM: "hung"}

Outcomes = dict[tuple[str, str], list[str]]
"""Test and subject to `passed`, `failed`, `skipped`, `crashed` or `hung`, once for each case."""


def run(tests: Sequence[str]) -> Outcomes:
    """Run some tests on every subject, on real engines."""
    plugin = _OwnProcess()
    for subject in SUBJECTS:
        subject.load()  # once for all processes
    with _engines():
        suite = str(Path(__file__).with_name("suite.py"))
        chosen = " or ".join(f"{test}[" for test in tests)
        pytest.main([suite, "-q", "-s", "-p", "no:cacheprovider", "-o", "addopts=", "-k", chosen], plugins=[plugin])
    return plugin.outcomes


@contextlib.contextmanager
def _engines() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = never_ending(tiny_chat_model(), folder / "endless.gguf")
        os.environ[MODEL_FILE] = str(model)
        for name, runtime in ((LLAMAFILE_URL, "llamafile"), (OLLAMA_URL, "ollama")):
            os.environ[name] = stack.enter_context(ENGINES[runtime](model, folder)).arguments["base_url"]
        yield


class _OwnProcess:
    """A plugin for pytest."""

    def __init__(self) -> None:
        self.outcomes: Outcomes = defaultdict(list)

    def pytest_runtest_protocol(self, item: pytest.Function) -> bool:
        """Run a case in a fork; its exit status tells the outcome."""
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os._exit(_outcome(item))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        subject = cast("Subject", item.callspec.params["_choose"])
        outcome = _WORDS.get(status, "crashed")
        self.outcomes[item.originalname, subject.place].append(outcome)
        print(f"{time.monotonic() - started:5.1f} s  {outcome:7}  {item.name}", flush=True)
        return True


def _outcome(item: pytest.Function) -> int:
    signal.alarm(SECONDS)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    reports = runtestprotocol(item, log=False)
    if any(report.failed for report in reports):
        return _FAILED
    return _SKIPPED if any(report.skipped for report in reports) else _PASSED
