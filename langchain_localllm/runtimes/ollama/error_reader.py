"""Turn Ollama's errors into the errors of this package."""

import re
from typing import Any, Final

from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ModelMissingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.transport.errors import reason_of, status_error

_NOT_FOUND: Final = 404
_NOT_OFFERED: Final = frozenset({404, 405, 501})
"""What a server answers to a path, or to a method, that it does not offer."""
_UNAVAILABLE: Final = 503
_MISSING_MODEL: Final = re.compile(r"\bmodel\b", re.IGNORECASE)
"""What Ollama says of a model that it lacks; other words with its status are a gateway's, about a
path."""
_PASSES: Final = re.compile(r"\b(busy|loading|starting|try again)\b", re.IGNORECASE)
"""What Ollama says with the status of a server that is not ready. Gateways have other reasons for
it."""
_TOO_LONG: Final = re.compile(r"context length|too long|exceeds the (available )?context")
_REFUSED: Final = re.compile(r'option "\w+" must be|^invalid (format|JSON schema)|^template: ')
"""Words about a wrong request, which Ollama answers with the status of a failure of its own, or in
the middle of a stream."""
_NO_MEMORY: Final = re.compile(
    r"requires more (?:system )?memory|out of memory|(?:unable|failed) to allocate", re.IGNORECASE
)
"""What Ollama and llama.cpp say of a model that does not fit into the memory."""
_NO_SUCH_PATH: Final = re.compile(r"unexpected endpoint", re.IGNORECASE)
"""What LM Studio answers to paths that it does not know, with status 200."""


class ErrorReader:
    """Turns Ollama's errors, as a status or in the middle of a stream, into ours."""

    def __init__(self, url: str, model: str, context: int | None = None) -> None:
        self._url = url
        self._model = model
        self._context = context

    def __call__(self, status: int, body: Any) -> ModelCallError:
        """Return the error for an HTTP status and its body (parsed JSON, or text)."""
        reason = reason_of(body)
        is_ollamas = isinstance(body, dict) and isinstance(body.get("error"), str)
        if status in _NOT_OFFERED and not (is_ollamas and _MISSING_MODEL.search(reason)):
            return not_ollama(self._url, f"it answered {status}{': ' if reason else ''}{reason}")
        if is_ollamas:
            return self._reported(status, reason)
        return status_error(status, reason, url=self._url)

    def _reported(self, status: int, reason: str) -> ModelCallError:
        if status == _NOT_FOUND:
            return ModelMissingError(
                f"Ollama at {self._url} has no model '{self._model}'. Get it with `ollama pull "
                f"{self._model}` or `.pull()`."
            )
        if status == _UNAVAILABLE and _PASSES.search(reason):
            return ModelLoadingError(
                f"Ollama at {self._url} is not ready: {reason}. Wait, or raise `wait_until_ready`."
            )
        return self._known(reason) or status_error(status, reason, url=self._url)

    def in_stream(self, event: dict[str, Any]) -> ModelCallError:
        """Return the error for a line that reports one."""
        reason = reason_of(event)
        return self._known(reason) or ServerError(
            f"Ollama at {self._url} failed while it answered: {reason}. See its log for more."
        )

    def _known(self, reason: str) -> ModelCallError | None:
        """Return the error for words that say enough, whatever the status."""
        if _TOO_LONG.search(reason):
            words = (
                f"The prompt is too long: {reason}. Shorten it, or raise `num_ctx`, which is "
                f"{self._context or 'not set'}."
            )
            return ContextLengthError(words, context_tokens=self._context)
        if _NO_MEMORY.search(reason):
            return ServerError(
                f"Ollama at {self._url} has too little memory for '{self._model}': {reason}. Use a "
                "smaller `num_ctx`, a smaller quantization or model, or `.unload()` another model."
            )
        if _REFUSED.search(reason):
            return InvalidRequestError(f"Ollama at {self._url} refuses the request: {reason}.")
        if _NO_SUCH_PATH.search(reason):
            return not_ollama(self._url, f"it says: {reason}")
        return None


def not_ollama(url: str, reason: str) -> WrongServerError:
    """Return the error for a server that answers as no Ollama does."""
    advice = (
        "Leave out the `/api` at the end of `base_url`."
        if url.endswith("/api")
        else "Is `base_url` right? For llama.cpp's server and others with OpenAI's API, use "
        "`ChatLlamafile`, `Llamafile` and `LlamafileEmbeddings`."
    )
    return WrongServerError(
        f"The server at {url} does not appear to be an Ollama server ({reason}). {advice}"
    )


def reader_for(options: OllamaServer, model: str | None = None) -> ErrorReader:
    """Return what reads the errors of a request about the object's model, or about another."""
    return ErrorReader(
        options.client.address.url, model or options.model, options.context_tokens or None
    )
