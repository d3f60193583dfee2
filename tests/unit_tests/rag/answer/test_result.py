"""The result of a question, under its new and its old names."""

import pytest
from langchain_core.documents import Document

from langchain_localllm.rag.answer.citations import InvalidCitation
from langchain_localllm.rag.answer.result import Answer, AnswerPart, answer_of

PASSAGE, OMITTED = Document("The boat is blue."), Document("The key is old.")
INVALID = InvalidCitation(7, "There is no sentence 7.")


def test_answer_of_output_keeps_every_part() -> None:
    found = {
        "question": "?",
        "answer": "Blue.",
        "context": [PASSAGE],
        "omitted": [OMITTED],
        "invalid_citations": [INVALID],
        "x": 1,
    }
    answer = answer_of({**found, "standalone_question": "?", "tokens": {"prompt": 3}})
    assert (answer.answer, answer.passages, answer.omitted, answer.invalid_citations) == (
        "Blue.",
        [PASSAGE],
        [OMITTED],
        [INVALID],
    )
    assert (answer.tokens, answer.refused) == ({"prompt": 3}, False)


@pytest.mark.parametrize(
    ("old", "new"), [("left_out", "omitted"), ("rejected", "invalid_citations")]
)
def test_answer_old_names_are_read_with_a_warning(old: str, new: str) -> None:
    answer = Answer("?", omitted=[OMITTED], invalid_citations=[INVALID])
    with pytest.warns(DeprecationWarning, match=new):
        assert getattr(answer, old) == getattr(answer, new)


@pytest.mark.parametrize(
    ("old", "new"), [("left_out", "omitted"), ("rejected", "invalid_citations")]
)
def test_answer_part_old_keys_are_read_with_a_warning(old: str, new: str) -> None:
    found = AnswerPart(question="?") + AnswerPart(omitted=[1], invalid_citations=[2])
    found += {"omitted": [3], "invalid_citations": [4]}
    message = rf"result\['{new}'\].*0\.3"
    with pytest.warns(DeprecationWarning, match=message) as warned:
        assert found[old] == found[new]
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=message) as warned:
        assert found.get(old) == found[new]
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=message):
        assert old in found
    with pytest.warns(DeprecationWarning, match=message):
        assert AnswerPart(question="?").get(old, 5) == 5
    assert old not in list(found)


def test_answer_part_unknown_key_raises() -> None:
    with pytest.raises(KeyError, match="'other'"):
        AnswerPart(question="?")["other"]
