"""Each family's format against its makers' template, and how a family is detected."""

from typing import Any

import pytest

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.model_info.info import ModelInfo
from langchain_localllm.prompts.detect_family import family_in, family_of
from langchain_localllm.prompts.format_table import FAMILIES
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import without_system
from tests.unit_tests.prompts.templates import PUBLISHED, Published

Messages = list[dict[str, Any]]

QUESTION: Messages = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Who is {the} warden?"},
]
TURNS: Messages = [
    *QUESTION,
    {"role": "assistant", "content": "Odalys."},
    {"role": "user", "content": "Since when?"},
]

published = pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.family)


def rendered(entry: Published, messages: Messages) -> str:
    if "System role not supported" in entry.source:
        messages = without_system(messages)
    return ChatTemplate(entry.source, entry.bos, entry.eos).render(messages)


def test_model_family_every_family_has_a_published_template_and_a_source() -> None:
    assert {entry.family for entry in PUBLISHED} == set(FAMILIES)
    assert all(form.source.startswith("https://") for form in FAMILIES.values())


@published
@pytest.mark.parametrize("messages", [QUESTION, TURNS], ids=["question", "turns"])
def test_model_family_format_writes_what_the_model_s_own_template_writes(
    entry: Published, messages: Messages
) -> None:
    assert FAMILIES[entry.family].render(messages) == rendered(entry, messages)


@published
def test_model_family_is_known_by_the_template(entry: Published) -> None:
    assert family_in(entry.source) == entry.family
    family = family_of(ModelInfo("the file x.gguf", template=entry.source))
    assert (family.name, family.reason) == (
        entry.family,
        "The chat template from the file x.gguf holds its markers.",
    )


@pytest.mark.parametrize(
    ("template", "family"),
    [
        ("[INST] <<SYS>>{{ .System }}<</SYS>>\n\n{{ .Prompt }} [/INST]\n", "llama2"),
        (
            (
                "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end "
                "}}<|im_start|>user\n{{ .Prompt }}<|im_end|>"
            ),
            "chatml",
        ),
        ("<|start_header_id|>user<|end_header_id|>\n\n{{ .Content }}<|eot_id|>", "llama3"),
        ("<start_of_turn>user\n{{ .Prompt }}<end_of_turn>\n<start_of_turn>model\n", "gemma"),
        ("[INST] {{ if .System }}{{ .System }} {{ end }}{{ .Prompt }} [/INST]", "mistral-v1"),
        ("[INST] {{ .Content }}[/INST]", "mistral-v3"),
        ("[INST]{{ .Content }}[/INST]", "mistral-tekken"),
        ("<|user|>\n{{ .Prompt }}<|end|>\n<|assistant|>\n", "phi3"),
        (
            (
                "{{ if .System }}{{ .System }}\n\n{{ end }}### Instruction:\n{{ .Prompt }}\n\n### "
                "Response:\n"
            ),
            "alpaca",
        ),
        ("<|user|>\n{{ .Prompt }}</s>\n<|assistant|>\n", "zephyr"),
    ],
)
def test_model_family_is_known_by_a_go_template(template: str, family: str) -> None:
    assert family_in(template) == family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("llama2", "llama2"),
        ("llama-2-7b-chat.Q4_0", "llama2"),
        ("codellama:13b-instruct", "llama2"),
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M", "llama3"),
        ("llama3.2", "llama3"),
        ("mistral:7b", "mistral-v1"),
        ("Mistral-7B-Instruct-v0.3", "mistral-v3"),
        ("mistral-nemo", "mistral-tekken"),
        ("Mistral-Small-24B-Instruct-2501", "mistral-v7-tekken"),
        ("Mistral-Large-Instruct-2411", "mistral-v7"),
        ("OpenHermes-2.5-Mistral-7B", "chatml"),
        ("qwen3:0.6b", "chatml"),
        ("gemma-2-2b-it", "gemma"),
        ("gemma:7b", "gemma"),
        ("gemma-4-31B-it", None),
        ("Phi-3.5-mini-instruct", "phi3"),
        ("phi4", "phi4"),
        ("phi-4-mini", None),
        ("zephyr-7b-beta", "zephyr"),
        ("stablelm-zephyr-3b", None),
        ("TinyLlama-1.1B-Chat-v1.0", "zephyr"),
        ("vicuna-13b-v1.5", "vicuna"),
        ("alpaca-7b", "alpaca"),
        ("deepseek-r1:8b", "deepseek-v3"),
        ("deepseek-coder:6.7b", "deepseek-coder"),
        ("DeepSeek-V2-Lite-Chat", "deepseek-v2"),
        ("c4ai-command-r-v01", "command-r"),
        ("gpt-oss:20b", "gpt-oss"),
        ("Qwen2.5-0.5B_base", None),
        ("Meltemi", None),
        ("", None),
    ],
)
def test_model_family_without_a_template_is_known_by_the_name(
    name: str, family: str | None
) -> None:
    assert family_of(ModelInfo("its name", name)).name == family


def test_model_family_without_template_and_name_is_known_by_the_architecture() -> None:
    family = family_of(ModelInfo("the file x.gguf", "x", "qwen2"))
    assert family.name == "chatml"
    assert "architecture 'qwen2'" in family.reason


def test_model_family_template_comes_before_the_name() -> None:
    assert (
        family_of(ModelInfo("the file", "llama-2-7b", "llama", template="<|im_start|>user")).name
        == "chatml"
    )


def test_model_family_unknown_template_is_not_overruled_by_the_name() -> None:
    family = family_of(
        ModelInfo("the file", "llama-2-7b", template="{{ messages[0].content }} ==>")
    )
    assert family.name is None
    assert "of no family" in family.reason
    assert family.format is None


def test_model_family_ollama_s_empty_template_counts_as_none() -> None:
    assert (
        family_of(
            ModelInfo(
                "Ollama's /api/show", "llama2", template="{{ .Prompt }}", template_language="go"
            )
        ).name
        == "llama2"
    )


def test_model_family_branch_belongs_to_its_family() -> None:
    family = family_of(ModelInfo("its name", "mistral-nemo"))
    assert family.belongs_to("mistral")
    assert family.belongs_to("mistral-tekken")
    assert not family.belongs_to("mistral-v3")


def test_model_family_instructions_alone_become_a_question() -> None:
    assert FAMILIES["gemma"].render([{"role": "system", "content": "Sing."}]) == (
        "<bos><start_of_turn>user\nSing.<end_of_turn>\n<start_of_turn>model\n"
    )


def test_model_family_conversation_that_ends_with_an_answer_asks_for_none() -> None:
    text = FAMILIES["chatml"].render(
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    )
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n"


def test_model_family_no_message_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="at least one message"):
        FAMILIES["chatml"].render([])
