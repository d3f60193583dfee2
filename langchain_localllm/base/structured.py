"""Implement `with_structured_output`: parse and validate an answer.

An error names the rule that the answer breaks.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pydantic
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.json import parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass
from typing_extensions import override

from langchain_localllm._json import NOT_JSON, read_json
from langchain_localllm.base.json_schema import (
    broken_rules,
    check_schema,
    is_json_schema,
    modern_schema,
)
from langchain_localllm.base.response_parser import without_unreadable_end
from langchain_localllm.base.tools import provider_function
from langchain_localllm.base.type_schema import (
    adapter_of,
    class_schema,
    is_type,
    is_typed_dict,
    name_of,
    type_schema,
)
from langchain_localllm.errors import AnswerCutError, InvalidOptionError, StructuredOutputError

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: Final = ("json_schema", "function_calling", "json_mode")
_SHOWN: Final = 80
_WRAPPED: Final = "value"
"""The only argument of a call whose form is not an object: a call's arguments always are."""
_FENCE: Final = re.compile(r"```\w*\s*\n(.*?)```", re.DOTALL)
_OPENING: Final = re.compile(r"[{\[]")
_decoder: Final = json.JSONDecoder(strict=False)  # small models write line ends into strings


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The form that an answer shall have.

    Attributes:
        name: Its name, as tools have one.
        schema: Its JSON schema, or `None` for any JSON object.
        make: What turns JSON into what the caller wants; `None` where the caller wants the JSON
            itself, checked by the schema.
    """

    name: str
    schema: dict[str, Any] | None
    make: Callable[[Any], Any] | None = None

    @property
    def is_object(self) -> bool:
        """Whether its JSON is an object."""
        return self.schema is None or self.schema.get("type", "object") == "object"

    @property
    def is_wrapped(self) -> bool:
        """Whether it is an argument of the call that has this form, and not all of them."""
        return self.schema is not None and (
            not self.is_object or bool({"anyOf", "oneOf", "enum", "const"} & self.schema.keys())
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the tool whose call has this form."""
        if self.schema is None or not self.is_wrapped:
            return self.schema or {"type": "object"}
        definitions: dict[str, Any] = {
            name: self.schema[name] for name in ("$defs", "definitions") if name in self.schema
        }
        inner = {name: value for name, value in self.schema.items() if name not in definitions}
        return {
            "title": self.name,
            "type": "object",
            "properties": {_WRAPPED: inner},
            "required": [_WRAPPED],
            **definitions,
        }

    def read(self, text: str, *, cut: bool) -> Any:
        """Return the object in an answer; it may be in a code fence, and have text around it.

        Args:
            text: The answer's text.
            cut: Whether the answer ended at a limit of tokens.

        Raises:
            AnswerCutError: The answer was cut.
            StructuredOutputError: It is not JSON, or breaks a rule.
        """
        # more digits might follow
        values = [value for value in _values_in(text) if not (cut and type(value) in (int, float))]
        failures: list[StructuredOutputError] = []
        for value in [
            value for value in values if isinstance(value, dict) == self.is_object
        ] or values:
            try:
                return self.check(value, text)
            except StructuredOutputError as error:
                failures.append(error)
        if cut and not (values and _is_json(text)):
            raise _cut_error("The model output was truncated mid-JSON", text)
        if failures:
            raise failures[0]
        raise StructuredOutputError(
            f"The answer is not valid JSON: {_beginning(text)}", llm_output=text
        )

    def check(self, value: Any, text: str) -> Any:
        """Return what the caller wants for a JSON value found in a text.

        Raise `StructuredOutputError` where it does not fit.
        """
        if self.make is None:
            if self.is_object and self.schema is None and not isinstance(value, dict):
                raise StructuredOutputError(
                    f"The answer is not a JSON object: {_beginning(text)}", llm_output=text
                )
            if self.schema and (broken := broken_rules(value, self.schema)):
                raise StructuredOutputError(
                    f"The answer does not match the schema: {'; '.join(broken)}.", llm_output=text
                )
            return value
        try:
            return self.make(value)
        except ValueError as error:  # pydantic's errors are such
            raise StructuredOutputError(
                f"The answer does not match {self.name}: {_reasons(error)}.", llm_output=text
            ) from error

    def parse_text(self, message: AIMessage) -> Any:
        """Return the object in the text of an answer."""
        return self.read(message.text, cut=_was_cut(message))

    def parse_tool_call(self, message: AIMessage) -> Any:
        """Return the object in the arguments of a tool call."""
        for call in message.tool_calls:
            if call["name"] == self.name:
                return self._of_arguments(call["args"])
        invalid = next((call["args"] or "" for call in message.invalid_tool_calls), None)
        if _was_cut(message):
            raise _cut_error(
                "The answer was cut before its call was complete",
                without_unreadable_end(invalid or "") or message.text,
            )
        if invalid is not None:
            text = invalid
            raise StructuredOutputError(
                f"The arguments of the call are not valid JSON: {_beginning(text)}", llm_output=text
            )
        raise StructuredOutputError(
            f"The model did not call {self.name}, but answered: {_beginning(message.text)}",
            llm_output=message.text,
        )

    def _of_arguments(self, args: dict[str, Any]) -> Any:
        text = json.dumps(args, ensure_ascii=False)
        if not self.is_wrapped:
            return self.check(args, text)
        if _WRAPPED not in args:
            raise StructuredOutputError(
                f"The call lacks the argument `{_WRAPPED}`: {_beginning(text)}", llm_output=text
            )
        return self.check(args[_WRAPPED], text)


def _values_in(text: str) -> Iterator[Any]:
    """Yield the JSON values in a text, in order.

    They are the text itself, the contents of code fences, or the objects and lists in it.
    """
    for candidates in ([text], _FENCE.findall(text)):
        read = map(read_json, map(str.strip, candidates))
        if values := [value for value in read if value is not NOT_JSON]:
            yield from values
            return
    at = 0
    while found := _OPENING.search(text, at):
        try:
            value, at = _decoder.raw_decode(text, found.start())
        except json.JSONDecodeError as error:
            # what is inside a value that is broken is not the answer
            at = max(error.pos, found.end())
            continue
        yield value


def form_of(schema: Mapping[str, Any] | type | None, *, strict: bool | None = None) -> OutputSchema:
    """Return the output schema of a pydantic class, a type, a JSON schema or a function.

    The function is one of OpenAI's. Values of a `TypedDict` are dicts that are checked by its JSON
    schema; pydantic makes those of all other types.

    Raises:
        InvalidOptionError: It describes none.
    """
    if schema is None:
        return OutputSchema("json", None)
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return _form_of_class(schema)
    if is_type(schema) and not is_typed_dict(schema):
        return _form_of_type(schema)
    if is_typed_dict(schema):
        found = type_schema(schema)
        found = _converted(found, strict=True) if strict else found
    else:
        found = modern_schema(
            schema if is_json_schema(schema) else _converted(schema, strict=strict)
        )
    check_schema(found)
    return OutputSchema(_as_name(str(found.get("title", ""))), found)


def _converted(schema: Any, *, strict: bool | None) -> dict[str, Any]:
    if isinstance(schema, Mapping):
        inner = schema.get("json_schema", schema)
        # OpenAI's `response_format`, or what is in it
        if isinstance(inner, Mapping) and isinstance(inner.get("schema"), Mapping):
            return {"title": inner.get("name", ""), **inner["schema"]}
    try:
        return convert_to_json_schema(provider_function(schema), strict=strict)
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        NameError,
        pydantic.errors.PydanticUserError,
    ) as error:
        raise InvalidOptionError(f"This is not a schema: {' '.join(str(error).split())}") from error


def _form_of_class(schema: Any) -> OutputSchema:
    if not issubclass(schema, pydantic.BaseModel):  # a class of pydantic 1
        return OutputSchema(_as_name(schema.__name__), class_schema(schema), schema.parse_obj)
    return OutputSchema(
        _as_name(schema.__name__),
        class_schema(schema),
        # as JSON, in which a strict class reads dates and enums too
        lambda value: schema.model_validate_json(json.dumps(value)),
    )


def _form_of_type(schema: Any) -> OutputSchema:
    adapter = adapter_of(schema)
    return OutputSchema(
        _as_name(name_of(schema)),
        type_schema(schema),
        lambda value: adapter.validate_json(json.dumps(value)),
    )


def _as_name(title: str) -> str:
    return re.sub(r"[^\w.-]+", "_", title, flags=re.ASCII).strip("_")[:64] or "answer"


class StructuredOutput(Runnable[AIMessage, Any]):
    """Reads answers of a form: as a whole, or the object as it grows."""

    def __init__(
        self, form: OutputSchema, *, calls: bool = False, include_raw: bool = False
    ) -> None:
        """Begin.

        Args:
            form: The form of the answers.
            calls: Whether the object is in the arguments of a tool call, and not in the text.
            include_raw: Whether a dict of `raw` (the message), `parsed` and `parsing_error` is
                wanted.
        """
        self.form = form
        self.calls = calls
        self.include_raw = include_raw
        self.name = "StructuredOutput"

    def read(self, message: AIMessage) -> Any:
        """Return what the caller gets for a whole answer."""
        if not self.include_raw:
            return self.parse(message)
        try:
            return {"raw": message, "parsed": self.parse(message), "parsing_error": None}
        except StructuredOutputError as error:
            return {"raw": message, "parsed": None, "parsing_error": error}

    def parse(self, message: AIMessage) -> Any:
        """Return the object in a whole answer."""
        return self.form.parse_tool_call(message) if self.calls else self.form.parse_text(message)

    @override
    def invoke(self, input: AIMessage, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self._call_with_config(self.read, input, config)

    @override
    def transform(
        self, input: Iterator[AIMessage], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        def grow(chunks: Iterator[AIMessage]) -> Iterator[Any]:
            growing = _Growing(self)
            for chunk in chunks:
                yield from growing.add(chunk)
            yield from growing.end()

        yield from self._transform_stream_with_config(input, grow, config)

    @override
    async def atransform(
        self, input: AsyncIterator[AIMessage], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        async def grow(chunks: AsyncIterator[AIMessage]) -> AsyncIterator[Any]:
            growing = _Growing(self)
            async for chunk in chunks:
                for grown in growing.add(chunk):
                    yield grown
            for grown in growing.end():
                yield grown

        async for grown in self._atransform_stream_with_config(input, grow, config):
            yield grown


class RawPart(dict[str, Any]):
    """A part of a streamed answer with `include_raw`.

    Of parts that are added, messages are joined and the last object is kept.
    """

    def __add__(self, other: dict[str, Any]) -> "RawPart":
        joined = {"raw": self["raw"] + other["raw"]} if "raw" in self and "raw" in other else {}
        return RawPart(self | other | joined)


class _Growing:
    """An object that grows while its answer comes.

    An instance of a class is made of the whole answer only.
    """

    def __init__(self, output: StructuredOutput) -> None:
        self._output = output
        self._shown = output.form.make is None
        self._call: int | None = None  # the index of the call that holds the object
        self._chunks: list[AIMessage] = []
        self._text = ""
        self._last: Any = None

    def add(self, chunk: AIMessage) -> Iterator[Any]:
        """Yield what the chunk makes visible."""
        self._chunks.append(chunk)
        if self._output.include_raw:
            yield RawPart(raw=chunk)
        if self._shown and (text := self._text_in(chunk)):
            self._text += text
            value = self._value()
            if value is not None and value != self._last:
                self._last = value
                yield RawPart(parsed=value) if self._output.include_raw else value

    def _text_in(self, chunk: AIMessage) -> str:
        """Return what the chunk adds to the JSON: text, or arguments of the call."""
        if not self._output.calls:
            return chunk.text
        parts = chunk.tool_call_chunks if isinstance(chunk, AIMessageChunk) else []
        if self._call is None:
            names = {part["name"]: part["index"] for part in parts}
            self._call = names.get(self._output.form.name)
        return "".join(part["args"] or "" for part in parts if part["index"] == self._call)

    def _value(self) -> Any:
        """Return the object so far."""
        form = self._output.form
        if not self._output.calls:
            return _partial(self._text, "{" if form.is_object else "[")
        args = _partial(self._text, "{")
        return args.get(_WRAPPED) if form.is_wrapped and isinstance(args, dict) else args

    def end(self) -> Iterator[Any]:
        """Yield the object, unless it was shown already; raises what is wrong with it."""
        message = _whole(self._chunks)
        if self._output.include_raw:
            kept = self._output.read(message)
            yield RawPart(parsed=kept["parsed"], parsing_error=kept["parsing_error"])
        elif (value := self._output.parse(message)) != self._last or self._last is None:
            yield value


def _whole(chunks: list[AIMessage]) -> AIMessage:
    parts = [chunk for chunk in chunks if isinstance(chunk, AIMessageChunk)]
    if len(parts) != len(chunks) or not parts:
        return chunks[-1] if chunks else AIMessage("")
    return add_ai_message_chunks(parts[0], *parts[1:])


def _partial(text: str, opening: str) -> Any:
    """Return the object or list that begins in a text, without its incomplete end."""
    at = text.find(opening)
    if at < 0:
        return None
    try:
        return _decoder.raw_decode(text, at)[0]
    except ValueError:
        pass
    try:
        return parse_partial_json(text[at:])
    except ValueError:
        return None


def _is_json(text: str) -> bool:
    try:
        _decoder.decode(text.strip())
    except ValueError:
        return False
    return True


def _was_cut(message: AIMessage) -> bool:
    return message.response_metadata.get("finish_reason") == "length"


def _reasons(error: ValueError) -> str:
    if not hasattr(error, "errors"):
        return str(error)
    return "; ".join(
        f"`{'.'.join(map(str, fault['loc'])) or 'the answer'}`: {fault['msg']}"
        for fault in error.errors()
    )


def _cut_error(what: str, text: str) -> AnswerCutError:
    place = f", after {_end(text)}" if text else ", before it wrote anything"
    return AnswerCutError(f"{what}{place}. Raise `max_tokens`, or ask for less.", llm_output=text)


def _beginning(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _end(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"...{text[-_SHOWN:]}")
