"""Normalize characters that only look different.

They are ligatures, wide letters and composed accents, as people type them.
"""

import re
import unicodedata
from typing import Final

_LOOKALIKES: Final = re.compile(
    "["
    "\u0132\u0133\u01c4-\u01cc"  # Dutch and Croatian letter pairs
    "\u2e80-\u2fd5"  # the radicals that PDF files have instead of Chinese characters
    "\ufb00-\ufb06\ufb13-\ufb17"  # Latin and Armenian ligatures
    "\ufb50-\ufdff\ufe70-\ufefc"  # the forms of Arabic letters
    "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff61-\uff9f"  # wide letters and digits, narrow kana
    "\U0001d400-\U0001d7ff"  # bold and slanted letters of mathematics
    "]+"
)
_SPACES: Final = re.compile("[\u00a0\u2007\u202f]")
_INVISIBLE: Final = re.compile("[\u00ad\ufeff]")
"""Soft hyphens and byte order marks. Joiners stay: emoji and Persian words need them."""

_SUPERSCRIPTS: Final = str.maketrans("0123456789+-\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_RAISED: Final = re.compile(r"(?=.*\d)[\d+\u2212 ,-]+", re.ASCII)


def normalize(text: str) -> str:
    r"""Return a text with ligatures as letters, accents composed, and plain spaces.

    This is Unicode's NFKC for the characters where nothing is lost. Superscripts, fractions and
    symbols keep their form, since 2⁵ is not 25.

    Example:
        >>> normalize("e\ufb03cient\u00a0heat of 5 m²")
        'efficient heat of 5 m²'
    """
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", _SPACES.sub(" ", text))
    return unicodedata.normalize(
        "NFC", _LOOKALIKES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    )


def superscript(text: str) -> str:
    """Return numbers that are printed raised as characters that are; "" for any other text.

    Without them, 10 to the power of 6 would be read as 106.

    Example:
        >>> superscript("6"), superscript("-1"), superscript("th")
        ('⁶', '⁻¹', '')
    """
    return text.translate(_SUPERSCRIPTS) if _RAISED.fullmatch(text.strip()) else ""
