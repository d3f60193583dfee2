"""Define options: common names, old names, and what a single call overrides."""

import difflib
import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import override

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm._version import __version__
from langchain_localllm.base.option_roles import NotInKey, NotSent, options_marked
from langchain_localllm.base.stop_sequences import checked_stops, no_empty_stop
from langchain_localllm.base.token_stream import CompletionInfo
from langchain_localllm.base.trace_names import short_name
from langchain_localllm.errors import InvalidOptionError

_ON_THE_WAY: Final = frozenset({"jsonschema", "langchain_core", "langchain_localllm", "pydantic"})
"""Packages between a caller and the place that warns."""


@functools.cache
def warn_once(advice: str) -> None:
    """Warn, at the line of the caller's own code; not again for the same words."""
    advise(advice)


def advise(advice: str) -> None:
    """Warn, at the line of the caller's own code."""
    level, frame = 1, inspect.currentframe()
    while (
        frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _ON_THE_WAY
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(advice, stacklevel=level - 1 if frame is None else level)  # the caller's line


def _some_tokens(number: int | None) -> int | None:
    if number == 0:
        raise InvalidOptionError(
            "No engine can answer with 0 tokens. Give 1 or more, or -1 for no limit."
        )
    return number


STREAM_SWITCHES: Final = frozenset({"stream", "streaming"})
"""What other classes take at a call to have the answer streamed, which it always is here."""


class Options(BaseModel):
    """Fields and rules that every class of ours shares.

    Arguments may be given under the names that other packages and the engines use (`ALIASES`); an
    unknown one is refused with the nearest known name.
    """

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), hide_input_in_errors=True, allow_inf_nan=False
    )

    ALIASES: ClassVar[Mapping[str, str]] = {}
    """Other spelling to field name; a runtime adds its own."""

    REMOVED: ClassVar[Mapping[str, str]] = {}
    """Arguments that older code passes and no engine reads any more, with the advice that is given
    once."""

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {}
    """Options of other runtimes that this one cannot offer, with what to do instead."""

    NOT_PER_CALL: ClassVar[frozenset[str]] = frozenset()
    """Fields that belong to the object and not to a call: LangChain's own."""

    def __init__(self, **kwargs: Any) -> None:
        try:
            super().__init__(**kwargs)
        except ValidationError as error:
            raise _to_option_error(error) from None

    @override
    def model_post_init(self, context: Any, /) -> None:
        # without this, pydantic's own for private attributes would come before LangChain's
        super().model_post_init(context)
        if isinstance(self, BaseLanguageModel):
            self._add_version("langchain-localllm", __version__)

    @classmethod
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under our names, with those in `model_kwargs`.

        The caller's mapping stays as it is.
        """
        more = given.get("model_kwargs")
        if "model_kwargs" in cls.REMOVED or "model_kwargs" not in given:
            return cls._under_our_names(given)
        if not isinstance(more, Mapping | None):
            raise InvalidOptionError(
                f"`model_kwargs` must be a dict of arguments, not {type(more).__name__}."
            )
        named = cls._under_our_names(
            {name: value for name, value in given.items() if name != "model_kwargs"}
        )
        for name, value in cls._under_our_names(more or {}).items():
            if name in named:
                raise InvalidOptionError(
                    f"`{name}` was given twice, once in `model_kwargs`. Give it once."
                )
            named[name] = value
        return named

    @classmethod
    def _under_our_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for spelling, value in given.items():
            if spelling in cls.REMOVED:
                warn_once(f"`{spelling}` of {cls.__name__} has no effect: {cls.REMOVED[spelling]}")
                continue
            name = cls.ALIASES.get(spelling, spelling)
            if None not in (value, known := named.get(name)) and value != known:
                raise InvalidOptionError(
                    f"`{name}` was given twice, once as `{spelling}`. Give it once."
                )
            named[name] = known if value is None else value
        return named

    @classmethod
    def _unknown(cls, name: str, known: frozenset[str]) -> InvalidOptionError:
        if name in cls.UNSUPPORTED:
            return InvalidOptionError(
                f"{cls.__name__} does not support `{name}`: {cls.UNSUPPORTED[name]}"
            )
        near = difflib.get_close_matches(name, sorted(known | set(cls.ALIASES)), n=1)
        advice = f"Did you mean `{near[0]}`?" if near else f"See the parameters of {cls.__name__}."
        return InvalidOptionError(f"{cls.__name__} has no option `{name}`. {advice}")

    @model_validator(mode="before")
    @classmethod
    def _read_arguments(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        named = cls._normalize_names(given)
        for name in named:
            # LangChain caches its own under such names
            if name not in cls.model_fields and not name.startswith("_"):
                raise cls._unknown(name, frozenset(cls.model_fields))
        return named

    def set_options(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the options that are set, without LangChain's own fields and those to ignore."""
        values = (
            (name, getattr(self, name))
            for name in type(self).model_fields
            if name not in self.NOT_PER_CALL | ignored
        )
        return {name: value for name, value in values if value is not None}

    def _options_in_key(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        return self.set_options(options_marked(type(self), NotInKey) | ignored)

    def _options_to_send(self, ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
        return self.set_options(options_marked(type(self), NotSent) | ignored)

    chosen = renamed_attribute("chosen", "set_options")

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """Return this object with other values for some options, for one call.

        The fields are validated, connections are shared.

        Raises:
            InvalidOptionError: An option is unknown, or its value does not fit.
        """
        if not options:
            return self
        known = frozenset(type(self).model_fields) - self.NOT_PER_CALL
        copy = self.model_copy()
        for name, value in self._normalize_names(options).items():
            if name not in known:
                raise self._unknown(name, known)
            try:
                self.__pydantic_validator__.validate_assignment(copy, name, value)
            except ValidationError as error:
                raise _to_option_error(error) from None
        return copy


def _to_option_error(error: ValidationError) -> InvalidOptionError:
    """Convert a validation error to `InvalidOptionError`, without values.

    These may be keys and passwords.
    """
    reasons = []
    for problem in error.errors(include_url=False, include_input=False):
        reason = str(problem.get("ctx", {}).get("error", problem["msg"]))
        place = ".".join(str(part) for part in problem["loc"])
        reasons.append(f"`{place}`: {reason}" if place else reason)
    return InvalidOptionError("; ".join(reasons))


MaxTokens = Annotated[int | None, Field(ge=-1), AfterValidator(_some_tokens)]


class SamplingOptions(Options):
    """The options of generation that mean the same on every runtime.

    `None` leaves the engine's own default.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        "callback_manager": "callbacks",
        "n_predict": "max_tokens",
        "num_predict": "max_tokens",
        "request_timeout": "timeout",
        "temp": "temperature",
    }

    COUNTS_BY_READING: ClassVar[bool] = False
    """Whether the engine counts tokens only by reading the text with the model, which takes a
    while."""

    temperature: float | None = Field(default=None, ge=0)
    """Randomness; 0 always takes the most probable token."""
    max_tokens: MaxTokens = None
    """Tokens to generate at most, at least 1; -1 means until the model ends or its context is
    full."""
    seed: int | None = None
    """Makes random choices repeat; -1 draws a new seed for each call."""
    stop: Annotated[list[str] | None, AfterValidator(no_empty_stop), NotInKey, NotSent] = None
    """Texts at which generation ends; they are not part of the answer. A call's own `stop` is added
    to these."""
    top_k: int | None = Field(default=None, ge=0)
    """Choose among this many most probable tokens; 0 means all."""
    top_p: float | None = Field(default=None, ge=0, le=1)
    """Choose among the most probable tokens whose probabilities add up to this."""

    @property
    def reports_progress(self) -> bool:
        """Whether handlers get an event that says how much of a prompt was read."""
        return bool(getattr(self, "return_progress", None))

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Return the options that LangChain's `dumps` omits, and their names in `secrets_map`.

        `load` accepts them under these names.
        """
        return {}

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """Return what LangChain's `dumps` writes: the options that are set, without secrets.

        `headers` and `auth` are omitted too.

        `load(text, allowed_objects=[type(model)], valid_namespaces=["langchain_localllm"])` makes
        the object again. LangChain loads classes of other packages only if they are named so, and
        therefore `is_lc_serializable` is `False`.
        """
        fields, secrets = type(self).model_fields, self.lc_secrets
        chosen = {
            name: getattr(self, name)
            for name in fields
            if name in self.model_fields_set and not fields[name].exclude
        }
        for name in secrets.keys() & chosen.keys():
            chosen[name] = {"lc": 1, "type": "secret", "id": [secrets[name]]}
        return {
            "lc": 1,
            "type": "constructor",
            "id": [*self.get_lc_namespace(), type(self).__name__],
            "kwargs": chosen,
        }

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Return the path under which LangChain's `load` looks for the class.

        It is `langchain_localllm.llms` or `.chat_models`. The modules below `runtimes` may move,
        and these do not. A subclass of your own has the path of its module.
        """
        package, *folders = cls.__module__.split(".")
        if [package, *folders[:1]] != ["langchain_localllm", "runtimes"]:
            return [package, *folders]
        return [package, "chat_models" if issubclass(cls, BaseChatModel) else "llms"]

    def stops(self, stop: list[str] | None) -> list[str]:
        """Return the object's stop sequences and the call's, each once."""
        return list(dict.fromkeys([*(self.stop or ()), *checked_stops(stop)]))

    def get_token_ids(self, text: str) -> list[int]:
        """Return the text's token ids, by `custom_get_token_ids` or the model's own tokenizer.

        Args:
            text: The text, without a chat template.

        Raises:
            InvalidRequestError: The engine offers no tokenizer.
        """
        # LangChain's field
        custom: Callable[[str], list[int]] | None = getattr(self, "custom_get_token_ids", None)
        return custom(text) if custom else self.token_ids(text)

    def token_ids(self, text: str) -> list[int]:
        """Return the text's token ids, by the model's own tokenizer."""
        raise NotImplementedError

    def get_num_tokens(self, text: str) -> int:
        """Return how many tokens a text has, by `custom_get_token_ids` or the model's tokenizer.

        Args:
            text: The text, without a chat template.

        Raises:
            WrongServerError: The server offers no tokenizer.
        """
        # LangChain's field
        custom: Callable[[str], list[int]] | None = getattr(self, "custom_get_token_ids", None)
        return len(custom(text)) if custom else self.token_count(text)

    def token_count(self, text: str) -> int:
        """Return how many tokens a text has, by the model's own tokenizer."""
        return len(self.token_ids(text))

    @property
    def model_label(self) -> str | None:
        """The model's name for traces, which is never a path; `None` where it is not known yet."""
        model = getattr(self, "model", None)
        return short_name(str(model)) if model else None

    def answered(self, finish: CompletionInfo) -> None:
        """Learn from how an answer ended, such as the name of a server's model."""

    def with_model_name(self) -> Self:
        """Return this object with its model named, for the cache key.

        Some names are known to the engine only.
        """
        return self

    async def aidentified(self) -> Self:
        """Work like `with_model_name`, without blocking the event loop."""
        return self


def caching(cache: BaseCache | bool | None) -> bool:
    """Return whether answers come from a cache: the object's own, or LangChain's global one."""
    return cache is not False and (cache is not None or get_llm_cache() is not None)
