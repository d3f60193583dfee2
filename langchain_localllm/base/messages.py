"""Convert LangChain's messages to OpenAI's format, and check them before sending.

All engines accept that format.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_localllm._json import UNPARSABLE
from langchain_localllm.base.content import (
    CALLS,
    THOUGHTS,
    check_parts,
    image_bytes,
    join_with_markers,
    joined,
    thought_of,
    to_parts,
    unwrapped,
)
from langchain_localllm.errors import InvalidRequestError

STANDARD_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
"""Roles that every chat model knows. Others are up to a model's template."""
_ROLES: Final = {"developer": "system", "human": "user", "ai": "assistant"}
"""Other names of these roles."""
_UNREADABLE: Final = "unreadable_arguments"
"""Key of the arguments of a call that are not valid JSON. Servers and templates accept objects
only."""

Entry = dict[str, Any]
"""A message in OpenAI's form."""


def to_openai(
    messages: Sequence[BaseMessage], *, continue_final: bool | str = False
) -> list[Entry]:
    """Convert a conversation to dicts with `role` and `content`, a text or a list of parts.

    The results of tools are put in the order of their calls, and get the names of the tools. A
    conversation that ends with an AI message gets an empty user message, so that every engine
    answers after it; some would continue it otherwise.

    Args:
        messages: The conversation.
        continue_final: Whether the last message, an AI message, is to be continued;
            `reasoning_content` is its thoughts.

    Raises:
        InvalidRequestError: There is no message, a message answers a call that no AI message made
            or holds what no engine takes, or `continue_final` is set and the last message is not an
            AI message with text.
    """
    if not messages:
        raise InvalidRequestError("There are no messages. Give at least one.")
    calls = _Calls()
    entries = list(chain.from_iterable(_convert(message, calls) for message in messages))
    entries = list(_with_ordered_results(entries))
    last = entries[-1]
    if continue_final:
        continued = last.get(
            "reasoning_content" if continue_final == "reasoning_content" else "content"
        )
        if (
            last["role"] != "assistant"
            or last.get("tool_calls")
            or not isinstance(continued, str)
            or not continued
        ):
            wanted = "thoughts" if continue_final == "reasoning_content" else "text"
            raise InvalidRequestError(
                "`continue_final_message` needs a conversation that ends with an AI message "
                f"with {wanted}."
            )
    elif last["role"] == "assistant":
        entries.append({"role": "user", "content": ""})
    return entries


class _Calls:
    """The tool calls of a conversation so far."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        # names of the last AI message's calls without a result, by id
        self._waiting: dict[str, str] = {}
        self._numbers = count()
        self._answered = False  # whether an AI message came

    def add(self, entry: Entry) -> None:
        """Note the calls of an AI message."""
        self._answered = True
        self._waiting = {
            call["id"]: call["function"]["name"] for call in entry.get("tool_calls", ())
        }
        self._names.update(self._waiting)

    def new_id(self) -> str:
        """Return an id for a call without one: nine alphanumeric characters, as Mistral requires.

        Mistral's chat templates raise on others.
        """
        return f"call{next(self._numbers):05d}"

    def id_of_result(self, name: str | None) -> str:
        """Return the id of the call that a result without an id answers.

        It is the first call of the last AI message without a result, of the tool where it is named,
        else the tool's last call.

        Raises:
            InvalidRequestError: AI messages came, and there is no such call.
        """
        first = next(
            (call_id for call_id, called in self._waiting.items() if name in {None, called}), None
        )
        found = first or next(
            (call_id for call_id, called in reversed(self._names.items()) if called == name), None
        )
        if self._answered and not found:
            result = f"the result of the tool {name!r}" if name else "a tool message"
            raise InvalidRequestError(
                f"There is {result} without the id of a call, and no earlier call without a "
                "result. Set `tool_call_id`, and keep the AI message with that call before it."
            )
        return found or self.new_id()

    def answer(self, call_id: str) -> str | None:
        """Return the name of the tool that was called, for its result.

        A history that was trimmed may begin with results, before any AI message; their calls are
        unknown.

        Raises:
            InvalidRequestError: AI messages came, and none of them made the call.
        """
        if self._answered and call_id not in self._names:
            raise InvalidRequestError(
                f"A tool message answers the call {call_id!r}, but no earlier message made it. "
                "Keep the AI message with that call before it."
            )
        self._waiting.pop(call_id, None)
        return self._names.get(call_id)


def _convert(message: BaseMessage, calls: _Calls) -> Iterator[Entry]:
    convert = next(
        (convert for kind, convert in _CONVERTERS.items() if isinstance(message, kind)), None
    )
    if convert is None:
        raise InvalidRequestError(
            f"A {type(message).__name__} is not part of a conversation. Remove it."
        )
    for entry in convert(message, calls):
        if entry["role"] == "assistant":
            calls.add(entry)
        yield entry


def _plain(message: BaseMessage, role: str, content: str | list[Any] | None = None) -> Entry:
    name = {"name": message.name} if message.name else {}
    return {
        "role": role,
        **name,
        "content": joined(to_parts(message.content if content is None else content)),
    }


def _system(message: BaseMessage, _: _Calls) -> Iterator[Entry]:
    yield _plain(message, "system")


def _human(message: BaseMessage, calls: _Calls) -> Iterator[Entry]:
    """Yield a message of the user.

    Anthropic's form of tool results in it become messages of their own.
    """
    blocks = _blocks(message)
    results = [block for block in blocks if _is(block, "tool_result")]
    for block in results:
        yield _result(block.get("tool_use_id"), block.get("content"), None, calls)
    rest = [block for block in blocks if block not in results]
    if rest or not results:
        yield _plain(message, "user", rest)


def _blocks(message: BaseMessage) -> list[Any]:
    return (
        [unwrapped(block) for block in message.content]
        if isinstance(message.content, list)
        else [message.content]
    )


def _is(block: Any, *kinds: str) -> bool:
    return isinstance(block, dict) and block.get("type") in kinds


def _custom(message: BaseMessage, calls: _Calls) -> Iterator[Entry]:
    role = str(getattr(message, "role", ""))
    role = _ROLES.get(role.lower(), role.lower() if role.lower() in STANDARD_ROLES else role)
    if not role:
        raise InvalidRequestError(
            "A message has an empty role. Use one of: system, user, assistant, tool."
        )
    if role in {"tool", "function"}:
        yield _named_result(message, calls)
    else:
        yield _plain(message, role)


def _named_result(message: BaseMessage, calls: _Calls) -> Entry:
    """Return the result of a function called by name, OpenAI's form before tools."""
    return _result(
        message.additional_kwargs.get("tool_call_id"), message.content, message.name, calls
    )


def _function(message: BaseMessage, calls: _Calls) -> Iterator[Entry]:
    yield _named_result(message, calls)


def _tool(message: BaseMessage, calls: _Calls) -> Iterator[Entry]:
    yield _result(getattr(message, "tool_call_id", ""), message.content, message.name, calls)


def _result(call_id: Any, content: Any, name: str | None, calls: _Calls) -> Entry:
    call_id = str(call_id) if call_id else calls.id_of_result(name or None)
    called = calls.answer(call_id)
    named = {"name": name or called} if name or called else {}
    return {"role": "tool", "tool_call_id": call_id, **named, "content": joined(to_parts(content))}


def _ai(message: BaseMessage, calls: _Calls) -> Iterator[Entry]:
    assert isinstance(message, AIMessage)  # noqa: S101 - for mypy
    blocks = _blocks(message)
    rest = [block for block in blocks if block and not _is(block, *THOUGHTS, *CALLS)]
    entry = _plain(message, "assistant", rest or list(_spoken(message.additional_kwargs)))
    if made := list(_calls_of(message, [block for block in blocks if _is(block, *CALLS)], calls)):
        entry["tool_calls"] = made
    if thought := reasoning_of(message):
        entry["reasoning_content"] = thought
    yield entry


def _spoken(extras: Mapping[str, Any]) -> Iterator[str]:
    """Yield what OpenAI's models said other than as text.

    That is a refusal, and the transcript of audio.
    """
    audio = extras.get("audio")
    for said in (
        extras.get("refusal"),
        audio.get("transcript") if isinstance(audio, dict) else None,
    ):
        if isinstance(said, str) and said:
            yield said


def _calls_of(message: AIMessage, blocks: list[Any], calls: _Calls) -> Iterator[dict[str, Any]]:
    """Yield the calls of an AI message.

    Those in its fields are usually among its content blocks too, and are made once.
    """
    given = [_call_fields(call) for call in (*message.tool_calls, *message.invalid_tool_calls)]
    known = {call_id for call_id, _, _ in given}
    given += [call for call in map(_call_fields, blocks) if call[0] not in known]
    if isinstance(old := message.additional_kwargs.get("function_call"), dict) and not given:
        given.append(_call_fields(old))
    for call_id, name, args in given:
        function = {"name": str(name or "unknown"), "arguments": _arguments(args)}
        yield {"type": "function", "id": call_id or calls.new_id(), "function": function}


def _call_fields(call: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Id, name and arguments of a call, in any provider's form."""
    args = next((call[key] for key in ("args", "input", "arguments") if key in call), None)
    return call.get("call_id") or call.get("id"), call.get("name"), args


def _arguments(args: Any) -> str:
    """Arguments as the JSON text of an object; text that is not one is put into one."""
    text = (
        args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False, default=str)
    )
    try:
        if isinstance(json.loads(text or "{}", parse_constant=_refuse_constant), dict):
            return text or "{}"
    except UNPARSABLE:
        pass
    return json.dumps({_UNREADABLE: text}, ensure_ascii=False)


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and writes and no server accepts."""
    raise ValueError(name)


_CONVERTERS: Final[Mapping[type[BaseMessage], Callable[[BaseMessage, _Calls], Iterator[Entry]]]] = {
    AIMessage: _ai,
    HumanMessage: _human,
    SystemMessage: _system,
    ToolMessage: _tool,
    FunctionMessage: _function,
    ChatMessage: _custom,
}


def _with_ordered_results(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the same with tool results in the order of the AI message's calls.

    Many templates write no ids.
    """
    order: dict[str, int] = {}
    results: list[Entry] = []
    for entry in entries:
        if entry["role"] == "tool":
            results.append(entry)
            continue
        yield from sorted(results, key=lambda result: order.get(result["tool_call_id"], len(order)))
        results = []
        if entry["role"] == "assistant":
            order = {call["id"]: number for number, call in enumerate(entry.get("tool_calls", ()))}
        yield entry
    yield from sorted(results, key=lambda result: order.get(result["tool_call_id"], len(order)))


def with_role_probes(messages: Iterable[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """Return the same with other texts in messages of custom roles, and these by role.

    They show whether a template writes such messages.
    """
    messages = list(messages)
    roles = sorted({message["role"] for message in messages} - STANDARD_ROLES)
    probes = {role: f"probe{number}" for number, role in enumerate(roles)}
    return [
        {**message, "content": probes.get(message["role"], message["content"])}
        for message in messages
    ], probes


def check_roles(probes: Mapping[str, str], prompt: str, source: str) -> None:
    """Raise `InvalidRequestError` for a role whose text the template does not write.

    The prompt is one that a template made of `with_role_probes`.

    Args:
        probes: The texts by role.
        prompt: The prompt.
        source: What the template belongs to, such as `the model at http://localhost:8080`.
    """
    if left_out := [role for role, probe in probes.items() if probe not in prompt]:
        raise InvalidRequestError(
            f"A message has the role {left_out[0]!r}, which the chat template of {source} leaves "
            f"out. Use one of: {', '.join(sorted(STANDARD_ROLES))}."
        )


def reasoning_of(message: AIMessage) -> str:
    """Return what a reasoning model thought before this answer."""
    kept = message.additional_kwargs.get("reasoning_content") or message.additional_kwargs.get(
        "reasoning"
    )
    if kept:
        return thought_of(kept) if isinstance(kept, dict) else str(kept)
    blocks = message.content if isinstance(message.content, list) else []
    return "".join(
        thought_of(block)
        for block in blocks
        if isinstance(block, dict) and block.get("type") in THOUGHTS
    )


def with_parsed_arguments(messages: Iterable[Entry]) -> list[Entry]:
    """Return the same with arguments of calls as objects.

    Most templates and Ollama require this form.
    """
    return [
        {**message, "tool_calls": [_with_parsed(call) for call in message["tool_calls"]]}
        if message.get("tool_calls")
        else message
        for message in messages
    ]


def _with_parsed(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {
        **call,
        "function": {**function, "arguments": json.loads(function["arguments"] or "{}")},
    }


def with_markers(messages: Iterable[Entry], engine: str) -> tuple[list[Entry], dict[str, bytes]]:
    """Replace each image by a unique placeholder, for templates.

    Return the messages, and the images by placeholder.

    Args:
        messages: The conversation.
        engine: What the engine is called in an error.

    Raises:
        InvalidRequestError: A message holds audio, video or a file, or an image that is not base64.
    """
    images: dict[str, bytes] = {}
    secret = secrets.token_hex(8)
    messages = list(messages)
    check_parts(messages, ("text", "image_url"), engine)

    def text_of(part: dict[str, Any]) -> str:
        if part["type"] == "text":
            return str(part["text"])
        marker = f"<image-{len(images)}-{secret}>"
        images[marker] = image_bytes(part)
        return marker

    marked = [
        {**message, "content": join_with_markers([text_of(part) for part in content], images)}
        if isinstance(content := message.get("content"), list)
        else message
        for message in messages
    ]
    return marked, images
