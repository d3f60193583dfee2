"""`localllm pull`, with the hub's real client against a server that behaves like the hub."""

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.cli.command import (
    COMMAND,
    Done,
    check_fault,
    in_process,
    localllm,
    quick,
    stdout_of,
)
from tools.engines.hub import REPOSITORY, Hub, hub

DATA = tiny_chat_model().read_bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()
SMALL, LARGE = "tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub({SMALL: DATA, LARGE: DATA + bytes(1000), "README.md": b"# Tiny"}) as server:
        yield server


def pull(server: Hub, home: Path, *arguments: str, **environment: str) -> Done:
    return localllm("pull", *arguments, HF_ENDPOINT=server.url, HF_HOME=str(home), **environment)


def address(server: Hub, name: str = SMALL) -> str:
    return f"{server.url}/{REPOSITORY}/resolve/main/{name}"


def models_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 100_000]


# --- the hub ---


def test_pull_quantization_that_suits_this_machine(server: Hub, tmp_path: Path) -> None:
    done = pull(server, tmp_path, f"hf:{REPOSITORY}", "--json")
    found = json.loads(stdout_of(done))
    assert found["quantization"] == "Q8_0"
    assert "the largest that fits" in found["reason"]
    assert found["reason"] in done.stderr
    assert Path(found["path"]).read_bytes() == server.files[LARGE]


def test_pull_named_quantization_is_downloaded_once(server: Hub, tmp_path: Path) -> None:
    first = Path(stdout_of(pull(server, tmp_path, f"hf:{REPOSITORY}:q4_k_m")).strip())
    assert first.read_bytes() == DATA
    sent = server.sent
    assert Path(stdout_of(pull(server, tmp_path, f"hf:{REPOSITORY}:{SMALL}")).strip()) == first
    assert server.sent - sent < 10_000


def test_pull_interrupted_download_is_resumed(server: Hub, tmp_path: Path) -> None:
    server.files[SMALL] = DATA + bytes(30 * 2**20)
    server.cut_after, server.cuts = 15 * 2**20, 2
    path = Path(stdout_of(pull(server, tmp_path, f"hf:{REPOSITORY}:Q4_K_M")).strip())
    assert path.read_bytes() == server.files[SMALL]
    assert server.ranges == [10 * 2**20, 20 * 2**20]  # the client keeps parts of ten megabytes


def test_pull_wrong_hash_leaves_nothing(server: Hub, tmp_path: Path) -> None:
    server.announced[SMALL] = "0" * 64
    check_fault(
        pull(server, tmp_path, f"hf:{REPOSITORY}:Q4_K_M"), 1, "has another SHA-256 than expected"
    )
    assert models_in(tmp_path) == []


def test_pull_without_disk_space_fails_before_the_download(server: Hub, tmp_path: Path) -> None:
    server.sizes[SMALL] = 10**15
    sent = server.sent
    check_fault(
        pull(server, tmp_path, f"hf:{REPOSITORY}:Q4_K_M"),
        1,
        "There is not enough space in",
        "1000000.0 GB",
    )
    assert server.sent - sent < 10_000


def test_pull_file_that_is_not_a_model_is_refused(server: Hub, tmp_path: Path) -> None:
    server.files["broken-Q2_K.gguf"] = b"GGUF" + bytes(5000)
    check_fault(pull(server, tmp_path, f"hf:{REPOSITORY}:Q2_K"), 1, "GGUF version 0")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"hf:{REPOSITORY}:Q4_K_S", "Did you mean Q4_K_M?"),
        ("hf:made-here/other", "has no repository made-here/other"),
        ("hf:made-here/../x", "is not a repository name"),
    ],
)
def test_pull_unknown_name_is_refused(server: Hub, tmp_path: Path, name: str, words: str) -> None:
    done = pull(server, tmp_path, name)
    check_fault(done, done.returncode, words)
    assert done.returncode in {1, 2}


def test_pull_path_that_leads_elsewhere_is_not_offered(server: Hub, tmp_path: Path) -> None:
    server.files = {
        "../../evil-Q4_0.gguf": DATA,
        "/etc/evil-Q4_1.gguf": DATA,
        "a\\evil-Q5_0.gguf": DATA,
    }
    check_fault(pull(server, tmp_path, f"hf:{REPOSITORY}"), 1, "has no GGUF file")


def test_pull_without_a_network_fails_at_once(tmp_path: Path) -> None:
    with quick(3):
        done = localllm(
            "pull", f"hf:{REPOSITORY}", HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path)
        )
    check_fault(done, 1, "127.0.0.1:9 cannot be reached", "localllm models")


def test_pull_hub_that_fails(server: Hub, tmp_path: Path) -> None:
    server.status = 500
    check_fault(pull(server, tmp_path, f"hf:{REPOSITORY}"), 1, "HTTP 500")


# --- an address ---


def test_pull_address_downloads_the_file(server: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "Мои модели 笔记"
    server.files["die Hütte & ich.gguf"] = DATA
    url = address(server, "die%20H%C3%BCtte%20%26%20ich.gguf")
    path = Path(stdout_of(localllm("pull", url, "--sha256", SHA256, "--to", folder)).strip())
    assert path == folder / "die Hütte & ich.gguf"
    assert path.read_bytes() == DATA
    sent = server.sent
    assert stdout_of(localllm("pull", url, "--sha256", SHA256, "--to", folder)).strip() == str(path)
    assert server.sent == sent


def test_pull_broken_download_is_resumed(server: Hub, tmp_path: Path) -> None:
    server.cut_after, server.cuts = 1_000_000, 1
    arguments: list[Any] = ["pull", address(server), "--sha256", SHA256, "--to", tmp_path]
    check_fault(localllm(*arguments), 1, "was interrupted", "to resume it")
    begun = (tmp_path / f"{SMALL}.part").stat().st_size
    assert begun > 900_000
    assert Path(stdout_of(localllm(*arguments)).strip()).read_bytes() == DATA
    assert server.ranges == [begun]
    assert [path.name for path in tmp_path.iterdir()] == [SMALL]


def test_pull_another_hash_leaves_nothing(server: Hub, tmp_path: Path) -> None:
    check_fault(
        localllm("pull", address(server), "--sha256", "0" * 64, "--to", tmp_path),
        1,
        "has another SHA-256 than expected",
    )
    assert list(tmp_path.iterdir()) == []


def test_pull_file_that_is_there_is_not_overwritten(server: Hub, tmp_path: Path) -> None:
    (tmp_path / SMALL).write_text("mine")
    check_fault(
        localllm("pull", address(server), "--sha256", SHA256, "--to", tmp_path), 1, "exists already"
    )
    assert (tmp_path / SMALL).read_text() == "mine"


def test_pull_file_that_is_not_a_model_is_removed(server: Hub, tmp_path: Path) -> None:
    server.files["text.gguf"] = b"no model at all"
    sha256 = hashlib.sha256(b"no model at all").hexdigest()
    check_fault(
        localllm("pull", address(server, "text.gguf"), "--sha256", sha256, "--to", tmp_path),
        1,
        "is not a GGUF model file",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Fevil.gguf",
        "%2Fetc%2Fevil.gguf",
        "a%5Cevil.gguf",
        ".gguf",
        "x.txt",
        "",
        "a%00.gguf",
    ],
)
def test_pull_name_that_leads_elsewhere_is_refused(server: Hub, tmp_path: Path, name: str) -> None:
    check_fault(
        in_process("pull", address(server, name), "--sha256", SHA256, "--to", tmp_path / "in"),
        2,
        "does not end in the name",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://example.com/a.gguf", "--sha256", SHA256], "not an https address"),
        (["https://example.com/a.gguf"], "Give --sha256"),
        (["https://example.com/a.gguf", "--sha256", "123"], "64 hexadecimal digits"),
        (["qwen3-4b"], "Did you mean hf:bartowski/Qwen_Qwen3-4B-GGUF:Q4_K_M?"),
        (["hf:"], "does not name a model"),
    ],
)
def test_pull_wrong_usage(arguments: list[str], words: str) -> None:
    check_fault(in_process("pull", *arguments), 2, words)


def test_pull_ctrl_c_keeps_what_is_there(server: Hub, tmp_path: Path) -> None:
    server.files[SMALL] = DATA * 40
    command = [*COMMAND, "pull", address(server), "--sha256", SHA256, "--to", str(tmp_path)]
    part = tmp_path / f"{SMALL}.part"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        while process.poll() is None and not part.exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    assert out == ""
    assert process.returncode in {1, 130}  # 1 where the whole of it came first, whose hash differs


# --- elsewhere ---


def test_pull_knows_the_models_of_the_catalog() -> None:
    shown = stdout_of(localllm("pull"))
    assert "Apache 2.0" in shown
    assert {known["purpose"] for known in json.loads(stdout_of(localllm("pull", "--json")))} == {
        "chat",
        "code",
        "embeddings",
        "small",
        "tiny",
    }


def test_pull_without_a_running_ollama_fails() -> None:
    check_fault(
        localllm("pull", "ollama:tiny", OLLAMA_HOST="127.0.0.1:9"),
        1,
        "No server answers at http://127.0.0.1:9",
    )


def test_pull_model_that_ollama_cannot_get(ollama_url: str) -> None:
    check_fault(
        localllm("pull", "ollama:127.0.0.1:9/none/none", OLLAMA_HOST=ollama_url),
        1,
        "Ollama could not pull",
    )
