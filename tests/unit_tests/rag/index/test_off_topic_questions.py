"""The questions that an index is measured with, in every language that is recognized."""

import pytest

from langchain_localllm.rag.answer.no_answer import NO_ANSWERS
from langchain_localllm.rag.index.off_topic_questions import QUESTIONS, question_words, questions_in
from langchain_localllm.rag.language import known_language


def test_questions_every_known_language_has_as_many() -> None:
    assert set(QUESTIONS) == set(NO_ANSWERS)
    assert {len(set(questions)) for questions in QUESTIONS.values()} == {32, 64}


@pytest.mark.parametrize("language", QUESTIONS)
def test_questions_language_is_recognized(language: str) -> None:
    wrong = [each for each in QUESTIONS[language] if known_language(each) != language]
    assert len(wrong) <= 5


@pytest.mark.parametrize("language", ["", "da"])
def test_questions_in_unknown_language_are_english(language: str) -> None:
    assert questions_in(language) is QUESTIONS["en"]


@pytest.mark.parametrize(
    ("language", "word", "is_one"),
    [
        ("de", "wann", True),
        ("de", "kapelle", False),
        ("es", "cuando", True),
        ("hi", "कब", True),
        ("ar", "كم", True),
        ("zh", "什 么", True),
        ("zh", "珍 珠", False),
        ("en", "winter", False),
    ],
)
def test_question_words_word_of_many_questions_is_one(
    language: str, word: str, *, is_one: bool
) -> None:
    assert (word in question_words(language)) == is_one
