"""JSON: its values in plain words, with the keys that lead to them."""

import json
from collections.abc import Iterator
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.partly import PartlyReadError, left_out_parts
from langchain_localllm.rag.ingest.formats.text import decode
from langchain_localllm.rag.ingest.normalize import normalize

_DEEPEST: Final = 100


def read_json(data: bytes) -> Iterator[Document]:
    """Yield a Document for each element of the outermost list, or each key of the object.

    The key of the outermost object goes to `heading`.

    Example:
        >>> documents = read_json(b'{"boat": {"name": "Heron", "seats": [2, 3]}}')
        >>> [(each.metadata["heading"], each.page_content) for each in documents]
        [('boat', 'name: Heron; seats: 2, 3')]
    """
    text = normalize(decode(data))
    try:
        yield from _parts(json.loads(text))
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:
        # a value in each line
        if (
            isinstance(error, json.JSONDecodeError)
            and error.msg == "Extra data"
            and error.lineno > 1
        ):
            yield from read_json_lines(data)
            return
        raise DocumentError(
            f"it is not valid JSON ({error}). Correct it, or save it as a .txt file."
        ) from error


def _parts(value: Any) -> Iterator[Document]:
    parts = (
        enumerate(value, 1)
        if isinstance(value, list)
        else value.items()
        if isinstance(value, dict)
        else [("", value)]
    )
    for name, part in parts:
        if text := plain(part):
            yield Document(text, metadata={"heading": str(name)} if name else {})


def read_json_lines(data: bytes) -> Iterator[Document]:
    """Yield a Document for each line, which is a JSON value of its own.

    Lines that cannot be read, such as the last one of a file that is still written, are left out.

    Raises:
        DocumentError: The first line cannot be read.
        PartlyReadError: Others cannot; raised at the end.
    """
    left_out: list[int] = []
    reason = ""
    begun = False
    for number, line in enumerate(normalize(decode(data)).split("\n"), 1):
        if not line.strip():
            continue
        try:
            text = plain(json.loads(line))
        except (ValueError, RecursionError) as error:
            if not begun:
                raise DocumentError(
                    f"line {number} is {_reason(error)}. Correct it, or save the file as .txt."
                ) from error
            left_out.append(number)
            reason = reason or _reason(error)
            continue
        begun = True
        yield located(text, [(0, number)])
    if left_out:
        raise PartlyReadError(f"{left_out_parts(left_out, 'lines')}: {reason}.")


def _reason(error: Exception) -> str:
    """Return what is wrong with a line."""
    return (
        f"more than {_DEEPEST} levels deep"
        if isinstance(error, DocumentError)
        else f"not valid JSON ({error})"
    )


def plain(value: Any) -> str:
    """Return a JSON value as one line of text.

    Example:
        >>> plain({"name": "Heron", "owner": {"name": "Ann", "age": None}})
        'name: Heron; owner.name: Ann'
    """
    return "; ".join(f"{path}: {text}" if path else text for path, text in _leaves("", value))


def _leaves(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:  # each value is written with all keys that lead to it
        raise DocumentError(
            f"its values are more than {_DEEPEST} levels deep. Save its text as a .txt file."
        )
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(f"{path}.{name}" if path else str(name), part, depth + 1)
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        for number, part in enumerate(value, 1):
            yield from _leaves(f"{path}.{number}" if path else str(number), part, depth + 1)
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value))
    elif value not in (None, ""):
        yield path, str(value)
