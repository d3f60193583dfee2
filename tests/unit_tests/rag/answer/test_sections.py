"""Small passages are searched, and the sections around them are returned."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.answer.citations import number_sentences
from langchain_localllm.rag.profile import RagProfile, profile_for_context

PARAGRAPH = "The boat is blue. It was built in 1874. Its sails are grey."
NEXT = "The harbor is deep. Ships of all sizes use it."


def passages(folder: Path, question: str, **options: Any) -> list[str]:
    rag = LocalRAG(None, DeterministicFakeEmbedding(size=8), refusal_quantile=0, **options)
    rag.index(folder)
    return [passage.page_content for passage in rag.retriever.invoke(question)]


@pytest.mark.parametrize("overlap", [0, 19])
def test_retrieve_passage_grows_to_its_section_and_not_beyond(tmp_path: Path, overlap: int) -> None:
    (tmp_path / "a.md").write_text(
        f"# Boats\n\n{PARAGRAPH}\n\n{NEXT}\n\n# Lamps\n\nThe lamp is red."
    )
    found = passages(tmp_path, "When was it built in 1874?", chunk_size=25, chunk_overlap=overlap)
    assert sorted(found) == sorted([f"{PARAGRAPH}\n\n{NEXT}", "The lamp is red."])


def test_retrieve_passage_size_limits_the_growth_to_the_paragraph(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        f"{NEXT}\n\n{PARAGRAPH}\n\nThe lamp is red and old, and hangs by the door."
    )
    found = passages(tmp_path, "built 1874", chunk_size=25, passage_size=len(PARAGRAPH), k=1)
    assert found == [PARAGRAPH]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_retrieve_adds_another_paragraph_whole_or_not_at_all(tmp_path: Path, before: bool) -> None:
    parts = [NEXT, PARAGRAPH] if before else [PARAGRAPH, NEXT]
    (tmp_path / "a.txt").write_text("\n\n".join(parts))
    whole = len(PARAGRAPH) + len(NEXT)
    sizes = {"chunk_size": 25, "k": 1, "context_tokens": 700}
    room_for_a_sentence = len(PARAGRAPH) + 30
    for size, expected in ((room_for_a_sentence, PARAGRAPH), (whole, "\n\n".join(parts))):
        assert passages(tmp_path, "built 1874", passage_size=size, **sizes) == [expected]


def test_retrieve_copies_of_a_file_count_once(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"copy{number}.txt").write_text(PARAGRAPH)
    (tmp_path / "other.txt").write_text("Another boat is green.")
    assert sorted(passages(tmp_path, "Which boat is blue?", chunk_size=25)) == sorted(
        [PARAGRAPH, "Another boat is green."]
    )


def test_retrieve_budget_limits_all_passages_together(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text(f"Boat number {number} is blue and old.")
    found = passages(tmp_path, "Which boat is blue?", context_tokens=40)
    assert len(found) == 4
    assert sum(map(len, found)) <= 40 * 3


@pytest.mark.parametrize(
    ("context", "tokens", "size"),
    [(2048, 384, 384), (8192, 1920, 1000), (131_072, 4000, 1000), (None, 1920, 1000)],
)
def test_profile_for_context_returns_a_quarter_of_what_the_answer_leaves(
    context: int | None, tokens: int, size: int
) -> None:
    profile = profile_for_context(context, RagProfile())
    assert (profile.context_tokens, profile.passage_size) == (tokens, size)


@pytest.mark.parametrize(
    ("context", "parameters", "tokens", "size"),
    [
        (8192, 135_000_000, 334, 1000),
        (8192, 999_999_999, 334, 1000),
        (8192, 1_000_000_000, 1920, 1000),
        (1024, 4_000_000, 192, 192),
    ],
    ids=["small", "below a billion", "a billion", "small with a small context"],
)
def test_profile_for_context_gives_a_small_model_one_passage(
    context: int, parameters: int, tokens: int, size: int
) -> None:
    profile = profile_for_context(context, RagProfile(), parameters)
    assert (profile.context_tokens, profile.passage_size) == (tokens, size)
    assert profile.with_overrides(k=4).context_bytes > 3 * size


def test_profile_overrides_every_number() -> None:
    rag = LocalRAG(
        None,
        DeterministicFakeEmbedding(size=8),
        chunk_size=90,
        chunk_overlap=9,
        passage_size=500,
        k=2,
        context_tokens=700,
    )
    profile = rag.profile
    assert (profile.chunk_size, profile.chunk_overlap, profile.passage_size) == (90, 9, 500)
    assert (profile.k, profile.context_tokens) == (2, 700)


def test_store_of_an_earlier_version_says_how_to_rebuild_and_is_rebuilt_with_new_sizes(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text(PARAGRAPH)
    embeddings = DeterministicFakeEmbedding(size=8)
    with LocalRAG(None, embeddings, tmp_path / "index", vectors="sqlite", chunk_size=300) as rag:
        rag.index(tmp_path / "a.txt")
    # as an earlier version wrote it
    with closing(sqlite3.connect(tmp_path / "index" / "catalogue.sqlite")) as db, db:
        db.execute(
            "DELETE FROM setting WHERE name IN ('longest_sentence', 'sizes_given', 'with_headings')"
        )
    with LocalRAG(None, embeddings, tmp_path / "index") as rag:
        assert rag.store.other_sizes().endswith("--rebuild")
        assert rag.retriever.invoke("Which boat is blue?")[0].page_content == PARAGRAPH
        rag.index(rebuild=True)
        assert (rag.store.other_sizes(), rag.store.setting("chunk_size")) == ("", 400)


def test_retrieve_code_in_several_passages_is_whole_again(tmp_path: Path) -> None:
    lines = "\n\n".join(f"boat_{number} = find({number})" for number in range(8))
    text = f"Find the boats:\n\n```python\n{lines}\n```"
    (tmp_path / "a.md").write_text(f"{text}\n\n{NEXT}")
    rag = LocalRAG(None, DeterministicFakeEmbedding(size=8), refusal_quantile=0, chunk_size=60)
    rag.index(tmp_path)
    [found] = rag.retriever.invoke("boat_5")
    assert found.page_content == f"{text}\n\n{NEXT}"
    assert "in_code" not in found.metadata
    assert number_sentences([found])[0][1] == text.partition("\n\n")[2]
