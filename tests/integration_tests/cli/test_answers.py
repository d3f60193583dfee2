"""`localllm run`, `chat`, `compare`, `serve`, `bench` and `prompt`, on real engines with the tiny
model."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import requests

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.cli.command import (
    COMMAND,
    check_fault,
    in_process,
    localllm,
    on_a_terminal,
    stdout_of,
)

MODEL = tiny_chat_model()


@pytest.fixture(scope="module")
def answer() -> str:
    """What the tiny model says to a greeting."""
    with ChatLlamaCpp(model_path=MODEL, temperature=0) as llm:
        return llm.invoke("Hello!").text.strip()


# --- run ---


@pytest.mark.parametrize(
    "model",
    [str(MODEL), "tiny-chat", f"llamacpp:{MODEL}", f"llamafile:{MODEL}", f"gpt4all:{MODEL}"],
)
def test_run_one_prompt_on_each_runtime(model: str, answer: str) -> None:
    assert stdout_of(localllm("run", "Hello!", "-m", model, "-t", "0", given="")).strip() == answer


def test_run_ollama_answers_too(ollama_url: str, answer: str) -> None:
    shown = stdout_of(
        localllm(
            "run", "Hello!", "-m", "ollama:cli-chat", "-t", "0", given="", OLLAMA_HOST=ollama_url
        )
    )
    assert shown.strip() == answer


def test_run_text_from_a_pipe_follows_the_prompt() -> None:
    done = json.loads(
        stdout_of(
            localllm("run", "Repeat this:", "--json", "--max-tokens", "4", given="Hütte 笔记\n")
        )
    )
    assert done["prompt"] == "Repeat this:\n\nHütte 笔记\n"
    assert done["usage"]["completion_tokens"] <= 4
    assert json.loads(stdout_of(localllm("run", "--json", given="Hello!")))["prompt"] == "Hello!"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "There is no prompt."),
        (["Hello!", "-m", "nowhere.gguf"], 1, "There is no model nowhere.gguf"),
        (["Hello!", "-m", "tiny_chat"], 1, "Did you mean"),
        (["Hello!", "-m", __file__], 1, "is not a GGUF model file"),
        (["Hello!", "-m", "http://127.0.0.1:9"], 1, "No server answers at http://127.0.0.1:9"),
        (["Hello!", "-m", "ollama:cli-chat"], 1, "No server answers"),
        (["Hello!", "-t", "-1"], 2, "--temperature"),
        (["x " * 5000], 1, "tokens"),
    ],
)
def test_run_wrong_usage(arguments: list[str], code: int, words: str) -> None:
    check_fault(in_process("run", *arguments), code, words)


def test_run_corrupt_file(tmp_path: Path) -> None:
    broken = tmp_path / "mein Modell 笔记.gguf"
    broken.write_bytes(MODEL.read_bytes()[:300_000])
    check_fault(
        localllm("run", "Hello!", "-m", broken, given=""),
        1,
        "cut off or damaged",
        "mein Modell 笔记.gguf",
    )


def test_run_closed_pipe_exits_without_an_error() -> None:
    with subprocess.Popen(
        [*COMMAND, "run", "Hello!"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdout
        assert run.stderr
        run.stdout.close()
        assert run.stderr.read() == b""


# --- chat ---


def test_run_conversation_from_a_pipe(answer: str) -> None:
    shown = stdout_of(localllm("chat", "-t", "0", given="Hello!\nHello!\n"))
    assert shown.splitlines()[0] == answer
    lines = [
        json.loads(line)
        for line in stdout_of(
            localllm("chat", "--json", "-t", "0", given="Hello!\n\n")
        ).splitlines()
    ]
    assert lines == [{"said": "Hello!", "answer": answer}]


def test_run_conversation_on_a_terminal(answer: str) -> None:
    ours, theirs = pty.openpty()
    command = [*COMMAND, "chat", "-t", "0"]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "40"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as chat:
        os.write(ours, b"Hello!\n\n")
        out, err = chat.communicate(timeout=60)
    os.close(theirs)
    os.close(ours)
    assert out.decode().strip() == answer
    assert err.decode().count("> ") == 2


# --- compare ---


def test_run_several_models_side_by_side(answer: str) -> None:
    models = [str(MODEL), f"gpt4all:{MODEL}"]
    found = json.loads(
        stdout_of(
            localllm("compare", "Hello!", "-m", models[0], "-m", models[1], "-t", "0", "--json")
        )
    )
    assert [(each["model"], each["answer"].strip()) for each in found["answers"]] == [
        (model, answer) for model in models
    ]


def test_run_failing_model_does_not_stop_the_others(answer: str) -> None:
    done = localllm("compare", "Hello!", "-m", str(MODEL), "-m", "nowhere", "-t", "0")
    assert done.returncode == 1
    assert answer in done.stdout
    assert "There is no model nowhere" in done.stdout


@pytest.mark.parametrize("columns", ["40", "120"])
def test_run_columns_on_a_terminal(columns: str, answer: str) -> None:
    command = ["compare", "Hello!", "-m", str(MODEL), "-m", f"llamacpp:{MODEL}", "-t", "0"]
    # without what moves the cursor
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_a_terminal(columns, *command))
    assert shown.count(answer[:5]) >= 2
    assert max(map(len, shown.replace("\r", "\n").splitlines())) <= int(columns)


# --- serve, bench, prompt ---


def test_run_server_until_ctrl_c() -> None:
    command = [*COMMAND, "serve", str(MODEL), "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as serve:
        assert serve.stdout
        about = json.loads(serve.stdout.readline())
        assert requests.get(f"{about['openai']}/models", timeout=60).json()["data"]
        serve.send_signal(signal.SIGINT)
        assert serve.wait(timeout=120) == 130
    with pytest.raises(requests.ConnectionError):
        requests.get(about["address"], timeout=10)
    check_fault(localllm("serve", "nowhere.gguf"), 1, "There is no model nowhere.gguf")


def test_run_every_runtime_is_timed(ollama_url: str, tmp_path: Path) -> None:
    picture = tmp_path / "speed.svg"
    found = json.loads(
        stdout_of(
            localllm(
                "bench", MODEL, "-n", "16", "--json", "--plot", picture, OLLAMA_HOST=ollama_url
            )
        )
    )
    assert [each["runtime"] for each in found["runtimes"]] == [
        "llama.cpp",
        "llama.cpp's server",
        "GPT4All",
        "Ollama",
    ]
    assert all(each["tokens_per_second"] > 0 and each["tokens"] >= 16 for each in found["runtimes"])
    assert "GPT4All" in {
        text.text
        for text in ET.parse(picture).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own file
    }
    names = [
        model["name"]
        for model in requests.get(f"{ollama_url}/api/tags", timeout=60).json()["models"]
    ]
    assert "localllm-bench:latest" not in names


@pytest.mark.parametrize("model", [str(MODEL), f"llamafile:{MODEL}", f"gpt4all:{MODEL}"])
def test_run_exact_prompt(model: str) -> None:
    shown = json.loads(stdout_of(localllm("prompt", model, "Hello!", "-s", "Be kind.", "--json")))
    assert shown["prompt"] == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert shown["tokens"] or model.startswith("gpt4all")


def test_run_template_of_ollama(ollama_url: str) -> None:
    assert "{{" in stdout_of(localllm("prompt", "ollama:cli-chat", OLLAMA_HOST=ollama_url))
