"""Answer questions about your own documents: load, split, index, retrieve, answer with citations.

`LocalRAG` does all of it in one object:

```python
from langchain_localllm import ChatLlamafile, LlamafileEmbeddings
from langchain_localllm.rag import LocalRAG

rag = LocalRAG(
    ChatLlamafile(base_url="http://127.0.0.1:8080"),
    LlamafileEmbeddings(base_url="http://127.0.0.1:8081"),
    ".localllm",
)
rag.index("notes/")
print(rag.ask("Who is the warden?").answer)
```

Each step is also a function on plain LangChain objects, so any of them can be replaced:
`load_documents`, `split_documents`, `build_index`, `answer_chain`.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.rag.answer.chain import answer_chain as answer_chain
    from langchain_localllm.rag.answer.chain import answer_prompt as answer_prompt
    from langchain_localllm.rag.answer.citations import Citation as Citation
    from langchain_localllm.rag.answer.citations import InvalidCitation as InvalidCitation
    from langchain_localllm.rag.answer.citations import Statement as Statement
    from langchain_localllm.rag.answer.citations import cited_passages as cited_passages
    from langchain_localllm.rag.answer.citations import format_passages as format_passages
    from langchain_localllm.rag.answer.conversation import Conversation as Conversation
    from langchain_localllm.rag.answer.no_answer import NO_ANSWER as NO_ANSWER
    from langchain_localllm.rag.answer.no_answer import is_refusal as is_refusal
    from langchain_localllm.rag.answer.no_answer import no_answer as no_answer
    from langchain_localllm.rag.answer.passage import Passage as Passage
    from langchain_localllm.rag.answer.result import Answer as Answer
    from langchain_localllm.rag.answer.retrieve import HybridRetriever as HybridRetriever
    from langchain_localllm.rag.defaults import CHUNK_SIZE as CHUNK_SIZE
    from langchain_localllm.rag.defaults import PASSAGES as PASSAGES
    from langchain_localllm.rag.index.store import Store as Store
    from langchain_localllm.rag.index.update import Progress as Progress
    from langchain_localllm.rag.index.update import Report as Report
    from langchain_localllm.rag.ingest.discover import find_files as find_files
    from langchain_localllm.rag.ingest.load import load_documents as load_documents
    from langchain_localllm.rag.ingest.load import load_file as load_file
    from langchain_localllm.rag.ingest.split import split_documents as split_documents
    from langchain_localllm.rag.local_rag import LocalRAG as LocalRAG
    from langchain_localllm.rag.profile import RagProfile as RagProfile
    from langchain_localllm.rag.vectorstores.build import build_index as build_index
    from langchain_localllm.rag.vectorstores.sqlite import SQLiteVectors as SQLiteVectors

__getattr__, __dir__, __all__ = lazy_exports(  # `localllm --help` must not wait for langchain-core
    __name__,
    {
        "Answer": "langchain_localllm.rag.answer.result",
        "CHUNK_SIZE": "langchain_localllm.rag.defaults",
        "Citation": "langchain_localllm.rag.answer.citations",
        "Conversation": "langchain_localllm.rag.answer.conversation",
        "HybridRetriever": "langchain_localllm.rag.answer.retrieve",
        "LocalRAG": "langchain_localllm.rag.local_rag",
        "NO_ANSWER": "langchain_localllm.rag.answer.no_answer",
        "PASSAGES": "langchain_localllm.rag.defaults",
        "Passage": "langchain_localllm.rag.answer.passage",
        "Progress": "langchain_localllm.rag.index.update",
        "RagProfile": "langchain_localllm.rag.profile",
        "InvalidCitation": "langchain_localllm.rag.answer.citations",
        "Report": "langchain_localllm.rag.index.update",
        "SQLiteVectors": "langchain_localllm.rag.vectorstores.sqlite",
        "Statement": "langchain_localllm.rag.answer.citations",
        "Store": "langchain_localllm.rag.index.store",
        "answer_chain": "langchain_localllm.rag.answer.chain",
        "answer_prompt": "langchain_localllm.rag.answer.chain",
        "build_index": "langchain_localllm.rag.vectorstores.build",
        "cited_passages": "langchain_localllm.rag.answer.citations",
        "find_files": "langchain_localllm.rag.ingest.discover",
        "format_passages": "langchain_localllm.rag.answer.citations",
        "is_refusal": "langchain_localllm.rag.answer.no_answer",
        "load_documents": "langchain_localllm.rag.ingest.load",
        "load_file": "langchain_localllm.rag.ingest.load",
        "no_answer": "langchain_localllm.rag.answer.no_answer",
        "split_documents": "langchain_localllm.rag.ingest.split",
    },
)
