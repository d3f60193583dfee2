"""Say, in the language of the question, that the documents do not answer it."""

import re
from typing import Final

NO_ANSWER: Final = "The documents don't say."
"""The answer to a question in English that the documents do not answer, and what a model is asked to say then."""

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
"""ISO 639-1 codes of languages, each with what is said in it."""

_TRAINED: Final = ("The passages do not tell.", NO_ANSWER, "The documents do not say.", "The sentences do not tell.")
"""What models say: tiny-chat was trained on the first."""

_CLOSING_SIGNS: Final = ".*_`\"'\u201c\u201d\u00bb"
"""What can follow the words of a refusal."""
_OPENING: Final = re.compile(r"(?:[\s*_`\"'\u201c\u201d\u201e\u00ab\u00bb>#]|\[[\d\s,;]*\]?)*")
_MARKUP: Final = re.compile(r"[*_`\"\u201c\u201d\u201e\u00ab\u00bb>#]|\[\d[\d\s,;]*\]")
"""Bold type, quotes and citations, which models put around a refusal."""

_SCRIPTS: Final = {
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "zh": re.compile(r"[\u3400-\u9fff\uf900-\ufaff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "uk": re.compile(r"[іїєґ]", re.IGNORECASE),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
}
"""Scripts that name the language, the special ones first."""
_LEAST_SHARE: Final = {"ja": 0.1, "uk": 0.05}
"""The share of a question's letters that must be of the script: others share most of theirs. Default: a half."""
_LETTERS: Final = {
    "de": "ßäöü",
    "es": "¿¡ñ",
    "pl": "ąęłżźśćń",
    "pt": "ãõ",
    "ro": "ăâîțșţ",
    "tr": "ığş",
    "vi": "đơưăạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
}
_WORDS: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": "what who whom whose which when where why how the is are was were do does did of in to and many much has have can",
        "de": "wer was wem wen wann wo wie woher wohin warum welche welcher welches welchen welchem der die das den dem "
        "ein eine ist sind war waren hat haben wurde wurden viele viel und für von im nicht gibt",
        "es": "qué quién quiénes cuál cuáles cuándo cuánto cuánta cuántos cuántas dónde cómo por el la los las un una es son fue "
        "del de que en se para con hay",
        "fr": "qui que quoi quel quelle quels quelles quand où comment pourquoi combien est le la les un une des du de dans sont "
        "été au aux il elle a quand",
        "it": "chi che cosa quale quali quando dove come perché quanto quanta quanti quante il lo la gli le un una è sono di del "
        "della nel nella ha",
        "nl": "wie wat wanneer waar hoe hoeveel waarom welke welk het de een is zijn was waren van voor en niet heeft kost",
        "pl": "kto co kiedy gdzie jak jaki jaka jakie który która które dlaczego ile czy jest są był była było w na z i do",
        "pt": "quem qual quais quando onde como porque quanto quanta quantos quantas o a os as um uma é são foi do da no na em",
        "ro": "cine ce când unde cum care de câți câte cât este sunt era a al ale în din la cu pe un o fost",
        "tr": "kim kimin ne nedir zaman nerede nereye nasıl neden niçin hangi kaç kadar mi mı mu mü bir ve ile için",
        "vi": "ai gì nào khi đâu sao bao nhiêu là của và trong có được những các một",
    }.items()
}
"""Frequent words of questions, in languages with Latin letters."""
_WORD: Final = re.compile(r"[^\W\d_]+")


def language_of(question: str) -> str:
    """Return the language of a question, as an ISO 639-1 code of `NO_ANSWERS`; English for any other.

    Example:
        >>> language_of("Wie hoch ist der Berg?"), language_of("山有多高?"), language_of("How high is the hill?")
        ('de', 'zh', 'en')
    """
    letters = _WORD.findall(question.lower())
    for language, script in _SCRIPTS.items():
        if len(script.findall(question)) >= _LEAST_SHARE.get(language, 0.5) * len("".join(letters)) > 0:
            return language
    words = set(letters)
    scores = {language: len(words & known) for language, known in _WORDS.items()}
    for language, special in _LETTERS.items():
        scores[language] += sum(letter in question.lower() for letter in special)
    return max(scores, key=lambda language: scores[language])  # the first, English, if none is known


def no_answer(question: str) -> str:
    """Return what is said to a question that the documents do not answer, in its language.

    Example:
        >>> no_answer("Wer ist der Zahnarzt?")
        'Das steht nicht in den Dokumenten.'
    """
    return NO_ANSWERS[language_of(question)]


def is_refusal(answer: str) -> bool:
    """Return whether an answer says that the documents do not answer the question, in any language of `NO_ANSWERS`.

    Quotes, bold type, citations and a missing full stop change nothing, and an answer without words says nothing.

    Example:
        >>> is_refusal("**The documents don't say** [2]"), is_refusal("[1]"), is_refusal("The boat is blue.")
        (True, True, False)
    """
    plain = _plain(answer)
    return not plain or any(plain.startswith(_plain(each)) for each in (*NO_ANSWERS.values(), *_TRAINED))


class RefusalReader:
    """Replace a refusal at the beginning of an answer, while it streams, by one in the language of the question.

    Quotes, bold type and citations around it are removed. Only text that may be the beginning of a refusal is held back.

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
