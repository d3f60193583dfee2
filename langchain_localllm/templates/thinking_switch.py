"""Switch thinking on and off in a chat template, and set its effort.

Each family has its own names for this.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

LEVELS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
"""How hard a model thinks, in order; most models that have levels know `low`, `medium` and
`high`."""
_SWITCHES: Final[Mapping[str, tuple[Any, Any]]] = {
    "enable_thinking": (True, False),  # Qwen3, GLM, Gemma 4, Nemotron 3, SmolLM3, ...
    "thinking": (True, False),  # DeepSeek V3.1 and later, Granite 3.3, Kimi K3
    "reasoning": (True, False),  # Command A
    "thinking_mode": ("enabled", "disabled"),  # MiniMax M3
    "thinking_option": ("on", "off"),  # Ling
    "add_thoughts": (True, False),  # Apriel
}
"""Variables that templates read, and their values for on and off."""
_EFFORTS: Final = ("reasoning_effort", "thinking_effort", "reasoning_strength")
"""Variables for how hard to think."""
_NO_EFFORTS: Final = ("no_think", "none", "minimal", "low")
"""What such a variable can be where a model has no switch, from least on."""
_BUDGET: Final = "thinking_budget"  # Seed-OSS
_ACCEPTED: Final = r"\b{name}\s+not\s+in\s*[\[(]([^\])]*)[\])]"
_QUOTED: Final = re.compile(r"""['"](\w+)['"]""")
_IN_TAGS: Final = re.compile(r"\{[%{](.*?)[%}]\}", re.DOTALL)
_TEXT: Final = re.compile(r"""'[^']*'|"[^"]*["]""")
_NAME: Final = re.compile(r"(?<![\w.])[a-z_]\w*+(?!\s*=(?!=))")
"""A name that is looked up: not an attribute, and not set."""
_WORDS: Final = {True: "/think", False: "/no_think"}
"""Words in a message that switch thinking in templates without a variable: Nemotron Nano 2."""


def switch_variables(
    template: str, reasoning: bool | str | None, budget: int | None = None
) -> dict[str, Any]:
    """Return the variables that a chat template reads to switch thinking.

    Empty where it has no switch, or is not to be switched.

    Args:
        template: The template, in Jinja.
        reasoning: `True`, `False`, or how hard to think.
        budget: Tokens that the model may think.

    Example:
        >>> switch_variables("{% if enable_thinking %}<think>{% endif %}", reasoning="low")
        {'enable_thinking': True}
    """
    read = _variables(template)
    variables: dict[str, Any] = {}
    if _BUDGET in read and (reasoning is False or budget is not None):
        variables[_BUDGET] = 0 if reasoning is False else budget
    if reasoning is None:
        return variables
    on = reasoning is not False
    variables |= {
        name: values[0] if on else values[1] for name, values in _SWITCHES.items() if name in read
    }
    for name in (name for name in _EFFORTS if name in read):
        if (effort := _effort(template, name, reasoning)) is not None:
            variables[name] = effort
    return variables


def usual_variables(reasoning: bool | str) -> dict[str, Any]:
    """Return the variables for an unknown template: common ones that hurt no other template."""
    on = reasoning is not False
    level = {"reasoning_effort": reasoning} if isinstance(reasoning, str) else {}
    return {"enable_thinking": on, "thinking": on, **level}


def with_switch_word(
    template: str, messages: Sequence[Mapping[str, Any]], reasoning: bool | str | None
) -> list[dict[str, Any]]:
    """Return the conversation with a word that switches thinking.

    It is for a template that looks for one and has no variable.
    """
    conversation = [dict(message) for message in messages]
    if (
        reasoning is None
        or _WORDS[False] not in template
        or _SWITCHES.keys() & _variables(template)
    ):
        return conversation
    word = _WORDS[reasoning is not False]
    for message in reversed(conversation):
        if message["role"] == "user" and isinstance(message["content"], str):
            message["content"] = f"{message['content']} {word}"
            break
    return conversation


def _effort(template: str, name: str, reasoning: bool | str) -> str | None:
    accepted = _accepted(template, name)
    if isinstance(reasoning, str):
        return reasoning if not accepted or reasoning in accepted else _nearest(reasoning, accepted)
    if reasoning:  # only where the model does not think by itself
        return "high" if _NO_EFFORTS[0] in _quoted(template) else None
    if _SWITCHES.keys() & _variables(template):
        return None
    return next((effort for effort in _NO_EFFORTS if effort in _quoted(template)), _NO_EFFORTS[-1])


def _accepted(template: str, name: str) -> list[str]:
    """Return the levels besides which a template refuses any other; empty where it does not say."""
    found = re.search(_ACCEPTED.format(name=name), template)
    return [level for level in _QUOTED.findall(found[1]) if level in LEVELS] if found else []


def _nearest(level: str, accepted: Iterable[str]) -> str:
    at = LEVELS.index(level)
    return min(accepted, key=lambda other: (abs(LEVELS.index(other) - at), -LEVELS.index(other)))


def _quoted(template: str) -> frozenset[str]:
    return frozenset(_QUOTED.findall(template))


@functools.lru_cache(64)
def _variables(template: str) -> frozenset[str]:
    """Return the names that a template looks up in what it is rendered with.

    None where it cannot be read. Without jinja2, which a client of a server does not need, names of
    its own loops and macros are among them.
    """
    try:
        import jinja2.meta
    except ImportError:
        return frozenset(
            name
            for tag in _IN_TAGS.findall(template)
            for name in _NAME.findall(_TEXT.sub("''", tag))
        )

    from langchain_localllm.templates import sandbox

    try:
        return frozenset(jinja2.meta.find_undeclared_variables(sandbox.ENVIRONMENT.parse(template)))
    except (jinja2.TemplateError, RecursionError, ValueError):
        return frozenset()
