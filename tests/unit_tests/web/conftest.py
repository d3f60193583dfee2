"""A small index with stand-ins for the models, behind the page's API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel
from starlette.testclient import TestClient

from langchain_localllm.errors import ModelMissingError
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.app import ui_app
from langchain_localllm.web.history import History
from langchain_localllm.web.library import Library, ModelOpeners

TOKEN = "the-token"  # noqa: S105 - of a test
ANSWER = "The <b>boat</b> is blue <script>alert(1)</script> [1]. It flies [9]."
CHAT = ListedModel("/models/stand-in.gguf", "a test", chat=True)
EMBEDDINGS = ListedModel("/models/stand-in-embed.gguf", "a test", embeddings=True)


def resolve(reference: str, _: str) -> ListedModel:
    """The two stand-ins, and nothing else."""
    for model in (CHAT, EMBEDDINGS):
        if reference == model.reference:
            return model
    raise ModelMissingError(f"There is no model {reference}.")


def embeddings() -> DeterministicFakeEmbedding:
    """Vectors that depend on the text alone."""
    return DeterministicFakeEmbedding(size=8)


def write_documents(folder: Path) -> None:
    """Documents and an index of them, and a file that does not belong to it."""
    (folder / "notes").mkdir()
    (folder / "notes" / "boats.md").write_text(
        "# Boats\n\n## Small ones\n\nThe boat is blue. It leaks.\n", encoding="utf-8"
    )
    (folder / "notes" / "page.html").write_text(
        "<p>The key <img src=x onerror=alert(1)> is old.</p>", encoding="utf-8"
    )
    (folder / "notes" / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (folder / "secret.txt").write_text("The password is swordfish.", encoding="utf-8")
    with LocalRAG(None, embeddings(), folder / ".localllm", vectors="sqlite") as rag:
        rag.index(folder / "notes")


@contextmanager
def opened(folder: Path) -> Iterator[Library]:
    """The index with its models open."""
    write_documents(folder)
    chat = FakeListChatModel(responses=[ANSWER])
    openers = ModelOpeners(
        resolve, lambda _: nullcontext(chat), lambda _: nullcontext(embeddings())
    )
    library = Library(folder / ".localllm", openers, chat=CHAT, embeddings=EMBEDDINGS)
    library.start([])
    idle(library)
    yield library
    library.close()


def client(library: Library) -> TestClient:
    """A client of the API, with the token."""
    app = ui_app(library, History(library.uploads.folder.with_name("conversations")), token=TOKEN)
    return TestClient(app, "http://127.0.0.1:8000", headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `api`."""
    return tmp_path_factory.mktemp("documents")


@pytest.fixture(scope="session")
def api(folder: Path) -> Iterator[TestClient]:
    """The API for tests that change no documents."""
    with opened(folder) as library:
        yield client(library)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An index for one test, which may change it."""
    with opened(tmp_path) as library:
        yield library


def idle(library: Library) -> dict[str, Any]:
    """Wait for the changes in progress, and return the state after them."""
    end = time.monotonic() + 120
    while (state := library.state())["job"] and time.monotonic() < end:
        time.sleep(0.02)
    assert state["job"] is None
    return state
