"""The contract's rules on a published model, on the runtimes that run it: one answer on every path,
limits, counts and errors."""

from typing import Any

import pytest
from pydantic import BaseModel

from langchain_localllm.errors import ContextLengthError
from langchain_localllm.testing.paths import PATHS

PROMPT = "The capital of France is"
EXACT = pytest.mark.parametrize(
    "pair", ["llama-cpp-python", "xllamacpp", "llamafile"], indirect=True
)
"""The runtimes with `cache_prompt=False`; without it, a batch may choose another of two words that
are equally probable."""


@EXACT
def test_all_paths_give_the_same_text(llm: Any) -> None:
    answers = {name: path(llm, PROMPT) for name, path in PATHS.items()}
    assert "Paris" in answers["invoke"]
    assert set(answers.values()) == {answers["invoke"]}


@EXACT
def test_all_paths_give_the_same_chat_answer(chat: Any) -> None:
    answers = {name: path(chat, "What is 2 + 2?") for name, path in PATHS.items()}
    assert "4" in answers["invoke"]
    assert set(answers.values()) == {answers["invoke"]}


def test_max_tokens_is_exact_and_counted(chat: Any) -> None:
    answer = chat.invoke("Tell me a long story.", max_tokens=5)
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.usage_metadata["output_tokens"] == 5
    assert answer.usage_metadata["input_tokens"] > 5


def test_stop_sequence_over_several_tokens_ends_the_text_before_it(llm: Any) -> None:
    whole = llm.invoke(PROMPT, max_tokens=16)
    stop = whole[3:9]
    assert llm.invoke(PROMPT, max_tokens=16, stop=[stop]) == whole[: whole.index(stop)]
    assert "".join(llm.stream(PROMPT, max_tokens=16, stop=[stop])) == whole[: whole.index(stop)]


@pytest.mark.parametrize("text", ["日本の首都は東京です。", "🙂🙃 ça va, naïve café"])
def test_characters_of_several_tokens_are_whole_in_a_stream(text: str, chat: Any) -> None:
    question = f"Repeat: {text}"
    # the calls below then find the same in GPT4All's cache, on which the rounding of a tie depends
    chat.invoke(question, max_tokens=24)
    chunks = [chunk.text for chunk in chat.stream(question, max_tokens=24)]
    assert "".join(chunks) == chat.invoke(question, max_tokens=24).text
    assert not any("\ufffd" in chunk for chunk in chunks)


def test_prompt_that_does_not_fit_raises_and_the_next_one_is_answered(llm: Any) -> None:
    with pytest.raises(ContextLengthError):
        llm.invoke("The lamp is red. " * 1000)
    assert "Paris" in llm.invoke(PROMPT)


class Animal(BaseModel):
    name: str
    legs: int


def test_structured_output_is_an_instance(chat: Any) -> None:
    found = chat.with_structured_output(Animal).invoke(
        "A dog has four legs. Describe the animal as JSON.", max_tokens=64
    )
    assert isinstance(found, Animal)


def test_token_count_is_what_the_engine_reads(chat: Any) -> None:
    messages = [("system", "Answer in one word."), ("human", "Which color has the sky?")]
    answer = chat.invoke(messages, max_tokens=1)
    assert (
        chat.get_num_tokens_from_messages(chat._convert_input(messages).to_messages())
        == answer.usage_metadata["input_tokens"]
    )
