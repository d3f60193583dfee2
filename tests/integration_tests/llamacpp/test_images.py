"""ChatLlamaCpp answers about images, on projectors with random weights: what they show is noise,
but each image's own."""

import asyncio
import base64
import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from llama_cpp import mtmd_cpp
from llama_cpp.llama_chat_format import Llava15ChatHandler
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding
from pydantic import BaseModel

from langchain_localllm import ChatLlamaCpp, LlamaCpp
from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelFileError,
)
from langchain_localllm.gguf.threads import physical_cores
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.ffi import lib
from langchain_localllm.runtimes.llamacpp.request import Request
from langchain_localllm.runtimes.llamacpp.sampler import Sampling
from tests.integration_tests.scripted import soon
from tools.engines.images import GEMMA, LLAVA, QWEN, block, png, projector
from tools.engines.models import with_mrope

RED: Final = png(255, 0, 0)
BLUE: Final = png(0, 0, 255)
WIDE: Final = png(0, 255, 0, width=140, height=70)
QUESTION: Final = "What is it?"
LONG: Final = SystemMessage(
    "The boat on the river is red, and the lamp in the house is green. " * 6
)
NEAR: Final = 0.3
"""Logits differ by up to this much where the tokens are at other places in the cache."""
native: Final[Any] = mtmd_cpp
AnyArguments: Final[Any] = LlamaCpp
"""A class, for arguments that are not fields."""


def ask(*pictures: bytes, text: str = QUESTION) -> list[Any]:
    return [HumanMessage([*map(block, pictures), {"type": "text", "text": text}])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def llava(folder: Path) -> Path:
    return projector(folder / "mmproj-llava.gguf")


@pytest.fixture(scope="module")
def chat(llava: Path) -> Iterator[ChatLlamaCpp]:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), mmproj_path=llava, n_ctx=512, temperature=0, max_tokens=8
    ) as chat:
        yield chat


@pytest.fixture(scope="module", params=[LLAVA, QWEN, GEMMA])
def each(request: pytest.FixtureRequest, folder: Path) -> Iterator[ChatLlamaCpp]:
    """A model of each kind: one as all, one whose images have a width and a height, one whose
    images are read as a whole."""
    kind = request.param
    model = (
        with_mrope(tiny_chat_model(), folder / "mrope.gguf") if kind == QWEN else tiny_chat_model()
    )
    mmproj = projector(folder / f"{kind}.gguf", kind=kind)
    with ChatLlamaCpp(
        model_path=model, mmproj_path=mmproj, n_ctx=512, temperature=0, max_tokens=8
    ) as chat:
        yield chat


def first_logprobs(chat: ChatLlamaCpp, messages: list[Any], **options: Any) -> dict[int, float]:
    """The most probable first tokens of an answer."""
    answer = chat.invoke(messages, logprobs=20, max_tokens=1, **options)
    return {
        token["id"]: token["logprob"]
        for token in answer.response_metadata["logprobs"]["content"][0]["top_logprobs"]
    }


def near(one: dict[int, float], other: dict[int, float]) -> bool:
    return (
        all(abs(one[token] - other[token]) < NEAR for token in one.keys() & other.keys())
        and len(one.keys() & other.keys()) > 10
    )


# --- the answer ---


def reference(chat: ChatLlamaCpp, pictures: list[bytes]) -> np.ndarray[Any, Any]:
    """The first token's log probabilities, by llama.cpp's own helper in a context of its own."""
    engine = chat.engine
    marker = native.mtmd_default_marker().decode()
    text = (
        chat.template()
        .render([{"role": "user", "content": marker * len(pictures) + QUESTION}])
        .encode()
    )
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_threads, params.n_threads_batch, params.flash_attn_type = 512, 1, 1, 0
    context = lib.llama_init_from_model(engine.model.pointer, params)
    bitmaps = [
        native.mtmd_helper_bitmap_init_from_buf(
            engine.projector.pointer,
            (ctypes.c_uint8 * len(data)).from_buffer_copy(data),
            len(data),
            0,
        )
        for data in pictures
    ]
    chunks = native.mtmd_input_chunks_init()
    given = native.mtmd_input_text(text, len(text), 1, 1)
    array = (native.mtmd_bitmap_p_ctypes * len(bitmaps))(*bitmaps)
    assert (
        native.mtmd_tokenize(
            engine.projector.pointer, chunks, ctypes.byref(given), array, len(bitmaps)
        )
        == 0
    )
    end = lib.llama_pos(0)
    assert (
        native.mtmd_helper_eval_chunks(
            engine.projector.pointer, context, chunks, 0, 0, 512, 1, ctypes.byref(end)
        )
        == 0
    )
    logits = np.ctypeslib.as_array(
        lib.llama_get_logits_ith(context, -1), shape=(engine.model.size,)
    ).astype(np.float64)
    lib.llama_free(context)
    native.mtmd_input_chunks_free(chunks)
    for bitmap in bitmaps:
        native.mtmd_bitmap_free(bitmap)
    shifted = logits - logits.max()
    logprobs: np.ndarray[Any, Any] = shifted - np.log(np.exp(shifted).sum())
    return logprobs


@pytest.mark.parametrize("pictures", [[RED], [BLUE, WIDE]], ids=["one", "two"])
def test_image_tokens_are_those_of_llama_cpps_own_loop(
    each: ChatLlamaCpp, pictures: list[bytes]
) -> None:
    expected = reference(each, pictures)
    seen = first_logprobs(each, ask(*pictures))
    assert all(abs(expected[token] - logprob) < NEAR for token, logprob in seen.items())


def test_image_is_recognized_and_not_confused_with_another(each: ChatLlamaCpp) -> None:
    red, blue = first_logprobs(each, ask(RED)), first_logprobs(each, ask(BLUE))
    assert not near(red, blue)
    assert near(red, first_logprobs(each, ask(RED)))
    assert not near(first_logprobs(each, ask(RED, BLUE)), first_logprobs(each, ask(BLUE, RED)))


def test_image_concurrent_requests_get_their_own_images(each: ChatLlamaCpp) -> None:
    inputs: list[Any] = [
        ask(RED),
        "Hello!",
        ask(BLUE),
        ask(BLUE, RED),
        "Who are you?",
        ask(WIDE),
        ask(RED, text="And this?"),
    ]
    alone = [first_logprobs(each, messages) for messages in inputs]
    together = each.batch(inputs * 2, logprobs=20)
    for expected, answer in zip(alone * 2, together, strict=True):
        got = {
            token["id"]: token["logprob"]
            for token in answer.response_metadata["logprobs"]["content"][0]["top_logprobs"]
        }
        assert near(expected, got)


def test_image_keeps_its_place_in_the_message(chat: ChatLlamaCpp) -> None:
    parts = [
        {"type": "text", "text": "This"},
        block(RED),
        {"type": "text", "text": "and this"},
        block(BLUE),
    ]
    prepared = chat.prepare(
        [{"role": "user", "content": [_openai(part) for part in parts]}], [], {}
    )
    first, second = prepared.images
    assert f"This{first}and this{second}<|im_end|>" in prepared.prompt
    assert list(prepared.images.values()) == [RED, BLUE]


def _openai(part: dict[str, Any]) -> dict[str, Any]:
    data = f"data:image/png;base64,{part['base64']}" if part["type"] == "image" else ""
    return {"type": "image_url", "image_url": {"url": data}} if data else part


@pytest.mark.parametrize(
    "part",
    [
        block(RED),
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{base64.b64encode(RED).decode()}"},
        },
        {
            "type": "image",
            "source_type": "base64",
            "data": base64.b64encode(RED).decode(),
            "mime_type": "image/png",
        },
    ],
    ids=["block", "url", "old"],
)
def test_image_each_way_to_give_an_image_is_the_same(
    chat: ChatLlamaCpp, part: dict[str, Any]
) -> None:
    answer = chat.invoke([HumanMessage([part, {"type": "text", "text": QUESTION}])])
    assert answer.text == chat.invoke(ask(RED)).text


def test_image_sync_async_and_streams_answer_alike(chat: ChatLlamaCpp) -> None:
    async def answers() -> tuple[str, str]:
        streamed = [chunk.text async for chunk in chat.astream(ask(BLUE))]
        return (await chat.ainvoke(ask(BLUE))).text, "".join(streamed)

    expected = chat.invoke(ask(BLUE)).text
    assert asyncio.run(answers()) == (expected, expected)
    assert "".join(chunk.text for chunk in chat.stream(ask(BLUE))) == expected


def test_images_are_not_read_in_the_event_loops_thread(
    chat: ChatLlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, threads = chat.engine.projector.read, []

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(chat.engine.projector, "read", noted)
    asyncio.run(chat.ainvoke(ask(RED)))
    assert threads
    assert threading.main_thread() not in threads


class Seen(BaseModel):
    red: bool


def test_structured_output_and_tools_go_with_images(chat: ChatLlamaCpp) -> None:
    assert isinstance(chat.with_structured_output(Seen).invoke(ask(RED), max_tokens=60), Seen)
    (call,) = chat.bind_tools([Seen], tool_choice="any").invoke(ask(RED), max_tokens=60).tool_calls
    assert call["name"] == "Seen"


def test_image_draft_model_leaves_images_alone(chat: ChatLlamaCpp) -> None:
    answer = chat.invoke(ask(RED), draft_model=LlamaPromptLookupDecoding(num_pred_tokens=5))
    assert answer.text == chat.invoke(ask(RED)).text


# --- what is counted and kept ---


@pytest.fixture
def looked(chat: ChatLlamaCpp, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The images that the engine read."""
    seen: list[Any] = []
    context = chat.engine._worker._context
    decode = context.decode_image

    def noted(image: Any, *place: int) -> Any:
        seen.append(image)
        return decode(image, *place)

    monkeypatch.setattr(context, "decode_image", noted)
    return seen


def test_image_usage_counts_an_images_tokens(chat: ChatLlamaCpp) -> None:
    text = chat.invoke(QUESTION).usage_metadata
    for pictures in ([RED], [RED, BLUE]):
        seen = chat.invoke(ask(*pictures)).usage_metadata
        assert text
        assert seen
        assert seen["input_tokens"] == text["input_tokens"] + 16 * len(pictures)
        assert chat.get_num_tokens_from_messages(ask(*pictures)) == seen["input_tokens"]


def test_image_tokens_are_counted_where_they_share_positions(each: ChatLlamaCpp) -> None:
    usage: Any = each.invoke(ask(WIDE)).usage_metadata
    assert usage["input_tokens"] == each.get_num_tokens_from_messages(ask(WIDE))
    again: Any = each.invoke(ask(WIDE)).usage_metadata
    assert again["input_token_details"]["cache_read"] == usage["input_tokens"] - 1


def test_image_tokens_can_be_bounded(folder: Path) -> None:
    model, mmproj = (
        with_mrope(tiny_chat_model(), folder / "bounded.gguf"),
        projector(folder / "any-size.gguf", kind=QWEN),
    )
    counts = []
    for least, most in ((None, 20), (None, None), (90, 100)):
        with ChatLlamaCpp(
            model_path=model,
            mmproj_path=mmproj,
            n_ctx=256,
            image_min_tokens=least,
            image_max_tokens=most,
        ) as chat:
            counts.append(
                chat.get_num_tokens_from_messages(ask(WIDE))
                - chat.get_num_tokens_from_messages(ask())
            )
    few, default, many = counts
    assert few < 30 < default < 90 <= many < 110


def test_image_known_image_is_not_read_again_and_another_is(
    chat: ChatLlamaCpp, looked: list[Any]
) -> None:
    pictures = [png(9, number, 9) for number in (0, 0, 120)]
    for number, messages in enumerate(
        [ask(pictures[0]), ask(pictures[1]), ask(pictures[1], text="Why?"), ask(pictures[2])]
    ):
        chat.invoke(messages)
        assert len(looked) == (1 if number < 3 else 2)


def test_image_batch_about_one_image_reads_it_once(chat: ChatLlamaCpp, looked: list[Any]) -> None:
    picture = png(70, 80, 90)
    chat.batch([[LONG, *ask(picture, text=f"{number}?")] for number in range(6)])
    assert len(looked) == 1


def test_image_one_image_does_not_wait_for_many(chat: ChatLlamaCpp, looked: list[Any]) -> None:
    many = chat.engine.read([*(png(number, 99, 0) for number in range(24)), "Which?"])
    one = chat.engine.read(["What?", png(0, 99, 99), "And?"])
    boxes = ResponseQueue(), ResponseQueue()
    for prompt, box in zip((many, one), boxes, strict=True):
        chat.engine.submit(
            Request(prompt.tokens, Sampling(temperature=0), images=prompt.images, max_tokens=2), box
        )
    for box in boxes:
        while box.take(300).finish is None:
            pass
    assert looked.index(one.images[0]) < len(many.images)


def test_image_that_was_offloaded_is_not_read_again(chat: ChatLlamaCpp, looked: list[Any]) -> None:
    pictures = [png(33, number, 33) for number in range(12)]
    for picture in pictures * 2:
        chat.invoke(ask(picture))
    assert len(looked) == 12


def test_image_is_computed_with_all_cores(
    chat: ChatLlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, threads = chat.engine._worker._context, []
    decode = context.decode_image

    def note(*given: Any) -> Any:
        status = decode(*given)
        threads.append(lib.llama_n_threads_batch(context.pointer))
        return status

    monkeypatch.setattr(context, "decode_image", note)
    chat.invoke("Hello!")
    chat.invoke(ask(png(44, 44, 44)))
    assert threads == [physical_cores()]


def test_image_prompt_is_measured_with_its_images(llava: Path) -> None:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), mmproj_path=llava, n_ctx=64, n_parallel=2, max_tokens=4
    ) as small:
        with pytest.raises(ContextLengthError, match=r"has \d+ tokens") as raised:
            small.invoke(ask(RED, BLUE, WIDE, RED))
        assert (
            raised.value.prompt_tokens
            == small.get_num_tokens_from_messages(ask(RED, BLUE, WIDE, RED))
            >= 64
        )
        # and the cache makes room
        assert len(small.batch([ask(png(number, 0, 0)) for number in range(12)])) == 12


def test_image_profile_reports_images(chat: ChatLlamaCpp) -> None:
    assert (chat.profile or {})["image_inputs"] is True


# --- leaving ---


def quiet_soon(chat: ChatLlamaCpp) -> bool:
    return soon(lambda: not chat.engine.busy)


def test_image_stream_that_is_closed_ends_the_work(chat: ChatLlamaCpp) -> None:
    stream = chat.stream(ask(RED, BLUE, WIDE), max_tokens=300)
    next(stream)
    assert isinstance(stream, Iterator)
    del stream
    gc.collect()
    assert quiet_soon(chat)
    assert chat.invoke(ask(RED)).text


def test_image_of_a_cancelled_request_is_not_encoded(
    chat: ChatLlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, looked = ResponseQueue(), []
    decode = chat.engine._worker._context.decode_image

    def leave_at_the_first(*given: Any) -> Any:
        looked.append(given)
        box.cancel()
        return decode(*given)

    monkeypatch.setattr(chat.engine._worker._context, "decode_image", leave_at_the_first)
    prompt = chat.engine.read([png(1, 2, 3), png(3, 2, 1), png(2, 1, 3), "?"])
    chat.engine.submit(Request(prompt.tokens, images=prompt.images), box)
    assert quiet_soon(chat)
    assert len(looked) == 1


def test_image_cancelled_tasks_leave_the_rest_alone(chat: ChatLlamaCpp) -> None:
    async def some_leave() -> list[Any]:
        tasks = [asyncio.create_task(chat.ainvoke(ask(png(number, 50, 0)))) for number in range(20)]
        await asyncio.sleep(0.02)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(some_leave())
    assert all(answer.usage_metadata["output_tokens"] for answer in answers[1::2])
    assert quiet_soon(chat)


def test_image_memory_of_an_object_is_freed_with_it(llava: Path) -> None:
    chat = ChatLlamaCpp(model_path=tiny_chat_model(), mmproj_path=llava, n_ctx=300, max_tokens=2)
    chat.invoke(ask(RED))
    kept = weakref.ref(chat.engine.projector)
    del chat
    gc.collect()
    assert kept() is None


# --- bad images ---


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "has no data"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "convert it to PNG"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "not one of PNG"),
        (b"<svg/>", "not one of PNG"),
        (RED[:60], "damaged"),
        (RED.replace(b"IDAT", b"IDOT"), "damaged"),
        (b"\xff\xd8\xff" + bytes(100), "like a JPEG file, but is damaged"),
        (b"GIF89a" + bytes(5), "damaged"),
    ],
)
def test_image_bad_images_fail_their_request_only(
    chat: ChatLlamaCpp, data: bytes, says: str
) -> None:
    answers: list[Any] = chat.batch([ask(RED), ask(data)], return_exceptions=True)
    assert answers[0].text == chat.invoke(ask(RED)).text
    assert isinstance(answers[1], InvalidRequestError)
    assert says in str(answers[1])


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (
            {"type": "image", "base64": "no base64!", "mime_type": "image/png"},
            "base64 text is damaged",
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
            "nothing is downloaded",
        ),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "as base64"),
        ({"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}, "holds audio"),
    ],
)
def test_image_of_another_format_is_refused(
    chat: ChatLlamaCpp, part: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        chat.invoke([HumanMessage([part])])


def test_image_template_has_to_show_each_image(chat: ChatLlamaCpp) -> None:
    template = "{{ messages[-1].content }} answer:"
    with pytest.raises(InvalidRequestError, match="leaves out"):
        _with_template(chat, template).invoke([*ask(RED), AIMessage("Red."), HumanMessage("And?")])
    with pytest.raises(InvalidRequestError, match="ends with an image"):
        _with_template(chat, "{{ messages[-1].content }}").invoke([HumanMessage([block(RED)])])


def _with_template(chat: ChatLlamaCpp, template: str) -> ChatLlamaCpp:
    from dataclasses import replace

    copy = chat.model_copy()
    copy._abouts = {key: replace(about, template=template) for key, about in chat._abouts.items()}
    return copy


def test_image_text_that_looks_like_a_marker_is_text(chat: ChatLlamaCpp) -> None:
    text = f"<image-0-{'0' * 16}> {native.mtmd_default_marker().decode()}"
    usage: Any = chat.invoke(ask(RED, text=text)).usage_metadata
    assert usage["input_tokens"] == chat.get_num_tokens_from_messages([HumanMessage(text)]) + 16


# --- projectors ---


def test_image_projector_of_another_model_is_refused(folder: Path, llava: Path) -> None:
    cut, noise = folder / "cut.gguf", folder / "noise.gguf"
    cut.write_bytes(llava.read_bytes()[:-5000])
    noise.write_bytes(b"GGUF\3\0\0\0" + bytes(range(256)) * 9)
    for path, says in [
        (folder / "missing.gguf", "There is no model file"),
        (folder, "is a folder"),
        (cut, "is cut off"),
        (noise, "cut off or damaged"),
        (tiny_chat_model(), "is a language model, not a projector for images"),
        (
            projector(folder / "narrow.gguf", 64),
            r"not a projector for tiny-chat.gguf: mismatch.*n_embd = 192.*n_embd = 64",
        ),
        (projector(folder / "unknown.gguf", kind="telepathy"), "unknown projector type"),
    ]:
        with pytest.raises(ModelFileError, match=says):
            ChatLlamaCpp(model_path=tiny_chat_model(), mmproj_path=path)


def test_image_computed_in_one_batch_needs_a_batch_that_holds_it(folder: Path) -> None:
    gemma = projector(folder / "small-batch.gguf", kind=GEMMA)
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), mmproj_path=gemma, n_ctx=256, n_batch=2, n_parallel=2
    ) as chat:
        with pytest.raises(InvalidOptionError, match="n_batch=4"):
            chat.invoke(ask(RED))
        assert chat.invoke("Hello!", max_tokens=4).text


def test_image_chat_handler_of_llama_cpp_python_names_its_projector(
    chat: ChatLlamaCpp, llava: Path
) -> None:
    handler = Llava15ChatHandler(clip_model_path=str(llava), verbose=False)
    make: Any = ChatLlamaCpp
    for given in ({"chat_handler": handler}, {"clip_model_path": llava}, {"mmproj": llava}):
        other = make(model_path=tiny_chat_model(), n_ctx=512, model_kwargs=given)
        assert other.engine is chat.engine
    with pytest.raises(InvalidOptionError, match="chat_handler"):
        make(model_path=tiny_chat_model(), chat_handler=print)


def test_image_text_class_names_the_chat_class(llava: Path) -> None:
    with pytest.raises(InvalidOptionError, match="ChatLlamaCpp answers about images"):
        AnyArguments(model_path=tiny_chat_model(), mmproj_path=llava)


def test_image_without_a_projector_nothing_is_loaded_twice(chat: ChatLlamaCpp) -> None:
    blind = ChatLlamaCpp(model_path=tiny_chat_model(), n_ctx=512)
    assert blind.engine is LlamaCpp(model_path=tiny_chat_model(), n_ctx=512).engine
    assert blind.engine is not chat.engine
    assert blind.engine.model is chat.engine.model
    with pytest.raises(
        InvalidRequestError, match=r"`mmproj_path`.* does not accept\. It accepts only text"
    ):
        blind.invoke(ask(RED))
