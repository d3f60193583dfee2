"""The embedding model's vocabulary and tokenizer, which splits texts as llama.cpp does.

It is exactly llama.cpp's WordPiece. A piece that begins a word carries the mark U+2581 in front of
it. The vocabulary holds stems and endings apart ("open" + "ing"), so "opened" and "opening" share a
piece without any training, and small pieces for words it has never seen.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL = (PAD, UNK, CLS, SEP, MASK)
START = "\u2581"


def _words(text: str) -> list[str]:
    return text.split()


LETTERS = "abcdefghijklmnopqrstuvwxyz"
ENDINGS = _words(
    "s es ies ed d ied ing ning ting ping ning ming ging ding bing ling ring er ers or ors est "
    "ier iest ly ily ness ment ments ion ions tion tions ation ations able ible al ial ful less "
    "ous ious ive ity ance ence ant ent ist ists ism ize ise ized ised ship hood y ned ted ped "
    "med ged ded bed led red ner ter per mer ger der ber ler rer e en th"
)
# Endings of words that also stand alone: book-shop, note-book, tea-pot.
COMPOUNDS = _words(
    "book books house houses room rooms shop shops store stores man men woman women work works "
    "worker workers day days time times way ways side land yard field fields board boards box "
    "boxes bag bags card cards case keeper keepers maker makers mate mates paper papers place "
    "port pot power proof road shelf ship ships side sheet sheets stand stone table top town "
    "tower wall ware water weight wheel wood word words yard berry berries bird bell bed ball bin "
    "bath boat brush cake car cup door down drop fall fire fish flower foot gate glass guard hall "
    "hand head hill key lamp lane light lights line lines list load lock mark master mill net "
    "note off out over pack pad pan park pass path piece pin pipe point pool post print rail rain "
    "rise run school screen set shed shop shot skin sleeve smith snow son spot stairs step stick "
    "stop storm street string swim tail tape tea ton tub up ville wash wave web wife wind wick "
    "worth"
)


def _ranges(*bounds: tuple[int, int]) -> str:
    return "".join(chr(c) for first, last in bounds for c in range(first, last + 1))


def _charset(codec: str, rows: range) -> str:
    """Return characters of an East Asian standard's rows.

    The common ones come first in GB 2312 and JIS X 0208.
    """
    pairs = (bytes((row, cell)) for row in rows for cell in range(0xA1, 0xFF))
    return "".join(pair.decode(codec, "ignore") for pair in pairs)


OTHER_LETTERS = _ranges(
    (0xA1, 0x17F), (0x384, 0x3CE), (0x400, 0x45F), (0x490, 0x4E9), (0x561, 0x586), (0x5D0, 0x5EA),
    (0x621, 0x64A), (0x660, 0x669), (0x905, 0x94D), (0xE01, 0xE4E), (0x10D0, 0x10F0),
    (0x1100, 0x1112),
    (0x3041, 0x3096), (0x3099, 0x309E), (0x30A1, 0x30FE),
)  # fmt: skip
SYMBOLS = _ranges(
    (0x21, 0x7E), (0x2010, 0x2027), (0x2030, 0x205E), (0x20A0, 0x20BF), (0x2100, 0x214F),
    (0x2190, 0x21FF), (0x2200, 0x2265), (0x2500, 0x257F),
    (0x25A0, 0x27BF), (0x2B05, 0x2B55), (0x3000, 0x3020), (0xFF01, 0xFF5E), (0x1F1E6, 0x1F1FF),
    (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF),
)  # fmt: skip

IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


def base(char: str) -> str:
    """Return a character as llama.cpp sees it: without its accent, in lower case."""
    return unicodedata.normalize("NFD", char)[0].lower()[0]


def is_ideograph(char: str) -> bool:
    """Return whether WordPiece sets a range apart, one character a word."""
    return any(first <= ord(char) <= last for first, last in IDEOGRAPHS)


def stands_alone(char: str) -> bool:
    """Return whether this is punctuation, an ASCII symbol or an ideograph: a word of its own."""
    kind = unicodedata.category(char)
    return kind[0] == "P" or (kind[0] == "S" and char.isascii()) or is_ideograph(char)


def split_words(text: str) -> list[str]:
    """Split a text into lower-case words; accents and other marks fall away."""
    words = [""]
    for raw in text:
        if raw.isspace():
            words.append("")
            continue
        if raw in "\0\ufffd" or unicodedata.category(raw)[0] in "CM":
            continue
        char = base(raw)
        if stands_alone(char):
            words += [char, ""]
        else:
            words[-1] += char
    return [word for word in words if word]


class Tokenizer:
    """Greedy longest match over a fixed list of pieces.

    Example:
        >>> Tokenizer([*SPECIAL, START + "open", "ing"]).encode("Opening")
        [2, 5, 6, 3]
    """

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.ids = {piece: i for i, piece in enumerate(pieces)}
        self._longest = max(map(len, pieces))
        self._cache: dict[str, list[int]] = {}

    def _word(self, word: str) -> list[int]:
        marked, found, at = START + word, [], 0
        while at < len(marked):
            ends = range(min(len(marked), at + self._longest), at, -1)
            end = next((e for e in ends if marked[at:e] in self.ids), 0)
            if not end:  # one unknown character makes the whole word unknown, as in llama.cpp
                return [self.ids[UNK]]
            found.append(self.ids[marked[at:end]])
            at = end
        return found

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, [CLS] first and [SEP] last."""
        ids = [self.ids[CLS]]
        for word in split_words(text):
            if word not in self._cache:
                self._cache[word] = self._word(word)
            ids += self._cache[word]
        return [*ids, self.ids[SEP]]


def stem(word: str) -> str:
    """Return what is left of a word in front of an ending: "mak" of "make", "cit" of "city"."""
    return word[:-1] if word[3:] and word[-1] in "ey" else word


def build_vocabulary(words: Iterable[str], syllables: int = 3000) -> list[str]:
    """Return all pieces of the vocabulary.

    They are special tokens, known words with their stems, endings, frequent syllables, numbers, and
    single characters.

    Args:
        words: the words to hold whole, in lower case (plain forms: endings are pieces of their
            own).
        syllables: how many of the most frequent runs of 3 and 4 letters to add, for unknown words.
    """
    words = sorted({"".join(map(base, w)) for w in words})
    runs: Counter[str] = Counter()
    for word in words:
        marked = START + word
        for n, i in itertools.product((3, 4), range(len(marked))):
            if i + n <= len(marked) and marked[i : i + n].lstrip(START).isalpha():
                runs[marked[i : i + n]] += 1
    pairs = ["".join(p) for p in itertools.product(LETTERS, LETTERS)]
    numbers = [f"{n:02d}" for n in range(100)]
    singles = [base(c) for c in LETTERS + "0123456789" + OTHER_LETTERS + SYMBOLS if not c.isspace()]
    ideographs = [
        base(c)
        for c in _charset("gb2312", range(0xB0, 0xD8)) + _charset("euc_jp", range(0xB0, 0xD0))
    ]
    pieces = [*SPECIAL, START]
    pieces += [START + w for w in words] + [START + stem(w) for w in words]
    pieces += ENDINGS + COMPOUNDS + [run for run, _ in runs.most_common(syllables)]
    pieces += [START + p for p in pairs] + pairs + [START + n for n in numbers] + numbers
    pieces += [START + c for c in singles if stands_alone(c) or c in LETTERS or c.isdigit()]
    pieces += [c for c in singles if not stands_alone(c)] + [START + c for c in ideographs]
    return list(dict.fromkeys(pieces))
