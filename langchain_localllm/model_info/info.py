"""Read what a model is from the header of its file, or by asking its server once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from langchain_localllm.gguf.header import GGUFInfo, check_gguf
from langchain_localllm.gguf.memory import parameters
from langchain_localllm.gguf.split_files import SPLIT_FILE

_BEGIN_BY_ITSELF: Final = frozenset(
    "falcon-h1 falcon3 jina-v5-nano lfm2 llama-bpe llama-v3 llama3 midm-2.0 pixtral tekken".split()  # noqa: SIM905 - a list of words
)
"""Tokenizers for which llama.cpp adds the BOS token by default (`llama-vocab.cpp`)."""

TOOL_TEMPLATE: Final = "tool_use"
"""The name of a file's template for conversations with tools, as in transformers and llama.cpp."""
_TEMPLATE: Final = "tokenizer.chat_template"
_PARAMETERS: Final = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([mb])(?![^\W_])", re.IGNORECASE)
_UNITS: Final = {"m": 1e6, "b": 1e9}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Describe a model.

    Attributes:
        source: Where the information comes from, such as "the server's /props".
        name: The model's name, if known; several names are joined by spaces.
        architecture: Its architecture, such as `llama` or `qwen2`. Unknown texts are empty, here
            and below.
        template: The chat template.
        templates: Other templates of the file by name, such as `tool_use`.
        template_language: Its language: `jinja`, or `go` in Ollama.
        bos_token: The text of the BOS token.
        eos_token: The text of the EOS token.
        adds_bos: Whether the engine adds the BOS token to a prompt.
        context: Tokens of context, or `None` if unknown.
        parameters: The number of its parameters, or `None` if unknown.
        tools: Whether the model was trained to call tools, or `None` if unknown.
        problem: Why the model could not be described; empty on success. Failures are not cached for
            long.
    """

    source: str
    name: str = ""
    architecture: str = ""
    template: str = ""
    template_language: str = "jinja"
    bos_token: str = ""
    eos_token: str = ""
    adds_bos: bool = True
    context: int | None = None
    tools: bool | None = None
    problem: str = ""
    templates: Mapping[str, str] = field(default_factory=dict, hash=False)
    parameters: int | None = None


def model_info_from_file(path: str | Path, context: int | None = None) -> ModelInfo:
    """Describe a model by the header of its GGUF file.

    Args:
        path: The file.
        context: Tokens of context that the engine uses. Default: the trained context.

    Raises:
        ModelFileError: It is not a whole GGUF file.

    Example:
        >>> from langchain_localllm.models import tiny_chat_model
        >>> model_info_from_file(tiny_chat_model()).architecture
        'llama'
    """
    path = Path(path).expanduser()
    info = check_gguf(path)
    template = str(info.metadata.get(_TEMPLATE, ""))
    names = [
        name.removeprefix(f"{_TEMPLATE}.")
        for name in info.metadata
        if name.startswith(f"{_TEMPLATE}.")
    ]
    templates = {name: str(info.metadata[f"{_TEMPLATE}.{name}"]) for name in names}
    return ModelInfo(
        source=f"the file {path.name}",
        name=f"{path.stem} {info.metadata.get('general.name', '')}".strip(),
        architecture=info.architecture,
        template=template,
        bos_token=info.special_tokens.get("bos", ""),
        eos_token=info.special_tokens.get("eos", ""),
        adds_bos=_adds_bos(info),
        context=context or info.context_length,
        tools=takes_tools(templates.get(TOOL_TEMPLATE, template)),
        templates=templates,
        parameters=_parameters(path, info),
    )


def _parameters(path: Path, info: GGUFInfo) -> int | None:
    # the first of several files has a part of the tensors
    return parameters_in(path.name) if SPLIT_FILE.fullmatch(path.name) else parameters(info)


def parameters_in(name: str) -> int | None:
    """Return the number of parameters that a model's name says, or `None`.

    Example:
        >>> parameters_in("SmolLM2-135M-Instruct"), parameters_in("qwen3:0.6b")
        (135000000, 600000000)
        >>> parameters_in("llava-phi3") is None
        True
    """
    found = _PARAMETERS.search(name)
    return round(float(found[1]) * _UNITS[found[2].lower()]) if found else None


def _adds_bos(info: GGUFInfo) -> bool:
    adds_bos = info.metadata.get("tokenizer.ggml.add_bos_token")
    if adds_bos is not None:
        return bool(adds_bos)
    return (
        info.metadata.get("tokenizer.ggml.model") == "llama"
        or info.metadata.get("tokenizer.ggml.pre") in _BEGIN_BY_ITSELF
    )


def takes_tools(template: str) -> bool | None:
    """Return whether a chat template shows tools to the model; `None` without a template."""
    return ("tools" in template or ".Tools" in template) if template else None
