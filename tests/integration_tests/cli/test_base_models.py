"""Models without a chat template: base models, which complete text, and old chat models."""

import json
from pathlib import Path

import pytest

from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.cli.command import check_fault, in_process, localllm, stdout_of
from tools.engines import ollama
from tools.engines.models import without_template

CHATML_PROMPT = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny chat model without its template."""
    return without_template(tiny_chat_model(), tmp_path_factory.mktemp("my models") / "base.gguf")


@pytest.mark.parametrize("runtime", ["", "llamacpp:", "gpt4all:", "llamafile:"])
def test_run_base_model_completes_the_prompt_with_a_note(base: Path, runtime: str) -> None:
    done = localllm("run", f"{runtime}{base}", CHATML_PROMPT, "-t", "0", given="")
    assert stdout_of(done).startswith("Hello"), "the prompt reached the model as it is"
    assert done.stderr.splitlines()[-1].startswith(
        "localllm: base.gguf is a base model, without a chat template: it completes"
    )


def test_run_base_model_as_json_reports_tokens_and_reason(base: Path) -> None:
    found = json.loads(
        stdout_of(
            localllm(
                "run", base, "Once upon a time", "--json", "--max-tokens", "5", "-t", "0", given=""
            )
        )
    )
    assert found["prompt"] == "Once upon a time"
    assert (found["usage"]["completion_tokens"], found["finish_reason"]) == (5, "length")


def test_run_base_model_without_an_end_is_cut_with_a_note(base: Path) -> None:
    done = localllm("run", base, "Once upon a time", "--max-tokens", "3", "-t", "0", given="")
    assert "The answer was cut" in done.stderr


def test_run_base_model_refuses_instructions(base: Path) -> None:
    check_fault(
        in_process("run", str(base), "Hello!", "--system", "Be kind."), 2, "leave --system out"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["chat", "{}"],
        ["prompt", "{}"],
        ["ask", ".", "Why?", "-m", "{}"],
        ["rag", "ask", "Why?", "-m", "{}"],
        ["rag", "eval", "-m", "{}"],
    ],
)
def test_base_model_where_answers_are_needed_is_refused_with_what_to_do(
    base: Path, command: list[str]
) -> None:
    check_fault(
        in_process(*(word.format(base) for word in command)),
        2,
        "is a base model",
        "localllm run",
        "--chat-template",
    )


@pytest.mark.parametrize("runtime", ["", "llamacpp:", "gpt4all:"])
def test_chat_template_makes_a_file_without_one_answer(
    base: Path, runtime: str, tmp_path: Path
) -> None:
    model = f"{runtime}{base}"
    done = localllm("run", model, "Hello!", "-t", "0", "--chat-template", "chatml", given="")
    assert stdout_of(done).startswith("Hello")
    assert "base model" not in done.stderr
    assert stdout_of(
        localllm("chat", model, "-t", "0", "--chat-template", "chatml", given="Hello!\n")
    ).startswith("Hello")
    template = tmp_path / "my template.jinja"
    template.write_text(
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content "
        "}}<|im_end|>\n{% endfor %}"
    )
    shown = json.loads(
        stdout_of(localllm("prompt", model, "Hello!", "--chat-template", template, "--json"))
    )
    assert shown["prompt"].startswith("<|im_start|>user\nHello!<|im_end|>")


def test_ask_with_a_chat_template_answers_from_files(base: Path, tmp_path: Path) -> None:
    (tmp_path / "hill.txt").write_text("The hill is 143 metres high.")
    shown = stdout_of(
        localllm("ask", tmp_path, "How high is the hill?", "-m", base, "--chat-template", "chatml")
    )
    assert "143" in shown


@pytest.mark.parametrize(
    ("model", "template", "words"),
    [
        ("tiny-chat", "no-such-format", "is neither a Jinja template nor a file that can be read"),
        ("llamafile:tiny-chat", "chatml", "has a template of its own"),
        ("http://127.0.0.1:9", "chatml", "has a template of its own"),
    ],
)
def test_chat_template_that_cannot_be_used_is_refused(
    model: str, template: str, words: str
) -> None:
    check_fault(in_process("run", model, "Hello!", "--chat-template", template), 2, words)


def test_run_base_model_of_ollama_completes_as_ollama_does(base: Path, ollama_url: str) -> None:
    ollama.create(
        ollama_url,
        "cli-base",
        base,
        parameters={"num_ctx": 1024, "num_thread": 1, "num_predict": 8},
    )
    shown = stdout_of(
        localllm(
            "run",
            "ollama:cli-base",
            "Once upon a time",
            "--max-tokens",
            "8",
            given="",
            OLLAMA_HOST=ollama_url,
        )
    )
    assert shown.strip()
    stdout_of(localllm("rm", "-y", "ollama:cli-base", OLLAMA_HOST=ollama_url))
