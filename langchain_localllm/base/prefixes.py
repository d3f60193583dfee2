"""What embedding models want before queries and documents, by the model's name.

Sources are the models' cards: https://huggingface.co/nomic-ai/nomic-embed-text-v1.5, https://huggingface.co/intfloat/e5-large-v2,
https://huggingface.co/intfloat/multilingual-e5-large-instruct, https://huggingface.co/BAAI/bge-large-en-v1.5,
https://huggingface.co/mixedbread-ai/mxbai-embed-large-v1, https://huggingface.co/Snowflake/snowflake-arctic-embed-l,
https://huggingface.co/Qwen/Qwen3-Embedding-0.6B. Models that want none, such as bge-m3, gte and all-minilm, are not in the table.
"""

import re
from typing import Final

_SEARCH: Final = "Represent this sentence for searching relevant passages: "
_TASK: Final = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "

_PREFIXES: Final = tuple(
    (re.compile(pattern), query, document)
    for pattern, query, document in (
        (r"nomic-embed-text", "search_query: ", "search_document: "),
        (r"\be5-.*instruct|qwen3-embed", _TASK, ""),
        (r"\be5-", "query: ", "passage: "),
        (r"bge-(small|base|large)-en|bge-large\b(?!-zh)|mxbai-embed|snowflake-arctic-embed(?!2)", _SEARCH, ""),
    )
)


def prefixes_of(model: str) -> tuple[str, str]:
    """What comes before a query and before a document; empty where the model wants nothing, or is not known.

    Example:
        >>> prefixes_of("nomic-embed-text:v1.5")
        ('search_query: ', 'search_document: ')
        >>> prefixes_of("all-minilm")
        ('', '')
    """
    name = model.lower().replace("_", "-")
    return next(((query, document) for pattern, query, document in _PREFIXES if pattern.search(name)), ("", ""))
