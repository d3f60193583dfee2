"""GPT4All."""

from langchain_localllm._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ChatGPT4All": "langchain_localllm.runtimes.gpt4all.chat",
        "GPT4All": "langchain_localllm.runtimes.gpt4all.llm",
        "GPT4AllEmbeddings": "langchain_localllm.runtimes.gpt4all.embeddings",
    },
)
