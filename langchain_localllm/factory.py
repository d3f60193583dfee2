"""A model in one line, as LangChain's own functions of these names make one."""

from typing import TYPE_CHECKING, Any

import langchain_localllm
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.registry import RUNTIMES

if TYPE_CHECKING:
    from langchain_core.documents.compressor import BaseDocumentCompressor
    from langchain_core.embeddings import Embeddings

    from langchain_localllm.base.chat import LocalChatModel
    from langchain_localllm.base.decision import LocalDecisionModel


def init_chat_model(
    model: str, *, model_provider: str | None = None, **options: Any
) -> "LocalChatModel":
    """Make a chat model from a runtime and a model.

    LangChain's function of this name makes only the classes that it knows, which are not ours.

    Args:
        model: `ollama:qwen3`, `llamacpp:model.gguf`, `gpt4all:model.gguf`, `llamafile` for the
            model that a server runs, or `llamafile:http://localhost:9931` for a server's address.
        model_provider: The runtime, where `model` is only the model's name.
        **options: Options of the class.

    Raises:
        InvalidOptionError: The runtime is unknown, or the class does not take an option.

    Example:
        >>> from langchain_localllm import init_chat_model
        >>> init_chat_model("ollama:llama3.2", temperature=0).model
        'llama3.2'
        >>> init_chat_model("qwen3:8b", model_provider="ollama").model
        'qwen3:8b'
    """
    chat: LocalChatModel = _make("chat", model, options, model_provider)
    return chat


def init_embeddings(model: str, *, provider: str | None = None, **options: Any) -> "Embeddings":
    """Make an embedding model from a runtime and a model.

    Args:
        model: As for `init_chat_model`.
        provider: The runtime, where `model` is only the model's name.
        **options: Options of the class.

    Raises:
        InvalidOptionError: The runtime is unknown or has no embeddings, or the class does not take
            an option.

    Example:
        >>> from langchain_localllm import init_embeddings
        >>> init_embeddings("ollama:nomic-embed-text").model
        'nomic-embed-text'
    """
    embeddings: Embeddings = _make("embeddings", model, options, provider)
    return embeddings


def init_reranker(model: str, **options: Any) -> "BaseDocumentCompressor":
    """Make a reranker from a runtime and a model.

    Args:
        model: As for `init_chat_model`, with the runtime `llamacpp` or `llamafile`.
        **options: Options of the class.

    Raises:
        InvalidOptionError: The runtime is unknown or has no rerankers, or the class does not take
            an option.
    """
    reranker: BaseDocumentCompressor = _make("reranker", model, options)
    return reranker


def init_decision_model(model: str, **options: Any) -> "LocalDecisionModel":
    """Make a decision model from a runtime and a model.

    Args:
        model: As for `init_chat_model`, with the runtime `llamacpp` or `llamafile`.
        **options: Options of the class.

    Raises:
        InvalidOptionError: The runtime is unknown or has no decision models, or the class does not
            take an option.
        MissingDependencyError: langchain-core is older than 1.8.
    """
    decision_model: LocalDecisionModel = _make("decision", model, options)
    return decision_model


def _make(kind: str, model: str, options: dict[str, Any], provider: str | None = None) -> Any:
    runtime, _, name = (provider, "", model) if provider else model.partition(":")
    classes = {runtime: kinds[kind] for runtime, kinds in RUNTIMES.items() if kind in kinds}
    if runtime not in classes:
        problem = f"has no {kind} model" if runtime in RUNTIMES else "does not name a runtime"
        raise InvalidOptionError(
            f"{provider or model!r} {problem}. Put one before the model: "
            f"{', '.join(f'{each}:' for each in classes)}."
        )
    named = (
        {"base_url" if name.startswith(("http://", "https://")) else "model": name} if name else {}
    )
    return getattr(langchain_localllm, classes[runtime])(**named, **options)
