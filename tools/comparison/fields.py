"""Write the table of llama-server's request fields that each class has as an option.

It is in docs/llamafile.md.

`python -m tools.capabilities` writes the table. `python -m tools.comparison.fields` writes
fields.json from the packages that are installed where it runs: `pip install langchain-llama-cpp
langchain-openai langchain-community` in an environment of their own.

Source of the fields: https://github.com/ggml-org/llama.cpp/tree/master/tools/server (README.md and
server-schema.cpp).
"""

import importlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any, Final

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "samplers": (
        *(
            "temperature",
            "dynatemp_range",
            "dynatemp_exponent",
            "top_k",
            "top_p",
            "min_p",
            "typical_p",
            "top_n_sigma",
        ),
        *(
            "xtc_probability",
            "xtc_threshold",
            "mirostat",
            "mirostat_tau",
            "mirostat_eta",
            "adaptive_target",
            "adaptive_decay",
        ),
        *(
            "repeat_penalty",
            "repeat_last_n",
            "presence_penalty",
            "frequency_penalty",
            "dry_multiplier",
            "dry_base",
        ),
        *(
            "dry_allowed_length",
            "dry_penalty_last_n",
            "dry_sequence_breakers",
            "samplers",
            "min_keep",
            "seed",
            "ignore_eos",
        ),
        *("logit_bias", "backend_sampling"),
    ),
    "length": (
        "n_predict",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "t_max_predict_ms",
        "n_indent",
        "n",
        "n_cmpl",
    ),
    "form": (
        "grammar",
        "json_schema",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
    ),
    "thinking": (
        *(
            "chat_template_kwargs",
            "reasoning_effort",
            "reasoning_format",
            "reasoning_budget_tokens",
            "thinking_budget_tokens",
        ),
        *("reasoning_budget_message", "reasoning_control"),
    ),
    "prompt": ("add_generation_prompt", "continue_final_message", "echo"),
    "reports": (
        *(
            "logprobs",
            "top_logprobs",
            "n_probs",
            "post_sampling_probs",
            "return_tokens",
            "response_fields",
        ),
        *("timings_per_token", "return_progress", "sse_ping_interval"),
    ),
    "cache": ("cache_prompt", "n_cache_reuse", "n_keep", "n_discard", "id_slot", "lora"),
    "model": ("model",),
}
"""What llama-server reads of a request, by subject, without what every class sends by itself
(`messages`, `prompt`, `stream`)."""
OF_CHATS: Final = frozenset(
    (
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        *FIELDS["thinking"],
        *FIELDS["prompt"],
    )
)
"""Fields of `/v1/chat/completions` alone."""
OTHERS: Final = {
    "langchain-llama-cpp": ("langchain_llama_cpp", "ChatLlama"),
    "langchain-openai": ("langchain_openai", "ChatOpenAI"),
    "langchain-community": ("langchain_community.llms.llamafile", "Llamafile"),
}
RECORD: Final = Path(__file__).with_name("fields.json")
_OF_A_CALL: Final = frozenset({"response_format", "tools", "tool_choice", "parallel_tool_calls"})
"""Fields that every chat class of LangChain takes at a call, or by `bind_tools` and
`with_structured_output`."""
_BY_LOGPROBS: Final = frozenset({"logprobs", "top_logprobs"})


def fields() -> list[str]:
    """Return all fields in the order of the table."""
    return [name for names in FIELDS.values() for name in names]


def option(kind: Any, field: str) -> str | None:
    """Return the option of a class of ours for a field, or `None`.

    Example:
        >>> from langchain_localllm import ChatLlamafile
        >>> [option(ChatLlamafile, field) for field in ("top_k", "n_predict", "no_such")]
        ['top_k', 'max_tokens', None]
    """
    if field in kind.model_fields or (
        field in _OF_A_CALL and "continue_final_message" in kind.model_fields
    ):
        return field
    if field in _BY_LOGPROBS and "n_probs" in kind.model_fields:
        return field
    alias: str | None = kind.ALIASES.get(field)
    return alias


def table() -> str:
    """Return the table."""
    import langchain_localllm
    from tools.capabilities import table_of

    recorded: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    ours = [langchain_localllm.ChatLlamafile, langchain_localllm.Llamafile]
    rows = []
    for subject, names in FIELDS.items():
        for name in names:
            cells = [
                "" if kind is ours[1] and name in OF_CHATS else _shown(name, option(kind, name))
                for kind in ours
            ]
            rows.append(
                [subject, f"`{name}`", *cells, *(_recorded(one, name) for one in recorded.values())]
            )
    heads = [
        f"`{one['class']}` <br> {package} {one['version']}" for package, one in recorded.items()
    ]
    return table_of(["", "field", "`ChatLlamafile`", "`Llamafile`", *heads], rows)


def _shown(field: str, name: str | None) -> str:
    return "no" if name is None else "yes" if name == field else f"as `{name}`"


def _recorded(one: dict[str, Any], field: str) -> str:
    if field in OF_CHATS and not one["chat"]:
        return ""
    if field in one["fields"] or field == "stop" or (field in _OF_A_CALL and one["chat"]):
        return "yes"
    return "`extra_body`" if "extra_body" in one["fields"] else "no"


def record() -> dict[str, Any]:
    """Return the fields of the other packages' classes, their aliases among them."""
    found = {}
    for package, (module, name) in OTHERS.items():
        kind = getattr(importlib.import_module(module), name)
        aliases = {field.alias for field in kind.model_fields.values() if field.alias}
        found[package] = {
            "class": name,
            "version": importlib.metadata.version(package),
            "chat": name.startswith("Chat"),
            "fields": sorted({*kind.model_fields, *aliases}),
        }
    return found


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
    print("wrote", RECORD.name)
