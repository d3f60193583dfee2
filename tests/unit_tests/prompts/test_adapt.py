"""One prompt as each model wants it: `for_model` and the ready prompts."""

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import BasePromptTemplate, ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_localllm import Ollama
from langchain_localllm.errors import ChatTemplateError, InvalidOptionError, InvalidRequestError
from langchain_localllm.model_info.info import ModelInfo
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.prompts import ModelPrompt, afor_model, for_model, library
from langchain_localllm.prompts import adapt as fitting
from langchain_localllm.prompts.library import CONVERSATION, DEFAULT_LLAMA_SEARCH_PROMPT, EXPLAIN
from langchain_localllm.prompts.prompt_pair import PromptPair

CHAT_PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
PLAIN = FakeListLLM(responses=["x"])
CHAT = FakeListChatModel(responses=["x"])


class Named(FakeListLLM):
    """A model that is known by its name alone."""

    model: str


class FromFile(FakeListLLM):
    """A model with a file."""

    model_path: str


def named(name: str) -> Named:
    return Named(model=name, responses=["x"])


def with_template(folder: Path, template: str, name: str = "some.gguf") -> FromFile:
    """A model whose file holds another template, of the same length or shorter."""
    data = tiny_chat_model().read_bytes()
    start = data.index(b"tokenizer.chat_template") + len("tokenizer.chat_template") + 4
    size = int.from_bytes(data[start : start + 8], "little")
    text = template.encode().ljust(size)
    assert len(text) == size
    file = folder / name
    file.write_bytes(data[: start + 8] + text + data[start + 8 + size :])
    return FromFile(model_path=str(file), responses=["x"])


# --- what a model gets ---


def test_adapt_prompt_model_s_own_template_is_rendered() -> None:
    llm = FromFile(model_path=str(tiny_chat_model()), responses=["x"])
    text = for_model(CHAT_PROMPT, llm.bind(stop=["x"])).format(question="Why {this}?")
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhy {this}?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_adapt_prompt_family_s_format_is_used_where_the_template_is_not_known() -> None:
    text = for_model("Why {this}?", named("llama-2-7b-chat")).format(this="rain")
    assert text == "[INST] Why rain? [/INST]"  # the engine begins with <s>


def test_adapt_prompt_model_of_no_family_gets_plain_text() -> None:
    assert for_model("Why {this}?", PLAIN).format(this="rain") == "Why rain?"
    assert for_model(CHAT_PROMPT, PLAIN).format(question="Why?") == "Be brief.\n\nWhy?"


def test_chat_model_gets_the_prompt_as_it_is() -> None:
    assert for_model(CHAT_PROMPT, CHAT.with_retry()) is CHAT_PROMPT
    prompt = PromptTemplate.from_template("{x}")
    assert for_model(prompt, CHAT) is prompt


@pytest.mark.parametrize("bound", [False, True], ids=["field", "bound"])
def test_adapt_prompt_ollama_gets_a_template_only_where_it_applies_none(bound: bool) -> None:
    class Known(Ollama):
        pass

    plain = Known(model="llama2", base_url="http://127.0.0.1:9")
    assert for_model(CHAT_PROMPT, plain).format(question="Why?") == "Be brief.\n\nWhy?"
    raw: Any = (
        plain.bind(raw=True)
        if bound
        else Known(model="llama2", base_url="http://127.0.0.1:9", raw=True)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "describe_model", lambda _: ModelInfo("its name", "llama2"))
        assert (
            for_model(CHAT_PROMPT, raw).format(question="Why?")
            == "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWhy? [/INST]"
        )


def test_adapt_prompt_that_is_written_for_a_family_stays_as_it_is() -> None:
    assert for_model(DEFAULT_LLAMA_SEARCH_PROMPT, named("llama2")) is DEFAULT_LLAMA_SEARCH_PROMPT


def test_adapt_prompt_loses_the_token_that_the_engine_puts_before_it() -> None:
    prompt = PromptTemplate.from_template("<s>[INST] Why {this}? [/INST]")
    assert for_model(prompt, named("mistral")).format(this="rain") == "[INST] Why rain? [/INST]"
    assert prompt.template.startswith("<s>")


def test_adapt_prompt_is_not_applied_twice() -> None:
    llm = named("qwen3")
    once = for_model(CHAT_PROMPT, llm)
    assert for_model(once, llm).format(question="Why?") == once.format(question="Why?")
    assert for_model(once, CHAT) is CHAT_PROMPT


def test_tokens_of_a_family_in_a_prompt_for_a_chat_model_are_warned_about() -> None:
    fitting._warn_once.cache_clear()
    with pytest.warns(
        UserWarning,
        match=r"holds tokens of llama2, and FakeListChatModel puts a template around it",
    ):
        assert for_model(DEFAULT_LLAMA_SEARCH_PROMPT, CHAT) is DEFAULT_LLAMA_SEARCH_PROMPT


async def test_aadapt_prompt_is_the_same() -> None:
    llm = named("qwen3")
    assert await afor_model(CHAT_PROMPT, llm) == for_model(CHAT_PROMPT, llm)


def test_adapt_prompt_conversation_is_written_whole() -> None:
    history = [HumanMessage("Who is the warden?"), AIMessage("Odalys.")]
    text = CONVERSATION.get_prompt(named("gemma-2b-it")).format(
        history=history, input="Since when?"
    )
    assert text.endswith(
        "Who is the warden?<end_of_turn>\n<start_of_turn>model\nOdalys.<end_of_turn>\n"
        "<start_of_turn>user\nSince when?<end_of_turn>\n<start_of_turn>model\n"
    )
    assert text.startswith("<start_of_turn>user\nYou are a helpful assistant.")
    plain = CONVERSATION.get_prompt(PLAIN).format(history=history, input="Since when?")
    assert plain.endswith("Human: Who is the warden?\nAI: Odalys.\nHuman: Since when?\nAI:")


# --- templates of files ---


def test_adapt_prompt_instructions_reach_a_model_whose_template_refuses_or_drops_them(
    tmp_path: Path,
) -> None:
    refuses = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif "
        "%}<start_of_turn>{{ messages[0].content }}"
    )
    text = for_model(CHAT_PROMPT, with_template(tmp_path, refuses)).format(question="Why?").rstrip()
    assert text == "<start_of_turn>Be brief.\n\nWhy?"
    drops = (
        "{% for m in messages %}{% if m.role == 'user' %}<start_of_turn>{{ m.content }}{% endif "
        "%}{% endfor %}"
    )
    assert (
        for_model(CHAT_PROMPT, with_template(tmp_path, drops)).format(question="Why?").rstrip()
        == "<start_of_turn>Be brief.\n\nWhy?"
    )


def test_adapt_prompt_template_that_fails_gives_way_to_the_family_s_format(tmp_path: Path) -> None:
    fitting._warn_once.cache_clear()
    llm = with_template(tmp_path, "<|im_start|>{{ raise_exception('not today') }}")
    with pytest.warns(
        UserWarning,
        match=r"refuses this conversation: not today.* format of its family, chatml, is used",
    ):
        text = for_model(CHAT_PROMPT, llm).format(question="Why?")
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n")


def test_adapt_prompt_template_that_fails_raises_where_no_family_is_known(tmp_path: Path) -> None:
    llm = with_template(tmp_path, "{{ raise_exception('not today') }}")
    with pytest.raises(ChatTemplateError, match="not today"):
        for_model(CHAT_PROMPT, llm).format(question="Why?")


def test_adapt_prompt_token_that_begins_a_prompt_is_left_to_an_engine_that_adds_it(
    tmp_path: Path,
) -> None:
    llm = with_template(tmp_path, "{{ bos_token }}<|im_start|>{{ messages[0].content }}")
    text = for_model("Why?", llm).format()  # the tiny model's engine adds none
    assert text.startswith("<|endoftext|><|im_start|>Why?")
    data = Path(llm.model_path).read_bytes()
    key = b"tokenizer.ggml.add_bos_token"
    place = data.index(key) + len(key) + 4
    file = tmp_path / "adds.gguf"
    file.write_bytes(data[:place] + b"\x01" + data[place + 1 :])
    assert (
        for_model("Why?", FromFile(model_path=str(file), responses=[]))
        .format()
        .startswith("<|im_start|>Why?")
    )


def test_adapt_prompt_without_jinja2_the_family_s_format_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "_has_jinja", lambda: False)
    llm = FromFile(model_path=str(tiny_chat_model()), responses=["x"])
    assert (
        for_model("Why?", llm).format()
        == "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )


# --- the prompt that comes out ---


def test_adapt_prompt_is_a_prompt_of_langchain() -> None:
    prompt = for_model(CHAT_PROMPT, named("qwen3"))
    assert isinstance(prompt, ModelPrompt)
    assert prompt.input_variables == ["question"]
    assert prompt.invoke({"question": "Why?"}).to_string() == prompt.format(question="Why?")
    assert prompt.partial(question="Why?").format() == prompt.format(question="Why?")
    assert (prompt | named("qwen3") | RunnableLambda(str.upper)).invoke({"question": "Why?"}) == "X"


def test_adapt_prompt_can_be_copied_shown_and_sent_to_another_process() -> None:
    prompt = for_model(CHAT_PROMPT, named("qwen3"))
    assert isinstance(prompt, ModelPrompt)
    assert pickle.loads(pickle.dumps(prompt)) == copy.deepcopy(prompt) == prompt  # noqa: S301 - our own
    assert "about" not in repr(prompt)
    assert "{question}" in prompt.pretty_repr()


def test_adapt_prompt_missing_variable_is_named() -> None:
    prompt = for_model(CHAT_PROMPT, named("qwen3"))
    with pytest.raises(InvalidOptionError, match="lacks a value for question"):
        prompt.format()
    with pytest.raises(KeyError, match="question"):
        prompt.invoke({})


def test_adapt_prompt_object_that_is_not_a_prompt_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="not int"):
        for_model(7, PLAIN)  # type: ignore[arg-type]  # on purpose


def test_adapt_prompt_image_for_a_text_llm_is_refused() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,xx"}}
    prompt = ChatPromptTemplate([HumanMessage([image])])
    with pytest.raises(InvalidRequestError, match="image"):
        for_model(prompt, named("qwen3")).format()


# --- the library ---


def ready_prompts() -> list[Any]:
    found = [(name, getattr(library, name)) for name in library.__all__]
    return [
        pytest.param(prompt, id=name) for name, prompt in found if isinstance(prompt, PromptPair)
    ]


@pytest.mark.parametrize("ready", ready_prompts())
def test_prompt_pair_has_a_form_for_every_model(ready: PromptPair) -> None:
    assert set(ready.text.input_variables) == set(ready.chat.input_variables)
    values = {name: f"<{name}>" for name in ready.text.input_variables}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forms: dict[str, BasePromptTemplate[Any]] = {
            "plain": ready.get_prompt(PLAIN),
            "chat": ready.get_prompt(CHAT.with_retry()),
            "llama2": ready.get_prompt(named("llama2").bind(stop=["x"])),
            "ollama": ready.get_prompt(Ollama(model="llama2", base_url="http://127.0.0.1:9")),
        }
    for form in forms.values():
        text = form.invoke(values).to_string()
        assert all(value in text for value in values.values())
        assert len(text) < 700
    assert forms["plain"] is forms["ollama"] is ready.text
    assert forms["chat"] is ready.chat
    assert forms["llama2"].invoke(values).to_string().startswith("[INST] <<SYS>>\n")
    assert ready.get_prompt(named("llama2")) == forms["llama2"]


async def test_prompt_pair_has_an_async_form() -> None:
    assert await EXPLAIN.aget_prompt(CHAT) is EXPLAIN.chat
