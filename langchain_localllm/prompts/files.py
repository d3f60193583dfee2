"""Keep your own prompts in a folder: one file per family, for chat models and for others."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from langchain_core._api import LangChainBetaWarning
from langchain_core.load import dumpd, load
from langchain_core.load.serializable import Serializable
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import (
    AIMessagePromptTemplate,
    BasePromptTemplate,
    ChatMessagePromptTemplate,
    ChatPromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
    SystemMessagePromptTemplate,
)

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.prompts.adapt import ModelPrompt, Prompt
from langchain_localllm.prompts.conditions import is_chat_model, is_family, is_llm
from langchain_localllm.prompts.selector import ConditionalPromptSelector

_ALLOWED: Final[list[type[Serializable]]] = [
    AIMessage,
    AIMessagePromptTemplate,
    ChatMessagePromptTemplate,
    ChatPromptTemplate,
    HumanMessage,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
    SystemMessage,
    SystemMessagePromptTemplate,
]
"""What a file may hold; none of these does anything but keep text."""

_SUFFIXES: Final = (".json", ".yaml", ".yml")


def save(
    prompts: Mapping[str, Prompt], folder: str | Path, *, form: Literal["json", "yaml"] = "json"
) -> list[Path]:
    r"""Write prompts into a folder, a file each, in LangChain's own serialization.

    Args:
        prompts: `default`, `chat` (for chat models) or a family such as `llama2`, to the prompt.
        folder: Where they go. It is made if it is not there; files of the same name are replaced.
        form: `json`, or `yaml`, which is easier on the eyes where texts have several lines.

    Raises:
        InvalidOptionError: A key is not a family, or a prompt holds what cannot be written without
            code.

    Example:
        >>> import tempfile
        >>> from langchain_localllm.prompts.files import load_folder, save
        >>> from langchain_localllm.prompts.library import EXPLAIN
        >>> folder = tempfile.mkdtemp()
        >>> [file.name for file in save({"default": EXPLAIN.text, "chat": EXPLAIN.chat}, folder)]
        ['default.json', 'chat.json']
        >>> load_folder(folder).default_prompt == EXPLAIN.text
        True
    """
    texts = {key: _write(key, prompt, form) for key, prompt in prompts.items()}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{key}.{form}" for key in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    return files


def load_folder(folder: str | Path) -> ConditionalPromptSelector:
    """Read a folder that `save` wrote, or a person: a selector by family. No code is run.

    A text LLM gets the file of its family, a chat model `chat`, and all others `default`.

    Raises:
        InvalidOptionError: The folder is missing or empty, or a file holds no prompt; the message
            names it.
    """
    folder = Path(folder)
    files = sorted(file for suffix in _SUFFIXES for file in folder.glob(f"*{suffix}"))
    if not files:
        raise InvalidOptionError(
            f"There are no prompts in {folder}: no file ends in {', '.join(_SUFFIXES)}."
        )
    prompts: dict[str, Prompt] = {}
    for file in files:
        if file.stem in prompts:
            raise InvalidOptionError(f"{folder} has two files for {file.stem}. Keep one.")
        prompts[file.stem] = _read(file)
    default = prompts.pop("default", None)
    chat = [(is_chat_model, prompts.pop("chat"))] if "chat" in prompts else []
    # branches first
    families = [
        (is_llm & is_family(name), prompts[name]) for name in sorted(prompts, key=len, reverse=True)
    ]
    return ConditionalPromptSelector(default_prompt=default, conditionals=[*families, *chat])


def _write(key: str, prompt: Prompt, form: str) -> str:
    _check_key(key)
    data = dumpd(prompt.inner if isinstance(prompt, ModelPrompt) else prompt)
    try:
        _build(data)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InvalidOptionError(
            f"The prompt for {key} cannot be written to a file: {error}"
        ) from None
    if form == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return yaml.dump(data, Dumper=_ReadableDumper, allow_unicode=True, sort_keys=False, width=1000)


def _read(file: Path) -> Prompt:
    _check_key(file.stem)
    try:
        text = file.read_text(encoding="utf-8")
        return _build(json.loads(text) if file.suffix == ".json" else yaml.safe_load(text))
    except (OSError, TypeError, ValueError, NotImplementedError, yaml.YAMLError) as error:
        raise InvalidOptionError(f"{file} holds no prompt that can be used: {error}") from None


def _build(data: Any) -> Prompt:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        prompt = load(data, allowed_objects=_ALLOWED)
    if not isinstance(prompt, BasePromptTemplate):
        raise TypeError(f"it is {type(prompt).__name__}, not a prompt template of langchain-core")
    return prompt


def _check_key(key: str) -> None:
    if key not in {"default", "chat"}:
        is_family(key)


class _ReadableDumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


_ReadableDumper.add_representer(str, _represent_text)
