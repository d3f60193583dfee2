"""Sentences get numbers, and numbers lead back to passages."""

from typing import Any

import pytest
from langchain_core.documents import Document

from langchain_localllm.rag import cited_passages, format_passages
from langchain_localllm.rag.answer.citations import (
    Citation,
    CitationReader,
    InvalidCitation,
    Statement,
    number_sentences,
    with_markers,
)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Ames is in. Knock twice.", ["Dr. Ames is in.", "Knock twice."]),
        ("It closes at 9:50 p.m. Bring a torch.", ["It closes at 9:50 p.m.", "Bring a torch."]),
        ('Ask J. Smith! "Why?" He knows.', ["Ask J. Smith!", '"Why?"', "He knows."]),
        (
            "\u56f3\u66f8\u9928\u306f\u4e5d\u6642\u306b\u9589\u307e\u308b\u3002\u672c\u3092\u8fd4\u3059\u3002",
            [
                "\u56f3\u66f8\u9928\u306f\u4e5d\u6642\u306b\u9589\u307e\u308b\u3002",
                "\u672c\u3092\u8fd4\u3059\u3002",
            ],
        ),
        ("- soup: 4 marks\n* bread\n\n1. tea", ["soup: 4 marks", "bread", "tea"]),
        (
            "It costs 4.50 marks, e.g. at noon. and so on",
            ["It costs 4.50 marks, e.g. at noon. and so on"],
        ),
        ("No. 5 is red.", ["No. 5 is red."]),
        ("", []),
    ],
)
def test_citation_reader_sentences_are_found(text: str, sentences: list[str]) -> None:
    assert number_sentences([Document(text)]) == [sentences]


PASSAGES = [
    Document("The boat is blue. It leaks.", metadata={"source": "a"}),
    Document("The key is old.", metadata={"source": "b"}),
]


def test_citation_reader_numbers_continue_through_all_passages() -> None:
    assert (
        format_passages(PASSAGES) == "[1] The boat is blue.\n[2] It leaks.\n\n[3] The key is old."
    )


def test_citation_reader_number_leads_to_its_passage_and_each_is_given_once() -> None:
    cited = cited_passages("[3] The key is old. It leaks [2], and so [3].", PASSAGES)
    assert [(number, passage.metadata["source"]) for number, passage in cited] == [
        (3, "b"),
        (2, "a"),
    ]


@pytest.mark.parametrize("answer", ["The key is old.", "[0] no", "[4] no", "[x] no", ""])
def test_citation_reader_number_without_a_statement_is_removed(answer: str) -> None:
    assert cited_passages(answer, PASSAGES) == []


# --- citations, while the answer comes ---

BOAT = Document(
    "The boat is blue. It leaks.",
    id="7",
    metadata={"source": "a.txt", "line": 3, "heading": "Boats", "score": 0.9},
)
KEY = Document("The key is old.", metadata={"source": "b.pdf", "page": 2})


def read(answer: str, size: int) -> tuple[str, list[Citation], list[InvalidCitation]]:
    """An answer in pieces of one size: its text, citations and invalid citations."""
    reader = CitationReader([BOAT, KEY])
    pieces = [answer[start : start + size] for start in range(0, len(answer), size)]
    parts = [part for piece in pieces for part in reader.feed(piece)] + reader.end()
    text = "".join(part.get("answer", "") for part in parts)
    return (
        text,
        [each for part in parts for each in part.get("citations", [])],
        [each for part in parts for each in part.get("invalid_citations", [])],
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("answer", "text", "cited", "invalid"),
    [
        ("[2] It leaks.", "[2] It leaks.", [2], []),
        ("The boat is blue [1] and leaks [2]. The key is old [3].", None, [1, 2, 3], []),
        ("The boat is blue [1, 3].", "The boat is blue [1].", [1], [3]),
        ("It leaks [9]. The key is old [3].", "It leaks. The key is old [3].", [3], [9]),
        ("Whales sing [1].", "Whales sing.", [], [1]),
        ("[3] Whales sing. [1] The boat is blue.", None, [1], [3]),
        ("The boat [is] blue, see [here] and a[0", None, [], []),
        ("[1] The boat is blue. [1] The boat is blue.", None, [1], []),
        ("The passages do not tell.", None, [], []),
        ("[7]", "", [], [7]),
        ("[1]", "", [], [1]),
        ("[1][2] \n[3]", "", [], [1, 2, 3]),
        ("[1].", "", [], [1]),
        ("[1] The boat is blue. [2]", None, [1, 2], []),
        ("The key is old [3].\n[1]", "The key is old [3].", [3], [1]),
    ],
)
def test_citation_reader_citation_is_checked_however_the_answer_is_cut(
    size: int, answer: str, text: str | None, cited: list[int], invalid: list[int]
) -> None:
    got, citations, refused = read(answer, size)
    assert got == (answer if text is None else text)
    assert [each.marker for each in citations if not each.inferred] == cited
    assert [each.marker for each in refused] == invalid


def test_citation_reader_citation_is_data() -> None:
    _, [first, second], _ = read("The boat is blue [1]. The key is old [3].", 5)
    assert first == Citation(
        1,
        "The boat is blue.",
        "a.txt",
        BOAT.page_content,
        heading="Boats",
        line=3,
        score=0.9,
        passage_id="7",
        end=17,
    )
    assert second == Citation(3, "The key is old.", "b.pdf", KEY.page_content, page=2, end=15)


def test_citation_reader_text_is_returned_as_soon_as_it_cannot_be_a_marker() -> None:
    reader = CitationReader([BOAT])
    assert reader.feed("The boat") == [{"answer": "The boat"}]
    assert reader.feed(" is [") == [{"answer": " is"}]
    assert reader.feed("very") == [{"answer": " [very"}]
    assert reader.feed("[" + "1, " * 40) != []


# --- statements: sources that the model does not name ---


def statements(answer: str, size: int = 3, question: str = "") -> tuple[str, list[Statement]]:
    """The text with markers, and the statements."""
    reader = CitationReader([BOAT, KEY, CENSUS], question)
    parts = [
        part for at in range(0, len(answer), size) for part in reader.feed(answer[at : at + size])
    ] + reader.end()
    text = "".join(part.get("answer", "") for part in parts)
    found = [each for part in parts for each in part.get("statements", [])]
    assert all(answer[each.start : each.end].strip() for each in found)
    return with_markers(text, found), found


CENSUS = Document(
    "In 2010, 1,250 people lived in Harlow. Anna Brook counted them. "
    "\u8239\u662f\u84dd\u8272\u7684\u3002"
)


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        ("The boat is blue. The key is old.", "The boat is blue. [1] The key is old. [3]"),
        ("The boat is blue. [1] The key is old.", "The boat is blue. [1] The key is old. [3]"),
        ("The boat is blue [1]. It leaks.", "The boat is blue [1]. It leaks. [2]"),
        ("[1] The boat is blue.\nIt leaks.", "[1] The boat is blue.\nIt leaks. [2]"),
        ("In Harlow lived 1250 people in 2010.", "In Harlow lived 1250 people in 2010. [4]"),
        ("1\u00a0250 people lived in Harlow.", "1\u00a0250 people lived in Harlow. [4]"),
        ("In Harlow lived 1,251 people.", "In Harlow lived 1,251 people. [?]"),
        (
            "The people were counted by Bertha Brook.",
            "The people were counted by Bertha Brook. [?]",
        ),
        ("Whales sing at night.", "Whales sing at night. [?]"),
        ("1. The key is old.", "1. The key is old. [3]"),
        (
            "\u8239\u662f\u84dd\u8272\u7684\u3002\u8239\u5728\u5531\u6b4c\u3002",
            "\u8239\u662f\u84dd\u8272\u7684\u3002 [6]\u8239\u5728\u5531\u6b4c\u3002 [?]",
        ),
        ("The documents don't say.", "The documents don't say."),
        ("...", "..."),
    ],
)
def test_citation_reader_statements_get_their_source_or_a_mark(
    size: int, answer: str, marked: str
) -> None:
    assert statements(answer, size)[0] == marked


def test_citation_reader_statements_name_the_numbers_and_names_that_contradict() -> None:
    _, [wrong] = statements(
        "In 2010 Bertha Brook counted 99 people in Harlow.", question="Who counted people in 2010?"
    )
    assert (wrong.supported, wrong.citation, wrong.missing) == (False, None, ("99", "bertha"))
    _, [short] = statements("1250.", question="How many people lived in Harlow?")
    assert short.citation is not None
    assert (short.citation.marker, short.citation.quote, short.citation.inferred) == (
        4,
        "In 2010, 1,250 people lived in Harlow.",
        True,
    )
    assert CENSUS.page_content[short.citation.start : short.citation.end] == short.citation.quote


def test_citation_reader_statements_follow_their_sentence_before_the_next_one() -> None:
    reader = CitationReader([BOAT])
    parts = [
        *reader.feed("The boat is blue."),
        *reader.feed(" It"),
        *reader.feed(" leaks."),
        *reader.end(),
    ]
    kinds = [next(iter(part)) for part in parts]
    assert kinds == [
        "answer",
        "citations",
        "statements",
        "answer",
        "answer",
        "answer",
        "citations",
        "statements",
    ]


def test_citation_reader_statements_paraphrase_is_found_by_the_embedding_model() -> None:
    calls: list[list[str]] = []

    def embed(texts: list[str]) -> list[list[float]]:
        calls.append(texts)
        return [[1.0, 0.0] if "leaks" in text or "Water" in text else [0.0, 1.0] for text in texts]

    reader = CitationReader([BOAT], embed=embed)
    parts = [*reader.feed("Water gets in."), *reader.end()]
    [stated] = [each for part in parts for each in part.get("statements", [])]
    assert stated.citation is not None
    assert stated.citation.quote == "It leaks."
    assert calls == [["The boat is blue.", "It leaks."], ["Water gets in."]]


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("answer", "quotes"),
    [
        ("It leaks [1].", [(1, "It leaks.")]),  # the model named the first sentence of the passage
        ("[1] It leaks. [3] The key is old.", [(1, "It leaks."), (3, "The key is old.")]),
        # no sentence supports it: the one that was named
        ("It sinks, the boat [2].", [(2, "It leaks.")]),
    ],
)
def test_citation_reader_citation_quotes_the_sentence_that_supports_the_statement(
    size: int, answer: str, quotes: list[tuple[int, str]]
) -> None:
    _, citations, _ = read(answer, size)
    assert [(each.marker, each.quote) for each in citations if not each.inferred] == quotes
    assert all(each.passage[each.start : each.end] == each.quote for each in citations)


@pytest.mark.parametrize("number", [1, 3])
def test_citation_reader_citation_among_equal_sentences_quotes_the_cited_one(number: int) -> None:
    reader = CitationReader([Document("The boat is blue. The key is old. The boat is blue.")])
    parts = [*reader.feed(f"The boat is blue [{number}]."), *reader.end()]
    [citation] = [each for part in parts for each in part.get("citations", [])]
    [statement] = [each for part in parts for each in part.get("statements", [])]
    assert (citation.marker, citation.start) == (number, 0 if number == 1 else 34)
    assert statement.citation == citation


CODE = "```python\nfor boat in boats:\n    print(boat[1])\n```"


def read_about(answer: str, passage: Document, size: int = 3) -> list[dict[str, Any]]:
    reader = CitationReader([passage])
    pieces = [answer[place : place + size] for place in range(0, len(answer), size)]
    return [part for piece in pieces for part in reader.feed(piece)] + reader.end()


def statements_of(parts: list[dict[str, Any]]) -> list[Statement]:
    return [each for part in parts for each in part.get("statements", [])]


def text_of(parts: list[dict[str, Any]]) -> str:
    return "".join(part.get("answer", "") for part in parts)


def test_number_sentences_code_is_one_sentence() -> None:
    passage = Document(f"Print the boats:\n\n{CODE}\n\nThey are blue. Rest.")
    expected = ["Print the boats:", CODE, "They are blue.", "Rest."]
    assert number_sentences([passage]) == [expected]


def test_number_sentences_passage_begins_within_code() -> None:
    passage = Document("    print(boat)\n```\n\nThen rest.", metadata={"in_code": 1})
    assert number_sentences([passage]) == [["    print(boat)\n```", "Then rest."]]


def test_number_sentences_source_code_is_numbered_by_paragraphs() -> None:
    code = "import boats\n\n\ndef find(name):\n    return boats[name]\n"
    passage = Document(code, metadata={"language": "python"})
    expected = ["import boats", "def find(name):\n    return boats[name]"]
    assert number_sentences([passage]) == [expected]


@pytest.mark.parametrize("language", ["en", "eng", ["en"], None])
def test_number_sentences_language_that_people_speak_is_no_source_code(language: Any) -> None:
    text = f"Print the boats:\n\n{CODE}\n\nThey are blue. Rest."
    passage = Document(text, metadata={"language": language})
    assert number_sentences([passage]) == number_sentences([Document(text)])


def test_number_sentences_wrapped_sentences_of_rst_are_whole() -> None:
    text = "The library is\nopen. Knock twice::\n\n    knock()\n    knock()\n\n- one\n- two"
    expected = ["The library is\nopen.", "Knock twice::", "    knock()\n    knock()", "one", "two"]
    assert number_sentences([Document(text, metadata={"language": "rst"})]) == [expected]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_citation_reader_code_of_an_answer_stays_as_it_is(size: int) -> None:
    answer = f"Print the boats:\n\n{CODE}\n\nThey are blue [9]. Use `boats[7]`."
    passage = Document(f"Print the boats:\n\n{CODE}\n\nThey are blue.")
    parts = read_about(answer, passage, size)
    assert text_of(parts) == answer.replace(" [9]", "")
    assert [each.text for each in statements_of(parts)] == [
        "Print the boats:",
        CODE,
        "They are blue.",
        "Use `boats[7]`.",
    ]
    assert statements_of(parts)[1].citation is not None
    assert with_markers(text_of(parts), statements_of(parts)) == (
        f"Print the boats: [1]\n\n{CODE}\n[2]\n\nThey are blue. [3] Use `boats[7]`. [?]"
    )


def test_citation_reader_code_with_other_numbers_is_not_supported() -> None:
    parts = read_about(CODE.replace("boat[1]", "boat[4]"), Document(CODE))
    [statement] = statements_of(parts)
    assert not statement.supported
    assert statement.missing == ("4",)


@pytest.mark.parametrize("answer", [f"[1]\n{CODE}", f"[1] {CODE}\nThey are blue.", CODE[:-4]])
def test_citation_reader_offsets_of_statements_hold_around_code(answer: str) -> None:
    parts = read_about(answer, Document(f"Rest.\n\n{CODE}\n\nThey are blue."))
    for each in statements_of(parts):
        assert each.text in text_of(parts)[each.start : each.end]
    assert "print(boat[1])" in text_of(parts)


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        ({}, ""),
        ({"source": "docs/boats.md", "heading": "Boats > Prices"}, "boats.md, Boats > Prices:\n"),
        ({"source": "C:\\docs\\a.pdf", "page": 3}, "a.pdf, page 3:\n"),
        ({"source": "https://example.org/boats/"}, "boats:\n"),
        ({"source": "a.md", "columns": "boat | price"}, "a.md:\nboat | price\n"),
    ],
)
def test_format_passages_place_of_each_passage(metadata: dict[str, Any], place: str) -> None:
    passage = Document("The boat is blue.", metadata=metadata)
    expected = f"{place}[1] The boat is blue."
    assert format_passages([passage], with_places=True) == expected
    assert format_passages([passage]) == "[1] The boat is blue."


MASTS = Document("The boat has three masts. It was built in Kiel. The pump needs oil.")
PRICES = Document("| Boat | Price |\n|---|---|\n| Heron | 14 |\n\nEr endet am 31. Dezember 2026.")


def read_masts(answer: str, size: int) -> list[dict[str, Any]]:
    reader = CitationReader([MASTS, PRICES])
    pieces = [answer[place : place + size] for place in range(0, len(answer), size)]
    return [part for piece in pieces for part in reader.feed(piece)] + reader.end()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("marker", "written"),
    [
        ("\u30101\u3011", "[1]"),
        ("\u30101\u2020source\u3011", "[1]"),
        ("\u30101\u2020L3-L5\u3011", "[1]"),
        (" [1-2]", " [1, 2]"),
        (" [1\u20133]", " [1, 2, 3]"),
        (" [Source: 1]", " [1]"),
        (" [sentence 1, sentence 99]", " [1]"),
        (" [Quelle 1; Satz 2]", " [1, 2]"),
        (" [98-99]", ""),
    ],
)
def test_citation_reader_other_forms_of_markers_are_read(
    size: int, marker: str, written: str
) -> None:
    parts = read_masts(f"The boat has three masts{marker}.", size)
    assert text_of(parts) == f"The boat has three masts{written}."
    [statement] = statements_of(parts)
    assert (statement.text, statement.supported) == ("The boat has three masts.", True)


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    "text", ["[0-9]", "[1990-1999]", "[source]", "[see 1]", "\u3010note\u3011"]
)
def test_citation_reader_other_brackets_stay(size: int, text: str) -> None:
    assert text_of(read_masts(f"Use {text} here.", size)) == f"Use {text} here."


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("answer", "unsupported"),
    [
        ("Here are the steps for you:\n\n1. The pump needs oil.\n2) The pump needs oil.", []),
        ("**Steps for you:**\n* The pump needs oil.", []),
        ("Run this command:\n```\nThe pump needs oil\n```", []),
        ("Here are 77 steps:\n- The pump needs oil.", ["Here are 77 steps:"]),
        ("Thus Anna Brook says:\n- The pump needs oil.", ["Thus Anna Brook says:"]),
        ("Whales sing at night:\n\nThe pump needs oil.", ["Whales sing at night:"]),
        ("Whales sing at night:", ["Whales sing at night:"]),
        (
            "| Ship Name | Cost Now |\n| :-- | --- |\n| Heron | 14 |\n| Heron | 99 |",
            ["| Heron | 99 |"],
        ),
        ("| Whales sing | at night |", ["| Whales sing | at night |"]),
        ("Er endet am 31. Dezember 2026.", []),
        ("Er endet am 30. Dezember 2026.", ["Er endet am 30. Dezember 2026."]),
    ],
)
def test_citation_reader_lines_that_announce_are_no_statements(
    size: int, answer: str, unsupported: list[str]
) -> None:
    parts = read_masts(answer, size)
    assert text_of(parts) == answer
    assert [each.text for each in statements_of(parts) if not each.supported] == unsupported


@pytest.mark.parametrize("size", [1, 3, 100])
def test_citation_reader_index_in_code_after_a_number_is_kept(size: int) -> None:
    answer = "[1] See `sails[1]`"
    assert text_of(read_masts(answer, size)) == answer
