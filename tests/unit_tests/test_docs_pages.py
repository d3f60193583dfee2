"""What pages say of the code is still so."""

import re
from pathlib import Path
from typing import Final

from langchain_localllm import errors
from langchain_localllm.errors import LocalLLMError

ROOT: Final = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_docs_each_error_has_its_cause_and_fix() -> None:
    told = re.findall(r"^\| `(\w+Error)` \|", page("errors.md"), re.MULTILINE)
    ours = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, LocalLLMError)
    }
    assert set(told) == ours - {"LocalLLMError", "ModelCallError"}


def test_docs_layout_lists_each_folder_and_no_other() -> None:
    told = re.findall(r"`(\w+)/`", page("design.md").partition("## How data flows")[0])
    there = {path.parent.name for path in (ROOT / "langchain_localllm").glob("*/__init__.py")}
    runtimes = {
        path.parent.name for path in (ROOT / "langchain_localllm/runtimes").glob("*/__init__.py")
    }
    assert set(told) == there | runtimes
    drawn = re.findall(r"(\w+)/[:,<]", page("house.svg"))
    assert set(drawn) <= there | runtimes
