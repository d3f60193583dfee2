"""`with_structured_output`: an answer as an object of a given form, checked, with an error that says which rule failed."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeGuard

import pydantic
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_localllm.base.json_schema import broken_rules, check_schema
from langchain_localllm.errors import AnswerCutError, InvalidOptionError, StructuredOutputError

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: Final = ("json_schema", "function_calling", "json_mode")
_KEYWORDS: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf", "properties"})
"""One of these makes a dict a JSON schema of an object; an OpenAI function has none of them."""
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Form:
    """The form that an answer shall have.

    Attributes:
        name: Its name, as tools have one.
        schema: Its JSON schema, or `None` for any JSON object.
        make: What turns an object that fits into what the caller wants.
    """

    name: str
    schema: dict[str, Any] | None
    make: Callable[[Any], Any]

    def read(self, text: str, *, cut: bool) -> Any:
        """The object in an answer.

        Args:
            text: The answer's text.
            cut: Whether the answer ended at a limit of tokens.

        Raises:
            AnswerCutError: The answer was cut.
            StructuredOutputError: It is no JSON, or breaks a rule.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            if cut:
                raise AnswerCutError(
                    f"The answer was cut in the middle of its JSON, after {_end(text)}. Raise `max_tokens`, or ask for less.",
                    llm_output=text,
                ) from None
            raise StructuredOutputError(f"The answer is no JSON ({error}): {_beginning(text)}", llm_output=text) from None
        if not isinstance(value, dict):
            raise StructuredOutputError(f"The answer is no JSON object: {_beginning(text)}", llm_output=text)
        if self.schema and (broken := broken_rules(value, self.schema)):
            raise StructuredOutputError(f"The answer breaks the schema: {'; '.join(broken)}.", llm_output=text)
        try:
            return self.make(value)
        except ValueError as error:  # pydantic's errors are such
            raise StructuredOutputError(f"The answer breaks a rule of {self.name}: {_reasons(error)}.", llm_output=text) from error

    def of_text(self, message: AIMessage) -> Any:
        """The object in the text of an answer."""
        return self.read(message.text, cut=_was_cut(message))

    def of_call(self, message: AIMessage) -> Any:
        """The object in the arguments of a tool call."""
        for call in message.tool_calls:
            if call["name"] == self.name:
                return self.read(json.dumps(call["args"]), cut=False)
        for invalid in message.invalid_tool_calls:
            return self.read(invalid["args"] or "", cut=_was_cut(message))
        raise StructuredOutputError(
            f"The model did not call {self.name}, but answered: {_beginning(message.text)}", llm_output=message.text
        )


def form_of(schema: Mapping[str, Any] | type | None, *, strict: bool | None = None) -> Form:
    """The form that a pydantic class, a `TypedDict`, a JSON schema or an OpenAI function describes.

    Raises:
        InvalidOptionError: It describes none.
    """
    if schema is None:
        return Form("json", None, lambda value: value)
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return _form_of_class(schema)
    found = dict(schema) if _is_json_schema(schema) else _converted(schema, strict=strict)
    check_schema(found)
    return Form(_as_name(found.get("title", "")), found, lambda value: value)


def _is_json_schema(schema: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(schema, Mapping) and bool(_KEYWORDS & schema.keys())


def _converted(schema: Any, *, strict: bool | None) -> dict[str, Any]:
    try:
        return convert_to_json_schema(schema, strict=strict)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidOptionError(f"This is no schema: {' '.join(str(error).split())}") from error


def _form_of_class(schema: Any) -> Form:
    if issubclass(schema, pydantic.BaseModel):
        return Form(_as_name(schema.__name__), _with_title(schema.model_json_schema(), schema), schema.model_validate)
    return Form(_as_name(schema.__name__), _with_title(schema.schema(), schema), schema.parse_obj)  # a class of pydantic 1


def _with_title(found: dict[str, Any], schema: type) -> dict[str, Any]:
    check_schema(found)
    if found.get("$ref", "").startswith("#/$defs/"):  # of a recursive class; not all makers of grammars follow one at the top
        found = {**found["$defs"][found["$ref"].removeprefix("#/$defs/")], "$defs": found["$defs"]}
    return {"title": schema.__name__, **found}


def _as_name(title: str) -> str:
    return re.sub(r"[^\w.-]+", "_", title, flags=re.ASCII).strip("_")[:64] or "answer"


def with_raw(read: Callable[[AIMessage], Any]) -> Callable[[AIMessage], dict[str, Any]]:
    """The same, giving the message too, and an error instead of raising it."""

    def keep(message: AIMessage) -> dict[str, Any]:
        try:
            return {"raw": message, "parsed": read(message), "parsing_error": None}
        except StructuredOutputError as error:
            return {"raw": message, "parsed": None, "parsing_error": error}

    return keep


def instruction(schema: Mapping[str, Any]) -> str:
    """What tells the model of the schema; engines constrain the answer without telling it why."""
    return f"Answer with a JSON object that fits this schema:\n{json.dumps(schema, ensure_ascii=False)}"


def _was_cut(message: AIMessage) -> bool:
    return message.response_metadata.get("finish_reason") == "length"


def _reasons(error: ValueError) -> str:
    if not hasattr(error, "errors"):
        return str(error)
    return "; ".join(f"`{'.'.join(map(str, fault['loc'])) or 'the answer'}`: {fault['msg']}" for fault in error.errors())


def _beginning(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _end(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"...{text[-_SHOWN:]}")
