"""The result of a question, under its new and its old names."""

import pytest
from langchain_core.documents import Document

from langchain_localllm.rag.answer.citations import InvalidCitation
from langchain_localllm.rag.answer.result import Answer, answer_of

PASSAGE, OMITTED = Document("The boat is blue."), Document("The key is old.")
INVALID = InvalidCitation(7, "There is no sentence 7.")


def test_answer_of_takes_every_part_of_the_output() -> None:
    found = {
        "question": "?",
        "answer": "Blue.",
        "context": [PASSAGE],
        "left_out": [OMITTED],
        "rejected": [INVALID],
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
