"""The selector and its conditions."""

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import ConfigurableField

from langchain_localllm import ChatLlamafile, Llamafile, Ollama
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.prompts import (
    ConditionalPromptSelector,
    context_at_least,
    is_chat_model,
    is_family,
    is_llm,
    is_runtime,
    supports_tools,
)
from langchain_localllm.prompts.library import DEFAULT_LLAMA_SEARCH_PROMPT, DEFAULT_SEARCH_PROMPT

NOWHERE = "http://127.0.0.1:9"


class Named(FakeListLLM):
    """A model that is known by its name alone."""

    model: str


TEXT = FakeListLLM(responses=["x"])
CHAT = FakeListChatModel(responses=["x"])
ONE, TWO = PromptTemplate.from_template("one {x}"), PromptTemplate.from_template("two {x}")


def wrapped(llm: Any) -> list[Any]:
    return [
        llm,
        llm.bind(stop=["x"]),
        llm.with_retry(),
        llm.with_fallbacks([llm]),
        llm.with_config(tags=["x"]).bind(stop=["x"]).with_retry().with_fallbacks([llm.bind()]),
    ]


@pytest.mark.parametrize("number", range(5))
def test_selector_model_is_seen_through_its_wrappers(number: int) -> None:
    assert is_llm(wrapped(TEXT)[number])
    assert not is_chat_model(wrapped(TEXT)[number])
    assert is_chat_model(wrapped(CHAT)[number])
    selector = ConditionalPromptSelector(
        default_prompt=ONE, conditionals=[(lambda llm: isinstance(llm, FakeListChatModel), TWO)]
    )
    assert selector.get_prompt(wrapped(CHAT)[number]) is TWO
    assert selector.get_prompt(wrapped(TEXT)[number]) is ONE


def test_selector_configurable_model_is_seen() -> None:
    llm = Llamafile(base_url=NOWHERE).configurable_fields(
        temperature=ConfigurableField(id="temperature")
    )
    assert is_runtime("llamafile")(llm)


def test_selector_of_the_guide_works_unchanged() -> None:
    selector = ConditionalPromptSelector(
        default_prompt=DEFAULT_SEARCH_PROMPT,
        conditionals=[(lambda llm: isinstance(llm, Llamafile), DEFAULT_LLAMA_SEARCH_PROMPT)],
    )
    assert selector.get_prompt(Llamafile(base_url=NOWHERE)) is DEFAULT_LLAMA_SEARCH_PROMPT
    assert selector.get_prompt(TEXT) is DEFAULT_SEARCH_PROMPT
    assert DEFAULT_LLAMA_SEARCH_PROMPT.template.startswith("[INST] <<SYS>>\n")
    assert (
        DEFAULT_LLAMA_SEARCH_PROMPT.input_variables
        == DEFAULT_SEARCH_PROMPT.input_variables
        == ["question"]
    )


def test_selector_first_condition_that_holds_counts() -> None:
    assert (
        ConditionalPromptSelector(conditionals=[(is_llm, TWO), (is_llm, ONE)]).get_prompt(TEXT)
        is TWO
    )


def test_selector_no_match_and_no_default_is_an_error_that_names_the_conditions() -> None:
    with pytest.raises(
        InvalidOptionError,
        match=r"No condition holds for FakeListLLM \(is_chat_model, \(is_llm & ~is_llm\)\)",
    ):
        ConditionalPromptSelector(
            conditionals=[(is_chat_model, ONE), (is_llm & ~is_llm, TWO)]
        ).get_prompt(TEXT)


def test_selector_condition_that_fails_is_named() -> None:
    def is_large(llm: Any) -> bool:
        return bool(llm.size > 7)

    with pytest.raises(
        InvalidOptionError, match=r"condition .*is_large failed on FakeListLLM \(AttributeError: "
    ):
        ConditionalPromptSelector(default_prompt=ONE, conditionals=[(is_large, TWO)]).get_prompt(
            TEXT
        )
    with pytest.raises(InvalidOptionError, match=r"condition \(is_llm & .*is_large\) failed"):
        ConditionalPromptSelector(
            default_prompt=ONE, conditionals=[(is_llm & is_large, TWO)]
        ).get_prompt(TEXT)


def test_selector_conditions_combine_also_with_functions() -> None:
    def never(_: Any) -> bool:
        return False

    assert (is_llm & ~is_chat_model)(TEXT)
    assert (is_chat_model | is_llm)(TEXT)
    assert (never | is_llm)(TEXT)
    assert not (never & is_llm)(TEXT)
    assert not (is_llm & never)(TEXT)
    assert repr(~(is_llm | is_chat_model)) == "~(is_llm | is_chat_model)"


@pytest.mark.parametrize(
    ("llm", "runtime"),
    [
        (Llamafile(base_url=NOWHERE), "llamafile"),
        (ChatLlamafile(base_url=NOWHERE), "llamafile"),
        (Ollama(base_url=NOWHERE), "ollama"),
    ],
    ids=["text", "chat", "ollama"],
)
def test_selector_runtime_is_detected(llm: Any, runtime: str) -> None:
    for name in ("llamafile", "ollama", "llamacpp", "gpt4all"):
        assert is_runtime(name)(llm) == (name == runtime)


@pytest.mark.parametrize(
    ("kind", "runtime"),
    [
        ("llamacpp", "llamacpp"),
        ("llama-cpp-python", "llamacpp"),
        ("ollama-llm", "ollama"),
        ("gpt4all", "gpt4all"),
    ],
)
def test_selector_other_packages_classes_of_a_runtime_are_recognized(
    kind: str, runtime: str
) -> None:
    class Foreign(FakeListLLM):
        @property
        def _llm_type(self) -> str:
            return kind

    assert is_runtime(runtime)(Foreign(responses=[]))


def test_selector_name_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidOptionError, match=r"no runtime 'olama'. Did you mean 'ollama'"):
        is_runtime("olama")
    with pytest.raises(InvalidOptionError, match=r"no family 'lama2'. Did you mean 'llama2'"):
        is_family("lama2")


def test_selector_family_is_detected_by_the_name() -> None:
    mistral = Named(model="mistral-nemo", responses=[])
    assert is_family("mistral")(mistral.with_retry())
    assert is_family("mistral-tekken")(mistral)
    assert not is_family("llama2")(mistral)


def test_selector_unknown_property_counts_as_false() -> None:
    assert not context_at_least(1)(TEXT)
    assert not supports_tools(TEXT)
    assert not supports_tools(CHAT)


async def test_selector_async_chooses_the_same() -> None:
    selector = ConditionalPromptSelector(
        default_prompt=ONE, conditionals=[(is_family("llama2"), TWO)]
    )
    assert await selector.aget_prompt(Named(model="llama2", responses=[])) is TWO
    assert await selector.aget_prompt(TEXT) is ONE
