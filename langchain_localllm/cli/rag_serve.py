"""`localllm rag serve`: the index behind OpenAI's API."""

from typing import Annotated

import typer

from langchain_localllm.cli.chat_models import AnswerTokens, ChatTemplate, Model, RefusalQuantile
from langchain_localllm.cli.open_rag import (
    STORE,
    EmbeddingModel,
    Passages,
    Remote,
    RerankerModel,
    Store,
    open_rag,
)
from langchain_localllm.cli.web_args import AsJson, Host, Key, Port, require_modules, serve_with_key


def serve(
    *,
    store: Store = STORE,
    model: Model = "",
    embedding_model: EmbeddingModel = "",
    passages: Passages = None,
    max_tokens: AnswerTokens = None,
    chat_template: ChatTemplate = "",
    reranker: RerankerModel = "",
    refusal_quantile: RefusalQuantile = None,
    host: Host = "127.0.0.1",
    port: Port = 8090,
    api_key: Key = "",
    seconds: Annotated[
        float, typer.Option("--timeout", min=1, help="The longest time for an answer, in seconds.")
    ] = 600,
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Serve the index with OpenAI's API, for any chat client, until Ctrl-C.

    The model is named documents. Answers stream, and end with their sources; these are also
    annotations, as of OpenAI's web search.
    """
    require_modules("ui", "starlette", "uvicorn")
    from langchain_localllm.web.openai_api.app import PUBLIC, DocumentAPI
    from langchain_localllm.web.security import check_host

    check_host(host, api_key)  # before the models are loaded
    with open_rag(
        store,
        model,
        embedding_model,
        allow_remote=allow_remote,
        max_tokens=max_tokens,
        chat_template=chat_template,
        k=passages,
        reranker=reranker,
        refusal_quantile=refusal_quantile,
    ) as rag:
        rag.store.check_model()  # raises if there is no index, or one of another model
        app = DocumentAPI(rag, seconds=seconds).app()
        serve_with_key(
            app, "/v1", host=host, port=port, api_key=api_key, public=PUBLIC, as_json=as_json
        )
