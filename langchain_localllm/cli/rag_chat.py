"""The conversation of `localllm rag chat`."""

import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_localllm.cli.interrupt import cleaning_up
from langchain_localllm.cli.line_input import read_line
from langchain_localllm.cli.rag_output import place_of, print_stream
from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_localllm.rag import Citation, Conversation, LocalRAG, Passage

_ENDS: Final = ("/bye", "/exit", "/quit")
_HELP: Final = """\
/sources    the sources of the last answer
/open 2     source [2] in its file
/passages   the passages that the model was given
/clear      forget the conversation
/bye        end; Ctrl-D does too
Ctrl-C stops an answer."""
_AROUND: Final = 5
"""Lines before and after a passage that `/open` shows."""
_HIGHLIGHT: Final = "\x1b[1;33m{}\x1b[0m"


def talk(rag: "LocalRAG", *, as_json: bool = False) -> None:
    """Answer questions from stdin until it ends.

    Args:
        rag: The documents and the model.
        as_json: Print each answer as one JSON object on a line.
    """
    conversation = rag.chat()
    found: dict[str, Any] = {"citations": [], "context": []}
    if sys.stdin.isatty():
        print_stderr(
            "Ask about your documents. /help lists the commands, Ctrl-D ends the conversation."
        )
    while (typed := read_line("> ")) is not None:
        line = typed.strip()
        word, _, rest = line.partition(" ")
        if not line:
            continue
        if word in _ENDS:
            break
        if word == "/clear":
            conversation.clear()
            print_stderr("The conversation is forgotten.")
        elif word.startswith("/"):
            _run_command(rag, word, rest.strip(), found)
        else:
            found = _answer(rag, conversation, line, as_json=as_json) or found


def _answer(
    rag: "LocalRAG", conversation: "Conversation", question: str, *, as_json: bool
) -> dict[str, Any] | None:
    """Print an answer, and return its parts, or `None` if Ctrl-C stopped it or it failed."""
    from langchain_localllm.errors import LocalLLMError

    try:
        with (
            cleaning_up(),
            closing(cast("Generator[dict[str, Any]]", conversation.stream(question))) as stream,
        ):
            return print_stream(rag, question, stream, as_json=as_json)
    except KeyboardInterrupt:
        print()
        print_stderr("The answer was stopped.")
    except LocalLLMError as error:  # the next question may be answered
        print_stderr(str(error))
    return None


def _run_command(rag: "LocalRAG", word: str, rest: str, found: dict[str, Any]) -> None:
    citations: list[Citation] = found["citations"]
    if word == "/sources":
        for each in citations:
            print(f"[{each.marker}] {place_of(rag, _metadata(each))}\n    {each.quote}")
        if not citations:
            print_stderr("There is no answer with sources yet.")
    elif word == "/passages":
        for passage in found["context"]:
            print(
                f"{place_of(rag, passage.metadata)}\n    {' '.join(passage.page_content.split())}"
            )
    elif word == "/open":
        _open(rag, citations, rest)
    elif word in {"/help", "/?"}:
        print(_HELP)
    else:
        print_stderr(f"{word} is not a command. /help lists them.")


def _open(rag: "LocalRAG", citations: "list[Citation]", number: str) -> None:
    """Show the passage of a source in its file."""
    from langchain_localllm.errors import StoreError

    cited = next((each for each in citations if str(each.marker) == number.strip("[]")), None)
    if cited is None:
        numbers = ", ".join(str(each.marker) for each in citations) or "none"
        print_stderr(
            f"{number or 'Nothing'} is not a source of the last answer. Sources: {numbers}. "
            "Write /open and a number."
        )
        return
    if not cited.passage_id:
        print(cited.passage)
        return
    try:
        passage = rag.passage(cited.passage_id, cited.passage)
    except StoreError as error:
        print_stderr(str(error))
        return
    page = f", page {passage.page}" if passage.page else ""
    print(f"{passage.path}{page}{f', {passage.heading}' if passage.heading else ''}")
    for line in _lines(passage, cited, colored=sys.stdout.isatty()):
        print(line)


def _lines(passage: "Passage", cited: "Citation", *, colored: bool) -> Iterator[str]:
    """Yield the lines of a passage and around it.

    Those of the passage begin with `>`, and the quote is highlighted.
    """
    before = passage.before.rstrip("\n").splitlines()[-_AROUND:]
    after = passage.after.lstrip("\n").splitlines()[:_AROUND]
    yield from (f"  {line}" for line in before)
    text = passage.text
    if colored and cited.quote in text:
        text = text.replace(cited.quote, _HIGHLIGHT.format(cited.quote), 1)
    yield from (f"> {line}" for line in text.splitlines())
    yield from (f"  {line}" for line in after)


def _metadata(citation: "Citation") -> dict[str, Any]:
    """Return what is known of a source, as the metadata of a passage."""
    names = ("source", "page", "heading", "line")
    return {name: value for name in names if (value := getattr(citation, name)) is not None}
