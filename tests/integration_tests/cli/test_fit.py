"""`localllm fit`."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.cli.command import (
    check_fault,
    in_process,
    localllm,
    on_a_terminal,
    stdout_of,
)
from tools.engines.hub import REPOSITORY, hub

MODEL = tiny_chat_model()


def test_fit_prints_a_table() -> None:
    shown = stdout_of(localllm("fit", MODEL))
    assert "It runs here with all of its context, 2,048 tokens." in shown
    assert "tokens/s at most" in shown
    assert "\x1b" not in shown


def test_fit_prints_json_and_draws_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "memory.svg"
    found = json.loads(
        stdout_of(localllm("fit", MODEL, "-c", "512", "-c", "1024", "--plot", picture, "--json"))
    )
    assert [row["context"] for row in found["contexts"]] == [512, 1024]
    assert found["contexts"][1]["cache"] == 2 * found["contexts"][0]["cache"]
    assert found["contexts"][0]["most_tokens_per_second"] > 0
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_fit_remote_file_is_not_downloaded(tmp_path: Path) -> None:
    data = MODEL.read_bytes()
    with hub({"tiny-Q8_0.gguf": data + bytes(100_000_000)}) as server:
        found = json.loads(
            stdout_of(
                localllm(
                    "fit",
                    f"hf:{REPOSITORY}",
                    "--json",
                    HF_ENDPOINT=server.url,
                    HF_HOME=str(tmp_path),
                )
            )
        )
        assert server.sent < 25_000_000
        url = f"{server.url}/{REPOSITORY}/resolve/main/tiny-Q8_0.gguf"
        assert json.loads(stdout_of(localllm("fit", url, "--json")))["weights"] == found["weights"]
    assert (found["architecture"], found["quantization"]) == ("llama", "Q8_0")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.gguf"], 1, "There is no model nowhere.gguf"),
        (["tiny_chat"], 1, "Did you mean"),
        (["ollama:tiny"], 1, "Start Ollama with `ollama serve`"),
        ([__file__], 1, "is not a GGUF model file"),
        ([str(MODEL), "--type-k", "q9"], 2, "Use one of f32, f16"),
        ([str(MODEL), "--type-v", "q8_0", "--no-flash-attn"], 2, "needs flash attention"),
        ([str(MODEL), "-c", "0"], 2, "--context"),
        (["hf:nobody"], 2, "hf:OWNER/REPO"),
        ([str(MODEL), "--plot", "/nowhere/x.svg"], 2, "cannot be written"),
    ],
)
def test_fit_wrong_usage(arguments: list[str], code: int, words: str) -> None:
    check_fault(in_process("fit", *arguments), code, words)


def test_fit_narrow_terminal() -> None:
    lines = on_a_terminal("40", "fit", "tiny-chat", "-c", "2048").splitlines()
    assert "context: 2,048" in lines
    assert "fits: yes" in lines


def test_fit_model_of_ollama(ollama_url: str) -> None:
    found = json.loads(
        stdout_of(localllm("fit", "ollama:cli-chat", "--json", OLLAMA_HOST=ollama_url))
    )
    assert found["weights"] == json.loads(stdout_of(localllm("fit", MODEL, "--json")))["weights"]
