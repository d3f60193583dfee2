"""Choose the sizes and the number of passages that a model is given, by its limits."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.model_info.introspect import describe_model, look_again

_SHARE: Final = 4
"""The passages may fill one part in so many of the context."""
_ANSWER_TOKENS: Final = 512
"""Tokens that the answer may need; at most a quarter of the context."""
_MOST_TOKENS: Final = 4_000
"""The largest default budget: more passages add more noise than answers, and take time to read."""
_BYTES_PER_TOKEN: Final = 3
"""English has about four bytes per token with a large vocabulary, and fewer with a small one."""
_WINDOW: Final = 512
"""The window of an embedding model that does not report one, in tokens."""
_BYTES_PER_WINDOW_TOKEN: Final = 2
"""Bytes per token of the embedding model's window that always fit: text of any script, with
headings."""
_CHUNK_SIZE: Final = 400
"""The longest passage of an index, in bytes: one to four sentences, which are about one thing."""
_LARGEST_PASSAGE: Final = 1_000
"""The longest default passage for the model, in bytes: a long paragraph, or a short section."""
_SMALL_MODEL: Final = 1_000_000_000
"""Parameters below which a model is given one long passage: on 42 questions of XQuAD, SmolLM2 135M
found the answer in one for 13, in two for 8, and in three for about 6. It does not get their
places: it copied them into 2 of 60 answers, and gave no more right ones (21 and 22)."""
_LEAST_PASSAGES: Final = 3
"""A small context has room for at least so many passages."""


@dataclass(frozen=True, slots=True)
class RagProfile:
    """Hold the sizes that an index and its questions use. `localllm rag status` prints them.

    Attributes:
        chunk_size: Longest passage of the index in UTF-8 bytes. The search compares these; they are
            short, so that each is about one thing.
        chunk_overlap: Bytes that neighboring passages of the index may share.
        longest_sentence: Bytes up to which a sentence stays whole although it is longer than
            `chunk_size`.
        passage_size: Bytes up to which a found passage grows, within its section, before the model
            gets it.
        k: The most passages that the model is given.
        context_tokens: Budget for all passages in the model's context, in tokens.
    """

    chunk_size: int = _CHUNK_SIZE
    chunk_overlap: int = 0
    longest_sentence: int = _WINDOW * _BYTES_PER_WINDOW_TOKEN
    passage_size: int = _LARGEST_PASSAGE
    k: int = 24
    context_tokens: int = (DEFAULT_CONTEXT - _ANSWER_TOKENS) // _SHARE

    @property
    def context_bytes(self) -> int:
        """The budget in bytes."""
        return self.context_tokens * _BYTES_PER_TOKEN

    def with_overrides(self, **numbers: int | None) -> "RagProfile":
        """Return the profile with other numbers; `None` keeps a number.

        Example:
            >>> RagProfile().with_overrides(k=5, chunk_size=None).k
            5
        """
        given = {name: number for name, number in numbers.items() if number is not None}
        if "context_tokens" in given and "passage_size" not in given:
            given["passage_size"] = _passage_size(given["context_tokens"])
        # as many passages as were asked for, if the context holds them
        if "k" in given and "context_tokens" not in given:
            size = given.get("passage_size", self.passage_size)
            given["context_tokens"] = max(
                self.context_tokens, given["k"] * size // _BYTES_PER_TOKEN
            )
        return dataclasses.replace(self, **given)


def index_profile(embeddings: Any) -> RagProfile:
    """Return the profile for an embedding model; its window limits the passages of the index.

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> index_profile(DeterministicFakeEmbedding(size=8)).chunk_size
        400
    """
    window = describe_model(embeddings).context if embeddings is not None else None
    longest = (window or _WINDOW) * _BYTES_PER_WINDOW_TOKEN
    return RagProfile(chunk_size=min(_CHUNK_SIZE, longest), longest_sentence=longest)


def chat_profile(llm: Any, profile: RagProfile) -> RagProfile:
    """Return a profile whose budget fits a chat model.

    It is a quarter of the context that the answer leaves, at most 4,000 tokens; and one passage of
    1,000 bytes for a model below a billion parameters, which more passages confuse.

    Args:
        llm: The model; `None`, or one whose context is unknown, counts as having 8,192 tokens.
        profile: The sizes of the index.

    Raises:
        LocalLLMError: The server of the model cannot be reached.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> chat_profile(FakeListChatModel(responses=[]), RagProfile()).context_tokens
        1920
    """
    if llm is None:
        return profile_for_context(None, profile)
    about = look_again(llm)
    return profile_for_context(about.context, profile, about.parameters)


def is_small_model(llm: Any) -> bool:
    """Return whether a model is known to have less than a billion parameters."""
    return _is_small(describe_model(llm).parameters)


def _is_small(parameters: int | None) -> bool:
    return parameters is not None and parameters < _SMALL_MODEL


def profile_for_context(
    context: int | None, profile: RagProfile, parameters: int | None = None
) -> RagProfile:
    """Work like `chat_profile` for a model with a context of so many tokens.

    Args:
        context: Tokens; `None` if unknown.
        profile: The sizes of the index.
        parameters: Parameters of the model; `None` if unknown.

    Example:
        >>> profile_for_context(2048, RagProfile()).context_tokens
        384
    """
    context = context or DEFAULT_CONTEXT
    tokens = min(_MOST_TOKENS, max(1, (context - min(_ANSWER_TOKENS, context // _SHARE)) // _SHARE))
    profile = dataclasses.replace(
        profile, context_tokens=tokens, passage_size=_passage_size(tokens)
    )
    if not _is_small(parameters) or profile.passage_size < _LARGEST_PASSAGE:
        return profile
    return dataclasses.replace(
        profile, k=1, context_tokens=-(-_LARGEST_PASSAGE // _BYTES_PER_TOKEN)
    )


def _passage_size(tokens: int) -> int:
    return max(1, min(_LARGEST_PASSAGE, tokens * _BYTES_PER_TOKEN // _LEAST_PASSAGES))
