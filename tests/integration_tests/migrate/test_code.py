"""What the migration makes of people's code runs on real engines."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit_tests.migrate.shapes import SHAPES, Shape
from tools.engines import pages


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each shape prints, by its name; all run in one process, each with names of its own."""
    shapes = [shape for shape in SHAPES if shape.runs]
    code = [f"exec(r'''{shape.after}''', {{'__name__': '__main__'}})" for shape in shapes]
    with pages.place(tmp_path_factory.mktemp("ollama")) as place:
        return dict(zip([shape.name for shape in shapes], pages.run(code, place), strict=True))


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.runs], ids=lambda shape: shape.name
)
def test_migrated_code_runs_and_prints(shape: Shape, printed: dict[str, str]) -> None:
    prints = "print(" in shape.after or "StreamingStdOut" in shape.after
    assert bool(printed[shape.name]) == prints


def test_code_before_the_migration_does_not_run_where_langchain_1_lacks_its_names(
    tmp_path: Path,
) -> None:
    shape = next(shape for shape in SHAPES if shape.name == "import_from_langchain_llms")
    (tmp_path / "app.py").write_text(shape.before, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "No module named 'langchain.llms'" in ran.stderr
