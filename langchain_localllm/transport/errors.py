"""Convert an HTTP status to an error of this package, with the reason that the server gives."""

import json
from typing import Any, Final

from langchain_localllm.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelCallError,
    ModelMissingError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    WrongServerError,
)

_STATUS: Final[dict[int, type[ModelCallError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: ModelMissingError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}
_REDIRECTS: Final = range(300, 400)
_LONGEST: Final = 1000
"""Characters of a server's words that a message shows."""

_WORDS: Final = ("message", "content", "detail", "error", "msg", "errors", "title")
"""Keys under which servers give a reason: OpenAI's, old llamafiles', FastAPI's and others'."""


def status_error(status: int, reason: str, *, url: str) -> ModelCallError:
    """Return the error for an HTTP status, with the server's own words when it gave any.

    Args:
        status: The HTTP status, other than a success.
        reason: The server's words, or an empty string.
        url: The server's address, without credentials.
    """
    if status in _REDIRECTS:
        return WrongServerError(
            f"The server at {url} redirects elsewhere ({status}). Give `base_url` its final "
            "address."
        )
    kind = _STATUS.get(status, ServerError)
    advice = " Give its key as `api_key`." if kind is AuthenticationError else ""
    return kind(f"The server at {url} answered {status}: {reason or 'no reason given'}.{advice}")


def reason_of(body: Any) -> str:
    """Return a server's own words from the body of an error: parsed JSON of any form, or text."""
    if isinstance(body, str):
        return shorten(body)
    if isinstance(body, list):
        return "; ".join(filter(None, map(reason_of, body)))
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    found = next(
        filter(None, map(reason_of, map((error if isinstance(error, dict) else body).get, _WORDS))),
        "",
    )
    if found and isinstance(place := body.get("loc"), list):  # FastAPI names the field
        return f"{'.'.join(map(str, place))}: {found}"
    if not found and any(value not in (None, {}, [], "") for value in body.values()):
        return shorten(json.dumps(body, ensure_ascii=False))
    return found


def shorten(text: str) -> str:
    """Return a server's words as a message shows them."""
    text = text.strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
