"""llama.cpp's server: llamafile, `llama-server`, and all other servers that speak OpenAI's API."""

from langchain_localllm._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ChatLlamafile": "langchain_localllm.runtimes.llamafile.chat",
        "Llamafile": "langchain_localllm.runtimes.llamafile.llm",
        "LlamafileEmbeddings": "langchain_localllm.runtimes.llamafile.embeddings",
        "LlamafileReranker": "langchain_localllm.runtimes.llamafile.reranker",
        "LlamaServerClient": "langchain_localllm.runtimes.llamafile.management",
        "LocalServer": "langchain_localllm.runtimes.llamafile.server",
    },
)
