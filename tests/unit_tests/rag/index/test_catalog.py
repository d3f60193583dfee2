"""What an index knows of files and passages."""

import sqlite3
from pathlib import Path

import pytest

from langchain_localllm.errors import StoreError
from langchain_localllm.rag.index.catalog import FORMAT, Catalog, FileEntry, StagedChunk


def passage(
    key: str, text: str, path: str = "a.txt", place: int = 0, **metadata: object
) -> StagedChunk:
    return StagedChunk(key, path, place, text, {"source": path, **metadata})


def filled(catalog: Catalog) -> Catalog:
    catalog.stage(
        [
            passage("1", "The boat is blue.", line=1),
            passage("2", "The ferry leaves at noon.", place=1, line=3),
        ]
    )
    catalog.finish(["1", "2"], [FileEntry("a.txt", "hash")])
    return catalog


def test_passages_of_a_file_appear_together_when_the_file_is_finished() -> None:
    catalog = Catalog(None)
    catalog.stage([passage("1", "The boat is blue."), passage("2", "The ferry leaves.")])
    assert catalog.search("boat", 5) == []
    assert catalog.documents(["1", "2"]) == {}
    catalog.finish(["1", "2"], [])
    assert catalog.stored(["1", "2", "3"]) == {"1", "2"}
    assert catalog.counts().passages == 0
    catalog.finish([], [FileEntry("a.txt", "hash")])
    assert catalog.search("boat", 5) == ["1"]
    assert catalog.documents(["2"])["2"].page_content == "The ferry leaves."
    assert catalog.file("a.txt") == FileEntry("a.txt", "hash")


def test_a_changed_file_keeps_what_stayed_and_dooms_what_went() -> None:
    catalog = filled(Catalog(None))
    catalog.stage(
        [
            passage("3", "A new beginning."),
            passage("2", "The ferry leaves at noon.", place=1, line=7),
        ]
    )
    assert catalog.tombstoned() == []
    catalog.finish(["3"], [FileEntry("a.txt", "other")])
    assert catalog.tombstoned() == ["1"]
    assert catalog.search("boat", 5) == []
    assert catalog.documents(["2"])["2"].metadata["line"] == 7
    catalog.purge(["1"])
    assert catalog.tombstoned() == []


def test_a_removed_file_is_gone_with_its_words() -> None:
    catalog = filled(Catalog(None))
    catalog.remove("a.txt")
    assert catalog.paths() == []
    assert catalog.search("boat", 5) == []
    assert sorted(catalog.tombstoned()) == ["1", "2"]


def test_words_are_found_in_all_their_forms_and_in_headings_and_ranked() -> None:
    catalog = Catalog(None)
    texts = {
        "1": "Boats and more boats.",
        "2": "A boat, once, in a much longer sentence about other things.",
        "3": "船は青い。",
    }
    catalog.stage(
        [passage(key, text, heading="Prices" if key == "2" else "") for key, text in texts.items()]
    )
    catalog.finish(texts, [FileEntry("a.txt", "hash")])
    assert catalog.search("What is a boat?", 5) == ["1", "2"]
    assert catalog.search("price", 5) == ["2"]
    assert catalog.search("青い船", 5) == ["3"]
    assert catalog.search('what is the "AND" OR NEAR(', 5) == []


def test_words_are_filtered_by_metadata() -> None:
    catalog = filled(Catalog(None))
    assert catalog.search("boat ferry", 5, {"line": 3}) == ["2"]
    assert catalog.search("boat ferry", 5, {"source": ["a.txt", "b.txt"], "line": 1}) == ["1"]
    assert catalog.search("boat ferry", 5, {"so'urce\"": "a.txt"}) == []


def test_batches_give_every_live_passage_once() -> None:
    catalog = filled(Catalog(None))
    assert [[each.id for each in batch] for batch in catalog.batches(1)] == [["1"], ["2"]]


def test_a_file_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    Catalog(tmp_path / "c.sqlite").close()
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(
        StoreError, match=r"newer version of langchain-localllm.*pip install --upgrade"
    ):
        Catalog(tmp_path / "c.sqlite")


@pytest.mark.parametrize(
    "content",
    [b"no database, but long enough to look at" * 50, b"SQLite format 3\0" + b"\xff" * 4000],
)
def test_a_damaged_file_names_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"rag index PATH --rebuild"):
        Catalog(tmp_path / "c.sqlite")


def test_an_error_inside_a_transaction_changes_nothing() -> None:
    catalog = filled(Catalog(None))
    with pytest.raises(AttributeError):
        catalog.finish([], [FileEntry("b.txt", "hash"), None])  # type: ignore[list-item]  # the fault
    assert catalog.file("b.txt") is None


def test_neighbors_are_the_passages_right_before_and_after_in_the_file() -> None:
    catalog = Catalog(None)
    catalog.stage(passage(str(place), f"Part {place}.", place=place) for place in range(4))
    catalog.stage([passage("b", "Another file.", "b.txt", place=1)])
    catalog.finish("0123b", [FileEntry("a.txt", "hash"), FileEntry("b.txt", "hash")])
    assert catalog.neighbors(["0", "2", "b"]) == {
        "0": ["Part 1."],
        "2": ["Part 1.", "Part 3."],
        "b": [],
    }
    catalog.remove("b.txt")
    assert catalog.neighbors([]) == {}
