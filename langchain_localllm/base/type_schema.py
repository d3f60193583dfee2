"""Convert Python types to JSON schemas: dataclasses, lists, unions, and a `TypedDict` of any kind.

LangChain's own conversion refuses `Required`, `NotRequired` and `ReadOnly` and treats every key as
required; pydantic refuses `typing.TypedDict` before Python 3.12. Keys are described as for
LangChain: `Annotated[str, ..., "its name"]`.
"""

import functools
import inspect
import operator
import re
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
)

import typing_extensions
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import ReadOnly, is_typeddict, override

from langchain_localllm.errors import InvalidOptionError

_KEYS: Final = re.compile(r"\n\s*(?:Args|Arguments|Attributes):[ \t]*\n", re.IGNORECASE)
_KEY: Final = re.compile(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)", re.DOTALL)
_PLAIN: Final = (str, int, float, bool, list, dict, type(None))
"""Types of defaults."""


def is_typed_dict(value: Any) -> bool:
    """Return whether this is a `TypedDict` class, or a generic one with its arguments.

    The class may be of `typing` or `typing_extensions`.
    """
    return is_typeddict(get_origin(value) or value)


def is_type(value: Any) -> bool:
    """Return whether this is a type of annotations: a class, `list[int]`, `int | None`, ..."""
    return (
        isinstance(value, type | typing_extensions.TypeAliasType) or get_origin(value) is not None
    )


def type_schema(annotation: Any) -> dict[str, Any]:
    """Return the JSON schema of a type.

    Raises:
        InvalidOptionError: The type cannot be written as a JSON schema.

    Example:
        >>> from typing import TypedDict
        >>> class Lamp(TypedDict):
        ...     color: Annotated[str, ..., "its color"]
        ...     watts: NotRequired[int]
        >>> schema = type_schema(Lamp)
        >>> schema["required"], schema["properties"]["color"]
        (['color'], {'description': 'its color', 'type': 'string'})
    """
    with schema_errors(annotation):
        generator = _TypedDictSchemas if is_typed_dict(annotation) else _TypeSchemas
        return with_title(
            adapter_of(annotation).json_schema(schema_generator=generator), annotation
        )


def class_schema(model: Any) -> dict[str, Any]:
    """Return the JSON schema of a pydantic class, of version 1 or 2; raises as `type_schema`."""
    with schema_errors(model):
        modern = issubclass(model, BaseModel)
        return with_title(
            model.model_json_schema(schema_generator=_ClassSchemas) if modern else model.schema(),
            model,
        )


def as_json_schema(value: Any) -> Any:
    """Return a type's JSON schema, and other values as they are."""
    if not is_type(value):
        return value
    return class_schema(value) if is_basemodel_subclass(value) else type_schema(value)


JsonSchema = Annotated[dict[str, Any], BeforeValidator(as_json_schema)]
"""A JSON schema, or a pydantic class or another type that has one."""


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """Return an adapter that reads values of a type; raises as `type_schema` does.

    Each `TypedDict` in it gets a form that pydantic reads.
    """
    with schema_errors(annotation):
        return TypeAdapter(_Reader().read(annotation, {}))


@contextmanager
def schema_errors(annotation: Any) -> Iterator[None]:
    """Raise `InvalidOptionError` for what pydantic says about a type without a JSON schema."""
    try:
        yield
    except (PydanticUserError, AttributeError, NameError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidOptionError(
            f"{name_of(annotation)} cannot be written as a JSON schema: {reason}"
        ) from error


def with_title(found: dict[str, Any], annotation: Any) -> dict[str, Any]:
    """Return a type's JSON schema with its name, and without a reference at the top.

    Not all engines follow such a reference.
    """
    if "$ref" in found:  # of a recursive class
        _, definitions, name = found["$ref"].split("/")
        found = {**found[definitions][name], definitions: found[definitions]}
    return {"title": name_of(annotation), **found}


def name_of(annotation: Any) -> str:
    """Return the name of a type."""
    return str(getattr(annotation, "__name__", None) or annotation)


class _ClassSchemas(GenerateJsonSchema):
    """Describe a `Decimal` as a number, and a URL with the schemes that it may have.

    For a `Decimal`, pydantic also allows any text, and a model then writes texts that are not
    numbers.
    """

    @override
    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        described = super().decimal_schema(schema)
        return next(
            (kind for kind in described.get("anyOf", ()) if kind.get("type") == "number"), described
        )

    @override
    def url_schema(self, schema: Any) -> dict[str, Any]:
        return super().url_schema(schema) | _with_schemes(schema)

    @override
    def multi_host_url_schema(self, schema: Any) -> dict[str, Any]:
        return super().multi_host_url_schema(schema) | _with_schemes(schema)


def _with_schemes(schema: Mapping[str, Any]) -> dict[str, Any]:
    r"""Return the pattern of URLs with the schemes that pydantic accepts, if it does not take all.

    Example:
        >>> _with_schemes({"allowed_schemes": ["http", "https"]})
        {'pattern': '^(http|https)://\\S+$'}
    """
    schemes = "|".join(schema.get("allowed_schemes") or ()).replace("+", r"\+")
    return {"pattern": rf"^({schemes})://\S+$"} if schemes else {}


class _TypedDictSchemas(GenerateJsonSchema):
    """Omit titles of keys: they only repeat the names, and the model is shown the schema."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _TypeSchemas(_TypedDictSchemas, _ClassSchemas):
    """Combine both of these.

    Only pydantic reads a type's values, whereas those of a `TypedDict` are checked by its schema.
    """


class _Reader:
    """Copies types; one that was met before is the same copy, so that recursive ones end."""

    def __init__(self) -> None:
        self._copies: dict[Any, Any] = {}

    def read(self, annotation: Any, variables: Mapping[Any, Any]) -> Any:
        """Return the copy of a type.

        Args:
            annotation: The type.
            variables: What replaces the variables of a generic `TypedDict`.
        """
        if isinstance(annotation, typing.TypeVar):
            return variables.get(annotation, annotation)
        origin, inner = get_origin(annotation), get_args(annotation)
        if is_typeddict(origin or annotation):
            return self._typed_dict(
                origin or annotation, tuple(self.read(part, variables) for part in inner)
            )
        if origin is Annotated:
            return Annotated[(self.read(inner[0], variables), *annotation.__metadata__)]
        if origin in {None, Literal}:
            return annotation
        read = tuple(self._part(part, variables) for part in inner)
        if all(new is old for new, old in zip(read, inner, strict=True)):
            return annotation
        return (
            functools.reduce(operator.or_, read)
            if origin in {Union, types.UnionType}
            else origin[read]
        )

    def _part(self, part: Any, variables: Mapping[Any, Any]) -> Any:
        return (
            [self.read(each, variables) for each in part]
            if isinstance(part, list)
            else self.read(part, variables)
        )

    def _typed_dict(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        if (origin, arguments) in self._copies:
            return self._copies[origin, arguments]
        copy: Any = typing_extensions.TypedDict(origin.__name__, {})  # type: ignore[misc]  # mypy expects a literal
        self._copies[origin, arguments] = copy
        variables = dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=False))
        copy.__doc__, described = _documented(inspect.getdoc(origin) if origin.__doc__ else None)
        hints = typing_extensions.get_type_hints(
            origin, localns={origin.__name__: origin}, include_extras=True
        )
        keys = {
            name: _Key(name, hint, required=name in origin.__required_keys__)
            for name, hint in hints.items()
        }
        copy.__annotations__ = {
            name: key.annotated(self.read(key.type, variables), described)
            for name, key in keys.items()
        }
        copy.__required_keys__ = frozenset(name for name, key in keys.items() if key.required)
        copy.__optional_keys__ = frozenset(keys) - copy.__required_keys__
        for name in (
            "__module__",
            "__qualname__",
            "__closed__",
            "__extra_items__",
            "__pydantic_config__",
        ):
            if hasattr(origin, name):
                setattr(copy, name, getattr(origin, name))
        return copy


class _Key:
    """A key of a `TypedDict`: its type without qualifiers, description, and if it is required."""

    def __init__(self, name: str, hint: Any, *, required: bool) -> None:
        self.name = name
        self.required = required
        self._metadata: tuple[Any, ...] = ()
        while (origin := get_origin(hint)) in {Annotated, Required, NotRequired, ReadOnly}:
            if origin is Annotated:
                self._metadata = (*hint.__metadata__, *self._metadata)
            elif origin is not ReadOnly:
                self.required = origin is Required
            hint = get_args(hint)[0]
        self.type = hint
        self._rules: dict[str, Any] = {}
        if self._metadata and (self._metadata[0] is ... or isinstance(self._metadata[0], _PLAIN)):
            self._rules = _langchain_rules(name, self._metadata)
            self._metadata = ()
            self.required = self.required and "default" not in self._rules

    def annotated(self, copy: Any, descriptions: Mapping[str, str]) -> Any:
        """Return the copy of its type with what pydantic shall know about it."""
        rules = {"description": descriptions.get(self.name), **self._rules}
        return Annotated[(copy, Field(**rules), *self._metadata)]


def _langchain_rules(name: str, metadata: tuple[Any, ...]) -> dict[str, Any]:
    """Return the default and the description in `Annotated[str, ...]`.

    The forms are `Annotated[str, default or ..., description]` and `Annotated[str, description]`.
    """
    default, description = metadata[:2] if len(metadata) > 1 else (..., metadata[0])
    if not (isinstance(description, str) or description is ...):
        raise ValueError(
            f"The key {name!r} is described by {description!r}. A description is a text."
        )
    return {
        **({} if description is ... else {"description": description}),
        **({} if default is ... else {"default": default}),
    }


def _documented(text: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the description in a docstring, and those of keys.

    Google's style lists keys under `Args:`.
    """
    about, *listed = _KEYS.split(f"\n{text or ''}", maxsplit=1)
    lines = listed[0].partition("\n\n")[0] if listed else ""
    entries = [
        _KEY.match(" ".join(entry.split()))
        for entry in re.split(r"\n(?=\s*\w+(?:\s*\([^)]*\))?:)", lines)
    ]
    return about.strip() or None, {entry[1]: entry[2] for entry in entries if entry}
