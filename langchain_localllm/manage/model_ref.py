"""Parse references to models.

They are `hf:owner/repo:Q4_K_M`, `ollama:llama3.2`, an address, a path or a name.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from langchain_localllm.errors import InvalidOptionError

__all__ = ["Source", "means_quantization", "names_a_model", "quantization_in", "respelled"]

KINDS: Final = ("hf", "ollama", "gpt4all", "pip", "llamacpp", "llamafile")
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_QUANTIZATION: Final = re.compile(
    (
        r"(?:^|[-._/])(?P<name>(?:UD-)?(?:I?Q\d(?:_[KLMNSX0-9]+)*|TQ\d_0|MXFP4(?:_MOE)?|NVFP4|BF16"
        r"|FP?16|FP?32))(?=[-._/]|$)"
    ),
    re.IGNORECASE,
)
_NOT_A_MODEL: Final = ("mmproj", "imatrix")
_HUB_PAGE: Final = re.compile(
    r"(?:https?://)?(?:www\.)?(?:hf\.co|huggingface\.co)/(?P<repository>[\w.-]+/[\w.-]+)"
    r"(?::(?P<choice>[\w.-]+)|/(?:tree|blob|resolve|raw)/[^/?]+/?(?P<file>[^?#]*))?/?(?:[?#].*)?",
    re.ASCII,
)
_OLLAMA_PAGE: Final = re.compile(
    (
        r"(?:(?:https?://)?(?:www\.)?ollama\.(?:com|ai)|ollama)/(?:library/)?"
        r"(?P<name>[\w.-]+(?:/[\w.-]+)?(?::[\w.-]+)?)/?"
    ),
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Hold a parsed reference to a model.

    Attributes:
        kind: `hf`, `ollama`, `gpt4all`, `pip`, `llamacpp`, `llamafile`, `https` for any address, or
            `file` for a path or a plain name.
        name: The repository, the package, the model's name, the address or the path.
        choice: Of a repository, the quantization or the file that is wanted; of a package, the
            file; or an empty string.
    """

    kind: str
    name: str
    choice: str = ""

    @classmethod
    def parse(cls, text: str) -> "Source":
        """Parse a reference. Prefixes are case-insensitive.

        Raises:
            InvalidOptionError: It is empty, or nothing follows the prefix.

        Example:
            >>> Source.parse("hf:owner/repo:Q4_K_M")
            Source(kind='hf', name='owner/repo', choice='Q4_K_M')
        """
        text = text.strip()
        prefix, colon, name = (part.strip() for part in text.partition(":"))
        kind = prefix.lower() if colon and prefix.lower() in KINDS else ""
        if not text or (kind and not name):
            raise InvalidOptionError(
                f"{text!r} does not name a model. Write a path, a name that `localllm models` "
                "lists, ollama:NAME, gpt4all:NAME, hf:OWNER/REPO[:QUANTIZATION] or an http "
                "address."
            )
        if kind == "hf":
            return cls._hub(name)
        if kind == "pip":
            package, _, file = name.partition(":")
            return cls("pip", package.strip(), file.strip())
        if kind:
            return cls(kind, name)
        if text.lower().startswith("file://"):
            return cls("file", url2pathname(urlsplit(text).path))
        return cls("https" if "://" in text else "file", text)

    @classmethod
    def _hub(cls, name: str) -> "Source":
        repository, _, choice = name.removeprefix("//").partition(":")
        owner, _, rest = repository.partition("/")
        short, _, file = rest.partition("/")
        if not _REPOSITORY.fullmatch(f"{owner}/{short}") or ".." in repository:
            raise InvalidOptionError(
                f"hf:{name} is not a repository name. Write hf:OWNER/REPO, or hf:OWNER/REPO:Q4_K_M."
            )
        return cls("hf", f"{owner}/{short}", choice or file)

    def __str__(self) -> str:
        prefix = f"{self.kind}:" if self.kind in KINDS else ""
        return f"{prefix}{self.name}{':' if self.choice else ''}{self.choice}"

    @property
    def path(self) -> Path:
        """The file."""
        return Path(os.path.expanduser(self.name))  # noqa: PTH111 - Path's raises where there is no such user


def respelled(text: str) -> str:
    """Convert another program's spelling of a model, such as a page's address, to a reference.

    Return "" for any other text.

    Example:
        >>> respelled("https://huggingface.co/owner/repo/tree/main")
        'hf:owner/repo'
        >>> respelled("hf.co/owner/repo:Q4_K_M")
        'hf:owner/repo:Q4_K_M'
        >>> respelled("https://ollama.com/library/llama3.2:1b"), respelled("model.gguf")
        ('ollama:llama3.2:1b', '')
    """
    if page := _HUB_PAGE.fullmatch(text.strip()):
        choice = page["choice"] or (page["file"] or "").strip("/")
        return f"hf:{page['repository']}{':' if choice else ''}{choice}"
    if page := _OLLAMA_PAGE.fullmatch(text.strip()):
        return f"ollama:{page['name']}"
    return ""


def quantization_in(name: str) -> str:
    """Return the quantization in a file's name, such as `Q4_K_M`, or an empty string.

    Example:
        >>> quantization_in("qwen2.5-0.5b-instruct-q4_k_m.gguf")
        'Q4_K_M'
    """
    found = [match["name"].upper() for match in _QUANTIZATION.finditer(name.removesuffix(".gguf"))]
    return {"FP16": "F16", "FP32": "F32"}.get(found[-1], found[-1]) if found else ""


def means_quantization(choice: str, quantization: str) -> bool:
    """Return whether the choice of a reference is a quantization, in any spelling.

    Example:
        >>> means_quantization("q4_k_m", "Q4_K_M"), means_quantization("fp16", "F16")
        (True, True)
        >>> means_quantization("boat-Q4_K_M.gguf", "Q4_K_M")
        False
    """
    return bool(_QUANTIZATION.fullmatch(choice)) and quantization_in(choice) == quantization


def names_a_model(name: str) -> bool:
    """Return whether a GGUF file's name is that of a model, not of a projector for images.

    Example:
        >>> names_a_model("boat-Q8_0.gguf"), names_a_model("mmproj-boat-Q8_0.gguf")
        (True, False)
    """
    return not any(word in name.lower() for word in _NOT_A_MODEL)
