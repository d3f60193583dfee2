"""Chat templates that can be named, for model files without one."""

from typing import Final

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.templates.chat_template import ChatTemplate

_CHATML: Final = """\
{%- set first = messages[0].content + '\\n\\n' if messages and messages[0].role == 'system' else '' %}
{%- if tools %}
    {{- '<|im_start|>system\\n' + first + '# Tools\\n\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' + tool | tojson }}
    {%- endfor %}
    {{- '\\n</tools>\\n\\nTo call a tool, write:\\n<tool_call>\\n' }}
    {{- '{"name": <name>, "arguments": <arguments>}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- elif not (tools and loop.first and message.role == 'system') %}
        {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
        {%- for call in message.tool_calls or [] %}
            {{- '' if loop.first and not message.content else '\\n' }}
            {{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments | tojson + '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

NAMED: Final = {"chatml": ChatTemplate(_CHATML, stop=("<|im_end|>",))}
"""Templates by the names that `chat_format` takes."""


def named_template(name: str) -> ChatTemplate:
    """The template of a name; raises `InvalidOptionError` for an unknown one."""
    if name not in NAMED:
        raise InvalidOptionError(f"There is no chat format {name!r}. Use one of: {', '.join(NAMED)}; or none, for the model's own.")
    return NAMED[name]
