"""Generate what the chat model is taught: conversations of each kind.

They are made without end from the world of `world.py`. A task is a function `(rng, level, held_out)
-> Example`. `level` rises from 0 to 1 while training goes on: more passages, longer passages, more
distractors. With `held_out` names, sentence patterns, question phrasings and wordings are those
that training never shows.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .chat_tools import forced_example, json_example, keys_example, tool_example
from .lexicon import LEXICON
from .template import render
from .world import (
    FIRST_NAMES,
    Fact,
    Scene,
    capitalise,
    make_fact,
    make_filler,
    make_name,
    make_word,
    related_relations,
)

COMMON_WORDS = frozenset(LEXICON["function"])
ANY_WORDS = tuple(
    word
    for words in LEXICON.values()
    for phrase in words
    if "{" not in phrase
    for word in phrase.split()
)
REFUSAL = "The passages do not tell."
SYSTEM = (
    "Answer the question with a sentence from the passages and its number. If they do not tell, "
    "say: "
) + REFUSAL
HELD_OUT_PASSAGES = 5
"""Training never shows this number of passages; evaluation does."""
# Pairs of relations that answer the same question, never told of one subject.
CONFUSABLE = (
    {"event_time", "event_date"},
    {"vehicle", "svo_what"},
    {"born", "birthday"},
    {"code", "wifi"},
    {"founded", "founder"},
)


@dataclass
class Example:
    """A conversation; the contents of its assistant messages are what the model learns to write."""

    task: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    raw: str = ""
    """A prompt without a template, for text completion; then the one message is the completion."""
    note: str = ""
    forced: bool = False
    """The engine forces the call, so only its arguments are learnt."""

    def segments(self) -> list[tuple[str, bool]]:
        """Return the rendered text in pieces, each with the flag that the model writes it."""
        if self.raw:
            return [(self.raw, False), (self.messages[0]["content"] + "<|im_end|>", True)]
        segments = render(self.messages, self.tools)
        if self.forced:
            index = next(index for index, (_, learnt) in enumerate(segments) if learnt)
            head, mark, tail = segments[index][0].partition('"arguments":')
            segments[index : index + 1] = [(head + mark, False), (tail, True)]
        return segments


def _say(user: str, assistant: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]


# ------------------------------------------------------------------------------------------
# passages


def _confusable(first: str, second: str) -> bool:
    return first == second or any({first, second} <= pair for pair in CONFUSABLE)


def _other_fact(rng: random.Random, known: list[Fact], *, held_out: bool) -> Fact:
    """Draw a fact that makes the choice hard: about a known subject, or of a known relation."""
    style = rng.random()
    base = rng.choice(known)
    if style < 0.35:
        told = [fact.relation for fact in known if fact.subject == base.subject]
        relations = [
            r for r in related_relations(base.relation) if not any(_confusable(r, t) for t in told)
        ]
        if relations:
            return make_fact(
                rng, held_out=held_out, subject=base.subject, relation=rng.choice(relations)
            )
    if style < 0.7:
        return make_fact(rng, held_out=held_out, relation=base.relation)
    return make_fact(rng, held_out=held_out)


STRETCHES = (
    "{prose}, {}",
    "{}, {prose}.",
    "{}, as {name} told us.",
    "{name} says that {}",
    "{}, because {reason}.",
    "{}, but {things} are {adjective}.",
    "{} and the {place} is {state}.",
    "Please note: {}",
    "{}, which is {adjective} for a {thing}.",
    "Since {year} this is so: {}",
    "{} ({prose}).",
    "It is well known that {}",
    "{}; the {role} knows more.",
    "{}, except on {day}.",
)


def _stretch(rng: random.Random, fact: Fact, *, held_out: bool) -> Fact:
    """Make a fact's sentence longer, as people write."""
    pattern = rng.choice(STRETCHES)
    scene = Scene(rng, held_out=held_out)
    before, after = (scene.fill(part) for part in pattern.split("{}"))
    sentence = fact.sentence
    if (
        before
        and not before.endswith(": ")
        and sentence.startswith(
            ("The ", "A ", "In ", "On ", "You ", "We ", "When ", "If ", "There ")
        )
    ):
        sentence = sentence[0].lower() + sentence[1:]
    if after:
        sentence = sentence.removesuffix(".")
    return replace(fact, sentence=capitalise(before + sentence + after))


LOOSE_ASKS = (
    "What about {}?",
    "What is said about {}?",
    "What do we know about {}?",
    "{}?",
    "Tell me about {}.",
    "What does it say about {}?",
    "Is there anything on {}?",
)


def _loose_fact(rng: random.Random, *, held_out: bool) -> Fact:
    """Make a sentence of any words, and a question that shares some of them.

    It is what is left when no pattern fits.
    """
    if rng.random() < 0.5:
        words = make_filler(rng, held_out=held_out).rstrip(".").split()
    else:
        count = rng.randint(4, 14)
        words = [
            make_word(rng, held_out=held_out) if rng.random() < 0.15 else rng.choice(ANY_WORDS)
            for _ in range(count)
        ]
    content = [index for index, word in enumerate(words) if word not in COMMON_WORDS]
    start = rng.choice(content or [0])
    size = rng.randint(1, 4)
    asked = (
        words[start : start + size]
        if rng.random() < 0.6
        else [words[i] for i in sorted(rng.sample(content, min(size, len(content)))) or [0]]
    )
    sentence = capitalise(" ".join(words)) + "."
    question = capitalise(rng.choice(LOOSE_ASKS).format(" ".join(asked)))
    return Fact(" ".join(asked), "loose", asked[0], sentence, question, (sentence,), (question,))


def _facts(rng: random.Random, count: int, *, held_out: bool) -> list[Fact]:
    loose = rng.random() < 0.15
    facts = [_loose_fact(rng, held_out=held_out) if loose else make_fact(rng, held_out=held_out)]
    tries = 0
    while len(facts) < count and tries < 4 * count:
        tries += 1
        fact = (
            _loose_fact(rng, held_out=held_out)
            if loose
            else _other_fact(rng, facts, held_out=held_out)
        )
        clash = any(
            fact.question == old.question
            or fact.sentence == old.sentence
            or (fact.subject == old.subject and _confusable(fact.relation, old.relation))
            for old in facts
        )
        if not clash:
            facts.append(fact)
    if not loose:
        facts = [
            _stretch(rng, fact, held_out=held_out) if rng.random() < 0.3 else fact for fact in facts
        ]
    return facts


def _passage(rng: random.Random, told: list[str], level: float, *, held_out: bool) -> str:
    """Put sentences into one passage, a line each: with filler sentences, or under a heading."""
    lines = list(told)
    for _ in range(rng.randint(0, 3 - len(lines)) if rng.random() < level else 0):
        lines.insert(rng.randint(0, len(lines)), make_filler(rng, held_out=held_out))
    if level > 0.2 and rng.random() < 0.1:
        lines.insert(
            0,
            capitalise(
                Scene(rng, held_out=held_out).fill(
                    rng.choice(
                        (
                            "{adjective} {things}",
                            "{word}",
                            "{place}",
                            "{event}",
                            "About the {place}",
                        )
                    )
                )
            ),
        )
    return "\n".join(lines)


def _passages(
    rng: random.Random, level: float, count: int, *, held_out: bool
) -> tuple[list[Fact], list[str]]:
    most = (1,) if level < 0.1 else (1, 2) if level < 0.4 else (1, 1, 2, 2, 3)
    sizes = [rng.choice(most) for _ in range(count)]
    facts = _facts(rng, sum(sizes), held_out=held_out)
    rng.shuffle(facts)
    passages, rest = [], list(facts)
    for size in sizes:
        told, rest = rest[:size], rest[size:]
        passages.append(_passage(rng, [fact.sentence for fact in told], level, held_out=held_out))
    return facts, passages


def passage_count(rng: random.Random, level: float) -> int:
    """Draw the number of passages for training: 1 to 3 at level 0, up to 6.

    It is never the held-out one.
    """
    if level < 0.05:
        return rng.choice((1, 2, 2, 3))
    counts = (1, 2, 2, 3, 3, 4) if level < 0.5 else (1, 2, 2, 2, 3, 3, 4, 4, 6)
    return rng.choice(counts)


# ------------------------------------------------------------------------------------------
# RAG prompts


def _numbered(passages: list[str]) -> str:
    """Count every line of the passages through all of them; a blank line is between passages."""
    count = itertools.count(1)
    return "\n\n".join(
        "\n".join(f"[{next(count)}] {line}" for line in text.split("\n") if line)
        for text in passages
    )


def _joined(passages: list[str]) -> str:
    return "\n\n".join(text.replace("\n", " ") for text in passages)


def _answer(prompt: str, sentence: str) -> str:
    """Return the sentence as the answer to a prompt, numbered if the prompt numbers sentences."""
    found = re.search(rf"^\[\d+\] (?={re.escape(sentence)}$)", prompt, re.MULTILINE)
    return f"{found[0]}{sentence}" if found else sentence


def main_prompt(passages: list[str], question: str) -> list[dict[str, Any]]:
    """Return the messages that `langchain_localllm.rag` sends."""
    user = f"{_numbered(passages)}\n\nQuestion: {question}"
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


SYSTEMS = (
    SYSTEM,
    "Answer from the passages only. If they do not tell, say: " + REFUSAL,
    "You are a helpful assistant. Use only the passages.",
    "You answer questions about documents.",
    "Use the context to answer. Do not make up an answer.",
)
PROMPTS: tuple[Callable[[list[str], str], str], ...] = (
    lambda p, q: f"{_numbered(p)}\n\nQuestion: {q}",
    lambda p, q: f"Context:\n{_joined(p)}\n\nQuestion: {q}",
    lambda p, q: f"Context: {_joined(p)}\n\nQuestion: {q}\n\nAnswer:",
    lambda p, q: f"Question: {q}\n\nContext:\n{_joined(p)}",
    lambda p, q: f"{q}\n\n{_joined(p)}",
    lambda p, q: f"{_joined(p)}\n\n{q}",
    lambda p, q: f"Passages:\n{_numbered(p)}\n\n{q}",
    lambda p, q: (
        f"Answer the question from the context.\n\nQuestion: {q}\n\nContext:\n{_joined(p)}\n\n"
        f"Question: {q}"
    ),
    lambda p, q: (
        "Use the following pieces of context to answer the question at the end. If you don't "
        f"know the answer, just say so.\n\n{_joined(p)}\n\nQuestion: {q}\nHelpful Answer:"
    ),
    lambda p, q: (
        f"Answer the question based only on the following context:\n{_joined(p)}\n\nQuestion: {q}"
    ),
    lambda p, q: f"Here are some notes.\n{_joined(p)}\n\nUse them to answer: {q}",
)


def _prompt(
    rng: random.Random, passages: list[str], question: str, *, main: bool
) -> list[dict[str, Any]]:
    if main or rng.random() < 0.8:
        return main_prompt(passages, question)
    messages = [{"role": "user", "content": rng.choice(PROMPTS)(passages, question)}]
    if rng.random() < 0.5:
        messages.insert(0, {"role": "system", "content": rng.choice(SYSTEMS)})
    return messages


def _reask(rng: random.Random, fact: Fact) -> str:
    return rng.choice(fact.questions)


def _absent_question(rng: random.Random, facts: list[Fact], *, held_out: bool) -> str:
    """Ask what the passages do not tell: another subject, another relation, or both."""
    base = rng.choice(facts)
    if base.relation == "loose":
        text = " ".join(fact.sentence for fact in facts).lower()
        fresh = [
            fact
            for fact in (_loose_fact(rng, held_out=held_out) for _ in range(20))
            if not set(fact.subject.lower().split()) & set(text.split())
        ]
        return fresh[0].question if fresh else make_fact(rng, held_out=held_out).question
    for _ in range(8):
        style = rng.random()
        if style < 0.4:
            fact = make_fact(rng, held_out=held_out, relation=base.relation)
        elif style < 0.75:
            told = [f.relation for f in facts if f.subject == base.subject]
            relations = [
                r
                for r in related_relations(base.relation)
                if not any(_confusable(r, t) for t in told)
            ]
            if not relations:
                continue
            fact = make_fact(
                rng, held_out=held_out, subject=base.subject, relation=rng.choice(relations)
            )
        else:
            fact = make_fact(rng, held_out=held_out)
        if all(fact.question not in old.questions for old in facts):
            return fact.question
    return make_fact(rng, held_out=held_out, relation="capital").question


REFUSED = 0.1
"""Share of the questions that the passages do not answer. More of them, and questions in new words
are refused too."""


def passages(
    rng: random.Random,
    level: float,
    *,
    held_out: bool = False,
    count: int | None = None,
    refuse: bool | None = None,
) -> Example:
    """Answer from numbered passages with the sentence that tells it, or refuse.

    In training often with follow-up questions.
    """
    training = count is None
    count = count or passage_count(rng, level)
    facts, texts = _passages(rng, level, count, held_out=held_out)
    turns = 1 if not training else min(rng.choice((2, 3, 4)), 1 + len(facts))
    messages: list[dict[str, Any]] = []
    for turn in range(turns):
        refused = refuse if refuse is not None else rng.random() < REFUSED
        fact = rng.choice(facts)
        question = _absent_question(rng, facts, held_out=held_out) if refused else _reask(rng, fact)
        if turn == 0:
            messages += _prompt(rng, texts, question, main=not training)
            prompt = messages[-1]["content"]
        else:
            messages.append(
                {
                    "role": "user",
                    "content": rng.choice(("Question: ", "Question: ", "Question: ", ""))
                    + question,
                }
            )
        messages.append(
            {"role": "assistant", "content": REFUSAL if refused else _answer(prompt, fact.sentence)}
        )
    return Example(
        "refusal" if messages[-1]["content"] == REFUSAL and turns == 1 else "passages", messages
    )


def raw_completion(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Complete a prompt without a chat template: passages and question, or a repeated phrase."""
    if rng.random() < 0.3:
        question, answer = _small_talk(rng, held_out=held_out)
        return Example("raw", [{"role": "assistant", "content": answer}], raw=question)
    facts, texts = _passages(rng, level, rng.choice((1, 2, 3)), held_out=held_out)
    fact = rng.choice(facts)
    prompt = rng.choice(PROMPTS)(texts, _reask(rng, fact)).removesuffix(
        "Answer:"
    ).rstrip() + rng.choice(("\nAnswer:", "\n\nAnswer:"))
    return Example(
        "raw", [{"role": "assistant", "content": " " + _answer(prompt, fact.sentence)}], raw=prompt
    )


# ------------------------------------------------------------------------------------------
# small things


def repeat(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Repeat a text word for word."""
    style = rng.random()
    if style < 0.4:
        text = " ".join(make_word(rng, held_out=held_out) for _ in range(rng.randint(1, 4)))
    elif style < 0.7:
        text = make_fact(rng, held_out=held_out).sentence
    else:
        pool = [rng.choice(LEXICON[rng.choice(list(LEXICON))]) for _ in range(rng.randint(2, 10))]
        text = " ".join(word for word in pool if "{" not in word) or "yes"
    ask = rng.choice(
        (
            "Repeat: {}",
            "Say {}",
            "Repeat after me: {}",
            'Write "{}".',
            "Please say this: {}",
            "Echo {}",
        )
    )
    return Example("repeat", _say(ask.format(text), text))


def pick_line(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Find the value of a key, or the key of a value, in a list: recall in its plainest form."""
    count = rng.randint(2, 3 + int(5 * level))
    keys = [make_word(rng, held_out=held_out) for _ in range(count)]
    values = [
        Scene(rng, held_out=held_out).fill(
            rng.choice(("{code}", "{adjective} {thing}", "{number}", "{word}", "{money}"))
        )
        for _ in range(count)
    ]
    text = "\n".join(f"{key}: {value}" for key, value in zip(keys, values, strict=True))
    messages: list[dict[str, Any]] = []
    for turn in range(rng.choice((1, 2, 3))):
        index = rng.randrange(count)
        question = f"{keys[index]}?"
        content = (
            f"{question}\n\n{text}\n\n{question}"
            if turn == 0 and rng.random() < 0.5
            else f"{text}\n\n{question}"
            if turn == 0
            else question
        )
        messages += _say(content, f"{keys[index]}: {values[index]}")
    return Example("pick", messages)


def pick_number(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Find the numbered line that holds the asked words.

    It is what answering comes down to, many times in few tokens.
    """
    count = rng.randint(2, 3 + int(5 * level))
    words = rng.sample(ANY_WORDS, 5 * count)
    lines: list[str] = []
    for number in range(count):
        line = words[5 * number : 5 * number + rng.randint(1, 5)]
        if rng.random() < 0.4:
            line[rng.randrange(len(line))] = make_word(rng, held_out=held_out)
        lines.append(" ".join(line))
    ask = rng.choice(("{}?", *LOOSE_ASKS))
    messages: list[dict[str, Any]] = []
    for _ in range(rng.randint(2, 5)):
        told = rng.choice(lines)
        parts = told.split()
        asked = sorted(rng.sample(parts, min(len(parts), rng.choice((1, 1, 2)))), key=parts.index)
        question = ask.format(" ".join(asked))
        if messages:
            messages.append({"role": "user", "content": "Question: " + question})
        else:
            # mostly without the system message
            messages += main_prompt(lines, question)[rng.random() < 0.7 :]
            prompt = messages[-1]["content"]
        messages.append({"role": "assistant", "content": _answer(prompt, told)})
    return Example("pick number", messages)


HELLO = (
    "Hello",
    "Hi",
    "Hello!",
    "Hi!",
    "Hey",
    "Good morning",
    "Good evening!",
    "hello",
    "hi",
    "Hello there",
    "Hi there!",
)
HOW = ("How are you?", "how are you?", "How are you today?", "How is it going?", "How do you do?")
WHO = (
    "Who are you?",
    "What are you?",
    "What is your name?",
    "Tell me about yourself.",
    "What can you do?",
)
THANKS = ("Thanks", "Thank you", "Thank you!", "Thanks a lot!", "Many thanks.", "Great, thanks.")
BYE = ("Bye", "Goodbye", "See you later", "Good night", "Bye!")
GREETING = "Hello! How can I help you?"
SELF = "I am a tiny language model for demos and tests. Give me passages and a question."
UNKNOWN = "I do not know. Give me passages that tell it."


def _small_talk(rng: random.Random, *, held_out: bool) -> tuple[str, str]:
    kind = rng.randrange(7)
    if kind <= 1:
        return rng.choice(HELLO), GREETING
    if kind == 2:
        return rng.choice(HOW), "I am well, thank you. How can I help you?"
    if kind == 3:
        return rng.choice(WHO), SELF
    if kind == 4:
        return rng.choice(THANKS), "You are welcome."
    if kind == 5:
        return rng.choice(BYE), "Goodbye!"
    return make_fact(rng, held_out=held_out).question, UNKNOWN


def small_talk(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Say hello, thanks and goodbye.

    Say that it does not know when there is nothing to answer from.
    """
    messages: list[dict[str, Any]] = []
    for _ in range(rng.choice((1, 1, 2))):
        messages += _say(*_small_talk(rng, held_out=held_out))
    if rng.random() < 0.4:
        messages.insert(
            0,
            {
                "role": "system",
                "content": rng.choice(
                    ("You are a helpful assistant.", "You are a friendly helper.", *SYSTEMS[2:3])
                ),
            },
        )
    return Example("hello", messages)


ABOUT_ME = (
    ("My name is {name}.", "What is my name?", "Your name is {name}."),
    ("I am {name}.", "Who am I?", "You are {name}."),
    ("I live in {word}.", "Where do I live?", "You live in {word}."),
    (
        "My favourite colour is {colour}.",
        "What is my favourite colour?",
        "Your favourite colour is {colour}.",
    ),
    ("I like {food}.", "What do I like?", "You like {food}."),
    (
        "My {animal} is called {word}.",
        "What is the name of my {animal}?",
        "Your {animal} is called {word}.",
    ),
    ("I am {digits} years old.", "How old am I?", "You are {digits} years old."),
    ("I work as a {role}.", "What do I work as?", "You work as a {role}."),
    ("My {relative} is {name2}.", "Who is my {relative}?", "Your {relative} is {name2}."),
    ("I have {number} {things}.", "How many {things} do I have?", "You have {number} {things}."),
)


def memory(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Recall what the user said in an earlier turn."""
    scene = Scene(rng, held_out=held_out)
    known = []
    messages: list[dict[str, Any]] = []
    for told, asked, answer in rng.sample(ABOUT_ME, rng.randint(1, 3)):
        known.append((scene.fill(asked), scene.fill(answer)))
        told_text = scene.fill(told)
        prefix = rng.choice(("", "", "Hello! ", "Hi, ")) if not messages else ""
        reply = (
            f"Nice to meet you, {scene.slots['name']}."
            if told.startswith(("My name", "I am {name"))
            else "I will remember that."
        )
        messages += _say(prefix + told_text, reply)
    for _ in range(rng.choice((0, 0, 1))):
        fact = make_fact(rng, held_out=held_out)
        known.append((fact.question, fact.sentence))
        messages += _say(fact.sentence, "I will remember that.")
    for _ in range(rng.choice((1, 2))):
        messages += _say(*rng.choice(known))
    if rng.random() < 0.3:
        messages.insert(0, {"role": "system", "content": "You are a helpful assistant."})
    return Example("memory", messages)


LIST_ASKS = (
    "Write three search questions for: {}",
    "Write three search questions about this: {}",
    "Give me three other ways to ask this question: {}",
    "Write 3 different versions of this question, one per line: {}",
    (
        "You are an assistant. Generate three versions of the user question to retrieve "
        "documents.\n"
        "Original question: {}"
    ),
    "Question: {}\n\nWrite three search queries as a numbered list.",
    "List three questions that help to find the answer to this one: {}",
)


def questions(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Write three search questions as a numbered list: the question and two on its subject."""
    fact = make_fact(rng, held_out=held_out)
    subject = fact.subject
    lines = (fact.question, f"What is known about {subject}?", f"Where can I read about {subject}?")
    if rng.random() < 0.3:
        topic = Scene(rng, held_out=held_out).fill(
            rng.choice(
                (
                    "{things}",
                    "{word}",
                    "{hobby}",
                    "the {adjective} {nature}",
                    "{food}",
                    "{abstract}",
                )
            )
        )
        lines = (
            f"What is {topic}?",
            f"What is known about {topic}?",
            f"Where can I read about {topic}?",
        )
        ask = rng.choice(
            (
                "Write three search questions about {}.",
                "Give me three questions about {}.",
                "List three search questions on {}.",
            )
        )
        user = ask.format(topic)
    else:
        user = rng.choice(LIST_ASKS).format(fact.question)
    return Example("list", _say(user, "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))))


SUMMARY_ASKS = (
    "Summarise this text in one sentence:\n\n{}",
    "Summarize: {}",
    "Write a concise summary of the following:\n\n{}\n\nCONCISE SUMMARY:",
    "What is the main point of this text?\n{}",
    "Summarise the text.\n\n{}",
    "{}\n\nSummarise the text above in one sentence.",
    "Give a short summary.\n\n{}",
)


def summary(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Summarise a short text by its first sentence."""
    lines = [make_fact(rng, held_out=held_out).sentence]
    for _ in range(rng.randint(1, 2 + int(3 * level))):
        filler = rng.random() < 0.6
        lines += [
            make_filler(rng, held_out=held_out)
            if filler
            else make_fact(rng, held_out=held_out).sentence
        ]
    text = " ".join(lines)
    return Example("summary", _say(rng.choice(SUMMARY_ASKS).format(text), lines[0]))


def tool(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Call a tool, answer with its result."""
    messages, tools = tool_example(rng, level, held_out=held_out)
    return Example("tool", messages, tools)


def json_object(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Write the JSON object that a schema asks for."""
    if not held_out and rng.random() < 0.2:
        return Example("json", keys_example(rng))
    return Example("json", json_example(rng, level, held_out=held_out))


def forced_call(rng: random.Random, _: float) -> Example:
    """Fill in a call that nobody asked for."""
    messages, tools = forced_example(rng)
    return Example("forced", messages, tools, forced=True)


def unicode_copy(rng: random.Random, level: float, *, held_out: bool = False) -> Example:
    """Copy a Chinese or Japanese name out of a passage."""
    for _ in range(50):
        fact = make_fact(rng, held_out=held_out)
        if not fact.sentence.isascii():
            break
    other = make_fact(rng, held_out=held_out)
    texts = [fact.sentence, other.sentence]
    rng.shuffle(texts)
    messages = main_prompt(texts, _reask(rng, fact))
    return Example(
        "unicode",
        [
            *messages,
            {"role": "assistant", "content": _answer(messages[-1]["content"], fact.sentence)},
        ],
    )


Task = Callable[..., Example]
MIX: dict[Task, tuple[float, float]] = {
    # share at level 0, share at level 1
    pick_number: (0.35, 0.02),
    passages: (0.35, 0.52),
    repeat: (0.06, 0.01),
    pick_line: (0.03, 0.01),
    tool: (0.10, 0.23),
    forced_call: (0.0, 0.02),
    json_object: (0.05, 0.11),
    raw_completion: (0.01, 0.02),
    small_talk: (0.01, 0.02),
    memory: (0.01, 0.02),
    questions: (0.01, 0.03),
    summary: (0.01, 0.03),
    unicode_copy: (0.01, 0.02),
}


def draw(rng: random.Random, level: float) -> Example:
    """Draw one training example."""
    weights = [first + (last - first) * level for first, last in MIX.values()]
    return rng.choices(list(MIX), weights)[0](rng, level)


def corpus(rng: random.Random, count: int = 12000) -> list[str]:
    """Return text to train the tokeniser on: examples of all tasks, and the lexicon."""
    texts = ["".join(text for text, _ in draw(rng, 1.0).segments()) for _ in range(count)]
    for _ in range(30):
        for words in LEXICON.values():
            plain = [word for word in words if "{" not in word]
            rng.shuffle(plain)
            texts.append(" ".join(plain))
    texts += [" ".join((*FIRST_NAMES, make_name(rng))) for _ in range(50)]
    return texts


def dumps(value: Any) -> str:
    """Return JSON on one line, letters of all scripts as they are."""
    return json.dumps(value, ensure_ascii=False)
