"""Say, in the language of the question, that the documents do not answer it."""

import re
from typing import Final

from langchain_localllm.rag.language import language_of

NO_ANSWER: Final = "The documents don't say."
"""The answer to a question in English that the documents do not answer, and what a model is asked
to say then."""

NO_ANSWERS: Final = {
    "en": NO_ANSWER,
    "ar": "الوثائق لا تذكر ذلك.",
    "de": "Das steht nicht in den Dokumenten.",
    "el": "Τα έγγραφα δεν το αναφέρουν.",
    "es": "Los documentos no lo dicen.",
    "fr": "Les documents ne le disent pas.",
    "he": "המסמכים לא אומרים זאת.",
    "hi": "दस्तावेज़ों में यह नहीं बताया गया है।",
    "it": "I documenti non lo dicono.",
    "ja": "文書には書かれていません。",
    "ko": "문서에 나와 있지 않습니다.",
    "nl": "Dat staat niet in de documenten.",
    "pl": "Dokumenty tego nie podają.",
    "pt": "Os documentos não dizem isso.",
    "ro": "Documentele nu spun asta.",
    "ru": "В документах об этом не сказано.",
    "th": "เอกสารไม่ได้ระบุไว้",
    "tr": "Belgelerde bu bilgi yok.",
    "uk": "У документах про це не сказано.",
    "vi": "Tài liệu không nói về điều này.",
    "zh": "文档中没有提到这一点。",
}
"""What is said in each language, by its ISO 639-1 code.

A new one must also be known to `rag.language`, which finds the language of a question.
"""

_TRAINED: Final = (
    "The passages do not tell.",
    NO_ANSWER,
    "The documents do not say.",
    "The sentences do not tell.",
)
"""What models say: tiny-chat was trained on the first."""

_CLOSING_SIGNS: Final = ".*_`\"'\u201c\u201d\u00bb"
"""What can follow the words of a refusal."""
_OPENING: Final = re.compile(r"(?:[\s*_`\"'\u201c\u201d\u201e\u00ab\u00bb>#]|\[[\d\s,;]*\]?)*")
_MARKUP: Final = re.compile(r"[*_`\"\u201c\u201d\u201e\u00ab\u00bb>#]|\[\d[\d\s,;]*\]")
"""Bold type, quotes and citations, which models put around a refusal."""


def no_answer(question: str) -> str:
    """Return what is said to a question that the documents do not answer, in its language.

    Example:
        >>> no_answer("Wer ist der Zahnarzt?")
        'Das steht nicht in den Dokumenten.'
    """
    return NO_ANSWERS[language_of(question)]


def is_refusal(answer: str) -> bool:
    """Return whether an answer says that the documents do not answer the question.

    It may do so in any language of `NO_ANSWERS`. Quotes, bold type, citations and a missing full
    stop change nothing, and an answer without words says nothing.

    Example:
        >>> answers = ("**The documents don't say** [2]", "[1]", "The boat is blue.")
        >>> tuple(map(is_refusal, answers))
        (True, True, False)
    """
    plain = _plain(answer)
    return not plain or any(
        plain.startswith(_plain(each)) for each in (*NO_ANSWERS.values(), *_TRAINED)
    )


class RefusalReader:
    """Replace a refusal at the beginning of an answer by one in the question's language.

    This happens while the answer streams. Quotes, bold type and citations around it are removed.
    Only text that may be the beginning of a refusal is held back.

    Example:
        >>> reader = RefusalReader("Wer ist der Zahnarzt?")
        >>> reader.feed("**The "), reader.feed("passages do not tell.**"), reader.end()
        ('', 'Das steht nicht in den Dokumenten.', '')
    """

    def __init__(self, question: str) -> None:
        self._question = question
        self._held = ""
        self._read = self._begin

    def feed(self, piece: str) -> str:
        """Add text, and return what is final."""
        self._held += piece
        return self._read()

    def end(self) -> str:
        """Return the rest when the answer has ended."""
        if self._read == self._begin and _plain(self._held) in map(_plain, _TRAINED):
            return no_answer(self._question)
        return "" if self._read == self._close else self._held

    def _begin(self) -> str:
        """Hold back what may be the beginning of a refusal."""
        opening = _OPENING.match(self._held)
        text = self._held[opening.end() if opening else 0 :]
        begun = text.replace("\u2019", "'").lower()
        for phrase in map(str.lower, _TRAINED):
            body = phrase.rstrip(".")
            if phrase.startswith(begun):
                return ""
            if begun.startswith(body) and begun[len(body)] in _CLOSING_SIGNS:
                self._held = text[len(body) :]
                self._read = self._close
                return no_answer(self._question) + self._close()
        self._read = self._pass
        return self._pass()

    def _close(self) -> str:
        """Remove what closes the refusal; what follows it stays."""
        rest = self._held.lstrip(_CLOSING_SIGNS)
        if not rest.strip():
            return ""
        self._held = ""
        self._read = self._pass
        return " " + rest.lstrip() if rest[0].isspace() else rest

    def _pass(self) -> str:
        text, self._held = self._held, ""
        return text


def _plain(text: str) -> str:
    """Return a text without citations, quotes, bold type and the full stop, in small letters."""
    letters = _MARKUP.sub(" ", text.replace("\u2019", "'")).lower()
    return " ".join(letters.split()).strip(" .!':\u3002")
