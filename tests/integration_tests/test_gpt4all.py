"""What is particular to GPT4All, on the real engine with the tiny chat model."""

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import gpt4all
import pytest
import requests
from gguf import GGUFReader

from langchain_localllm import GPT4All
from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    MissingDependencyError,
    ModelFileError,
    ServerError,
)
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.gpt4all import binding
from langchain_localllm.runtimes.gpt4all import model_files as files
from langchain_localllm.runtimes.gpt4all.generation import answer
from tools.engines.hub import REPOSITORY, Hub, hub
from tools.engines.models import never_ending

ROOT: Final = Path(__file__).parents[2]
PROMPT: Final = "The lamp on the table is"
QUESTION: Final = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
CONTEXT: Final = 256
PROCESSORS: Final = os.cpu_count() or 1


@pytest.fixture(scope="module")
def endless_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return never_ending(tiny_chat_model(), tmp_path_factory.mktemp("endless") / "endless.gguf")


@pytest.fixture(scope="module")
def endless(endless_file: Path) -> Iterator[GPT4All]:
    """A model that does not end an answer by itself."""
    with GPT4All(model=str(endless_file), n_ctx=CONTEXT, temperature=0) as llm:
        yield llm


def finish_of(llm: GPT4All, prompt: str = PROMPT, **options: Any) -> CompletionInfo:
    pieces = list(llm.with_options(options).open_answer(prompt, []).events())
    assert pieces[-1].finish is not None
    return pieces[-1].finish


def wait_until_idle(llm: GPT4All) -> None:
    idle = threading.Event()
    llm.engine.submit(lambda _: idle.set())  # jobs are done in turn
    assert idle.wait(60)


# --- ends before the end ---


class Box(ResponseQueue):
    """A response queue that reports `cancelled` after it was read a number of times."""

    def __init__(self, looks: int) -> None:
        self.looks = 0
        self._most = looks
        super().__init__()

    @property
    def cancelled(self) -> bool:  # read by the engine like the attribute
        self.looks += 1
        return self.looks > self._most

    @cancelled.setter
    def cancelled(self, _: bool) -> None:
        pass


def answer_into(llm: GPT4All, box: ResponseQueue, prompt: str, **options: Any) -> None:
    model = llm.with_options(options)
    model.engine.submit(partial(answer, model.request(prompt, []), box))
    wait_until_idle(llm)


def test_gpt4all_closed_stream_ends_the_answer_within_a_token(endless: GPT4All) -> None:
    # looks: once before, then at each token of the prompt
    before = len(endless.get_token_ids(PROMPT)) + 1
    box = Box(before + 3)
    answer_into(endless, box, PROMPT, max_tokens=200)
    assert [bool(box.take(0).text) for _ in range(4)] == [True] * 4
    last = box.take(0)
    assert last.finish is not None
    assert last.finish.completion_tokens == 4


def test_gpt4all_closed_stream_ends_reading_within_a_batch(endless: GPT4All) -> None:
    prompt = "lamp " * 200
    box = Box(1 + 12)
    answer_into(endless, box, prompt, n_batch=8)
    last = box.take(0)
    assert last.finish is not None
    # it was stopped in the middle of the second batch, and read no third
    assert last.finish.prompt_tokens == 13
    assert last.finish.completion_tokens == 0
    assert box.empty()


def test_gpt4all_request_cancelled_before_its_turn_costs_nothing(endless: GPT4All) -> None:
    box = ResponseQueue()
    box.cancelled = True
    answer_into(endless, box, PROMPT)
    assert box.empty()


def test_gpt4all_left_loop_frees_the_engine(endless: GPT4All) -> None:
    for _ in endless.stream(PROMPT, max_tokens=200):
        break
    wait_until_idle(endless)


def test_gpt4all_cancelled_task_ends_the_answer_within_a_token(
    endless: GPT4All, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, events = ResponseQueue.put, []
    begun, cancelled = threading.Event(), threading.Event()

    def put_after_the_cancel(box: ResponseQueue, event: StreamEvent) -> None:
        events.append(event)
        begun.set()
        assert cancelled.wait(60)
        put(box, event)

    monkeypatch.setattr(ResponseQueue, "put", put_after_the_cancel)

    async def cancel() -> None:
        task = asyncio.create_task(endless.ainvoke(PROMPT, max_tokens=200))
        assert await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    cancelled.set()
    wait_until_idle(endless)
    assert events[-1].finish is not None
    assert events[-1].finish.completion_tokens == 1


def test_gpt4all_call_that_takes_too_long_ends(endless: GPT4All) -> None:
    for call in (
        endless.invoke,
        lambda prompt, **options: asyncio.run(endless.ainvoke(prompt, **options)),
    ):
        with pytest.raises(CallTimeoutError):
            call(PROMPT, timeout=0.01, max_tokens=200)
        wait_until_idle(endless)


# --- the context ---


def test_gpt4all_answer_ends_where_the_context_does(
    endless: GPT4All, capfd: pytest.CaptureFixture[str]
) -> None:
    for max_tokens in (-1, 10_000):
        finish = finish_of(endless, max_tokens=max_tokens)
        assert finish.reason == "length"
        assert finish.prompt_tokens is not None
        assert finish.completion_tokens == CONTEXT - finish.prompt_tokens - 1
    assert capfd.readouterr().err == ""  # the engine reports a shift there


def test_gpt4all_prompt_may_fill_all_but_four_tokens(endless: GPT4All) -> None:
    fitting = next(
        prompt
        for count in range(300, 0, -1)
        if endless.get_num_tokens(prompt := "lamp " * count) <= CONTEXT - 4
    )
    assert (
        finish_of(endless, fitting).prompt_tokens == endless.get_num_tokens(fitting) == CONTEXT - 4
    )
    with pytest.raises(
        ContextLengthError, match=r"The prompt has 253 tokens, and the context 256"
    ) as caught:
        endless.invoke(fitting + "lamp ")
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (253, 256)


def test_gpt4all_context_is_the_models_own_unless_it_is_very_large() -> None:
    with GPT4All(model=tiny_chat_model()) as llm:
        assert finish_of(llm, "lamp " * 1500, max_tokens=1).prompt_tokens == 1501
        with pytest.raises(ContextLengthError, match="the context 2048"):
            llm.invoke("lamp " * 2100)


# --- text ---


def test_special_tokens_are_read_and_never_shown(endless: GPT4All) -> None:
    assert endless.get_num_tokens("<|im_start|>") == 1
    with GPT4All(model=tiny_chat_model(), temperature=0) as llm:
        finish = finish_of(llm, QUESTION)
        answer = llm.invoke(QUESTION)
        assert finish.reason == "stop"
        assert answer
        assert "<|" not in answer
        hot = "".join(llm.batch([PROMPT] * 4, temperature=50, top_p=1, top_k=0, max_tokens=100))
        assert "<|im_" not in hot


def test_gpt4all_answer_ends_at_each_token_that_ends_one(tmp_path: Path) -> None:
    path = tmp_path / "other-end.gguf"
    path.write_bytes(tiny_chat_model().read_bytes())
    # the package alone would go on
    GGUFReader(path, "r+").fields["tokenizer.ggml.eos_token_id"].parts[-1][0] = 255
    with (
        GPT4All(model=path, temperature=0) as other,
        GPT4All(model=tiny_chat_model(), temperature=0) as usual,
    ):
        assert finish_of(other, QUESTION).reason == "stop"
        assert other.invoke(QUESTION) == usual.invoke(QUESTION)


def test_gpt4all_character_in_several_tokens_is_whole(endless: GPT4All) -> None:
    text = "Größe 灯 🍞"
    assert endless.get_num_tokens(text) > len(text.split())


def test_gpt4all_prompt_is_read_as_the_engine_alone_reads_it(
    endless: GPT4All, endless_file: Path
) -> None:
    """The package's own `generate`, with the same options, is the yardstick."""
    alone = gpt4all.GPT4All(
        endless_file.name,
        model_path=endless_file.parent,
        allow_download=False,
        n_ctx=CONTEXT,
        n_threads=1,
    )
    for prompt in (PROMPT, "Größe 灯", "a\n\nb"):
        expected = alone.generate(prompt, max_tokens=30, temp=0, top_p=0.1, n_batch=128)
        # it prints special tokens
        assert endless.invoke(prompt, max_tokens=30) == re.sub(r"<\|.*?\|>", "", expected)
    alone.close()


# --- chance ---

HOT: Final[dict[str, Any]] = {"temperature": 5, "top_p": 1, "max_tokens": 12}


def test_gpt4all_seed_holds_for_its_call_only(endless: GPT4All) -> None:
    first = endless.invoke(PROMPT, seed=7, **HOT)
    others = {endless.invoke(PROMPT, **HOT) for _ in range(4)} | {
        endless.invoke(PROMPT, seed=-1, **HOT) for _ in range(4)
    }
    assert len(others) == 8
    assert endless.invoke(PROMPT, seed=7, **HOT) == first
    assert endless.with_options({"seed": 7}).invoke(PROMPT, **HOT) == first
    # as with llama.cpp, 32 bits count
    assert endless.invoke(PROMPT, seed=2**40 + 7, **HOT) == first
    with GPT4All(model=endless.model, n_ctx=128, seed=7) as other:
        assert other.invoke(PROMPT, **HOT) == first


def test_gpt4all_build_without_seeds_says_so(endless_file: Path) -> None:
    with GPT4All(model=str(endless_file), n_ctx=64) as llm:
        llm.engine.loaded.seeds = None
        with pytest.raises(InvalidRequestError, match="no way to set a seed"):
            llm.invoke(PROMPT, seed=7)
        assert llm.invoke(PROMPT, max_tokens=4)


def test_gpt4all_build_without_a_tokenizer_works_and_says_so(endless_file: Path) -> None:
    with GPT4All(model=str(endless_file), n_ctx=64, temperature=0) as llm:
        llm.engine.loaded.vocabulary = None
        with pytest.raises(InvalidRequestError, match="offers no tokenizer"):
            llm.get_num_tokens(PROMPT)
        assert llm.invoke(PROMPT, max_tokens=4)
        assert finish_of(llm, max_tokens=4).completion_tokens == 4
        with pytest.raises(ContextLengthError, match="longer than the context of 64"):
            llm.invoke("lamp " * 100)
        with pytest.raises(InvalidRequestError, match="empty"):
            llm.invoke("")
        assert llm.invoke(PROMPT, max_tokens=4)


# --- sharing and freeing ---


def threads_of(file: Path) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"GPT4All {file.name}"]


def test_gpt4all_one_thread_for_a_file_and_none_after_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(tiny_chat_model().read_bytes())
    one, other = GPT4All(model=str(path)), GPT4All(model=path, temperature=0, n_threads=2)
    assert one.engine is other.engine
    assert len(threads_of(path)) == 1
    one.close()
    assert other.invoke(PROMPT, max_tokens=2)
    other.close()
    assert not threads_of(path)
    assert other.invoke(PROMPT, max_tokens=2)
    del other
    assert not threads_of(path)


def test_gpt4all_open_stream_keeps_its_model(endless_file: Path) -> None:
    llm = GPT4All(model=str(endless_file), n_ctx=128, temperature=0)
    stream = llm.stream(PROMPT, max_tokens=40)
    next(stream)
    llm.close()
    assert len(list(stream)) == 39


def test_gpt4all_model_freed_during_a_stream_raises(endless_file: Path) -> None:
    llm = GPT4All(model=str(endless_file), n_ctx=128, temperature=0)
    waiting = llm.open_answer(PROMPT, []).events()
    engine = llm.engine
    stream = llm.stream(PROMPT, max_tokens=100)
    next(stream)
    engine.free()
    with pytest.raises(ServerError, match="was freed"):
        list(stream)
    with pytest.raises(ServerError, match="was freed"):
        list(waiting)


AT_EXIT = """
from langchain_localllm import GPT4All
llm = GPT4All(model={model!r}, temperature=0)
stream = llm.stream("The lamp is", max_tokens=-1)
print(next(stream) != "")
"""


def test_gpt4all_nothing_is_printed_and_a_process_with_an_open_stream_ends(
    endless_file: Path,
) -> None:
    code = AT_EXIT.format(model=str(endless_file))
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


def test_gpt4all_two_hundred_streams_at_once(endless: GPT4All) -> None:
    async def read(number: int) -> str:
        return "".join(
            [text async for text in endless.astream(f"{number} lamps are", max_tokens=5)]
        )

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(read(number % 5) for number in range(200)))

    answers = asyncio.run(all_of_them())
    assert answers == [
        endless.invoke(f"{number % 5} lamps are", max_tokens=5) for number in range(200)
    ]


def test_gpt4all_two_files_work_side_by_side(endless: GPT4All, endless_file: Path) -> None:
    expected = endless.invoke(PROMPT, max_tokens=100)
    with GPT4All(model=str(endless_file), n_ctx=CONTEXT * 2, temperature=0) as other:
        assert other.engine is not endless.engine
        streams = [llm.stream(PROMPT, max_tokens=100) for llm in (endless, other)]
        turns = list(zip(*streams, strict=True))
    assert ["".join(texts) for texts in zip(*turns, strict=True)] == [expected, expected]


# --- options ---


def test_gpt4all_each_option_reaches_the_engine(endless: GPT4All) -> None:
    given: dict[str, Any] = {
        "top_k": 3,
        "top_p": 0.5,
        "min_p": 0.1,
        "repeat_penalty": 1.5,
        "repeat_last_n": -1,
        "n_batch": 16,
        "temp": 0.3,
    }
    request = endless.with_options({**given, "n_predict": 9, "seed": 3, "n_threads": 2}).request(
        "p", ["END"]
    )
    assert (request.sampling, request.max_tokens, request.seed, request.threads) == (
        given,
        9,
        3,
        min(2, PROCESSORS),
    )
    assert (request.prompt, request.stop) == ("p", ["END"])
    defaults = GPT4All(model=endless.model, n_ctx=CONTEXT).request("p", [])
    assert defaults.sampling == {
        "min_p": 0.0, "n_batch": 128, "repeat_last_n": 64, "repeat_penalty": 1.18,
        "temp": 0.7, "top_k": 40, "top_p": 0.1
    }  # fmt: skip
    assert (defaults.max_tokens, defaults.threads) == (256, 1)


def test_gpt4all_threads_of_a_call_are_set(endless: GPT4All) -> None:
    for threads in (2, 1, 1000):  # with a thousand, the engine would spin and hardly get on
        endless.invoke(PROMPT, max_tokens=2, n_threads=threads)
        assert endless.engine.loaded.model.thread_count() == min(threads, PROCESSORS)


def test_gpt4all_numbers_that_c_cannot_hold_do_no_harm(endless: GPT4All) -> None:
    whole = endless.invoke(PROMPT, max_tokens=5)
    for name in ("n_batch", "max_tokens", "repeat_last_n", "top_k", "seed"):
        given: dict[str, Any] = {"max_tokens": 5, name: 2**33 + 1}
        assert endless.invoke(PROMPT, **given)[:10] == whole[:10]
    # the engine would end the process for want of memory
    with pytest.raises(InvalidOptionError, match="n_ctx"):
        GPT4All(model=endless.model, n_ctx=2**31)


@pytest.mark.parametrize("option", ["grammar_path", "format", "response_format"])
def test_gpt4all_unsupported_option_is_refused_with_advice(endless: GPT4All, option: str) -> None:
    given: dict[str, Any] = {option: "x"}
    for call in (
        lambda: endless.invoke(PROMPT, **given),
        lambda: GPT4All(model=endless.model, **given),
    ):
        with pytest.raises(
            InvalidOptionError, match=f"GPT4All does not support `{option}`.*backend='llamacpp'"
        ):
            call()


def test_gpt4all_missing_device_is_refused(endless: GPT4All) -> None:
    for device in ("no such device", "cuda:none", "nvidia"):
        with pytest.raises(InvalidRequestError, match=f"device='{device}'.*device='cpu'"):
            GPT4All(model=endless.model, device=device)


def test_embedding_model_is_refused() -> None:
    with pytest.raises(ModelFileError, match="makes embeddings and no text"):
        GPT4All(model=tiny_embedding_model())


# --- where models are ---


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder whose model folder holds the tiny model, and a working folder that holds
    nothing."""
    models = tmp_path / ".cache" / "gpt4all"
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(tiny_chat_model().read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["tiny.gguf", "tiny", "~/.cache/gpt4all/tiny", "../.cache/gpt4all/tiny.gguf"]
)
@pytest.mark.usefixtures("home")
def test_gpt4all_model_is_found_by_name_and_by_path(name: str) -> None:
    with GPT4All(model=name, max_tokens=2) as llm:
        assert llm.invoke(PROMPT)


def test_gpt4all_model_is_still_found_from_another_working_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GPT4All(model="../.cache/gpt4all/tiny.gguf", max_tokens=2) as llm:
        monkeypatch.chdir(home / ".cache" / "gpt4all")
        assert llm.invoke(PROMPT)
        llm.close()
        assert llm.invoke(PROMPT)


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("something reached the network")


@pytest.mark.usefixtures("home")
def test_gpt4all_nothing_is_downloaded_without_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "get", never)
    with pytest.raises(ModelFileError, match="no model file other"):
        GPT4All(model="other.gguf")
    with GPT4All(model="tiny.gguf", allow_download=True) as llm:  # it is there
        assert llm.invoke(PROMPT, max_tokens=2)


CONTENT: Final = tiny_chat_model().read_bytes()
MD5: Final = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Replaces gpt4all.io."""
    with hub({}) as server:
        monkeypatch.setattr(files, "SITE", f"{server.url}/{REPOSITORY}/resolve/main")
        yield server


def offer(site: Hub, entry: dict[str, Any], path: str = "gguf/new.gguf") -> None:
    site.files |= {
        "models3.json": json.dumps([{"filename": "new.gguf", **entry}]).encode(),
        path: CONTENT,
    }


@pytest.mark.parametrize("name", ["new.gguf", "new"])
@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"md5sum": MD5}, "gguf/new.gguf"),
        ({"md5sum": MD5.upper(), "url": "{site}/elsewhere/other.gguf"}, "elsewhere/other.gguf"),
        ({"filename": "another.gguf"}, "gguf/new.gguf"),  # a file that the catalog leaves out
    ],
)
def test_gpt4all_model_is_downloaded_on_request(
    name: str, entry: dict[str, str], path: str, home: Path, site: Hub
) -> None:
    offer(site, {key: value.replace("{site}", files.SITE) for key, value in entry.items()}, path)
    with GPT4All(model=name, allow_download=True) as llm:
        assert llm.invoke(PROMPT, max_tokens=2)
    assert (home / ".cache/gpt4all/new.gguf").read_bytes() == CONTENT


def test_gpt4all_interrupted_download_is_resumed_with_progress(
    home: Path, site: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    offer(site, {"md5sum": MD5})
    site.cut_after, site.cuts = 2**20, 1
    with pytest.raises(ConnectionFailedError, match="interrupted"):
        files.fetch("new.gguf")
    files.fetch("new.gguf")
    assert site.ranges == [2**20]
    assert f"{len(CONTENT):,} of {len(CONTENT):,} bytes" in capfd.readouterr().err
    assert (home / ".cache/gpt4all/new.gguf").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        ({"md5sum": "0" * 32}, ModelFileError, "has another MD5 than expected"),
        (
            {"url": "{site}/nowhere.gguf"},
            ModelFileError,
            r"gpt4all\.io has no model new\.gguf\. Similar names: new",
        ),
        (
            {"filename": "Meta-Llama.gguf", "url": "{site}/nowhere.gguf"},
            ModelFileError,
            "Is the name right",
        ),
    ],
)
def test_gpt4all_missing_or_other_model_is_refused(
    entry: dict[str, str], error: type[Exception], message: str, home: Path, site: Hub
) -> None:
    offer(site, {key: value.replace("{site}", files.SITE) for key, value in entry.items()})
    if entry.get("filename"):
        del site.files["gguf/new.gguf"]
    with pytest.raises(error, match=message):
        GPT4All(model="new.gguf", allow_download=True)
    assert not [path for path in (home / ".cache/gpt4all").iterdir() if "new" in path.name]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("catalog", [None, b"<html>", b"{}x", b'[{"name": 1}]', b"[1]"])
def test_gpt4all_catalog_that_cannot_be_read(catalog: bytes | None, site: Hub) -> None:
    site.files = {} if catalog is None else {"models3.json": catalog}
    with pytest.raises(
        ConnectionFailedError, match=r"gpt4all\.io cannot be reached to fetch new\.gguf"
    ):
        GPT4All(model="new.gguf", allow_download=True)


# --- the package ---


def test_gpt4all_prompt_that_cannot_be_read_raises_the_reason_that_the_engine_prints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        os.write(
            2,
            b"llama_decode: failed to decode the batch, n_tokens = 8.\nLLAMA ERROR: out of room\n",
        )

    monkeypatch.setattr("langchain_localllm.runtimes.gpt4all.generation.run_prompt", fail)
    message = r"read the prompt of \d+ tokens: failed to .* n_tokens = 8; out of room\."
    with (
        GPT4All(model=tiny_chat_model(), n_ctx=128) as llm,
        pytest.raises(ServerError, match=message),
    ):
        llm.invoke("The lamp is red.")


@pytest.fixture
def fresh_binding() -> Iterator[None]:
    binding.binding.cache_clear()
    yield
    binding.binding.cache_clear()


@pytest.mark.usefixtures("fresh_binding")
@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, r'pip install "langchain-localllm\[gpt4all\]"'),
        ("2.9.1", "gpt4all 2.9.1 is installed"),
    ],
)
def test_gpt4all_package_that_is_missing_or_another_version(
    version: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(_: str) -> str:
        if version is None:
            raise ModuleNotFoundError
        return version

    monkeypatch.setattr("importlib.metadata.version", tell)
    with pytest.raises(MissingDependencyError, match=message):
        binding.binding()


def test_gpt4all_pieces_of_a_handle_hold_text_and_then_the_finish(endless: GPT4All) -> None:
    pieces = list(endless.open_answer(PROMPT, []).events())
    assert all(isinstance(piece, StreamEvent) and piece.finish is None for piece in pieces[:-1])
    finish = pieces[-1].finish
    assert finish is not None
    assert (finish.model, finish.reason) == ("endless.gguf", "length")
    assert (finish.timings.load or 0) > 0
    assert (finish.timings.prompt or 0) > 0
    assert (finish.timings.generation or 0) > 0
