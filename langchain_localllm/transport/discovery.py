"""Discover servers of language models on this machine.

Their default ports are probed, and the program that answers is identified.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from langchain_localllm.errors import CallTimeoutError, ModelCallError, WrongServerError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.decoding import json_or_text
from langchain_localllm.transport.operations import Gather, Plan, Read, Send

LLAMA_CPP: Final = "llama.cpp's server"
_LLAMA_CPP_PORTS: Final = (8080, 9931)
SECONDS: Final = 2.0
"""How long servers may take to answer before they are reported as silent."""
_CONNECT_SECONDS: Final = 0.5
"""Windows needs two seconds to say that nothing listens at a port."""
_SILENT_FOR: Final = 5.0
"""For so many seconds, a server that was silent is not asked again."""
_SHARE: Final = 0.9
"""Of that time, what is left for questions about a server that has listed its models."""
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
    # 9931 since https://github.com/ggml-org/llama.cpp/pull/26508
    *(DefaultAddress(port, LLAMA_CPP) for port in _LLAMA_CPP_PORTS),
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
    (
        "/api/extra/version",
        "KoboldCpp",
        lambda answer: isinstance(answer, dict) and answer.get("result") == "KoboldCpp",
    ),
    ("/props", LLAMA_CPP, _has("default_generation_settings")),
    ("/api/v1/health", "Lemonade", _has("model_loaded")),
    ("/get_model_info", "SGLang", _has("model_path")),
    ("/version", "vLLM", _has("version")),
    ("/api/version", "Ollama", _has("version")),  # several of the programs above answer it too
    ("/", "LM Studio", _says("Unexpected endpoint or method")),
)
"""A path, and the program whose answer is recognized there, asked where `/v1/models` does not name
the program."""
_silent_until: Final[dict[str, float]] = {}
"""Until when a host and port is taken for silent, by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answers.

    Attributes:
        url: Its base URL.
        program: The program, by what it answers; empty if it is not recognized.
        models: The names of its models.
        problem: Why its models are unknown, as a sentence.
        version: The program's version, if it reports one.
        is_silent: Whether it accepts connections and did not answer.
    """

    url: str
    program: str = ""
    models: tuple[str, ...] = ()
    problem: str = ""
    version: str = ""
    is_silent: bool = False


def find_servers(
    places: Sequence[DefaultAddress],
    seconds: float | None = None,
    is_enough: Callable[[Sequence[FoundServer | None]], bool] = lambda _: False,
) -> Plan[list[FoundServer | None]]:
    """Look at addresses at the same time, and return what answers at each.

    `None` where nothing listens.

    Args:
        places: The addresses.
        seconds: How long it takes at most, for all of them together. Default: 2.
        is_enough: Says of the first results, in the order of the addresses, whether the others need
            not be waited for.
    """
    seconds = SECONDS if seconds is None else seconds

    def first_ones(done: Mapping[int, Any]) -> list[FoundServer | None]:
        return [done[place] for place in itertools.takewhile(done.__contains__, range(len(places)))]

    plans = tuple(look_at(place, seconds) for place in places)
    done = yield Gather(plans, seconds, lambda done: is_enough(first_ones(done)))
    if is_enough(found := first_ones(done)):
        return found
    return [
        done[number] if number in done else _note_silent(place.url, seconds)
        for number, place in enumerate(places)
    ]


def find_server(url: str) -> Plan[FoundServer | None]:
    """Return the server at an address, which is asked for two seconds at most.

    `None` where nothing listens.
    """
    done = yield Gather((identify(url),), SECONDS)
    return done[0] if done else _note_silent(url, SECONDS)


def look_at(place: DefaultAddress, seconds: float | None = None) -> Plan[FoundServer | None]:
    """Ask what listens at a default address; `None` where nothing does."""
    found = yield from identify(place.url, place.program, seconds)
    # another program, whose API begins at the root
    if place.path and found is not None and found.problem:
        at_root = yield from identify(place.url.removesuffix(place.path), place.program, seconds)
        return at_root if at_root and (at_root.program or not at_root.problem) else found
    return found


def identify(
    url: str, expected: str = "", seconds: float | None = None
) -> Plan[FoundServer | None]:
    """Ask a server which program it is, without any key; `None` where nothing listens.

    Args:
        url: Its base URL.
        expected: The program that is likely there.
        seconds: After which it is reported as silent. Default: 2.
    """
    seconds = SECONDS if seconds is None else seconds
    if time.monotonic() < _silent_until.get(_place(url), 0):
        return _silent(url, seconds)
    end = time.monotonic() + _SHARE * seconds
    client = HttpClient(Address.parse(url), "")
    try:
        status, header, body = yield from _get(client, "/v1/models", seconds)
    except CallTimeoutError:
        return _note_silent(url, seconds)
    except WrongServerError as error:
        return FoundServer(url, problem=str(error))
    except ModelCallError:
        return None
    models = list(_models(body))
    owner = models[0][1] if models else ""
    program = next((name for prefix, name in _BY_HEADER.items() if header.startswith(prefix)), "")
    program = (
        program
        or _BY_OWNER.get(owner, "")
        or (expected if _SHARED_OWNERS.get(owner) == expected else "")
    )
    version = ""
    if not program:
        program, version = yield from _by_path(client, end)
    return FoundServer(
        url, program, tuple(name for name, _ in models), _problem(status, body), version
    )


def check_answer(url: str) -> Plan[None]:
    """Raise `CallTimeoutError` if a server accepts connections but is silent for two seconds."""
    if time.monotonic() >= _silent_until.get(_place(url), 0):
        done = yield Gather((_any_answer(url),), SECONDS)
        if done.get(0):
            return
    raise CallTimeoutError(f"The server at {url}: {_note_silent(url, SECONDS).problem}")


def _any_answer(url: str) -> Plan[bool]:
    try:
        yield from _get(HttpClient(Address.parse(url), ""), "/", SECONDS)
    except CallTimeoutError:
        return False
    except ModelCallError:  # what is wrong, the real request will say
        return True
    return True


def _place(url: str) -> str:
    return urlsplit(url).netloc.replace("localhost", "127.0.0.1")


def _note_silent(url: str, seconds: float) -> FoundServer:
    """Return a server as silent, and do not ask it again for some seconds."""
    _silent_until[_place(url)] = time.monotonic() + _SILENT_FOR
    return _silent(url, seconds)


def _silent(url: str, seconds: float) -> FoundServer:
    return FoundServer(
        url, problem=f"It did not answer within {seconds:g} seconds.", is_silent=True
    )


def _by_path(client: HttpClient, end: float) -> Plan[tuple[str, str]]:
    """Return the program and its version, by paths that only it has, if it answers in time.

    Args:
        client: The server's client.
        end: When to stop, by the monotonic clock.
    """
    parts = urlsplit(client.address.url)
    root = HttpClient(Address.parse(f"{parts.scheme}://{parts.netloc}"), "")
    for path, program, recognized in _BY_PATH:
        if (left := end - time.monotonic()) <= 0:
            break
        try:
            status, _, answer = yield from _get(root, path, left)
        except ModelCallError:
            break
        if status == _OK and recognized(answer):
            return program, str(answer.get("version", "")) if isinstance(answer, dict) else ""
    return "", ""


def _get(client: HttpClient, path: str, seconds: float) -> Plan[tuple[int, str, Any]]:
    """Return the status, the header `Server` and the body of an answer."""
    connect = _CONNECT_SECONDS if client.address.is_loopback else None
    reply = yield Send(
        "GET", path, timeout=seconds, client=client, new_connection=True, connect_timeout=connect
    )
    body = json_or_text((yield Read(reply)))
    return reply.status, reply.server, body


def _models(body: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of models and their owners."""
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
