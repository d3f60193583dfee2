"""Code cells of notebooks are migrated; outputs, metadata and other cells stay byte for byte."""

import json
from typing import Any

import pytest

from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.migrate import migrate_notebook

OUTPUT = {
    "data": {"image/png": "iVBOR" * 10, "text/plain": ["langchain.llms ü"]},
    "output_type": "display_data",
    "metadata": {},
}


def code(*lines: str, as_text: bool = False) -> dict[str, Any]:
    source: Any = "".join(lines) if as_text else list(lines)
    return {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": {"tags": ["a"]},
        "outputs": [OUTPUT],
        "source": source,
    }


def notebook(*cells: dict[str, Any], language: str = "python", **form: Any) -> str:
    whole = {
        "cells": list(cells),
        "metadata": {"language_info": {"name": language}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, **{"indent": 1, "ensure_ascii": False, **form}) + "\n"


CELLS = (
    {"cell_type": "markdown", "metadata": {}, "source": ["`from langchain.llms import Ollama`"]},
    code(
        "%pip install -q langchain_community\n", "\n", "from langchain.llms import Ollama, OpenAI"
    ),
    code("%%bash\n", "pip install langchain_ollama\n"),
    code(),
    code("llm = Ollama(  # ü\n", "    f16_kv=True,\n", "    model='llama2',\n", ")\n", "llm('Hi')"),
    code("!nvidia-smi\nllm.predict('Hi')\n", as_text=True),
)
NEW = (
    CELLS[0],
    code(
        "%pip install -q langchain_community\n",
        "\n",
        "from langchain_localllm.llms import Ollama\n",
        "from langchain_community.llms import OpenAI",
    ),
    CELLS[2],
    CELLS[3],
    code("llm = Ollama(  # ü\n", "    model='llama2',\n", ")\n", "llm.invoke('Hi')"),
    code("!nvidia-smi\nllm.invoke('Hi')\n", as_text=True),
)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"indent": None},
        {"indent": 4},
        {"indent": "\t"},
        {"ensure_ascii": True},
        {"separators": (",", ":"), "indent": None},
    ],
    ids=["jupyter", "one line", "wide", "tabs", "ascii", "narrow"],
)
def test_migrate_notebook_changes_only_the_sources_that_change(form: dict[str, Any]) -> None:
    done = migrate_notebook(notebook(*CELLS, **form))
    assert done.code == notebook(*NEW, **form)
    assert migrate_notebook(done.code).code == done.code


def test_migrate_notebook_names_the_cell_and_its_line() -> None:
    notes = [str(note) for note in migrate_notebook(notebook(*CELLS)).notes]
    assert notes[0].startswith("cell 2:1: by hand: take langchain-community out")
    assert notes[1].startswith("cell 2:3: by hand: `OpenAI` is in langchain_community")
    assert notes[2].startswith("cell 5:2: `f16_kv` of Ollama is removed")
    assert len(notes) == 3


def test_migrate_notebook_keeps_other_numbers_and_escapes() -> None:
    cell = json.dumps(code("from langchain.llms import Ollama"))
    text = (
        f'{{"cells": [{cell}], "metadata": {{"a": 1.50, "b": 1e5, "c": "\\u00fc\\/"}}, '
        f'"nbformat": 4}}'
    )
    assert migrate_notebook(text).code == text.replace(
        "from langchain.llms", "from langchain_localllm.llms"
    )


def test_migrate_notebook_skips_a_cell_that_is_not_python_and_changes_the_others() -> None:
    done = migrate_notebook(notebook(code("x = (\n"), code("from langchain.llms import Ollama")))
    assert done.code == notebook(
        code("x = (\n"), code("from langchain_localllm.llms import Ollama")
    )
    assert [str(note) for note in done.notes] == [
        "cell 1:1: by hand: The cell is not valid Python, and stays as it is: '(' was never closed."
    ]


def test_migrate_notebook_reads_await_and_a_percent_sign_in_python() -> None:
    before = code(
        "from langchain_ollama import OllamaLLM\n",
        "x = ('%s'\n",
        "% 1)\n",
        "await OllamaLLM().ainvoke('x')",
    )
    after = code(
        "from langchain_localllm import OllamaLLM\n",
        "x = ('%s'\n",
        "% 1)\n",
        "await OllamaLLM().ainvoke('x')",
    )
    assert migrate_notebook(notebook(before)).code == notebook(after)


@pytest.mark.parametrize("language", ["R", "julia"])
def test_migrate_notebook_leaves_other_languages(language: str) -> None:
    text = notebook(code("from langchain.llms import Ollama"), language=language)
    assert migrate_notebook(text).code == text


@pytest.mark.parametrize(
    "text",
    [
        "langchain",
        '["langchain"]',
        '{"langchain": 1}',
        '{"worksheets": ["langchain"]}',
        "[" * 9999 + "langchain",
    ],
)
def test_migrate_notebook_refuses_what_is_not_a_notebook(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="This is not a notebook"):
        migrate_notebook(text)


@pytest.mark.parametrize(
    "cells", [[], [1], [{}], [{"cell_type": "code"}], [{"cell_type": "code", "source": []}]]
)
def test_migrate_notebook_takes_odd_cells(cells: list[Any]) -> None:
    text = json.dumps({"cells": cells, "metadata": {"langchain": None, "language_info": None}})
    assert migrate_notebook(text).code == text
