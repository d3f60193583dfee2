"""`localllm ask`: a question about files, answered from them."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_localllm.cli.chat_models import AnswerTokens, ChatTemplate, Model, RefusalQuantile
from langchain_localllm.cli.indexing import index_paths
from langchain_localllm.cli.model_args import answering_model
from langchain_localllm.cli.model_args import embedding_model as opened_embedding_model
from langchain_localllm.cli.rag_output import note_problems, show_answer
from langchain_localllm.errors import InvalidOptionError

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from langchain_localllm.base.chat import LocalChatModel
    from langchain_localllm.rag import LocalRAG

_EXAMPLE = 'localllm ask notes/ "When does the library close?"'


def ask(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH",
            help="Files of text, Markdown, HTML, PDF, Word and more, and folders.",
            show_default=False,
        ),
    ] = None,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The question, in quotes.", show_default=False)
    ] = "",
    *,
    model: Model = "",
    embedding_model: Annotated[
        str,
        typer.Option(
            "--embedding-model",
            help="The same for the embeddings. Default: the tiny embedding model.",
        ),
    ] = "",
    passages: Annotated[
        int | None,
        typer.Option(
            "--passages",
            "-k",
            min=1,
            help=(
                "The most passages that the model is given. Default: as many as fit into a "
                "quarter of its context."
            ),
            show_default=False,
        ),
    ] = None,
    chunk_size: Annotated[
        int | None,
        typer.Option(
            "--chunk-size",
            min=1,
            help="Longest passage that is searched, in bytes of UTF-8.",
            show_default="400",
        ),
    ] = None,
    max_tokens: AnswerTokens = None,
    chat_template: ChatTemplate = "",
    refusal_quantile: RefusalQuantile = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Allow servers on other machines.")
    ] = False,
    show_passages: Annotated[
        bool, typer.Option("--show-passages", help="Print the passages with their sources.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object: question, answer, sources and more."),
    ] = False,
) -> None:
    """Answer a question from your own files, and name the sources.

    Nothing leaves this machine. Without options two tiny models answer: they copy a sentence from
    the files and are there to try things out. For better answers give a larger model with --model.
    The files are read again each time; for many files use `localllm rag`.
    """
    _check_words(paths or [], question)
    question = question.encode(errors="replace").decode()  # a terminal may send invalid bytes
    from langchain_localllm.manage.resolve import resolve

    chat = resolve(model, "text" if chat_template else "chat")
    embedding = resolve(embedding_model, "embeddings")
    with ExitStack() as servers:
        llm = servers.enter_context(
            answering_model(chat, max_tokens, chat_template, allow_remote=allow_remote)
        )
        rag = _rag(
            llm,
            servers.enter_context(opened_embedding_model(embedding)),
            k=passages,
            chunk_size=chunk_size,
            refusal_quantile=refusal_quantile,
            allow_remote=allow_remote,
        )
        note_problems(index_paths(rag, paths or []).problems)
        show_answer(rag, question, as_json=as_json, in_full=show_passages)


def _rag(llm: "LocalChatModel", embeddings: "Embeddings", **options: Any) -> "LocalRAG":
    from langchain_localllm.rag import LocalRAG
    from langchain_localllm.rag.answer.privacy import silence_process

    silence_process()
    return LocalRAG(llm, embeddings, **options)


def _check_words(paths: list[Path], question: str) -> None:
    if not paths:
        raise InvalidOptionError(
            f"Give files or folders, and then the question in quotes: {_EXAMPLE}"
        )
    if not question.strip():
        raise InvalidOptionError(
            f"The question is empty. Ask something after the files: {_EXAMPLE}"
        )
    for path in paths:
        if not os.path.lexists(path):
            if os.path.lexists(question):
                raise InvalidOptionError(f"The question comes after the files: {_EXAMPLE}")
            raise InvalidOptionError(
                f"There is no file or folder {path}. Check the spelling, and put the question "
                "in quotes."
            )
