"""What is passed to a template so that its model thinks, or does not."""

import sys
from typing import Any

import pytest

from langchain_localllm.base.thoughts import ThoughtCount, ThoughtTracker
from langchain_localllm.templates.harmony import HarmonySplitter
from langchain_localllm.templates.thinking import ThinkSplitter
from langchain_localllm.templates.thinking_switch import (
    switch_variables,
    usual_variables,
    with_switch_word,
)

QWEN = "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
DEEPSEEK = (
    "{% if not thinking is defined %}{% if enable_thinking is defined %}{% set thinking = "
    "enable_thinking %}{% endif %}{% endif %}"
)
GPT_OSS = (
    '{% if reasoning_effort is not defined %}{% set reasoning_effort = "medium" %}{% endif %}{{ '
    "reasoning_effort }}"
)
HUNYUAN = (
    "{% if not reasoning_effort is defined %}{% set reasoning_effort = 'no_think' %}{% elif "
    "reasoning_effort not in ['high', 'low', 'no_think'] %}{{ raise_exception('no') }}{% endif %}"
)
KIMI = (
    "{% if thinking is undefined %}{% set thinking = true %}{% endif %}{% if thinking and "
    "thinking_effort is not none and thinking_effort not in ['low', 'high', 'max'] %}{{ "
    "raise_exception('no') }}{% endif %}"
)
SOLAR = '{% if reasoning_effort in ["low", "minimal"] %}<|think|><|end|>{% endif %}'
COMMAND = (
    "{% set reasoning = reasoning if reasoning is not undefined else reasoning_effort | lower != "
    "'none' %}"
)
NEMOTRON = (
    "{% for m in messages %}{% if '/no_think' in m.content %}{% set x = '/think' %}{% endif %}{% "
    "endfor %}"
)


@pytest.mark.parametrize(
    ("template", "reasoning", "variables"),
    [
        (QWEN, True, {"enable_thinking": True}),
        (QWEN, False, {"enable_thinking": False}),
        (QWEN, "high", {"enable_thinking": True}),
        (QWEN, None, {}),
        (DEEPSEEK, False, {"enable_thinking": False, "thinking": False}),
        (GPT_OSS, True, {}),
        (GPT_OSS, "high", {"reasoning_effort": "high"}),
        (GPT_OSS, False, {"reasoning_effort": "low"}),
        (HUNYUAN, True, {"reasoning_effort": "high"}),
        (HUNYUAN, "medium", {"reasoning_effort": "high"}),
        (HUNYUAN, "minimal", {"reasoning_effort": "low"}),
        (HUNYUAN, False, {"reasoning_effort": "no_think"}),
        (KIMI, "medium", {"thinking": True, "thinking_effort": "high"}),
        (KIMI, "max", {"thinking": True, "thinking_effort": "max"}),
        (KIMI, False, {"thinking": False}),
        (SOLAR, False, {"reasoning_effort": "minimal"}),
        (SOLAR, "medium", {"reasoning_effort": "medium"}),
        (COMMAND, False, {"reasoning": False}),
        ("{% if thinking_mode == 'enabled' %}{% endif %}", True, {"thinking_mode": "enabled"}),
        ("{% if thinking_mode == 'enabled' %}{% endif %}", False, {"thinking_mode": "disabled"}),
        ("{{ messages[0].content }}", False, {}),
        ("{% for thinking in messages %}{{ thinking }}{% endfor %}", True, {}),  # a name of its own
        ("{{ broken", True, {}),
    ],
)
def test_switch_variables_are_those_that_the_template_reads(
    template: str, reasoning: Any, variables: dict[str, Any]
) -> None:
    assert switch_variables(template, reasoning) == variables


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        (QWEN, {"enable_thinking": False}),
        (DEEPSEEK, {"enable_thinking": False, "thinking": False}),
        (HUNYUAN, {"reasoning_effort": "no_think"}),
        (KIMI, {"thinking": False}),
        (COMMAND, {"reasoning": False}),
        ("It's {{ x }}. {% if thinking %}You're{% endif %}", {"thinking": False}),
        ("thinking {{ 'reasoning' }}{{ m.thinking }}{% set ns = f(enable_thinking=x) %}", {}),
    ],
)
def test_switch_variables_without_jinja2_are_those_in_the_tags(
    template: str, variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert switch_variables(f"{template}{{# not cached #}}", reasoning=False) == variables


@pytest.mark.parametrize(
    ("reasoning", "budget", "variables"),
    [
        (None, 64, {"thinking_budget": 64}),
        (False, 0, {"thinking_budget": 0}),
        (True, None, {}),
        (None, None, {}),
    ],
)
def test_switch_variables_hold_the_budget_of_a_template_that_reads_one(
    reasoning: Any, budget: int | None, variables: dict[str, Any]
) -> None:
    assert (
        switch_variables("{% if thinking_budget == 0 %}{% endif %}", reasoning, budget) == variables
    )


def test_usual_variables_serve_templates_that_are_not_known() -> None:
    assert usual_variables(reasoning=False) == {"enable_thinking": False, "thinking": False}
    assert usual_variables("low") == {
        "enable_thinking": True,
        "thinking": True,
        "reasoning_effort": "low",
    }


@pytest.mark.parametrize(
    ("reasoning", "text"), [(False, "2+2? /no_think"), (True, "2+2? /think"), (None, "2+2?")]
)
def test_a_word_switches_templates_without_a_variable(reasoning: Any, text: str) -> None:
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "2+2?"},
    ]
    assert [message["content"] for message in with_switch_word(NEMOTRON, talk, reasoning)] == [
        "Hi",
        "Hi",
        text,
    ]
    assert talk[-1]["content"] == "2+2?"
    assert with_switch_word(QWEN, talk, reasoning) == talk


def test_thoughts_are_counted_from_the_first_letter_to_the_last() -> None:
    count = ThoughtCount()
    for number, thought in enumerate(["", "\n", "Two", " ", "", "and.", "\n", ""]):
        count.add(number, thought)
    assert count.total == len(["Two", " ", "", "and."])
    count.end()
    count.add(20, "Once more.")
    assert count.total == len(["Two", " ", "", "and."]) + 1


@pytest.mark.parametrize(
    ("tokens", "counted"),
    [
        (["<think>", "a", " b", "</think>", "c"], 2),
        (["<thi", "nk>", "a", " b", "</", "thi", "nk>", "c"], 2),
        (["<think>", "\n", "a", " <", "b", "\n", "</think>", "\n", "c"], 3),
        (["<think>", "</think>", "c"], 0),
        (["c", "<think>", "a", "</think>"], 0),
        (["<think>", "a", " b"], 2),
    ],
)
def test_a_tracker_counts_the_tokens_between_the_markers(tokens: list[str], counted: int) -> None:
    tracker = ThoughtTracker(ThinkSplitter())
    for token in tokens:
        tracker.add(token)
    assert tracker.reported == counted


def test_a_tracker_counts_each_part_of_thoughts_in_harmony() -> None:
    tracker = ThoughtTracker(HarmonySplitter(), budget=3)
    part = [
        "<|channel|>",
        "analysis",
        "<|message|>",
        "A",
        " sum",
        ".",
        "<|end|>",
        "<|start|>",
        "assistant",
    ]
    used_up = []
    for token in [*part, *part, "<|channel|>", "final", "<|message|>", "Four."]:
        tracker.add(token)
        used_up.append(tracker.is_used_up)
    assert tracker.reported == 2 * 3
    assert used_up.index(True) == part.index(".")
    assert not used_up[-1]


def test_a_budget_is_used_up_only_after_a_whole_character() -> None:
    tracker = ThoughtTracker(ThinkSplitter(inside=True), budget=1)
    tracker.add("", whole=False)
    assert not tracker.is_used_up
    tracker.add("\N{GRINNING FACE}")
    assert tracker.is_used_up


def test_a_model_that_does_not_think_reports_no_count() -> None:
    tracker = ThoughtTracker(ThinkSplitter(), expected=False)
    tracker.add("Four.")
    assert tracker.reported is None
