"""Texts of many lengths and scripts."""

import math
import random
from itertools import cycle, islice
from typing import Final

_PARTS: Final = (
    "The ferry leaves at noon.",
    "Où est la gare, s'il vous plaît ?",
    "Die Fähre fährt über den Fluß.",
    "Зимой рано темнеет, и фонари горят.",
    "Το πλοίο φεύγει το μεσημέρι.",  # noqa: RUF001 - Greek
    "灯塔很高，晚上很亮。",  # noqa: RUF001 - as Chinese has them
    "灯台は夜に光ります。",
    "등대는 밤에 빛난다.",
    "الماء بارد في الشتاء.",
    "המים קרים בחורף.",
    "A 🍞 costs 2.50 €, and 👩‍👩‍👧 eat it.",
    "x",
    "  two  spaces,\ttabs\nand lines ",
    "def f(x): return [x ** 2, {'a': 1}]",
)
MARKED: Final = (
    "सर्दियों में पानी ठंडा होता है।",
    "น้ำเย็นในฤดูหนาว",
    "الماءُ باردٌ شتاءً",
    "the cafe\u0301 is red",
)
"""Texts with combining marks, which llama.cpp of 2026 drops from texts for bert, and that of 2025
and before does not."""
LENGTHS: Final = (1, 1, 2, 3, 5, 8, 13, 16)
"""Parts of a text; the longest texts come near the context of 512 tokens."""


def many(count: int) -> list[str]:
    """So many different texts."""
    choose = random.Random(1)  # noqa: S311 - texts for a test
    lengths = islice(cycle(LENGTHS), count)
    return [
        f"{' '.join(choose.choices(_PARTS, k=length))} {number}"
        for number, length in enumerate(lengths)
    ]


def cosine(one: list[float], other: list[float]) -> float:
    """The cosine of two vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True)) / (
        math.hypot(*one) * math.hypot(*other)
    )


def least_agreement(some: list[list[float]], others: list[list[float]]) -> float:
    """The smallest cosine of vectors in the same place."""
    return min(cosine(*pair) for pair in zip(some, others, strict=True))
