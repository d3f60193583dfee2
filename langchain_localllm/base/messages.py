"""LangChain's messages as engines take them: OpenAI's form, checked before anything is sent."""

import base64
import json
import secrets
from collections.abc import Container, Iterable, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

from langchain_localllm.errors import InvalidRequestError

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_NOT_SENT: Final = frozenset(
    {"reasoning", "thinking", "redacted_thinking", "tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use", "non_standard"}
)
"""Parts of an answer's content that stand elsewhere in the message, or that a model does not read again."""
_DATA: Final = "data:"


def to_openai(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The conversation as dicts with `role` and `content`; content is a text, or a list of texts and images.

    Raises:
        InvalidRequestError: There is none, or a message has an unknown role, answers a call that nobody made, or holds what
            no engine takes.
    """
    if not messages:
        raise InvalidRequestError("There are no messages. Give at least one.")
    calls: set[str] = set()
    converted: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, AIMessage):
            calls.update(call["id"] or "" for call in message.invalid_tool_calls)
        for entry in _convert(message):
            _check_role(entry["role"])
            if "content" in entry:
                entry["content"] = _content(entry["content"])
            calls.update(call["id"] for call in entry.get("tool_calls", ()))
            if entry["role"] == "tool" and entry["tool_call_id"] not in calls:
                raise InvalidRequestError(
                    f"A tool message answers the call {entry['tool_call_id']!r}, but no earlier message made it. "
                    "Keep the AI message with that call before it."
                )
            converted.append(entry)
    return converted


def _convert(message: BaseMessage) -> list[dict[str, Any]]:
    try:
        entries = convert_to_openai_messages([message])
    except (ValueError, KeyError) as error:
        raise InvalidRequestError(f"A message cannot be read: {_first_line(error)}") from error
    if isinstance(message, AIMessage) and (thought := reasoning_of(message)):
        entries[0]["reasoning_content"] = thought
    return entries


def _check_role(role: str) -> None:
    if role not in _ROLES:
        raise InvalidRequestError(f"A message has the role {role!r}, which models do not know. Use one of: {', '.join(_ROLES)}.")


def _content(content: str | list[Any] | None) -> str | list[dict[str, Any]]:
    if isinstance(content, str) or not content:
        return content or ""
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    parts = [part for part in parts if part.get("type") not in _NOT_SENT]
    for part in parts:
        _check_part(part)
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)  # as LangChain joins them
    return parts


def _check_part(part: dict[str, Any]) -> None:
    kind = part.get("type")
    if kind == "image_url":
        if not part["image_url"]["url"].startswith(_DATA):
            raise InvalidRequestError("An image is given as an address. Give the image itself, as base64: nothing is downloaded.")
    elif kind not in {"text", "input_audio"}:
        raise InvalidRequestError(f"A message holds a part of the type {kind!r}. Give texts and images.")


def reasoning_of(message: AIMessage) -> str:
    """What a reasoning model thought before this answer."""
    if kept := message.additional_kwargs.get("reasoning_content"):
        return str(kept)
    blocks = message.content if isinstance(message.content, list) else []
    return "".join(block.get("reasoning", "") for block in blocks if isinstance(block, dict) and block.get("type") == "reasoning")


def with_parsed_arguments(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with the arguments of calls as objects, as templates and Ollama want them."""
    return [
        {**message, "tool_calls": [_with_parsed(call) for call in message["tool_calls"]]} if message.get("tool_calls") else message
        for message in messages
    ]


def _with_parsed(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.loads(function["arguments"] or "{}")}}


def without_images(messages: Iterable[dict[str, Any]], who: str) -> list[dict[str, Any]]:
    """The same, for a model without eyes; raises `InvalidRequestError` where a message holds an image."""
    checked = list(messages)
    if any(isinstance(message.get("content"), list) for message in checked):
        raise InvalidRequestError(f"A message holds an image or a sound, and {who} takes only text. Use a model that sees images.")
    return checked


def with_markers(messages: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The same with a text in each image's place that nobody else writes, for templates; and the images by these texts.

    Raises:
        InvalidRequestError: A message holds a sound, or an image that is not base64.
    """
    images: dict[str, bytes] = {}
    secret = secrets.token_hex(8)

    def text_of(part: dict[str, Any]) -> str:
        if part["type"] == "text":
            return str(part["text"])
        if part["type"] != "image_url":
            raise InvalidRequestError("A message holds a sound, and this model takes only texts and images.")
        marker = f"<image-{len(images)}-{secret}>"
        images[marker] = _image_bytes(part)
        return marker

    marked = [
        {**message, "content": _joined([text_of(part) for part in content], images)}
        if isinstance(content := message.get("content"), list)
        else message
        for message in messages
    ]
    return marked, images


def _joined(texts: list[str], markers: Container[str]) -> str:
    """Lines, but an image stands directly beside its neighbours, as in llama.cpp's server."""
    joined = ""
    for before, text in zip(["", *texts], texts, strict=False):
        between = "\n" if joined and before not in markers and text not in markers else ""
        joined += between + text
    return joined


def _image_bytes(part: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode("".join(image_data(part).split()), validate=True)
    except ValueError:
        raise InvalidRequestError("An image's base64 text is damaged. Give the image's bytes, encoded as base64.") from None


def image_data(part: dict[str, Any]) -> str:
    """The base64 text of an image."""
    return str(part["image_url"]["url"]).partition(",")[2]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
