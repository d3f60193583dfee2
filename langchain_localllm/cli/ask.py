"""`localllm ask`: a question about files, answered from them."""

import json
import logging
import os
import textwrap
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from langchain_localllm.cli.interrupt import ending_at_once
from langchain_localllm.cli.notes import Progress, note
from langchain_localllm.cli.serving import check_model, serving
from langchain_localllm.errors import DocumentError, InvalidOptionError
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.rag.defaults import CHUNK_SIZE, PASSAGES

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.vectorstores import VectorStoreRetriever

_MOST_NAMED = 10  # unreadable files that are named one by one
_TRACING = ("LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGSMITH_TRACING_V2")  # would send the passages to LangSmith
_EXAMPLE = 'localllm ask notes/ "When does the library close?"'


def ask(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Text, Markdown, HTML or PDF files, and folders of them.", show_default=False),
    ] = None,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, in quotes.", show_default=False)] = "",
    *,
    model: Annotated[
        str,
        typer.Option("--model", help="A GGUF file, a llamafile, or a server's http address. Default: the tiny chat model."),
    ] = "",
    embedding_model: Annotated[
        str, typer.Option("--embedding-model", help="The same for the embeddings. Default: the tiny embedding model.")
    ] = "",
    passages: Annotated[int, typer.Option("--passages", "-k", min=1, help="How many passages the model is given.")] = PASSAGES,
    chunk_size: Annotated[int, typer.Option("--chunk-size", min=1, help="Longest passage, in bytes of UTF-8.")] = CHUNK_SIZE,
    show_passages: Annotated[bool, typer.Option("--show-passages", help="Print the passages with their sources.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object: question, answer, sources.")] = False,
) -> None:
    """Answer a question from your own files, and name the sources.

    Nothing leaves this machine, unless you give the address of a server elsewhere. Without options two tiny models answer:
    they copy a sentence from the files and are there to try things out. For better answers give a larger model with --model.
    """
    _check_words(paths or [], question)
    question = question.encode(errors="replace").decode()  # a terminal may hand over bytes that are no text
    for name in _TRACING:
        os.environ.pop(name, None)
    model, embedding_model = model or str(tiny_chat_model()), embedding_model or str(tiny_embedding_model())
    check_model(model, "--model")
    check_model(embedding_model, "--embedding-model")
    from langchain_localllm import ChatLlamafile
    from langchain_localllm.rag import answer_chain

    chunks = _passages(paths or [], chunk_size)
    with ExitStack() as servers:
        retriever = _index(chunks, servers.enter_context(serving(embedding_model, embedding=True)), passages)
        llm = ChatLlamafile(base_url=servers.enter_context(serving(model)), temperature=0)
        stream = cast("Generator[dict[str, Any]]", answer_chain(retriever, llm).stream({"question": question}))
        with ending_at_once(), closing(stream):
            found = next(chunk["context"] for chunk in stream if "context" in chunk)
            pieces = (chunk["answer"] for chunk in stream)
            if as_json:
                _print_json(question, "".join(pieces).strip(), found)
            else:
                _print_sources(_print_answer(pieces), found, in_full=show_passages)


def _check_words(paths: list[Path], question: str) -> None:
    if not paths:
        raise InvalidOptionError(f"Give files or folders, and then the question in quotes: {_EXAMPLE}")
    if not question.strip():
        raise InvalidOptionError(f"The question is empty. Ask something after the files: {_EXAMPLE}")
    for path in paths:
        if not os.path.lexists(path):
            raise InvalidOptionError(f"There is no file or folder {path}. Check the spelling, and put the question in quotes.")


def _passages(paths: list[Path], chunk_size: int) -> "list[Document]":
    """Read and split the files; those that cannot be read are named on stderr."""
    from langchain_localllm.rag import load_documents, split_documents

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its notes on odd files would stand between ours
    faults: list[DocumentError] = []
    try:
        with Progress("Reading") as progress:
            documents = load_documents(paths, faults.append, progress)
    except DocumentError:
        if len(faults) == 1:
            raise faults.pop() from None  # the one reason why there is nothing to read
        raise
    finally:
        for fault in faults[:_MOST_NAMED]:
            note(f"Left out {fault}")
        if len(faults) > _MOST_NAMED:
            note(f"Left out {len(faults) - _MOST_NAMED} more files.")
    return split_documents(documents, chunk_size)


def _index(chunks: "list[Document]", embedding_url: str, passages: int) -> "VectorStoreRetriever":
    """Embed the passages, and find those that are nearest to a question."""
    from langchain_localllm import LlamafileEmbeddings
    from langchain_localllm.rag import build_index

    with Progress("Indexing") as progress:
        index = build_index(chunks, LlamafileEmbeddings(base_url=embedding_url), on_progress=progress)
    return index.as_retriever(search_kwargs={"k": passages})


def _sources(answer: str, found: "list[Document]") -> "list[tuple[int, Document]]":
    """The passages that the answer names by number; all of them, with 0, where it names none; and none for no answer."""
    from langchain_localllm.rag import NO_ANSWER, cited_passages

    if not answer or answer.startswith(NO_ANSWER):
        return []
    return cited_passages(answer, found) or [(0, passage) for passage in found]


def _print_answer(pieces: Iterable[str]) -> str:
    """Print the answer as it comes, without space around it, and return it."""
    answer = ""
    for piece in pieces:
        text = piece if answer else piece.lstrip()
        print(text, end="", flush=True)
        answer += text
    print()
    if not answer:
        note("The model gave no answer. Ask in other words, or try a larger model with --model.")
    return answer.strip()


def _print_sources(answer: str, found: "list[Document]", *, in_full: bool) -> None:
    from langchain_localllm.rag import format_passages

    sources = _sources(answer, found)
    if sources:
        print("\nSources:")
    for number, passage in sources:
        print(f"[{number}]" if number else "-", _place(passage.metadata))
    if in_full:
        print("\nPassages:")
        for passage, text in zip(found, format_passages(found).split("\n\n"), strict=True):
            print(f"{_place(passage.metadata)}\n{textwrap.indent(text, '    ')}")


def _place(metadata: dict[str, Any]) -> str:
    """Where a passage stands: file, and page or heading."""
    place = [str(metadata["source"])]
    if "page" in metadata:
        place.append(f"page {metadata['page']}")
    if "heading" in metadata:
        place.append(metadata["heading"])
    return ", ".join(place)


def _print_json(question: str, answer: str, found: "list[Document]") -> None:
    sources = [{**passage.metadata, "text": passage.page_content} for _, passage in _sources(answer, found)]
    print(json.dumps({"question": question, "answer": answer, "sources": sources}, ensure_ascii=False))
