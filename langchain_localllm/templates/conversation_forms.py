"""Render conversations in the form that a template accepts.

Templates differ in what they refuse or leave out: system messages, an answer at the beginning, two
messages of one role in a row, tool calls and their results, their ids, and arguments as objects or
as text.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, takewhile
from typing import Any, Final

from langchain_localllm._json import read_json
from langchain_localllm.errors import ChatTemplateError
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.tool_calls import ToolFormat, tool_format

Messages = Sequence[Mapping[str, Any]]

_OF_A_TEXT: Final = frozenset({"role", "content"})
"""What a message has that is no more than a text."""
_NINE_LETTERS: Final = re.compile(r"\|\s*length\s*(?:!=|<)\s*9\b")
"""What is in templates that raise on ids of calls without nine letters: Mistral's."""


def render_conversation(template: ChatTemplate, messages: Messages, **variables: Any) -> str:
    r"""Render the prompt for a conversation.

    Several instructions (system messages) are joined at the beginning where the template accepts
    only one. They are put into the first question where it refuses them, as Gemma 2's, or leaves
    them out, as Phi-3-mini's. Messages of one role in a row are joined, and an empty question comes
    before an answer at the beginning, where it refuses these, as Gemma's. Ids of calls get nine
    letters where it needs that, as Mistral's. The arguments of calls are passed as objects, or as
    text to a template that needs that; calls and their results are written into texts for a
    template that leaves them out.

    Args:
        template: The template.
        messages: The conversation, with the arguments of calls as objects.
        **variables: What else the template reads.

    Raises:
        ChatTemplateError: The template does not take the conversation, or leaves out a message or a
            call.

    Example:
        >>> refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        >>> template = ChatTemplate(refuses + "{{ messages[0].content }}")
        >>> system = {"role": "system", "content": "Be brief."}
        >>> render_conversation(template, [system, {"role": "user", "content": "Why?"}])
        'Be brief.\n\nWhy?'
    """
    problem: ChatTemplateError | None = None
    as_python: str | None = None
    for attempt in _attempts(template, messages):
        try:
            text = template.render(attempt, **variables)
            _check_whole(template, attempt, text, variables)
        except ChatTemplateError as error:
            problem = problem or error
            continue
        if not _holds_python(attempt, text):
            return text
        as_python = as_python or text
    if as_python is None:
        raise problem or ChatTemplateError("The model's chat template writes nothing.")
    return as_python


def render_to_continue(template: ChatTemplate, messages: Messages, **variables: Any) -> str:
    r"""Render a conversation up to the end of its last message, which the model continues.

    Raises:
        ChatTemplateError: The template does not take the conversation, or leaves out the last
            message.

    Example:
        >>> lines = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        >>> question = {"role": "user", "content": "1, 2?"}
        >>> answer = {"role": "assistant", "content": "3, "}
        >>> render_to_continue(ChatTemplate(lines), [question, answer])
        'user: 1, 2?\nassistant: 3, '
    """
    *before, last = messages
    end = f"zqend{secrets.token_hex(8)}"
    marked = [*before, {**last, "content": f"{last['content']}{end}"}]
    text = render_conversation(template, marked, **{**variables, "add_generation_prompt": False})
    begun, found, _ = text.rpartition(end)
    if not found:
        raise ChatTemplateError(
            "The model's chat template leaves out the last message, so that it cannot be continued."
        )
    return begun


def with_accepted_turns(template: ChatTemplate, messages: Messages) -> Sequence[Mapping[str, Any]]:
    r"""Return the conversation with ids, instructions and turns that the template accepts.

    Where it leaves out any but the first instruction, or refuses them, they are joined there; where
    it refuses messages of one role in a row, these are joined; where it refuses an answer at the
    beginning, an empty question comes before it. It is for llama.cpp's server, which renders the
    template itself.

    Example:
        >>> first = "{{ messages[0].content }}{{ messages[-1].content }}"
        >>> roles = {"A": "system", "B": "system", "Why?": "user"}
        >>> talk = [{"role": role, "content": text} for text, role in roles.items()]
        >>> with_accepted_turns(ChatTemplate(first), talk)[0]
        {'role': 'system', 'content': 'A\n\nB'}
    """
    messages = _with_accepted_ids(template, messages)
    if not has_unusual_turns(messages):
        return messages
    for form in _placings(messages):
        texts = [_as_text(message) for message in form]
        for shown in (texts, [_with_object_arguments(message) for message in texts]):
            with suppress(ChatTemplateError):
                _check_whole(template, shown, template.render(shown), {})
                return form
    return messages


def with_common_turns(messages: Messages) -> Messages:
    r"""Return the conversation with turns that nearly every template accepts.

    It is for servers that do not show their template: one instruction at the beginning, a question
    after it, and no two messages of one role in a row.

    Example:
        >>> talk = [{"role": "user", "content": "Why?"}, {"role": "user", "content": "Where?"}]
        >>> with_common_turns(talk)
        [{'role': 'user', 'content': 'Why?\n\nWhere?'}]
    """
    has_system = any(message["role"] == "system" for message in messages)
    return _joined_turns(
        _with_question_first(_with_one_system(messages) if has_system else messages)
    )


def has_unusual_turns(messages: Messages) -> bool:
    """Return whether some templates refuse the order of the roles, or leave out a message.

    Example:
        >>> has_unusual_turns([{"role": "assistant", "content": "How can I help?"}])
        True
    """
    return (
        any(message["role"] == "system" for message in messages[1:])
        or any(map(_may_join, messages, messages[1:]))
        or _with_question_first(messages) is not messages
    )


def without_system(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same conversation with its instructions in the first question."""
    messages = list(messages)
    system = _joined_contents(
        message["content"] for message in messages if message["role"] == "system"
    )
    merged = [dict(message) for message in messages if message["role"] != "system"]
    first = next((message for message in merged if message["role"] == "user"), None)
    if system and first:
        first["content"] = _joined_contents([system, first["content"]])
    elif system:
        merged.insert(0, {"role": "user", "content": system})
    return merged


def _with_one_system(messages: Messages) -> list[Mapping[str, Any]]:
    """Return the same conversation with its instructions in one message at the beginning.

    Most templates write only that one, and read switches in it.
    """
    rest = [message for message in messages if message["role"] != "system"]
    system = _joined_contents(
        message["content"] for message in messages if message["role"] == "system"
    )
    return [{"role": "system", "content": system}, *rest]


def _with_question_first(messages: Messages) -> Messages:
    """Return the conversation with an empty question before an answer at the beginning.

    Gemma's and Mistral's templates refuse one that begins with an answer, such as a greeting.
    """
    place = 1 if messages and messages[0]["role"] == "system" else 0
    if place >= len(messages) or messages[place]["role"] == "user":
        return messages
    return [*messages[:place], {"role": "user", "content": ""}, *messages[place:]]


def _placings(messages: Messages) -> Iterator[Messages]:
    """Yield the conversation unchanged, and with its instructions and turns in other places."""
    begun = _with_question_first(messages)
    for turns in [messages] if begun is messages else [messages, begun]:
        placings: list[Messages] = [list(turns)]
        if any(message["role"] == "system" for message in turns):
            placings += [_with_one_system(turns), without_system(turns)]
        yield from placings
        yield from map(_joined_turns, placings)


def _attempts(template: ChatTemplate, messages: Messages) -> Iterator[Messages]:
    """Yield the conversation unchanged, then in the forms that other kinds of templates need.

    Calls as text come last.
    """
    tried: list[Messages] = []
    messages = _with_accepted_ids(template, messages)
    calls = any(message.get("tool_calls") or message["role"] == "tool" for message in messages)
    form = tool_format(template.source)
    placings = list(_placings(messages))
    natives = (
        native
        for placed in placings
        for native in (_with_calls_in_other_forms(placed) if calls else [placed])
    )
    texts = (
        form_of_turns([_with_calls_as_text(message, form) for message in placed])
        for placed in (placings if calls else ())
        for form_of_turns in (list, _joined_turns)
    )
    for attempt in chain(natives, texts):
        if attempt not in tried:
            tried.append(attempt)
            yield attempt


def _with_accepted_ids(template: ChatTemplate, messages: Messages) -> Messages:
    """Return the conversation with ids of nine letters and digits where the template needs these.

    Other engines and providers make ids of other lengths, such as OpenAI's of 29.
    """
    if not _NINE_LETTERS.search(template.source):
        return messages
    return [
        {
            **message,
            **(
                {"tool_call_id": _short_id(message["tool_call_id"])}
                if message.get("tool_call_id")
                else {}
            ),
            **(
                {
                    "tool_calls": [
                        {**call, "id": _short_id(call["id"])} for call in message["tool_calls"]
                    ]
                }
                if message.get("tool_calls")
                else {}
            ),
        }
        for message in messages
    ]


def _short_id(call_id: str) -> str:
    """Return an id of nine letters and digits: the same for a call and its result."""
    if re.fullmatch(r"[a-zA-Z0-9]{9}", call_id):
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _with_calls_in_other_forms(messages: Messages) -> Iterator[Messages]:
    forms: list[Messages] = [
        messages,
        *([change(message) for message in messages] for change in _CHANGES),
    ]
    yield from forms
    yield from map(_with_one_call_each, forms)


def _with_text_arguments(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return _with_arguments(message, partial(json.dumps, ensure_ascii=False))


def _with_object_arguments(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message with the arguments of its calls as objects, where they are JSON."""
    return _with_arguments(
        message, lambda given: read_json(given, given) if isinstance(given, str) else given
    )


def _with_arguments(message: Mapping[str, Any], change: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Return the message with the arguments of its calls changed."""
    calls = [
        {**call, "function": {**function, "arguments": change(function["arguments"])}}
        for call in message.get("tool_calls") or ()
        for function in [call["function"]]
    ]
    return {**message, "tool_calls": calls} if calls else message


def _with_merged_thoughts(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the conversation with text before a call moved into the thoughts.

    gpt-oss's template refuses both.
    """
    if not (
        message.get("tool_calls") and message.get("content") and message.get("reasoning_content")
    ):
        return message
    return {
        **message,
        "content": "",
        "reasoning_content": f"{message['reasoning_content']}\n\n{message['content']}",
    }


def _without_empty_text(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the conversation with `None` for empty text next to a call.

    DeepSeek R1's template drops the call otherwise.
    """
    return (
        {**message, "content": None}
        if message.get("tool_calls") and message.get("content") == ""
        else message
    )


_CHANGES: Final[Sequence[Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = (
    _with_text_arguments,
    _with_merged_thoughts,
    _without_empty_text,
)


def _with_one_call_each(messages: Messages) -> Messages:
    """Return the conversation with one call per message, each before its result.

    Llama 3's template accepts one at a time.
    """
    rest = list(messages)
    split: list[Mapping[str, Any]] = []
    while rest:
        message = rest.pop(0)
        for place, call in enumerate(message.get("tool_calls") or ()):
            text = {
                key: value
                for key, value in message.items()
                if key not in {"reasoning_content", "thinking"}
            }
            split.append({**(text | {"content": ""} if place else message), "tool_calls": [call]})
            answers = [
                other for other in _results(rest) if other.get("tool_call_id") == call.get("id")
            ]
            split += answers
            rest = [other for other in rest if not any(other is answer for answer in answers)]
        if not message.get("tool_calls"):
            split.append(message)
    return split


def _results(messages: Messages) -> Iterator[Mapping[str, Any]]:
    """Return the results with which messages begin."""
    return takewhile(lambda message: message["role"] == "tool", messages)


def _may_join(before: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    """Return whether two messages can be one: of the user, or texts of the model."""
    return before["role"] == message["role"] and (
        message["role"] == "user"
        or (message["role"] == "assistant" and before.keys() | message.keys() <= _OF_A_TEXT)
    )


def _joined_turns(messages: Messages) -> Messages:
    """Return the conversation with messages of one role in a row joined.

    Gemma's template refuses two in a row.
    """
    joined: list[Mapping[str, Any]] = []
    for message in messages:
        if joined and _may_join(joined[-1], message):
            content = _joined_contents([joined[-1]["content"], message["content"]])
            joined[-1] = {**joined[-1], "content": content}
        else:
            joined.append(message)
    return joined


def _joined_contents(contents: Iterable[Any]) -> Any:
    """Return the contents of several messages as one: a text, or parts where one has parts."""
    filled = [content for content in contents if content]
    if all(isinstance(content, str) for content in filled):
        return "\n\n".join(filled)
    return [part for content in filled for part in _parts(content)]


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _as_text(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message with the texts of its parts as one, as templates can be tried with."""
    texts = (part.get("text") for part in _parts(message["content"] or ""))
    return {**message, "content": "\n\n".join(filter(None, texts))}


def _with_calls_as_text(message: Mapping[str, Any], form: ToolFormat) -> Mapping[str, Any]:
    """Return the conversation with calls as text, and results as user messages.

    The text has the form in which the model writes calls. So templates that know no calls in a
    history hold them, as in llama.cpp's server.
    """
    if message["role"] == "tool":
        return {
            "role": "user",
            "content": f"Result of {message.get('name') or 'the tool'}:\n{message['content']}",
        }
    if not (calls := message.get("tool_calls")):
        return message
    texts = [
        message.get("content") or "",
        *(form.write(call["function"]["name"], call["function"]["arguments"]) for call in calls),
    ]
    return {
        **{key: value for key, value in message.items() if key != "tool_calls"},
        "content": "\n".join(filter(None, texts)),
    }


def _holds_python(messages: Messages, text: str) -> bool:
    """Return whether a call's arguments were written as a Python object.

    If so, the template needs text.
    """
    return any(
        given and not isinstance(given, str) and repr(given) in text
        for given in (call["arguments"] for call in _calls_of(messages))
    )


def _calls_of(messages: Messages) -> list[Mapping[str, Any]]:
    return [call["function"] for message in messages for call in message.get("tool_calls") or ()]


def _check_whole(
    template: ChatTemplate, messages: Messages, text: str, variables: Mapping[str, Any]
) -> None:
    """Raise `ChatTemplateError` if the template drops a call or a message.

    Messages that are answers are not checked. A template may edit a text, for example take a switch
    such as `/no_think` out of it, and the names of tools are in its list of tools. So where that is
    in doubt, the conversation is rendered with other texts and names to see whether those are
    there.
    """
    doubtful = {
        number
        for number, message in enumerate(messages)
        if message["role"] != "assistant" and message["content"].strip() not in text
    }
    calls = bool(_calls_of(messages)) and (
        bool(variables.get("tools"))
        or any(call["name"] not in text for call in _calls_of(messages))
    )
    if not (doubtful or calls):
        return
    probes = _Probes()
    probed = [
        {
            **message,
            **(
                {"content": probes.of(f"messages of the role {message['role']!r}")}
                if number in doubtful
                else {}
            ),
            **(
                {"tool_calls": [probes.call(call) for call in message["tool_calls"]]}
                if calls and message.get("tool_calls")
                else {}
            ),
        }
        for number, message in enumerate(messages)
    ]
    try:
        text = template.render(probed, **variables)
    except ChatTemplateError:  # it reads something in these texts
        return
    if missing := probes.missing(text):
        raise ChatTemplateError(
            f"The model's chat template leaves out {missing}. Leave them out, or name another "
            "template by `chat_format`."
        )


class _Probes:
    """Placeholders for the texts of a conversation, to find out what a template leaves out."""

    def __init__(self) -> None:
        self._subjects: dict[str, str] = {}

    def of(self, subject: str) -> str:
        """Return a text for a subject."""
        probe = f"probe{secrets.token_hex(8)}"
        self._subjects[probe] = subject
        return probe

    def call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call with another name."""
        function = call["function"]
        return {
            **call,
            "function": {**function, "name": self.of(f"the call of {function['name']!r}")},
        }

    def missing(self, text: str) -> str | None:
        """Return the first subject whose text is not in a prompt."""
        text = text.lower()  # some templates write instructions in capital letters
        return next(
            (subject for probe, subject in self._subjects.items() if probe not in text), None
        )
