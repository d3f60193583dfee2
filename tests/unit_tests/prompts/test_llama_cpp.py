"""The families' formats against those that llama.cpp itself has built in, written by other people
from the same sources."""

import ctypes
from collections.abc import Callable
from typing import Any, Final

import llama_cpp
import pytest

from langchain_localllm.prompts.format_table import FAMILIES
from tests.unit_tests.prompts.test_format_table import QUESTION, TURNS, Messages

THEIRS: Final = {
    "deepseek-coder": "deepseek",
    "deepseek-v2": "deepseek2",
    "llama2": "llama2-sys-bos",
    "mistral-tekken": "mistral-v3-tekken",
}
"""The names of theirs that are not ours."""

SAME: Final = sorted({*FAMILIES} - {"alpaca", "deepseek-v3", "gpt-oss", "vicuna", "zephyr"})
"""Theirs lacks Alpaca, adds line ends after DeepSeek V3's instructions, writes gpt-oss without its
fixed instructions, Vicuna as its documentation shows it and not as it was trained, and Zephyr with
the end token of another model."""

FIRST: Final = {"llama2", "mistral-tekken", "mistral-v3"}
"""Only the first turn is the same: theirs has no spaces around Llama 2's answers, and puts
Mistral's instructions into the first question instead of the last."""


def theirs(family: str, messages: Messages) -> str:
    chat = [
        llama_cpp.llama_chat_message(role=item["role"].encode(), content=item["content"].encode())
        for item in messages
    ]
    apply: Callable[..., int] = llama_cpp.llama_chat_apply_template
    array: Any = (llama_cpp.llama_chat_message * len(chat))(*chat)
    buffer = ctypes.create_string_buffer(4096)
    size = apply(THEIRS.get(family, family).encode(), array, len(chat), True, buffer, len(buffer))  # noqa: FBT003 - C's arguments
    assert size > 0, "llama.cpp has no such format"
    return buffer.raw[:size].decode()


@pytest.mark.parametrize("family", SAME)
def test_format_table_format_is_llama_cpp_s(family: str) -> None:
    form = FAMILIES[family]
    assert form.render(QUESTION).removeprefix(form.bos) == theirs(family, QUESTION)
    if family not in FIRST:
        assert form.render(TURNS).removeprefix(form.bos) == theirs(family, TURNS)
