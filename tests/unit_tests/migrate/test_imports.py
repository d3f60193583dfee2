"""Imports and the uses of modules, where the shapes do not show them."""

import pytest

from langchain_localllm.migrate import migrate_code


def migrated(code: str) -> str:
    return migrate_code(code).code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # names of one package, in two
        (
            "from langchain import hub, LLMChain",
            (
                "from langchain_localllm.prompts import hub\nfrom langchain_classic.chains import "
                "LLMChain"
            ),
        ),
        # comments stay
        (
            (
                "from langchain.llms import (  # models\n    # local\n    Ollama,  # mine\n    "
                "OpenAI,  # not mine\n)  # end"
            ),
            (
                "from langchain_localllm.llms import Ollama  # mine\nfrom langchain_community.llms "
                "import OpenAI  # not mine  # end"
            ),
        ),
        # a dotted import whose root is used for something else
        (
            (
                "import langchain_community.llms\nlangchain_community.llms.Ollama()\n"
                "langchain_community.__version__"
            ),
            """\
import langchain_localllm.llms
import langchain_community.llms
langchain_localllm.llms.Ollama()
langchain_community.__version__""",
        ),
        # the same module again, in a block of its own and in the same one
        (
            """\
import langchain.llms
try:
    import langchain.llms as a
except E: pass
langchain.llms.Ollama
a.OpenAI, a.Ollama
""",
            """\
import langchain_localllm.llms
try:
    import langchain_community.llms
    import langchain_localllm.llms
except E: pass
langchain_localllm.llms.Ollama
langchain_community.llms.OpenAI, langchain_localllm.llms.Ollama
""",
        ),
        (
            (
                "import langchain_community.llms\nimport langchain_community.llms\n"
                "langchain_community.llms.Ollama"
            ),
            (
                "import langchain_localllm.llms\nimport langchain_localllm.llms\n"
                "langchain_localllm.llms.Ollama"
            ),
        ),
        # modules of one package, each with its uses, and a use of the package
        (
            (
                "import langchain.llms\nimport langchain.prompts\nlangchain.llms.Ollama, "
                "langchain.prompts.PromptTemplate\n"
            ),
            """\
import langchain_localllm.llms
import langchain_core.prompts
langchain_localllm.llms.Ollama, langchain_core.prompts.PromptTemplate
""",
        ),
        (
            "import langchain.llms\nlangchain.llms.Ollama\nprint(langchain.__version__)\n",
            (
                "import langchain_localllm.llms\nimport langchain\nlangchain_localllm.llms.Ollama\n"
                "print(langchain.__version__)\n"
            ),
        ),
        # several modules in one statement
        (
            (
                "import os, langchain_community.llms as llms, langchain_ollama as lo\n"
                "llms.Ollama(), lo.ChatOllama()"
            ),
            (
                "import os, langchain_localllm.llms as llms, langchain_localllm as lo\n"
                "llms.Ollama(), lo.ChatOllama()"
            ),
        ),
        (
            "import langchain_ollama\nlangchain_ollama.ChatOllama",
            "import langchain_localllm\nlangchain_localllm.ChatOllama",
        ),
        # not used in this file
        ("import langchain_community.llms as llms", "import langchain_localllm.llms as llms"),
        ("import langchain_community.llms", "import langchain_community.llms"),
        ("import langchain", "import langchain"),
        # a module that is handed on as an object
        (
            "import langchain_community.llms as llms\nf(llms)",
            "import langchain_community.llms as llms\nf(llms)",
        ),
        # a local name of the same spelling
        (
            "import langchain\ndef f(langchain):\n    return langchain.llms.Ollama\n",
            "import langchain\ndef f(langchain):\n    return langchain.llms.Ollama\n",
        ),
        (
            "import langchain\nlangchain.hub.pull('a')",
            "import langchain_localllm.prompts.hub\nlangchain_localllm.prompts.hub.pull('a')",
        ),
        (
            "if x:\n\tfrom langchain.llms import Ollama, OpenAI\n",
            (
                "if x:\n\tfrom langchain_localllm.llms import Ollama\n\tfrom "
                "langchain_community.llms import OpenAI\n"
            ),
        ),
        (
            "from langchain_community.llms import OpenAI, Ollama as O, Llamafile",
            (
                "from langchain_localllm.llms import Ollama as O, Llamafile\nfrom "
                "langchain_community.llms import OpenAI"
            ),
        ),
        (
            "from langchain_community.llms import OpenAI, \\\n    Ollama, \\\n    Anthropic",
            (
                "from langchain_localllm.llms import Ollama\nfrom langchain_community.llms import "
                "OpenAI, \\\n    Anthropic"
            ),
        ),
        (
            "from langchain_community.llms import OpenAI, \\\n    Ollama",
            (
                "from langchain_localllm.llms import Ollama\nfrom langchain_community.llms import "
                "OpenAI"
            ),
        ),
    ],
)
def test_migrate_imports(before: str, after: str) -> None:
    assert migrated(before) == after
    assert migrated(after) == after


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (
            "from langchain_ollama import Nothing",
            "1: by hand: `Nothing` of langchain_ollama has no counterpart here.",
        ),
        (
            "from langchain import NoSuchName",
            "1: by hand: LangChain 1 has no `langchain.NoSuchName`, and where",
        ),
        (
            "from langchain.experimental import AutoGPT",
            "1: by hand: LangChain 1 has no `langchain.experimental.AutoGPT`, and",
        ),
        (
            "import langchain.chains\n",
            (
                "1: by hand: LangChain 1 has no `langchain.chains`, and nothing here uses it by "
                "this name"
            ),
        ),
        (
            "import langchain\nlangchain.verbose = True",
            "2: by hand: `langchain.verbose` is gone: call `set_verbose(True)`",
        ),
        (
            "import langchain_community.llms as llms\nf(llms)",
            (
                "2: by hand: `langchain_community.llms` is used as an object, so what it means is "
                "not known."
            ),
        ),
    ],
)
def test_migrate_unchanged_code_is_noted(code: str, note: str) -> None:
    done = migrate_code(code)
    assert done.code == code
    assert str(done.notes[0]).startswith(note)
    assert len(done.notes) == 1


def test_migrate_names_of_pydantic_1_are_imported_from_pydantic() -> None:
    done = migrate_code("from langchain_core.pydantic_v1 import BaseModel, validator\n")
    assert done.code == "from pydantic import BaseModel, validator\n"
    assert [str(note) for note in done.notes] == [
        "1: by hand: `validator` is of pydantic 1: use `field_validator` of pydantic 2."
    ]


def test_migrate_names_of_langchain_experimental_are_noted_and_needed() -> None:
    done = migrate_code("from langchain.agents import create_csv_agent, initialize_agent\n")
    assert done.code.splitlines() == [
        "from langchain_experimental.agents import create_csv_agent",
        "from langchain_classic.agents import initialize_agent",
    ]
    assert "runs code or queries that the model writes" in str(done.notes[0])
    assert {"langchain_experimental", "langchain_classic"} <= done.needs
