"""The documents of an index, for programs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from langchain_localllm.rag import LocalRAG, Progress
from langchain_localllm.web.documents import Documents
from tests.unit_tests.web.conftest import embeddings


def test_documents_update_waits_for_the_one_in_progress_and_reports_it(tmp_path: Path) -> None:
    (tmp_path / "boats.md").write_text("The boat is blue.", encoding="utf-8")
    began, reported = threading.Event(), threading.Event()

    def hold(_: Progress) -> None:
        began.set()
        assert reported.wait(60)

    with (
        LocalRAG(None, embeddings(), tmp_path / ".localllm", vectors="sqlite") as rag,
        ThreadPoolExecutor(1) as pool,
    ):
        documents = Documents(rag, [tmp_path])
        first = pool.submit(documents.index, on_progress=hold)
        assert began.wait(60)
        second = documents.index(on_progress=lambda _: reported.set())
        assert (first.result().added, second.unchanged) == (1, 1)
        assert documents.indexing_note is None
