"""Documents, models and indexes for the tests of `rag`."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_localllm import ChatLlamafile, LlamafileEmbeddings, LocalServer
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.index.store import Store

HANDBOOK = Path(__file__).parents[3] / "docs" / "handbook"

NOUNS = (
    "boat",
    "key",
    "lamp",
    "ferry",
    "stove",
    "path",
    "gate",
    "bird",
    "book",
    "well",
    "roof",
    "rope",
    "sail",
    "tide",
    "wind",
)
PLACES = (
    "jetty",
    "pantry",
    "loft",
    "smithy",
    "chapel",
    "library",
    "attic",
    "cellar",
    "yard",
    "garden",
)


def sentence(choice: random.Random) -> str:
    """A sentence of generated text."""
    noun, place, number = choice.choice(NOUNS), choice.choice(PLACES), choice.randrange(10_000)
    return f"The {noun} number {number} is kept in the {place} behind the {choice.choice(NOUNS)}."


def write_files(folder: Path, count: int, sentences: int, seed: int = 1) -> None:
    """So many text files of so many sentences each, in paragraphs of four."""
    folder.mkdir(parents=True, exist_ok=True)
    choice = random.Random(seed)  # noqa: S311 - text, not a secret
    for number in range(count):
        blocks = [
            " ".join(sentence(choice) for _ in range(4)) for _ in range(max(1, sentences // 4))
        ]
        (folder / f"{number:05}.txt").write_text("\n\n".join(blocks), encoding="utf-8")


@pytest.fixture
def embeddings(embedding_server: LocalServer) -> LlamafileEmbeddings:
    """The tiny embedding model."""
    return LlamafileEmbeddings(base_url=embedding_server.base_url)


@pytest.fixture
def llm(chat_server: LocalServer) -> ChatLlamafile:
    """The tiny chat model."""
    return ChatLlamafile(base_url=chat_server.base_url, temperature=0)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the handbook, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(HANDBOOK, tmp_path / "notes"))


@pytest.fixture
def rag(notes: Path, llm: ChatLlamafile, embeddings: LlamafileEmbeddings) -> Iterator[LocalRAG]:
    """The handbook, indexed in memory."""
    with LocalRAG(llm, embeddings) as rag:
        rag.index(notes)
        yield rag


def vector_ids(store: Store) -> list[str]:
    """The ids of everything in the vector store."""
    kind = store.setting("vectors")
    if kind == "chroma":
        return list(store.vectors.get(include=[])["ids"])  # type: ignore[attr-defined]  # Chroma's own
    if kind == "sqlite":
        return [key for (key,) in store.vectors._db.all("SELECT id FROM vector")]  # type: ignore[attr-defined]  # ours
    if kind.startswith("qdrant"):
        points, _ = store.vectors.client.scroll("passages", limit=10_000)  # type: ignore[attr-defined]  # Qdrant's own
        return [str(point.id) for point in points]
    return list(store.vectors.store)  # type: ignore[attr-defined]  # InMemoryVectorStore's
