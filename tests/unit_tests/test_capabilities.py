"""The tables of what runtimes and classes can do are up to date, and each runtime has its page."""

import re

from langchain_localllm import ChatLlamafile, Llamafile
from langchain_localllm.registry import RUNTIMES
from tools import capabilities
from tools.comparison import fields


def test_capabilities_tables_are_up_to_date() -> None:
    files = capabilities.files()
    assert {path.stem for path in files} == {"README", *RUNTIMES}, (
        "run `python -m tools.capabilities`"
    )
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, "run `python -m tools.capabilities`"


def test_capabilities_every_field_of_llama_server_is_an_option() -> None:
    missing = {
        kind.__name__: [
            name
            for name in fields.fields()
            if name not in left_out and not fields.option(kind, name)
        ]
        for kind, left_out in ((ChatLlamafile, frozenset()), (Llamafile, fields.OF_CHATS))
    }
    assert missing == {"ChatLlamafile": [], "Llamafile": []}


def test_capabilities_engines_without_a_tokenizer_are_those_of_the_contract() -> None:
    source = (capabilities.ROOT / "tests/integration_tests/contract/engines.py").read_text(
        encoding="utf-8"
    )
    lacking = re.findall(r'"test_token_count": \(?\s*"(\w+)', source)
    assert {name.lower() for name in lacking} == capabilities.NO_TOKENIZER
