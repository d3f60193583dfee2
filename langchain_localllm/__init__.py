"""Local language models in LangChain: text, chat and embeddings.

They stream, stay on the machine, and behave the same on every runtime. Importing this package loads
no runtime and no binding; each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from langchain_localllm._deprecated import find_moved_modules
from langchain_localllm._lazy import lazy_exports
from langchain_localllm._version import __version__ as __version__
from langchain_localllm.registry import class_modules

if TYPE_CHECKING:
    from langchain_localllm.factory import init_chat_model as init_chat_model
    from langchain_localllm.factory import init_decision_model as init_decision_model
    from langchain_localllm.factory import init_embeddings as init_embeddings
    from langchain_localllm.factory import init_reranker as init_reranker
    from langchain_localllm.runtimes.gpt4all.chat import ChatGPT4All as ChatGPT4All
    from langchain_localllm.runtimes.gpt4all.embeddings import (
        GPT4AllEmbeddings as GPT4AllEmbeddings,
    )
    from langchain_localllm.runtimes.gpt4all.llm import GPT4All as GPT4All
    from langchain_localllm.runtimes.llamacpp.chat import ChatLlamaCpp as ChatLlamaCpp
    from langchain_localllm.runtimes.llamacpp.decision import (
        LlamaCppDecisionModel as LlamaCppDecisionModel,
    )
    from langchain_localllm.runtimes.llamacpp.embeddings import (
        LlamaCppEmbeddings as LlamaCppEmbeddings,
    )
    from langchain_localllm.runtimes.llamacpp.llm import LlamaCpp as LlamaCpp
    from langchain_localllm.runtimes.llamacpp.reranker import LlamaCppReranker as LlamaCppReranker
    from langchain_localllm.runtimes.llamafile.chat import ChatLlamafile as ChatLlamafile
    from langchain_localllm.runtimes.llamafile.decision import (
        LlamafileDecisionModel as LlamafileDecisionModel,
    )
    from langchain_localllm.runtimes.llamafile.embeddings import (
        LlamafileEmbeddings as LlamafileEmbeddings,
    )
    from langchain_localllm.runtimes.llamafile.llm import Llamafile as Llamafile
    from langchain_localllm.runtimes.llamafile.management import (
        LlamaServerClient as LlamaServerClient,
    )
    from langchain_localllm.runtimes.llamafile.reranker import (
        LlamafileReranker as LlamafileReranker,
    )
    from langchain_localllm.runtimes.llamafile.server import LocalServer as LocalServer
    from langchain_localllm.runtimes.ollama.chat import ChatOllama as ChatOllama
    from langchain_localllm.runtimes.ollama.client import OllamaClient as OllamaClient
    from langchain_localllm.runtimes.ollama.embeddings import OllamaEmbeddings as OllamaEmbeddings
    from langchain_localllm.runtimes.ollama.llm import Ollama as Ollama
    from langchain_localllm.runtimes.ollama.llm import OllamaLLM as OllamaLLM

find_moved_modules()
__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        **class_modules("text", "chat", "embeddings", "reranker", "decision"),
        "LlamaServerClient": "langchain_localllm.runtimes.llamafile.management",
        "OllamaClient": "langchain_localllm.runtimes.ollama.client",
        "LocalServer": "langchain_localllm.runtimes.llamafile.server",
        **dict.fromkeys(
            ("init_chat_model", "init_decision_model", "init_embeddings", "init_reranker"),
            "langchain_localllm.factory",
        ),
    },
    ("chat_models", "embeddings", "llms", "prompts"),
)
