"""Refusals, in the language of the question."""

import pytest

from langchain_localllm.rag.answer.no_answer import NO_ANSWERS, RefusalReader, is_refusal, no_answer
from langchain_localllm.rag.language import language_of

QUESTIONS = {
    "en": "How high is the hill?",
    "ar": "كم يبلغ ارتفاع التل؟",
    "de": "Wie hoch ist der Hügel?",
    "el": "Πόσο ψηλός είναι ο λόφος;",
    "es": "¿Qué altura tiene la colina?",
    "fr": "Quelle est la hauteur de la colline ?",
    "he": "מה גובה הגבעה?",
    "hi": "पहाड़ी कितनी ऊँची है?",
    "it": "Quanto è alta la collina?",
    "ja": "丘の高さはどのくらいですか?",
    "ko": "언덕의 높이는 얼마입니까?",
    "nl": "Hoe hoog is de heuvel?",
    "pl": "Jak wysokie jest wzgórze?",
    "pt": "Qual é a altura da colina?",
    "ro": "Cât de înalt este dealul?",
    "ru": "Какова высота холма?",
    "th": "เนินเขาสูงเท่าไร",
    "tr": "Tepenin yüksekliği ne kadar?",
    "uk": "Яка висота пагорба, і де він є?",
    "vi": "Ngọn đồi cao bao nhiêu?",
    "zh": "山有多高?",
}


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items(), ids=QUESTIONS)
def test_no_answer_is_in_the_language_of_the_question(language: str, question: str) -> None:
    assert language_of(question) == language
    assert is_refusal(no_answer(question))


def test_no_answer_knows_every_language_that_is_tested() -> None:
    assert set(NO_ANSWERS) == set(QUESTIONS)
    assert [language_of(text) for text in ("", "42?", "Dunlin")] == ["en", "en", "en"]


def read(answer: str, size: int, question: str) -> str:
    reader = RefusalReader(question)
    return (
        "".join(reader.feed(answer[at : at + size]) for at in range(0, len(answer), size))
        + reader.end()
    )


@pytest.mark.parametrize("size", [1, 5, 100])
@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("The passages do not tell.", NO_ANSWERS["de"]),
        (" The documents don\u2019t say", NO_ANSWERS["de"]),
        ("The documents don't say. See page 3.", f"{NO_ANSWERS['de']} See page 3."),
        ("**The documents don't say.**", NO_ANSWERS["de"]),
        ("\u201cThe documents don\u2019t say\u201d", NO_ANSWERS["de"]),
        ("[1] The documents do not say.", NO_ANSWERS["de"]),
        ("*The documents don't say.*\n\nSee page 3.", f"{NO_ANSWERS['de']} See page 3."),
        ("The documents don't say who it was.", "The documents don't say who it was."),
        ("**The boat** is blue.", "**The boat** is blue."),
        ("[1] The boat is blue.", "[1] The boat is blue."),
        ("The passages do not", "The passages do not"),
        ("The passage is narrow.", "The passage is narrow."),
        ("", ""),
    ],
)
def test_refusal_of_a_model_is_translated_while_it_streams(
    size: int, answer: str, shown: str
) -> None:
    assert read(answer, size, QUESTIONS["de"]) == shown


@pytest.mark.parametrize(
    "answer",
    [
        "**The documents don't say.**",
        '"The documents don\'t say."',
        "\u201eDas steht nicht in den Dokumenten\u201c",
        "The **documents** don\u2019t say",
        "[1] The documents do not say. [2]",
        "> # 'The documents don't say.'",
        "[1]",
        "[1, 2]\n[3]",
        " ",
    ],
)
def test_is_refusal_looks_through_quotes_bold_type_and_citations(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer", ["**The boat is blue.**", "[1] 9:50", "The document is blue.", "42"]
)
def test_is_refusal_other_answers_are_none(answer: str) -> None:
    assert not is_refusal(answer)
