"""The application: OpenAI's API, whose model are the documents of an index."""

import base64
import json
from array import array
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from langchain_localllm import __version__
from langchain_localllm.model_info.introspect import describe_model
from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.openai_api.answer import DocumentAnswer
from langchain_localllm.web.openai_api.errors import APIError, error_response
from langchain_localllm.web.openai_api.requests import ChatRequest, EmbeddingRequest
from langchain_localllm.web.openai_api.responses import AnswerResponse, until_disconnected

MODEL: Final = "documents"
"""The name of the model that answers from the documents."""
PUBLIC: Final = ("/health",)
"""Paths that need no key."""


class DocumentAPI:
    """OpenAI's API for an index.

    Args:
        rag: The index and its models.
        seconds: The longest time for an answer.
    """

    def __init__(self, rag: LocalRAG, *, seconds: float = 600.0) -> None:
        self._rag = rag
        self._seconds = seconds
        self._embedding_model = describe_model(rag.store.embeddings).name or "embeddings"

    def app(self) -> Starlette:
        """Return the application, to be protected by a `Guard`."""
        routes = [
            Route("/health", self._health),
            Route("/v1/models", self._models),
            Route("/v1/models/{name:path}", self._model),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/embeddings", self._embed, methods=["POST"]),
            Route("/{path:path}", self._unknown, methods=["GET", "POST"]),
        ]
        return Starlette(
            routes=routes, exception_handlers={Exception: _on_error, 404: _on_error, 405: _on_error}
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_about(name) for name in self._names]})

    async def _model(self, request: Request) -> Response:
        return self._checked(request.path_params["name"], self._names) or JSONResponse(
            _about(request.path_params["name"])
        )

    async def _chat(self, request: Request) -> Response:
        try:
            asked = ChatRequest.model_validate(await _object(request))
            asked.check()
            if refused := self._checked(asked.model, (MODEL,)):
                return refused
            return AnswerResponse(DocumentAnswer(self._rag, asked, MODEL), self._seconds)
        except Exception as error:  # noqa: BLE001 - the client gets it, and the log what was not expected
            return error_response(error)

    async def _embed(self, request: Request) -> Response:
        try:
            asked = EmbeddingRequest.model_validate(await _object(request))
            texts = asked.texts()
            if refused := self._checked(asked.model, (self._embedding_model,)):
                return refused
            vectors = await until_disconnected(
                request.receive, self._rag.store.embeddings.aembed_documents(texts)
            )
        except Exception as error:  # noqa: BLE001 - as above
            return error_response(error)
        if asked.dimensions not in {None, len(vectors[0])}:
            message = f"dimensions: the vectors of this model have {len(vectors[0])} numbers."
            return error_response(APIError(400, message, param="dimensions"))
        in_base64 = asked.encoding_format == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if in_base64 else vector,
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}  # engines do not report them
        return JSONResponse(
            {"object": "list", "model": self._embedding_model, "data": data, "usage": usage}
        )

    async def _unknown(self, request: Request) -> Response:
        known = "/v1/chat/completions, /v1/embeddings and /v1/models"
        return error_response(
            APIError(404, f"{request.method} {request.url.path} is not served here; {known} are.")
        )

    @property
    def _names(self) -> tuple[str, ...]:
        return (MODEL, self._embedding_model)

    @staticmethod
    def _checked(name: str | None, names: tuple[str, ...]) -> Response | None:
        """Return the refusal of a model that is not served."""
        if name is None or name in names:
            return None
        message = f"The model {name[:200]!r} is not served here. Use {' or '.join(names)}."
        return error_response(APIError(404, message, param="model", code="model_not_found"))


def _about(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "localllm"}


async def _object(request: Request) -> dict[str, Any]:
    body = json.loads(await request.body())
    if not isinstance(body, dict):
        raise APIError(400, "The body is not a JSON object.")
    return body


async def _on_error(_: Request, error: Exception) -> Response:
    return error_response(error)


def _base64(vector: list[float]) -> str:
    """Return a vector as OpenAI's clients read it: numbers of 32 bits, little end first."""
    numbers = array("f", vector)
    if memoryview(b"\x01\x00").cast("H")[0] != 1:
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
