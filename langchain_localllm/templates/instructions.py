"""Instructions (the system message) for templates that refuse one, as Gemma 2's, or leave it out in silence, as Phi-3-mini's."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_localllm.errors import ChatTemplateError
from langchain_localllm.templates.chat_template import ChatTemplate


def render_with_instructions(template: ChatTemplate, messages: Sequence[Mapping[str, Any]], **variables: Any) -> str:
    r"""The prompt for a conversation. The instructions stand in the first question where the template has no other place for them.

    Raises:
        ChatTemplateError: The template does not take the conversation.

    Example:
        >>> refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}"
        >>> conversation = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
        >>> render_with_instructions(ChatTemplate(refuses), conversation)
        'Be brief.\n\nWhy?'
    """
    instructions = [message["content"] for message in messages if message["role"] == "system"]
    try:
        text = template.render(messages, **variables)
    except ChatTemplateError:
        if not instructions:
            raise
        return template.render(without_system(messages), **variables)
    if all(instruction.strip() in text for instruction in instructions):
        return text
    return template.render(without_system(messages), **variables)


def without_system(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same conversation with its instructions in the first question."""
    messages = list(messages)
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    merged = [dict(message) for message in messages if message["role"] != "system"]
    first = next((message for message in merged if message["role"] == "user"), None)
    if system and first:
        first["content"] = f"{system}\n\n{first['content']}"
    elif system:
        merged.insert(0, {"role": "user", "content": system})
    return merged
