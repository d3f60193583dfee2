"""Sentences get numbers, and numbers lead back to passages."""

import pytest
from langchain_core.documents import Document

from langchain_localllm.rag import cited_passages, format_passages
from langchain_localllm.rag.cite import number_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Ames is in. Knock twice.", ["Dr. Ames is in.", "Knock twice."]),
        ("It closes at 9:50 p.m. Bring a torch.", ["It closes at 9:50 p.m.", "Bring a torch."]),
        ('Ask J. Smith! "Why?" He knows.', ["Ask J. Smith!", '"Why?"', "He knows."]),
        (
            "\u56f3\u66f8\u9928\u306f\u4e5d\u6642\u306b\u9589\u307e\u308b\u3002\u672c\u3092\u8fd4\u3059\u3002",
            ["\u56f3\u66f8\u9928\u306f\u4e5d\u6642\u306b\u9589\u307e\u308b\u3002", "\u672c\u3092\u8fd4\u3059\u3002"],
        ),
        ("- soup: 4 marks\n* bread\n\n1. tea", ["soup: 4 marks", "bread", "tea"]),
        ("It costs 4.50 marks, e.g. at noon. and so on", ["It costs 4.50 marks, e.g. at noon. and so on"]),
        ("No. 5 is red.", ["No. 5 is red."]),
        ("", []),
    ],
)
def test_sentences_are_found(text: str, sentences: list[str]) -> None:
    assert number_sentences([Document(text)]) == [sentences]


PASSAGES = [
    Document("The boat is blue. It leaks.", metadata={"source": "a"}),
    Document("The key is old.", metadata={"source": "b"}),
]


def test_numbers_go_on_through_all_passages() -> None:
    assert format_passages(PASSAGES) == "[1] The boat is blue.\n[2] It leaks.\n\n[3] The key is old."


def test_a_number_leads_to_its_passage_and_each_is_given_once() -> None:
    cited = cited_passages("[3] The key is old. It leaks [2], and so [3].", PASSAGES)
    assert [(number, passage.metadata["source"]) for number, passage in cited] == [(3, "b"), (2, "a")]


@pytest.mark.parametrize("answer", ["The key is old.", "[0] no", "[4] no", "[x] no", ""])
def test_a_number_that_stands_for_nothing_is_left_out(answer: str) -> None:
    assert cited_passages(answer, PASSAGES) == []
