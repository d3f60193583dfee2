"""When an answer counts as repeating itself."""

import json
import random

import pytest

from langchain_localllm.base.repetition import RepeatedSentences, RepetitionDetector

LOOPS = {
    "a word": "no ",
    "a sentence": "The library closes at five, and the warden locks the door. ",
    "a paragraph": "".join(
        f"Line {number} of the same paragraph, once more.\n" for number in range(8)
    ),
    "one character": "-",
    "blank lines": "\n",
    "no spaces": "图书馆五点关门。",
}


def _finds(text: str, step: int) -> bool:
    detector = RepetitionDetector()
    return any(
        detector.is_repeating(text[start : start + step]) for start in range(0, len(text), step)
    )


@pytest.mark.parametrize("step", [1, 7, 300])
@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_is_repeating_loop_after_an_answer_is_found(loop: str, step: int) -> None:
    assert _finds("It closes at five on Sundays. " + loop * (4_000 // len(loop)), step)


def test_is_repeating_few_sentences_in_changing_order_are_found() -> None:
    sentences = [
        "It is a matter of taste.\n\n",
        "But you know what? ",
        "It is a matter of taste, it is the culture of the place.\n",
    ]
    order = random.Random(7)  # noqa: S311 - no secret
    assert _finds("It closes at five. " + "".join(order.choice(sentences) for _ in range(150)), 5)


TEXTS = {
    "JSON": json.dumps(
        [{"id": number, "name": f"user {number}", "active": True} for number in range(100)],
        indent=1,
    ),
    "steps": "".join(
        f"Go left.\nGo {number % 9} steps.\nTurn round {number} times.\n" for number in range(100)
    ),
    "table": "".join(f"| {number} | row {number * 7} | {'-' * 40} |\n" for number in range(100)),
    "ruler": "Before\n" + "-" * 500 + "\nAfter, other words follow. ",
    "numbers": ", ".join(map(str, range(1_500))),
    "four times": "".join(f"verse {number} " for number in range(40)) * 4,
    "few words": " ".join(
        ["the", "lamp", "boat", "house", "shore"][number * number * number % 1_009 % 5]
        for number in range(1_500)
    ),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_is_repeating_ordinary_text_is_not_found(text: str) -> None:
    assert not _finds(text, 5)


def test_is_repeating_of_sentences_is_true_at_the_third_of_the_same() -> None:
    sentences = RepeatedSentences()
    said = ["The boat leaves at noon.", "It is red and old.", "The boat leaves at noon."]
    assert not any(map(sentences.is_repeating, said))
    assert sentences.is_repeating("The boat leaves at noon.")


def test_is_repeating_of_sentences_lets_items_of_a_list_come_often() -> None:
    sentences = RepeatedSentences()
    assert not any(sentences.is_repeating("- one egg") for _ in range(9))
