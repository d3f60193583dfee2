"""Find where the sentences of a text end, in any script."""

import re
from typing import Final

_SHORT_FORMS: Final = (
    "Mr Ms Dr St No vs ca cf Co Jr Sr Hr pp Nr",
    "Mrs Sra Dra e\\.g i\\.e z\\.B d\\.h u\\.a Ltd Inc Fig Sgt Gen Col Rev Vol Eds bzw ggf vgl Vgl",
    "Mio Mrd sog",
    "Prof Capt Corp bspw inkl evtl bzgl zzgl incl e\\.\\sg i\\.\\se d\\.\\sh u\\.\\sa",
    "approx",
    "[A-Z]",
)
"""Words whose full stop ends no sentence, by length, since Python's lookbehinds have a fixed width;
and initials. `z. B.` and others with a space are below."""
_BEFORE_NUMBERS: Final = (
    "p",
    "al Bd ch Ch Eq Gl Rn Rz Tz",
    "abs Abs art Art Abb Anm App Bde cap Cap est Eqn Eqs Kap max Nrn Par Ref Sec str Str Tab Tel",
    "Jan Feb Mar Apr Jun Jul Aug Sep Oct Okt Nov Dec Dez",
    "Aufl Chap chap Figs Hrsg Para Refs Sect Sept Tabs Ziff",
)
"""Words whose full stop ends no sentence before a number, a parenthesis or a section sign."""


def _after(words: str) -> str:
    return rf"\b(?:{'|'.join(words.split())})\."


ORDINAL: Final = (
    r"(?:Jan(?:uar)?|Jänner|Feb(?:ruar)?|März|Apr(?:il)?|Mai|Juni?|Juli?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Okt(?:ober)?|Nov(?:ember)?|Dez(?:ember)?|Jh|Jahrhunderts?|Weltkriegs?"
    r"|Aufl(?:age)?|Abs(?:atz)?|Kap(?:itel)?|Stock|Etage|Klasse|Quartals?|Semesters?|Lebensjahr"
    r"|Geburtstag)\b"
)
"""Capitalized words, at most `LONGEST_ORDINAL` letters, before which a number with a full stop is
an ordinal: `31. Dezember`. Languages that write months in small letters need none."""
LONGEST_ORDINAL: Final = 12
_LOWER: Final = "".join(chr(code) for code in range(ord("a"), 0x530) if chr(code).islower())
"""Small letters of the Latin, Greek and Cyrillic alphabets, which begin no sentence."""
_AFTER_THESE: Final = "|".join(f"(?<={_after(words)})" for words in _BEFORE_NUMBERS)
_NOT_AFTER: Final = "".join(
    [
        *(rf"(?<!{_after(words)})" for words in _SHORT_FORMS),
        r"(?<![\s(][deiouz]\.)(?<!\A[deiouz]\.)",  # as in "z. B."
        *(rf"(?<!{before}\.)" for before in (r"\A\d", r"\A\d\d", r"\n\d", r"\n\d\d")),
        *(rf"(?<!\s\s{digits}\.)" for digits in (r"\d", r"\d\d")),
        rf"(?!(?:{_AFTER_THESE}|(?<=[a-zß]str\.))\s+[\d(§+\[])",
        rf"(?!(?:(?<=\b\d\.)|(?<=\b\d\d\.))\s+(?:\d\d?\.|\d{{4}}\b|{ORDINAL}))",
    ]
)
"""Short forms, the numbers of a list and ordinals."""
_ENDS: Final = "[.!?…\u061f\u06d4\u0964\u0965]"
_QUOTES: Final = "[\"'\u201d\u2019\u00bb)\\]]"
_WIDE_ENDS: Final = "[\u3002\uff01\uff1f]"
_WIDE_QUOTES: Final = "[\u300d\u300f\u201d\uff09]"

SENTENCE_END: Final = re.compile(
    rf"(?=\s)(?:(?<={_ENDS})|(?<={_ENDS}{_QUOTES})){_NOT_AFTER}\s+(?=[^{_LOWER}\s])"
    rf"|(?:(?<={_WIDE_ENDS})|(?<={_WIDE_ENDS}{_WIDE_QUOTES}))(?!{_WIDE_ENDS}|{_WIDE_QUOTES})\s*"
)
"""The space between two sentences; in Chinese and Japanese, the place after the full stop. Short
forms, initials, ordinals and the numbers of a list end none."""
