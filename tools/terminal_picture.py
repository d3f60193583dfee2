"""Write docs/cli.svg: the command in a terminal, as it was printed on this machine.

`python -m tools.terminal_picture` runs the commands below and draws what they print.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

PICTURE: Final = Path(__file__).parent.parent / "docs/cli.svg"
WIDTH: Final = 98
COMMANDS: Final = (
    ("fit", "tiny-chat.gguf", "-c", "512", "-c", "2048"),
    ("run", "Hello!", "-m", "tiny-chat"),
    ("bench", "tiny-chat.gguf", "-n", "64"),
    ("ask", "handbook/", "Who is the warden?"),
)
_REMOTE_FONT: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""The font that rich would let a reader's browser fetch from elsewhere."""
_ROOT: Final = Path(__file__).parent.parent
_PLACES: Final = {
    "tiny-chat.gguf": str(_ROOT / "langchain_localllm/models/tiny-chat.gguf"),
    "handbook/": str(_ROOT / "docs/handbook"),
}


def draw() -> None:
    """Run the commands and write the picture."""
    console = Console(
        record=True,
        width=WIDTH,
        file=open(os.devnull, "w", encoding="utf-8"),  # noqa: SIM115, PTH123 - for as long as this runs
        force_terminal=True,
    )
    for words in COMMANDS:
        shown = " ".join(f'"{word}"' if " " in word or "!" in word else word for word in words)
        console.print(Text.assemble(("$ ", "green"), (f"localllm {shown}", "bold")))
        console.print(Text(run(words)))
    picture = console.export_svg(title="localllm", unique_id="localllm")
    PICTURE.write_text(_REMOTE_FONT.sub("", picture), encoding="utf-8")


def run(words: tuple[str, ...]) -> str:
    """Return what the command prints to stdout, with short names for the places on this machine."""
    arguments = [_PLACES.get(word, word) for word in words]
    command = [sys.executable, "-m", "langchain_localllm.cli", *arguments]
    environment = {**os.environ, "OLLAMA_HOST": "127.0.0.1:9"}
    done = subprocess.run(  # noqa: S603 - our own command
        command,
        capture_output=True,
        check=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    printed = done.stdout.rstrip()
    for name, place in _PLACES.items():
        printed = printed.replace(place, name.rstrip("/"))
    return "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"


if __name__ == "__main__":
    draw()
    print(f"wrote {PICTURE}")
