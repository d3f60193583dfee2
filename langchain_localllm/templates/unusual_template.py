"""Find what is unusual in a chat template, at which an engine may end the process.

llama.cpp's server has its own Jinja without limits: it overflows its stack where a template nests
too deeply or calls itself without end, and computes for as long as a template says. So a template
that is not like others is tried in a child process.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from langchain_localllm.errors import ChatTemplateError

__all__ = ["SAMPLE_MESSAGES", "SAMPLE_TOOLS", "unusual_template"]

ENDLESS: Final = "calls itself without end"

_TAG: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)
_STRING: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_WORD: Final = re.compile(r"\{%[-+]?\s*(\w+)")
_MACRO: Final = re.compile(r"\{%[-+]?\s*macro\s+(\w+)")
_CALL: Final = re.compile(r"(\w+)\s*\(")
_NUMBER: Final = re.compile(r"(?<![\w.])\d{6,}|range\(\s*\d{2,}|\*\*")
_BLOCKS: Final = frozenset(["block", "call", "filter", "for", "generation", "if", "macro"])
_ENDS: Final = frozenset(f"end{name}" for name in _BLOCKS)
SAMPLE_MESSAGES: Final[tuple[dict[str, Any], ...]] = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "What does a boat cost?"},
)
SAMPLE_TOOLS: Final[tuple[dict[str, Any], ...]] = (
    {
        "type": "function",
        "function": {
            "name": "price",
            "description": "Look up a price.",
            "parameters": {
                "type": "object",
                "properties": {
                    "boat": {"type": "object", "properties": {"name": {"type": "string"}}},
                    "days": {"type": "array", "items": {"type": "integer"}},
                    "note": {"type": "string", "description": "A note."},
                },
                "required": ["boat"],
            },
        },
    },
)
"""A conversation and tools to try a template with."""
_LONGEST: Final = 60_000
_LONGEST_TAG: Final = 6000
_DEEPEST: Final = 30
"""The deepest nesting of brackets in a tag, and of blocks, in ordinary templates."""


def unusual_template(source: str) -> str:
    """Return what is unusual in a chat template, as a phrase; empty for an ordinary one.

    Example:
        >>> unusual_template("{% for message in messages %}{{ message.content }}{% endfor %}")
        ''
        >>> unusual_template("{{ 'a' * 1000000000 }}")
        'it computes with the number 1000000000'
    """
    if len(source) > _LONGEST:
        return f"it has {len(source):,} characters"
    return next(_found(_COMMENT.sub("", source)), "")


def _found(source: str) -> Iterator[str]:
    depth = 0
    macro = ""
    calls: dict[str, set[str]] = {}  # by the macro that calls
    for tag in _TAG.findall(source):
        if len(tag) > _LONGEST_TAG:
            yield f"it has an expression of {len(tag):,} characters"
        code = _STRING.sub("''", tag)
        if number := _NUMBER.search(code):
            yield f"it computes with the number {number[0]}"
        if _brackets(code) > _DEEPEST:
            yield "it has too many brackets within each other"
        word = match[1] if (match := _WORD.match(tag)) else ""
        depth += (word in _BLOCKS) - (word in _ENDS)
        if depth > _DEEPEST:
            yield "it has too many blocks within each other"
        if match := _MACRO.match(tag):
            macro = match[1]
            calls[macro] = set()
        elif macro:
            calls[macro].update(_CALL.findall(code))
        macro = "" if word == "endmacro" else macro
    name = next((name for name in calls if _calls_itself(name, calls)), "")
    if name and not _ends(source):
        yield f"its macro {name} {ENDLESS}"


def _calls_itself(name: str, calls: dict[str, set[str]]) -> bool:
    """Return whether a macro calls itself, perhaps by way of others."""
    waiting, seen = [*calls[name]], set[str]()
    while waiting:
        called = waiting.pop()
        if called == name:
            return True
        if called not in seen:
            seen.add(called)
            waiting += calls.get(called, ())
    return False


def _ends(source: str) -> bool:
    """Return whether a template with recursive macros ends with a sample of nested schemas.

    The macros call themselves for nested schemas of tools.
    """
    from langchain_localllm.templates.chat_template import ChatTemplate

    template = ChatTemplate(source)
    try:
        template.render(SAMPLE_MESSAGES)
        template.render(SAMPLE_MESSAGES, tools=SAMPLE_TOOLS)
    except ChatTemplateError as error:
        return ENDLESS not in str(error)
    return True


def _brackets(code: str) -> int:
    """Return how deeply brackets are nested."""
    deepest = depth = 0
    for letter in code:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest
