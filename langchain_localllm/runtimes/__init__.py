"""A folder per runtime. A fifth runtime is one more folder and one more line here."""

from typing import Final

RUNTIMES: Final = {
    "llamafile": ("Llamafile", "ChatLlamafile", "LlamafileEmbeddings"),
}
"""Runtime to its text, chat and embedding class. The package's lazy imports and the contract tests read this table."""
