"""Texts that are the path of something of ours are noted, and others are not."""

import pytest

from langchain_localllm.migrate import migrate_code


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("langchain_community.llms.Ollama", "langchain_localllm.llms.Ollama"),
        ("langchain.llms.llamacpp", "langchain_localllm.llms.llamacpp"),
        ("langchain_ollama", "langchain_localllm"),
        ("langchain_community.vectorstores", None),
        ("langchain_community", None),
        ("from langchain_community.llms import Ollama", None),
        ("pip install langchain_ollama", None),
    ],
)
def test_migrate_text_that_is_an_old_path_is_noted(text: str, new: str | None) -> None:
    done = migrate_code(f"patch({text!r})\n")
    assert done.code == f"patch({text!r})\n"
    assert [note.text for note in done.notes] == (
        [f"The text {text!r} names what is {new!r} now."] if new else []
    )
