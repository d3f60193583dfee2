"""Mark on an option's field what the option does. Sets of options are derived from the marks.

A mark is written in the annotation: `num_gpu: Annotated[int | None, SpeedsUp] = None`. A class that
declares the field again keeps the marks of its base classes.
"""

import functools

from pydantic import BaseModel


class Loads:
    """The engine is loaded with it: objects with another value have an engine of their own."""


class NotSent:
    """This side applies it: a payload is made without it."""


class NotInKey:
    """It does not change the answer, or is in the cache key in another form."""


class SpeedsUp(NotInKey):
    """It changes how fast an answer comes, but not which."""


class Connects(NotSent, NotInKey):
    """It changes how the engine is reached."""


@functools.lru_cache
def options_marked(options: type[BaseModel], mark: type) -> frozenset[str]:
    """Return the names of a class's options that have a mark, or one derived from it.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import BaseModel
        >>> class Options(BaseModel):
        ...     n_threads: Annotated[int, Loads, SpeedsUp] = 1
        ...     top_k: int = 40
        >>> sorted(options_marked(Options, NotInKey))
        ['n_threads']
    """
    return frozenset(
        name
        for kind in options.__mro__
        if issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
        if any(isinstance(found, type) and issubclass(found, mark) for found in field.metadata)
    )
