"""Passages within the model's context."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import PromptTemplate

from langchain_localllm import ChatOllama
from langchain_localllm.errors import ContextLengthError
from langchain_localllm.model_info.info import ModelInfo
from langchain_localllm.rag.answer import context_budget as budget
from langchain_localllm.rag.answer.context_budget import count, fit_passages

PROMPT = PromptTemplate.from_template("{passages} {question}")


class Counting(FakeListChatModel):
    """A token is a word."""

    max_tokens: int = 50

    def get_token_ids(self, text: str) -> list[int]:
        return list(range(len(text.split())))


LLM = Counting(responses=[])


def with_context(monkeypatch: pytest.MonkeyPatch, tokens: int | None) -> None:
    def look(_llm: Any) -> ModelInfo:
        return ModelInfo("a test", context=tokens)

    monkeypatch.setattr(budget, "look_again", look)


def passages(*words: int) -> list[Document]:
    return [Document("word " * count) for count in words]


def test_fit_passages_unknown_context_keeps_every_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    with_context(monkeypatch, None)
    assert fit_passages(found := passages(9000, 9000), "Why?", LLM, PROMPT) == (found, [])


def test_fit_passages_omits_a_long_passage_and_keeps_a_later_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_context(monkeypatch, 300)  # 50 for the answer, 64 for the template: 186 are left
    found = passages(80, 200, 90)
    assert fit_passages(found, "Why?", LLM, PROMPT) == ([found[0], found[2]], [found[1]])


def test_fit_passages_when_no_passage_fits_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_context(monkeypatch, 200)
    with pytest.raises(
        ContextLengthError, match="more context, or rebuild the index with a smaller chunk_size"
    ) as caught:
        fit_passages(passages(900), "Why?", LLM, PROMPT)
    assert caught.value.context_tokens == 200


def test_fit_passages_answer_has_the_room_that_the_call_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_context(monkeypatch, 300)
    kept, omitted = fit_passages(passages(80, 80), "Why?", LLM.bind(max_tokens=150), PROMPT)
    assert (len(kept), len(omitted)) == (1, 1)


def test_fit_passages_short_prompt_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with_context(monkeypatch, 4096)
    monkeypatch.setattr(budget, "count", None)
    assert fit_passages(found := passages(100), "Why?", LLM, PROMPT) == (found, [])


def test_fit_passages_is_not_read_by_ollama_to_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChatOllama, "token_count", None)
    assert count(ChatOllama(model="x"), "one two three") == 4
    assert (
        count(
            ChatOllama(model="x", custom_get_token_ids=lambda text: [7] * len(text.split())),
            "one two three",
        )
        == 3
    )


@pytest.mark.parametrize("llm", [FakeListChatModel(responses=[]), ChatOllama(model="x")])
def test_fit_passages_without_a_tokenizer_the_estimate_is_rather_too_high(llm: Any) -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert count(llm, text) == len(text.encode()) // 3
