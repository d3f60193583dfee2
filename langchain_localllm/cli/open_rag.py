"""Open an index with its models, and the options of the commands that do."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from langchain_localllm.cli.model_args import answering_model
from langchain_localllm.cli.model_args import embedding_model as opened_embedding_model
from langchain_localllm.cli.model_args import reranker as opened_reranker

if TYPE_CHECKING:
    from langchain_localllm.rag import LocalRAG

STORE: Final = Path(".localllm")
"""The folder of the index, within the working directory or the folder of the documents."""

Store = Annotated[Path, typer.Option("--store", help="The folder of the index.")]
EmbeddingModel = Annotated[
    str,
    typer.Option(
        "--embedding-model",
        help="The same for the embeddings. Default: that of the index, else the tiny one.",
    ),
]
RerankerModel = Annotated[
    str,
    typer.Option(
        "--reranker",
        help=(
            "Order the passages by this reranker: a GGUF file, or a server's address. Default: "
            "none."
        ),
        show_default=False,
    ),
]
Passages = Annotated[
    int | None,
    typer.Option(
        "--passages",
        "-k",
        min=1,
        help="The most passages that the model is given. Default: as many as fit the budget.",
        show_default=False,
    ),
]
PassageSize = Annotated[
    int | None,
    typer.Option(
        "--passage-size",
        min=1,
        help=(
            "Bytes up to which a found passage grows within its section. Default: a third of the "
            "budget, at most 1000."
        ),
        show_default=False,
    ),
]
ContextTokens = Annotated[
    int | None,
    typer.Option(
        "--context-tokens",
        min=1,
        help=(
            "Tokens of all passages together. Default: a quarter of the model's context less the "
            "answer, at most 4000; one passage for a model below a billion parameters."
        ),
        show_default=False,
    ),
]
Remote = Annotated[bool, typer.Option("--allow-remote", help="Allow servers on other machines.")]


@contextmanager
def open_rag(
    store: Path,
    model: str | None,
    embedding_model: str,
    *,
    allow_remote: bool,
    rebuild: bool = False,
    max_tokens: int | None = None,
    chat_template: str = "",
    reranker: str = "",
    **options: Any,
) -> "Iterator[LocalRAG]":
    """Open the index with its models. Servers that they need run within the block.

    Args:
        store: The folder of the index.
        model: The reference of the model that answers: a chat model, unless a template is given.
            `None`: none answers.
        embedding_model: The reference of the embedding model. Empty: that of the index, or the tiny
            one.
        allow_remote: Whether models may run on other machines.
        rebuild: Whether settings that cannot be read are ignored.
        max_tokens: The longest answer.
        chat_template: The template to use instead of the model's own.
        reranker: The reference of a reranker. Empty: none.
        options: Arguments of `LocalRAG`.
    """
    from langchain_localllm.manage.resolve import resolve
    from langchain_localllm.rag import LocalRAG
    from langchain_localllm.rag import Store as Index
    from langchain_localllm.rag.answer.privacy import silence_process

    answering = None if model is None else resolve(model, "text" if chat_template else "chat")
    silence_process()
    held = Index(store)
    settings = (
        held.readable_settings() if rebuild else held.catalog.settings() if held.exists else {}
    )
    held.close()
    embedding = resolve(embedding_model or settings.get("embedding_source", ""), "embeddings")
    ranking = resolve(reranker, "reranker") if reranker else None
    with ExitStack() as parts:
        embeddings = parts.enter_context(opened_embedding_model(embedding))
        if ranking:
            options["reranker"] = parts.enter_context(opened_reranker(ranking))
        opened = answering and answering_model(
            answering, max_tokens, chat_template, allow_remote=allow_remote
        )
        llm = parts.enter_context(opened) if opened else None
        rag = parts.enter_context(
            LocalRAG(llm, embeddings, store, allow_remote=allow_remote, **options)
        )
        if embedding_model:
            rag.store.embedding_source = embedding.reference
        yield rag
