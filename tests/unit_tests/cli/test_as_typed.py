"""The command with the words that people know from `ollama`, with models of the wrong kind, and
with outputs that fail."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from langchain_localllm.cli import app as app_module
from langchain_localllm.cli.app import run
from langchain_localllm.cli.chat_models import is_model
from langchain_localllm.cli.command_table import _SYNONYMS, COMMANDS, expand
from langchain_localllm.cli.commands import chat as chat_module
from langchain_localllm.cli.commands.chat import _listen
from langchain_localllm.cli.commands.run import _parse
from langchain_localllm.errors import ConnectionFailedError, LocalLLMError, ModelFileError
from langchain_localllm.manage import resolve
from langchain_localllm.models import tiny_embedding_model


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
        (["run", "help"], ["run", "help"]),
        (["models", "help"], ["models", "--help"]),
        (["rag", "help", "ask"], ["rag", "ask", "--help"]),
        (["help", "rag", "ask"], ["rag", "ask", "--help"]),
        ([], []),
    ],
)
def test_expand_command_of_ollama_returns_the_one_here(typed: list[str], meant: list[str]) -> None:
    assert expand(typed) == meant


@pytest.mark.parametrize(
    "name", ["ps", "stop", "create", "push", "cp", "launch", "login", "search", "signin", "update"]
)
def test_run_command_that_only_ollama_has_says_what_to_do(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "x"]) == 2
    assert capsys.readouterr().err.startswith(f"localllm: {name}: ")


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("download x", "localllm pull"),
        ("delete x", "localllm rm"),
        ("info x", "localllm show"),
        ("generate x", "localllm run"),
        ("models ls", "localllm list"),
        ("models remove x", "localllm rm"),
        ("rag query Why?", "localllm rag ask"),
        ("rag rm x", "localllm rag remove"),
        ("help download", "localllm pull"),
    ],
)
def test_run_word_for_another_command_names_it(
    typed: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == 2
    assert capsys.readouterr().err.endswith(f": The command is `{command}`.\n")


def test_synonyms_name_commands_that_exist() -> None:
    for typed, name in _SYNONYMS.items():
        assert expand(name.split())[0] in COMMANDS, typed
        assert typed not in COMMANDS


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("run Hi --format json", "with_structured_output"),
        ("run Hi --verbose", "--json prints the speed"),
        ("run Hi --num-predict 3", "--max-tokens"),
        ("run Hi --num_predict 3", "--max-tokens"),
        ("run Hi --keepalive 5m", "No model is kept loaded"),
        ("chat --think", "reasoning="),
        ("show x --modelfile", "Everything that is known of a model is shown."),
        ("rm -f x", "pass --yes"),
        ("serve x --host 0.0.0.0", "on this machine"),
        ("run Hi --num-ctx 512", "n_ctx"),
    ],
)
def test_run_option_of_ollama_says_what_to_do(
    typed: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("localllm: No such option: -")
    assert part in shown


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("llama3.2", True),
        ("llama3.2:1b", True),
        ("mistral", True),
        ("phi3", True),
        ("deepseek-r1", True),
        ("gpt-oss:20b", True),
        ("nomic-embed-text:latest", True),
        ("owner/name", True),
        ("hf.co/owner/name:Q4_K_M", True),
        ("nowhere.gguf", True),
        ("ollama:x", True),
        ("Hello!", False),
        ("hi", False),
        ("Why?", False),
        ("Summarise:", False),
        ("2+2", False),
        ("2+2=", False),
        ("Grüße", False),
        ("/bye", False),
        ("", False),
    ],
)
def test_is_model_word_that_looks_like_a_name_is_one(
    word: str, meant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "ollama_server", lambda: None)
    monkeypatch.setattr(resolve, "servers_beside_ollama", list)
    assert is_model(word) is meant


@pytest.mark.parametrize(
    ("words", "prompt"), [(["tiny-chat", "-"], ""), (["-"], ""), (["tiny-chat", "a - b"], "a - b")]
)
def test_parse_dash_means_the_pipe(words: list[str], prompt: str) -> None:
    assert _parse(words, "" if len(words) > 1 else "tiny-chat") == ("tiny-chat", prompt)


@pytest.mark.parametrize("version", ["-v", "-V", "--version", "version"])
def test_run_version_in_every_spelling(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([version]) == 0
    assert capsys.readouterr().out.startswith("localllm ")


def test_run_json_before_the_command_of_a_group_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json", "show", str(tiny_embedding_model())]) == 0
    assert json.loads(capsys.readouterr().out)["embeddings"] is True


@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        Path.touch,
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.write_bytes(b"GG"),
    ],
)
def test_run_show_what_is_not_a_model_fails(
    make: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "x.gguf")
    assert run(["show", str(tmp_path / "x.gguf")]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert str(tmp_path / "x.gguf") in shown.err


@pytest.mark.parametrize(
    ("typed", "code", "part"),
    [
        (["pull", "llama3.2"], 2, "write ollama:llama3.2"),
        (["pull", "owner/name"], 2, "write hf:owner/name"),
        (["pull", str(tiny_embedding_model())], 2, "is on this machine already"),
        (["run", "https://huggingface.co/owner/name", "Hi"], 2, "Write hf:owner/name."),
        (["run", "https://ollama.com/library/llama3.2", "Hi"], 2, "Write ollama:llama3.2."),
        (["run", "ollama/llama3.2", "Hi"], 1, "Did you mean ollama:llama3.2?"),
        (["run", "hf.co/owner/name:Q4_K_M", "Hi"], 1, "Did you mean hf:owner/name:Q4_K_M?"),
        (["run", "owner/name", "Hi"], 1, "localllm pull hf:owner/name"),
        (["run", "llama3.2"], 1, "There is no model llama3.2"),
        (["ask", "Why?", "."], 2, "The question comes after the files"),
    ],
)
def test_run_reference_of_another_program_says_how_it_is_written_here(
    typed: list[str],
    code: int,
    part: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolve, "ollama_server", lambda: None)
    monkeypatch.setattr(resolve, "servers_beside_ollama", list)
    assert run(typed) == code
    assert part in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('"""one"""\n', "one"),
        ('"""one\ntwo"""\nthree\n', "one\ntwo"),
        ('"""\none\n\ntwo\n"""\n', "one\n\ntwo"),
        ('"""one\ntwo', "one\ntwo"),
        ('say """x"""\n', 'say """x"""'),
    ],
)
def test_listen_text_between_three_quotes_is_one_message(
    typed: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert _listen() == said


def test_chat_commands_of_ollama_are_not_sent_to_the_model(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[object]] = []

    def answer(_: object, messages: list[object], **__: object) -> tuple[str, dict[str, object]]:
        sent.append([*messages])
        return "Yes.", {}

    monkeypatch.setattr(chat_module, "print_answer", answer)
    monkeypatch.setattr(
        sys,
        "stdin",
        io.StringIO("/set system x\n/?\nHi\n/etc is a folder\n/clear\nWhy?\n/quit\nmore\n"),
    )
    assert run(["chat", "-s", "Be kind."]) == 0
    system = ("system", "Be kind.")
    assert sent == [
        [system, ("human", "Hi")],
        [system, ("human", "Hi"), ("ai", "Yes."), ("human", "/etc is a folder")],
        [system, ("human", "Why?")],
    ]
    notes = capsys.readouterr().err.splitlines()
    assert [note.split()[1] for note in notes] == ["Options", "/clear", "The"]


@pytest.mark.parametrize(
    ("typo", "near"), [("lst", "list"), ("chatt", "chat"), ("modles", "models"), ("shwo", "show")]
)
def test_run_typo_suggests_the_near_command(
    typo: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([typo]) == 2
    assert f"'{near}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["-h"], ["help"], ["run", "-h"], ["models", "rm", "-h"], ["rag", "ask", "-h"]]
)
def test_run_short_help_option_prints_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    assert "Usage: localllm" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "bench", "chat"])
def test_run_embedding_model_is_refused(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run([command, str(tiny_embedding_model()), *(["Hi"] if command == "run" else [])]) == 2
    assert "is an embedding model" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has /dev/full.")
@pytest.mark.parametrize("arguments", [["--help"], ["pull"], ["--version"]])
def test_run_full_disk_gives_a_sentence(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "langchain_localllm.cli", *arguments]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8"
        )
    assert done.returncode == 1
    assert done.stderr.startswith(
        "localllm: The output cannot be written: No space left on device."
    )
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
    monkeypatch.setattr(resolve, "servers_beside_ollama", list)
    assert run(["run", *words]) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("said", ["", "/bye", "/exit", "/quit", " /bye "])
def test_listen_end_of_a_conversation_returns_nothing(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{said}\nmore\n"))
    assert _listen() == ""


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (
            PermissionError(13, "Permission denied", "/root/x.svg"),
            1,
            "/root/x.svg cannot be used: Permission denied.",
        ),
        (FileExistsError(17, "File exists", b"x\xff"), 1, "cannot be used: File exists."),
        (MemoryError(), 1, "not enough memory"),
        (OSError(28, "No space left on device"), 1, "The output cannot be written"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_run_failure_of_the_system_gives_a_sentence(
    error: BaseException,
    code: int,
    part: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
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


def test_run_in_a_deleted_folder_gives_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run(["rag", "index", "."]) == 1
    assert "The working directory does not exist any more." in capsys.readouterr().err
