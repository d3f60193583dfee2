"""Questions about your own documents: load, split, index, retrieve, answer.

Each step is a function on plain LangChain objects, so any of them can be replaced:

```python
from langchain_localllm import ChatLlamafile, LlamafileEmbeddings
from langchain_localllm.rag import answer_chain, build_index, load_documents, split_documents

chunks = split_documents(load_documents(["notes/"]))
index = build_index(chunks, LlamafileEmbeddings(base_url="http://127.0.0.1:8081"))
chain = answer_chain(index.as_retriever(search_kwargs={"k": 3}), ChatLlamafile(base_url="http://127.0.0.1:8080"))
print(chain.invoke({"question": "Who is the warden?"})["answer"])
```
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.rag.chain import NO_ANSWER as NO_ANSWER
    from langchain_localllm.rag.chain import answer_chain as answer_chain
    from langchain_localllm.rag.chain import answer_prompt as answer_prompt
    from langchain_localllm.rag.cite import cited_passages as cited_passages
    from langchain_localllm.rag.cite import format_passages as format_passages
    from langchain_localllm.rag.defaults import CHUNK_SIZE as CHUNK_SIZE
    from langchain_localllm.rag.defaults import PASSAGES as PASSAGES
    from langchain_localllm.rag.find import find_files as find_files
    from langchain_localllm.rag.index import build_index as build_index
    from langchain_localllm.rag.load import load_documents as load_documents
    from langchain_localllm.rag.load import load_file as load_file
    from langchain_localllm.rag.split import split_documents as split_documents

__getattr__, __dir__, __all__ = lazy_exports(  # `localllm --help` must not wait for langchain-core
    __name__,
    {
        "CHUNK_SIZE": "langchain_localllm.rag.defaults",
        "NO_ANSWER": "langchain_localllm.rag.chain",
        "PASSAGES": "langchain_localllm.rag.defaults",
        "answer_chain": "langchain_localllm.rag.chain",
        "answer_prompt": "langchain_localllm.rag.chain",
        "build_index": "langchain_localllm.rag.index",
        "find_files": "langchain_localllm.rag.find",
        "cited_passages": "langchain_localllm.rag.cite",
        "format_passages": "langchain_localllm.rag.cite",
        "load_documents": "langchain_localllm.rag.load",
        "load_file": "langchain_localllm.rag.load",
        "split_documents": "langchain_localllm.rag.split",
    },
)
