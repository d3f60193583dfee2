"""Lines that only Jupyter understands are hidden, line for line, and come back."""

import ast

import pytest

from langchain_localllm.migrate.magics import HiddenMagics, is_python_cell


@pytest.mark.parametrize(
    "source",
    [
        "%pip install -qU langchain_community\nx = 1",
        "!pip install langchain_community \\\n    gpt4all \\\n    chromadb\nx = 1\n",
        "if x:\n    !ls\n    y = 2\nelse:\n    %matplotlib inline\n",
        "files = !ls *.gguf\na, b = %sql select 1\n",
        "Ollama?\nOllama.invoke??\n?Ollama\n",
        "%%time\nx = 1\n",
        "!echo 'ü'\r\nx = 1\r\n",
    ],
)
def test_hidden_magics_leave_python_and_come_back(source: str) -> None:
    hidden = HiddenMagics(source)
    ast.parse(hidden.code)
    assert hidden.code.count("\n") == source.count("\n")
    assert hidden.restore(hidden.code) == source


@pytest.mark.parametrize(
    "source", ["x = 1\n", "x = a != b\n", "y = x % 2\n", "print('what?')\n", "if a: b = c == 1\n"]
)
def test_python_is_not_hidden(source: str) -> None:
    assert HiddenMagics(source).code == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%%bash\nls", False),
        ("%%time\nx", True),
        ("\n%%writefile a.py\nx", False),
        ("%time x", True),
        ("", True),
        ("%%", False),
    ],
)
def test_is_python_cell(source: str, expected: bool) -> None:
    assert is_python_cell(source) == expected
