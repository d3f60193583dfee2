"""Find and download models on the Hugging Face Hub, or the server that `HF_ENDPOINT` names."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm.errors import (
    LocalLLMError,
    MissingDependencyError,
    ModelFileError,
    ModelMissingError,
    PermissionDeniedError,
)
from langchain_localllm.extras import pip_install
from langchain_localllm.gguf.download import Progress, check_hash, check_room
from langchain_localllm.gguf.header import GGUFInfo, check_gguf, with_parts
from langchain_localllm.gguf.remote_header import no_network, remote_header
from langchain_localllm.gguf.split_files import SPLIT_FILE
from langchain_localllm.manage.model_ref import (
    Source,
    means_quantization,
    names_a_model,
    quantization_in,
)

__all__ = ["HubFile", "HubModel", "download_from_hub", "hub_files"]

_HTTP: Final = ("httpx", "requests", "urllib3", "huggingface_hub")
"""Modules whose errors mean a failed connection: huggingface_hub changed its HTTP library, and
wraps some errors."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class HubFile:
    """Describe a file in a repository.

    Attributes:
        path: Its path in the repository.
        size: Bytes.
        sha256: The SHA-256 of its content; empty if the hub does not say.
    """

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class HubModel:
    """Describe a model in a repository: one file, or the parts of a split one.

    Attributes:
        repository: Owner and name.
        files: The parts in order.
    """

    repository: str
    files: tuple[HubFile, ...]

    quantisation = renamed_attribute("quantisation", "quantization")

    @property
    def quantization(self) -> str:
        """The quantization, such as `Q4_K_M`; empty if the name does not contain it."""
        return quantization_in(self.files[0].path)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(file.size for file in self.files)

    @property
    def name(self) -> str:
        """The first part's file name."""
        return PurePosixPath(self.files[0].path).name

    def header(self) -> GGUFInfo:
        """Read the headers of its parts without downloading the files."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented, but not marked as exported

        urls = [hf_hub_url(self.repository, file.path, endpoint=endpoint()) for file in self.files]
        first, *others = (remote_header(url, build_hf_headers()) for url in urls)
        return with_parts(first, others)


def endpoint() -> str:
    """Return the hub's address."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def hub_files(source: Source) -> list[HubModel]:
    """Return the models of a repository, the smallest first.

    With a choice in the reference, only those that match.

    Raises:
        ModelMissingError: There is no such repository, or no file matches; the message lists its
            files.
        PermissionDeniedError: The repository is gated: its terms must be accepted first.
        ConnectionFailedError: The hub cannot be reached.
        MissingDependencyError: huggingface_hub is not installed.
    """
    info = ask(
        source.name,
        lambda hub: hub.HfApi(endpoint=endpoint()).model_info(source.name, files_metadata=True),
    )
    files = [_file(sibling) for sibling in info.siblings or [] if _is_model(sibling.rfilename)]
    models = sorted(_models(source.name, files), key=lambda model: model.size)
    if not models:
        raise ModelMissingError(
            f"hf:{source.name} has no GGUF file. Look for a repository with GGUF in its name."
        )
    if not source.choice:
        return models
    chosen = [model for model in models if _is_meant(model, source.choice)]
    if not chosen:
        there = list(dict.fromkeys(model.quantization or model.name for model in models))
        near = get_close_matches(source.choice.upper(), there, 1, 0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ModelMissingError(
            f"hf:{source.name} has no {source.choice}.{hint} It has {', '.join(there)}."
        )
    return chosen


def ask(what: str, question: Callable[[Any], Result]) -> Result:
    """Ask the hub, and raise its errors as errors of this package."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError:
        raise MissingDependencyError(
            f"The Hugging Face Hub needs a package: {pip_install('cli')}"
        ) from None
    try:
        return question(huggingface_hub)
    except Exception as error:
        fault = _fault(what, error, errors)
        if fault is None:
            raise
        raise fault from None


def _fault(what: str, error: Exception, errors: Any) -> LocalLLMError | None:
    """Convert an error of huggingface_hub.

    Return `None` for errors of this package and for programming errors.
    """
    # offline, and the file is not in the cache
    if isinstance(error, errors.LocalEntryNotFoundError):
        return no_network(endpoint(), error.__cause__ or error)
    status = getattr(getattr(error, "response", None), "status_code", "no answer")
    kinds: list[tuple[type[Exception], type[LocalLLMError], str]] = [
        (
            errors.GatedRepoError,
            PermissionDeniedError,
            f"hf:{what} is gated: accept its terms on its page, then run `hf auth login`.",
        ),
        (
            errors.RepositoryNotFoundError,
            ModelMissingError,
            f"The hub has no repository {what}, or it is private. Check the spelling.",
        ),
        (
            errors.HFValidationError,
            ModelMissingError,
            f"The hub has no repository {what}: that is not a repository name.",
        ),
        (
            errors.EntryNotFoundError,
            ModelMissingError,
            f"hf:{what}: {str(error).partition(chr(10))[0]}",
        ),
        (
            errors.HfHubHTTPError,
            ModelFileError,
            f"The hub could not give {what} (HTTP {status}). Try again later.",
        ),
    ]
    for kind, ours, message in kinds:
        if isinstance(error, kind):
            return ours(message)
    if type(error).__module__.startswith(_HTTP):
        return no_network(endpoint(), error)
    if isinstance(error, OSError):
        return ModelFileError(f"hf:{what} cannot be stored: {error.strerror or error}.")
    return None


def _file(sibling: Any) -> HubFile:
    lfs = sibling.lfs or {}
    sha256 = lfs.get("sha256", "") if isinstance(lfs, dict) else lfs.sha256
    return HubFile(sibling.rfilename, sibling.size or 0, sha256 or "")


def _is_model(path: str) -> bool:
    """Return whether a path is a model file, without `..` in it."""
    name = PurePosixPath(path)
    safe = (
        not name.is_absolute()
        and ".." not in name.parts
        and "\\" not in path
        and ":" not in path
        and "\0" not in path
    )
    return safe and name.suffix == ".gguf" and names_a_model(name.name)


def _models(repository: str, files: list[HubFile]) -> list[HubModel]:
    groups: dict[str, list[HubFile]] = {}
    for file in sorted(files, key=lambda file: file.path):
        groups.setdefault(SPLIT_FILE.sub(r"\g<name>", file.path), []).append(file)
    return [HubModel(repository, tuple(parts)) for parts in groups.values()]


def _is_meant(model: HubModel, choice: str) -> bool:
    paths = {file.path for file in model.files} | {
        PurePosixPath(file.path).name for file in model.files
    }
    return choice in paths or means_quantization(choice, model.quantization)


def download_from_hub(model: HubModel, progress: Progress | None = None) -> Path:
    """Download a model's files into the Hugging Face cache, and return the path of the first one.

    Args:
        model: The model.
        progress: Called with the bytes verified so far and the total.

    Raises:
        ModelFileError: The disk is full, the content has another hash, or it is not a usable model.
        ConnectionFailedError: The hub cannot be reached, or the connection broke.
    """
    missing = [file for file in model.files if not _in_cache(model, file)]
    if missing:
        from huggingface_hub import constants

        check_room(Path(constants.HF_HUB_CACHE), sum(file.size for file in missing))
    paths = [_get(model, file, progress if file in missing else None) for file in model.files]
    check_gguf(paths[0])
    return paths[0]


def _in_cache(model: HubModel, file: HubFile) -> bool:
    found = ask(
        model.repository, lambda hub: hub.try_to_load_from_cache(model.repository, file.path)
    )
    return isinstance(found, str)


def _get(model: HubModel, file: HubFile, progress: Progress | None) -> Path:
    def get(hub: Any) -> str:
        return str(hub.hf_hub_download(model.repository, file.path, endpoint=endpoint()))

    path = Path(ask(model.repository, get))
    if progress and file.sha256:
        check_hash(path, ("sha256", file.sha256), progress)
    return path
