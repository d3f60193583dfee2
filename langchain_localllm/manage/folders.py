"""Find model files in the folders of this and other programs (LM Studio, Hugging Face, ...)."""

import os
import sys
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from langchain_localllm.gguf.split_files import SPLIT_FILE
from langchain_localllm.models import tiny_chat_model

__all__ = ["files_here", "folders", "models_folder", "paths_here", "similar"]

_DEEPEST: Final = 6
"""Levels of subfolders that are searched."""


def models_folder() -> Path:
    """Return the folder for `localllm pull`: `LOCALLLM_MODELS`, else in the user's data folder."""
    if named := os.environ.get("LOCALLLM_MODELS"):
        return Path(named).expanduser()
    return _data_folder() / "localllm" / "models"


def folders() -> dict[str, Path]:
    """Return the folders where programs keep model files, by the program's name."""
    home, cache = Path.home(), Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    hub = (
        os.environ.get("HF_HUB_CACHE")
        or Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub"
    )
    on_mac = sys.platform == "darwin"
    llama_cpp = (
        os.environ.get("LLAMA_CACHE")
        or (home / "Library" / "Caches" if on_mac else cache) / "llama.cpp"
    )
    return {
        "localllm": models_folder(),
        "Hugging Face": Path(hub).expanduser(),
        "GPT4All": home / ".cache" / "gpt4all",
        "GPT4All (app)": _data_folder() / "nomic.ai" / "GPT4All",
        "llama.cpp": Path(llama_cpp).expanduser(),
        "LM Studio": home / ".lmstudio" / "models",
        "LM Studio (older versions)": home / ".cache" / "lm-studio" / "models",
        "this package": tiny_chat_model().parent,
    }


def _data_folder() -> Path:
    """Return the user's folder for the data of programs."""
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()


def files_here() -> Iterator[tuple[str, Path]]:
    """Yield the GGUF files in these folders and in the current one, each once, with its place.

    Of several parts, the first.
    """
    found: dict[Path, tuple[str, Path]] = {}
    for place, path in paths_here():
        real = path.resolve()
        # a file comes before links to it
        if real not in found or (found[real][1].is_symlink() and not path.is_symlink()):
            found[real] = place, path
    yield from found.values()


def paths_here() -> Iterator[tuple[str, Path]]:
    """Work like `files_here`, with every name of a file that has several, such as a link."""
    for place, folder in {**folders(), "this folder": Path()}.items():
        for path in _gguf_files(folder, 0 if place == "this folder" else _DEEPEST):
            yield place, path


def _gguf_files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # it does not exist, or cannot be read
        return
    for entry in entries:
        if entry.suffix == ".gguf" and entry.is_file() and not _is_later_part(entry.name):
            yield entry
        elif depth and entry.is_dir() and not entry.is_symlink():
            yield from _gguf_files(entry, depth - 1)


def _is_later_part(name: str) -> bool:
    part = SPLIT_FILE.fullmatch(name)
    return part is not None and int(part["number"]) != 1


def similar(name: str, names: list[str]) -> str:
    """Return a "Did you mean" sentence with similar names, or an empty string.

    Example:
        >>> similar("tiny_chat", ["models/tiny-chat.gguf", "llama.gguf"])
        ' Did you mean models/tiny-chat.gguf?'
    """
    plain = {form: each for each in names for form in (_plain(each), _plain(Path(each).stem))}
    wanted = _plain(name)
    found = [each for each in plain if wanted and wanted in each] or get_close_matches(
        wanted, plain, 3, 0.6
    )
    meant = list(dict.fromkeys(plain[each] for each in found))[:3]
    return f" Did you mean {' or '.join(meant)}?" if meant else ""


def _plain(name: str) -> str:
    """Return the letters and digits of a name, in lower case and without accents."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", name.lower()) if letter.isalnum()
    )
