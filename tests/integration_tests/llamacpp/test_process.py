"""What could end a process, each in one of its own: many callers at once, a fork, an interrupt."""

import subprocess
import sys
from pathlib import Path
from typing import Final, get_args

import pytest

from langchain_localllm.runtimes.llamacpp.backend import Backend

FORK: Final = """
import os, sys
from langchain_localllm import LlamaCpp
from langchain_localllm.errors import ServerError

backend = sys.argv[2]
llm = LlamaCpp(model_path=sys.argv[1], n_ctx=256, temperature=0, max_tokens=4, backend=backend)
answer = llm.invoke("Rain is")
child = os.fork()
if child == 0:
    for attempt in (
        lambda: llm.invoke("Rain is"),
        lambda: LlamaCpp(model_path=sys.argv[1], n_ctx=300, backend=backend),
    ):
        try:
            attempt()
        except ServerError as error:
            assert "fork" in str(error)
        else:
            sys.exit(1)
    sys.exit(0)  # with all of Python's clean-up
assert os.waitpid(child, 0)[1] == 0
assert llm.invoke("Rain is") == answer
"""
INTERRUPT: Final = """
import signal, sys, threading
from langchain_localllm import LlamaCpp

llm = LlamaCpp(model_path=sys.argv[1], n_ctx=2048, temperature=0, max_tokens=4, backend=sys.argv[2])
answer = llm.invoke("Rain is")
try:
    threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()
    while True:
        llm.invoke("The boat on the river is red. " * 200, max_tokens=100)
except KeyboardInterrupt:
    assert llm.invoke("Rain is") == answer
    print("interrupted")
"""


LOADING: Final = """
import os, signal, sys, threading, time
from langchain_localllm import LlamaCpp

signal.signal(signal.SIGINT, signal.default_int_handler)
def load(length):
    # an interrupt is lost while Python frees an object, so each is kept
    kept.append(LlamaCpp(model_path=sys.argv[1], n_ctx=length, backend=sys.argv[2]))


kept = []
load(256)
began = time.monotonic()
load(288)
seconds = time.monotonic() - began
interrupts = 0
for step in range(1, 41):
    later = threading.Timer(seconds * step / 40, os.kill, [os.getpid(), signal.SIGINT])
    try:
        later.start()
        load(288 + 32 * step)
        later.join()
        time.sleep(0.1)
    except KeyboardInterrupt:
        interrupts += 1
print(interrupts, "interrupted")
"""


LEFT: Final = """
import sys
from langchain_localllm import LlamaCpp

next(LlamaCpp(model_path=sys.argv[1], n_ctx=512, backend=sys.argv[2]).stream("Once"))
"""


@pytest.fixture(params=get_args(Backend))
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_engine_many_threads_and_tasks_with_random_cancels(backend: str, model_file: Path) -> None:
    run("-m", "tests.integration_tests.llamacpp.stress", str(model_file), backend)


def test_engine_fork_is_refused(backend: str, model_file: Path) -> None:
    run("-c", FORK, str(model_file), backend)


def test_engine_interrupt_ends_the_call_and_not_the_engine(backend: str, model_file: Path) -> None:
    assert "interrupted" in run("-c", INTERRUPT, str(model_file), backend)


def test_engine_process_that_ends_in_the_middle_of_an_answer_ends_cleanly(
    backend: str, model_file: Path
) -> None:
    run("-c", LEFT, str(model_file), backend)


def test_an_interrupt_while_a_model_loads_is_raised(backend: str, model_file: Path) -> None:
    assert run("-c", LOADING, str(model_file), backend) == "40 interrupted\n"
