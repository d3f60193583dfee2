"""A model as a person names it: `hf:owner/repo:Q4_K_M`, `ollama:llama3.2`, `gpt4all:name.gguf`, an https address or a file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from langchain_localllm.errors import InvalidOptionError

__all__ = ["Source", "quantisation_in"]

KINDS: Final = ("hf", "ollama", "gpt4all")
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_QUANTISATION: Final = re.compile(
    r"(?:^|[-._/])(?P<name>(?:UD-)?(?:I?Q\d(?:_[KMSLX0-9]+)*|TQ\d_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32))(?=[-._/]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model is.

    Attributes:
        kind: `hf`, `ollama`, `gpt4all`, `https` or `file`.
        name: The repository, the model's name, the address or the path.
        choice: Of a repository, the quantisation or the file that is wanted, or an empty string.
    """

    kind: str
    name: str
    choice: str = ""

    @classmethod
    def parse(cls, text: str) -> "Source":
        """Read what a person gave.

        Raises:
            InvalidOptionError: It is empty or no such name.

        Example:
            >>> Source.parse("hf:owner/repo:Q4_K_M")
            Source(kind='hf', name='owner/repo', choice='Q4_K_M')
        """
        text = text.strip()
        kind, colon, name = text.partition(":")
        if not text or (colon and kind in KINDS and not name):
            raise InvalidOptionError(
                "Name a model: hf:OWNER/REPO[:QUANTISATION], ollama:NAME, gpt4all:NAME, an https address or a file."
            )
        if kind == "hf":
            return cls._hub(name)
        if colon and kind in KINDS:
            return cls(kind, name)
        if "://" in text:
            return cls("https", text)
        return cls("file", text)

    @classmethod
    def _hub(cls, name: str) -> "Source":
        repository, _, choice = name.removeprefix("//").partition(":")
        owner, _, rest = repository.partition("/")
        short, _, file = rest.partition("/")
        if not _REPOSITORY.fullmatch(f"{owner}/{short}") or ".." in repository:
            raise InvalidOptionError(f"hf:{name} names no repository. Write hf:OWNER/REPO, or hf:OWNER/REPO:Q4_K_M.")
        return cls("hf", f"{owner}/{short}", choice or file)

    def __str__(self) -> str:
        prefix = f"{self.kind}:" if self.kind in KINDS else ""
        return f"{prefix}{self.name}{':' if self.choice else ''}{self.choice}"

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.name).expanduser()


def quantisation_in(name: str) -> str:
    """The quantisation that a file's name tells, such as `Q4_K_M`, or an empty string.

    Example:
        >>> quantisation_in("qwen2.5-0.5b-instruct-q4_k_m.gguf")
        'Q4_K_M'
    """
    found = [match["name"].upper() for match in _QUANTISATION.finditer(name.removesuffix(".gguf"))]
    return {"FP16": "F16", "FP32": "F32"}.get(found[-1], found[-1]) if found else ""
