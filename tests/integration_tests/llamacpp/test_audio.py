"""ChatLlamaCpp listens with the backend xllamacpp, on a projector with random weights: it hears
noise, but each sound's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.errors import InvalidRequestError, ModelFileError
from langchain_localllm.models import tiny_chat_model
from tools.engines.audio import audio_block, audio_projector, wav
from tools.engines.images import block, png

TOKENS = 125
"""Of half a minute, to which llama.cpp fills a sound up."""


def ask(*parts: dict[str, Any]) -> list[Any]:
    return [HumanMessage([*parts, {"type": "text", "text": "What do you hear?"}])]


@pytest.fixture(scope="module")
def mmproj(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audio_projector(tmp_path_factory.mktemp("audio") / "mmproj-audio.gguf")


@pytest.fixture(scope="module")
def chat(mmproj: Path) -> Iterator[ChatLlamaCpp]:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(),
        mmproj_path=mmproj,
        backend="xllamacpp",
        n_ctx=512,
        n_parallel=2,
        temperature=0,
        max_tokens=4,
    ) as chat:
        yield chat


def _logprobs(chat: ChatLlamaCpp, messages: list[Any]) -> list[float]:
    content = chat.invoke(messages, logprobs=5).response_metadata["logprobs"]["content"]
    return [token["logprob"] for token in content]


def test_audio_in_a_message_reaches_the_model(chat: ChatLlamaCpp) -> None:
    low, high = ask(audio_block(wav(200))), ask(audio_block(wav(3000)))
    assert _logprobs(chat, low) == pytest.approx(_logprobs(chat, low), abs=0.01)
    assert _logprobs(chat, low) != pytest.approx(_logprobs(chat, high), abs=0.0001)


def test_audio_tokens_are_counted(chat: ChatLlamaCpp) -> None:
    text: Any = chat.invoke(ask()).usage_metadata
    one: Any = chat.invoke(ask(audio_block(wav(440)))).usage_metadata
    assert one["input_tokens"] - text["input_tokens"] == pytest.approx(TOKENS, abs=2)
    assert chat.get_num_tokens_from_messages(ask(audio_block(wav(440)))) == one["input_tokens"]


def test_stream_about_audio_is_the_whole_answer(chat: ChatLlamaCpp) -> None:
    messages = ask(audio_block(wav(440)))
    assert "".join(chunk.text for chunk in chat.stream(messages)) == chat.invoke(messages).text


def test_damaged_audio_fails_its_request_only(chat: ChatLlamaCpp) -> None:
    whole = wav(440)
    with pytest.raises(InvalidRequestError):
        chat.invoke(ask(audio_block(whole[:12] + bytes(50))))
    assert chat.invoke(ask(audio_block(whole))).usage_metadata


def test_profile_of_a_projector_of_audio_has_no_images(chat: ChatLlamaCpp) -> None:
    profile = chat.profile or {}
    assert (profile["image_inputs"], profile["audio_inputs"]) == (False, True)


def test_image_for_a_projector_of_audio_is_refused(chat: ChatLlamaCpp) -> None:
    with pytest.raises(InvalidRequestError, match="image"):
        chat.invoke(ask(block(png(255, 0, 0))))


def test_projector_of_audio_names_the_backend_that_supports_it(mmproj: Path) -> None:
    with pytest.raises(ModelFileError, match='use `backend="xllamacpp"`'):
        ChatLlamaCpp(model_path=tiny_chat_model(), mmproj_path=mmproj, backend="llama-cpp-python")
