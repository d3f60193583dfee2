"""What llama.cpp's server reports about its model."""

from pathlib import Path
from typing import Any, Final

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.errors import WrongServerError
from langchain_localllm.model_info.info import ModelInfo, parameters_in, takes_tools
from langchain_localllm.runtimes.llamafile.api import ask, listed_context, model_name
from langchain_localllm.runtimes.llamafile.options import LlamafileOptions
from langchain_localllm.runtimes.llamafile.server_info import props_path
from langchain_localllm.transport.operations import Plan

_SECONDS: Final = 10.0
"""Silence after which the question is given up."""


def model_info(options: LlamafileOptions) -> Plan[ModelInfo]:
    """Ask `/props`; a server without it reports at least the model's name, and vLLM the context.

    Where the template writes the token that begins a prompt, a second request asks whether the
    server does so too.
    """
    try:
        props = yield from _ask(options, "GET", props_path(options.model))
        template, bos, eos = (
            str(props.get(name) or "") for name in ("chat_template", "bos_token", "eos_token")
        )
        adds_bos = (
            (yield from _adds_bos(options))
            if bos and ("bos_token" in template or bos in template)
            else True
        )
        context = (props.get("default_generation_settings") or {}).get("n_ctx")
        names = (options.model, props.get("model_alias"), Path(props.get("model_path") or "").stem)
    except (WrongServerError, *UNREADABLE):
        name = options.model or (yield from model_name(options))
        return ModelInfo(
            source="the server's /v1/models",
            name=name,
            context=(yield from listed_context(_limited(options), name)),
            parameters=parameters_in(name),
        )
    name = " ".join(Path(name).name for name in names if name)
    return ModelInfo(
        source="the server's /props",
        name=name,
        template=template,
        bos_token=bos,
        eos_token=eos,
        adds_bos=adds_bos,
        context=context,
        tools=takes_tools(template),
        parameters=parameters_in(name),
    )


def _adds_bos(options: LlamafileOptions) -> Plan[bool]:
    try:
        answer = yield from _ask(options, "POST", "/tokenize", {"content": "", "add_special": True})
        return bool(answer["tokens"])
    except (WrongServerError, *UNREADABLE):
        return True  # as nearly all models with such a template want it


def _ask(
    options: LlamafileOptions, method: str, path: str, payload: dict[str, Any] | None = None
) -> Plan[Any]:
    return ask(_limited(options), method, path, payload)


def _limited(options: LlamafileOptions) -> LlamafileOptions:
    return options.with_options(
        {"timeout": min(options.timeout or _SECONDS, _SECONDS), "max_retries": 0}
    )
