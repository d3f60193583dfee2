"""Vectors from a server: llama.cpp's of any age, or another that speaks OpenAI's API.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("POST /embedding", "POST
    /v1/embeddings").
"""

import base64
import json
import struct
from collections.abc import Callable
from statistics import fmean
from typing import Any, Final

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.base.embedding_batches import Plan, Vectors
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.api import ask
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader, reported_error

Input = str | list[int]
"""A text, or the tokens of one."""
Way = Callable[[ServerOptions, list[Input]], Plan[Vectors]]
_RAW: Final = -1
"""What llama.cpp's server takes for vectors that are not scaled."""
_FLOAT: Final = 4
_URL_SAFE: Final = str.maketrans("-_", "+/")
"""Base64's other alphabet, of which a lenient decoder would lose two characters."""
_NO_VECTORS: Final = (*UNREADABLE, ValueError, struct.error)


def openai_base64(options: ServerOptions, texts: list[Input]) -> Plan[Vectors]:
    """Send many texts to `/v1/embeddings`, and read vectors as base64.

    That takes half the time of lists of numbers.
    """
    return (yield from _openai(options, texts, {"encoding_format": "base64"}))


def embed_openai(options: ServerOptions, texts: list[Input]) -> Plan[Vectors]:
    """Many texts to `/v1/embeddings` of a server that does not know base64."""
    return (yield from _openai(options, texts, {}))


def openai_one_by_one(options: ServerOptions, texts: list[Input]) -> Plan[Vectors]:
    """One text after the other to `/v1/embeddings` of a server that does not know lists."""
    vectors: Vectors = []
    for text in texts:
        vectors += yield from _openai(options, text, {})
    return vectors


def openai_token_vectors(options: ServerOptions, texts: list[Input]) -> Plan[Vectors]:
    """Send many texts to `/v1/embeddings` of a server with token vectors, and pool them.

    It is for servers that give one vector per token and have no other way.
    """
    return (yield from _openai(options, texts, {}, pooled=True))


def _openai(
    options: ServerOptions,
    texts: list[Input] | Input,
    more: dict[str, Any],
    *,
    pooled: bool = False,
) -> Plan[Vectors]:
    body: dict[str, Any] = {"input": texts, **more}
    if model := getattr(options, "model", None):
        body["model"] = model
    try:
        answer = yield from _ask(options, "/v1/embeddings", body)
    except InvalidRequestError as error:
        # this way wants one vector a text, and the server has one a token
        if "pooling" in str(error).lower():
            raise NoPoolingError from error
        raise
    try:
        vectors = [_numbers(row) for row in _rows(answer)]
        usage = (answer.get("usage") or {}) if isinstance(answer, dict) else {}
    except _NO_VECTORS:
        raise _no_vectors(options, "/v1/embeddings", answer) from None
    if any(vector and isinstance(vector[0], list) for vector in vectors):
        if not pooled and any(len(vector) > 1 for vector in vectors):
            raise NoPoolingError
        vectors = [_pooled(vector) if vector else vector for vector in vectors]
    _check_whole(options, usage.get("total_tokens"), usage.get("prompt_tokens"))
    return vectors


def _ask(options: ServerOptions, path: str, body: dict[str, Any]) -> Plan[Any]:
    return ask(options, "POST", path, {**body, **(getattr(options, "extra_body", None) or {})})


def _rows(answer: Any) -> list[Any]:
    """Return the rows of an answer in the order of the texts.

    The order is by `index` if all are numbered, else as they came. Servers list rows under `data`,
    or as Ollama and Cohere do under `embeddings`, or alone. In their rows `index` may be a text, or
    be missing where it is 0, as Go's and Protocol Buffers' JSON leave out zeros.
    """
    rows = answer if isinstance(answer, list) else answer.get("data", answer.get("embeddings"))
    if isinstance(rows, dict):  # Cohere's, by their type
        rows = rows["float"]
    if not all(isinstance(row, dict) for row in rows):
        return list(rows)
    places = {int(row.get("index") or 0): row["embedding"] for row in rows}
    if sorted(places) == list(range(len(rows))):
        return [places[number] for number in range(len(rows))]
    return [row["embedding"] for row in rows]


def llamacpp(options: ServerOptions, texts: list[Input]) -> Plan[Vectors]:
    """Many texts to llama.cpp's own `/embedding`, whose vectors are raw.

    Those of tokens are pooled.
    """
    answer = yield from _ask(options, "/embedding", {"content": texts, "embd_normalize": _RAW})
    try:
        # llamafiles of 2023 and 2024 answer an object, whose rows come without `index`, in the
        # order in which they were done
        return [
            _pooled(row["embedding"]) for row in sorted(answer[:], key=lambda row: row["index"])
        ]
    except _NO_VECTORS:
        raise _no_vectors(options, "/embedding", answer) from None


def llamacpp_one_by_one(options: ServerOptions, texts: list[Input]) -> Plan[Vectors]:
    """One text after the other to `/embedding`, as llamafiles have it that do not know lists."""
    vectors: Vectors = []
    for text in texts:
        answer = yield from _ask(options, "/embedding", {"content": text})
        try:
            vectors.append(_pooled(answer["embedding"]))
        except _NO_VECTORS:
            raise _no_vectors(options, "/embedding", answer) from None
        _check_whole(options, answer.get("tokens_provided"), answer.get("tokens_used"))
    return vectors


def _check_whole(options: ServerOptions, given: Any, used: Any) -> None:
    """Raise if the server read only the beginning of a text, unless that was asked for.

    llamafile's `--v2` does so.
    """
    if not (isinstance(given, int) and isinstance(used, int)):
        return
    if given > used > 0 and not getattr(options, "truncate", False):
        raise ContextLengthError("The text is too long.", prompt_tokens=given, context_tokens=used)


class NoPoolingError(Exception):
    """The server gives one vector a token, since its model names no pooling."""


def _numbers(vector: Any) -> list[Any]:
    """Return the numbers of a vector, or its tokens' vectors.

    Nothing where the server gave none for this text.
    """
    if isinstance(vector, dict):  # by their type
        vector = vector.get("float", vector.get("base64"))
    if vector is None:
        return []
    if isinstance(vector, str) and vector.startswith("["):
        vector = json.loads(vector)
    if isinstance(vector, str):
        data = base64.b64decode(vector.translate(_URL_SAFE), validate=True)
        return list(struct.unpack(f"<{len(data) // _FLOAT}f", data))
    if not isinstance(vector, list):
        raise TypeError
    return vector


def _pooled(vector: list[Any]) -> list[float]:
    """Return the vector, or the mean of those of its tokens."""
    rows = vector if isinstance(vector[0], list) else [vector]
    return rows[0] if len(rows) == 1 else [fmean(column) for column in zip(*rows, strict=True)]


def _no_vectors(options: ServerOptions, path: str, answer: Any) -> ModelCallError:
    """Return the error for an answer without vectors: the reported one, if there is one."""
    url = options.client.address.url
    if error := reported_error(answer) or (
        isinstance(answer, dict) and reported_error(answer.get("data"))
    ):
        return ErrorReader(url).in_answer(error)
    return WrongServerError(f"The server at {url} gives no vectors at {path}.")
