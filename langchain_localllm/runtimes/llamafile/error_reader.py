"""Read the errors of llama.cpp's server and of other servers that speak OpenAI's API.

Each server words its errors in its own way. The known ones are in the tables of
`tests/unit_tests/runtimes/llamafile/test_error_reader.py`.
"""

import re
from typing import Any, Final

from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ModelMissingError,
    WrongServerError,
)
from langchain_localllm.transport.errors import reason_of, shorten, status_error

_NOT_FOUND: Final = frozenset({404, 405})
_UNAVAILABLE: Final = 503
_NOT_SUPPORTED: Final = 501
_FAILED: Final = 500
_NOT_ABOUT_LENGTH: Final = frozenset({401, 403, 429})
"""Statuses whose words may mention a limit of tokens, but not that of the context."""

_STATUS_OF_TYPE: Final = (
    (re.compile(r"auth", re.IGNORECASE), 401),
    (re.compile(r"not_?found", re.IGNORECASE), 404),
    (re.compile(r"rate_?limit|too_?many", re.IGNORECASE), 429),
    (re.compile(r"invalid|bad_?request|validation", re.IGNORECASE), 400),
)
"""The HTTP status of an error's type, for errors without a status."""
_NO_SUCH_PATH: Final = re.compile(
    r"(unexpected|unknown|invalid|no such) (endpoint|path|route|url)"
    r"|(path|page|route|file|endpoint) not found|^not found",
    re.IGNORECASE,
)
_LOADING: Final = re.compile(r"\b(loading|starting up|warming up)\b", re.IGNORECASE)
_UNSUPPORTED_INPUT: Final = re.compile(
    r"\b(audio|video|image) input is not supported", re.IGNORECASE
)
"""What llama.cpp's server says, with status 500, of parts that its model does not accept."""
_TOO_FEW_SLOTS: Final = re.compile(r"field 'n'", re.IGNORECASE)
"""What llama.cpp's server says of more answers than it has slots."""
_FAILURE: Final = re.compile(
    r"fail|error|crash|died|unable|could ?n.t|can ?not|can't", re.IGNORECASE
)

_CONTEXT_CODES: Final = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"}
)
_TOO_LONG: Final = re.compile(
    r"""
      context[\ _]?(length|size|window)[\W_]*(has\ been\ )?exceed   # OpenAI, llama.cpp, LiteLLM
    # llama.cpp, Ollama, SGLang
    | exceed(s|ed|ing)?\b.{0,30}\b(context|max(imum)?[ _](allowed\ |input\ |model\ )?(length|len)\b)
    # OpenAI, vLLM, llama-cpp-python, text-generation-webui
    | maximum\ (context|prompt|input)\ length\ is
    # vLLM, LM Studio
    | (larger|longer|greater)\ than\ (the|its)\b.{0,20}
      \b(context|max(imum)?\ model\ length|model\ input\ length)
    | context\ (length|size|window)\ (of|is)\ only          # LM Studio, vLLM
    | too\ long\b.{0,60}\b(context|limit|maximum)           # vLLM, Anthropic's API
    | too\ large\ for\ model\ with\b.{0,20}\bcontext        # Mistral's API
    | too\ large\ to\ process.*batch\ size                  # llama.cpp, for embeddings
    | n_keep\ \(\d+\)\ >=\ n_ctx                            # LM Studio
    # TabbyAPI, TensorRT-LLM, vLLM
    | (greater\ than|exceed(s|ed|ing)?)\ (the\ )?max_(seq|model)_len
    | `inputs`\ (tokens\ \+|must\ have\ less\ than)         # TGI
    | reduce\ the\ length\ of\ the\ (messages|prompt|input) # OpenAI, vLLM
    | input\ token\ count\b.*\bexceeds                      # Gemini's API
    | out_of_context | too\ big\ for\ model\ context       # llamafile --v2, llamafiler 0.8
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What servers say of a prompt that does not fit in the context."""
_CONTEXT_LENGTHS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            r"(?:context|maximum prompt|maximum input|maximum model|allowed(?: input)?|model input)"
            r" (?:length|size|window)(?: limit)?(?: is| of)?(?: only)?[:\s(]*(\d[\d,]*)"
        ),
        r"max_(?:model|seq)_len\D{0,12}(\d[\d,]*)",
        r"too large for model with (\d+)",
        r"n_ctx \((\d+)\)",
        r"must (?:be <=|have less than) (\d+)",
        (
            r"(?:exceeds|exceed|than) (?:the )?(?:limit|maximum)(?: number of tokens allowed)?"
            r" (?:of )?\(?(\d[\d,]*)"
        ),
        r"> (\d[\d,]*) maximum",
        r"batch size: (\d+)",
    )
)
_PROMPT_LENGTHS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\((\d[\d,]*) (?:tokens )?(?:in|from) (?:the|your) (?:messages|prompt|input)",
        r"(\d[\d,]*) tokens from the input",
        (
            r"(?:request has|prompt contains|passed|prompt has|contains|given:) (\d[\d,]*)"
            r" (?:`inputs` |input |prompt )?tokens"
        ),
        r"given: (\d[\d,]*)",
        r"(?:length|request|input|prompt)(?: prompt)? \((?:total length |length )?(\d[\d,]*)",
        r"(?:prompt|input) length (?:of )?(\d[\d,]*)",
        r"requested tokens \((\d[\d,]*)",
        r"keep the first (\d[\d,]*) tokens",
        r"n_keep \((\d+)\)",
        r"(?:resulted in|requested|request contains)(?: a total of| about| over)? (\d[\d,]*)",
        r"token count (?:of )?\(?(\d[\d,]*)",
        r"too long: (\d[\d,]*) tokens",
    )
)


class ErrorReader:
    """Turn the errors of a server, given as a status or in the middle of an answer, into ours."""

    def __init__(self, url: str) -> None:
        self.url = url  # of several servers the one that was asked last

    def __call__(self, status: int, body: Any) -> ModelCallError:
        """Return the error for an HTTP status and its body.

        Args:
            status: The HTTP status, other than a success.
            body: Parsed JSON, or text.
        """
        error = body.get("error", body) if isinstance(body, dict) else {}
        details = error if isinstance(error, dict) else {}
        reason = reason_of(body)
        if status not in _NOT_ABOUT_LENGTH and (too_long := _context_error(details, reason)):
            return too_long
        if status in _NOT_FOUND:
            return self._not_found(status, reason)
        if status == _UNAVAILABLE and _LOADING.search(reason) and not _FAILURE.search(reason):
            return ModelLoadingError(
                f"The server at {self.url} is still loading its model ({reason}). Wait, or raise "
                "`wait_until_ready`."
            )
        if _TOO_FEW_SLOTS.search(reason):
            return InvalidRequestError(
                f"The server at {self.url} has fewer slots than `n` ({reason}). Start it with a "
                "larger `--parallel` (`n_parallel` of LocalServer), or ask with `n=1`."
            )
        if status == _NOT_SUPPORTED or _UNSUPPORTED_INPUT.search(reason):
            return InvalidRequestError(f"The server at {self.url} cannot do this: {reason}")
        return status_error(status, reason, url=self.url)

    def in_answer(self, body: Any) -> ModelCallError:
        """Return the error for one that is reported with status 200.

        It comes instead of an answer, or in the middle of a stream.

        Args:
            body: The error as parsed JSON, in any of the forms that servers have, or text.
        """
        error = body.get("error", body) if isinstance(body, dict) else body
        if _NO_SUCH_PATH.search(reason := reason_of(body)):  # LM Studio answers unknown paths so
            return self._foreign(f"it says: {reason}")
        return self(_status_of(error) if isinstance(error, dict) else _FAILED, body)

    def not_an_answer(self, text: str) -> WrongServerError:
        """Return the error for a success that is not an answer, such as a web page.

        Args:
            text: What the server sent.
        """
        shown = shorten(text)
        return self._foreign(f"it sent no events, but {shown!r}" if shown else "it sent no events")

    def _not_found(self, status: int, reason: str) -> ModelCallError:
        if "model" in reason.lower() and not _NO_SUCH_PATH.search(reason):
            return ModelMissingError(
                f"The server at {self.url} lacks the model ({reason}). Give one that it "
                "offers as `model`."
            )
        return self._foreign(f"it answered {status}{': ' if reason else ''}{reason}")

    def _foreign(self, what: str) -> WrongServerError:
        return WrongServerError(
            f"The server at {self.url} does not speak llama.cpp's API ({what}). Is `base_url` "
            "right?"
        )


def reported_error(event: Any) -> Any:
    """Return the error that an event without an answer reports, or `None`.

    The forms are `{"error": {...}}`, `{"error": "text"}`, `{"errors": [...]}`, `{"message": ...,
    "code": ...}`, `{"msg": ...}`, vLLM's `{"object": "error", ...}`, FastAPI's `{"detail": ...}`,
    and a list of one of these, as Gemini's API sends it.
    """
    if isinstance(event, list):
        return next(filter(None, map(reported_error, event)), None)
    if not isinstance(event, dict):
        return None
    if event.get("error"):
        return event
    known = event.get("object") == "error" or any(
        event.get(key) for key in ("errors", "message", "msg", "detail")
    )
    return event if known else None


def context_error(
    prompt_tokens: int | None = None, context_tokens: int | None = None, reason: str = ""
) -> ContextLengthError:
    """Return the error for a prompt that does not fit in the context, with known lengths.

    Args:
        prompt_tokens: Length of the prompt.
        context_tokens: Length of the context.
        reason: The server's own words.
    """
    lengths = "more tokens than the context holds"
    if prompt_tokens and context_tokens:
        with_answer = " and `max_tokens` together" if prompt_tokens < context_tokens else ""
        lengths = f"{prompt_tokens} tokens{with_answer}, the context holds {context_tokens}"
    said = f" The server says: {reason}" if reason else ""
    return ContextLengthError(
        f"The prompt is too long: {lengths}. Shorten it, or start the server with a larger "
        f"context (`--ctx-size`).{said}",
        prompt_tokens=prompt_tokens,
        context_tokens=context_tokens,
    )


def _context_error(error: dict[str, Any], reason: str) -> ContextLengthError | None:
    """Return the error for words or a code that say that the context is too small.

    The prompt does not fit in it.
    """
    codes = {str(error.get("code")), str(error.get("type"))}
    if not (codes & _CONTEXT_CODES or _TOO_LONG.search(reason)):
        return None
    prompt = error.get("n_prompt_tokens") or _first_number(_PROMPT_LENGTHS, reason)
    context = error.get("n_ctx") or _first_number(_CONTEXT_LENGTHS, reason)
    numbers = sorted(int(number) for number in re.findall(r"\b\d+\b", reason))
    if not (prompt or context) and len(numbers) == 2:  # noqa: PLR2004 - the two lengths, in words that are not known
        context, prompt = numbers
    return context_error(prompt, context, reason)


def _first_number(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    found = next(filter(None, (pattern.search(text) for pattern in patterns)), None)
    return int(found[1].replace(",", "")) if found else None


def _status_of(error: dict[str, Any]) -> int:
    """Return the HTTP status of an error that came with status 200."""
    for value in (error.get("code"), error.get("status"), error.get("status_code")):
        if str(value).isdecimal() and 400 <= int(str(value)) < 600:  # noqa: PLR2004 - errors of HTTP
            return int(str(value))
    kind = f"{error.get('type')} {error.get('code')}"
    return next((status for pattern, status in _STATUS_OF_TYPE if pattern.search(kind)), _FAILED)
