"""Recognize the language of a text by its script, its letters and its frequent words."""

import re
from typing import Final

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
_LEAST_SHARE: Final = {"ja": 0.1, "uk": 0.03}
"""The share of a text's letters that must be of the script: others share most of theirs. Default: a
half."""
_LETTERS: Final = {
    "de": "ßäöü",
    "es": "¿¡ñ",
    "pl": "ąęłżźśćń",
    "pt": "ãõ",
    "ro": "ăâîțșţ",
    "tr": "ığşöüç",
    "vi": "đơưăạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
}
_WORDS: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": (
            "what who whom whose which when where why how the is are was were do does did of in "
            "to and many much has have can"
        ),
        "de": (
            "wer was wem wen wann wo wie woher wohin warum welche welcher welches welchen welchem "
            "der die das den dem ein eine ist sind war waren hat haben wurde wurden viele viel "
            "und für von im nicht gibt wird werden"
        ),
        "es": (
            "qué quién quiénes cuál cuáles cuándo cuánto cuánta cuántos cuántas dónde cómo por el "
            "la los las un una es son fue del de que en se para con hay"
        ),
        "fr": (
            "qui que quoi quel quelle quels quelles quand où comment pourquoi combien est le la "
            "les un une des du de dans sont été au aux il elle a en se et pour ne"
        ),
        "it": (
            "chi che cosa quale quali quando dove come perché quanto quanta quanti quante il lo "
            "la gli le un una è sono di del della nel nella ha si al ai ogni mio ora in per"
        ),
        "nl": (
            "wie wat wanneer waar hoe hoeveel waarom welke welk het de een is zijn was waren van "
            "voor en niet heeft kost wordt in hun mijn"
        ),
        "pl": (
            "kto co kiedy gdzie jak jaki jaka jakie który która które dlaczego ile czy jest są "
            "był była było w na z i do"
        ),
        "pt": (
            "quem qual quais quando onde como porque quanto quanta quantos quantas o a os as um "
            "uma é são foi do da no na em que por se para tem ao aos"
        ),
        "ro": (
            "cine ce când unde cum care de câți câte cât este sunt era a al ale în din la cu pe "
            "un o fost"
        ),
        "tr": (
            "kim kimin ne nedir zaman nerede nereye nasıl neden niçin hangi kaç kadar mi mı mu mü "
            "bir ve ile için saat kaçta"
        ),
        "vi": "ai gì nào khi đâu sao bao nhiêu là của và trong có được những các một",
    }.items()
}
"""Frequent words of questions, in languages with Latin letters."""
_WORD: Final = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """Return the language of a question or another text, as an ISO 639-1 code.

    English for one that is not known.

    Example:
        >>> language_of("Wie hoch ist der Berg?"), language_of("山有多高?"), language_of("Dunlin")
        ('de', 'zh', 'en')
    """
    return known_language(text) or "en"


def known_language(text: str) -> str | None:
    """Return the language of a text by its script, letters or words, or `None` if unknown.

    Example:
        >>> known_language("How high is the hill?"), known_language("Dunlin")
        ('en', None)
    """
    text = text.lower()
    letters = _WORD.findall(text)
    for language, script in () if text.isascii() else _SCRIPTS.items():
        if len(script.findall(text)) >= _LEAST_SHARE.get(language, 0.5) * len("".join(letters)) > 0:
            return language
    words = set(letters)
    scores = {language: len(words & known) for language, known in _WORDS.items()}
    for language, special in _LETTERS.items():
        scores[language] += sum(letter in text for letter in special)
    best = max(scores, key=lambda language: scores[language])  # the first, English, of equals
    return best if scores[best] else None
