"""Documents to passages."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError
from langchain_localllm.rag import split_documents
from langchain_localllm.rag.ingest.split import Surroundings, iterate_passages


def split(text: str, size: int) -> list[str]:
    return [chunk.page_content for chunk in split_documents([Document(text)], chunk_size=size)]


def test_split_metadata_goes_with_every_passage() -> None:
    page = Document("One sentence. Another sentence.", metadata={"source": "a.pdf", "page": 3})
    chunks = split_documents([page], chunk_size=20)
    assert [chunk.metadata for chunk in chunks] == [{"source": "a.pdf", "page": 3}] * 2


def test_split_cuts_at_paragraphs_first_then_sentences_then_words() -> None:
    text = "One two. Three four.\n\nFive six seven eight. Nine."
    assert split(text, 40) == ["One two. Three four.", "Five six seven eight. Nine."]
    assert split(text, 22) == ["One two. Three four.", "Five six seven eight.", "Nine."]
    assert split("alpha beta gamma", 11) == ["alpha beta", "gamma"]


def test_split_chinese_is_cut_after_its_own_full_stop() -> None:
    assert split("船是蓝色的。钥匙是红色的。", 24) == ["船是蓝色的。", "钥匙是红色的。"]


def test_split_word_without_end_is_cut_anywhere() -> None:
    chunks = split("x" * 250, 100)
    assert [len(chunk) for chunk in chunks] == [96, 96, 58]  # in pieces of 16, which is fast
    assert [len(chunk) for chunk in split("x" * 16, 10)] == [10, 6]


def test_split_rules_and_bullets_alone_give_no_passages() -> None:
    assert split("---", 10) == []


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=300), size=st.integers(min_value=4, max_value=60))
def test_split_no_passage_is_longer_than_asked_and_no_letter_is_lost(text: str, size: int) -> None:
    text = "".join(letter for letter in text if letter.isalnum() or letter in " .\n")
    chunks = split(text, size)
    assert all(len(chunk.encode()) <= size for chunk in chunks)
    assert "".join("".join(chunks).split()).replace(".", "") == "".join(text.split()).replace(
        ".", ""
    )


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (-5, 0), (10, 10), (10, -1)])
def test_split_impossible_sizes_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(InvalidOptionError, match="Use a positive size"):
        split_documents([], size, overlap)


def test_split_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_text_splitters", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-localllm\[rag\]"'):
        split_documents([Document("x = 1", metadata={"language": "python"})])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The first sentence is rather long. Dr. Ames is in.",
            ["The first sentence is rather long.", "Dr. Ames is in."],
        ),
        ("Is the boat of 1874 blue? It is!", ["Is the boat of 1874 blue?", "It is!"]),
        ("船は青いです。鍵は古いです。", ["船は青いです。", "鍵は古いです。"]),
        ("नाव नीली है। चाबी पुरानी है।", ["नाव नीली है।", "चाबी पुरानी है।"]),
        (
            "One sentence that is longer than the size stays whole.",
            ["One sentence that is longer than the size stays whole."],
        ),
    ],
)
def test_iterate_passages_keeps_sentences_whole(text: str, expected: list[str]) -> None:
    found = iterate_passages([Document(text)], 24, 0, longest_sentence=200)
    assert [passage.page_content for passage in found] == expected


@pytest.mark.parametrize("heading", ["Prices", "Prices\n------", "## Prices", "The prices are:"])
def test_split_documents_heading_stays_with_its_text(heading: str) -> None:
    text = (
        f"The boats are by the pier.\n\n{heading}\n\nA day costs 14 marks. Ask the warden for the "
        "key."
    )
    found = split(text, 50)
    assert found[0] == "The boats are by the pier."
    assert found[1].startswith(f"{heading}\n\nA day costs 14 marks.")


def test_split_passages_within_code_say_so() -> None:
    text = "Run this:\n\n```py\nimport boats\n\nboats.find()\n```\n\nThen rest.\n\n```\nx\n```"
    found = [
        (each.page_content, each.metadata.get("in_code"))
        for each in split_documents([Document(text)], chunk_size=30)
    ]
    assert found == [
        ("Run this:\n\n```py\nimport boats", None),
        ("boats.find()\n```\n\nThen rest.", 1),
        ("```\nx\n```", None),
    ]
    source = Document('"""\n```\n\n```\n"""\nx = 1', metadata={"language": "python"})
    assert all("in_code" not in each.metadata for each in split_documents([source], chunk_size=12))


@pytest.mark.parametrize(
    ("text", "in_code", "expected"),
    [
        ("a\n```\nb", False, True),
        ("a\n```\nb", True, False),
        ("a", True, True),
        ("a", False, False),
    ],
)
def test_surroundings_end_of_a_text_is_within_code_or_not(
    text: str, in_code: bool, expected: bool
) -> None:
    assert bool(Surroundings(text, in_code=in_code).at(len(text)).get("in_code")) is expected


def test_surroundings_rows_below_a_header_have_its_columns() -> None:
    table = "a | b | c\n1 | 2 | 3\n4 | 5 | 6"
    places = Surroundings(table)
    assert places.at(0) == {}
    assert places.at(table.index("4")) == {"columns": "a | b | c"}
    assert Surroundings("").at(0) == {}
