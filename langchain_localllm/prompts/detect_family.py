"""Detect the family of a model by its chat template, else by its name, else by its architecture."""

import functools
import re
from dataclasses import dataclass
from typing import Any, Final

from langchain_localllm.model_info.info import ModelInfo
from langchain_localllm.model_info.introspect import adescribe_model, describe_model
from langchain_localllm.prompts.format_table import FAMILIES
from langchain_localllm.prompts.formats import Format

_MARKERS: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = (
    ("gpt-oss", ("<|start|>", "<|channel|>"), ()),
    ("llama3", ("<|start_header_id|>",), ()),
    ("phi4", ("<|im_start|>", "<|im_sep|>"), ()),
    ("chatml", ("<|im_start|>",), ("<end_of_utterance>",)),
    ("llama2", ("[INST]", "<<SYS>>"), ()),
    ("mistral-v7", ("[INST]", "[SYSTEM_PROMPT] "), ()),
    ("mistral-v7-tekken", ("[INST]", "[SYSTEM_PROMPT]"), ()),
    ("mistral-v1", ("[INST]", " [/INST]"), ()),
    ("mistral-v3", ("[INST] ", "[/INST]"), ()),
    ("mistral-tekken", ("[INST]", "[/INST]"), ()),
    ("gemma", ("<start_of_turn>",), ()),
    ("command-r", ("<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"), ()),
    ("deepseek-v3", ("<｜User｜>", "<｜Assistant｜>"), ()),
    ("phi3", ("<|assistant|>", "<|end|>"), ("[BEGIN FINAL RESPONSE]",)),
    ("zephyr", ("<|assistant|>", "</s>"), ("[gMASK]", "<|end|>", "<|endoftext|>")),
    ("zephyr", ("<|assistant|>", "eos_token"), ("[gMASK]", "<|end|>", "<|endoftext|>")),
    ("deepseek-coder", ("### Instruction:", "<|EOT|>"), ()),
    ("alpaca", ("### Instruction:", "### Response:"), ()),
    ("deepseek-v2", ("User: ", "Assistant: ", "eos_token"), ()),
    ("deepseek-v2", ("User: ", "Assistant:", "<｜end▁of▁sentence｜>"), ()),
    ("vicuna", ("USER:", "ASSISTANT:"), ()),
)
"""Family, what its templates hold (in Jinja or in Go), and what they lack. The first that fits
counts."""

_NAMES: Final = (
    ("gpt-oss", r"gpt-?oss"),
    ("deepseek-coder", r"deepseek-?coder(?!-?v2)"),
    ("deepseek-v2", r"deepseek-?(?:coder-?)?v2(?!\.5)"),
    ("deepseek-v3", r"deepseek-?(?:v2\.5|v3|r1)"),
    ("chatml", r"qwen|qwq|hermes|dolphin|smollm|tiny-chat"),
    ("zephyr", r"(?<!stablelm-)(?<!stablelm-2-)zephyr|tinyllama.*chat"),
    ("vicuna", r"vicuna"),
    ("alpaca", r"alpaca"),
    ("llama3", r"llama-?3"),
    ("llama2", r"llama-?2|codellama(?!.*(?:python|70b))"),
    ("mistral-v7", r"mistral-large.*2411"),
    ("mistral-v7-tekken", r"mistral-small.*(?:250\d|3\.\d)|devstral|magistral"),
    ("mistral-tekken", r"mistral-?nemo|pixtral"),
    ("mistral-v3", r"mi[sx]tral.*(?:v0\.3|8x22b)|mistral-(?:large|small)|codestral|mathstral"),
    ("mistral-v1", r"mi[sx]tral"),
    ("gemma", r"gemma(?!-?4(?!b))"),
    ("phi4", r"phi-?4(?!-?mini)"),
    ("phi3", r"phi-?3"),
    ("command-r", r"command-?r"),
)
"""Family, and what the names of its models hold. The first that fits counts."""

_BASE_MODEL: Final = re.compile(r"[-_.]base\b|[-_]pt\b")

_ARCHITECTURES: Final = {
    "command-r": "command-r",
    "gemma": "gemma",
    "gemma2": "gemma",
    "gemma3": "gemma",
    "gpt-oss": "gpt-oss",
    "gptoss": "gpt-oss",
    "phi3": "phi3",
    "qwen2": "chatml",
    "qwen2moe": "chatml",
    "qwen3": "chatml",
    "qwen3moe": "chatml",
}
"""Architectures whose models are all of one family."""


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """The family of a model.

    Attributes:
        name: Such as `llama2` or `mistral-v3`, or `None` if it cannot be detected.
        reason: Why, as a sentence.
    """

    name: str | None
    reason: str

    @property
    def format(self) -> Format | None:
        """How the family writes a conversation."""
        return FAMILIES[self.name] if self.name else None

    def belongs_to(self, name: str) -> bool:
        """Return whether this is the family or a branch: `mistral-v3` belongs to `mistral`."""
        return self.name is not None and (self.name == name or self.name.startswith(f"{name}-"))


def model_family(llm: Any) -> ModelFamily:
    """Find a model's family by its chat template, else its name, else its architecture.

    The first look reads the header of its file, or asks its server once; what was found is kept as
    long as the object lives. A server that cannot be reached is not an error: then the name
    decides, and the next call asks again.

    Args:
        llm: Any model of LangChain, also with `.bind()`, `.with_retry()` or `.with_fallbacks()`
            around it.

    Example:
        >>> from langchain_localllm import Ollama
        >>> from langchain_localllm.prompts import model_family
        >>> model_family(Ollama(model="llama2", base_url="http://127.0.0.1:9")).name
        'llama2'
    """
    return family_of(describe_model(llm))


async def amodel_family(llm: Any) -> ModelFamily:
    """Work like `model_family`, without blocking the event loop."""
    return family_of(await adescribe_model(llm))


@functools.lru_cache(maxsize=256)
def family_of(about: ModelInfo) -> ModelFamily:
    """Return the family that follows from what is known of a model."""
    if family := family_in(about.template):
        return ModelFamily(family, f"The chat template from {about.source} holds its markers.")
    if _has_roles(about.template):
        return ModelFamily(
            None, f"The chat template from {about.source} is of no family that is known here."
        )
    without = (
        f"{about.problem} So only its name is known. "
        if about.problem
        else "No chat template is known. "
    )
    name = about.name.lower().replace("_", "-").replace(" ", "-")
    if _BASE_MODEL.search(name):
        return ModelFamily(
            None, f"{without}The name '{about.name}' is that of a base model, which has none."
        )
    if family := next((family for family, pattern in _NAMES if re.search(pattern, name)), None):
        return ModelFamily(family, f"{without}It follows from the name '{about.name}'.")
    if family := _ARCHITECTURES.get(about.architecture):
        return ModelFamily(
            family,
            f"{without}Models of the architecture '{about.architecture}' are of this family.",
        )
    rest = (
        f"the name '{about.name}' and the architecture '{about.architecture}' say"
        if about.architecture
        else "its name says"
    )
    return ModelFamily(None, f"{without}And {rest} no family.")


def family_in(text: str) -> str | None:
    """Return the family whose markers a template or a prompt holds, or `None`."""
    for family, holds, lacks in _MARKERS:
        if all(marker in text for marker in holds) and not any(marker in text for marker in lacks):
            return family
    return None


def _has_roles(template: str) -> bool:
    """Return whether a template is more than the prompt alone.

    Ollama has the latter for models without a template.
    """
    return template.replace(" ", "") not in {"", "{{.Prompt}}"}
