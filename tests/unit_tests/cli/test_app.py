"""The command without any model."""

import resource
import subprocess
import sys

import pytest

from langchain_localllm.cli.app import run
from langchain_localllm.cli.command_table import COMMANDS
from langchain_localllm.cli.lazy import load

HEAVY = [
    "aiohttp",
    "bs4",
    "langchain_core",
    "langchain_text_splitters",
    "numpy",
    "pydantic",
    "pypdfium2",
    "requests",
    "rich",
    "xllamacpp",
]


def test_cli_help_waits_for_nothing_heavy() -> None:
    code = (
        "import sys; from langchain_localllm.cli.app import run; run(['--help']); "
        f"print(set({HEAVY}) & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8"
    )
    assert shown.stdout.splitlines()[-1] == "set()"


def test_cli_missing_typer_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['typer'] = None; from langchain_localllm.cli import main; main()"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, encoding="utf-8"
    )
    assert shown.returncode == 1
    assert shown.stderr.endswith('pip install "langchain-localllm[cli,rag,server]"\n')
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        ([], 2),
        (["ask"], 2),
        (["ask", ".", ""], 2),
        (["--none"], 2),
    ],
)
def test_cli_exit_codes(arguments: list[str], code: int) -> None:
    assert run(arguments) == code


def test_cli_faults_name_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    run(["ask", ".", "What?", "--colour"])
    assert (
        capsys.readouterr().err == "localllm: No such option: --colour. See: localllm ask --help\n"
    )


def test_cli_near_names_are_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["aks"]) == 2
    assert "Did you mean 'ask'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_cli_line_in_the_help_is_the_command_s_own(name: str) -> None:
    assert (load(name).help or "").splitlines()[0] == COMMANDS[name]


def test_cli_help_costs_little_more_than_importing_typer() -> None:
    help_seconds = _processor_seconds("-m", "langchain_localllm.cli", "--help")
    # 0.17 s and 0.15 s on a quiet machine
    assert help_seconds < 1.5 * _processor_seconds("-c", "import typer")


def _processor_seconds(*arguments: str) -> float:
    """The least of three runs; a busy machine slows all of them down alike."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)
