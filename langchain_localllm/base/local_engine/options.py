"""Share the options of classes whose engine is a library in this process.

A file is loaded once for each combination of settings.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Annotated, Any, Final, NoReturn, Protocol
from weakref import WeakValueDictionary

from pydantic import Field, PrivateAttr, SecretStr
from typing_extensions import override

from langchain_localllm.base.closing import Closing
from langchain_localllm.base.option_roles import Connects, Loads, options_marked
from langchain_localllm.base.options import Options


class Engine(Protocol):
    """A loaded model and the thread that works with it.

    It frees both when no reference to it is left.
    """

    def free(self) -> None:
        """End the thread and free the memory; answers that are being made fail."""


class _Loaded:
    """Engines by what they were loaded with, as long as anyone holds them."""

    def __init__(self) -> None:
        self._engines: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._lock = threading.RLock()  # an engine may be loaded by the load of another class

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """Return the engine for a key, loading it if necessary."""
        # one load at a time: two together would need the memory of both before either is in use
        with self._lock:
            if (engine := self._engines.get(key)) is None:
                engine = self._engines[key] = load()
            return engine


LOADED: Final = _Loaded()


class _Held(dict[Hashable, Any]):
    """The engines that an object holds; copies share them."""

    def __reduce__(self) -> tuple[type["_Held"], tuple[()]]:
        # a copy in another process loads its own, and a deep one here finds them again
        return _Held, ()


class InProcessOptions(Options, Closing, ABC):
    """Options of classes whose engine is a library. The model is loaded when the object is made."""

    timeout: Annotated[float | None, Connects] = Field(default=None, gt=0)
    """Seconds that a whole call may take."""
    max_retries: Annotated[int, Connects] = Field(default=1, ge=0)
    """Without effect, since no connection is made; here so that runtimes can be exchanged."""
    api_key: Annotated[SecretStr | None, Connects] = None
    """Without effect, as above."""

    _engines: _Held = PrivateAttr(default_factory=_Held)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _ = self.engine  # so that a bad file is found here, and the first call does not wait

    @property
    def client(self) -> NoReturn:
        """Raise an `AttributeError` that names what to use instead of the binding's object."""
        raise AttributeError(
            f"{type(self).__name__} has no `client`: its engine runs in its own thread, next to "
            "which the binding's object is not safe. Use `get_token_ids` for tokens, a chat "
            "model's `profile` for the length of the context, `timings` of a result for speed, "
            "and `close()` to free the model."
        )

    @abstractmethod
    def load(self) -> Engine:
        """Load the engine with this object's options.

        Raises `ModelFileError` where the file is not a usable model.
        """

    @property
    def engine(self) -> Any:
        """The loaded engine; objects with the same file and settings share it."""
        # a forked process has no threads, so it loads its own
        key = os.getpid(), self.loading_key()
        if (engine := self._engines.get(key)) is None:
            engine = self._engines.setdefault(key, LOADED.get((type(self).load, key), self.load))
        return engine

    def loading_key(self) -> Hashable:
        """Return what decides whether two objects can share an engine."""
        names = sorted(options_marked(type(self), Loads))
        return tuple((name, repr(getattr(self, name))) for name in names)

    @override
    def close(self) -> None:
        """Free the model, unless another object uses it. The next call loads it again."""
        self._engines.clear()

    @override
    async def aclose(self) -> None:
        """Work like `close`."""
        self.close()
