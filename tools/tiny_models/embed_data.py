"""Generate examples for the embedding model: a query, its passage and a similar passage.

The last one looks alike but does not answer the query. Two generators. `world_example` hides one
fact of the generated world among other sentences and asks for it. `prose_example` writes plain
sentences about everyday themes and asks with other words of the same meaning, or other forms of the
same words.

    >>> import random
    >>> example = make_example(random.Random(3))
    >>> example.query != example.passage
    True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import embed_words as words
from .lexicon import LEXICON as WORLD_WORDS
from .relations import FILLERS, RELATIONS
from .world import (
    FIRST_NAMES,
    Fact,
    Scene,
    capitalise,
    make_fact,
    make_filler,
    make_word,
    related_relations,
)

if TYPE_CHECKING:
    import random

PROSE_SHARE = 0.4
THEMES = list(words.LEXICON.values())
SYNONYMS = words.synonyms()
NEIGHBOURS = words.neighbours()

# {n1}, {n2}: a thing; {v1}, {v2}: an action (s: he does, d: done, g: doing); {q1}: a quality; {x}:
# a detail.
SENTENCES = """
The {q1} {n1} is {v1d} by the {n2} {x}.
Please {v1} the {n1} before the {n2} is {v2d}.
We {v1} every {n1} {x}, and the {n2} stays {q1}.
{n1p} are {v1d} {x}; the {n2} is {q1}.
If the {n1} is {q1}, {v1} the {n2} {x}.
To {v1} a {n1}, you first {v2} the {n2}.
The {n1} near the {n2} {v1s} {x}.
When the {n1} {v1s}, somebody has to {v2} the {q1} {n2}.
There is a {q1} {n1} for {v1g} the {n2} {x}.
{v1g} the {n1} takes longer because the {n2} is {q1}.
You may not {v1} {q1} {n1p} in the {n2}.
My {n1} {v1d} the {n2} {x}.
Never {v1} the {n1} while you {v2} a {n2}.
{x} our {n1} {v1s} and the {n2} {v2s}.
The best {n1} is {q1} and {v1s} the {n2}.
A {n1} can {v1} a {q1} {n2} {x}.
It was {q1} when the {n1} {v1d} without the {n2}.
Each {n2} gets a {n1}, which must be {v1d} {x}.
She {v1d} her {n1} and {v2d} the {q1} {n2}.
After {v1g} the {n1} they {v2} a {n2} {x}.
The {n1} of the {n2} is {q1}: do not {v1} it.
For {n1p} and {n2p} there is a {q1} rule: {v1} them {x}.
Nobody {v1d} the {n1} {x}.
Keep {n1p} away from {q1} {n2p}.
""".strip().splitlines()
QUERIES = """
How do I {v1} the {n1}?
What {v1s} the {n2}?
Can I {v1} {n1p} in the {n2}?
Who {v1s} the {n1}?
When are the {n1p} {v1d}?
How often do you {v1} a {n1}?
What should I do with a {q1} {n1}?
What happens if the {n1} is {q1}?
Where do we {v1} {q1} {n1p}?
Is the {n2} {q1}?
Why is the {n1} {q1}?
Am I allowed to {v1} the {n1}?
Which {n1} do we need for the {n2}?
{n1} {n2}
{q1} {n1}
{v1g} {n1p}
{n1} {v1}
Tell me about {v1g} the {n1}.
What has to be done before you {v2} the {n2}?
The {n1} must be {v1d}.
What about {q1} {n2p}?
How long does it take to {v1} the {n1}?
Do they {v1} a {q1} {n2}?
Which rules are there for {n1p} and {n2p}?
""".strip().splitlines()
DETAILS = (
    "every {day}",
    "at {clock}",
    "for {money}",
    "on {date}",
    "in the {place}",
    "with {name}",
    "{time_of_day}",
    "{prose}",
    "for {duration}",
    "near {word}",
)
ANSWERS = {  # words that ask for a detail, put in front of or behind a keyword query
    "every {day}": "when,what day,how often",
    "at {clock}": "what time,when",
    "for {money}": "how much,price,what does it cost",
    "on {date}": "when,date",
    "in the {place}": "where,which place",
    "with {name}": "who,with whom",
}


@dataclass(frozen=True)
class Example:
    """A query, the passage that answers it, and a hard negative: alike, but without the answer."""

    query: str
    passage: str
    negative: str


def keywords(question: str) -> str:
    """Return a question as people type it into a search box: without the small words."""
    kept = [w for w in re.findall(r"[\w'-]+", question.lower()) if w not in words.STOP_WORDS]
    return " ".join(kept) or question


def vary(rng: random.Random, question: str) -> str:
    """Return the question as it is, in lower case, without its question mark, or as keywords."""
    style = rng.random()
    if style < 0.6:  # shares of the styles
        return question
    return question.rstrip("?.").lower() if style < 0.8 else keywords(question)


def passage(rng: random.Random, told: str, others: list[str], subject: str = "") -> str:
    """`told` somewhere among the other sentences, sometimes under a heading."""
    sentences = [told, *others]
    rng.shuffle(sentences)
    if rng.random() < 0.15:
        heading = subject or keywords(rng.choice(others or [told])).split()[0]
        sentences.insert(0, f"# {capitalise(heading)}\n")
    return " ".join(sentences)


def reword(rng: random.Random, text: str, share: float = 0.1) -> str:
    """Return the text with some words changed for near-synonyms."""
    return re.sub(
        r"\b[a-z]+\b",
        lambda w: rng.choice(SYNONYMS[w[0]]) if w[0] in SYNONYMS and rng.random() < share else w[0],
        text,
    )


def invented_word(rng: random.Random, *, held_out: bool) -> str:
    """Return a word of no list: a proper name, or parts of two English words.

    They are the front of one and the back of another.
    """
    if rng.random() < 0.6:
        return make_word(rng, held_out=held_out, scripts=rng.random() < 0.2)
    front, back = (rng.choice(rng.choice(rng.choice(THEMES).things)) for _ in range(2))
    return front[: rng.randint(2, 5)] + back[-rng.randint(3, 6) :]


def length(rng: random.Random) -> int:
    """Return how many sentences to put around the answer: mostly few, at times a full chunk."""
    return rng.choice((0, 0, 1, 1, 2, 2, 3, 4, 5, rng.randint(4, 8)))


def world_example(
    rng: random.Random, *, held_out: bool = False, others: int | None = None
) -> Example:
    """One fact of the generated world, asked and told.

    The negative tells of the same subject or of the same kind of thing.

    Args:
        rng: the source of chance.
        held_out: names, sentence patterns and question phrasings that training never sees.
        others: how many sentences surround the fact; drawn if None.
    """

    def around(count: int, about: Fact) -> list[str]:
        """Other facts (sometimes of the same subject, in training only) and empty talk."""
        found = []
        for _ in range(count):
            kind = rng.random()
            siblings = related_relations(about.relation)
            if kind < 0.3 and siblings:
                found.append(
                    make_fact(
                        rng, held_out=held_out, subject=about.subject, relation=rng.choice(siblings)
                    ).sentence
                )
            elif kind < 0.7:
                found.append(make_fact(rng, held_out=held_out).sentence)
            else:
                found.append(make_filler(rng, held_out=held_out))
        return found

    fact = make_fact(rng, held_out=held_out)
    count = length(rng) if others is None else others
    same_subject = rng.random() < 0.5 and related_relations(fact.relation)
    rival = (
        make_fact(
            rng,
            held_out=held_out,
            subject=fact.subject,
            relation=rng.choice(related_relations(fact.relation)),
        )
        if same_subject
        else make_fact(rng, held_out=held_out, relation=fact.relation)
    )
    query = vary(rng, fact.question if held_out else reword(rng, fact.question))
    if not held_out and rng.random() < 0.1:
        query = rng.choice(fact.sentences)
    beside_rival = (
        [make_filler(rng, held_out=held_out) for _ in range(count)]
        if same_subject
        else around(count, rival)
    )
    negative = passage(rng, rival.sentence, beside_rival, rival.subject)
    return Example(query, passage(rng, fact.sentence, around(count, fact), fact.subject), negative)


def _verb(rng: random.Random, verb: str, form: str) -> str:
    forms = words.verb_forms(verb)
    return {
        "": forms[0],
        "s": forms[1],
        "g": forms[-1],
        "d": forms[-2] if len(forms) > 3 else rng.choice(forms[2:]),
    }[form]


def _word(rng: random.Random, slot: str, meanings: dict[str, tuple[str, ...]]) -> str:
    """Return a word for a slot such as "n1p": any of the slot's meaning, in the form asked for."""
    if slot == "x":
        return meanings["x"][0]
    chosen = rng.choice(meanings[slot[:2]])
    form = slot[2:]
    if slot[0] == "v":
        return _verb(rng, chosen, form)
    if form == "p" or (slot[0] == "n" and rng.random() < 0.15):
        return words.plural(chosen)
    return chosen


def _fill(rng: random.Random, pattern: str, meanings: dict[str, tuple[str, ...]]) -> str:
    return capitalise(re.sub(r"\{(\w+)\}", lambda slot: _word(rng, slot[1], meanings), pattern))


def _meanings(rng: random.Random, *, held_out: bool) -> dict[str, tuple[str, ...]]:
    """Return what a sentence is about: meanings of one theme, now and then something else.

    That is an unknown word or another theme's thing.
    """
    theme = rng.choice(THEMES)
    found = {slot: rng.choice(theme.things) for slot in ("n1", "n2")}
    found |= {slot: rng.choice(theme.actions) for slot in ("v1", "v2")} | {
        "q1": rng.choice(theme.qualities)
    }
    if rng.random() < 0.3:
        found["n2"] = rng.choice(rng.choice(THEMES).things)
    if rng.random() < 0.4:
        invented = invented_word(rng, held_out=held_out)
        found[rng.choice(("n1", "n2"))] = (
            rng.choice((invented, invented.lower(), f"{invented} {found['n1'][0]}")),
        )
    found["x"] = (_detail(rng, rng.choice(DETAILS), held_out=held_out),)
    return found


def _beside(rng: random.Random, meaning: tuple[str, ...]) -> tuple[str, ...]:
    """Return the meaning, or now and then its neighbor in the word list.

    People ask with related words too.
    """
    return (
        rng.choice(NEIGHBOURS[meaning])
        if meaning in NEIGHBOURS and rng.random() < 0.12
        else meaning
    )


def _detail(rng: random.Random, pattern: str, *, held_out: bool) -> str:
    return Scene(rng, held_out=held_out).fill(pattern)


def prose_example(
    rng: random.Random, *, held_out: bool = False, others: int | None = None
) -> Example:
    """Return a sentence about an everyday theme, asked for with words of the same meaning.

    The negative shares some of its words.

    Sentence and query patterns are drawn from the last two of each list when `held_out`, else from
    the others.
    """
    sentences, queries = (
        (SENTENCES[-2:], QUERIES[-2:]) if held_out else (SENTENCES[:-2], QUERIES[:-2])
    )
    about = _meanings(rng, held_out=held_out)
    pattern = rng.choice(sentences)
    slots = {slot[:2] for slot in re.findall(r"\{(\w+)\}", pattern)}
    answerable = [
        q for q in queries if {slot[:2] for slot in re.findall(r"\{(\w+)\}", q)} <= slots
    ] or [pattern]
    asked = rng.choice(answerable)
    if "{x}" in pattern and rng.random() < 0.25:
        detail = rng.choice(list(ANSWERS))
        about["x"] = (_detail(rng, detail, held_out=held_out),)
        asked = f"{rng.choice(ANSWERS[detail].split(','))} {asked[0].lower()}{asked[1:]}"
    nearly = about if held_out else {slot: _beside(rng, meaning) for slot, meaning in about.items()}
    query = vary(rng, _fill(rng, asked, nearly))
    count = length(rng) if others is None else others

    def other() -> str:
        if rng.random() < 0.3:
            return make_filler(rng, held_out=held_out)
        return _fill(rng, rng.choice(sentences), _meanings(rng, held_out=held_out))

    rival = _meanings(rng, held_out=held_out)
    shared = rng.choice(("n1", "n2", "v1", "q1"))
    told = passage(rng, _fill(rng, pattern, about), [other() for _ in range(count)])
    negative = passage(
        rng,
        _fill(rng, rng.choice(sentences), rival | {shared: about[shared]}),
        [other() for _ in range(count)],
    )
    return Example(query, told, negative)


def make_example(rng: random.Random) -> Example:
    """One training example of either kind."""
    return prose_example(rng) if rng.random() < PROSE_SHARE else world_example(rng)


def vocabulary_words() -> set[str]:
    """Every word that the generators write, invented names apart."""
    patterns = (
        [p for r in RELATIONS.values() for p in r.sentences + r.questions]
        + list(FILLERS)
        + SENTENCES
        + QUERIES
    )
    patterns += [p for phrases in WORLD_WORDS.values() for p in phrases] + list(FIRST_NAMES)
    found = {w for p in patterns for w in re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", p).lower())}
    found |= words.all_words()
    # plurals are stem + "s"
    return {w for w in found if not (w.endswith("s") and w[:-1] in found and len(w) > 3)}
