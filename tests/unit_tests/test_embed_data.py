# ruff: noqa: S311  # seeded chance, not secrets
"""The embedding model's training examples: the same for the same seed, and apart from what
evaluation uses."""

import random

import pytest

from tools.tiny_models import embed_data, embed_tokens, embed_words, world
from tools.tiny_models.embed_prose import FOR_CHOOSING, PROSE


def test_embed_data_same_seed_gives_the_same_examples() -> None:
    first, second, other = (
        [embed_data.make_example(rng) for _ in range(50)] for rng in map(random.Random, (1, 1, 2))
    )
    assert first == second
    assert first != other


def test_embed_data_training_never_uses_the_held_out_prose_patterns() -> None:
    rng = random.Random(4)
    examples = [embed_data.prose_example(rng) for _ in range(500)]
    assert not any("Keep " in e.passage and " away from " in e.passage for e in examples)
    assert not any(e.query.lower().startswith("which rules are there") for e in examples)


@pytest.mark.parametrize("held_out", [True, False])
def test_embed_data_names_come_from_the_side_that_was_asked_for(
    held_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def spy(*args: object, **kwargs: object) -> str:
        drawn.append(original(*args, **kwargs))  # type: ignore[arg-type]  # passed on as it came
        return drawn[-1]

    original = world.make_word
    monkeypatch.setattr(world, "make_word", spy)
    monkeypatch.setattr(embed_data, "make_word", spy)
    rng = random.Random(5)
    for _ in range(50):
        embed_data.world_example(rng, held_out=held_out)
        embed_data.prose_example(rng, held_out=held_out)
    assert drawn
    assert all(world.is_held_out(name) == held_out for name in drawn)


def test_embed_data_passage_states_the_fact_and_the_negative_does_not() -> None:
    rng = random.Random(6)
    for _ in range(100):
        example = embed_data.world_example(rng, others=2)
        assert example.passage.count(" ") > example.query.count(" ") / 2
        assert example.negative != example.passage


def test_embed_data_hand_written_prose_has_one_question_a_passage_and_no_doubles() -> None:
    pairs = [*FOR_CHOOSING, *PROSE]
    assert all(len(pair) == 2 for pair in pairs)
    assert len({passage for passage, _ in pairs}) == len(pairs) >= 70


def test_embed_data_vocabulary_covers_what_the_generators_write() -> None:
    tokenizer = embed_tokens.Tokenizer(embed_tokens.build_vocabulary(embed_data.vocabulary_words()))
    unknown = tokenizer.ids[embed_tokens.UNK]
    rng = random.Random(7)
    assert not any(
        unknown in tokenizer.encode(embed_data.make_example(rng).passage) for _ in range(300)
    )
    assert tokenizer.encode("Café") == tokenizer.encode("CAFE\u0301")
    assert unknown in tokenizer.encode("\ua66e")


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("stop", ["stop", "stops", "stopped", "stopping"]),
        ("carry", ["carry", "carries", "carried", "carrying"]),
        ("take", ["take", "takes", "took", "taken", "taking"]),
        ("switch on", ["switch on", "switches on", "switched on", "switching on"]),
    ],
)
def test_verb_forms(verb: str, forms: list[str]) -> None:
    assert embed_words.verb_forms(verb) == forms
