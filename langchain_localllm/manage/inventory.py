"""List the models on this machine, of all runtimes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm.errors import InvalidOptionError, LocalLLMError, ModelFileError
from langchain_localllm.gguf.header import GGUFInfo, check_gguf, is_llamafile, look_into_llamafile
from langchain_localllm.manage.fit import quantization_of
from langchain_localllm.manage.folders import files_here
from langchain_localllm.manage.probe import RunningServer, answers, ask_server, running_servers
from langchain_localllm.model_info.info import takes_tools
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.discovery import check_answer

if TYPE_CHECKING:
    from langchain_localllm import Ollama
    from langchain_localllm.runtimes.ollama.model_list import InstalledModel

__all__ = ["ListedModel", "installed"]

_EMBED: Final = ("bert", "gemma-embedding", "embedding", "t5encoder")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """Describe a model on this machine.

    Attributes:
        name: The reference for other commands: a path, `ollama:NAME`, or a server's address.
        place: The program that stores it, or the server that runs it.
        size: Bytes; 0 if unknown.
        quantization: Its quantization, such as `Q4_K_M`; empty if unknown.
        family: Its architecture; empty if unknown.
        context: The trained context, or the one that its server uses, in tokens.
        tools: Whether it was trained to call tools.
        embeddings: Whether it is an embedding model.
        problem: Why it cannot be used.
        chat: Whether it has a chat template; a base model has none, and completes text.
        runtime: The runtime that has it, or that the reference names; empty for a file that several
            runtimes can run.
        ranks: Whether it is a reranker, which scores pairs of texts.
        model: Its name on its server, where the server has several.
        on_this_machine: Whether it runs on this machine.
    """

    name: str
    place: str
    size: int = 0
    quantization: str = ""
    family: str = ""
    context: int | None = None
    tools: bool | None = None
    embeddings: bool | None = None
    problem: str = ""
    chat: bool | None = None
    runtime: str = ""
    ranks: bool = False
    model: str = ""
    on_this_machine: bool = True

    quantisation = renamed_attribute("quantisation", "quantization")

    @property
    def path(self) -> Path | None:
        """Its file, or `None` for a model in Ollama or on a server."""
        return None if self.name.startswith("ollama:") or "://" in self.name else Path(self.name)

    @property
    def reference(self) -> str:
        """The reference that works in every command and from any folder."""
        if self.path is None:
            return self.name
        prefix = f"{self.runtime}:" if self.runtime else ""
        return f"{prefix}{self.path.absolute()}"

    @property
    def short_name(self) -> str:
        """Its name without the folder."""
        return self.name if self.path is None else self.path.name

    @property
    def address(self) -> str:
        """The address of the server that runs it; empty if none does."""
        return self.name.partition("#")[0] if "://" in self.name else ""


def installed(on_fault: Callable[[str], object] | None = None) -> list[ListedModel]:
    """List the models in files, in Ollama and on running servers.

    `on_fault` is called with each error.
    """
    with ThreadPoolExecutor() as pool:
        # each waits for silent servers
        asked = [pool.submit(source) for source in (_of_ollama, _of_servers)]
        found = [of_file(path, place) for place, path in files_here()]
    for source in asked:
        try:
            found += source.result()
        except LocalLLMError as error:
            if on_fault:
                on_fault(str(error))
    return found


def of_file(path: Path, place: str) -> ListedModel:
    """Describe the model in a file; an unusable file is listed with its `problem`."""
    runtime = ""
    try:
        size = path.stat().st_size
        if is_llamafile(path):
            runtime, info = "llamafile", look_into_llamafile(path)
        else:
            info = check_gguf(path)
    except ModelFileError as error:
        return ListedModel(str(path), place, problem=str(error))
    except OSError as error:
        return ListedModel(
            str(path),
            place,
            problem=f"The model file {path} cannot be read: {error.strerror or error}.",
        )
    if info is None:  # a llamafile without a model, or with a compressed one
        return ListedModel(str(path), place, size, runtime=runtime)
    return _of_header(path, place, size, info, runtime)


def _of_header(path: Path, place: str, size: int, info: GGUFInfo, runtime: str) -> ListedModel:
    embeds = info.pooling_type is not None or any(word in info.architecture for word in _EMBED)
    template = str(info.metadata.get("tokenizer.chat_template", ""))
    return ListedModel(
        str(path),
        place,
        size,
        quantization=quantization_of(path.name, info),
        family=info.architecture,
        context=info.context_length,
        tools=takes_tools(template),
        embeddings=embeds,
        chat=bool(template)
        or any(name.startswith("tokenizer.chat_template.") for name in info.metadata),
        runtime=runtime,
        ranks=info.ranks,
    )


def _of_ollama() -> list[ListedModel]:
    server = ollama_server()
    return [of_ollama_row(server, row) for row in server.list()] if server else []


def ollama_server() -> "Ollama | None":
    """Return a client for Ollama, or `None` if nothing listens at its address.

    Raises:
        InvalidOptionError: `OLLAMA_HOST` is not an address.
        CallTimeoutError: What listens there does not answer within two seconds.
    """
    from langchain_localllm.runtimes.ollama.options import default_url

    url = Address.parse(default_url()).url
    if not answers(url):
        return None
    from langchain_localllm import Ollama

    server = Ollama(model="none", timeout=30, max_retries=0)
    server.client.run(check_answer(url))
    return server


def runs_elsewhere(server: "Ollama", name: str) -> bool:
    """Return whether a model's name marks it as one that Ollama runs in its cloud."""
    try:
        server.refuse_remote(name)
    except InvalidOptionError:
        return True
    return False


def of_ollama_row(server: "Ollama", row: "InstalledModel") -> ListedModel:
    """Return the model in a row of Ollama's list."""
    from langchain_localllm.runtimes.ollama.options import default_url

    here = Address.parse(default_url()).is_loopback
    model = ListedModel(
        f"ollama:{row.name}",
        "Ollama",
        row.size,
        row.quantization,
        row.family,
        runtime="ollama",
        on_this_machine=here,
    )
    if runs_elsewhere(server, row.name):  # Ollama would ask its own servers about it
        problem = f"{row.name} runs on Ollama's servers, not on this machine."
        return replace(model, problem=problem, on_this_machine=False)
    try:
        card = server.show(row.name)
    except LocalLLMError:  # a gateway without this endpoint
        return model
    kinds = card.capabilities
    embeds = "embedding" in kinds and "completion" not in kinds if kinds else None
    return replace(
        model, context=card.context, tools="tools" in kinds if kinds else None, embeddings=embeds
    )


def _of_servers() -> list[ListedModel]:
    return [model for server in servers_beside_ollama() for model in of_running_server(server)]


def servers_beside_ollama() -> list[RunningServer]:
    """Return the servers at the usual addresses, except the Ollama that its own API lists."""
    from langchain_localllm.runtimes.ollama.options import default_url

    try:
        ollama = Address.parse(default_url()).url
    except InvalidOptionError:  # OLLAMA_HOST is not an address
        ollama = ""
    same = {ollama, ollama.replace("//localhost", "//127.0.0.1")}
    return [
        server
        for server in running_servers()
        if not (server.program == "Ollama" and server.url in same)
    ]


def of_running_server(server: RunningServer) -> list[ListedModel]:
    """Return the models of a server, or a problem if it cannot be asked.

    One model is described; several are named.
    """
    if server.is_silent:
        return [replace(_on_server(server, ""), problem=f"{server.url}: {server.problem}")]
    if len(server.models) > 1 and not server.problem:
        return [_on_server(server, name) for name in server.models]
    return [of_server(server.url, server.program, server)]


def of_server(url: str, program: str, server: RunningServer | None = None) -> ListedModel:
    """Return the model that a server runs.

    A server that cannot be asked is listed with its problem.

    Args:
        url: Its address, with `#` and a name for one of several models.
        program: What it is called where it does not say what it is.
        server: What it said, if it was asked before.
    """
    from langchain_localllm import Llamafile
    from langchain_localllm.model_info.introspect import describe_model

    address, _, name = url.partition("#")
    server = server or ask_server(address) or RunningServer(address, program)
    about = describe_model(
        Llamafile(base_url=address, model=name or None, timeout=30, max_retries=0)
    )
    known = _on_server(server, name, about.name)
    return replace(
        known,
        family=about.architecture,
        context=about.context,
        tools=about.tools,
        problem=about.problem,
    )


def _on_server(server: RunningServer, name: str, shown: str = "") -> ListedModel:
    place = " ".join(filter(None, (server.program, server.location)))
    reference = f"{server.url}#{name}" if name else server.url
    shown = shown or name
    return ListedModel(
        reference,
        f"{place}: {shown}" if shown else place,
        runtime="llamafile",
        model=name,
        on_this_machine=server.on_this_machine,
    )
