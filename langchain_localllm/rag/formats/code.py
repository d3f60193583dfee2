"""Source code: kept as it is, and split by its syntax later."""

from collections.abc import Callable, Iterator
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.formats.located import as_it_is
from langchain_localllm.rag.formats.text import decode

LANGUAGES: Final = {
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".cxx": "cpp",
    ".ex": "elixir",
    ".exs": "elixir",
    ".go": "go",
    ".h": "c",
    ".hpp": "cpp",
    ".hs": "haskell",
    ".java": "java",
    ".js": "js",
    ".jsx": "js",
    ".kt": "kotlin",
    ".lua": "lua",
    ".php": "php",
    ".pl": "perl",
    ".ps1": "powershell",
    ".proto": "proto",
    ".py": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".rst": "rst",
    ".scala": "scala",
    ".sol": "sol",
    ".swift": "swift",
    ".tex": "latex",
    ".ts": "ts",
    ".tsx": "ts",
}
"""A file name's ending to the name that langchain-text-splitters has for the language."""


def code_reader(language: str) -> Callable[[bytes], Iterator[Document]]:
    """A reader of source code in a language, which goes to the metadata."""

    def read(data: bytes) -> Iterator[Document]:
        yield as_it_is(decode(data), metadata={"language": language})

    return read
