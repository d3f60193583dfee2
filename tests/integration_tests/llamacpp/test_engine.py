"""What the engine promises: the same answers as llama-cpp-python's own loop, alone and in company;
only what is new is read."""

import gc
import random
import threading
import time
import weakref
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any, Final

import pytest
from langchain_core.runnables import ConfigurableField
from llama_cpp import Llama

from langchain_localllm import LlamaCpp, LlamaCppEmbeddings
from langchain_localllm.base.local_engine.stream import (
    _MAX_NOTIFY_INTERVAL,
    MIN_NOTIFY_INTERVAL,
    ResponseQueue,
)
from langchain_localllm.base.token_stream import CompletionInfo
from langchain_localllm.errors import ContextLengthError, ServerError
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.runtimes.llamacpp.compute_thread import computing
from langchain_localllm.runtimes.llamacpp.engine import _Worker
from langchain_localllm.runtimes.llamacpp.ffi import lib
from langchain_localllm.runtimes.llamacpp.request import Request
from langchain_localllm.runtimes.llamacpp.sampler import Sampling
from langchain_localllm.runtimes.llamacpp.sizing import bytes_per_token
from tests.integration_tests.scripted import soon
from tools.engines.models import recurrent, with_window

PROMPTS: Final = [
    f"{word} is"
    for word in (
        "Rain",
        "A boat",
        "The red door",
        "Bread",
        "The lamp",
        "A river",
        "My house",
        "One",
    )
]
LONG: Final = "The boat on the river is red, and the lamp in the house is green. " * 10
CLEAR: Final = 0.5
"""A lead in logits that no rounding takes away. With this model, 0.25 was the largest difference
seen."""


def generation(llm: LlamaCpp, prompt: str, **options: Any) -> Any:
    return llm.generate([prompt], **options).generations[0][0]


def sequences(llm: LlamaCpp) -> Any:
    return llm.engine._worker._sequences


def usage(llm: LlamaCpp, prompt: str, **options: Any) -> dict[str, int]:
    counts: dict[str, int] = generation(llm, prompt, **options).generation_info["usage"]
    return counts


def same_where_clear(one: Any, other: Any) -> bool:
    """Whether two greedy answers are the same up to the first token that does not lead clearly;
    probabilities stay near."""
    for first, second in zip(
        one.generation_info["logprobs"], other.generation_info["logprobs"], strict=False
    ):
        best, next_best = first["top_logprobs"][:2]
        assert (
            abs(first["top_logprobs"][0]["logprob"] - second["top_logprobs"][0]["logprob"]) < CLEAR
        )
        if first["id"] != second["id"]:
            return bool(best["logprob"] - next_best["logprob"] < CLEAR)
    return True


@pytest.mark.parametrize("prompt", [*PROMPTS[:3], LONG])
def test_engine_one_request_alone_is_answered_as_by_the_packages_own_loop(
    prompt: str, model_file: Path
) -> None:
    own = Llama(str(model_file), n_ctx=512, n_threads=1, n_threads_batch=1, verbose=False)
    tokens = own.tokenize(prompt.encode(), add_bos=False, special=True)
    expected = [token for token, _ in zip(own.generate(tokens, temp=0), range(100), strict=False)]
    own.close()
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=100) as fresh:
        assert fresh.get_token_ids(prompt) == tokens
        answer = generation(fresh, prompt, logprobs=0).generation_info["logprobs"]
    assert [token["id"] for token in answer] == expected


def test_engine_batch_is_answered_as_one_after_another(llm: LlamaCpp) -> None:
    alone = [generation(llm, prompt, logprobs=2) for prompt in PROMPTS]
    together = llm.generate(PROMPTS, logprobs=2).generations
    assert all(same_where_clear(one, row[0]) for one, row in zip(alone, together, strict=True))


def test_engine_seed_does_not_depend_on_what_else_runs(model_file: Path) -> None:
    with LlamaCpp(
        model_path=model_file,
        n_ctx=512,
        temperature=3,
        top_p=1,
        min_p=0,
        flash_attn=True,
        max_tokens=16,
    ) as hot:
        alone = hot.invoke(PROMPTS[0], seed=7)
        others = hot.batch([*PROMPTS], seed=7)
        assert others[0] == alone
        assert hot.invoke(PROMPTS[0], seed=8) != alone


def test_engine_log_probabilities_are_the_models_own_whatever_is_biased(llm: LlamaCpp) -> None:
    free = generation(llm, PROMPTS[0], logprobs=5, max_tokens=1).generation_info["logprobs"][0]
    biased = generation(
        llm, PROMPTS[0], logprobs=5, max_tokens=1, logit_bias={free["id"]: -100}
    ).generation_info["logprobs"][0]
    assert biased["id"] != free["id"]
    for one, other in zip(free["top_logprobs"], biased["top_logprobs"], strict=True):
        assert one["logprob"] == pytest.approx(other["logprob"], abs=CLEAR)


def finish(box: ResponseQueue) -> CompletionInfo:
    while (piece := box.take(30)).finish is None:
        pass
    return piece.finish


# --- the cache ---


def test_engine_prompt_that_begins_like_an_earlier_one_is_not_read_again(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=8) as llm:
        length = llm.get_num_tokens(LONG)
        assert usage(llm, LONG)["cached_tokens"] == 0
        fresh = generation(llm, f"{LONG}Rain is", logprobs=2)
        assert fresh.generation_info["usage"]["cached_tokens"] >= length - 2
        llm.close()
        assert same_where_clear(generation(llm, f"{LONG}Rain is", logprobs=2), fresh)


def test_engine_alternating_conversations_keep_their_prompts(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=4) as llm:
        talks = {name: f"{name}. {LONG}" for name in ("Anna", "Bert")}
        for turn in range(3):
            for name, talk in talks.items():
                read = llm.get_num_tokens(talk)
                counts = usage(llm, talk)
                if turn:
                    assert read - counts["cached_tokens"] < 12
                talks[name] = f"{talk}{llm.invoke(talk)} And then?"


SHARED: Final = [
    "",
    "You answer in one short sentence, and you never make anything up, whatever you are asked. ",
]


@pytest.mark.parametrize("shared", SHARED, ids=["nothing", "instructions"])
def test_engine_saved_prompts_slow_no_request_and_are_restored_when_needed(
    shared: str, model_file: Path
) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=4) as llm:
        prompts = [f"{shared}{number}. {LONG}"[: len(shared) + 200] for number in range(20)]
        llm.batch([*prompts])
        for prompt in (*prompts[:2], "Rain is"):
            usage(llm, prompt)
            assert tokens_in_cache(llm) < llm.get_num_tokens(prompt) + 4, (
                "others are in the cache too"
            )
        assert all(
            usage(llm, prompt)["cached_tokens"] == llm.get_num_tokens(prompt) - 1
            for prompt in prompts
        )


def tokens_in_cache(llm: LlamaCpp) -> int:
    return sum(len(one.tokens) for one in sequences(llm)._all)


def test_engine_restored_sequence_gives_the_same_answer(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=8) as llm:
        talks = [f"{prompt} {LONG}" for prompt in PROMPTS[:3]]
        first = [generation(llm, talk, logprobs=2) for talk in talks]
        again = [generation(llm, talk, logprobs=2) for talk in talks]
        assert all(one.generation_info["usage"]["cached_tokens"] > 100 for one in again)
        assert all(map(same_where_clear, first, again))


def test_engine_offloads_no_more_than_the_limit(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=4) as llm:
        prompts = [f"{number}. {LONG}" for number in range(6)]
        for prompt in prompts:
            usage(llm, prompt)
        host_cache = sequences(llm)._host_cache
        host_cache._size = int(2.5 * host_cache._saved[0].state.nbytes)
        counts = [usage(llm, prompt) for prompt in prompts[-2:]]
        assert [one["cached_tokens"] for one in counts] == [
            one["prompt_tokens"] - 1 for one in counts
        ]
        assert len(host_cache._saved) == 2
        assert usage(llm, prompts[0])["cached_tokens"] < 8
        host_cache._size = 1
        assert (
            usage(llm, f"What is longer than that is not saved there. {LONG}")["cached_tokens"] < 8
        )


def test_engine_offloads_everything_while_idle(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=20) as llm:
        answers = llm.generate([f"{number}. {LONG}" for number in range(4)]).generations
        assert soon(lambda: len(sequences(llm)._host_cache._saved) == 4)
        talk = f"0. {LONG}{answers[0][0].text}"
        assert len(sequences(llm)._all[0].segments) > 8, "the answers are scattered"
        assert usage(llm, f"{talk} And then?")["cached_tokens"] > llm.get_num_tokens(talk) - 5


def test_engine_offloads_only_contiguous_sequences_while_others_wait(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=20) as llm:
        sequences(llm)._max_segments = 0  # so that nothing is saved before it has to be
        for most, saved in ((0, 0), (8, 8)):
            llm.generate([f"{most}{number}. {LONG}" for number in range(3)])
            sequences(llm)._max_segments = most
            usage(llm, "Rain is")
            assert tokens_in_cache(llm) < 40
            assert len(sequences(llm)._host_cache._saved) >= min(saved, 3)
            assert all(
                len(one.tokens) <= llm.get_num_tokens(f"00. {LONG}")
                for one in sequences(llm)._host_cache._saved
            )
            sequences(llm)._max_segments = 0
        counts = usage(llm, f"80. {LONG}")
        assert counts["prompt_tokens"] - counts["cached_tokens"] < 20


def test_engine_without_free_memory_offloads_nothing(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> Any:
        raise MemoryError

    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=4) as llm:
        monkeypatch.setattr(llm.engine._worker._context, "save", fail)
        talks = [f"{number}. {LONG}" for number in range(3)]
        assert [usage(llm, talk)["cached_tokens"] < 8 for talk in talks * 2] == [True] * 6
        assert not sequences(llm)._host_cache._saved


def test_engine_sequence_that_cannot_be_restored_is_read_again(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=4) as llm:
        talks = [f"{number}. {LONG}" for number in range(3)]
        first = [generation(llm, talk, logprobs=2) for talk in talks]
        monkeypatch.setattr(lib, "llama_state_seq_set_data", lambda *_: 0)
        again = [generation(llm, talk, logprobs=2) for talk in talks]
        assert all(one.generation_info["usage"]["cached_tokens"] < 8 for one in again)
        assert all(map(same_where_clear, first, again))


def test_engine_offloaded_bytes_count_as_cache(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "langchain_localllm.runtimes.llamacpp.engine.free_memory", lambda: 10_000_000
    )
    with LlamaCpp(model_path=model_file, n_ctx=512, n_parallel=1) as llm:
        cache = 10_000_000 - 8 * sequences(llm)._host_cache._size
        assert cache == pytest.approx(
            llm.engine.cells * bytes_per_token(llm.engine.model.info, None, None), rel=0.01
        )


def test_engine_state_that_cannot_be_cut_is_offloaded_whole(
    model_file: Path, tmp_path: Path
) -> None:
    path = recurrent(model_file, tmp_path / "recurrent.gguf")
    with LlamaCpp(model_path=path, n_ctx=512, n_parallel=1, temperature=0, max_tokens=1) as llm:
        talks = [f"{prompt} {LONG}".strip() for prompt in PROMPTS[:3]]
        lengths = [usage(llm, talk)["prompt_tokens"] for talk in talks]
        further = [generation(llm, f"{talk} And then?", logprobs=2) for talk in talks]
        assert [one.generation_info["usage"]["cached_tokens"] for one in further] == lengths
        sequences(llm).clear()
        assert same_where_clear(generation(llm, f"{talks[0]} And then?", logprobs=2), further[0])


def test_engine_on_a_gpu_prompts_stay_in_the_cache(model_file: Path) -> None:
    """Where there is none, `n_gpu_layers` changes nothing but this."""
    with LlamaCpp(
        model_path=model_file, n_ctx=500, n_gpu_layers=-1, n_parallel=2, temperature=0, max_tokens=4
    ) as llm:
        prompts = [f"{number}. {LONG}"[:200] for number in range(5)]
        lengths = [usage(llm, prompt)["prompt_tokens"] for prompt in prompts]
        assert tokens_in_cache(llm) > sum(lengths)
        assert [usage(llm, prompt)["cached_tokens"] for prompt in prompts] == [
            length - 1 for length in lengths
        ]


def test_engine_batch_reads_a_common_beginning_once(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=500, temperature=0, max_tokens=4) as llm:
        rows = [*llm.generate([LONG + prompt for prompt in PROMPTS]).generations]
        read = [row[0].generation_info["usage"] for row in rows if row[0].generation_info]
        assert sum(
            counts["prompt_tokens"] - counts["cached_tokens"] for counts in read
        ) < 2 * llm.get_num_tokens(LONG)


def test_engine_cache_makes_room_when_it_is_full(model_file: Path) -> None:
    with LlamaCpp(
        model_path=model_file, n_ctx=256, n_parallel=2, temperature=0, max_tokens=8
    ) as llm:
        prompts = [f"{number} {LONG}"[:400] for number in range(12)]
        first = [llm.invoke(prompt) for prompt in prompts]
        assert llm.batch([*prompts]) == first


def test_engine_tokens_outside_a_sliding_window_are_read_again(
    model_file: Path, tmp_path: Path
) -> None:
    chance = random.Random(1)  # noqa: S311 - it hides nothing
    talks = [" ".join(chance.choices(LONG.split(), k=60)) for _ in range(3)]
    path = with_window(model_file, tmp_path / "window.gguf", 8)
    with (
        LlamaCpp(model_path=path, n_ctx=128, n_parallel=2, n_batch=64, temperature=0) as llm,
        LlamaCpp(model_path=path, n_ctx=128, n_parallel=1, temperature=0) as fresh,
    ):
        for _ in range(40):
            prompt = chance.choice(talks)[: chance.randrange(20, 240)]
            sequences(fresh).clear()
            answers = [
                generation(one, prompt, max_tokens=length, logprobs=5)
                for one, length in ((llm, 12), (fresh, 1))
            ]
            best, expected = (
                answer.generation_info["logprobs"][0]["top_logprobs"][0]["logprob"]
                for answer in answers
            )
            assert abs(best - expected) < CLEAR


def test_engine_whole_sequence_that_lost_what_its_window_needs_is_not_continued(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_window(model_file, tmp_path / "window.gguf", 8)
    with LlamaCpp(model_path=path, n_ctx=500, temperature=0, max_tokens=1) as llm:
        talk = LONG.strip()
        length = usage(llm, talk)["prompt_tokens"]
        assert usage(llm, f"{talk} And then?")["cached_tokens"] == length
        monkeypatch.setattr(llm.engine._worker._context, "first_position", lambda _: length)
        assert usage(llm, f"{talk} And then? Why?")["cached_tokens"] == 0


# --- leaving ---


def quiet_soon(llm: LlamaCpp) -> bool:
    return soon(lambda: not llm.engine.busy)


def compute_slowly(llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute a batch in 20 ms, so that an answer takes seconds however long this thread is not
    scheduled."""
    context = llm.engine._worker._context
    decode = context.decode

    def decode_late(parts: Any) -> Any:
        time.sleep(0.02)
        return decode(parts)

    monkeypatch.setattr(context, "decode", decode_late)


def test_engine_stream_that_is_closed_ends_the_work(
    llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_slowly(llm, monkeypatch)
    stream = llm.stream("Once", max_tokens=480)
    next(stream)
    assert llm.engine.busy
    stream.close()
    assert quiet_soon(llm)
    assert tokens_in_cache(llm) < 100


def test_engine_prompt_of_a_cancelled_request_is_not_read_to_its_end(llm: LlamaCpp) -> None:
    box = ResponseQueue()
    llm.engine.submit(Request(llm.get_token_ids(LONG), Sampling(temperature=0)), box)
    box.cancel()
    assert quiet_soon(llm)
    with pytest.raises(Empty):
        box.take(0)


def test_engine_state_that_cannot_be_cut_is_right_after_a_cancelled_request(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recurrent(model_file, tmp_path / "recurrent.gguf")
    with LlamaCpp(model_path=path, n_ctx=512, n_batch=32, temperature=0, max_tokens=3) as llm:
        expected = generation(llm, LONG, logprobs=2)
        batch = (
            generation(llm, LONG[:300], logprobs=2),
            *llm.generate([LONG[:300], PROMPTS[0]], logprobs=2).generations[0],
        )
        assert same_where_clear(*batch)
        sequences(llm).clear()
        context, box, parts = llm.engine._worker._context, ResponseQueue(), []
        decode = context.decode

        def leave_at_the_third(given: Any) -> Any:
            parts.append(given)
            if len(parts) == 3:
                box.cancel()
            return decode(given)

        monkeypatch.setattr(context, "decode", leave_at_the_third)
        llm.engine.submit(Request(llm.get_token_ids(LONG), Sampling(temperature=0)), box)
        assert quiet_soon(llm)
        again = generation(llm, LONG, logprobs=2)
        assert again.generation_info["usage"]["cached_tokens"] > 0
        assert same_where_clear(again, expected)


def test_engine_request_that_cannot_begin_fails_and_the_next_one_is_answered(
    llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError("no room for a sequence")

    with monkeypatch.context() as patch:
        patch.setattr(sequences(llm), "take", fail)
        with pytest.raises(MemoryError, match="no room"):
            llm.invoke("Rain is", timeout=60)
    assert llm.invoke("Rain is", max_tokens=2)


# --- readers ---


def test_engine_prompt_during_an_answer_is_read_in_large_parts_where_every_batch_is_slow(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=2000, n_parallel=2, temperature=0) as llm:
        stream = llm.stream("Once", max_tokens=480)
        context, sizes = llm.engine._worker._context, []
        decode = context.decode

        def decode_late(parts: Any) -> Any:
            sizes.append(max(len(part.tokens) for part in parts))
            time.sleep(0.15)
            return decode(parts)

        next(stream)
        monkeypatch.setattr(context, "decode", decode_late)
        assert soon(lambda: len(sizes) > 2)
        llm.invoke(LONG * 7, max_tokens=1)
        monkeypatch.undo()
    read = [size for size in sizes if size > 1]
    assert sum(read) > 1000
    assert len(read) < 15, f"parts of {read}"


@pytest.mark.parametrize(
    ("count", "pause"),
    [(1, MIN_NOTIFY_INTERVAL), (4, 4 * MIN_NOTIFY_INTERVAL), (16, _MAX_NOTIFY_INTERVAL)],
)
def test_engine_notify_interval_grows_with_the_number_of_answers_up_to_a_limit(
    count: int, pause: float, model_file: Path
) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=128, n_parallel=16) as llm:
        boxes = [ResponseQueue() for _ in range(count)]
        for box in boxes:
            llm.engine.submit(Request([7], max_tokens=100), box)
        for box in boxes:
            box.take(30)
        assert {box.min_notify_interval for box in boxes} == {pause}
        llm.engine.free()


# --- one load ---


def test_engine_objects_on_one_file_share_the_engine(llm: LlamaCpp, model_file: Path) -> None:
    other = LlamaCpp(model_path=str(model_file), n_ctx=512, temperature=1)
    assert other.engine is llm.engine
    configurable = llm.configurable_fields(temperature=ConfigurableField(id="temperature"))
    threads = threading.active_count()
    assert configurable.with_config(configurable={"temperature": 0.5}).invoke("Rain is")
    assert llm.bind(max_tokens=2).invoke("Rain is")
    assert threading.active_count() == threads


def test_engine_another_context_shares_the_weights(llm: LlamaCpp, model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=256) as other:
        assert other.engine is not llm.engine
        assert other.engine.model is llm.engine.model


def test_engine_may_be_ended_by_the_thread_that_it_waits_for(model_file: Path) -> None:
    """As when a garbage collection there finds it forgotten."""
    llm = LlamaCpp(model_path=model_file, n_ctx=310, n_threads=2, max_tokens=250)
    stream = llm.stream("Rain is")
    next(stream)

    def end() -> None:
        time.sleep(0.2)  # by now the engine waits for its turn
        llm.engine.free()

    ending = threading.Thread(target=computing.run_parallel, args=(end,), daemon=True)
    ending.start()
    ending.join(60)
    assert not ending.is_alive()
    with pytest.raises(ServerError, match="freed"):
        list(stream)


@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="only Linux lists the threads of a process"
)
def test_engines_that_use_several_cores_share_the_threads_for_it(model_file: Path) -> None:
    def helpers() -> int:
        """Threads that are none of Python's."""
        return len(list(Path("/proc/self/task").iterdir())) - threading.active_count()

    with LlamaCpp(model_path=model_file, n_ctx=256, n_threads=2) as one:
        one.invoke("Rain is", max_tokens=2)
        before = helpers()
        with (
            LlamaCpp(model_path=model_file, n_ctx=300, n_threads=2) as other,
            LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_threads=2) as embeddings,
        ):
            other.invoke("Rain is", max_tokens=2)
            embeddings.embed_query("Rain is wet")
            assert soon(lambda: helpers() <= before), "each engine has helpers of its own"


class Impatient:
    """Gives up each batch with two threads before the same with one."""

    def __init__(self) -> None:
        self.tried: list[int] = []
        self.given_up: list[int] = []

    def pick(self, size: int) -> int:
        number = 2 if size > 1 and self.tried[-1:] != [2] else 1
        self.tried.append(number)
        return number

    def timeout(self, _: int, number: int) -> float | None:
        return 1e-9 if number == 2 else None

    def record(self, size: int, number: int, *_: float, **__: bool) -> None:
        if number == 2:
            self.given_up.append(size)


def test_engine_aborted_batch_is_computed_again(model_file: Path) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=510, temperature=0, max_tokens=8) as llm:
        expected = [generation(llm, prompt, logprobs=2) for prompt in (LONG, *PROMPTS)]
        sequences(llm).clear()
        threads = llm.engine._worker._context._threads = Impatient()
        again = [row[0] for row in llm.generate([LONG, *PROMPTS], logprobs=2).generations]
        assert len(threads.given_up) > 3
        assert all(map(same_where_clear, expected, again))


def test_engine_delayed_batch_is_computed_with_one_thread(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "langchain_localllm.runtimes.llamacpp.thread_tuner.physical_cores", lambda: 2
    )
    with LlamaCpp(model_path=model_file, n_ctx=490, temperature=0, max_tokens=8) as llm:
        expected = llm.invoke(LONG)
        context = llm.engine._worker._context
        decode, held_up = context._decode, []

        def with_two_threads_only_after_long() -> Any:
            if (
                lib.llama_n_threads(context.pointer) == 1
                or context._batch.n_tokens == 1
                or context._threads.timeout(context._batch.n_tokens, 2) is None
            ):
                return decode()
            held_up.append(time.monotonic())
            assert soon(lambda: context._abort.value != b"")
            held_up.append(time.monotonic())
            return decode()

        monkeypatch.setattr(context, "_decode", with_two_threads_only_after_long)
        for _ in range(20):
            sequences(llm).clear()
            assert llm.invoke(LONG) == expected
        assert held_up, "two threads were not tried"
        sizes = context._threads._trials.keys() - {1}
        # two threads that were fast before get a second try, and another one 16 batches later
        assert len(held_up) <= 2 * 3 * len(sizes), "two threads are tried again and again"


def test_engine_texts_of_an_aborted_batch_are_embedded() -> None:
    with LlamaCppEmbeddings(model_path=tiny_embedding_model()) as embeddings:
        expected = embeddings.embed_documents(PROMPTS)
        threads = embeddings.engine._worker._context._threads = Impatient()
        assert embeddings.embed_documents(PROMPTS) == expected
        assert threads.given_up


def test_engine_only_a_batch_that_is_too_slow_alone_is_interrupted() -> None:
    interrupted = threading.Event()
    before = threading.Thread(target=computing.run_parallel, args=(lambda: time.sleep(1.5),))
    before.start()
    assert (
        computing.run_parallel(lambda: "in time", limit=1, interrupt=interrupted.set) == "in time"
    )
    before.join()
    assert not interrupted.is_set()
    assert computing.run_parallel(
        lambda: interrupted.wait(60), limit=0.05, interrupt=interrupted.set
    )


@pytest.mark.parametrize("how", ["close", "forget"])
def test_engine_closed_or_unreferenced_object_is_freed(how: str, model_file: Path) -> None:
    before = set(threading.enumerate())
    llm = LlamaCpp(model_path=model_file, n_ctx=300)
    engine = weakref.ref(llm.engine)
    (thread,) = set(threading.enumerate()) - before
    if how == "close":
        llm.close()
    else:
        del llm
    gc.collect()
    assert engine() is None
    assert not thread.is_alive()


def test_engine_closed_object_loads_again(model_file: Path) -> None:
    llm = LlamaCpp(model_path=model_file, n_ctx=300, temperature=0, max_tokens=4)
    answer = llm.invoke("Rain is")
    llm.close()
    assert llm.invoke("Rain is") == answer


def test_engine_that_is_freed_fails_its_answers(model_file: Path) -> None:
    engine = LlamaCpp(model_path=model_file, n_ctx=400).engine
    box = ResponseQueue()
    engine.submit(Request([1]), box)
    engine.free()
    with pytest.raises(ServerError, match="freed"):
        finish(box)
    with pytest.raises(ServerError, match="freed"):
        engine.submit(Request([1]), ResponseQueue())


# --- the context's end, and what fails ---


def test_engine_answer_ends_where_the_context_does(llm: LlamaCpp) -> None:
    result = generation(llm, LONG, max_tokens=-1)
    assert result.generation_info["finish_reason"] == "length"
    assert result.generation_info["usage"]["total_tokens"] == 512


def test_engine_prompt_that_fills_the_context_is_refused_with_both_lengths(llm: LlamaCpp) -> None:
    with pytest.raises(ContextLengthError, match="512") as caught:
        llm.invoke(LONG * 5)
    assert caught.value.prompt_tokens == llm.get_num_tokens(LONG * 5)


def test_engine_request_that_cannot_be_computed_fails_alone(llm: LlamaCpp) -> None:
    good, bad = ResponseQueue(), ResponseQueue()
    engine = llm.engine
    engine.submit(Request(llm.get_token_ids(LONG), Sampling(temperature=0), max_tokens=100), good)
    engine.submit(Request([10**6, 5], Sampling(temperature=0)), bad)
    with pytest.raises(ServerError, match="could not compute"):
        finish(bad)
    assert finish(good).completion_tokens == 100
    assert llm.invoke("Rain is")


def test_engine_more_requests_than_sequences_wait_their_turn(model_file: Path) -> None:
    with LlamaCpp(
        model_path=model_file, n_ctx=512, n_parallel=2, temperature=0, max_tokens=4
    ) as llm:
        answers = llm.batch([f"{number} lamps are" for number in range(40)])
        assert all(answers)


def test_engine_bug_of_our_own_fails_current_requests_only(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LlamaCpp(model_path=model_file, n_ctx=400, temperature=0, max_tokens=8) as llm:
        expected = llm.invoke(LONG)
        with monkeypatch.context() as broken:
            broken.setattr(llm.engine._worker, "_apply_batch", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                llm.invoke(LONG)
        assert llm.invoke(LONG) == expected


@pytest.mark.parametrize("speed", [0.0, 1.0, 20.0, 639.0])
def test_reading_share_on_a_slow_machine_keeps_reading_efficient(speed: float) -> None:
    worker, reading = SimpleNamespace(_speed=speed, _step=0.0), SimpleNamespace(text=range(1000))
    assert _Worker._reading_share(worker, [reading]) == 64  # type: ignore[arg-type,list-item]  # only speeds and lengths are read
