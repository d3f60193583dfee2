"""The page of `localllm ui` and the API behind it, as one ASGI application.

Everything but the page's own files needs the token.
"""

import json
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from langchain_localllm import __version__
from langchain_localllm.errors import LocalLLMError, StoreError
from langchain_localllm.web.answers import AnswerTurn
from langchain_localllm.web.history import History
from langchain_localllm.web.library import Library
from langchain_localllm.web.model_choices import model_choices
from langchain_localllm.web.pdf_page import draw_page
from langchain_localllm.web.security import LOOPBACK, Guard, RequestLimits, refuse
from langchain_localllm.web.streaming import JSONLinesResponse
from langchain_localllm.web.uploads import MAX_BYTES

STATIC: Final = Path(str(files("langchain_localllm.web").joinpath("static")))
"""The files of the page."""
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the page may do: its own scripts, styles, pictures and requests, and nothing else; no text
can become markup in it."""
_FILES_AT_ONCE: Final = 100
_PASSAGES_AT_ONCE: Final = 30
_LONGEST_QUESTION: Final = 20_000


def ui_app(
    library: Library,
    history: History,
    *,
    token: str,
    host: str = LOOPBACK,
    allow_remote: bool = False,
) -> ASGIApp:
    """Return the page and its API.

    Args:
        library: The documents and models.
        history: The conversations.
        token: What each request must carry; the page takes it from its address, `/?token=...`.
        host: The address or name on which the server listens.
        allow_remote: Whether models on other machines are offered.
    """
    api = _Api(library, history, allow_remote=allow_remote)
    routes = [
        Route("/", api.page),
        Mount("/assets", StaticFiles(directory=STATIC)),
        Route("/api/state", api.state),
        Route("/api/ask", api.ask, methods=["POST"]),
        Route("/api/files", api.files),
        Route("/api/files", api.remove_file, methods=["DELETE"]),
        Route("/api/uploads", api.upload, methods=["PUT"]),
        Route("/api/index", api.index, methods=["POST"]),
        Route("/api/document", api.document),
        Route("/api/page", api.pdf_page),
        Route("/api/models", api.models),
        Route("/api/models", api.choose_model, methods=["POST"]),
        Route("/api/conversations", api.conversations),
        Route("/api/conversations", api.delete_all, methods=["DELETE"]),
        Route("/api/conversations/{key}", api.conversation),
        Route("/api/conversations/{key}", api.delete, methods=["DELETE"]),
    ]
    handlers: dict[Any, Callable[..., Any]] = {
        HTTPException: _on_http_error,
        LocalLLMError: _on_fault,
        ClientDisconnect: _on_disconnect,
    }
    return Guard(
        Starlette(routes=routes, exception_handlers=handlers),
        key=token,
        host=host,
        query_key="token",
        public=["/assets/"],
        path_limits={"/api/uploads": RequestLimits(max_bytes=MAX_BYTES, seconds=3600)},
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        refusal=_refusal,
    )


def page_address(server: str, token: str) -> str:
    """Return the address that opens the page.

    Example:
        >>> page_address("http://127.0.0.1:8000", "a&b")
        'http://127.0.0.1:8000/?token=a%26b'
    """
    return f"{server}/?token={quote(token, safe='')}"


class _Api:
    """The endpoints. Those that are not async run in threads."""

    def __init__(self, library: Library, history: History, *, allow_remote: bool) -> None:
        self._library = library
        self._history = history
        self._allow_remote = allow_remote

    def page(self, _: Request) -> Response:
        return HTMLResponse(STATIC.joinpath("index.html").read_text(encoding="utf-8"))

    def state(self, _: Request) -> Response:
        return JSONResponse({"version": __version__, **self._library.state()})

    async def ask(self, request: Request) -> Response:
        """Stream the answer as JSON lines.

        The first has the id of the conversation, which keeps the turn.
        """
        body = await _json_of(request)
        question, key = _text(body, "question").strip(), _text(body, "conversation")
        if not question or len(question) > _LONGEST_QUESTION:
            raise HTTPException(
                400, "The question is empty." if not question else "The question is too long."
            )
        key = key or await run_in_threadpool(self._history.begin, question)
        turns = (await run_in_threadpool(self._history.read, key))["turns"]

        async def events() -> AsyncIterator[dict[str, Any]]:
            turn = AnswerTurn(question, self._library.chat.short_name)
            yield {"conversation": key}
            try:
                with self._library.rag() as rag:
                    async for event in turn.events(rag, turns):
                        yield event
            except LocalLLMError as error:  # raised before the question reached the model
                turn.turn |= {"status": "failed", "fault": str(error)}
                yield {"status": "failed", "fault": str(error)}
            finally:  # what a stopped answer has is kept
                self._history.add(key, turn.turn)

        return JSONLinesResponse(events)

    def files(self, request: Request) -> Response:
        offset = _number(request, "offset")
        total, found = self._library.files(
            request.query_params.get("words", ""), offset, _FILES_AT_ONCE
        )
        return JSONResponse({"total": total, "offset": offset, "files": found})

    def remove_file(self, request: Request) -> Response:
        self._library.remove(request.query_params.get("source", ""))
        return JSONResponse({}, 202)

    async def upload(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        await self._library.uploads.save(name, request.stream())
        return JSONResponse({"name": name}, 201)

    async def index(self, request: Request) -> Response:
        self._library.index(uploads=bool((await _json_of(request)).get("uploads")))
        return JSONResponse({}, 202)

    def document(self, request: Request) -> Response:
        query = request.query_params
        offset = _number(request, "offset") if "offset" in query else None
        return JSONResponse(
            self._library.document(
                query.get("source", ""), query.get("passage", ""), offset, _PASSAGES_AT_ONCE
            ),
        )

    def pdf_page(self, request: Request) -> Response:
        path = self._library.path(request.query_params.get("source", ""))
        page = _number(request, "page")
        if not page:
            raise HTTPException(400, "Pages are numbered from 1.")
        picture = draw_page(path, page, request.query_params.get("quote", ""))
        return Response(picture, media_type="image/png")

    def models(self, _: Request) -> Response:
        return JSONResponse(
            model_choices(
                self._library.chat, self._library.embeddings, allow_remote=self._allow_remote
            )
        )

    async def choose_model(self, request: Request) -> Response:
        body = await _json_of(request)
        kind, reference = _text(body, "kind"), _text(body, "reference")
        if kind not in {"chat", "embeddings"}:
            raise HTTPException(400, f"{kind!r} is not a valid kind of model: chat, embeddings.")
        await run_in_threadpool(self._library.choose, kind, reference)
        return JSONResponse({}, 202)

    def conversations(self, _: Request) -> Response:
        return JSONResponse(self._history.list())

    def delete_all(self, _: Request) -> Response:
        self._history.clear()
        return JSONResponse({})

    def conversation(self, request: Request) -> Response:
        return JSONResponse(self._history.read(request.path_params["key"]))

    def delete(self, request: Request) -> Response:
        self._history.delete(request.path_params["key"])
        return JSONResponse({})


async def _json_of(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "The request is not a JSON object.")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise HTTPException(400, f"{name} must be a text.")
    return value.encode("utf-8", "replace").decode()  # JSON may have half a character


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - a billion
        raise HTTPException(400, f"{name} must be a number.")
    return int(text)


def _on_http_error(_: Request, error: HTTPException) -> Response:
    return refuse(error)


def _on_fault(_: Request, error: LocalLLMError) -> Response:
    return refuse(HTTPException(503 if isinstance(error, StoreError) else 400, str(error)))


def _on_disconnect(_: Request, __: ClientDisconnect) -> Response:
    """Return a response that is not sent: the client left while it sent a file."""
    return Response(status_code=400)


def _refusal(scope: Scope, error: HTTPException) -> Response:
    """Show a person who opens a wrong address what to do."""
    if scope["path"] != "/":
        return refuse(error)
    return HTMLResponse(
        STATIC.joinpath("refused.html").read_text(encoding="utf-8"), error.status_code
    )
