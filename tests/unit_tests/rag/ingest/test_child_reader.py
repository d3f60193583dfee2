"""Files that take too long, take too much memory or crash a library are named, and the next ones
are read."""

import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from langchain_localllm.errors import DocumentError, InvalidOptionError
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import update
from langchain_localllm.rag.ingest.child_reader import ChildReader
from langchain_localllm.rag.ingest.load import iterate_file
from tests.unit_tests.rag.conftest import write_pdf


def endless_pdf() -> bytes:
    """A PDF of 3 kB that draws a form ten times, which draws another ten times, and so on."""
    form = (
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F %d 0 R >> "
        b">> /Length 60 >>\nstream\n%s\nendstream"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources 17 0 R >>",
        b"<< /Length 5 >>\nstream\n/F Do\nendstream",
        *(form % (number, b"/F Do " * 10) for number in range(6, 17)),
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length 0 >>\nstream\n\nendstream",
        b"<< /XObject << /F 5 0 R >> >>",
    ]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, 1))
    return b"%%PDF-1.4\n%strailer\n<< /Size %d /Root 1 0 R >>\n%%%%EOF\n" % (body, len(objects) + 1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.csv").write_text("boat,price\nHeron,14\nTern,9\n")
    (folder / "b.pdf").write_bytes(endless_pdf())
    (folder / "c.md").write_text("# Boats\n\nThe boat is blue.")
    (folder / "d.pdf").write_bytes(write_pdf(["The ferry costs 3 marks.", "The jetty is new."]))
    return folder


def texts(documents: list[Document]) -> list[str]:
    return [document.page_content for document in documents]


def test_child_reader_document_is_that_of_this_process(files: Path) -> None:
    with closing(ChildReader()) as reader:
        for name in ("a.csv", "c.md", "d.pdf"):
            found, expected = list(reader.documents(files / name)), [*iterate_file(files / name)]
            assert found == expected
            assert [type(each) for each in found] == [type(each) for each in expected]
            assert [getattr(each, "lines", None) for each in found] == [
                getattr(each, "lines", None) for each in expected
            ]


def test_update_file_that_takes_too_long_is_named_and_read_again_when_the_limit_changes(
    tmp_path: Path, files: Path
) -> None:
    store = Store(tmp_path / ".localllm", DeterministicFakeEmbedding(size=8), vectors="sqlite")
    for run in (1, 2):
        report = update(store, [files], file_timeout=0.5)
        [problem] = report.problems
        assert "b.pdf: reading it took more than 0.5 seconds" in problem
        assert "--file-timeout 1`" in problem
        assert (report.added, report.unchanged) == ((3, 0) if run == 1 else (0, 3))
        assert report.seconds < 60
    passages = [each.page_content for batch in store.catalog.batches() for each in batch]
    assert sorted(passages) == [
        "The boat is blue.",
        "The ferry costs 3 marks.",
        "The jetty is new.",
        "boat: Heron; price: 14",
        "boat: Tern; price: 9",
    ]
    [problem] = update(store, file_timeout=0.7).problems
    assert "0.7 seconds" in problem
    (files / "b.pdf").write_bytes(write_pdf(["It is short now."]))
    assert update(store).problems == []


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_update_file_timeout_that_is_not_a_time_raises(
    tmp_path: Path, files: Path, seconds: float
) -> None:
    store = Store(tmp_path / ".localllm", DeterministicFakeEmbedding(size=8), vectors="sqlite")
    with pytest.raises(InvalidOptionError, match="is not a time"):
        update(store, [files], file_timeout=seconds)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_child_reader_child_that_dies_names_the_file_and_reads_the_next(
    files: Path, number: signal.Signals
) -> None:
    with closing(ChildReader(seconds=0)) as reader:
        assert len(list(reader.documents(files / "a.csv"))) == 2
        child = reader._child
        assert child
        threading.Timer(0.2, os.kill, (child.pid, number)).start()
        with pytest.raises(DocumentError, match=rf"b\.pdf: .* ended \({number.name}\)") as caught:
            list(reader.documents(files / "b.pdf"))
        # a process that was killed says nothing about the file, which the next run tries again
        assert isinstance(caught.value.__cause__, OSError) is (number == signal.SIGKILL)
        assert texts(list(reader.documents(files / "d.pdf")))[1] == "The jetty is new."
        child = reader._child
    assert child
    assert child.poll() is not None


def test_child_reader_file_that_is_left_in_the_middle_does_not_reach_the_next(files: Path) -> None:
    with closing(ChildReader()) as reader:
        left = reader.documents(files / "a.csv")
        assert next(left).page_content == "boat: Heron; price: 14"
        assert len(texts(list(reader.documents(files / "d.pdf")))) == 2


def test_child_reader_error_is_that_of_this_process(files: Path) -> None:
    (files / "locked.pdf").write_bytes(write_pdf(["x"], "secret"))
    with (
        closing(ChildReader()) as reader,
        pytest.raises(DocumentError, match=r"locked\.pdf: it is encrypted") as caught,
    ):
        list(reader.documents(files / "locked.pdf"))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("executable", ["/does/not/exist", "/bin/true", ""])
def test_child_reader_without_a_python_to_start_reads_in_this_process(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    executable: str,
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with caplog.at_level(logging.WARNING), closing(ChildReader()) as reader:
        for _ in range(2):
            assert len(list(reader.documents(files / "a.csv"))) == 2
        assert reader._child is None
    assert len(caplog.records) == bool(executable)


def test_reader_process_memory_is_limited() -> None:
    module = "langchain_localllm.rag.ingest.reader_process"
    code = f"from {module} import _limit_memory; _limit_memory(); bytes(5 << 30)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in ran.stderr
