"""Choose the passages that fit into the model's context, with room for its answer."""

from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.language_models import BaseLanguageModel
from langchain_core.prompts import BasePromptTemplate

from langchain_localllm.base.options import advise
from langchain_localllm.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ContextLengthError,
    LocalLLMError,
    RateLimitError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.model_info.introspect import look_again
from langchain_localllm.model_info.unwrap import unwrap_with_options
from langchain_localllm.rag.answer.citations import format_passages

_ANSWER: Final = 256
"""Tokens reserved for the answer if `max_tokens` is not set; at most a quarter of the context."""
_TEMPLATE: Final = 64
"""Tokens reserved for what the chat template adds."""
_BYTES_A_TOKEN: Final = 3
"""Bytes per token for estimates: English has about four, and three are on the safe side."""

_FAILED: Final = (CallTimeoutError, ConnectionFailedError, RateLimitError, ServerError)
"""Temporary errors: the same request may succeed later."""

Prompt = BasePromptTemplate[Any]


def fit_passages(
    passages: list[Document], question: str, llm: Any, prompt: Prompt, *, with_places: bool = False
) -> tuple[list[Document], list[Document]]:
    """Choose the passages that fit into the model's context, best first.

    A busy server is asked again; if it still does not report its context, a warning says so.

    Args:
        passages: The retrieved passages, best first.
        question: The question.
        llm: The model. Its context is that of its file or server; if it is unknown, all passages
            are kept.
        prompt: The template over `passages` and `question`.
        with_places: As for `format_passages`.

    Returns:
        The passages to give to the model, and those that do not fit.

    Raises:
        ContextLengthError: Not even one of them fits.
    """
    context = _context(llm) if passages else None
    if not context:
        return passages, []
    room = context - _answer_tokens(llm, context) - _TEMPLATE

    def text(chosen: list[Document]) -> str:
        formatted = format_passages(chosen, with_places=with_places)
        return prompt.invoke({"passages": formatted, "question": question}).to_string()

    if len(text(passages).encode()) <= room:  # a token has at least one byte, so the passages fit
        return passages, []
    kept: list[Document] = []
    omitted: list[Document] = []
    for passage in passages:
        fits = count(llm, text([*kept, passage])) <= room
        (kept if fits else omitted).append(passage)
    if not kept:
        raise ContextLengthError(
            f"No passage fits into the model's context of {context} tokens together with the "
            "question and the answer. Use a model with more context, or rebuild the index with a "
            "smaller chunk_size.",
            context_tokens=context,
        )
    return kept, omitted


def count(llm: Any, text: str) -> int:
    """Count the tokens of a text with the model's tokenizer, or else overestimate them."""
    model, _ = unwrap_with_options(llm)
    if _counts_quickly(model):
        try:
            return int(model.get_num_tokens(text))
        except _FAILED as error:
            if not isinstance(error, WrongServerError):
                advise(
                    "The server did not count the tokens of the passages, so their number is "
                    f"estimated. ({error})"
                )
        except (LocalLLMError, NotImplementedError):
            pass  # a server without a tokenizer
    return len(text.encode()) // _BYTES_A_TOKEN


def _counts_quickly(model: Any) -> bool:
    """Return whether a model counts by its tokenizer.

    LangChain's default downloads GPT-2's, and Ollama evaluates the text.
    """
    if getattr(model, "COUNTS_BY_READING", False):
        return getattr(model, "custom_get_token_ids", None) is not None
    return type(model).get_token_ids is not BaseLanguageModel.get_token_ids


def _context(llm: Any) -> int | None:
    """Return the model's context in tokens, or `None` if unknown."""
    try:
        return look_again(llm).context
    except WrongServerError:  # it has no endpoint that reports the context
        return None
    except (LocalLLMError, OSError) as error:
        advise(f"The model's context is not known, so all passages are given to it. ({error})")
        return None


def _answer_tokens(llm: Any, context: int) -> int:
    model, options = unwrap_with_options(llm)
    asked = options.get("max_tokens", getattr(model, "max_tokens", None))
    return asked if asked and asked > 0 else min(_ANSWER, context // 4)
