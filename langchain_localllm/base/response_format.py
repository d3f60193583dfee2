"""Read `response_format`, in all the forms in which callers write it."""

from collections.abc import Mapping
from typing import Any, Final

from langchain_localllm.base.json_schema import check_schema, is_json_schema, modern_schema
from langchain_localllm.base.reduce_schema import reduce_schema
from langchain_localllm.base.structured import form_of
from langchain_localllm.base.type_schema import is_type
from langchain_localllm.errors import InvalidOptionError

_FORMS: Final = (
    "Use {'type': 'text'}, {'type': 'json_object'}, {'type': 'json_schema', 'json_schema': "
    "{'name': ..., 'schema': {...}}}, a JSON schema or a pydantic class."
)
_NAMES: Final = {"": "text", "json": "json_object"}
"""Ollama's words."""
_SHOWN: Final = 120


class ResponseFormat(dict[str, Any]):
    """A `response_format` as OpenAI writes it, which was checked."""


def canonical_format(wanted: Any) -> ResponseFormat | None:
    """Return a `response_format` as OpenAI writes it; `None` for an answer in any form.

    Args:
        wanted: What OpenAI, llama-cpp-python, llama.cpp's server, Ollama or LangChain document:
            `{"type": "text"}`, `json_object` with or without `schema`, `json_schema` with or
            without the inner object, a JSON schema, `"json"`, a pydantic class or another type.

    Raises:
        InvalidOptionError: It has another form, or its schema is not valid.

    Example:
        >>> canonical_format({"type": "json_object", "schema": {"type": "array"}})
        {'type': 'json_schema', 'json_schema': {'name': 'answer', 'schema': {'type': 'array'}}}
    """
    if wanted is None or isinstance(wanted, ResponseFormat):
        return wanted
    if is_type(wanted):
        return _of_type(wanted)
    if isinstance(wanted, str):
        wanted = {"type": _NAMES.get(wanted, wanted)}
    if not isinstance(wanted, Mapping):
        raise _not_a_format(wanted)
    if wanted.get("type") in ("json_object", "json_schema"):
        return _of_kind(wanted)
    if is_json_schema(wanted):
        return _of_schema(wanted, {})
    if wanted and wanted != {"type": "text"}:
        raise _not_a_format(wanted)
    return None


def _of_type(wanted: Any) -> ResponseFormat:
    form = form_of(wanted)
    return _of_schema(form.schema, {"name": form.name})


def _of_kind(wanted: Mapping[str, Any]) -> ResponseFormat:
    inner = wanted.get("json_schema", wanted)
    if not isinstance(inner, Mapping):
        raise _not_a_format(wanted)
    if (schema := inner.get("schema")) is not None:
        return _of_schema(schema, inner)
    if "json_schema" in wanted and is_json_schema(inner):
        return _of_schema(inner, {})
    if wanted["type"] == "json_object":
        return ResponseFormat(type="json_object")
    raise InvalidOptionError(f"response_format={_short(wanted)} has no schema. {_FORMS}")


def _of_schema(schema: Any, about: Mapping[str, Any]) -> ResponseFormat:
    if is_type(schema):
        return _of_type(schema)
    modern = modern_schema(schema)
    check_schema(modern)
    kept = {name: about[name] for name in ("description", "strict") if about.get(name) is not None}
    return ResponseFormat(
        type="json_schema",
        json_schema={"name": about.get("name") or "answer", "schema": modern, **kept},
    )


def _not_a_format(wanted: Any) -> InvalidOptionError:
    return InvalidOptionError(
        f"response_format={_short(wanted)} is not a form of answers. {_FORMS}"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def engine_format(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a canonical format with a schema that llama.cpp can make a grammar of."""
    if wanted["type"] != "json_schema":
        return wanted
    inner = wanted["json_schema"]
    return {**wanted, "json_schema": {**inner, "schema": reduce_schema(inner["schema"])}}
