"""The questions that an index is measured with, in every language that is recognized."""

import pytest

from langchain_localllm.rag.answer.no_answer import NO_ANSWERS
from langchain_localllm.rag.index.off_topic_questions import QUESTIONS, questions_in
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
