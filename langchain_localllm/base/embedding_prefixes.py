"""List the prefixes that embedding models need before queries and documents.

Each is listed by model name, with the page that documents it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SEARCH: Final = "Represent this sentence for searching relevant passages: "
_SEARCH_ZH: Final = "为这个句子生成表示以用于检索相关文章："  # noqa: RUF001 - the colon of Chinese
_TASK: Final = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """A row of the table.

    Attributes:
        models: The models, for people.
        names: A pattern that their names match, in lower case and with hyphens.
        query: What comes before a query.
        document: What comes before a document.
        source: Where the model's makers say so.
    """

    models: str
    names: str
    query: str
    document: str
    source: str


_CARDS: Final = "https://huggingface.co/"
TABLE: Final = (
    Prefixes(
        "nomic-embed-text",
        r"nomic-embed-text",
        "search_query: ",
        "search_document: ",
        f"{_CARDS}nomic-ai/nomic-embed-text-v1.5",
    ),
    Prefixes(
        "qwen3-embedding",
        r"qwen3-embed",
        f"{_TASK}Query:",
        "",
        f"{_CARDS}Qwen/Qwen3-Embedding-0.6B",
    ),
    Prefixes(
        "e5-…-instruct",
        r"\be5-.*instruct",
        f"{_TASK}Query: ",
        "",
        f"{_CARDS}intfloat/multilingual-e5-large-instruct",
    ),
    Prefixes(
        "e5, multilingual-e5", r"\be5-", "query: ", "passage: ", f"{_CARDS}intfloat/e5-large-v2"
    ),
    Prefixes(
        "gte-Qwen",
        r"gte-qwen",
        f"{_TASK}Query: ",
        "",
        f"{_CARDS}Alibaba-NLP/gte-Qwen2-1.5B-instruct",
    ),
    Prefixes(
        "bge-small-zh, -base-zh, -large-zh",
        r"bge-(small|base|large)-zh(?!-noinstruct)",
        _SEARCH_ZH,
        "",
        f"{_CARDS}BAAI/bge-large-zh-v1.5",
    ),
    Prefixes(
        "bge-small-en, -base-en, -large-en, bge-large",
        r"bge-(small|base|large)-en|bge-large\b(?!-zh)",
        _SEARCH,
        "",
        f"{_CARDS}BAAI/bge-large-en-v1.5",
    ),
    Prefixes(
        "mxbai-embed-de",
        r"mxbai-embed-de",
        "query: ",
        "passage: ",
        f"{_CARDS}mixedbread-ai/deepset-mxbai-embed-de-large-v1",
    ),
    Prefixes(
        "jina-embeddings-v4",
        r"jina-embeddings-v4(?!.*matching)",
        "Query: ",
        "Passage: ",
        f"{_CARDS}jinaai/jina-embeddings-v4-text-retrieval-GGUF",
    ),
    Prefixes(
        "mxbai-embed", r"mxbai-embed", _SEARCH, "", f"{_CARDS}mixedbread-ai/mxbai-embed-large-v1"
    ),
    Prefixes(
        "snowflake-arctic-embed 2",
        r"snowflake-arctic-embed(2|-[lm]-v2)",
        "query: ",
        "",
        f"{_CARDS}Snowflake/snowflake-arctic-embed-l-v2.0",
    ),
    Prefixes(
        "snowflake-arctic-embed",
        r"snowflake-arctic-embed",
        _SEARCH,
        "",
        f"{_CARDS}Snowflake/snowflake-arctic-embed-l",
    ),
    Prefixes(
        "embeddinggemma (the first)",
        r"embeddinggemma(?!-?2)",
        "task: search result | query: ",
        "title: none | text: ",
        f"{_CARDS}google/embeddinggemma-300m",
    ),
)
"""The first row that matches counts. Models that want no prefix, such as bge-m3, gte-base and
all-minilm, are not here."""


def prefixes_of(names: str | Iterable[str]) -> tuple[str, str]:
    """Return what comes before a query and before a document.

    Empty where the model wants nothing, or is not known.

    Args:
        names: What the model is called: a name, a file's path, or several; the first that the table
            knows counts.

    Example:
        >>> prefixes_of("nomic-embed-text:v1.5")
        ('search_query: ', 'search_document: ')
        >>> prefixes_of(["model.gguf", "E5 Base v2"])
        ('query: ', 'passage: ')
        >>> prefixes_of("/models/e5-trial/all-minilm.gguf")
        ('', '')
    """
    for name in [names] if isinstance(names, str) else names:
        plain = re.sub(r"[_ :]", "-", re.split(r"[/\\]", name)[-1].lower())
        for row in TABLE:
            if re.search(row.names, plain):
                return row.query, row.document
    return "", ""
