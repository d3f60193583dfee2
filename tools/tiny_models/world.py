# ruff: noqa: E501 - the numbers are shares of styles; a table of makers reads best with a line each
"""Generate a world: an endless, seeded supply of facts with sentences and questions.

Each fact is stated in a sentence and asked in a question. Nothing here is downloaded: names are
random syllables, the rest is `lexicon.py` put into the patterns of `relations.py`. What evaluation
uses is held out of training: names (by a checksum), and the last sentence pattern and question
phrasing of each relation.

    >>> import random
    >>> fact = make_fact(random.Random(7))
    >>> fact.answer in fact.sentence
    True
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .lexicon import EMOJI, LEXICON, SCRIPTS, SYLLABLES
from .relations import FILLERS, RELATIONS, Relation

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

HELD_OUT_SHARE = 8  # one name in eight is kept out of training
FIRST_NAMES = [
    "Anna",
    "Tom",
    "Maria",
    "Peter",
    "Eva",
    "Paul",
    "Lena",
    "Max",
    "Nora",
    "Ben",
    "Ida",
    "Leo",
    "Clara",
    "Felix",
    "Rosa",
    "Hugo",
    "Ella",
    "Oscar",
    "Mina",
    "Karl",
    "Greta",
    "Ivan",
    "Lucy",
    "Adam",
    "Alice",
    "Emil",
    "Ruth",
    "Samir",
    "Aisha",
    "Omar",
    "Leila",
    "Chen",
    "Mei",
    "Yuki",
    "Kenji",
    "Priya",
    "Ravi",
    "Fatima",
    "Jonas",
    "Olga",
]
TITLES = ("Mr.", "Mrs.", "Ms.", "Dr.", "Professor", "Captain", "Chef", "Sister")
IRREGULAR = {
    "built": "build", "bought": "buy", "sold": "sell", "found": "find", "lost": "lose", "broke": "break",
    "drew": "draw", "wrote": "write", "read": "read", "sent": "send", "lent": "lend", "stole": "steal", "hid": "hide",
    "cut": "cut", "ate": "eat", "drank": "drink", "brought": "bring", "took": "take", "kept": "keep", "chose": "choose",
    "made": "make", "left": "leave", "planted": "plant", "tested": "test", "painted": "paint", "opened": "open",
    "cleaned": "clean", "repaired": "repair", "washed": "wash", "cooked": "cook", "signed": "sign", "borrowed": "borrow",
    "returned": "return", "repainted": "repaint", "carried": "carry", "dried": "dry", "packed": "pack", "fixed": "fix",
    "ordered": "order", "loaded": "load", "delivered": "deliver", "checked": "check", "collected": "collect",
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One fact: `answer` occurs literally in `sentence`.

    `question` asks for it and names `subject`.
    """

    subject: str
    relation: str
    answer: str
    sentence: str
    question: str
    sentences: tuple[str, ...]
    """All wordings of the fact that the split allows (`sentence` is one of them)."""
    questions: tuple[str, ...]
    """All phrasings of the question that the split allows (`question` is one of them)."""


def is_held_out(name: str) -> bool:
    """Tell whether a name belongs to the evaluation's share."""
    return zlib.crc32(name.lower().encode()) % HELD_OUT_SHARE == 0


def _syllable_word(rng: random.Random, accents: float) -> str:
    parts = [rng.choice(SYLLABLES["onset"]) if rng.random() < 0.85 else ""]
    for _ in range(rng.choice((0, 0, 0, 1, 1))):
        parts.append(rng.choice(SYLLABLES["vowel"]))
        parts.append(rng.choice(SYLLABLES["coda"] if rng.random() < 0.5 else SYLLABLES["onset"]))
    parts.append(
        rng.choice(SYLLABLES["vowel"])
        + rng.choice(SYLLABLES["coda"] if rng.random() < 0.4 else SYLLABLES["ending"])
    )
    word = "".join(parts)
    if rng.random() < accents:
        index = rng.randrange(len(word))
        word = word[:index] + rng.choice(SYLLABLES["accent"]) + word[index + 1 :]
    return word.capitalize()


def _letters_word(rng: random.Random) -> str:
    return "".join(
        rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 7))
    ).capitalize()


def _script_word(rng: random.Random, script: str, low: int, high: int) -> str:
    return "".join(rng.choice(SCRIPTS[script]) for _ in range(rng.randint(low, high)))


def make_word(rng: random.Random, *, held_out: bool = False, scripts: bool = True) -> str:
    """Return an invented proper name ("Velmor", "Åsken", "王伟") of a split.

    `held_out` names the split.
    """
    while True:
        kind = rng.random()
        if not scripts or kind < 0.86:
            word = _syllable_word(rng, 0.12)
        elif kind < 0.92:
            word = _letters_word(rng)
        elif kind < 0.95:
            word = _script_word(rng, "chinese", 2, 3)
        elif kind < 0.98:
            word = _script_word(rng, "japanese", 2, 5)
        elif kind < 0.99:
            word = _script_word(rng, "cyrillic", 4, 7).capitalize()
        else:
            word = _script_word(rng, "greek", 4, 7).capitalize()
        if is_held_out(word) == held_out and len(word) > 1:
            return word


def make_name(rng: random.Random, *, held_out: bool = False) -> str:
    """Return a person's name in one of several styles.

    Examples are "Tomas Velmor", "Dr. Ilka", "J. Orbanek" and "佐藤".
    """
    word = make_word(rng, held_out=held_out)
    style = rng.random()
    if style < 0.35:
        first = (
            rng.choice(FIRST_NAMES)
            if rng.random() < 0.5
            else make_word(rng, held_out=held_out, scripts=False)
        )
        return f"{first} {word}" if word.isascii() else word
    if style < 0.45:
        return f"{rng.choice(TITLES)} {word}"
    if style < 0.50:
        return f"{rng.choice('ABCDEFGHIJKLMNOPRSTW')}. {word}"
    return word


def right_article(text: str) -> str:
    """Write "an" before a small vowel and "a" before another small letter."""
    return re.sub(
        r"\b([Aa])n? (?=([a-z]))",
        lambda match: match[1] + ("n " if match[2] in "aeiou" else " "),
        text,
    )


class Scene:
    """Fill one template's slots and remember them, so that a fact and its question agree."""

    def __init__(self, rng: random.Random, *, held_out: bool = False) -> None:
        """Draw from `rng`; names come from the split that `held_out` names."""
        self.rng = rng
        self.held_out = held_out
        self.slots: dict[str, str] = {}

    def fill(self, template: str, depth: int = 0) -> str:
        """Replace every `{slot}`: remembered ones by their value, others by a fresh draw.

        It is drawn from the slot's category.
        """

        def draw(match: re.Match[str]) -> str:
            slot = match.group(1)
            if slot not in self.slots:
                value = self.value(slot.rstrip("0123456789"))
                while "{" in value:  # an action such as "ask the {role}" has slots of its own
                    value = Scene(self.rng, held_out=self.held_out).fill(value, depth + 1)
                self.slots[slot] = value
            return self.slots[slot]

        return right_article(re.sub(r"\{(\w+)\}", draw, template))

    def value(self, category: str) -> str:
        """Draw one value of a category: a maker below, else a lexicon word."""
        maker = MAKERS.get(category)
        return (
            maker(Scene(self.rng, held_out=self.held_out))
            if maker
            else self.rng.choice(LEXICON[category])
        )

    def draw(self, source: str) -> str:
        """Draw from a template ("the land of {word}") or from a category ("money")."""
        return self.fill(source) if "{" in source else self.value(source)


def _name(scene: Scene) -> str:
    return make_name(scene.rng, held_out=scene.held_out)


def _word(scene: Scene) -> str:
    return make_word(scene.rng, held_out=scene.held_out)


def _number(scene: Scene) -> str:
    rng = scene.rng
    if rng.random() < 0.3:
        return rng.choice(LEXICON["number_word"])
    return str(rng.choice((rng.randint(2, 20), rng.randint(10, 99), rng.randint(100, 2500))))


def _clock(scene: Scene) -> str:
    rng = scene.rng
    hour, minute = rng.randint(1, 12), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50))
    style = rng.randrange(4)
    if style == 0:
        return f"{rng.choice(LEXICON['number_word'][:11])} o'clock"
    if style == 1:
        return f"{rng.randint(6, 23)}:{minute:02d}"
    if style == 2:
        return f"{hour} {rng.choice(('am', 'pm'))}"
    return f"half past {rng.choice(LEXICON['number_word'][:10])}"


def _money(scene: Scene) -> str:
    rng = scene.rng
    amount = rng.choice(
        (
            str(rng.randint(2, 99)),
            str(rng.randint(100, 5000)),
            f"{rng.randint(1, 40)}.{rng.randint(10, 99)}",
        )
    )
    if rng.random() < 0.15:
        return rng.choice("$€£") + amount
    if rng.random() < 0.2:
        amount = rng.choice(LEXICON["number_word"])
    return f"{amount} {rng.choice(LEXICON['currency'])}"


def _date(scene: Scene) -> str:
    rng = scene.rng
    day, month = rng.randint(1, 28), rng.choice(LEXICON["month"])
    return rng.choice(
        (
            f"{day} {month}",
            f"{month} {day}",
            f"the {day}th of {month}" if day > 3 else f"{day} {month}",
            f"{rng.randint(2019, 2031)}-{rng.randint(1, 12):02d}-{day:02d}",
        )
    )


def _code(scene: Scene) -> str:
    rng = scene.rng
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTVWXZ") for _ in range(rng.randint(1, 3)))
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 4)))
    return rng.choice(
        (letters + digits, f"{letters}-{digits}", digits + digits[:2], f"{digits}-{letters}")
    )


def _subject_person(scene: Scene) -> str:
    return scene.fill(
        scene.rng.choice(
            (
                "{name}",
                "{name}",
                "{name}",
                "the {role} {name}",
                "the {adjective} {role}",
                "the {role}",
            )
        )
    )


def _subject_place(scene: Scene) -> str:
    patterns = (
        "the {word} {place}",
        "the {word} {place}",
        "the {adjective} {place}",
        "the {place} in {word}",
        "the {colour} {place}",
        "the {place}",
        "{word} {event} hall",
        "room {code}",
    )
    return scene.fill(scene.rng.choice(patterns))


def _subject_thing(scene: Scene) -> str:
    patterns = (
        "the {word} {thing}",
        "the {adjective} {thing}",
        "the {colour} {thing}",
        "the {material} {thing}",
        "the {thing}",
        "the {thing} {code}",
        "{name}'s {thing}",
        "the {thing} of {name}",
        "the {place} {thing}",
        "the {adjective} {colour} {thing}",
    )
    return scene.fill(scene.rng.choice(patterns))


def _subject_event(scene: Scene) -> str:
    return scene.fill(
        scene.rng.choice(
            (
                "the {word} {event}",
                "the {adjective} {event}",
                "the {season} {event}",
                "the {event}",
                "the {event} in {word}",
                "the {place} {event}",
            )
        )
    )


def _subject_group(scene: Scene) -> str:
    return scene.fill(
        scene.rng.choice(
            (
                "the {word} {group}",
                "the {hobby} {group}",
                "the {place} {group}",
                "the {event} {group}",
                "the {adjective} {group}",
            )
        )
    )


def _subject_any(scene: Scene) -> str:
    return scene.value(scene.rng.choice(("s_person", "s_place", "s_thing", "s_event", "s_group")))


MAKERS: dict[str, Callable[[Scene], str]] = {
    "name": _name,
    "word": _word,
    "number": _number,
    "digits": lambda scene: str(scene.rng.randint(2, 400)),
    "decimal": lambda scene: f"{scene.rng.randint(1, 99)}.{scene.rng.randint(1, 9)}",
    "year": lambda scene: str(scene.rng.randint(1700, 2030)),
    "clock": _clock,
    "money": _money,
    "date": _date,
    "code": _code,
    "phone": lambda scene: (
        "".join(scene.rng.choice("0123456789") for _ in range(3))
        + " "
        + str(scene.rng.randint(1000, 99999))
    ),
    "email": lambda scene: (
        f"{scene.rng.choice(LEXICON['place']).split()[0]}@{make_word(scene.rng, held_out=scene.held_out, scripts=False).lower()}.{scene.rng.choice(('org', 'com', 'net'))}"
    ),
    "duration": lambda scene: (
        f"{_number(scene) if scene.rng.random() < 0.5 else scene.rng.randint(2, 60)} "
        f"{scene.rng.choice(LEXICON['unit_time'])}"
    ),
    "length": lambda scene: (
        f"{scene.rng.randint(2, 900)} {scene.rng.choice(LEXICON['unit_length'])}"
    ),
    "weight": lambda scene: (
        f"{scene.rng.randint(2, 900)} {scene.rng.choice(LEXICON['unit_weight'])}"
    ),
    "volume": lambda scene: f"{_number(scene)} {scene.rng.choice(LEXICON['unit_volume'])}",
    "where": lambda scene: scene.fill(
        scene.rng.choice(
            (
                "{side} the {place}",
                "{side} the {thing}",
                "in the {adjective} {place}",
                "on the {colour} {spot}",
                "on the {material} {spot}",
                "in the {spot} {side} the {place}",
                "at {word}",
                "in {word}",
                "in room {code}",
                "on the {adjective} {spot}",
            )
        )
    ),
    "who": lambda scene: scene.fill(
        scene.rng.choice(
            (
                "{name}",
                "{name}",
                "{name}",
                "{name}",
                "the {role}",
                "the {role} {name}",
                "the {adjective} {role}",
            )
        )
    ),
    "np": lambda scene: scene.fill(
        scene.rng.choice(
            (
                "the {adjective} {thing}",
                "the {thing}",
                "a {adjective} {thing}",
                "the {colour} {thing}",
                "{number_word} {things}",
                "the {material} {thing}",
                "{number} {adjective} {things}",
            )
        )
    ),
    "when": lambda scene: scene.fill(
        scene.rng.choice(
            (
                "on {day}",
                "at {clock}",
                "{time_of_day}",
                "in {month}",
                "on {date}",
                "in {year}",
                "on {day} at {clock}",
                "every {day}",
            )
        )
    ),
    "verb_of_past": lambda scene: scene.rng.choice(tuple(IRREGULAR)),
    "emoji": lambda scene: scene.rng.choice(EMOJI),
    "s_person": _subject_person,
    "s_place": _subject_place,
    "s_thing": _subject_thing,
    "s_event": _subject_event,
    "s_group": _subject_group,
    "s_any": _subject_any,
}


def capitalise(text: str) -> str:
    """Return the text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def _split(patterns: tuple[str, ...], *, held_out: bool) -> tuple[str, ...]:
    return patterns[-1:] if held_out else patterns[:-1]


def make_fact(
    rng: random.Random,
    *,
    held_out: bool = False,
    subject: str | None = None,
    relation: str | None = None,
) -> Fact:
    """Draw one fact.

    Args:
        rng: The source of chance; the same state gives the same fact.
        held_out: Draw names, sentence patterns and question phrasings that training never sees.
        subject: Reuse this subject (a second fact about the same thing); the relation must suit it.
        relation: Name of the relation; drawn if None.

    Returns:
        The fact.
    """
    chosen = RELATIONS[relation] if relation else rng.choice(RELATION_LIST)
    scene = Scene(rng, held_out=held_out)
    scene.slots["s"] = subject or scene.draw(chosen.subject)
    scene.slots["a"] = scene.draw(chosen.answer)
    sentence_patterns = _split(chosen.sentences, held_out=held_out)
    question_patterns = _split(chosen.questions, held_out=held_out)
    pick = rng.randrange(len(sentence_patterns))
    scene.fill(
        " ".join(chosen.sentences + chosen.questions).replace("{verb_of_base}", "{verb_of_past}")
    )
    if "verb_of_past" in scene.slots:
        scene.slots["verb_of_base"] = IRREGULAR[scene.slots["verb_of_past"]]
    sentences = tuple(capitalise(scene.fill(pattern)) for pattern in sentence_patterns)
    questions = tuple(capitalise(scene.fill(pattern)) for pattern in question_patterns)
    return Fact(
        subject=scene.slots["s"],
        relation=chosen.name,
        answer=scene.slots["a"]
        if scene.slots["a"] in sentences[pick]
        else capitalise(scene.slots["a"]),
        sentence=sentences[pick],
        question=rng.choice(questions),
        sentences=sentences,
        questions=questions,
    )


def make_filler(rng: random.Random, *, held_out: bool = False) -> str:
    """Return a sentence that tells no fact anybody asks for ("Please keep the doors closed.")."""
    return capitalise(Scene(rng, held_out=held_out).fill(rng.choice(FILLERS)))


def related_relations(relation: str) -> list[str]:
    """Return the other relations whose subjects are of the same kind."""
    return [
        other.name
        for other in RELATION_LIST
        if other.subject == RELATIONS[relation].subject and other.name != relation
    ]


RELATION_LIST: list[Relation] = list(RELATIONS.values())
