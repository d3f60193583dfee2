"""What an index knows of files and passages."""

import random
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


def test_catalog_changed_file_keeps_unchanged_passages_and_tombstones_others() -> None:
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


def test_catalog_removed_file_is_removed_with_its_words() -> None:
    catalog = filled(Catalog(None))
    catalog.remove("a.txt")
    assert catalog.paths() == []
    assert catalog.search("boat", 5) == []
    assert sorted(catalog.tombstoned()) == ["1", "2"]


def test_catalog_words_are_found_in_all_their_forms_and_in_headings_and_ranked() -> None:
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


def test_catalog_words_are_filtered_by_metadata() -> None:
    catalog = filled(Catalog(None))
    assert catalog.search("boat ferry", 5, {"line": 3}) == ["2"]
    assert catalog.search("boat ferry", 5, {"source": ["a.txt", "b.txt"], "line": 1}) == ["1"]
    assert catalog.search("boat ferry", 5, {"so'urce\"": "a.txt"}) == []


def test_catalog_batches_give_every_live_passage_once() -> None:
    catalog = filled(Catalog(None))
    assert [[each.id for each in batch] for batch in catalog.batches(1)] == [["1"], ["2"]]


def test_catalog_file_from_a_newer_version_is_refused(tmp_path: Path) -> None:
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
def test_catalog_damaged_file_error_names_the_fix(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"rag index PATH --rebuild"):
        Catalog(tmp_path / "c.sqlite")


def test_catalog_error_inside_a_transaction_changes_nothing() -> None:
    catalog = filled(Catalog(None))
    with pytest.raises(AttributeError):
        catalog.finish([], [FileEntry("b.txt", "hash"), None])  # type: ignore[list-item]  # the fault
    assert catalog.file("b.txt") is None


def test_catalog_neighbors_are_the_passages_right_before_and_after_in_the_file() -> None:
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


def _many(monkeypatch: pytest.MonkeyPatch, most_ranked: int) -> Catalog:
    """Return a catalog of 400 passages, whose words are drawn, `w0` most often."""
    monkeypatch.setattr("langchain_localllm.rag.index.catalog._RANK_ALL_UP_TO", 100)
    monkeypatch.setattr("langchain_localllm.rag.index.catalog._MOST_RANKED", most_ranked)
    choice = random.Random(1)  # noqa: S311 - text, not a secret
    words = [f"w{number}" for number in range(40)]
    weights = [1 / (number + 1) for number in range(40)]
    catalog = Catalog(None)
    texts = [
        " ".join(choice.choices(words, weights, k=choice.randrange(5, 15))) for _ in range(400)
    ]
    catalog.stage([passage(str(place), text, place=place) for place, text in enumerate(texts)])
    catalog.finish([str(place) for place in range(400)], [FileEntry("a.txt", "hash")])
    return catalog


def test_catalog_search_with_rare_words_ranks_passages_that_have_one_by_all_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = _many(monkeypatch, 4000)
    question = "w5 w6 w7 w20 w30"
    wanted = catalog.search(question, 400)
    texts = catalog.documents(wanted)
    has_rare = [key for key in wanted if {"w20", "w30"} & set(texts[key].page_content.split())]
    monkeypatch.setattr("langchain_localllm.rag.index.catalog._MOST_RANKED", 100)
    assert 20 < len(has_rare) < 100
    assert catalog.search(question, 20) == has_rare[:20]


def test_catalog_search_with_too_few_rare_words_adds_passages_with_several_common_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = _many(monkeypatch, 60)
    found = catalog.search("w1 w2 w30", 40)
    words = {key: set(each.page_content.split()) for key, each in catalog.documents(found).items()}
    rare = ["w30" in words[key] for key in found]
    assert len(found) == 40
    assert rare == sorted(rare, reverse=True)
    assert all({"w1", "w2"} <= words[key] or "w30" in words[key] for key in found)


def test_catalog_search_with_common_words_only_finds_passages_with_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = _many(monkeypatch, 30)
    found = catalog.documents(catalog.search("w1 w2", 20))
    assert len(found) == 20
    assert all({"w1", "w2"} <= set(each.page_content.split()) for each in found.values())
    assert len(catalog.search("w1", 20)) == 20


def test_catalog_search_with_a_filter_finds_a_common_word_where_rare_ones_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = _many(monkeypatch, 60)
    catalog.stage([passage("other", "w1 once", path="b.txt")])
    catalog.finish(["other"], [FileEntry("b.txt", "hash")])
    assert catalog.search("w1 w2 w30", 5, {"source": "b.txt"}) == ["other"]


def test_catalog_frequencies_are_counted_again_after_a_change_here_or_elsewhere(
    tmp_path: Path,
) -> None:
    catalog = filled(Catalog(tmp_path / "catalogue.sqlite"))
    assert catalog.frequencies(['"boat"', '"ferry"']) == (2, {'"boat"': 1, '"ferry"': 1})
    catalog.remove("a.txt")
    assert catalog.frequencies(['"boat"']) == (0, {'"boat"': 0})
    filled(Catalog(tmp_path / "catalogue.sqlite"))
    assert catalog.frequencies(['"boat"']) == (2, {'"boat"': 1})
