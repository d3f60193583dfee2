"""`cli/interrupt.py`: Ctrl-C exits at once, whatever the main thread waits for."""

import subprocess
import sys

import pytest

SIGNALLED_ELSEWHERE = """
import signal, threading, time
from langchain_localllm.cli.interrupt import cleaning_up, exit_on_interrupt

def interrupt_this_thread():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    time.sleep(300)

exit_on_interrupt()
other = threading.Thread(target=interrupt_this_thread, daemon=True)
"""


def exit_code(code: str) -> int:
    """Run code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", SIGNALLED_ELSEWHERE + code], check=False, timeout=120
    ).returncode


@pytest.mark.parametrize("wait", ["other.join()", "time.sleep(300)", "threading.Event().wait(300)"])
def test_interrupt_that_does_not_wake_the_main_thread_exits_with_130(wait: str) -> None:
    assert exit_code(f"other.start(); {wait}") == 130


def test_interrupt_while_something_is_undone_waits_for_that() -> None:
    code = """
try:
    with cleaning_up():
        other.start()
        end = time.monotonic() + 300
        while time.monotonic() < end:
            time.sleep(0.1)
except KeyboardInterrupt:
    raise SystemExit(7)
"""
    assert exit_code(code) == 7
