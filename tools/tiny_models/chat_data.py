"""From examples to batches of token ids, and the quick held-out score that training watches."""

from __future__ import annotations

import bisect
import random
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from . import chat_tasks
from .chat_tasks import HELD_OUT_PASSAGES, Example

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer

    from .chat_model import Chat

POOL = 256
"""Examples drawn at once and sorted by length, so that a batch holds little padding."""
COPY = -1
COPY_WEIGHT = 0.2
COPY_SHARE = 0.2
"""Weight of prompt tokens that repeat earlier ones (the question's second copy, names that come
again)."""
START, START_WEIGHT = 2, 6.0
"""The first tokens of an answer (a sentence's number, or a refusal) decide the rest; they count
more in the loss."""
NAME = re.compile(r'<tool_call>\n\{"name": "')
VALUE, VALUE_WEIGHT = re.compile(r'": \[?"?|", "'), 3.0
"""Likewise the first tokens of a tool's name, and of each value in JSON."""


@dataclass
class Row:
    """A tokenized example.

    `turns` numbers the assistant turn of each token (0: not learned, -1: a copy in the prompt).
    """

    ids: list[int]
    turns: list[int]
    weights: list[float]
    task: str


@dataclass
class Batch:
    """Rows padded to one length.

    They are inputs and positions (rows, time), and where and what to predict (flat).
    """

    inputs: Tensor
    positions: Tensor
    where: Tensor
    targets: Tensor
    weights: Tensor
    owners: list[tuple[int, int]]
    """For every learnt token its row and assistant turn."""


def tokenise(tokenizer: Tokenizer, example: Example) -> Row:
    """Return the token ids of an example with the turns that the model writes."""
    row = Row([], [], [], example.task)
    turn = 0
    for text, learnt in example.segments():
        turn += learnt
        piece = tokenizer.encode(text)
        row.ids += piece.ids
        row.turns += [turn if learnt else 0] * len(piece.ids)
        row.weights += (
            _weights(text, [start for start, _ in piece.offsets])
            if learnt
            else [0.0] * len(piece.ids)
        )
    return row


def _weights(text: str, starts: list[int]) -> list[float]:
    """Return each answer token's weight in the loss, given where the tokens start in it."""
    weights = [1.0] * len(starts)

    def raise_from(place: int, weight: float) -> None:
        first = bisect.bisect_left(starts, place)
        for index in range(first, min(first + START, len(starts))):
            weights[index] = max(weight, weights[index])

    calls = NAME.match(text)
    if calls or text.startswith("{"):
        for value in VALUE.finditer(text):
            raise_from(value.end(), VALUE_WEIGHT)
    raise_from(calls.end() if calls else 0, START_WEIGHT)
    return weights


def mark_copies(row: Row) -> Row:
    """Mark the prompt tokens that follow an earlier occurrence of the two tokens before."""
    following: dict[tuple[int, int], int] = {}
    for index in range(1, len(row.ids) - 1):
        pair, after = (row.ids[index - 1], row.ids[index]), row.ids[index + 1]
        if following.get(pair) == after and row.turns[index + 1] == 0:
            row.turns[index + 1], row.weights[index + 1] = COPY, COPY_WEIGHT
        following[pair] = after
    return row


def collate(rows: list[Row], rng: random.Random | None = None) -> Batch:
    """Pad rows into a batch.

    With `rng` positions start and jump at random, so that all of the context is learnt.
    """
    time = max(len(row.ids) for row in rows) - 1
    inputs = torch.zeros(len(rows), time, dtype=torch.long)
    positions = torch.zeros(len(rows), time, dtype=torch.long)
    where, targets, weights, owners = [], [], [], []
    for number, row in enumerate(rows):
        length = len(row.ids) - 1
        inputs[number, :length] = torch.tensor(row.ids[:-1])
        place = torch.arange(time)
        if rng and rng.random() < 0.3:
            for _ in range(rng.randint(1, 3)):
                place[rng.randrange(length) :] += int(10 ** rng.uniform(0, 2.6))
        positions[number] = place
        for index in range(length):
            turn = row.turns[index + 1]
            if turn:
                where.append(number * time + index)
                targets.append(row.ids[index + 1])
                weights.append(row.weights[index + 1])
                owners.append((number, turn))
    return Batch(
        inputs, positions, torch.tensor(where), torch.tensor(targets), torch.tensor(weights), owners
    )


def training_row(tokenizer: Tokenizer, rng: random.Random, level: float) -> Row:
    """Draw one training example; in a share of them the copies in the prompt are learnt too."""
    row = tokenise(tokenizer, chat_tasks.draw(rng, level))
    return mark_copies(row) if rng.random() < COPY_SHARE else row


def batches(tokenizer: Tokenizer, seed: str, level: float, tokens: int) -> Iterator[Batch]:
    """Yield the batches of one pool, each of about `tokens` tokens with padding."""
    rng = random.Random(seed)
    rows = sorted(
        (training_row(tokenizer, rng, level) for _ in range(POOL)), key=lambda row: len(row.ids)
    )
    groups: list[list[Row]] = [[]]
    for row in rows:
        if groups[-1] and (len(groups[-1]) + 1) * len(row.ids) > tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    for group in groups:
        yield collate(group, rng)


def held_out_examples(scale: float = 1.0, seed: int = 5) -> list[Example]:
    """Return the held-out examples of every task, the same for the same seed.

    `scale` multiplies their number.
    """
    rng = random.Random(seed)
    examples: list[Example] = []

    def add(name: str, number: int, make: object, **options: object) -> None:
        for _ in range(int(number * scale)):
            example = make(rng, 1.0, held_out=True, **options)  # type: ignore[operator]  # every task has this form
            example.task = name
            examples.append(example)

    for count in (1, 2, 3, 4, HELD_OUT_PASSAGES):
        add(f"answer from {count}", 50, chat_tasks.passages, count=count, refuse=False)
    for count in (1, 2, 4):
        add(f"refusal from {count}", 30, chat_tasks.passages, count=count, refuse=True)
    add("tool", 80, chat_tasks.tool)
    add("json", 50, chat_tasks.json_object)
    add("unicode", 30, chat_tasks.unicode_copy)
    add("list", 20, chat_tasks.questions)
    add("summary", 30, chat_tasks.summary)
    add("memory", 30, chat_tasks.memory)
    add("hello", 20, chat_tasks.small_talk)
    add("raw", 20, chat_tasks.raw_completion)
    return examples


@torch.no_grad()
def score(
    model: Chat, tokenizer: Tokenizer, examples: list[Example], tokens: int = 8192
) -> dict[str, float]:
    """Return the share of assistant turns that greedy decoding gets exactly right, by task."""
    rows = sorted(
        (tokenise(tokenizer, example) for example in examples), key=lambda row: len(row.ids)
    )
    right: dict[str, list[bool]] = defaultdict(list)
    while rows:
        group = [rows.pop()]
        while rows and (len(group) + 1) * len(group[0].ids) <= tokens:
            group.append(rows.pop())
        batch = collate(group)
        hidden = model(batch.inputs, batch.positions).flatten(0, 1)[batch.where]
        hits = model.logits(hidden).argmax(-1) == batch.targets
        turns: dict[tuple[int, int], bool] = {}
        for owner, hit in zip(batch.owners, hits.tolist(), strict=True):
            turns[owner] = turns.get(owner, True) and hit
        for (row, _), hit in turns.items():
            right[group[row].task].append(hit)
    return {task: sum(hits) / len(hits) for task, hits in sorted(right.items())}
