"""Thinking is switched in the chat templates of real models, and thoughts in a history reach those
that read them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm.base.chat_templated import thought_tags
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import render_conversation
from langchain_localllm.templates.thinking_switch import switch_variables, with_switch_word
from tools.engines import llama_cpp_source

THOUGHT: Final = "zqthought"
ASKED: Final[list[dict[str, Any]]] = [{"role": "user", "content": "Two and two?"}]
OLD: Final[list[dict[str, Any]]] = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello", "reasoning_content": THOUGHT},
    *ASKED,
]
CALL: Final = {
    "id": "abcdefghi",
    "type": "function",
    "function": {"name": "add", "arguments": {"a": 1}},
}
CALLED: Final[list[dict[str, Any]]] = [
    *ASKED,
    {"role": "assistant", "content": "", "reasoning_content": THOUGHT, "tool_calls": [CALL]},
    {"role": "tool", "content": "4", "name": "add", "tool_call_id": "abcdefghi"},
]
PARAMETERS: Final = {
    "type": "object",
    "properties": {"a": {"type": "integer", "description": "A number."}},
    "required": ["a"],
}
TOOLS: Final = [
    {
        "type": "function",
        "function": {"name": "add", "description": "Adds.", "parameters": PARAMETERS},
    }
]
NO_SWITCH: Final = {
    "Apriel-1.6-15b-Thinker-fixed",
    "Kimi-K2-Thinking",
    "LFM2.5-8B-A1B",
    "LFM2.5-Instruct",
    "MiniMax-M2",
    "StepFun3.5-Flash",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "llama-cpp-deepseek-r1",
    "mistralai-Ministral-3-14B-Reasoning-2512",
    "unsloth-Apriel-1.5",
}
"""Templates of models that think, or do not, whatever is asked."""
LEVELS: Final = {
    "Kimi-K3",
    "deepseek-ai-DeepSeek-V4-Flash-0731",
    "muse-glimmer",
    "openai-gpt-oss-120b",
    "tencent-Hy3",
    "upstage-Solar-Open-100B",
}
KEPT: Final = {
    "ByteDance-Seed-OSS",
    "GLM-4.6",
    "Kimi-K3",
    "MiniMax-M3",
    "Qwen-Qwen3-0.6B",
    "Qwen3.5-4B",
    "deepseek-ai-DeepSeek-V3.2",
    "google-gemma-4-31B-it",
    "mistralai-Ministral-3-14B-Reasoning-2512",
    "openai-gpt-oss-120b",
    "upstage-Solar-Open-100B",
}
"""Templates that keep thoughts until a call was answered, under each name and form of thoughts."""


@pytest.fixture(scope="module")
def sources() -> Mapping[str, str]:
    """The templates of models that think, by name."""
    files = (llama_cpp_source.install() / "templates").glob("*.jinja")
    texts = {file.stem: Path(file).read_text(encoding="utf-8") for file in files}
    return {name: text for name, text in texts.items() if thought_tags(text)}


def prompt(
    source: str, reasoning: Any, messages: list[dict[str, Any]] = ASKED, **variables: Any
) -> str:
    budget = 0 if reasoning is False else None
    conversation = with_switch_word(source, messages, reasoning)
    template = ChatTemplate(source, "<s>", "</s>")
    return render_conversation(
        template, conversation, **switch_variables(source, reasoning, budget), **variables
    )


def test_thinking_each_template_is_switched_on_and_off(sources: Mapping[str, str]) -> None:
    same = {
        name
        for name, source in sources.items()
        if prompt(source, reasoning=True) == prompt(source, reasoning=False)
    }
    assert same == NO_SWITCH & sources.keys()


def test_thinking_each_template_accepts_each_level(sources: Mapping[str, str]) -> None:
    for source in sources.values():
        for level in ("minimal", "low", "medium", "high", "max"):
            assert prompt(source, level)
    assert {
        name for name, source in sources.items() if prompt(source, "low") != prompt(source, "high")
    } == LEVELS


def test_thinking_no_template_opens_thoughts_that_are_switched_off(
    sources: Mapping[str, str],
) -> None:
    for name, source in sources.items():
        opening, closing = thought_tags(source) or ("", "")
        written = prompt(source, reasoning=False).rstrip()
        assert not written.endswith(opening) or name in NO_SWITCH, (name, closing)


def test_thinking_thoughts_of_a_history_reach_the_templates_that_read_them(
    sources: Mapping[str, str],
) -> None:
    kept = {
        name
        for name, source in sources.items()
        if THOUGHT in prompt(source, "high", CALLED, tools=TOOLS)
    }
    assert kept >= KEPT
    for source in sources.values():
        assert prompt(source, "high", OLD)
