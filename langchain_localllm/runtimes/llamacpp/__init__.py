"""llama.cpp in this process, by llama-cpp-python: one engine thread, many sequences at once."""

from langchain_localllm._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ChatLlamaCpp": "langchain_localllm.runtimes.llamacpp.chat",
        "LlamaCpp": "langchain_localllm.runtimes.llamacpp.llm",
        "LlamaCppEmbeddings": "langchain_localllm.runtimes.llamacpp.embeddings",
        "LlamaCppReranker": "langchain_localllm.runtimes.llamacpp.reranker",
    },
)
