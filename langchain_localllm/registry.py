"""The runtimes and their classes.

A fifth runtime is one more package in `runtimes` and one more line here.
"""

from typing import Final

RUNTIMES: Final = {
    "gpt4all": {"text": "GPT4All", "chat": "ChatGPT4All", "embeddings": "GPT4AllEmbeddings"},
    "llamacpp": {
        "text": "LlamaCpp",
        "chat": "ChatLlamaCpp",
        "embeddings": "LlamaCppEmbeddings",
        "reranker": "LlamaCppReranker",
        "decision": "LlamaCppDecisionModel",
    },
    "llamafile": {
        "text": "Llamafile",
        "chat": "ChatLlamafile",
        "embeddings": "LlamafileEmbeddings",
        "reranker": "LlamafileReranker",
        "decision": "LlamafileDecisionModel",
    },
    "ollama": {"text": "Ollama", "chat": "ChatOllama", "embeddings": "OllamaEmbeddings"},
}
"""Runtime to its classes by kind. The package's lazy imports and the contract tests read this
table."""

ALIASES: Final = {"OllamaLLM": "Ollama"}
"""Other package's name of a class to ours."""

MODULES: Final = {
    "text": "llm",
    "chat": "chat",
    "embeddings": "embeddings",
    "reranker": "reranker",
    "decision": "decision",
}
"""Kind to the module in a runtime's folder that holds its class."""


def class_modules(*kinds: str) -> dict[str, str]:
    """Class name to the module that holds it, for the classes of some kinds in every runtime."""
    found = {
        name: f"langchain_localllm.runtimes.{runtime}.{MODULES[kind]}"
        for runtime, names in RUNTIMES.items()
        for kind, name in names.items()
        if kind in kinds
    }
    return found | {alias: found[name] for alias, name in ALIASES.items() if name in found}
