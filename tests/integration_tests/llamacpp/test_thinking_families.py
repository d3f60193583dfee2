"""Each family's thoughts are counted and end with their budget, in this process."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm import ChatLlamaCpp
from tools.engines import llama_cpp_source
from tools.engines.chat_formats import ANSWER_STYLES, TEMPLATES
from tools.engines.scripted_model import scripted_model

THOUGHT: Final = "They want a small sum, so add."
ANSWER: Final = "It is four!"
_MARKER: Final = re.compile(r"<[^<>\s]+>|\[/?THINK\]")
NAMES: Final = (
    "Apertus-8B-Instruct",
    "ByteDance-Seed-OSS",
    "Cohere2MoE",
    "GLM-4.6",
    "Kimi-K3",
    "MiniMax-M3",
    "google-gemma-4-31B-it",
    "ibm-granite-granite-3.3-2B-Instruct",
    "mistralai-Ministral-3-14B-Reasoning-2512",
    "muse-glimmer",
    "tencent-Hy3",
)


@pytest.fixture(scope="module", params=NAMES)
def chat(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    style = ANSWER_STYLES[TEMPLATES[request.param][1]]
    text = f"{style.opening}{THOUGHT}{style.closing}{style.before}{ANSWER}{style.after}{style.end}"
    path = tmp_path_factory.mktemp("model") / "model.gguf"
    (start,) = scripted_model(path, [text], _MARKER.findall(text))
    template = Path(llama_cpp_source.install()) / "templates" / f"{request.param}.jinja"
    options: dict[str, Any] = {
        "temperature": 0,
        "max_tokens": 120,
        "n_ctx": 8192,
        "logit_bias": {start: 20.0},
    }
    with ChatLlamaCpp(
        model_path=path, chat_template=template, backend="llama-cpp-python", **options
    ) as chat:
        yield chat


def read(message: Any) -> tuple[str, str, int]:
    count = message.usage_metadata["output_token_details"]["reasoning"]
    return message.text, message.additional_kwargs.get("reasoning_content", ""), count


def test_thinking_thoughts_are_read_and_counted(chat: Any) -> None:
    text, thought, count = read(chat.invoke("Two and two?", reasoning=True))
    assert (text, thought) == (ANSWER, THOUGHT)
    assert count > 1
    chunks = list(chat.stream("Two and two?", reasoning=True))
    assert read(sum(chunks[1:], chunks[0])) == (text, thought, count)


def test_thinking_budget_ends_them(chat: Any) -> None:
    _, thought, count = read(chat.invoke("Two and two?", reasoning=True, reasoning_budget=3))
    assert THOUGHT.startswith(thought)
    assert 0 < len(thought) < len(THOUGHT)
    assert count <= 3


def test_thinking_switched_off_returns_no_thoughts(chat: Any) -> None:
    message = chat.invoke("Two and two?", reasoning=False)
    assert [block["type"] for block in message.content_blocks] == ["text"]
