"""Source code: kept as it is, and split by its syntax later."""

from collections.abc import Callable, Iterator
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.located import as_it_is
from langchain_localllm.rag.ingest.formats.text import decode

LANGUAGES: Final = {
    ".c": "c",
    ".cc": "cpp",
    ".cjs": "js",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
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
    ".kts": "kotlin",
    ".lua": "lua",
    ".mjs": "js",
    ".php": "php",
    ".pl": "perl",
    ".ps1": "powershell",
    ".proto": "proto",
    ".py": "python",
    ".pyi": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".rst": "rst",
    ".scala": "scala",
    ".sol": "sol",
    ".swift": "swift",
    ".ts": "ts",
    ".tsx": "ts",
}
"""A file name's ending to the name that langchain-text-splitters has for the language, where it
knows the language."""
LINES: Final = frozenset(
    {
        ".asm",
        ".bash",
        ".bat",
        ".cfg",
        ".clj",
        ".cmake",
        ".cmd",
        ".conf",
        ".csh",
        ".dart",
        ".diff",
        ".env",
        ".erl",
        ".f90",
        ".fish",
        ".gradle",
        ".graphql",
        ".groovy",
        ".hcl",
        ".ini",
        ".jl",
        ".less",
        ".log",
        ".m",
        ".mk",
        ".nim",
        ".patch",
        ".properties",
        ".sass",
        ".scss",
        ".sh",
        ".sql",
        ".svelte",
        ".tcl",
        ".tf",
        ".toml",
        ".vim",
        ".vue",
        ".yaml",
        ".yml",
        ".zig",
        ".zsh",
    }
)
"""Endings of other code, settings and logs, whose lines stay apart: nothing here knows their
syntax."""
SOURCE_LANGUAGES: Final = frozenset(LANGUAGES.values())
"""The languages in which a text is source code. Other loaders put the one that people speak, such
as `en`, into the same metadata."""
_MINIFIED: Final = 500
"""Characters of a line, on average, above which code was written by a program."""
_SHORT: Final = 5000


def code_reader(language: str) -> Callable[[bytes], Iterator[Document]]:
    """Return a reader of source code in a language, which goes to the metadata.

    Minified code is refused.
    """

    def read(data: bytes) -> Iterator[Document]:
        text = decode(data)
        if len(text) > _SHORT and len(text) > _MINIFIED * (text.count("\n") + 1):
            raise DocumentError("it is minified code. Index the source that it was made from.")
        yield as_it_is(text, metadata={"language": language})

    return read
