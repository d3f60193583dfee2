"""Runs the notebooks on real engines, by nbmake.

`python -m tools.engines.notebooks` runs them (or those that are named) and writes their outputs
into them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from tools.engines import pages, real_models

SECONDS: Final = 300
"""Longest time for a notebook; most take some seconds."""
NOTEBOOKS: Final = sorted(pages.ROOT.glob("notebooks/*.ipynb"))


def needs_real_models(notebook: Path) -> bool:
    """Return whether a notebook runs models that `localllm pull` gets from a Python package."""
    return '"pip:' in notebook.read_text(encoding="utf-8")


def run(notebook: Path, at: pages.Place, *options: str) -> None:
    """Run a notebook in a kernel of its own.

    Ollama is found by `OLLAMA_HOST`, pulled models by `LOCALLLM_MODELS`.
    """
    with tempfile.TemporaryDirectory() as pulled:
        real_models.link_as_pulled(Path(pulled))
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "--nbmake",
                *options,
                "-q",
                "-p",
                "no:cacheprovider",
                str(notebook),
            ],
            env={**os.environ, "OLLAMA_HOST": at.ollama_host, "LOCALLLM_MODELS": pulled},
            cwd=pages.ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    if ran.returncode:
        raise RuntimeError(ran.stdout + ran.stderr)


def renew(notebook: Path, at: pages.Place) -> None:
    """Run a notebook and write its outputs into it, without times and versions of this machine."""
    run(notebook, at, "--overwrite")
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["metadata"]["language_info"] = {"name": "python"}
    for cell in content["cells"]:
        cell["metadata"].pop("execution", None)
        if cell["cell_type"] == "code":
            cell["outputs"] = list(_joined(cell["outputs"]))
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _joined(outputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One output for what was printed in pieces, as Jupyter itself saves it."""
    for name, group in groupby(outputs, lambda output: output.get("name")):
        if name is None:
            yield from group
        else:
            text = "".join(part for output in group for part in output["text"])
            yield {"name": name, "output_type": "stream", "text": text.splitlines(keepends=True)}


if __name__ == "__main__":
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or NOTEBOOKS
    with tempfile.TemporaryDirectory() as models, pages.place(Path(models)) as here:
        for one in wanted:
            began = time.perf_counter()
            try:
                renew(one, here)
                said = "ran"
            except RuntimeError as error:
                said = f"FAILS: {error}"
            print(f"{one.name} {said}, {time.perf_counter() - began:.0f} s", flush=True)
