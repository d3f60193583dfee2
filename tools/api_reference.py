"""Write docs/api.md from the package.

It lists every public name of every public module, with autodoc directives.

Sphinx calls `page` when it builds the docs (see docs/conf.py), so the page cannot become outdated.
`python -m tools.api_reference` prints it.
"""

import dataclasses
import importlib
import inspect
from types import ModuleType
from typing import Final

from pydantic import BaseModel

PUBLIC_MODULES: Final = {
    "langchain_localllm": (
        "The classes of all runtimes, a server for any GGUF file, and `init_chat_model`."
    ),
    "langchain_localllm.llms": (
        "The text classes, at the place where `langchain_community` has them."
    ),
    "langchain_localllm.chat_models": (
        "The chat classes, at the place where `langchain_community` has them."
    ),
    "langchain_localllm.embeddings": (
        "The embedding classes, at the place where `langchain_community` has them."
    ),
    "langchain_localllm.models": (
        "The tiny models that come with the package, and what a model needs to run."
    ),
    "langchain_localllm.prompts": "Prompts that fit the model.",
    "langchain_localllm.prompts.library": "Ready prompts.",
    "langchain_localllm.prompts.files": "Prompts in files.",
    "langchain_localllm.prompts.hub": "Prompts on LangChain's hub.",
    "langchain_localllm.rag": "Questions about your own documents.",
    "langchain_localllm.migrate": "Rewriting code that uses local models of other packages.",
    "langchain_localllm.scale": "Many machines.",
    "langchain_localllm.testing": "The standard test suite for text LLMs.",
    "langchain_localllm.errors": "Every error that the package raises on purpose.",
    "langchain_localllm.extras": "Which extra an optional package comes with.",
}
"""Public module to what is in it. docs/stability.md promises these and nothing else."""

METHODS: Final = (
    *(
        "close",
        "aclose",
        "with_options",
        "bind_tools",
        "with_structured_output",
        "get_num_tokens_from_messages",
    ),
    *("embed_documents", "aembed_documents", "embed_query", "aembed_query", "cache_namespace"),
    *("rerank", "arerank", "compress_documents", "acompress_documents"),
    *(
        "load",
        "aload",
        "slots",
        "aslots",
        "save_slot",
        "asave_slot",
        "restore_slot",
        "arestore_slot",
        "erase_slot",
        "aerase_slot",
    ),
    *("lora_adapters", "alora_adapters", "set_lora_scales", "aset_lora_scales"),
    *(
        "pull",
        "apull",
        "list",
        "alist",
        "show",
        "ashow",
        "ps",
        "aps",
        "unload",
        "aunload",
        "delete",
        "adelete",
    ),
)
"""Methods of model classes to show besides their options. What LangChain's base classes offer is in
LangChain's reference."""

_HEAD: Final = """\
# API reference

Every public name, from the docstrings. [Stability](stability.md) says what is public, and how long
it stays. Methods that all LangChain models have, such as `invoke`, `stream` and `batch`, are in
[LangChain's reference](https://reference.langchain.com/python/langchain_core/).
"""


def page() -> str:
    """Return the text of the page."""
    shown: dict[int, str] = {}
    return "\n".join([_HEAD, *(_section(name, shown) for name in PUBLIC_MODULES)])


def public_names(module: ModuleType) -> list[str]:
    """Return the public names of a module: those of `__all__`, else what it defines itself."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and _is_defined_in(module, value)
    ]


def _is_defined_in(module: ModuleType, value: object) -> bool:
    return (
        inspect.isclass(value) or inspect.isfunction(value)
    ) and value.__module__ == module.__name__


def _section(module_name: str, shown: dict[int, str]) -> str:
    """Return a module's part of the page; a name that was shown already refers to it."""
    module = importlib.import_module(module_name)
    directives, aliases = [], []
    for name in public_names(module):
        value = getattr(module, name)
        place = f"{module_name}.{name}"
        if id(value) in shown:
            aliases.append(f"- `{name}` is `{shown[id(value)]}`")
        else:
            shown[id(value)] = place
            directives.append(_directive(place, value))
    parts = [f"## {module_name}", PUBLIC_MODULES[module_name]]
    if directives:
        parts.append("\n".join(["```{eval-rst}", *directives, "```"]))
    if aliases:
        parts.append("\n".join(aliases))
    return "\n\n".join(parts) + "\n"


def _directive(place: str, value: object) -> str:
    if inspect.isfunction(value):
        return f".. autofunction:: {place}"
    if not inspect.isclass(value):
        return f".. py:data:: {place}\n   :type: {type(value).__name__}"
    members = _members(value)
    return f".. autoclass:: {place}" + (f"\n   :members: {', '.join(members)}" if members else "")


def _members(kind: type) -> list[str]:
    """Return a model class's options and methods, or any other class's public members."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("langchain_localllm.")]
    if issubclass(kind, BaseModel):
        options = [
            name
            for name in kind.model_fields
            if any(name in inspect.get_annotations(base) for base in ours)
        ]
        return [*options, *(name for name in METHODS if any(name in vars(base) for base in ours))]
    if dataclasses.is_dataclass(kind) or not issubclass(kind, BaseException):
        defined = dict.fromkeys(
            name for base in ours for name in (*inspect.get_annotations(base), *vars(base))
        )
        return [name for name in defined if not name.startswith("_")]
    return []


if __name__ == "__main__":
    print(page())
