"""The chat template: as Jinja for the engines (it goes into the GGUF), as Python for training.

A test keeps them equal.
"""

from __future__ import annotations

import json
from typing import Any

TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- '# Tools\\n\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- '\\n</tools>\\n\\nTo call a tool, write:\\n<tool_call>\\n' }}
    {{- '{"name": <name>, "arguments": <arguments>}\\n</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if message.content %}
            {{- message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if not loop.first or message.content %}
                {{- '\\n' }}
            {%- endif %}
            {%- set call = tool_call.function or tool_call %}
            {{- '<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {%- if call.arguments is string %}
                {{- call.arguments }}
            {%- else %}
                {{- call.arguments | tojson }}
            {%- endif %}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""  # noqa: E501 - as it is in the model file

TOOL_SECTION = (
    "# Tools\n\n<tools>\n{}\n</tools>\n\nTo call a tool, write:\n<tool_call>\n"
    '{{"name": <name>, "arguments": <arguments>}}\n</tool_call>'
)


def call_text(name: str, arguments: dict[str, Any]) -> str:
    """Return a tool call as the model writes it."""
    return (
        f'<tool_call>\n{{"name": "{name}", "arguments": '
        f"{json.dumps(arguments, ensure_ascii=False)}}}\n</tool_call>"
    )


def render(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Render a conversation in pieces, each with a flag that the model has to learn it.

    The flag says that the model writes it.
    """
    pieces: list[tuple[str, bool]] = []
    rest = list(messages)
    system = rest.pop(0)["content"] if rest[0]["role"] == "system" else ""
    if tools:
        section = TOOL_SECTION.format(
            "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        )
        system = f"{system}\n\n{section}" if system else section
    if system:
        pieces.append((f"<|im_start|>system\n{system}<|im_end|>\n", False))
    for message in rest:
        content = message.get("content") or ""
        if message["role"] == "assistant":
            calls = [
                call_text(call["function"]["name"], call["function"]["arguments"])
                for call in message.get("tool_calls", [])
            ]
            pieces.append(("<|im_start|>assistant\n", False))
            pieces.append(("\n".join([content, *calls] if content else calls) + "<|im_end|>", True))
            pieces.append(("\n", False))
        elif message["role"] == "tool":
            pieces.append(
                (
                    f"<|im_start|>user\n<tool_response>\n{content}\n</tool_response><|im_end|>\n",
                    False,
                )
            )
        else:
            pieces.append((f"<|im_start|>{message['role']}\n{content}<|im_end|>\n", False))
    return pieces
