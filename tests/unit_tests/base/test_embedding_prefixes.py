"""Prefixes by a model's name, and the table of them in the docs."""

from pathlib import Path

import pytest

from langchain_localllm.base.embedding_prefixes import TABLE, prefixes_of

PAGE = Path(__file__).parents[3] / "docs" / "embeddings.md"
SEARCH = "Represent this sentence for searching relevant passages: "


@pytest.mark.parametrize(
    ("name", "query", "document"),
    [
        ("nomic-embed-text:latest", "search_query: ", "search_document: "),
        ("nomic-embed-text-v1.5.Q8_0.gguf", "search_query: ", "search_document: "),
        ("jeffh/intfloat-multilingual-e5-large:f16", "query: ", "passage: "),
        ("E5 Base V2", "query: ", "passage: "),
        ("qwen3-embedding:0.6b", "Instruct: ", ""),
        ("jeffh/intfloat-multilingual-e5-large-instruct", "Instruct: ", ""),
        ("gte-Qwen2-1.5B-instruct-Q4_K_M.gguf", "Instruct: ", ""),
        ("mxbai-embed-large", SEARCH, ""),
        ("deepset-mxbai-embed-de-large-v1.Q8_0.gguf", "query: ", "passage: "),
        ("jina-embeddings-v4-text-retrieval-Q4_K_M.gguf", "Query: ", "Passage: "),
        ("jina-embeddings-v4-text-matching-Q4_K_M.gguf", "", ""),
        ("znbang/bge:large-en-v1.5-q8_0", SEARCH, ""),
        ("snowflake-arctic-embed:335m", SEARCH, ""),
        ("snowflake-arctic-embed2", "query: ", ""),
        ("snowflake-arctic-embed-l-v2.0-q8_0.gguf", "query: ", ""),
        ("bge-large-zh-v1.5", "为这个句子", ""),
        ("bge-large", SEARCH, ""),
        ("bge-small-en-v1.5", SEARCH, ""),
        ("embeddinggemma:300m", "task: search result | query: ", "title: none | text: "),
        ("bge-m3", "", ""),
        ("gte-base", "", ""),
        ("all-minilm", "", ""),
        ("llama2", "", ""),
        (r"C:\models\e5-trial\all-minilm.gguf", "", ""),
    ],
)
def test_prefixes_follow_the_models_name(name: str, query: str, document: str) -> None:
    found = prefixes_of(name)
    assert found[0].startswith(query)
    assert bool(found[0]) == bool(query)
    assert found[1] == document


def test_the_first_known_name_counts() -> None:
    assert prefixes_of(["model.gguf", "Nomic Embed Text v1.5"])[0] == "search_query: "
    assert prefixes_of([]) == ("", "")


def test_the_docs_show_the_table() -> None:
    def cell(text: str) -> str:
        return f"`{text!r}`".replace("|", "\\|") if text else ""

    rows = [
        f"| {row.models} | {cell(row.query)} | {cell(row.document)} | <{row.source}> |"
        for row in TABLE
    ]
    assert "\n".join(rows) in PAGE.read_text(encoding="utf-8")
