"""References to models times commands, on real engines with the tiny models."""

import json
from pathlib import Path

import pytest

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from tests.integration_tests.cli.command import check_fault, in_process, localllm, stdout_of

FACT = "The hill is 143 metres high."
QUESTION = "How high is the hill?"

CHAT = {
    "path": str(tiny_chat_model()),
    "name": "tiny-chat",
    "llamacpp": "llamacpp:tiny-chat.gguf",
    "gpt4all": f"gpt4all:{tiny_chat_model()}",
    "gpt4all name": "GPT4All:tiny-chat",
    "llamafile": "llamafile:tiny-chat",
    "address": "{chat}",
    "llamafile address": "llamafile:{chat}",
    "ollama": "ollama:cli-chat",
    "ollama with a tag": "Ollama:CLI-chat:latest",
    "ollama by name": "cli-chat",
}
EMBEDDINGS = {
    "path": str(tiny_embedding_model()),
    "name": "tiny-embed",
    "llamacpp": "llamacpp:tiny-embed",
    "gpt4all": "gpt4all:tiny-embed",
    "llamafile": "llamafile:tiny-embed",
    "address": "{embed}",
    "ollama": "ollama:cli-embed:latest",
    "ollama by name": "cli-embed",
}
FILES = {
    name: CHAT[name]
    for name in ("path", "name", "llamacpp", "gpt4all", "llamafile", "ollama", "ollama by name")
}


@pytest.fixture
def fill(
    chat_server: LocalServer,
    embedding_server: LocalServer,
    ollama_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """The addresses that references name."""
    monkeypatch.setenv("OLLAMA_HOST", ollama_url)
    return {"chat": chat_server.base_url, "embed": embedding_server.base_url}


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one fact, which is the working directory."""
    folder = tmp_path / "my notes"
    folder.mkdir()
    (folder / "hill.txt").write_text(FACT)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("reference", CHAT.values(), ids=CHAT)
def test_reference_ask_and_run_accept_the_same_references(
    reference: str, fill: dict[str, str], notes: Path
) -> None:
    reference = reference.format(**fill)
    assert "143" in stdout_of(localllm("ask", notes, QUESTION, "-m", reference))
    assert stdout_of(localllm("run", reference, "Hello!", "-t", "0")).startswith("Hello")


@pytest.mark.parametrize("reference", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_reference_rag_with_any_reference_finds_its_models_again(
    reference: str, fill: dict[str, str], notes: Path
) -> None:
    stdout_of(localllm("rag", "index", notes, "--embedding-model", reference.format(**fill)))
    chat = CHAT["gpt4all name" if reference.startswith("gpt4all") else "llamacpp"]
    assert "143" in stdout_of(localllm("rag", "ask", QUESTION, "-m", chat))
    questions = notes / "q.jsonl"
    questions.write_text(
        json.dumps({"question": QUESTION, "answers": ["143 metres"], "source": "hill.txt"})
    )
    assert (
        json.loads(stdout_of(localllm("rag", "eval", questions, "--json", "-m", chat)))["questions"]
        == 1
    )


@pytest.mark.parametrize("reference", FILES.values(), ids=FILES)
def test_reference_commands_that_need_a_file_accept_the_same_references(
    reference: str, fill: dict[str, str]
) -> None:
    reference = reference.format(**fill)
    assert (
        json.loads(stdout_of(in_process("fit", reference, "--json", "-c", "512")))["architecture"]
        == "llama"
    )
    assert json.loads(stdout_of(in_process("bench", reference, "-n", "2", "--json")))["runtimes"]


@pytest.mark.parametrize("reference", CHAT.values(), ids=CHAT)
def test_reference_show_accepts_the_same_references(reference: str, fill: dict[str, str]) -> None:
    assert json.loads(stdout_of(in_process("show", reference.format(**fill), "--json")))[
        "context"
    ] in {2048, 512}


COMMANDS = {
    "run": ["run", "-m", "{}", "Hello!"],
    "run with the model first": ["run", "{}", "Hello!"],
    "chat": ["chat", "{}"],
    "prompt": ["prompt", "{}"],
    "fit": ["fit", "{}"],
    "bench": ["bench", "{}"],
    "serve": ["serve", "{}"],
    "show": ["show", "{}"],
    "rm": ["rm", "-y", "{}"],
    "ask": ["ask", ".", "Why?", "-m", "{}"],
    "ask with embeddings": ["ask", ".", "Why?", "--embedding-model", "{}"],
    "rag index": ["rag", "index", ".", "--embedding-model", "{}"],
    "rag ask": ["rag", "ask", "Why?", "-m", "{}"],
    "rag eval": ["rag", "eval", "-m", "{}"],
}
WRONG = {
    "nowhere": (1, "There is no model nowhere on this machine."),
    "tiny": (1, "There is no model tiny on this machine."),
    "llamacpp:nowhere": (1, "There is no model nowhere on this machine."),
    "gpt4all:nowhere.gguf": (1, "There is no model nowhere.gguf on this machine."),
    "ollama:cli": (1, "There is no model cli in Ollama."),
    "hf:owner/name:Q4_0": (1, "To get it: localllm pull hf:owner/name:Q4_0"),
    "ollama:": (2, "does not name a model"),
    "gpt4all:ollama:cli-chat": (2, "does not name a file"),
    "ftp://127.0.0.1": (2, "is not a server's address"),
}


@pytest.mark.usefixtures("notes", "fill")
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        (name, reference)
        for name in COMMANDS
        for reference in WRONG
        if name != "fit" or not reference.startswith(("hf:", "ftp:"))
    ],
)
def test_reference_every_command_refuses_the_same_references(name: str, reference: str) -> None:
    code, words = WRONG[reference]
    check_fault(in_process(*(word.format(reference) for word in COMMANDS[name])), code, words)


@pytest.mark.usefixtures("notes", "fill")
@pytest.mark.parametrize(
    "reference",
    ["tiny-embed", "ollama:cli-embed", "cli-embed", "llamacpp:tiny-embed", "gpt4all:tiny-embed"],
)
@pytest.mark.parametrize("name", ["run", "chat", "prompt", "bench", "ask", "rag ask", "rag eval"])
def test_embedding_model_where_text_is_needed_gets_a_sentence(name: str, reference: str) -> None:
    command = [word.format(reference) for word in COMMANDS[name]]
    check_fault(in_process(*command), 2, "is an embedding model: it makes vectors and no text.")
