"""The commands that a page shows work with no more than the extras that the page names."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from langchain_localllm.cli.command_table import COMMANDS
from langchain_localllm.models import tiny_chat_model

ROOT: Final = Path(__file__).parents[3]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES: Final = ["README.md", "docs/cli.md", "docs/rag.md"]
TRIALS: Final[dict[str, list[str]]] = {
    "doctor": ["doctor", "--json"],
    "fit": ["fit", str(tiny_chat_model())],
    "models": ["models", "show", str(tiny_chat_model())],
    "pull": ["pull", "--json"],
}
"""What a command does without a server; the others show their help, which imports their modules."""

_BLOCKED_RUN: Final = """
import sys
blocked = set({blocked})
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
from langchain_localllm.cli.app import run
sys.exit(run({words}))
"""


def _closure(extras: set[str]) -> set[str]:
    """Return the names of all distributions that these extras install here."""
    names: set[str] = set()
    waiting = [Requirement(text) for text in PROJECT["dependencies"]]
    waiting += [each for extra in extras for each in _of_extra(extra)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        names.add(key[0])
        waiting += _required(*key)
    return names


def _of_extra(extra: str) -> Iterator[Requirement]:
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == PROJECT["name"]:
            for inner in requirement.extras:
                yield from _of_extra(inner)
        else:
            yield requirement


def _required(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    try:
        found = requires(name) or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, found):
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            yield requirement


def _shown(page: str) -> tuple[set[str], set[str]]:
    """Return the extras that a page names first and the commands that it shows."""
    text = (ROOT / page).read_text(encoding="utf-8")
    install = re.search(r'pip install "[^"\[]*\[([\w,]+)\]"', text)
    assert install, page
    return set(install[1].split(",")), {
        name for name in re.findall(r"localllm (\w+)", text) if name in COMMANDS
    }


def _cases() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        yield from ((page, name) for name in sorted(_shown(page)[1]))


@pytest.mark.parametrize(("page", "name"), list(_cases()))
def test_cli_page_command_with_the_extras_of_its_page_works(page: str, name: str) -> None:
    extras, _ = _shown(page)
    allowed = _closure(extras)
    blocked = [
        module
        for module, names in packages_distributions().items()
        if not {canonicalize_name(each) for each in names} & {*allowed, "langchain-localllm"}
    ]
    code = _BLOCKED_RUN.format(
        blocked=json.dumps(blocked), words=json.dumps(TRIALS.get(name, [name, "--help"]))
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, encoding="utf-8", cwd=ROOT
    )
    assert done.returncode == 0 or (name == "doctor" and done.returncode == 1), done.stderr
    assert "Traceback" not in done.stderr
    assert "needs packages" not in done.stderr


def test_cli_page_closure_without_the_command_s_extra_omits_what_it_needs() -> None:
    assert "psutil" in _closure({"cli"})
    assert "psutil" not in _closure({"rag", "server"})
