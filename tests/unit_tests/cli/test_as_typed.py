"""The command with the words that people know from `ollama`, with models of the wrong kind, and with outputs that fail."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_localllm.cli import app as app_module
from langchain_localllm.cli.app import run
from langchain_localllm.cli.chat import _listen
from langchain_localllm.cli.commands import expand
from langchain_localllm.errors import ConnectionFailedError, LocalLLMError, ModelFileError
from langchain_localllm.models import resolve, tiny_embedding_model


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["list"], ["models", "list"]),
        (["ls", "--json"], ["models", "list", "--json"]),
        (["rm", "-y", "x"], ["models", "rm", "-y", "x"]),
        (["show", "x"], ["models", "show", "x"]),
        (["help"], ["--help"]),
        (["help", "rag"], ["rag", "--help"]),
        (["help", "rm"], ["models", "rm", "--help"]),
        (["run", "list"], ["run", "list"]),
        ([], []),
    ],
)
def test_expand_command_of_ollama_returns_the_one_here(typed: list[str], meant: list[str]) -> None:
    assert expand(typed) == meant


@pytest.mark.parametrize("name", ["ps", "stop", "create", "push", "cp"])
def test_run_command_that_only_ollama_has_says_what_to_do(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "x"]) == 2
    assert capsys.readouterr().err.startswith(f"localllm: {name}: ")


@pytest.mark.parametrize(("typo", "near"), [("lst", "list"), ("chatt", "chat"), ("modles", "models"), ("shwo", "show")])
def test_run_typo_suggests_the_near_command(typo: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([typo]) == 2
    assert f"'{near}'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-h"], ["help"], ["run", "-h"], ["models", "rm", "-h"], ["rag", "ask", "-h"]])
def test_run_short_help_option_prints_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert "Usage: localllm" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "bench", "chat"])
def test_run_embedding_model_is_refused(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run([command, str(tiny_embedding_model()), *(["Hi"] if command == "run" else [])]) == 2
    assert "is an embedding model" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has /dev/full.")
@pytest.mark.parametrize("arguments", [["--help"], ["pull"], ["--version"]])
def test_run_full_disk_gives_a_sentence(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "langchain_localllm.cli", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.startswith("localllm: The output cannot be written: No space left on device.")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", [ConnectionFailedError, ModelFileError])
def test_run_error_of_this_package_gives_a_sentence(
    kind: type[LocalLLMError], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("No server answers.")

    monkeypatch.setattr(app_module, "app", fail)
    assert run(["models"]) == 1
    assert capsys.readouterr().err == "localllm: No server answers.\n"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["", "Hello!"], "The model's name is empty"),
        ([" ", "Hello!"], "The model's name is empty"),
        (["Why", "is", "the", "sky", "blue?"], "put the prompt in quotes"),
        (["tiny-chat", ""], "There is no prompt"),
    ],
)
def test_run_words_that_name_no_model_give_a_sentence(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr(resolve, "ollama_server", lambda: None)
    assert run(["run", *words]) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("said", ["", "/bye", "/exit", " /bye "])
def test_listen_end_of_a_conversation_returns_nothing(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{said}\nmore\n"))
    assert _listen() == ""


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (PermissionError(13, "Permission denied", "/root/x.svg"), 1, "/root/x.svg cannot be used: Permission denied."),
        (FileExistsError(17, "File exists", b"x\xff"), 1, "cannot be used: File exists."),
        (MemoryError(), 1, "not enough memory"),
        (OSError(28, "No space left on device"), 1, "The output cannot be written"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_run_failure_of_the_system_gives_a_sentence(
    error: BaseException, code: int, part: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(app_module, "app", fail)
    monkeypatch.setattr(app_module, "_discard_output", lambda: None)
    assert run(["models"]) == code
    assert part in capfd.readouterr().err


def test_run_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("without a file")

    monkeypatch.setattr(app_module, "app", fail)
    with pytest.raises(OSError, match="without a file"):
        run(["models"])


def test_run_in_a_folder_that_is_gone_gives_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run(["rag", "index", "."]) == 1
    assert "The working directory does not exist any more." in capsys.readouterr().err
