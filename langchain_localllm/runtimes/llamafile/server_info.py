"""Detect what a server is: llama.cpp's, or another with OpenAI's API only."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from langchain_localllm.base.http import ServerOptions
from langchain_localllm.errors import InvalidRequestError, ModelMissingError, WrongServerError
from langchain_localllm.model_info.info import takes_tools
from langchain_localllm.runtimes.llamafile.api import ask, listed_context
from langchain_localllm.transport.operations import Plan


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server reported.

    Attributes:
        llama_cpp: Whether it has llama.cpp's own API in addition to OpenAI's.
        sees: Whether its model takes images; `None` if it does not say.
        audio: Whether its model takes audio; `None` if it does not say.
        video: Whether its model takes video; `None` if it does not say.
        structured_output: Whether its chats follow tools and JSON schemas, as llamafile's
            `--server` before 0.10 does not.
        model: The first model that it offers, where that was asked.
        context: Tokens of context that a request can use; `None` if it was not asked or does not
            say.
        tools: Whether the model's chat template takes tools.
        template: The model's chat template; empty if it does not say.
    """

    llama_cpp: bool
    sees: bool | None = None
    model: str | None = None
    context: int | None = None
    tools: bool | None = None
    template: str = ""
    audio: bool | None = None
    video: bool | None = None
    structured_output: bool = False


Known = dict[tuple[Any, str | None], ServerFacts]
"""Cached answers of servers, by address and model."""


def server_facts(options: ServerOptions, known: Known) -> Plan[ServerFacts]:
    """Return what the server is; asked for once, and kept in `known`."""
    model: str | None = getattr(options, "model", None)
    place = options.base_url, model
    if place not in known:
        try:
            props = yield from ask(options, "GET", props_path(model))
        except (WrongServerError, InvalidRequestError, ModelMissingError):  # there is no such path
            props = None
        known[place] = _facts_of(props)
    return known[place]


def facts_with_context(options: ServerOptions, known: Known) -> Plan[ServerFacts]:
    """As `server_facts`, with the context also of servers that report it in their list of models.

    It is 0 where they do not.
    """
    facts = yield from server_facts(options, known)
    if not facts.llama_cpp and facts.context is None:
        model: str | None = getattr(options, "model", None)
        context = yield from listed_context(options, model)
        facts = known[options.base_url, model] = replace(facts, context=context or 0)
    return facts


def props_path(model: str | None) -> str:
    """Return the path of `/props`.

    Llama.cpp's router and llama-swap need the model's name in it.
    """
    return f"/props?model={quote(model, safe='')}" if model else "/props"


def _facts_of(props: Any) -> ServerFacts:
    # LM Studio answers unknown paths with 200; KoboldCpp has `/props`, but no other path of these
    if (
        not isinstance(props, dict)
        or "default_generation_settings" not in props
        or "id_task" in props
    ):
        return ServerFacts(llama_cpp=False)
    modalities, settings = props.get("modalities"), props["default_generation_settings"]
    vision, audio, video = (
        bool(modalities.get(kind)) if isinstance(modalities, dict) else None
        for kind in ("vision", "audio", "video")
    )
    template = str(props.get("chat_template") or "")
    return ServerFacts(
        llama_cpp=True,
        sees=vision,
        audio=audio,
        video=video,
        structured_output="build_info" in props,
        context=settings.get("n_ctx") if isinstance(settings, dict) else None,
        tools=takes_tools(template),
        template=template,
    )
