"""The command `localllm ask` as a person runs it: a process of its own, on the real engine with the
tiny models."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pypdf import PdfWriter

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.rag import NO_ANSWER

HANDBOOK = Path(__file__).parents[2] / "docs" / "handbook"
COMMAND = [sys.executable, "-m", "langchain_localllm.cli"]
QUESTION = "Who is the warden?"
ANSWER = "Odalys Fenn"


def localllm(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [*COMMAND, *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, capture_output=True, check=False, encoding="utf-8", timeout=120, env=environment
    )


def check_fault(asked: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Nothing but one sentence on stderr, with these words."""
    assert asked.returncode == code, asked.stderr
    assert asked.stdout == ""
    assert asked.stderr.startswith("localllm: ")
    assert asked.stderr.count("\n") == 1, asked.stderr
    assert "Traceback" not in asked.stderr
    for word in words:
        assert word in asked.stderr


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder with the page of the handbook that answers the question."""
    folder = tmp_path / "notes"
    folder.mkdir()
    shutil.copy(HANDBOOK / "people.md", folder)
    return folder


# --- answers ---


def test_ask_answers_come_with_their_source() -> None:
    asked = localllm("ask", HANDBOOK, QUESTION)
    answer, sources = asked.stdout.split("\n\nSources:\n")
    assert ANSWER in answer
    assert f"{os.path.relpath(HANDBOOK)}/people.md, Who does what, line 3" in sources
    assert (asked.returncode, asked.stderr) == (0, "")


def test_ask_pdf_source_names_its_page() -> None:
    asked = localllm("ask", HANDBOOK / "safety.pdf", "Where is the first-aid box?")
    assert "pantry" in asked.stdout
    assert "safety.pdf, page 1" in asked.stdout


def test_ask_question_without_an_answer_in_the_documents_says_so() -> None:
    asked = localllm("ask", HANDBOOK, "Who is the dentist?")
    assert asked.stdout == f"{NO_ANSWER}\n"
    assert asked.returncode == 0


def test_ask_several_paths_and_a_passage_in_full(notes: Path) -> None:
    asked = localllm("ask", HANDBOOK / "boats.md", notes, QUESTION, "--show-passages", "-k", "2")
    shown = asked.stdout.split("\nPassages:\n")[1]
    assert "] Odalys Fenn is the warden.\n" in shown
    assert len([line for line in shown.splitlines() if not line.startswith("    ")]) == 2


def test_ask_json(notes: Path) -> None:
    asked = json.loads(localllm("ask", notes, QUESTION, "--json").stdout)
    assert asked["question"] == QUESTION
    assert ANSWER in asked["answer"]
    assert asked["sources"][0]["heading"] == "Who does what"
    assert ANSWER in asked["sources"][0]["text"]


def test_ask_servers_that_run_already(
    notes: Path, chat_server: LocalServer, embedding_server: LocalServer
) -> None:
    addresses = ["--model", chat_server.base_url, "--embedding-model", embedding_server.base_url]
    assert ANSWER in localllm("ask", notes, QUESTION, *addresses).stdout


def test_ask_names_with_spaces_and_letters_of_any_language(tmp_path: Path) -> None:
    folder = tmp_path / "Мои заметки 笔记"
    folder.mkdir()
    shutil.copy(HANDBOOK / "people.md", folder / "Hütte & Küche.md")
    asked = localllm("ask", folder, QUESTION)
    assert ANSWER in asked.stdout
    assert "Мои заметки 笔记/Hütte & Küche.md" in asked.stdout


def test_ask_question_in_chinese(tmp_path: Path) -> None:
    (tmp_path / "笔记.txt").write_text("图书馆晚上九点关门。\n\n船是蓝色的。", encoding="utf-8")
    asked = localllm("ask", tmp_path, "图书馆几点关门\uff1f", "--show-passages")
    assert asked.returncode == 0, asked.stderr
    assert "图书馆晚上九点关门。" in asked.stdout


def test_ask_nothing_is_sent_to_a_tracer(notes: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tracer:
        address = f"http://127.0.0.1:{tracer.getsockname()[1]}"
        asked = localllm(
            "ask",
            notes,
            QUESTION,
            LANGSMITH_TRACING="true",
            LANGSMITH_ENDPOINT=address,
            LANGSMITH_API_KEY="none",
        )
        tracer.settimeout(0.1)
        with pytest.raises(TimeoutError):
            tracer.accept()
    assert (asked.returncode, asked.stderr) == (0, "")


# --- files that cannot be read ---


def encrypted_pdf(path: Path) -> None:
    writer = PdfWriter(clone_from=HANDBOOK / "safety.pdf")
    writer.encrypt("sesame")
    writer.write(path)


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "binary.bin": (lambda path: path.write_bytes(os.urandom(5000)), "it is a binary file"),
    "encrypted.pdf": (encrypted_pdf, "it is encrypted"),
    "truncated.pdf": (
        lambda path: path.write_bytes((HANDBOOK / "safety.pdf").read_bytes()[:400]),
        "truncated PDF",
    ),
    "empty.md": (lambda path: path.touch(), "it is empty"),
    "link.txt": (
        lambda path: path.symlink_to("nowhere"),
        "it is a link to a file that does not exist",
    ),
}


@pytest.fixture(params=BAD_FILES)
def bad_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A file that cannot be read, and why."""
    make, reason = BAD_FILES[request.param]
    path = tmp_path / request.param
    make(path)
    return path, reason


def test_ask_one_bad_file_alone(bad_file: tuple[Path, str]) -> None:
    path, reason = bad_file
    check_fault(localllm("ask", path, QUESTION), 1, path.name, reason)


def test_ask_folder_is_answered_without_its_bad_files(notes: Path) -> None:
    for name, (make, _) in BAD_FILES.items():
        make(notes / name)
    asked = localllm("ask", notes, QUESTION)
    assert ANSWER in asked.stdout
    assert asked.returncode == 0
    lines = asked.stderr.splitlines()
    assert len(lines) == len(BAD_FILES)
    for name, (_, reason) in BAD_FILES.items():
        assert any(name in line and reason in line for line in lines)


def test_ask_empty_folder(tmp_path: Path) -> None:
    check_fault(
        localllm("ask", tmp_path, QUESTION), 1, "There is no readable text in", str(tmp_path)
    )


# --- wrong usage ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "nowhere", QUESTION], "There is no file or folder nowhere."),
        (["ask", str(HANDBOOK), ""], "The question is empty."),
        (["ask", str(HANDBOOK), " \n "], "The question is empty."),
        (["ask", str(HANDBOOK)], "and then the question in quotes"),
        (["ask"], "and then the question in quotes"),
        (["ask", str(HANDBOOK), QUESTION, "--colour"], "--colour"),
        (["ask", str(HANDBOOK), QUESTION, "-k", "0"], "--passages"),
        (["ask", str(HANDBOOK), QUESTION, "--chunk-size", "many"], "--chunk-size"),
        (
            ["ask", str(HANDBOOK), QUESTION, "--model", "ftp://localhost"],
            "'ftp://localhost' is not a server's address.",
        ),
        (
            ["ask", str(HANDBOOK), QUESTION, "--embedding-model", "http://:x"],
            "is not a server's address.",
        ),
        (["answer"], "answer"),
    ],
)
def test_ask_wrong_usage(arguments: list[str], words: str) -> None:
    check_fault(localllm(*arguments), 2, words)


# --- models that fail ---


@pytest.mark.parametrize("option", ["--model", "--embedding-model"])
def test_ask_model_that_does_not_exist_says_so(notes: Path, option: str) -> None:
    check_fault(
        localllm("ask", notes, QUESTION, option, "none.gguf"), 1, "There is no model none.gguf"
    )


@pytest.mark.parametrize("option", ["--model", "--embedding-model"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiny_chat_model().read_bytes()[:300_000], "cut off"),
        (b"GGUF" + os.urandom(2000), ""),
        (b"no model at all", ""),
        (b"", "empty"),
    ],
    ids=["truncated", "corrupt", "text", "empty"],
)
def test_ask_bad_model_file(
    notes: Path, tmp_path: Path, option: str, content: bytes, words: str
) -> None:
    model = tmp_path / "bad.gguf"
    model.write_bytes(content)
    check_fault(localllm("ask", notes, QUESTION, option, model), 1, "bad.gguf", words)


def test_ask_address_without_a_server_is_reported(notes: Path) -> None:
    check_fault(
        localllm("ask", notes, QUESTION, "--model", "http://127.0.0.1:9"),
        1,
        "No server answers at http://127.0.0.1:9",
    )


def test_ask_embedding_server_that_makes_no_embeddings(
    notes: Path, chat_server: LocalServer
) -> None:
    check_fault(
        localllm("ask", notes, QUESTION, "--embedding-model", chat_server.base_url),
        1,
        chat_server.base_url,
    )


def test_ask_passages_that_do_not_fit_are_omitted_and_reported(notes: Path) -> None:
    shutil.copy(HANDBOOK / "house.md", notes)
    with LocalServer(tiny_chat_model(), n_ctx=384) as server:
        asked = localllm("ask", notes, QUESTION, "--model", server.base_url, "-k", "20")
    assert asked.returncode == 0, asked.stderr
    assert re.fullmatch(
        r"localllm: \d+ of \d+ passages do not fit into the model's context and were omitted\.\n",
        asked.stderr,
    )


def test_ask_context_too_small_for_any_passage(notes: Path) -> None:
    with LocalServer(tiny_chat_model(), n_ctx=256) as server:
        asked = localllm("ask", notes, QUESTION, "--model", server.base_url, "--chunk-size", "1000")
    check_fault(asked, 1, "No passage fits into the model's context of")


def test_ask_remote_server_is_refused_unless_allowed(notes: Path) -> None:
    asked = localllm("ask", notes, QUESTION, "--model", "http://192.0.2.1:8080")
    check_fault(asked, 2, "llm: ChatLlamafile is at http://192.0.2.1:8080", "allow_remote")


# --- interrupted ---


@pytest.fixture
def waiting(notes: Path) -> Iterator[tuple[subprocess.Popen[str], LocalServer]]:
    """The command, waiting for an answer of a server that stands still."""
    with LocalServer(tiny_chat_model()) as server:
        os.kill(server.pid, signal.SIGSTOP)
        command = [*COMMAND, "ask", str(notes), QUESTION, "--model", server.base_url]
        asked = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        try:
            until(lambda: is_connected(asked.pid, server.port))
            yield asked, server
        finally:
            asked.kill()
            asked.communicate()
            os.kill(server.pid, signal.SIGCONT) if server.is_alive else None


def is_connected(pid: int, port: int) -> bool:
    return any(
        link.raddr and link.raddr.port == port
        for link in psutil.Process(pid).net_connections("tcp")
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ask_ctrl_c_ends_it_quietly(waiting: tuple[subprocess.Popen[str], LocalServer]) -> None:
    asked, _ = waiting
    children = psutil.Process(asked.pid).children(recursive=True)
    asked.send_signal(signal.SIGINT)
    assert asked.communicate(timeout=120) == ("", "")
    assert asked.returncode == 130
    assert psutil.wait_procs(children, timeout=60)[1] == []


def test_ask_server_that_dies_during_an_answer_is_reported(
    waiting: tuple[subprocess.Popen[str], LocalServer],
) -> None:
    asked, server = waiting
    os.kill(server.pid, signal.SIGKILL)
    _, told = asked.communicate(timeout=120)
    assert asked.returncode == 1
    assert told.startswith("localllm: ")
    assert told.count("\n") == 1
    assert server.base_url in told


def test_ask_closed_pipe_exits_without_an_error(notes: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "ask", str(notes), QUESTION], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asked:
        assert asked.stdout
        assert asked.stderr
        asked.stdout.close()
        assert asked.stderr.read() == b""
    assert asked.returncode == 141


# --- help ---


def test_ask_version_and_help() -> None:
    assert localllm("--version").stdout.startswith("localllm ")
    assert "--embedding-model" in localllm("ask", "--help").stdout
    bare = localllm()
    assert "Usage: localllm" in bare.stderr
    assert bare.returncode == 2
