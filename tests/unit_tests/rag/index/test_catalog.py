"""What an index knows of files and passages."""

import sqlite3
from pathlib import Path

import pytest

from langchain_localllm.errors import StoreError
from langchain_localllm.rag.index.catalog import FORMAT, Catalogue, FileEntry, StagedChunk


def passage(key: str, text: str, path: str = "a.txt", place: int = 0, **metadata: object) -> StagedChunk:
    return StagedChunk(key, path, place, text, {"source": path, **metadata})


def filled(catalogue: Catalogue) -> Catalogue:
    catalogue.stage([passage("1", "The boat is blue.", line=1), passage("2", "The ferry leaves at noon.", place=1, line=3)])
    catalogue.finish(["1", "2"], [FileEntry("a.txt", "hash")])
    return catalogue


def test_passages_of_a_file_appear_together_when_the_file_is_finished() -> None:
    catalogue = Catalogue(None)
    catalogue.stage([passage("1", "The boat is blue."), passage("2", "The ferry leaves.")])
    assert catalogue.search("boat", 5) == []
    assert catalogue.documents(["1", "2"]) == {}
    catalogue.finish(["1", "2"], [])
    assert catalogue.stored(["1", "2", "3"]) == {"1", "2"}
    assert catalogue.counts().passages == 0
    catalogue.finish([], [FileEntry("a.txt", "hash")])
    assert catalogue.search("boat", 5) == ["1"]
    assert catalogue.documents(["2"])["2"].page_content == "The ferry leaves."
    assert catalogue.file("a.txt") == FileEntry("a.txt", "hash")


def test_a_changed_file_keeps_what_stayed_and_dooms_what_went() -> None:
    catalogue = filled(Catalogue(None))
    catalogue.stage([passage("3", "A new beginning."), passage("2", "The ferry leaves at noon.", place=1, line=7)])
    assert catalogue.tombstoned() == []
    catalogue.finish(["3"], [FileEntry("a.txt", "other")])
    assert catalogue.tombstoned() == ["1"]
    assert catalogue.search("boat", 5) == []
    assert catalogue.documents(["2"])["2"].metadata["line"] == 7
    catalogue.purge(["1"])
    assert catalogue.tombstoned() == []


def test_a_removed_file_is_gone_with_its_words() -> None:
    catalogue = filled(Catalogue(None))
    catalogue.remove("a.txt")
    assert catalogue.paths() == []
    assert catalogue.search("boat", 5) == []
    assert sorted(catalogue.tombstoned()) == ["1", "2"]


def test_words_are_found_in_all_their_forms_and_in_headings_and_ranked() -> None:
    catalogue = Catalogue(None)
    texts = {"1": "Boats and more boats.", "2": "A boat, once, in a much longer sentence about other things.", "3": "船は青い。"}
    catalogue.stage([passage(key, text, heading="Prices" if key == "2" else "") for key, text in texts.items()])
    catalogue.finish(texts, [FileEntry("a.txt", "hash")])
    assert catalogue.search("What is a boat?", 5) == ["1", "2"]
    assert catalogue.search("price", 5) == ["2"]
    assert catalogue.search("青い船", 5) == ["3"]
    assert catalogue.search('what is the "AND" OR NEAR(', 5) == []


def test_words_are_filtered_by_metadata() -> None:
    catalogue = filled(Catalogue(None))
    assert catalogue.search("boat ferry", 5, {"line": 3}) == ["2"]
    assert catalogue.search("boat ferry", 5, {"source": ["a.txt", "b.txt"], "line": 1}) == ["1"]
    assert catalogue.search("boat ferry", 5, {"so'urce\"": "a.txt"}) == []


def test_batches_give_every_live_passage_once() -> None:
    catalogue = filled(Catalogue(None))
    assert [[each.id for each in batch] for batch in catalogue.batches(1)] == [["1"], ["2"]]


def test_a_file_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    Catalogue(tmp_path / "c.sqlite").close()
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(StoreError, match=r"newer version of langchain-localllm.*pip install --upgrade"):
        Catalogue(tmp_path / "c.sqlite")


@pytest.mark.parametrize("content", [b"no database, but long enough to look at" * 50, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_file_names_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"rag index PATH --rebuild"):
        Catalogue(tmp_path / "c.sqlite")


def test_an_error_inside_a_transaction_changes_nothing() -> None:
    catalogue = filled(Catalogue(None))
    with pytest.raises(AttributeError):
        catalogue.finish([], [FileEntry("b.txt", "hash"), None])  # type: ignore[list-item]  # the fault
    assert catalogue.file("b.txt") is None


def test_neighbors_are_the_passages_right_before_and_after_in_the_file() -> None:
    catalogue = Catalogue(None)
    catalogue.stage(passage(str(place), f"Part {place}.", place=place) for place in range(4))
    catalogue.stage([passage("b", "Another file.", "b.txt", place=1)])
    catalogue.finish("0123b", [FileEntry("a.txt", "hash"), FileEntry("b.txt", "hash")])
    assert catalogue.neighbors(["0", "2", "b"]) == {"0": ["Part 1."], "2": ["Part 1.", "Part 3."], "b": []}
    catalogue.remove("b.txt")
    assert catalogue.neighbors([]) == {}
