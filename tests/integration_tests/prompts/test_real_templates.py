"""The templates and vocabularies of real models: which family they tell, and what their templates
write."""

from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.prompts import ChatPromptTemplate

from langchain_localllm.model_info.info import model_info_from_file
from langchain_localllm.prompts import for_model, model_family
from langchain_localllm.prompts.detect_family import family_in
from langchain_localllm.prompts.format_table import FAMILIES
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import without_system
from tests.unit_tests.prompts.test_format_table import QUESTION, TURNS
from tools.engines import llama_cpp_source

SAME: Final = {
    "MiMo-VL": "chatml",
    "Mistral-Small-3.2-24B-Instruct-2506": "mistral-v7-tekken",
    "Qwen-Qwen2.5-7B-Instruct": "chatml",
    "Qwen-Qwen3-0.6B": "chatml",
    "Qwen3-Coder": "chatml",
    "google-gemma-2-2b-it": "gemma",
    "microsoft-Phi-3.5-mini-instruct": "phi3",
    "mistralai-Ministral-3-14B-Reasoning-2512": "mistral-v7-tekken",
    "mistralai-Mistral-Nemo-Instruct-2407": "mistral-tekken",
    "unsloth-mistral-Devstral-Small-2507": "mistral-v7-tekken",
}
"""Templates that write what their family's format writes."""

TOLD: Final = {
    **SAME,
    "CohereForAI-c4ai-command-r-plus-tool_use": "command-r",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "chatml",
    "Qwen-QwQ-32B": "chatml",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "deepseek-v3",
    "deepseek-ai-DeepSeek-V3.1": "deepseek-v3",
    "meta-llama-Llama-3.1-8B-Instruct": "llama3",
    "meta-llama-Llama-3.3-70B-Instruct": "llama3",
    "openai-gpt-oss-120b": "gpt-oss",
}
"""These tell their family, and write more than its format: a date, tools, or the beginning of a
thought."""

NONE: Final = [
    "GLM-4.6",
    "Kimi-K2-Instruct",
    "google-gemma-4-31B-it",
    "ibm-granite-granite-4.0",
    "unsloth-Apriel-1.5",
]
"""Templates of families that are not known here."""

PROMPT: Final = ChatPromptTemplate([("system", "Be brief."), ("human", "{question}")])


class FromFile(FakeListLLM):
    """A model with a file."""

    model_path: str


@pytest.fixture(scope="module")
def source() -> Path:
    return llama_cpp_source.install()


def template(source: Path, name: str) -> str:
    return (source / "templates" / f"{name}.jinja").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*TOLD, *NONE])
def test_model_family_is_known_by_the_template(name: str, source: Path) -> None:
    assert family_in(template(source, name)) == TOLD.get(name)


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("messages", [QUESTION, TURNS], ids=["question", "turns"])
def test_template_writes_what_the_format_writes(name: str, messages: Any, source: Path) -> None:
    form = FAMILIES[SAME[name]]
    if form.name == "gemma":  # it refuses a system message
        messages = without_system(messages)
    assert form.render(messages) == ChatTemplate(template(source, name), form.bos, "</s>").render(
        messages
    )


@pytest.mark.parametrize(
    ("vocabulary", "family", "begins_with"),
    [
        ("command-r", "command-r", "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be brief."),
        # its template leaves a system message out
        ("phi-3", "phi3", "<|user|>\nBe brief.\n\nWhy?<|end|>\n"),
        ("qwen2", "chatml", "<|im_start|>system\nBe brief.<|im_end|>\n"),
    ],
)
def test_template_prompt_for_a_real_file_s_header(
    vocabulary: str, family: str, begins_with: str, source: Path
) -> None:
    llm = FromFile(model_path=str(source / f"ggml-vocab-{vocabulary}.gguf"), responses=[])
    assert model_family(llm).name == family
    assert for_model(PROMPT, llm).format(question="Why?").startswith(begins_with)


@pytest.mark.parametrize(
    ("vocabulary", "bos", "eos", "adds_bos"),
    [
        ("llama-spm", "<s>", "</s>", True),
        ("llama-bpe", "<|begin_of_text|>", "<|end_of_text|>", True),
        ("qwen2", "<|endoftext|>", "<|endoftext|>", False),
        ("deepseek-llm", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", True),
    ],
)
def test_special_tokens_are_read_from_the_header(
    vocabulary: str, bos: str, eos: str, adds_bos: bool, source: Path
) -> None:
    about = model_info_from_file(source / f"ggml-vocab-{vocabulary}.gguf")
    assert (about.bos_token, about.eos_token, about.adds_bos) == (bos, eos, adds_bos)
