"""Embed texts, in the engine's thread."""

import contextlib
import unicodedata
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from langchain_localllm.base.embedding_batches import Vectors
from langchain_localllm.errors import ContextLengthError, InvalidRequestError, ServerError
from langchain_localllm.runtimes.gpt4all.binding import binding, c_text, captured_stderr
from langchain_localllm.runtimes.gpt4all.engine import Loaded

_NOISE: Final = rb"embed: warning: unknown model"
"""Written for each call with a model that the package does not know by name."""


def embed(
    texts: Sequence[str],
    threads: int,
    future: Future[Vectors],
    loaded: Loaded,
    *,
    cut: bool = False,
) -> None:
    """Set the future's result to one vector a text, or its error.

    Args:
        texts: The texts.
        threads: Threads to compute with.
        future: Where the vectors go.
        loaded: The model.
        cut: Whether a text that is too long is cut at its end; otherwise it is an error.
    """
    if not future.set_running_or_notify_cancel():
        return
    try:
        loaded.check_wanted()
        if loaded.vocabulary and loaded.vocabulary.is_wordpiece():
            texts = [without_marks(text) for text in texts]
        _check(texts, loaded, cut=cut)
        binding().llmodel.llmodel_setThreadCount(loaded.model.model, threads)
        future.set_result(_vectors(list(texts), loaded, cut=cut))
    except BaseException as error:  # noqa: BLE001 - it belongs to the one who asked
        future.set_exception(error)


def without_marks(text: str) -> str:
    r"""Return a text without combining marks, as llama.cpp reads it for BERT's models.

    The package's older llama.cpp takes a word with one as unknown: in Arabic, Hebrew and Hindi, and
    letters with accents as some PDFs and macOS write them.

    Example:
        >>> without_marks("cafe\u0301")
        'cafe'
    """
    if text.isascii():
        return text
    rest = "".join(char for char in text if not unicodedata.category(char).startswith("M"))
    return rest if rest.strip() else text


def _check(texts: Sequence[str], loaded: Loaded, *, cut: bool) -> None:
    """Raise for what the engine would cut, or make an average of."""
    for text in texts:
        c_text(text)
        count = len(loaded.vocabulary.tokens(text)) if loaded.vocabulary and not cut else 0
        if count > loaded.n_ctx:
            words = f"The text has {count} tokens, and the model takes {loaded.n_ctx}."
            raise ContextLengthError(words, prompt_tokens=count, context_tokens=loaded.n_ctx)


def _vectors(texts: list[str], loaded: Loaded, *, cut: bool) -> Vectors:
    try:
        return _ask(texts, "", loaded, cut=cut)
    except RuntimeError as error:
        if "not a valid task type" not in str(error):
            raise ServerError(f"GPT4All reports: {error}") from None
    # A model that the package knows by name takes its prefix apart from the text, and none that it
    # does not know.
    prefix = texts[0].partition(": ")[0]
    bare = [text.removeprefix(f"{prefix}: ") for text in texts]
    try:
        return _ask(bare, prefix, loaded, cut=cut)
    except RuntimeError:
        raise InvalidRequestError(
            f"The model {loaded.name} wants a prefix before each text, such as "
            "query_prefix='search_query: ' and document_prefix='search_document: ' for "
            "nomic-embed-text, 'query: ' and 'passage: ' for e5. See its card."
        ) from None


def _ask(texts: list[str], prefix: str, loaded: Loaded, *, cut: bool) -> Vectors:
    with contextlib.ExitStack() as quiet:
        quiet.enter_context(captured_stderr(_NOISE))

        def about_to_compute(*_: object) -> bool:
            quiet.close()
            return False  # do not cancel

        found = loaded.model.generate_embeddings(
            texts,
            prefix,
            -1,
            not cut,
            False,  # noqa: FBT003 - as C has it
            about_to_compute,
        )
    vectors: Vectors = found["embeddings"]
    return vectors
