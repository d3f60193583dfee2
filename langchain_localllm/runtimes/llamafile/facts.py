"""What a chat server is: llama.cpp's, or another that speaks OpenAI's API only."""

from dataclasses import dataclass
from typing import Any

from langchain_localllm.base.http import ServerOptions
from langchain_localllm.errors import InvalidRequestError, WrongServerError
from langchain_localllm.runtimes.llamafile.api import ErrorReader
from langchain_localllm.transport.plan import Plan, Send, fetch_json


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server told.

    Attributes:
        llama_cpp: Whether it speaks llama.cpp's own API beside OpenAI's.
        sees: Whether its model takes images; `None` where it does not tell.
    """

    llama_cpp: bool
    sees: bool | None = None


def server_facts(options: ServerOptions, known: dict[str, ServerFacts]) -> Plan[ServerFacts]:
    """What the server is; asked for once, and kept by address in `known`."""
    url = options.client.address.url
    if url not in known:
        try:
            props = yield from fetch_json(Send("GET", "/props", None, options.timeout), options.patience, ErrorReader(url))
        except (WrongServerError, InvalidRequestError):  # there is no such path
            props = None
        known[url] = _facts_of(props)
    return known[url]


def _facts_of(props: Any) -> ServerFacts:
    if not isinstance(props, dict) or "default_generation_settings" not in props:  # LM Studio answers unknown paths with 200
        return ServerFacts(llama_cpp=False)
    modalities = props.get("modalities")
    return ServerFacts(llama_cpp=True, sees=bool(modalities.get("vision")) if isinstance(modalities, dict) else None)
