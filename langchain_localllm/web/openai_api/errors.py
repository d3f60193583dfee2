"""Convert errors to the form of OpenAI's API."""

import json
import logging
from typing import Any, Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from langchain_localllm.errors import (
    CallTimeoutError,
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    LocalLLMError,
    ModelLoadingError,
    RateLimitError,
    StoreError,
)

_LOGGER: Final = logging.getLogger(__name__)
_STATUS: Final[tuple[tuple[type[Exception], int, str | None], ...]] = (
    (ContextLengthError, 400, "context_length_exceeded"),
    (InvalidOptionError, 400, None),
    (InvalidRequestError, 400, None),
    (RateLimitError, 429, "rate_limit_exceeded"),
    (ModelLoadingError, 503, "model_loading"),
    (StoreError, 503, "index_not_available"),
    (CallTimeoutError, 504, "timeout"),
    (TimeoutError, 504, "timeout"),
    (LocalLLMError, 500, None),
)
"""Kinds of errors with their HTTP status and code, from the special to the general."""
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class APIError(HTTPException):
    """A request that cannot be answered.

    Args:
        status: The HTTP status.
        message: What is wrong, and what to do.
        param: The parameter that is wrong.
        code: OpenAI's code for the error.
    """

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(status, message)
        self.param = param
        self.code = code


def error_response(error: Exception) -> JSONResponse:
    """Return the response for an error.

    What is not expected is logged, and its text is kept from the client.
    """
    status, content = error_content(error)
    return JSONResponse(content, status)


def error_content(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body for an error.

    Example:
        >>> error = APIError(404, "There is no model 'x'.", param="model", code="model_not_found")
        >>> error_content(error)[1]["error"]["code"]
        'model_not_found'
    """
    status, message, param, code = _described(error)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")  # noqa: PLR2004 - HTTP
    return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _described(error: Exception) -> tuple[int, str, str | None, str | None]:
    if isinstance(error, HTTPException):
        return (
            error.status_code,
            error.detail,
            getattr(error, "param", None),
            getattr(error, "code", None),
        )
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return 400, f"{place}: {first['msg']}.", place, None
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return 400, "The body is not valid JSON.", None, None
    if isinstance(error, ClientDisconnect):
        return 400, "The client went away.", None, None
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return status, str(error) or "The answer took too long.", None, code
    _LOGGER.error("A request failed", exc_info=error)
    return 500, "The server failed; its log says why.", None, None
