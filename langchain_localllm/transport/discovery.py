"""Discover servers of language models on this machine: probe their default ports, and identify the program that answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from langchain_localllm.errors import CallTimeoutError, ModelCallError, WrongServerError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.decoding import json_or_text
from langchain_localllm.transport.operations import Plan, Read, Send

LLAMA_CPP: Final = "llama.cpp's server"
_LLAMA_CPP_PORTS: Final = (8080, 9931)
SECONDS: Final = 2.0
"""How long a server may take to answer before it is reported as silent."""
_UNAUTHORIZED: Final = (401, 403)
_NOT_FOUND: Final = 404
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class DefaultAddress:
    """Describe the default address of a program.

    Attributes:
        port: Its port.
        program: The program.
        path: What comes before `/v1` in the paths of its OpenAI API.
    """

    port: int
    program: str
    path: str = ""

    @property
    def url(self) -> str:
        """The base URL on this machine."""
        return f"http://127.0.0.1:{self.port}{self.path}"


DEFAULT_ADDRESSES: Final = (
    *(DefaultAddress(port, LLAMA_CPP) for port in _LLAMA_CPP_PORTS),  # 9931 since https://github.com/ggml-org/llama.cpp/pull/26508
    DefaultAddress(11434, "Ollama"),
    DefaultAddress(1234, "LM Studio"),
    DefaultAddress(8000, "vLLM"),
    DefaultAddress(12434, "Docker Model Runner", "/engines"),
    DefaultAddress(13305, "Lemonade", "/api"),
    DefaultAddress(1337, "Jan"),
    DefaultAddress(5001, "KoboldCpp"),
    DefaultAddress(4891, "GPT4All"),
    DefaultAddress(30000, "SGLang"),
)
"""What is looked at, in this order."""

_BY_HEADER: Final = {
    "llama.cpp": LLAMA_CPP,
    "llamafiler": "llamafiler",
    "ConcedoLlamaForKoboldServer": "KoboldCpp",
}
"""Beginning of the header `Server` to the program."""
_BY_OWNER: Final = {
    "docker": "Docker Model Runner",
    "humanity": "GPT4All",
    "koboldcpp": "KoboldCpp",
    "lemonade": "Lemonade",
    "library": "Ollama",
    "llama-swap": "llama-swap",
    "llamacpp": LLAMA_CPP,
    "me": "llama-cpp-python's server",
    "organization_owner": "LM Studio",
    "sglang": "SGLang",
    "tabbyAPI": "TabbyAPI",
    "vllm": "vLLM",
    "xinference": "Xinference",
}
"""`owned_by` of the first model at `/v1/models` to the program."""
_SHARED_OWNERS: Final = {"user": "Jan"}
"""As above, where other programs say the same: it counts only at the program's own port."""


def _has(*keys: str) -> Callable[[Any], bool]:
    return lambda answer: isinstance(answer, dict) and all(key in answer for key in keys)


def _says(words: str) -> Callable[[Any], bool]:
    return lambda answer: words in str(answer)


_BY_PATH: Final[tuple[tuple[str, str, Callable[[Any], bool]], ...]] = (
    ("/api/extra/version", "KoboldCpp", lambda answer: isinstance(answer, dict) and answer.get("result") == "KoboldCpp"),
    ("/props", LLAMA_CPP, _has("default_generation_settings")),
    ("/api/v1/health", "Lemonade", _has("model_loaded")),
    ("/get_model_info", "SGLang", _has("model_path")),
    ("/version", "vLLM", _has("version")),
    ("/api/version", "Ollama", _has("version")),  # several of the programs above answer it too
    ("/", "LM Studio", _says("Unexpected endpoint or method")),
)
"""A path, and the program whose answer is recognized there, asked where `/v1/models` does not name the program."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answers.

    Attributes:
        url: Its base URL.
        program: The program, by what it answers; empty if it is not recognized.
        models: The names of its models.
        problem: Why its models are unknown, as a sentence.
        version: The program's version, if it reports one.
    """

    url: str
    program: str = ""
    models: tuple[str, ...] = ()
    problem: str = ""
    version: str = ""


def look_at(place: DefaultAddress, seconds: float | None = None) -> Plan[FoundServer | None]:
    """Ask what listens at a default address; `None` where nothing does."""
    found = yield from identify(place.url, place.program, seconds)
    if place.path and found is not None and found.problem:  # another program, whose API begins at the root
        at_root = yield from identify(place.url.removesuffix(place.path), place.program, seconds)
        return at_root if at_root and (at_root.program or not at_root.problem) else found
    return found


def identify(url: str, expected: str = "", seconds: float | None = None) -> Plan[FoundServer | None]:
    """Ask a server which program it is, without any key; `None` where nothing listens.

    Args:
        url: Its base URL.
        expected: The program that is likely there.
        seconds: Silence after which it is given up. Default: 2.
    """
    seconds = SECONDS if seconds is None else seconds
    client = HttpClient(Address.parse(url), "")
    try:
        status, header, body = yield from _get(client, "/v1/models", seconds)
    except CallTimeoutError:
        return FoundServer(url, problem=f"It did not answer within {seconds:g} seconds.")
    except WrongServerError as error:
        return FoundServer(url, problem=str(error))
    except ModelCallError:
        return None
    models = list(_models(body))
    owner = models[0][1] if models else ""
    program = next((name for prefix, name in _BY_HEADER.items() if header.startswith(prefix)), "")
    program = program or _BY_OWNER.get(owner, "") or (expected if _SHARED_OWNERS.get(owner) == expected else "")
    version = ""
    if not program:
        program, version = yield from _by_path(client, seconds)
    return FoundServer(url, program, tuple(name for name, _ in models), _problem(status, body), version)


def _by_path(client: HttpClient, seconds: float) -> Plan[tuple[str, str]]:
    """The program and its version, by the paths that only it has."""
    parts = urlsplit(client.address.url)
    root = HttpClient(Address.parse(f"{parts.scheme}://{parts.netloc}"), "")
    for path, program, recognized in _BY_PATH:
        try:
            status, _, answer = yield from _get(root, path, seconds)
        except ModelCallError:
            return "", ""
        if status == _OK and recognized(answer):
            return program, str(answer.get("version", "")) if isinstance(answer, dict) else ""
    return "", ""


def _get(client: HttpClient, path: str, seconds: float) -> Plan[tuple[int, str, Any]]:
    """The status, the header `Server` and the body of an answer."""
    reply = yield Send("GET", path, timeout=seconds, client=client, new_connection=True)
    body = json_or_text((yield Read(reply)))
    return reply.status, reply.server, body


def _models(body: Any) -> Iterator[tuple[str, str]]:
    """The names of models and their owners."""
    data = body.get("data") if isinstance(body, dict) else None
    for model in data if isinstance(data, list) else ():
        if isinstance(model, dict) and isinstance(model.get("id"), str):
            yield model["id"], str(model.get("owned_by") or "")


def _problem(status: int, body: Any) -> str:
    if status in _UNAUTHORIZED:
        return f"It wants a key (status {status})."
    if status == _OK and isinstance(body, dict) and "data" in body:
        return ""
    return f"It lists no models at /v1/models (status {status})."
