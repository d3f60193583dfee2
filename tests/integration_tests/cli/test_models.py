"""`localllm models` and `localllm doctor`."""

import json
import os
import pty
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from langchain_localllm import LocalServer
from langchain_localllm.cli.diagnosis.ollama import loaded_problems
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.ollama.api_show import ModelCard
from langchain_localllm.runtimes.ollama.model_list import LoadedModel
from tests.integration_tests.cli.command import COMMAND, check_fault, localllm, quick, stdout_of

NAME = "Müller & ich-Q8_0.gguf"


@pytest.fixture
def model(home: Path) -> Path:
    """A model in GPT4All's folder, with a name that is not only letters."""
    folder = home / ".cache" / "gpt4all"
    folder.mkdir(parents=True)
    return Path(shutil.copy(tiny_chat_model(), folder / NAME))


# --- models ---


def test_models_files_of_all_programs_are_listed(model: Path, home: Path) -> None:
    snapshot = home / ".cache" / "huggingface" / "hub" / "models--a--b" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "other.gguf").write_bytes(b"GGUF and no more")
    found = {
        Path(row["name"]).name: row
        for row in json.loads(stdout_of(localllm("models", "list", "--json")))
    }
    assert set(found) == {NAME, "other.gguf", "tiny-chat.gguf", "tiny-embed.gguf"}
    assert (found[NAME]["place"], found[NAME]["quantization"], found[NAME]["family"]) == (
        "GPT4All",
        "Q8_0",
        "llama",
    )
    assert (found[NAME]["context"], found[NAME]["tools"], found[NAME]["embeddings"]) == (
        2048,
        True,
        False,
    )
    assert found["tiny-embed.gguf"]["embeddings"]
    assert "GGUF version" in found["other.gguf"]["problem"]
    assert found[NAME]["size"] == model.stat().st_size


def test_models_of_ollama_are_in_the_table(ollama_url: str) -> None:
    shown = stdout_of(localllm("models", OLLAMA_HOST=ollama_url))
    assert "ollama:cli-chat:latest" in shown
    rows = {
        row["name"]: row
        for row in json.loads(stdout_of(localllm("models", "--json", OLLAMA_HOST=ollama_url)))
    }
    assert rows["ollama:cli-embed:latest"]["family"] == "bert"
    assert rows["ollama:cli-chat:latest"]["context"] == 2048


def test_models_show_accepts_a_short_name(model: Path, ollama_url: str) -> None:
    assert "license: MIT" in stdout_of(localllm("models", "show", Path(NAME).stem))
    facts = json.loads(stdout_of(localllm("models", "show", model, "--json")))
    assert (facts["layers"], facts["title"]) == (6, "tiny-chat")
    assert "capabilities: completion" in stdout_of(
        localllm("models", "show", "cli-chat", OLLAMA_HOST=ollama_url)
    )


@pytest.mark.usefixtures("model")
def test_models_unknown_name_is_answered_with_near_ones() -> None:
    check_fault(localllm("models", "show", "muller-ich"), 1, "There is no model muller-ich", NAME)


def test_models_rm_asks_first(model: Path) -> None:
    check_fault(localllm("models", "rm", model), 2, "pass --yes")
    assert model.exists()
    assert asked("no\n", "models", "rm", str(model)) == 1
    assert model.exists()
    assert asked("y\n", "models", "rm", str(model)) == 0
    assert not model.exists()
    check_fault(localllm("models", "rm", "tiny-chat", "--yes"), 2, "is part of this package")


def asked(answer: str, *arguments: str) -> int:
    """Run the command on a terminal, and give it an answer."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.write(ours, answer.encode())
        status = process.wait(timeout=60)
    os.close(theirs)
    os.close(ours)
    return status


def test_models_content_in_the_hub_s_cache_goes_too(home: Path) -> None:
    root = home / ".cache" / "huggingface" / "hub" / "models--a--b"
    blob = root / "blobs" / "0123"
    link = root / "snapshots" / "1" / "x.gguf"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    shutil.copy(tiny_chat_model(), blob)
    link.symlink_to(blob)
    stdout_of(localllm("models", "rm", "x", "--yes"))
    assert not blob.exists()
    assert not link.is_symlink()


def test_models_rm_removes_a_model_of_ollama(ollama_url: str) -> None:
    requests.post(
        f"{ollama_url}/api/copy", json={"source": "cli-chat", "destination": "cli-copy"}, timeout=60
    ).raise_for_status()
    assert json.loads(
        stdout_of(localllm("models", "rm", "cli-copy", "-y", "--json", OLLAMA_HOST=ollama_url))
    )["removed"] == ("ollama:cli-copy:latest")
    check_fault(
        localllm("models", "show", "ollama:cli-copy:latest", OLLAMA_HOST=ollama_url),
        1,
        "There is no model",
    )


# --- doctor ---


def test_models_doctor_without_servers_is_quick() -> None:
    with quick(3):
        done = localllm("doctor", NO_PROXY="localhost")
    assert "Ollama: does not run here" in done.stdout
    assert "No problem was found." in done.stdout
    assert done.returncode == 0


def test_models_doctor_reports_each_problem_with_its_fix(ollama_url: str) -> None:
    ask = {
        "model": "cli-chat",
        "prompt": "Hello!",
        "options": {"num_ctx": 512, "num_thread": 1, "num_predict": 1},
    }
    requests.post(
        f"{ollama_url}/api/generate", json={**ask, "stream": False}, timeout=60
    ).raise_for_status()
    copied = {"source": "cli-chat", "destination": "cli-chat:1b-cloud"}
    requests.post(f"{ollama_url}/api/copy", json=copied, timeout=60).raise_for_status()
    set_up = {
        "HTTP_PROXY": "http://proxy:1",
        "NO_PROXY": "",
        "LANGSMITH_TRACING": "true",
        "OLLAMA_HOST": ollama_url,
    }
    done = localllm("doctor", "--json", **set_up)
    assert done.stdout, done.stderr
    assert done.returncode == 1
    found = json.loads(done.stdout)
    fixes = {problem["fix"]: problem["what"] for problem in found["problems"]}
    requests.delete(
        f"{ollama_url}/api/delete", json={"model": "cli-chat:1b-cloud"}, timeout=60
    ).raise_for_status()
    assert "unset LANGSMITH_TRACING" in fixes
    assert "leave this machine" in fixes["ollama rm cli-chat:1b-cloud"]
    assert "export NO_PROXY=localhost,127.0.0.1,::1" in fixes
    ollama = next(runtime for runtime in found["runtimes"] if runtime["name"] == "Ollama")
    assert ollama["version"]
    assert "context of cli-chat:latest: 1,024, unless num_ctx says otherwise" in ollama["details"]
    assert found["machine"]["cores"] >= 1


def test_models_that_was_removed_while_it_is_loaded(ollama_url: str) -> None:
    copied = {"source": "cli-embed", "destination": "removed"}
    requests.post(f"{ollama_url}/api/copy", json=copied, timeout=60).raise_for_status()
    requests.post(
        f"{ollama_url}/api/embed", json={"model": "removed", "input": "Hello!"}, timeout=60
    ).raise_for_status()
    requests.delete(
        f"{ollama_url}/api/delete", json={"model": "removed"}, timeout=60
    ).raise_for_status()
    done = localllm("doctor", "--json", OLLAMA_HOST=ollama_url)
    ollama = next(
        runtime for runtime in json.loads(done.stdout)["runtimes"] if runtime["name"] == "Ollama"
    )
    assert any(line.startswith("loaded: removed:latest") for line in ollama["details"]), done.stderr


def test_models_doctor_warns_of_an_ollama_open_to_the_network() -> None:
    fixes = [
        problem["fix"]
        for problem in json.loads(localllm("doctor", "--json", OLLAMA_HOST="0.0.0.0:9").stdout)[
            "problems"
        ]
    ]
    assert "export OLLAMA_HOST=127.0.0.1" in fixes


def test_models_server_that_runs_is_found() -> None:
    try:
        server = LocalServer(tiny_chat_model(), port=8000)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from that port
        pytest.skip(f"port 8000 is taken: {error}")
    with server:
        assert "running at http://127.0.0.1:8000" in localllm("doctor").stdout
        assert "http://127.0.0.1:8000" in stdout_of(localllm("models"))


def test_models_context_that_is_too_small_and_an_idle_gpu() -> None:
    class Server:
        def show(self, name: str) -> ModelCard:
            return ModelCard(
                name, "llama", "3B", "Q4_K_M", 131_072, ("completion",), "", "", "", "", {}
            )

    loaded = LoadedModel("llama3.2:latest", 10**9, 0, datetime.now(UTC), 4096)
    fixes = [problem.fix for problem in loaded_problems(Server(), loaded, gpu=True)]  # type: ignore[arg-type]  # no Ollama here has a GPU
    assert fixes[0] == "ollama stop llama3.2:latest; OLLAMA_CONTEXT_LENGTH=8192 ollama serve"
    assert "nvidia-smi" in fixes[1]
