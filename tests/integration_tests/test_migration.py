"""docs/migration.md: its new lines import, and the guides' old code runs on real engines when its imports are changed so."""

import re
from pathlib import Path
from typing import Final

import pytest

from tools.engines import pages

PAGE: Final = (pages.ROOT / "docs/migration.md").read_text(encoding="utf-8")
LINES: Final = re.findall(r"^\| `(from [^`]+)` \| `(from [^`]+)` \|", PAGE, re.MULTILINE)
OLD_CODE: Final = re.findall(r"^:caption: Before\n\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_tables_are_read_whole() -> None:
    assert len(LINES) == PAGE.count("\n| `from ")
    assert len(OLD_CODE) == 1


@pytest.mark.parametrize("new", sorted({new for _, new in LINES}))
def test_a_new_line_imports(new: str) -> None:
    exec(new, {})  # noqa: S102 - the page's own line


def test_the_old_code_runs_with_only_its_imports_changed(tmp_path: Path) -> None:
    code = OLD_CODE[0]
    for old, new in LINES:
        code = code.replace(f"{old}\n", f"{new}\n")
    assert set(re.findall(r"^from (\w+)", code, re.MULTILINE)) == {"langchain_classic", "langchain_core", "langchain_localllm"}
    with pages.place(tmp_path) as place:
        assert pages.run([code], place)[0].strip(), "the handlers print what the models say"
