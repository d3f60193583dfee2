"""The contract that every class keeps on every path, where the standard suite for text does not
hold it.

The numbers are those of `docs/contract.md`.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import AIMessageChunk

from langchain_localllm.errors import ContextLengthError, InvalidOptionError, InvalidRequestError
from langchain_localllm.testing.paths import ASYNC_PATHS, Path
from langchain_localllm.testing.recorder import AsyncRecorder, Recorder

from .conftest import CHAT, Make
from .engines import CONTEXT, Engine

PROMPT = "The lamp on the table is"
chat_only = pytest.mark.parametrize("subject", CHAT, indirect=True, ids="-".join)
"""For what the standard suite checks for text: see `test_standard.py`."""


# 1: streaming is real


@chat_only
@pytest.mark.parametrize("given_as", ["callbacks", "callback_manager", "config"])
def test_model_tokens_reach_handlers_while_the_model_runs(
    make: Make, path: Path, given_as: str
) -> None:
    notes = Recorder()
    given: dict[str, Any] = {"callbacks": [notes], "callback_manager": CallbackManager([notes])}
    model = make(**{given_as: given[given_as]} if given_as in given else {})
    text = path(model, PROMPT, {"callbacks": [notes]} if given_as == "config" else None)
    assert text
    assert all(chunk is not None for chunk in notes.chunks)
    for tokens in notes.by_run.values():
        assert "".join(tokens) == text
        assert len(tokens) > 5


@chat_only
@pytest.mark.parametrize("path_name", sorted(ASYNC_PATHS), indirect=True)
def test_model_tokens_reach_async_handlers(make: Make, path: Path) -> None:
    handler = AsyncRecorder()
    text = path(make(), PROMPT, {"callbacks": [handler]})
    assert {"".join(tokens) for tokens in handler.notes.by_run.values()} == {text}


@chat_only
def test_model_first_token_comes_long_before_the_last(make: Make, engine: Engine) -> None:
    model = make(max_tokens=400, **engine.varied)

    def first_and_all() -> tuple[float, float]:
        started = time.perf_counter()
        stream = model.stream(PROMPT)
        next(stream)
        first = time.perf_counter() - started
        for _ in stream:
            pass
        return first, time.perf_counter() - started

    # One of three: a busy machine can let the reader wait for the length of an answer. Where tokens
    # are kept, none succeeds.
    assert any(first < 0.7 * whole for first, whole in (first_and_all() for _ in range(3)))


@chat_only
def test_model_each_run_of_a_batch_gets_its_own_tokens(make: Make) -> None:
    notes = Recorder()
    prompts = [f"{word} is" for word in ("Rain", "A boat", "The red door", "Bread")]
    model = make(callbacks=[notes])
    answers = [
        answer if isinstance(answer, str) else answer.text for answer in model.batch(prompts)
    ]
    assert sorted("".join(tokens) for tokens in notes.by_run.values()) == sorted(answers)


# 2: stop sequences


@chat_only
def test_model_stop_is_literal_and_ends_the_answer_on_every_path(make: Make, path: Path) -> None:
    whole = path(make(), PROMPT)
    middle = len(whole) // 2
    stop = whole[middle : middle + 5]
    expected = whole[: whole.index(stop)]
    notes = Recorder()
    assert path(make(), PROMPT, {"callbacks": [notes]}, stop=[stop]) == expected
    assert {"".join(tokens) for tokens in notes.by_run.values()} <= {expected}
    assert path(make(stop=[stop]), PROMPT) == expected
    assert path(make(stop=["never in the answer"]), PROMPT, stop=[stop]) == expected


def test_model_empty_stop_sequence_is_refused(make: Make, path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="empty string"):
        path(make(), PROMPT, stop=[""])


# 3 and 4: options


@chat_only
def test_model_options_of_a_call_hold_for_that_call_only(make: Make, path: Path) -> None:
    model = make()
    whole = path(model, PROMPT)
    short = path(model, PROMPT, max_tokens=4)
    assert whole.startswith(short)
    assert len(short) < len(whole)
    assert path(model, PROMPT) == whole
    assert path(model, PROMPT, num_predict=4) == short


def test_model_unknown_option_is_refused(make: Make, path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="Did you mean `temperature`"):
        path(make(), PROMPT, tempature=1)
    with pytest.raises(ValueError, match="Did you mean `temperature`"):
        make(tempature=1)


@chat_only
def test_model_seed_repeats_the_answer(make: Make, path: Path) -> None:
    # so hot that even a model that is sure of its answer varies, and so short that the rounding of
    # a batch, which differs from row to row, cannot decide between two tokens
    model = make(temperature=3, top_p=1, min_p=0, max_tokens=8)
    first = path(model, PROMPT, seed=7)
    assert path(model, PROMPT, seed=7) == first
    assert any(path(model, PROMPT, seed=seed) != first for seed in (8, 9, 10))


# 5: what a result carries


def test_model_results_carry_reason_counts_timings_and_model(
    make: Make, path: Path, kind: str
) -> None:
    notes = Recorder()
    model = make(max_tokens=6)
    path(model, PROMPT, {"callbacks": [notes]})
    for result in notes.results:
        generation: Any = result.generations[0][0]
        about = (
            generation.generation_info if kind == "text" else generation.message.response_metadata
        )
        assert about["finish_reason"] == "length"
        assert about["model_name"]
        assert about["usage"]["completion_tokens"] == 6
        assert about["usage"]["prompt_tokens"] >= 5
        assert about["timings"]["generation"] > 0
        assert about["timings"]["tokens_per_second"] > 0
        if kind == "chat":
            assert generation.message.usage_metadata["output_tokens"] == 6
        else:
            assert (result.llm_output or {}).get("token_usage", about["usage"])[
                "completion_tokens"
            ] == 6


@chat_only
def test_model_last_chunk_of_a_chat_stream_carries_them_too(make: Make) -> None:
    last = list(make(max_tokens=6).stream(PROMPT))[-1]
    assert isinstance(last, AIMessageChunk)
    assert last.usage_metadata is not None
    assert last.usage_metadata["output_tokens"] == 6
    assert last.response_metadata["finish_reason"] == "length"


# 6 and 12: errors


def test_model_prompt_longer_than_the_context_raises_with_both_lengths(
    make: Make, path: Path, engine: Engine
) -> None:
    with pytest.raises(ContextLengthError) as caught:
        path(make(**engine.fresh), "lamp " * 2000)
    assert caught.value.context_tokens == CONTEXT
    if engine.tells_prompt_length:
        assert (caught.value.prompt_tokens or 0) > CONTEXT


def test_model_request_that_the_engine_refuses_raises(
    make: Make, path: Path, engine: Engine
) -> None:
    model = make()
    with pytest.raises(InvalidRequestError, match=engine.refusal):
        path(model, PROMPT, **engine.refused)
    assert path(model, PROMPT)


def test_model_each_item_of_a_batch_has_its_own_error(make: Make, engine: Engine) -> None:
    model = make(**engine.fresh)
    good, bad = model.batch([PROMPT, "lamp " * 2000], return_exceptions=True)
    assert good == model.invoke(PROMPT) or good.text == model.invoke(PROMPT).text
    assert isinstance(bad, ContextLengthError)
    good, bad = asyncio.run(model.abatch([PROMPT, "lamp " * 2000], return_exceptions=True))
    assert not isinstance(good, Exception)
    assert isinstance(bad, ContextLengthError)


# 8: threads and event loops


@chat_only
def test_model_threads_and_tasks_do_not_mix_answers(make: Make) -> None:
    model = make(max_tokens=12)
    prompts = [f"{number} lamps are" for number in range(12)]
    alone = [stream_text(model, prompt) for prompt in prompts]
    with ThreadPoolExecutor(12) as pool:
        assert_own(list(pool.map(lambda prompt: stream_text(model, prompt), prompts)), alone)

    async def together() -> list[Any]:
        return await asyncio.gather(*(model.ainvoke(prompt) for prompt in prompts))

    assert_own([answer.text for answer in asyncio.run(together())], alone)


def assert_own(answers: list[str], alone: list[str]) -> None:
    """Each answer begins as it did alone; in company it may end otherwise, where two tokens are
    almost as good."""
    for own, answer in zip(alone, answers, strict=True):
        assert common_length(own, answer) == max(common_length(other, answer) for other in alone)


def common_length(first: str, second: str) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )


def stream_text(model: Any, prompt: str) -> str:
    return "".join(
        chunk if isinstance(chunk, str) else chunk.text for chunk in model.stream(prompt)
    )


# 9: the cache key


@pytest.mark.parametrize("path_name", ["invoke", "ainvoke"], indirect=True)
def test_model_cache_distinguishes_options(make: Make, path: Path) -> None:
    cache = InMemoryCache()
    model = make(cache=cache)
    whole = path(model, PROMPT)
    short = path(model, PROMPT, max_tokens=4)
    assert short != whole
    assert path(model, PROMPT) == whole
    assert path(model, PROMPT, max_tokens=4) == short
    assert len(cache._cache) == 2
    path(make(cache=cache, timeout=50, max_retries=3), PROMPT)
    assert len(cache._cache) == 2


# 10: token counts


def test_model_tokens_are_counted_by_the_models_own_tokenizer(
    make: Make, kind: str, engine: Engine
) -> None:
    model = make()
    notes = Recorder()
    model.invoke("many small words", {"callbacks": [notes]})
    count = model.get_num_tokens("many small words")
    if engine.reports_token_ids:
        assert len(model.get_token_ids("many small words")) == count
    else:
        with pytest.raises(InvalidRequestError, match="`get_num_tokens`"):
            model.get_token_ids("many small words")
    if kind == "text":
        generation: Any = notes.results[0].generations[0][0]
        assert generation.generation_info["usage"]["prompt_tokens"] == count
