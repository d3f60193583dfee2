"""What the gpt4all package of August 2024 can load, by a model file's header alone.

All else runs on llama.cpp.

Sources: `KNOWN_ARCHES` in
https://github.com/nomic-ai/gpt4all/blob/main/gpt4all-backend/src/llamamodel.cpp, and
`llm_load_vocab` in the llama.cpp that it was built with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf.header import GGUFInfo

Backend = Literal["gpt4all", "llamacpp", "llama-cpp-python", "xllamacpp"]

NEWER: Final = "Its engine is of August 2024; backend='llamacpp' runs newer models."
"""What to do about a file that the package cannot load."""
FORMER_BACKENDS: Final = frozenset(
    {"bert", "falcon", "gptj", "llama", "mpt", "replit", "starcoder"}
)
"""What `langchain_community` called `backend`, and did not read."""
EMBEDDING_ARCHITECTURES: Final = frozenset({"bert", "nomic-bert"})
ARCHITECTURES: Final = EMBEDDING_ARCHITECTURES | frozenset({
    "baichuan", "bloom", "chatglm", "codeshell", "command-r", "deepseek2", "falcon", "gemma",
    "gemma2", "gpt2", "gptneox", "internlm2", "jais", "llama", "mpt", "olmo", "openelm", "orion",
    "phi2", "phi3", "qwen", "qwen2", "qwen2moe", "refact", "stablelm", "starcoder", "starcoder2",
    "xverse"
})  # fmt: skip
TOKENIZERS: Final = frozenset({"bert", "gpt2", "llama"})
PRE_TOKENIZERS: Final = frozenset({
    "chatglm-bpe", "command-r", "dbrx", "deepseek-coder", "deepseek-llm", "default", "falcon",
    "gpt-2", "jais", "jina-de", "jina-es", "llama-bpe", "llama-v3", "llama3", "mpt", "olmo",
    "phi-2", "poro-chat", "qwen2", "refact", "smaug-bpe", "stablelm2", "starcoder", "viking"
})  # fmt: skip
_LAST_TENSOR_TYPE: Final = 33
"""Q4_0_8_8. At a newer type of tensor, the package ends the process."""


def check_supported(path: Path, info: GGUFInfo, *, embeds: bool) -> None:
    """Raise `ModelFileError` for a file that is newer than the gpt4all package.

    Args:
        path: The file.
        info: Its header.
        embeds: Whether vectors are wanted, and no text.
    """
    if reason := next(_unsupported(info, embeds=embeds), None):
        raise ModelFileError(f"GPT4All cannot load {path}: the package {reason}. {NEWER}")


def _unsupported(info: GGUFInfo, *, embeds: bool) -> Iterator[str]:
    tokenizer = info.metadata.get("tokenizer.ggml.model")
    splitter = info.metadata.get("tokenizer.ggml.pre", "default")
    if info.architecture not in ARCHITECTURES:
        yield f"does not know the architecture {info.architecture!r}"
    if embeds and info.architecture not in EMBEDDING_ARCHITECTURES:
        yield (
            f"embeds with {' and '.join(sorted(EMBEDDING_ARCHITECTURES))} only, and not with "
            f"{info.architecture}"
        )
    if tokenizer not in TOKENIZERS:
        yield f"does not know the tokenizer {tokenizer!r}"
    if tokenizer == "gpt2" and splitter not in PRE_TOKENIZERS:
        yield f"does not know the pre-tokenizer {splitter!r}"
    for name, tensor in info.tensors.items():
        if tensor.kind > _LAST_TENSOR_TYPE:
            yield f"does not know the type {tensor.kind} of the tensor {name}"
