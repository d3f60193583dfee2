"""The exit codes in docs/cli.md, on every command: closed pipes, full disks, Ctrl-C, and a terminal
that is left as it was."""

import os
import pty
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from langchain_localllm.cli.command_table import COMMANDS
from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.cli.command import COMMAND

OUTPUT = {
    "doctor": "doctor",
    "models": "models",
    "models list": "list --json",
    "models show": "show tiny-chat",
    "models rm": "rm -y spare.gguf --json",
    "pull": "pull",
    "fit": "fit tiny-chat -c 512",
    "chat": "chat",
    "run": "run tiny-chat Hello!",
    "run --json": "run tiny-chat Hello! --json",
    "compare": "compare Hello! -m tiny-chat -m tiny-chat",
    "ask": "ask notes Why?",
    "rag index": "rag index notes --vectors sqlite",
    "rag status": "rag status --store index",
    "rag list": "rag list --store index",
    "rag ask": "rag ask Why? --store index",
    "rag eval": "rag eval q.jsonl --store index",
    "rag remove": "rag remove notes --store index",
    "rag move": "rag move sqlite --store index",
    "bench": "bench -n 2",
    "prompt": "prompt tiny-chat",
    "migrate": "migrate code.py",
    "help": "rag --help",
    "serve": "serve tiny-chat --port 0",
}
"""Commands that write to stdout."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with notes, an index and a model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "hill.txt").write_text("The hill is 143 metres high.")
    (tmp_path / "q.jsonl").write_text(
        '{"question": "How high is the hill?", "answers": ["143 metres"]}'
    )
    (tmp_path / "code.py").write_text("from langchain_community.llms import LlamaCpp\n")
    (tmp_path / "spare.gguf").write_bytes(tiny_chat_model().read_bytes())
    return tmp_path


def index(folder: Path) -> None:
    command = [*COMMAND, "rag", "index", "notes", "--store", "index", "--vectors", "sqlite"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_command_every_command_is_in_the_table() -> None:
    assert {words.split()[0] for words in OUTPUT.values()} | {"models"} >= set(COMMANDS) - {
        "serve",
        "mcp",
        "ui",
    }


@pytest.mark.parametrize("words", OUTPUT.values(), ids=OUTPUT)
def test_command_whose_output_is_closed_exits_with_141(words: str, folder: Path) -> None:
    if "--store index" in words:
        index(folder)
    with subprocess.Popen(
        [*COMMAND, *words.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate("Hello!\n", timeout=120)
    assert process.returncode == 141, err
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has /dev/full.")
@pytest.mark.parametrize("words", OUTPUT.values(), ids=OUTPUT)
def test_command_on_a_full_disk_exits_with_1_and_a_sentence(words: str, folder: Path) -> None:
    if "--store index" in words:
        index(folder)
    with Path("/dev/full").open("w") as full:
        command = [*COMMAND, *words.split()]
        done = subprocess.run(
            command,
            input="Hello!\n",
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            encoding="utf-8",
            timeout=120,
        )
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "localllm: The output cannot be written: No space left on device."
    )
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has /dev/full.")
@pytest.mark.parametrize(
    "words",
    ["run tiny-chat Hello! --max-tokens 1", "run nowhere Hello!", "--nothing", "ask notes Why?"],
)
def test_command_notes_on_a_full_disk_change_no_exit_code(words: str, folder: Path) -> None:
    assert folder
    with Path("/dev/full").open("w") as full:
        command = [*COMMAND, *words.split()]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=full,
            check=False,
            timeout=120,
        )
    assert done.returncode == {"run nowhere Hello!": 1, "--nothing": 2}.get(words, 0)


@pytest.mark.parametrize(
    "words",
    ["fit tiny-chat --plot /dev/full", "rag eval --store index --questions 1 --write /dev/full"],
)
def test_command_files_on_a_full_disk_give_a_sentence(words: str, folder: Path) -> None:
    index(folder)
    done = subprocess.run(
        [*COMMAND, *words.split()], capture_output=True, check=False, encoding="utf-8", timeout=120
    )
    assert done.returncode in {1, 2}
    assert done.stderr.splitlines()[-1].startswith("localllm: ")
    assert "Traceback" not in done.stderr


# --- Ctrl-C ---


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that takes connections and never answers, in Ollama's place."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.getsockname()[1]}")
        server.settimeout(300)
        yield server


WAITING = [
    "doctor",
    "models",
    "show ollama:x",
    "rm -y ollama:x",
    "pull ollama:x",
    "fit ollama:x",
    "bench ollama:x",
    "serve ollama:x",
    "chat ollama:x",
    "run ollama:x Hello!",
    "run Hello!",
    "prompt ollama:x",
    "compare Hello! -m ollama:x",
    "ask notes Why? -m ollama:x",
    "ask notes Why? --embedding-model ollama:x",
    "rag index notes --embedding-model ollama:x",
    "rag ask Why? --embedding-model ollama:x",
    "rag eval -m ollama:x",
    "bench tiny-chat -n 2",
]


@pytest.mark.parametrize("words", WAITING)
def test_command_ctrl_c_while_a_server_is_waited_for_exits_with_130(
    words: str, folder: Path, silent: socket.socket
) -> None:
    assert folder
    with subprocess.Popen(
        [*COMMAND, *words.split()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        connection, _ = silent.accept()
        with connection:
            check_interrupt(process)


@pytest.mark.parametrize("words", ["run -m tiny-chat", "chat", "serve tiny-chat --port 0"])
def test_command_ctrl_c_while_something_is_read_exits_with_130(words: str) -> None:
    with subprocess.Popen(
        [*COMMAND, *words.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        if words.startswith("serve"):
            assert process.stdout
            assert process.stdout.readline().startswith("http://127.0.0.1:")
        else:
            assert process.stdin
            process.stdin.write("H")
            process.stdin.flush()
            _wait_until_it_reads(process.pid)
        check_interrupt(process)


def _wait_until_it_reads(pid: int) -> None:
    """Wait until a process has loaded its modules and computes nothing any more."""
    process, before = psutil.Process(pid), -1.0
    while sum(process.cpu_times()) != before or before < 0.05:
        before = sum(process.cpu_times())
        time.sleep(1)


def check_interrupt(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "Exception" not in err


def test_command_ctrl_c_in_columns_leaves_the_cursor_visible(silent: socket.socket) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [*COMMAND, "compare", "Hello!", "-m", "http://{}:{}".format(*silent.getsockname())]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        connection, _ = silent.accept()
        with connection:
            shown = b""
            while b"\x1b[?25l" not in shown:  # until the columns are drawn
                shown += os.read(ours, 65_536)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
    shown += os.read(ours, 65_536)
    os.close(theirs)
    os.close(ours)
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_command_interrupts_that_are_ignored_stay_ignored(silent: socket.socket) -> None:
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *COMMAND, "models"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        connection.close()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "tiny-chat" in out
