"""Chat models in this process: the template of the file, forced calls, structured output, images,
the model of a call."""

import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from langchain_localllm import ChatGPT4All, ChatLlamaCpp
from langchain_localllm.errors import (
    AnswerCutError,
    ChatTemplateError,
    InvalidOptionError,
    InvalidRequestError,
    ModelFileError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.templates.chat_template import ChatTemplate
from tools.engines.models import without_template

PICTURE = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
CLASSES: list[Any] = [ChatGPT4All, ChatLlamaCpp]


def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return colour


def light(on: bool) -> bool:
    """Switch the light."""
    return on


class House(BaseModel):
    """A house."""

    colour: Literal["red", "green"]
    big: bool


@pytest.fixture(params=CLASSES)
def make(request: pytest.FixtureRequest) -> Any:
    """Makes a model of a class."""

    def build(model: Path | None = None, **settings: Any) -> Any:
        return request.param(
            **{"model": model or tiny_chat_model(), "temperature": 0, "max_tokens": 60, **settings}
        )

    return build


@pytest.fixture
def enforced() -> ChatLlamaCpp:
    return ChatLlamaCpp(model_path=str(tiny_chat_model()), temperature=0, max_tokens=120)


def test_templated_chat_template_of_the_file_is_used(make: Any) -> None:
    chat = make()
    answer = chat.invoke([("system", "Be brief."), ("user", "Hello!")])
    prompt = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert answer.usage_metadata["input_tokens"] == chat.get_num_tokens(prompt)
    assert (
        make(chat_format="chatml").invoke([("system", "Be brief."), ("user", "Hello!")]).text
        == answer.text
    )


def test_tokens_of_messages_are_those_of_the_prompt(make: Any) -> None:
    chat, messages = make(), [HumanMessage("Hello!")]
    for tools in ([], [paint]):
        used = chat.bind_tools(tools).invoke(messages).usage_metadata["input_tokens"]
        assert chat.get_num_tokens_from_messages(messages, tools=tools) == used


def test_templated_chat_file_without_a_template_needs_a_name(make: Any, tmp_path: Path) -> None:
    bare = without_template(tiny_chat_model(), tmp_path / "bare.gguf")
    with pytest.raises(ModelFileError, match=r"has no chat template.*chat_format='chatml'"):
        make(bare)
    assert make(bare, chat_format="chatml").invoke("Hello!").text == make().invoke("Hello!").text
    with pytest.raises(InvalidOptionError, match="Use one of: chatml"):
        make(chat_format="llama-9")


def test_templated_chat_call_can_take_another_model(make: Any, tmp_path: Path) -> None:
    other = shutil.copy(tiny_chat_model(), tmp_path / "other.gguf")
    chat = make()
    assert chat.invoke("Hello!", model=other).response_metadata["model_name"] == "other.gguf"
    assert chat.invoke("Hello!").response_metadata["model_name"] == "tiny-chat.gguf"


def test_templated_chat_images_and_tools_that_the_model_does_not_take_are_refused(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = make()
    with pytest.raises(InvalidRequestError, match="It accepts only text"):
        chat.invoke([HumanMessage([{"type": "text", "text": "See"}, PICTURE])])
    monkeypatch.setattr(type(chat), "template", lambda _: ChatTemplate("{{ messages[0].content }}"))
    with pytest.raises(InvalidRequestError, match="does not support tools"):
        chat.bind_tools([paint]).invoke("Paint it.")
    monkeypatch.setattr(
        type(chat), "template", lambda _: ChatTemplate("{{ raise_exception('No systems here') }}")
    )
    with pytest.raises(ChatTemplateError, match="No systems here"):
        chat.invoke("Hello!")


def test_templated_chat_template_reads_what_it_is_given(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = make(chat_template_kwargs={"mood": "kind"})
    monkeypatch.setattr(
        type(chat), "template", lambda _: ChatTemplate("{{ mood }}: {{ messages[0].content }}")
    )
    assert chat.invoke("Hello!").usage_metadata["input_tokens"] == chat.get_num_tokens(
        "kind: Hello!"
    )


def test_templated_chat_template_that_begins_a_thought_is_read_so(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = make()
    own = chat.template()
    monkeypatch.setattr(
        type(chat), "template", lambda _: ChatTemplate(own.source + "<think>\n{# </think> #}")
    )
    answer = chat.invoke("Hello!")
    assert answer.text == ""
    assert answer.content_blocks[0]["type"] == "reasoning"


def test_templated_chat_structured_output_has_no_thoughts(
    enforced: ChatLlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = enforced.template()
    monkeypatch.setattr(
        type(enforced), "template", lambda _: ChatTemplate(own.source + "<think>\n{# </think> #}")
    )
    assert enforced.invoke("Is it red?", grammar='root ::= "Yes."').text == "Yes."
    assert enforced.invoke("Is it red?", json_schema={"const": True}).text == "true"
    assert isinstance(enforced.with_structured_output(House).invoke("A big red house."), House)


def test_templated_chat_profile_comes_from_the_file(make: Any) -> None:
    chat = make()
    assert chat.profile == {
        "tool_calling": True,
        "structured_output": isinstance(chat, ChatLlamaCpp),
        "image_inputs": False,
        "audio_inputs": False,
        "max_input_tokens": 2048,
        "reasoning_output": False,
    }


@pytest.mark.parametrize("choice", ["any", "paint"])
def test_forced_call_is_enforced_and_streamed(enforced: ChatLlamaCpp, choice: str) -> None:
    forced = enforced.bind_tools([light, paint], tool_choice=choice)
    full: Any = None
    for chunk in forced.stream("Paint it red."):
        full = chunk if full is None else full + chunk
    for answer in (forced.invoke("Paint it red."), full):
        (call,) = answer.tool_calls
        assert call["name"] in ({"light", "paint"} if choice == "any" else {"paint"})
        fitting: dict[str, list[dict[str, Any]]] = {
            "light": [{"on": True}, {"on": False}],
            "paint": [{"colour": "red"}, {"colour": "green"}],
        }
        assert call["args"] in fitting[call["name"]]
        assert (answer.text, answer.response_metadata["finish_reason"]) == ("", "tool_calls")


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_templated_chat_schema_is_enforced(enforced: ChatLlamaCpp, method: Any) -> None:
    assert isinstance(
        enforced.with_structured_output(House, method=method).invoke("A big red house."), House
    )
    with pytest.raises(AnswerCutError, match="Raise `max_tokens`"):
        enforced.with_structured_output(House, method=method, max_tokens=6).invoke(
            "A big red house."
        )


class Part(BaseModel):
    kind: Literal["wheel"]
    parts: list["Part"] = []


def test_templated_chat_recursive_schema_is_enforced(enforced: ChatLlamaCpp) -> None:
    for method in ("json_schema", "function_calling"):
        kept = enforced.with_structured_output(Part, method=method, include_raw=True).invoke(
            "A wheel."
        )
        assert isinstance(kept["parsed"], Part) or isinstance(kept["parsing_error"], AnswerCutError)


def test_templated_chat_engine_that_enforces_nothing_is_given_the_beginning() -> None:
    chat = ChatGPT4All(model=tiny_chat_model(), temperature=0, max_tokens=60)
    answer = chat.bind_tools([paint], tool_choice="any").invoke("Paint it red.")
    called = answer.tool_calls + answer.invalid_tool_calls
    assert called[0]["name"] == "paint"
    kept = chat.with_structured_output(House, include_raw=True).invoke("A big red house.")
    assert kept["raw"].text.startswith('{"colour":')
