"""Find where the sentences of a text end, in any script."""

import re
from typing import Final

_SHORT_FORMS: Final = (
    "Mr Ms Dr St No vs ca cf Co Jr Sr pp Nr",
    "Mrs e\\.g i\\.e z\\.B Ltd Inc Fig Sgt Gen Col Rev Vol Eds bzw",
    "Prof Capt Corp",
    "[A-Z]",
)
"""Words whose full stop ends no sentence, by length, since Python's lookbehinds have a fixed width;
and initials."""
_NOT_AFTER: Final = "".join(rf"(?<!\b(?:{'|'.join(words.split())})\.)" for words in _SHORT_FORMS)
_ENDS: Final = "[.!?…\u061f\u06d4\u0964\u0965]"
_QUOTES: Final = "[\"'\u201d\u2019\u00bb)\\]]"
_WIDE_ENDS: Final = "[\u3002\uff01\uff1f]"
_WIDE_QUOTES: Final = "[\u300d\u300f\u201d\uff09]"

SENTENCE_END: Final = re.compile(
    rf"(?=\s)(?:(?<={_ENDS})|(?<={_ENDS}{_QUOTES})){_NOT_AFTER}\s+(?=[^a-z\s])"
    rf"|(?:(?<={_WIDE_ENDS})|(?<={_WIDE_ENDS}{_WIDE_QUOTES}))(?!{_WIDE_ENDS}|{_WIDE_QUOTES})\s*"
)
"""The space between two sentences; in Chinese and Japanese, the place after the full stop. Short
forms and initials end none."""
