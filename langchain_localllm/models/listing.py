"""The models on this machine, of all runtimes together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langchain_localllm.base.about import takes_tools
from langchain_localllm.errors import ConnectionFailedError, InvalidOptionError, LocalLLMError, ModelFileError, ModelMissingError
from langchain_localllm.models.fitting import FILE_TYPES
from langchain_localllm.models.folders import SPLIT_FILE, files_here, similar
from langchain_localllm.models.gguf_check import check_gguf
from langchain_localllm.models.servers import SERVERS, answers
from langchain_localllm.models.sources import quantisation_in

if TYPE_CHECKING:
    from langchain_localllm import Ollama

__all__ = ["ListedModel", "find", "installed"]

_EMBED: Final = ("bert", "gemma-embedding", "embedding")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model on this machine.

    Attributes:
        name: What other commands take: a path, `ollama:` and a name, or a server's address.
        place: The program that keeps it, or where it runs.
        size: Bytes; 0 where nobody tells.
        quantisation: Such as `Q4_K_M`; empty where nobody tells, likewise below.
        family: Its architecture.
        context: Tokens that it was made for, or that its server gives it.
        tools: Whether it was made to call tools.
        embeddings: Whether it makes vectors instead of text.
        problem: Why it cannot be used.
    """

    name: str
    place: str
    size: int = 0
    quantisation: str = ""
    family: str = ""
    context: int | None = None
    tools: bool | None = None
    embeddings: bool | None = None
    problem: str = ""

    @property
    def path(self) -> Path | None:
        """Its file, where it is one."""
        return None if ":" in self.name and not Path(self.name).exists() else Path(self.name)


def installed(on_fault: Callable[[str], object] | None = None) -> list[ListedModel]:
    """The models in files, in Ollama and on servers that run; what cannot be asked is told to `on_fault`."""
    found = [of_file(path, place) for place, path in files_here()]
    for source in (_of_ollama, _of_servers):
        try:
            found += source()
        except LocalLLMError as error:
            if on_fault:
                on_fault(str(error))
    return found


def find(name: str) -> ListedModel:
    """Return the model that a reference means: a path, a name from the list, or a name that belongs to one model only.

    Nothing is guessed: a part of a name is not a name. Ollama's `NAME` means `NAME:latest`, as in its own command; a file may be
    named without its folder and without `.gguf`, and one in several parts by the name that they share.

    Args:
        name: The reference.

    Raises:
        ModelMissingError: No model has this name, or several have; the message lists what could be meant.
        ConnectionFailedError: It is Ollama's, and Ollama does not answer.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return of_file(path, str(path.absolute().parent))
    models = installed()
    if name.startswith("ollama:") and not any(model.name.startswith("ollama:") for model in models):
        raise ConnectionFailedError("Ollama does not answer, so it is not known what it has. Start it: ollama serve")
    exact = [model for model in models if name.rstrip("/") in _names(model)]
    if len(exact) == 1:
        return exact[0]
    names = [model.name for model in models]
    if exact:
        raise ModelMissingError(f"'{name}' matches several models: {', '.join(model.name for model in exact)}. Give one in full.")
    raise ModelMissingError(f"There is no model {name} on this machine.{similar(name, names)} See: localllm models list")


def _names(model: ListedModel) -> set[str]:
    """Return every reference that means this model."""
    if model.name.startswith("ollama:"):
        names = {model.name, model.name.removeprefix("ollama:")}
        return names | {name.removesuffix(":latest") for name in names}
    if model.path is None:
        return {model.name}
    file = model.path.name
    whole = SPLIT_FILE.sub(r"\g<name>.gguf", file)
    return {
        model.name,
        str(model.path.absolute()),
        *(each for name in (file, whole) for each in (name, name.removesuffix(".gguf"))),
    }


def of_file(path: Path, place: str) -> ListedModel:
    """The model in a file; a file that is none says so."""
    size = path.stat().st_size
    try:
        info = check_gguf(path)
    except ModelFileError as error:
        return ListedModel(str(path), place, size, problem=str(error))
    kind = info.metadata.get("general.file_type")
    quantisation = quantisation_in(path.name) or FILE_TYPES.get(kind if isinstance(kind, int) else -1, "")
    embeds = info.pooling_type is not None or any(word in info.architecture for word in _EMBED)
    tools = takes_tools(str(info.metadata.get("tokenizer.chat_template", "")))
    return ListedModel(str(path), place, size, quantisation, info.architecture, info.context_length, tools, embeds)


def _of_ollama() -> list[ListedModel]:
    server = ollama_server()
    return list(_listed(server)) if server else []


def ollama_server() -> "Ollama | None":
    """Ollama, where it answers at its address."""
    from langchain_localllm.runtimes.ollama.options import default_url

    if not answers(default_url()):
        return None
    from langchain_localllm import Ollama

    return Ollama(model="none", timeout=10, max_retries=0)


def runs_elsewhere(server: "Ollama", name: str) -> bool:
    """Whether a model's name says that Ollama runs it on servers of its own."""
    try:
        server.refuse_remote(name)
    except InvalidOptionError:
        return True
    return False


def _listed(server: "Ollama") -> Iterator[ListedModel]:
    for row in server.list():
        remote = runs_elsewhere(server, row.name)
        card = None if remote else server.show(row.name)  # Ollama would ask its own servers about it
        kinds, context = (card.capabilities, card.context) if card else ((), None)
        problem = "It runs on Ollama's servers, not here." if remote else ""
        name, tools = f"ollama:{row.name}", "tools" in kinds if kinds else None
        embeds = "embedding" in kinds if kinds else None
        yield ListedModel(name, "Ollama", row.size, row.quantization, row.family, context, tools, embeds, problem)


def _of_servers() -> list[ListedModel]:
    return [_served(url, name) for url, name in SERVERS.items() if answers(url)]


def _served(url: str, program: str) -> ListedModel:
    from langchain_localllm import Llamafile
    from langchain_localllm.prompts.look import look

    about = look(Llamafile(base_url=url, timeout=5, max_retries=0))
    place = f"{program}: {about.name}" if about.name else program
    return ListedModel(url, place, family=about.architecture, context=about.context, tools=about.tools, problem=about.problem)
