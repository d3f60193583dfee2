"""How a family of models writes a conversation, as data, and the few lines that write it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langchain_localllm.errors import InvalidOptionError


@dataclass(frozen=True, slots=True)
class Format:
    """Describe how a model family writes a conversation. `{}` is the message's text.

    Attributes:
        name: The family.
        source: Where its makers, or those who taught the engines, describe it.
        user: A question.
        assistant: An answer in the conversation so far.
        answer: What comes before the answer that the model is to write.
        system: The instructions.
        place: Where the instructions go: a message of their `own`, or into the `first` or the
            `last` question.
        begin: What comes before all, beginning with the token that begins a prompt.
        bos: That token, where the format writes it. Most engines put it there by themselves.
        default_system: Instructions that the family was trained with, for conversations without
            any.
        strips: Whether white space around a text is left out.
    """

    name: str
    source: str
    user: str
    assistant: str
    answer: str = ""
    system: str = "{}\n\n"
    place: Literal["own", "first", "last"] = "own"
    begin: str = ""
    bos: str = ""
    default_system: str = ""
    strips: bool = False

    def render(self, messages: Iterable[Mapping[str, Any]]) -> str:
        """Return the text for a conversation, up to where the answer begins.

        Args:
            messages: Dicts with `role` and `content`. A role that the family does not know is
                written as a question.

        Raises:
            InvalidOptionError: There is no message.
        """
        system, turns = _apart(messages)
        system = system or self.default_system
        if not turns and not system:
            raise InvalidOptionError("A prompt needs at least one message.")
        if not turns:
            system, turns = "", [("user", system)]
        texts = [(role, self._inner(text)) for role, text in turns]
        head = self.begin
        if system and self.place == "own":
            head += self.system.replace("{}", self._inner(system))
        elif system:
            number = self._question_for_system(texts)
            role, text = texts[number]
            texts[number] = (role, self.system.replace("{}", self._inner(system)) + text)
        body = "".join(
            (self.assistant if role == "assistant" else self.user).replace("{}", text)
            for role, text in texts
        )
        return head + body + (self.answer if texts[-1][0] != "assistant" else "")

    def _inner(self, text: str) -> str:
        return text.strip() if self.strips else text

    def _question_for_system(self, turns: list[tuple[str, str]]) -> int:
        questions = [number for number, (role, _) in enumerate(turns) if role != "assistant"] or [0]
        return questions[0 if self.place == "first" else -1]


def _apart(messages: Iterable[Mapping[str, Any]]) -> tuple[str, list[tuple[str, str]]]:
    """Return the instructions as one text, and the other messages."""
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    for message in messages:
        if message["role"] == "system":
            system.append(message["content"])
        else:
            turns.append((message["role"], message["content"]))
    return "\n\n".join(system), turns
