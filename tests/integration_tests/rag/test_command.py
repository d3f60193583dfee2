"""The command `localllm rag` as a person runs it: a process of its own, on the real engine with the
tiny models."""

import ctypes
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.rag import NO_ANSWER
from tests.integration_tests.rag.conftest import HANDBOOK, write_files
from tools.engines.models import reranker

COMMAND = [sys.executable, "-m", "langchain_localllm.cli", "rag"]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the handbook in it."""
    shutil.copytree(HANDBOOK, tmp_path / "notes")
    return tmp_path


def run(
    folder: Path, *arguments: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
        preexec_fn=before,
    )


def stdout_of(folder: Path, *arguments: str) -> str:
    """What a command prints that goes well."""
    ran = run(folder, *arguments)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    return ran.stdout


def check_fault(ran: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One sentence on stderr, with these words."""
    assert ran.returncode == code, ran.stderr
    assert ran.stderr.startswith("localllm: ")
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


@pytest.mark.skipif(not shutil.which("tesseract"), reason="Tesseract is not installed")
def test_rag_command_index_with_ocr_reads_scans_that_it_named_before(tmp_path: Path) -> None:
    page = Image.new("L", (1240, 400), 250)
    font = ImageFont.load_default(size=34)
    ImageDraw.Draw(page).text((100, 120), "A ticket costs fourteen marks.", font=font, fill=20)
    (tmp_path / "scans").mkdir()
    page.save(tmp_path / "scans" / "a.png")
    page.save(tmp_path / "scans" / "b.pdf")
    ran = run(tmp_path, "index", "scans")
    check_fault(ran, 1, "a.png", "b.pdf", "--ocr eng", "There is no readable text in scans")
    said = stdout_of(tmp_path, "index", "--ocr", "eng")
    assert said == "Files: 2 changed. The index holds 2 passages of 2 files.\n"
    assert "fourteen marks" in stdout_of(tmp_path, "search", "ticket")


def test_rag_command_index_ask_status_and_again(folder: Path) -> None:
    assert (
        stdout_of(folder, "index", "notes")
        == "Files: 6 added. The index holds 22 passages of 6 files.\n"
    )
    answer, sources = stdout_of(folder, "ask", "Who is the warden?").split("\n\nSources:\n")
    assert "Odalys Fenn" in answer
    assert "notes/people.md, Who does what, line 3" in sources
    model = reranker(tiny_embedding_model(), folder / "rank.gguf")
    ranked = json.loads(
        stdout_of(folder, "ask", "Who is the warden?", "--json", "--reranker", str(model))
    )
    scores = [passage["score"] for passage in ranked["passages"]]
    assert scores == sorted(scores, reverse=True)
    assert not {0.5, 1.0} & set(scores), "they are the reranker's, not those of the merging"
    (folder / "notes" / "boats.md").unlink()
    assert stdout_of(folder, "index").startswith("Files: 1 removed, 5 unchanged.")
    status = json.loads(stdout_of(folder, "status", "--json"))
    assert (status["files"], status["paths"], status["dimension"], status["vectors"]) == (
        5,
        ["notes"],
        256,
        "chroma",
    )
    assert status["embedding_model"].endswith("tiny-embed")
    assert "tiny-embed" in stdout_of(folder, "status")


def test_rag_command_index_in_another_folder_answers_as_json(
    folder: Path, chat_server: LocalServer, embedding_server: LocalServer
) -> None:
    store = ["--store", "elsewhere/index"]
    embedding = ["--embedding-model", embedding_server.base_url]
    indexed = json.loads(
        stdout_of(folder, "index", "notes", "--vectors", "sqlite", "--json", *store, *embedding)
    )
    assert indexed["added"] == 6
    assert indexed["index"]["passages"] == 22
    asked = json.loads(
        stdout_of(
            folder,
            "ask",
            "How high is the hill?",
            "--json",
            *store,
            "--model",
            chat_server.base_url,
        )
    )
    assert asked["passages"][0]["heading"] == "Boats and walks > Cairn Hill"
    assert asked["tokens"]["prompt"] > 100
    assert (
        asked["timings"]["total"]
        >= asked["timings"]["first_token"]
        >= asked["timings"]["retrieval"]
        > 0
    )
    for source in asked["sources"]:
        assert source["quote"] in source["text"]
        assert (folder / source["source"]).is_file() or (
            folder / "elsewhere" / source["source"]
        ).is_file()


@pytest.mark.parametrize("kind", ["sqlite", "chroma"])
def test_rag_command_remove_takes_a_file_and_a_missing_folder_out(folder: Path, kind: str) -> None:
    stdout_of(folder, "index", "notes", "--vectors", kind)
    assert stdout_of(folder, "remove", "notes/boats.md") == "Removed from the index: 1 file.\n"
    (folder / "notes").rename(folder / "away")
    assert json.loads(stdout_of(folder, "remove", "notes", "--json")) == {"removed": 5}
    assert json.loads(stdout_of(folder, "status", "--json"))["passages"] == 0


def test_rag_command_nothing_relevant_is_answered_without_the_model(folder: Path) -> None:
    stdout_of(folder, "index", "notes", "--vectors", "sqlite")
    assert json.loads(stdout_of(folder, "ask", "Zorvane quilb?", "--json"))["tokens"] == {}
    asked = run(folder, "ask", "Zorvane quilb?")
    assert (asked.returncode, asked.stdout) == (0, f"{NO_ANSWER}\n")
    assert "No passage matches the question, so the model was not asked." in asked.stderr


def test_rag_command_search_and_files_that_are_omitted(folder: Path) -> None:
    (folder / "notes" / ".gitignore").write_text("boats.*\n")
    assert "Files: 4 added." in stdout_of(folder, "index", "notes", "--exclude", "*people*")
    found = json.loads(
        stdout_of(folder, "search", "When is the library open?", "-k", "2", "--json")
    )
    assert len(found) == 2
    assert all(each["source"].startswith("notes/") and each["text"] for each in found)
    assert stdout_of(folder, "search", "library", "--source", found[0]["source"]).startswith(
        f"[1] {found[0]['source']}, "
    )
    assert "Files: 2 added, 4 unchanged." in stdout_of(
        folder, "index", "--exclude", "", "--no-gitignore"
    )
    check_fault(run(folder, "search", " "), 2, "The query is empty")


def test_rag_command_watch_until_ctrl_c(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "watch", "notes", "--json"], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["index"]["files"] == 6
        (folder / "notes" / "new.md").write_text("The key hangs behind the barometer.")
        assert json.loads(process.stdout.readline())["added"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert "notes/new.md: 1 passage" in stdout_of(folder, "list")


def test_rag_command_eval_uses_given_and_generated_questions(folder: Path) -> None:
    stdout_of(folder, "index", "notes", "--vectors", "sqlite")
    questions = [
        {
            "question": "How high is the hill?",
            "answers": ["143 metres"],
            "source": "boats.md",
            "quote": "143 metres high",
        },
        {"question": "Who is the zorvane?"},
    ]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, questions)))
    told = json.loads(stdout_of(folder, "eval", "q.jsonl", "--json", "--plot", "plot.svg"))
    assert (
        told["questions"],
        told["unanswerable"],
        told["recall_1"],
        told["mrr"],
        told["refused"],
    ) == (1, 1, 1.0, 1.0, 1.0)
    assert (folder / "plot.svg").read_text().startswith("<svg")
    table = stdout_of(folder, "eval", "--questions", "4", "--write", "made.jsonl")
    assert "4 questions that the documents answer" in table
    assert "citation precision" in table or "answered" in table
    assert len((folder / "made.jsonl").read_text().splitlines()) >= 4


# --- what goes wrong ---


def test_rag_command_wrong_usage(folder: Path) -> None:
    check_fault(run(folder, "ask", "Who?"), 1, "There is no index in", "localllm rag index PATH")
    check_fault(run(folder, "status"), 1, "There is no index in")
    check_fault(run(folder, "index"), 1, "The index has no files yet")
    check_fault(run(folder, "index", "nowhere"), 1, "There is no file or folder", "nowhere")
    check_fault(run(folder, "ask", " "), 2, "The question is empty")
    check_fault(run(folder, "eval", "nowhere.jsonl"), 1, "nowhere.jsonl: it cannot be read")
    assert run(folder).returncode == 2


def test_rag_command_another_embedding_model_is_refused(folder: Path) -> None:
    stdout_of(folder, "index", "notes", "--vectors", "sqlite")
    with sqlite3.connect(folder / ".localllm" / "catalogue.sqlite") as db:
        [(probe,)] = db.execute("SELECT value FROM setting WHERE name = 'probe'").fetchall()
        db.execute(
            "UPDATE setting SET value = ? WHERE name = 'probe'",
            (json.dumps([-x for x in json.loads(probe)]),),
        )
    check_fault(
        run(folder, "ask", "Who is the warden?"),
        1,
        "made with the embedding model",
        "localllm rag index --rebuild",
    )
    check_fault(run(folder, "index", "notes"), 1, "localllm rag index --rebuild")
    assert stdout_of(folder, "index", "--rebuild").startswith("Files: 6 added.")


def test_rag_command_store_from_a_newer_version(folder: Path) -> None:
    stdout_of(folder, "index", "notes", "--vectors", "sqlite")
    with sqlite3.connect(folder / ".localllm" / "catalogue.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    for command in (["index", "notes"], ["ask", "Who?"], ["status"]):
        check_fault(
            run(folder, *command), 1, "newer version of langchain-localllm", "pip install --upgrade"
        )


@pytest.mark.parametrize("kind", ["sqlite", "chroma"])
def test_rag_command_full_disk_and_then_room_again(folder: Path, kind: str) -> None:
    write_files(folder / "more", count=40, sentences=40)

    def little_room() -> None:
        # no file may grow beyond; writing fails as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    check_fault(
        run(folder, "index", "notes", "more", "--vectors", kind, before=little_room), 1, "disk"
    )
    assert stdout_of(folder, "index", "notes", "more").startswith("Files: ")
    assert "46 unchanged" in stdout_of(folder, "index")
    assert "143 metres" in stdout_of(
        folder, "ask", "How high is the hill?", "-k", "1", "--show-passages"
    )


def without_rights() -> None:
    """Root may write everywhere, whatever the permissions say; take that right from the child."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.parametrize("kind", ["sqlite", "chroma"])
def test_rag_command_store_that_cannot_be_written_answers_and_is_not_indexed(
    folder: Path, kind: str
) -> None:
    stdout_of(folder, "index", "notes", "--vectors", kind)
    for path in [folder / ".localllm", *(folder / ".localllm").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        asked = run(folder, "ask", "How high is the hill?", before=without_rights)
        assert "143" in asked.stdout, asked.stderr
        (folder / "notes" / "people.md").write_text("Changed.")
        check_fault(
            run(folder, "index", "notes", before=without_rights),
            1,
            "cannot be written",
            "permissions",
        )
    finally:
        for path in [folder / ".localllm", *(folder / ".localllm").rglob("*")]:
            path.chmod(0o755)


def test_rag_command_two_processes_at_once_make_one_whole_index(
    folder: Path, embedding_server: LocalServer
) -> None:
    write_files(folder / "more", count=30, sentences=16)
    arguments = [
        "index",
        "notes",
        "more",
        "--vectors",
        "sqlite",
        "--embedding-model",
        embedding_server.base_url,
    ]
    both = [
        subprocess.Popen([*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("36 added" in each for each in told) == [False, True]
    assert sorted("36 unchanged" in each for each in told) == [False, True]
