"""Questions about your own documents: load, split, index, retrieve, answer.

Each step is a function on plain LangChain objects, so any of them can be replaced:

```python
from langchain_localllm import ChatLlamafile, LlamafileEmbeddings
from langchain_localllm.rag import answer_chain, build_index, load_documents, split_documents

chunks = split_documents(load_documents(["notes/"]))
index = build_index(chunks, LlamafileEmbeddings(base_url="http://127.0.0.1:8081"))
chain = answer_chain(index.as_retriever(search_kwargs={"k": 3}), ChatLlamafile(base_url="http://127.0.0.1:8080"))
print(chain.invoke({"question": "When does the library close?"})["answer"])
```
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_localllm.rag.chain import NO_ANSWER, answer_chain, answer_prompt, format_passages
    from langchain_localllm.rag.defaults import CHUNK_SIZE, PASSAGES
    from langchain_localllm.rag.find import find_files
    from langchain_localllm.rag.index import build_index
    from langchain_localllm.rag.load import load_documents, load_file
    from langchain_localllm.rag.split import split_documents

__all__ = [
    "CHUNK_SIZE",
    "NO_ANSWER",
    "PASSAGES",
    "answer_chain",
    "answer_prompt",
    "build_index",
    "find_files",
    "format_passages",
    "load_documents",
    "load_file",
    "split_documents",
]

_HOMES = {
    "chain": ["NO_ANSWER", "answer_chain", "answer_prompt", "format_passages"],
    "defaults": ["CHUNK_SIZE", "PASSAGES"],
    "find": ["find_files"],
    "index": ["build_index"],
    "load": ["load_documents", "load_file"],
    "split": ["split_documents"],
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `localllm --help` must not wait for langchain-core."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
