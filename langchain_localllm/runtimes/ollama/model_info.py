"""What Ollama reports about a model."""

from dataclasses import replace
from typing import Any, Final

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.model_info.info import ModelInfo, parameters_in
from langchain_localllm.runtimes.ollama.api_show import ModelFacts
from langchain_localllm.runtimes.ollama.error_reader import not_ollama, reader_for
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.transport.operations import Plan, Send
from langchain_localllm.transport.retry import RetryPolicy, fetch_json

_SECONDS: Final = 10.0
"""Silence after which the question is given up."""


def model_info(options: OllamaServer) -> Plan[ModelInfo]:
    """Ask `/api/show`, whose templates are in Go's language."""
    options.refuse_remote()
    send = Send(
        "POST", "/api/show", {"model": options.model}, min(options.timeout or _SECONDS, _SECONDS)
    )
    shown = yield from fetch_json(
        send, RetryPolicy(0, options.wait_until_ready), reader_for(options)
    )
    try:
        return replace(
            _read(shown, options),
            template=getattr(options, "template", None) or shown.get("template") or "",
        )
    except UNREADABLE:
        raise not_ollama(
            options.client.address.url, "its answer at /api/show cannot be read"
        ) from None


def _read(shown: dict[str, Any], options: OllamaServer) -> ModelInfo:
    facts = ModelFacts.read(shown)
    info = shown.get("model_info") or {}
    return ModelInfo(
        source="Ollama's /api/show",
        name=options.model,
        architecture=info.get("general.architecture") or "",
        template_language="go",
        adds_bos=bool(info.get("tokenizer.ggml.add_bos_token", True)),
        context=options.num_ctx or facts.context,
        tools=None if facts.capabilities is None else "tools" in facts.capabilities,
        parameters=info.get("general.parameter_count") or parameters_in(options.model),
    )
