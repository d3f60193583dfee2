"""Every Python block of the README and the docs, and every notebook, runs on the real engine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"migration.md", "ollama.md"}  # need engines: test_migration.py, ollama/test_page.py
PAGES = [ROOT / "README.md", *(page for page in sorted(ROOT.glob("docs/*.md")) if page.name not in ELSEWHERE)]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def find_blocks(page: Path) -> list[ParameterSet]:
    """A page's Python blocks, as parameters of a test."""
    found = enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), 1)
    return [pytest.param(block, id=f"{page.name}-{number}") for number, block in found]


BLOCKS = [block for page in PAGES for block in find_blocks(page)]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_docs_runs(block: str) -> None:
    run_block(block)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_what_it_printed(notebook: Path) -> None:
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    shown = "".join(text for cell in cells for output in cell["outputs"] for text in output["text"])
    assert run_block("\n".join("".join(cell["source"]) for cell in cells)) == shown


def run_block(code: str) -> str:
    """What the code prints; it must run in a fresh interpreter, and leave nothing open."""
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip(), "code that prints nothing shows nothing"
    assert "Unclosed" not in ran.stderr
    return ran.stdout
