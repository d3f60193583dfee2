"""What is behind the page: conversations on disk, objects that are replaced while they are used, streams that end early."""

import asyncio
import json
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from langchain_localllm.errors import InvalidOptionError, ModelMissingError, StoreError
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.rag import LocalRAG, Progress
from langchain_localllm.web.documents import Documents
from langchain_localllm.web.history import History
from langchain_localllm.web.library import Library, ModelOpeners
from langchain_localllm.web.openai_api.errors import error_content
from langchain_localllm.web.replaceable import Replaceable
from langchain_localllm.web.streaming import JSONLinesResponse
from tests.unit_tests.web.conftest import CHAT, EMBEDDINGS, embeddings, idle, resolve


def test_conversations_are_kept_on_disk_for_their_owner_only(tmp_path: Path) -> None:
    key = History(tmp_path / "kept").begin("Wie geht es? \u2603" * 20)
    for question in ("Wie geht es?", "And now?"):
        History(tmp_path / "kept").add(key, {"question": question})
    (path,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (listed,) = History(tmp_path / "kept").list()
    assert listed["title"].startswith("Wie geht es? \u2603")
    assert len(listed["title"]) <= 80
    assert len(History(tmp_path / "kept").read(key)["turns"]) == 2
    History(tmp_path / "kept").clear()
    History(tmp_path / "kept").add(key, {"question": "An answer that ends after the conversation was deleted?"})
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"turns": 5}', '{"title": "x"}'])
def test_a_damaged_conversation_is_listed_and_can_be_deleted(tmp_path: Path, text: str) -> None:
    history = History(tmp_path)
    (tmp_path / "0123456789abcdef.json").write_text(text, encoding="utf-8")
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    assert [each["title"] for each in history.list()] == [""]
    with pytest.raises(InvalidOptionError, match="damaged"):
        history.read("0123456789abcdef")
    history.delete("0123456789abcdef")
    history.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


@pytest.mark.parametrize("key", ["..", "../x", "0123456789ABCDEF", "0123456789abcdef/", "0123456789abcdef\n", "a"])
def test_an_id_names_no_other_file(tmp_path: Path, key: str) -> None:
    for act in (History(tmp_path).read, History(tmp_path).delete, lambda key: History(tmp_path).add(key, {})):
        with pytest.raises(InvalidOptionError, match="not valid"):
            act(key)


def test_a_replaced_object_is_closed_after_its_last_user() -> None:
    said: list[str] = []

    @contextmanager
    def opened(name: str) -> Iterator[str]:
        yield name
        said.append(f"{name} closed")

    part = Replaceable[str]("There is none.")
    part.replace(opened("one"))
    with part.use() as one, part.use():
        part.replace(opened("two"))
        with part.use() as two:
            assert (one, two, said) == ("one", "two", [])
    assert said == ["one closed"]
    part.close()
    part.close()
    assert said == ["one closed", "two closed"]
    with pytest.raises(StoreError, match="There is none"), part.use():
        pass


async def test_a_stream_ends_its_work_when_the_client_is_gone() -> None:
    sent: list[dict[str, Any]] = []
    ended = asyncio.Event()
    first = asyncio.Event()

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            yield {"answer": "a\nb"}
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            first.set()

    async def receive() -> Any:
        await first.wait()
        return {"type": "http.disconnect"}

    await JSONLinesResponse(events)({"type": "http"}, receive, send)
    assert ended.is_set()
    assert json.loads(sent[1]["body"]) == {"answer": "a\nb"}


NAMES = [
    "*.md",
    "[ab].md",
    "!x.md",
    "#x.md",
    "back\\",
    "space ",
    "\\ ",
    "line\n",
    "return\r",
    "tab\t",
    "nbsp\u00a0",
    os.fsdecode(b"gr\xfc.md"),
]


def test_links_that_lead_out_of_the_folders_are_not_indexed_by_any_path_or_name(tmp_path: Path) -> None:
    documents, outside = tmp_path / "documents", tmp_path / "outside"
    deep = documents / "x" / "b"
    for folder in (deep, outside):
        folder.mkdir(parents=True)
    (outside / "secret.md").write_text("The password is swordfish.", encoding="utf-8")
    for path in (documents / "a.md", deep / "boats.md"):
        path.write_text("The boat is blue.", encoding="utf-8")
    links = [*(documents / name for name in NAMES), deep / "link.md", deep / "folder"]
    for link in links:
        link.symlink_to(outside if link.name == "folder" else outside / "secret.md")
    (documents / "1").symlink_to(documents / "2")  # leads to the links by other paths
    (documents / "2").symlink_to(deep)
    (deep / "3").symlink_to(documents / "x")
    with LocalRAG(None, embeddings(), documents / ".localllm", vectors="sqlite") as rag:
        index = Documents(rag, [documents])
        assert len(index.index().problems) == len(links)
        assert [entry.source for entry in index.entries()] == ["a.md", "x/b/boats.md"]


def test_an_update_waits_for_the_one_in_progress_and_reports_it(tmp_path: Path) -> None:
    (tmp_path / "boats.md").write_text("The boat is blue.", encoding="utf-8")
    began, reported = threading.Event(), threading.Event()

    def hold(_: Progress) -> None:
        began.set()
        assert reported.wait(60)

    with LocalRAG(None, embeddings(), tmp_path / ".localllm", vectors="sqlite") as rag, ThreadPoolExecutor(1) as pool:
        documents = Documents(rag, [tmp_path])
        first = pool.submit(documents.index, on_progress=hold)
        assert began.wait(60)
        second = documents.index(on_progress=lambda _: reported.set())
        assert (first.result().added, second.unchanged) == (1, 1)
        assert documents.indexing_note is None


def test_models_that_cannot_be_opened_are_the_fault_that_is_shown(tmp_path: Path) -> None:
    def fail(_: ListedModel) -> Any:
        raise ModelMissingError("The file of the model is damaged.")

    library = Library(tmp_path, ModelOpeners(resolve, fail, fail), chat=CHAT, embeddings=EMBEDDINGS)
    library.start([tmp_path])
    assert idle(library)["fault"] == "The file of the model is damaged."
    library.close()


def test_a_client_that_goes_away_is_not_logged_as_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    assert error_content(ClientDisconnect())[0] == 400
    assert caplog.records == []
