"""Send special tokens that a user wrote into a message as plain text, never as control tokens."""

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

_CANDIDATE: Final = re.compile(r"<[^<>\s]{1,64}>|\[[^\[\]\s]{1,64}\]")
"""How vocabularies write special tokens."""
_NOT_TEXT: Final = frozenset({"id", "image_url", "role", "tool_call_id", "type"})
"""Keys of a message whose values no template prints as a text of the conversation."""

_WORD_JOINER: Final = "\u2060"


class LiteralText(str):
    """A text in which special tokens are not read."""

    __slots__ = ()


class Placeholders:
    """Replace special tokens by placeholders, which any template prints unchanged.

    Attributes:
        texts: The replaced texts by placeholder.

    Example:
        >>> placeholders = Placeholders(lambda text: text == "</s>")
        >>> hidden = placeholders.put("What is </s>?")
        >>> [placeholders.texts.get(word.rstrip("?"), word) for word in hidden.split()]
        ['What', 'is', '</s>']
    """

    def __init__(self, is_special: Callable[[str], bool]) -> None:
        """Begin.

        Args:
            is_special: Whether the model's tokenizer reads a special token in a text.
        """
        self._is_special = is_special
        self._secret = secrets.token_hex(6)
        self._places: dict[str, str] = {}
        self.texts: dict[str, LiteralText] = {}

    def put(self, value: Any, kept: Collection[str] = ()) -> Any:
        """Return a copy with placeholders.

        Args:
            value: A text, or lists and dicts with texts.
            kept: Special tokens to leave as they are.
        """
        if isinstance(value, str):
            return _CANDIDATE.sub(lambda found: self._place(found[0], kept), value)
        if isinstance(value, list):
            return [self.put(item, kept) for item in value]
        if isinstance(value, Mapping):
            return {
                key: item if key in _NOT_TEXT else self.put(item, kept)
                for key, item in value.items()
            }
        return value

    def _place(self, text: str, kept: Collection[str]) -> str:
        if text in kept:
            return text
        if text not in self._places:
            self._places[text] = self._replacement(text) if self._is_special(text) else text
        return self._places[text]

    def _replacement(self, text: str) -> str:
        placeholder = f"zq{self._secret}x{len(self._places)}z"
        self.texts[placeholder] = LiteralText(text)
        return placeholder


class Separated(Placeholders):
    """Puts a character of no width into special tokens, for engines that read them in any text.

    Example:
        >>> Separated(lambda text: text == "</s>").put("What is </s>?") == "What is <\u2060/s>?"
        True
    """

    def _replacement(self, text: str) -> str:
        return separated(text)


def separated(text: str) -> str:
    """Return a special token's text with a zero-width character in it.

    With that, it is text to any tokenizer.
    """
    return f"{text[:1]}{_WORD_JOINER}{text[1:]}"
