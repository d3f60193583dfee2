"""The header of a table is known for its rows, and other lines with bars have none."""

from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from langchain_localllm.rag import LocalRAG, load_file, split_documents
from langchain_localllm.rag.ingest.table_header import table_headers

ROWS = [(f"Boat{number}", 1900 + number, f"{number} m") for number in range(40)]
MARKDOWN = "| name | built | length |\n| :--- | ---: | --- |\n" + "\n".join(
    f"| {name} | {built} | {length} |" for name, built, length in ROWS
)
HTML = "<table><tr><th>name<th>built<th>length</tr>{}</table>".format(
    "".join(f"<tr><td>{name}<td>{built}<td>{length}</tr>" for name, built, length in ROWS)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | b\n--|--\n1 | 2\n3 | 4\n\nEnd.", [("1 | 2\n3 | 4", "a | b")]),
        ("Boats:\n\n| a |\n|---|\n| 1 |", [("| 1 |", "a")]),
        ("a | b | c\n1 | 2 | 3\n4 | 5 | 6", [("1 | 2 | 3\n4 | 5 | 6", "a | b | c")]),
        ("name | Odalys\nrole | warden\ntown | Harlow", []),
        (
            "a | 2023 | 2024\nb | 5 | 6\nc | 7 | 8",
            [("b | 5 | 6\nc | 7 | 8", "a | 2023 | 2024")],
        ),
        ("a | 1998 | 2003\nb | 1999 | 2004\nc | 2001 | 2005", []),
        ("a | b | 3\n1 | 2 | 3\n4 | 5 | 6", []),
        ("2026-11-29 | b | c\n1 | 2 | 3\n4 | 5 | 6", []),
        ("a | b | c\n1 | 2 | 3", []),
        (f"{'a' * 300} | b | c\n1 | 2 | 3\n4 | 5 | 6", []),
        ("Either a | b.\nIt ends.", []),
        (f"| a |\n{' ' * 100_000}x|\n| b |", []),
    ],
)
def test_table_headers_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(text[start:end], header) for start, end, header in table_headers(text)] == expected


@pytest.mark.parametrize(("name", "table"), [("a.md", MARKDOWN), ("a.html", HTML)])
def test_split_rows_of_a_table_know_its_columns(tmp_path: Path, name: str, table: str) -> None:
    (tmp_path / name).write_text(f"All boats:\n\n{table}\n\nThe end of the list of boats.")
    passages = split_documents(load_file(tmp_path / name), chunk_size=200)
    columns = [passage.metadata.get("columns") for passage in passages]
    within = ["Boat" in passage.page_content for passage in passages[1:]]
    assert columns == [None, *("name | built | length" if row else None for row in within)]
    assert sum(within) > 3


def test_local_rag_row_of_a_table_is_found_by_its_column(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKDOWN.replace("built", "launched"))
    rag = LocalRAG(
        None,
        DeterministicFakeEmbedding(size=8),
        refusal_quantile=0,
        chunk_size=100,
        passage_size=100,
        k=40,
    )
    rag.index(tmp_path)
    words = rag.store.catalog.search("launched", 40)
    found = rag.store.catalog.documents(words).values()
    assert any("Boat39" in passage.page_content for passage in found)
    [first, *_] = rag.retriever.invoke("Boat39")
    assert first.metadata["columns"] == "name | launched | length"
