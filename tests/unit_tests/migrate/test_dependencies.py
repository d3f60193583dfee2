"""Lists of packages are read, and what to change is said."""

import tomllib
from pathlib import Path

import pytest

from langchain_localllm.migrate import dependencies
from langchain_localllm.migrate.dependencies import install_command, requirement_notes

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "packages"),
    [
        ("langchain-community==0.2.1", ["langchain-community"]),
        ("langchain_community", ["langchain-community"]),
        ("LangChain.Ollama >= 0.1", ["langchain-ollama"]),
        ("llama-cpp-python[server]==0.2.1 ; sys_platform == 'linux'", ["llama-cpp-python"]),
        ('    "gpt4all>=2", "langchain-ollama~=0.1",', ["gpt4all", "langchain-ollama"]),
        ('langchain-community = "^0.2"', ["langchain-community"]),
        ("langchain-ollama-extra", []),
        ("my-gpt4all", []),
        ("# langchain-community", []),
        ("path/to/gpt4all/model", []),
        ("langchain-localllm[gpt4all]", ["gpt4all"]),
    ],
)
def test_requirement_notes_name_packages(line: str, packages: list[str]) -> None:
    texts = [note.text for note in requirement_notes(f"\n{line}\n")]
    assert texts == [dependencies._PACKAGES[name] for name in packages]


@pytest.mark.parametrize(
    "line",
    [
        "langchain==0.1.0",
        "langchain-core~=0.3",
        'langchain = "^0.2.1"',
        'langchain = {version = "0.1"}',
        'langchain = "0.3.1"',
        "langchain-core>=0.3,<0.4",
        "langchain >= 0.3, < 1.0.0 ; python_version > '3.8'",
        "langchain[all]==0.2.1",
        "    'langchain-core>=0.2.27,!=0.3.1,<1',",
    ],
)
def test_requirement_notes_name_pins_below_1(line: str) -> None:
    assert [note.text for note in requirement_notes(line)] == [
        "langchain-localllm needs LangChain 1: take the pin to a version before it out."
    ]


@pytest.mark.parametrize(
    "line",
    [
        "langchain>=0.1",
        "langchain==1.0.1",
        "langchain>=0.3,<2.0",
        "langchain<1.1",
        "langchain!=0.3.1",
        'langchain = {version = ">=1", extras = ["0."]}',
        "langchain-openai==0.1",
        "my-langchain==0.1",
    ],
)
def test_requirement_notes_leave_other_pins(line: str) -> None:
    assert list(requirement_notes(line)) == []


def test_requirement_notes_of_a_cell_are_about_commands_only() -> None:
    cell = (
        "import gpt4all\n!pip install gpt4all\n%pip install -U langchain-ollama\nx = 'pip install "
        "gpt4all'\n"
    )
    assert [note.line for note in requirement_notes(cell, only_commands=True)] == [2, 3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("requirements.txt", True),
        ("requirements-dev.in", True),
        ("dev-requirements.txt", True),
        ("pyproject.toml", True),
        ("environment.yml", True),
        ("setup.py", True),
        ("notes.txt", False),
        ("my_pyproject.toml", False),
    ],
)
def test_files_that_list_packages(name: str, expected: bool) -> None:
    assert (dependencies.FILES.fullmatch(name) is not None) == expected


def test_install_command_names_extras_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {*dependencies._EXTRAS.values(), "classic"} <= project["optional-dependencies"].keys()
    assert install_command(["ChatGPT4All", "langchain_text_splitters", "langchain_classic"]) == (
        'pip install "langchain-localllm[classic,gpt4all]" langchain-text-splitters'
    )
    assert install_command(["Ollama", "langchain_experimental", "pydantic"]) == (
        "pip install langchain-localllm langchain-experimental"
    )
