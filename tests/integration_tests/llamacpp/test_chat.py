"""ChatLlamaCpp reads what its models write with tokens of their own."""

from typing import Any, Final, Literal

import pytest

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from tools.engines.models import with_control_tokens

MARKERS: Final = ["[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]"]
"""As in Mistral's vocabularies."""
CALL: Final = r'root ::= "[TOOL_CALLS]" "paint" "[ARGS]" "{\"colour\": \"red\"}"'


def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return colour


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = with_control_tokens(
        tiny_chat_model(), tmp_path_factory.mktemp("model") / "markers.gguf", MARKERS
    )
    with ChatLlamaCpp(model_path=path, n_ctx=512, temperature=0, max_tokens=60) as chat:
        control = chat.engine.model.special_token_ids(MARKERS)
        assert len(control) == len(MARKERS)
        # so that they are taken wherever a grammar lets them
        yield chat.bind(logit_bias=dict.fromkeys(control, 1000.0))


def test_chat_calls_are_read_where_their_markers_are_tokens(chat: Any) -> None:
    answer = chat.bound.bind_tools([paint], **chat.kwargs).invoke("Paint it red.", grammar=CALL)
    assert answer.text == ""
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("paint", {"colour": "red"})
    ]


def test_forced_call_is_read_there_too(chat: Any) -> None:
    answer = chat.bound.bind_tools([paint], tool_choice="any", **chat.kwargs).invoke(
        "Paint it red."
    )
    assert [call["name"] for call in answer.tool_calls] == ["paint"]


def test_chat_thoughts_are_read_where_their_markers_are_tokens(chat: Any) -> None:
    answer = chat.invoke("Is it red?", grammar='root ::= "[THINK]" "It may be." "[/THINK]" "Yes."')
    assert answer.text == "Yes."
    assert answer.content_blocks[0] == {"type": "reasoning", "reasoning": "It may be."}


def test_chat_other_control_tokens_are_removed_from_the_answer(chat: Any) -> None:
    assert chat.invoke("Paint it red.", grammar=CALL).text == 'paint{"colour": "red"}'
