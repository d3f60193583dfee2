"""Print an answer from documents: `localllm ask` and `localllm rag ask`."""

import json
import textwrap
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from langchain_localllm.rag import LocalRAG, Statement

MOST_NAMED = 10  # unreadable files that are named one by one


def note_problems(problems: list[str], where: str = "") -> None:
    """Name the files that could not be read, on stderr.

    Args:
        problems: A file and its reason each.
        where: What names all of them, where that is possible.
    """
    shown = problems[:MOST_NAMED] if where else problems
    for problem in shown:
        print_stderr(f"Left out: {problem}")
    if len(problems) > len(shown):
        print_stderr(f"Left out: {len(problems) - len(shown)} more files. {where} names them.")


def show_answer(rag: "LocalRAG", question: str, *, as_json: bool, in_full: bool) -> None:
    """Ask, and print the answer as it comes, then its sources.

    Args:
        rag: The documents and the model.
        question: The question.
        as_json: Print one JSON object instead.
        in_full: Print the passages too.
    """
    found = print_stream(rag, question, rag.stream(question), as_json=as_json)
    if in_full and not as_json:
        _print_passages(rag, found["context"])


def print_stream(
    rag: "LocalRAG", question: str, stream: Iterator[dict[str, Any]], *, as_json: bool = False
) -> dict[str, Any]:
    """Print an answer as it comes, then its sources and remarks, and return its parts.

    Args:
        rag: The documents and the model.
        question: The question.
        stream: The parts of the answer, from `LocalRAG.stream`.
        as_json: Print one JSON object instead.
    """
    from langchain_localllm.rag import is_refusal

    lists: dict[str, Any] = {
        name: [] for name in ("citations", "context", "omitted", "invalid_citations", "statements")
    }
    found: dict[str, Any] = {"question": question, "timings": {}, "tokens": {}, **lists}
    with closing(cast("Generator[dict[str, Any]]", stream)):
        pieces = _gathered(stream, found, with_markers=not as_json)
        answer = "".join(pieces).strip() if as_json else _print_answer(pieces)
    _note_cuts(rag, found)
    sources = [
        (each.marker, {**_known(asdict(each)), "text": each.passage}) for each in found["citations"]
    ]
    if as_json:
        print(json.dumps(_as_json(answer, sources, found), ensure_ascii=False))
    elif sources:
        print("\nSources:")
        for number, metadata in sources:
            print(f"[{number}]", place_of(rag, metadata))
    elif not (found["context"] or found["omitted"]):
        print_stderr(
            "No passage matches the question, so the model was not asked. Ask with words of the "
            "documents, or see what matches with `localllm rag search`. --refusal-quantile 0 asks "
            "the model anyway."
        )
    elif answer and not is_refusal(answer):
        given = "; ".join(
            dict.fromkeys(place_of(rag, passage.metadata) for passage in found["context"])
        )
        print_stderr(f"No passage supports the answer. The passages are from: {given}.")
    return found


def _note_cuts(rag: "LocalRAG", found: dict[str, Any]) -> None:
    """Print on stderr what was cut or omitted, and what the passages do not support."""
    if found.get("finish_reason") == "repetition":
        print_stderr(
            "The answer repeated itself and was cut. Ask in other words, or try a larger model "
            "with --model."
        )
    limit = getattr(rag.llm, "max_tokens", None)
    if limit and found["tokens"].get("completion", 0) >= limit:
        print_stderr(f"The answer was cut after {limit} tokens. Allow more with --max-tokens.")
    if found["omitted"]:
        total = len(found["omitted"]) + len(found["context"])
        print_stderr(
            f"{len(found['omitted'])} of {total} passages do not fit into the model's context "
            "and were omitted."
        )
    for invalid in found["invalid_citations"]:
        print_stderr(
            f"Citation [{invalid.marker}] is not supported by the retrieved passages. "
            f"{invalid.reason}"
        )
    for each in found["statements"]:
        if not each.supported:
            missing = f" They do not contain {', '.join(each.missing)}." if each.missing else ""
            print_stderr(f"[?] The passages do not support: {each.text}{missing}")


def show_passages(rag: "LocalRAG", passages: "list[Document]", *, as_json: bool) -> None:
    """Print passages that were searched for, each with its place."""
    if as_json:
        print(
            json.dumps(
                [{**passage.metadata, "text": passage.page_content} for passage in passages],
                ensure_ascii=False,
            )
        )
        return
    for number, passage in enumerate(passages, 1):
        print(
            f"[{number}] {place_of(rag, passage.metadata)}\n"
            f"{textwrap.indent(passage.page_content, '    ')}"
        )
    if not passages:
        print_stderr("Nothing was found.")


def _gathered(
    stream: Iterator[dict[str, Any]], found: dict[str, Any], *, with_markers: bool
) -> Iterator[str]:
    """Yield the pieces of the answer, with the numbers of sources.

    Everything else goes into `found`.
    """
    from langchain_localllm.rag.answer.citations import marker_of

    for part in stream:
        yield part.get("answer", "")
        if with_markers:
            yield from map(marker_of, part.get("statements", ()))
        for name, value in part.items():
            if name != "answer":
                found[name] = (
                    found[name] + value if isinstance(value, list) and name in found else value
                )


def _print_answer(pieces: Iterable[str]) -> str:
    """Print the answer as it comes, without space around it, and return it."""
    answer = ""
    for piece in pieces:
        text = piece if answer else piece.lstrip()
        print(text, end="", flush=True)
        answer += text
    print()
    if not answer:
        print_stderr(
            "The model gave no answer. Ask in other words, or try a larger model with --model."
        )
    return answer.strip()


def _known(about: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in about.items()
        if name not in {"marker", "passage"} and value is not None
    }


def place_of(rag: "LocalRAG", metadata: dict[str, Any]) -> str:
    """Return where a passage is: file, page or heading, and line."""
    path = rag.store.root / metadata["source"]
    place = [
        path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)
    ]
    for name, words in (
        ("page", "page {}"),
        ("heading", "{}"),
        ("cell", "cell {}"),
        ("line", "line {}"),
    ):
        if name in metadata:
            place.append(words.format(metadata[name]))
    return ", ".join(place)


def _print_passages(rag: "LocalRAG", passages: "list[Document]") -> None:
    from langchain_localllm.rag.answer.citations import numbered_texts

    print("\nPassages:")
    for passage, text in zip(passages, numbered_texts(passages), strict=True):
        print(f"{place_of(rag, passage.metadata)}\n{textwrap.indent(text, '    ')}")


def _as_fields(statement: "Statement") -> dict[str, Any]:
    """Return a statement with the number of its source in place of the source."""
    marker = statement.citation.marker if statement.citation else None
    return {**asdict(statement), "citation": marker}


def _as_json(
    answer: str, sources: list[tuple[int, dict[str, Any]]], found: dict[str, Any]
) -> dict[str, Any]:
    omitted = [{**passage.metadata, "text": passage.page_content} for passage in found["omitted"]]
    invalid = [asdict(each) for each in found["invalid_citations"]]
    return {
        "question": found["question"],
        "answer": answer,
        "sources": [{**metadata, "marker": number} for number, metadata in sources],
        "invalid_citations": invalid,
        "statements": [_as_fields(each) for each in found["statements"]],
        "finish_reason": found.get("finish_reason"),
        "passages": [
            {**passage.metadata, "text": passage.page_content} for passage in found["context"]
        ],
        "omitted": omitted,
        "timings": found["timings"],
        "tokens": found["tokens"],
        "rejected": invalid,  # the names of earlier versions
        "left_out": omitted,
    }
