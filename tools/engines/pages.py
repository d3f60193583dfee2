"""Run the Python blocks of a page of the docs on real engines.

They run top to bottom in one process, as a reader would run them. A page names models and servers
that its reader has. Here the tiny models replace them, and the code stays as it is:

| in the page | here |
|---|---|
| a model on Ollama | a real Ollama with a tiny model under each of `OLLAMA_MODELS` |
| a file such as `models/llama-3.2-3b.gguf` | a link of that name to a tiny model |
| a file such as `models/mmproj-gemma-3.gguf` | a projector of that name with random weights |
| a file such as `models/bge-reranker.gguf` | a reranker of that name with random weights |
| a file such as `photo.png` | a small picture of that name |
| a file such as `mixtral.llamafile` | a script of that name that serves a tiny model |
| `docs/handbook` | a link of that name |
| `localhost:8080`, also as `Llamafile()` | the port of a real server, which replaces this text |

`OLLAMA_HOST` names the real Ollama. Files are in the folder where the page runs.

`python -m tools.engines.pages` writes into the pages what their blocks print, where that is no
longer what they show.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamafile import server as server_module
from tools.engines import images, ollama
from tools.engines.models import go_template, reranker

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
OLLAMA_MODELS: Final = (
    "llama2",
    "llama2:13b",
    "llama3.2",
    "qwen3",
    "tiny-chat",
    "nomic-embed-text",
)
SECONDS: Final = 120
"""Longest time for a page."""

_BLOCK: Final = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n```output\n(?P<shown>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
_FILE: Final = re.compile(r"[\"']([\w./-]+\.(?:gguf|llamafile|png))[\"']")
# Ollama breaks off at the 30th of the same token
_SETTINGS: Final = {"num_thread": 1, "num_ctx": 1024, "num_predict": 24}
_EMBEDDING: Final = ("embed", "bge", "minilm")
_RUN: Final = """
import contextlib, io, json, sys
space = {"__name__": "__main__"}
printed = []
for number, code in enumerate(json.loads(sys.stdin.read()), 1):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, f"block {number}", "exec"), space)
    printed.append(out.getvalue())
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(printed, file)
"""


@dataclass(frozen=True)
class Block:
    """Python code in a page, and the output that the page shows, if it does.

    `...` in it matches any text.
    """

    code: str
    shown: str | None


@dataclass(frozen=True)
class Place:
    """Where pages run: the addresses of the servers."""

    ollama_host: str
    server: str


def blocks(page: Path) -> list[Block]:
    """Return the Python blocks of a page."""
    return [
        Block(found["code"], found["shown"])
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


@contextlib.contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Start the servers; the folder is for Ollama's models."""
    with ollama.serve(folder) as url, LocalServer(tiny_chat_model()) as server:
        for name in OLLAMA_MODELS:
            if any(word in name for word in _EMBEDDING):
                ollama.create(url, name, tiny_embedding_model(), parameters={"num_thread": 1})
            else:
                ollama.create(
                    url, name, tiny_chat_model(), template=go_template(), parameters=_SETTINGS
                )
        yield Place(url, server.base_url)


def run(code: list[str], at: Place) -> list[str]:
    """Run blocks one after the other in one process, and return what each prints.

    They must leave nothing open.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _furnish(folder, "".join(code))
        ran = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "-c", _RUN, "printed.json"],
            input=json.dumps([_addressed(block, at) for block in code]),
            env={**os.environ, "OLLAMA_HOST": at.ollama_host},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if ran.returncode or "Unclosed" in ran.stderr:
            raise RuntimeError(ran.stderr)
        printed: list[str] = json.loads((folder / "printed.json").read_text(encoding="utf-8"))
    return printed


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed.

    Spaces at the ends of lines and of the text do not count.
    """
    pattern = ".*?".join(re.escape(part) for part in _trimmed(shown).split("..."))
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def renew(page: Path, at: Place) -> bool:
    """Write into a page what its blocks print, where it shows something else.

    Returns whether it was changed.
    """
    text = page.read_text(encoding="utf-8")
    printed = iter(run([block.code for block in blocks(page)], at))

    def shown(found: re.Match[str]) -> str:
        now = next(printed)
        if found["shown"] is None or agrees(found["shown"], now):
            return found[0]
        return f"```python\n{found['code']}```\n\n```output\n{_trimmed(now)}\n```"

    new = _BLOCK.sub(shown, text)
    if new != text:
        page.write_text(new, encoding="utf-8")
    return new != text


def _furnish(folder: Path, code: str) -> None:
    """Put the files that the code names into the folder."""
    (folder / "docs").symlink_to(ROOT / "docs")
    for name in set(_FILE.findall(code)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".llamafile":
            serve = Path(server_module.__file__).with_name("_serve_xllamacpp.py")
            command = f'exec "{sys.executable}" "{serve}" --model "{tiny_chat_model()}" "$@"'
            path.write_text(
                f"#!/bin/sh\nshift 2 # --server --nobrowser\n{command}\n", encoding="utf-8"
            )
        elif path.suffix == ".png":
            path.write_bytes(images.png(200, 30, 30))
        elif "mmproj" in name:
            images.projector(path)
        elif "rerank" in name:
            reranker(tiny_embedding_model(), path)
        else:
            path.symlink_to(
                tiny_embedding_model()
                if any(word in name.lower() for word in _EMBEDDING)
                else tiny_chat_model()
            )


def _addressed(code: str, at: Place) -> str:
    return code.replace("http://localhost:8080", at.server).replace(
        "Llamafile()", f"Llamafile(base_url={at.server!r})"
    )


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


if __name__ == "__main__":
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or PAGES
    with tempfile.TemporaryDirectory() as models, place(Path(models)) as here:
        for one in wanted:
            if blocks(one):
                try:
                    said = "changed" if renew(one, here) else "as before"
                except RuntimeError as error:
                    said = f"FAILS: {error}"
                print(one.name, said, flush=True)
