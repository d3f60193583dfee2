"""Render conversations for what templates differ in: instructions, the arguments of calls, and roles that they leave out."""

import contextlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langchain_localllm.errors import ChatTemplateError
from langchain_localllm.templates.chat_template import ChatTemplate

Messages = Sequence[Mapping[str, Any]]


def render_with_instructions(template: ChatTemplate, messages: Messages, **variables: Any) -> str:
    r"""Render the prompt for a conversation.

    Instructions (system messages) are put into the first question where the template refuses them, as Gemma 2's, or leaves them
    out, as Phi-3-mini's. The arguments of calls are passed as objects, or as text to a template that needs that.

    Args:
        template: The template.
        messages: The conversation, with the arguments of calls as objects.
        **variables: What else the template reads.

    Raises:
        ChatTemplateError: The template does not take the conversation, or leaves out a message or a call.

    Example:
        >>> refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}"
        >>> conversation = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
        >>> render_with_instructions(ChatTemplate(refuses), conversation)
        'Be brief.\n\nWhy?'
    """
    has_instructions = any(message["role"] == "system" for message in messages)
    try:
        text = _render(template, messages, variables)
        usable = not (has_instructions and _left_out(template, messages, text, variables, lambda role: role == "system"))
    except ChatTemplateError:
        if not has_instructions:
            raise
        usable = False
    if not usable:
        messages = without_system(messages)
        text = _render(template, messages, variables)
    if left_out := _left_out(template, messages, text, variables, lambda role: role != "assistant"):
        raise ChatTemplateError(
            f"The model's chat template leaves out messages of the role {left_out!r}. Leave them out, or name another template by "
            "`chat_format`."
        )
    _check_calls(messages, text)
    return text


def render_to_continue(template: ChatTemplate, messages: Messages, **variables: Any) -> str:
    r"""Render a conversation up to the end of the text of its last message, which the model continues.

    Raises:
        ChatTemplateError: The template does not take the conversation, or leaves out the last message.

    Example:
        >>> template = ChatTemplate("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
        >>> render_to_continue(template, [{"role": "user", "content": "1, 2?"}, {"role": "assistant", "content": "3, "}])
        'user: 1, 2?\nassistant: 3, '
    """
    *before, last = messages
    end = f"zqend{secrets.token_hex(8)}"
    marked = [*before, {**last, "content": f"{last['content']}{end}"}]
    text = render_with_instructions(template, marked, **{**variables, "add_generation_prompt": False})
    begun, found, _ = text.rpartition(end)
    if not found:
        raise ChatTemplateError("The model's chat template leaves out the last message, so that it cannot be continued.")
    return begun


def without_system(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same conversation with its instructions in the first question."""
    messages = list(messages)
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    merged = [dict(message) for message in messages if message["role"] != "system"]
    first = next((message for message in merged if message["role"] == "user"), None)
    if system and first:
        first["content"] = f"{system}\n\n{first['content']}"
    elif system:
        merged.insert(0, {"role": "user", "content": system})
    return merged


def _render(template: ChatTemplate, messages: Messages, variables: Mapping[str, Any]) -> str:
    """Render, with calls in the form that the template takes."""
    arguments = [call["function"]["arguments"] for message in messages for call in message.get("tool_calls") or ()]
    if not arguments:
        return template.render(messages, **variables)
    try:
        text = template.render(messages, **variables)
    except ChatTemplateError:
        for change in (_with_text_arguments, _with_merged_thoughts):
            with contextlib.suppress(ChatTemplateError):
                return template.render([change(message) for message in messages], **variables)
        raise
    if any(given and repr(given) in text for given in arguments):  # the template wrote an object as Python does
        with contextlib.suppress(ChatTemplateError):
            return template.render([_with_text_arguments(message) for message in messages], **variables)
    return text


def _with_merged_thoughts(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with text before a call as a part of the thoughts: gpt-oss's template refuses both."""
    if not (message.get("tool_calls") and message.get("content") and message.get("reasoning_content")):
        return message
    return {**message, "content": "", "reasoning_content": f"{message['reasoning_content']}\n\n{message['content']}"}


def _with_text_arguments(message: Mapping[str, Any]) -> Mapping[str, Any]:
    calls = message.get("tool_calls")
    return {**message, "tool_calls": [_with_text(call) for call in calls]} if calls else message


def _with_text(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.dumps(function["arguments"], ensure_ascii=False)}}


def _left_out(
    template: ChatTemplate, messages: Messages, text: str, variables: Mapping[str, Any], concerns: Callable[[str], bool]
) -> str | None:
    """Return the role of a message that the template leaves out, or `None`.

    A template may edit a text, for example take a switch such as `/no_think` out of it. So where a text is not in the prompt, the
    conversation is rendered with other texts to see whether those are.
    """
    doubtful = [
        number for number, message in enumerate(messages) if concerns(message["role"]) and message["content"].strip() not in text
    ]
    if not doubtful:
        return None
    probes = {number: f"probe {secrets.token_hex(8)}" for number in doubtful}
    probed = [{**message, "content": probes.get(number, message["content"])} for number, message in enumerate(messages)]
    try:
        text = _render(template, probed, variables)
    except ChatTemplateError:  # it reads something in these texts
        return None
    text = text.lower()  # some templates write instructions in capital letters
    return next((str(messages[number]["role"]) for number, probe in probes.items() if probe not in text), None)


def _check_calls(messages: Messages, text: str) -> None:
    for name in (call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()):
        if name not in text:
            raise ChatTemplateError(
                f"The model's chat template leaves out the call of {name!r}: the model was not made for tools. Use another model, "
                "or chat_format='chatml'."
            )
