"""Check stop sequences, and find them in a text that arrives in pieces."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from langchain_localllm.errors import InvalidOptionError

Stops = TypeVar("Stops", Collection[str], list[str] | None)


def no_empty_stop(stop: Stops) -> Stops:
    """Return the stop sequences; an empty one is an `InvalidOptionError`."""
    if stop and "" in stop:
        raise InvalidOptionError(
            "A stop sequence is an empty string, which every text contains. Remove it from `stop`."
        )
    return stop


def checked_stops(stop: Any) -> Collection[str]:
    """Return the stop sequences of a call; anything but texts is an `InvalidOptionError`."""
    if isinstance(stop, str):
        raise InvalidOptionError(f"`stop` is a list of texts: stop=[{stop!r}].")
    if stop is not None and not (
        isinstance(stop, Collection) and all(isinstance(text, str) for text in stop)
    ):
        raise InvalidOptionError(f"`stop` is a list of texts, not {stop!r}.")
    return no_empty_stop(stop or ())


class StopFilter:
    """Lets text through, but holds back what may be the beginning of a stop sequence.

    Attributes:
        met: Whether a stop sequence was found; the text ends before it.

    Example:
        >>> stops = StopFilter(["END"])
        >>> [stops.feed(text) for text in ("one E", "lf E", "N", "D two")]
        ['one ', 'Elf ', '', '']
        >>> stops.met
        True
    """

    __slots__ = ("_held", "_longest", "_stops", "met")

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.met = False

    def feed(self, text: str) -> str:
        """Return what can be shown once this text has come."""
        if not self._stops:
            return text
        text = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.met, self._held = True, ""
            # the one that ends first, however the text is cut into pieces
            return text[: min(found)[1]]
        kept = next(
            (
                size
                for size in range(min(self._longest - 1, len(text)), 0, -1)
                if self._may_begin(text[-size:])
            ),
            0,
        )
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def end(self) -> str:
        """Return what was held back, when no more text comes."""
        held, self._held = self._held, ""
        return held

    def _may_begin(self, text: str) -> bool:
        return any(stop.startswith(text) for stop in self._stops)
