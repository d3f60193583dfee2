"""Ollama."""

from langchain_localllm._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ChatOllama": "langchain_localllm.runtimes.ollama.chat",
        "Ollama": "langchain_localllm.runtimes.ollama.llm",
        "OllamaEmbeddings": "langchain_localllm.runtimes.ollama.embeddings",
    },
)
