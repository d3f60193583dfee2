"""For each class over HTTP and each of its options: a value, and what that moves in the request. A
new class adds its table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from tests.unit_tests.fakes import FakeChatOllama, FakeLlamaCppChat, FakeOllama, FakeText


@dataclass(frozen=True)
class Case:
    """What an option moves.

    Attributes:
        value: A value other than the default.
        sent: What the request then holds; `None` where it is the option under its own name.
        changes: Whether the answer changes, and so the cache key.
    """

    value: Any
    sent: dict[str, Any] | None = None
    changes: bool = True


@dataclass(frozen=True)
class Subject:
    """A class on an engine that only writes down what it was asked.

    Attributes:
        make: The class.
        options: Its options.
        empty: The request when no option is set.
        aliases: Other spellings, with the field and a value.
        nested: Whether options are in the request's `options`, where no other place is named.
    """

    make: Any
    options: Mapping[str, Case]
    empty: dict[str, Any]
    aliases: Mapping[str, tuple[str, Any]]
    nested: bool = False

    def request(self, **options: Any) -> dict[str, Any]:
        """The request with these options set."""
        body = self.empty
        for name, value in options.items():
            body = _merged(body, self._place(name, value))
        return body

    def sent(self, body: dict[str, Any], name: str) -> Any:
        """An option's value in a request, under the engine's name."""
        place = self._place(name, None)
        if "options" in place:
            body, place = body["options"], place["options"]
        return body.get(next(iter(place)))

    def _place(self, name: str, value: Any) -> dict[str, Any]:
        sent = self.options[name].sent
        if sent is not None:
            return sent
        return {"options": {name: value}} if self.nested else {name: value}


def _merged(body: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    inner = {"options": body["options"] | more["options"]} if "options" in more else {}
    return body | more | inner


_ALIASES: Final = {
    "callback_manager": ("callbacks", []),
    "n_predict": ("max_tokens", 7),
    "num_predict": ("max_tokens", 7),
    "request_timeout": ("timeout", 1.5),
    "temp": ("temperature", 0.5),
}
_CONNECTION: Final = {
    "base_url": Case("http://localhost:9", {}),
    "api_key": Case("a-key", {}, changes=False),
    "headers": Case({"X-Tenant": "a"}, {}, changes=False),
    "timeout": Case(1.5, {}, changes=False),
    "max_retries": Case(5, {}, changes=False),
    "verify": Case("/", {}, changes=False),
    "wait_until_ready": Case(1.5, {}, changes=False),
}
_SAMPLING: Final = {
    "temperature": Case(0.5),
    "seed": Case(-1),
    "stop": Case(["END"]),
    "top_k": Case(0),
    "top_p": Case(0.5),
    "min_p": Case(0.0),
    "typical_p": Case(0.5),
    "repeat_penalty": Case(1.5),
    "repeat_last_n": Case(32),
    "presence_penalty": Case(-0.5),
    "frequency_penalty": Case(0.5),
}
LLAMAFILE: Final = {
    **_SAMPLING,
    "model": Case("tiny"),
    "max_tokens": Case(7, {"n_predict": 7}),
    "dry_multiplier": Case(0.5),
    "dry_base": Case(1.5),
    "dry_allowed_length": Case(3),
    "dry_penalty_last_n": Case(32),
    "dry_sequence_breakers": Case(["\n", "—"]),
    "xtc_probability": Case(0.5),
    "xtc_threshold": Case(0.5),
    "top_n_sigma": Case(1.5),
    "adaptive_target": Case(
        0.5,
        {
            "adaptive_target": 0.5,
            "samplers": [
                "penalties",
                "dry",
                "top_n_sigma",
                "top_k",
                "typ_p",
                "top_p",
                "min_p",
                "xtc",
                "temperature",
                "adaptive_p",
            ],
        },
    ),
    "adaptive_decay": Case(0.5),
    "dynatemp_range": Case(0.5),
    "dynatemp_exponent": Case(0.5),
    "mirostat": Case(2),
    "mirostat_tau": Case(4.5),
    "mirostat_eta": Case(0.5),
    "samplers": Case(["top_k", "temperature", "adaptive_p"]),
    "min_keep": Case(1),
    "grammar": Case('root ::= "a"'),
    "json_schema": Case({"type": "object"}),
    "logit_bias": Case({5: False, "a": 1.5}, {"logit_bias": [[5, False], ["a", 1.5]]}),
    "ignore_eos": Case(value=True),
    "n_keep": Case(-1),
    "n_probs": Case(2),
    "n": Case(2),
    "n_cache_reuse": Case(64),
    "n_discard": Case(16),
    "n_indent": Case(2),
    "t_max_predict_ms": Case(5000),
    "backend_sampling": Case(value=True),
    "post_sampling_probs": Case(value=True),
    "return_tokens": Case(value=True),
    "response_fields": Case(["content", "stop_type"]),
    "timings_per_token": Case(value=True),
    "return_progress": Case(value=True, changes=False),
    "sse_ping_interval": Case(-1, changes=False),
    "lora": Case([{"id": 0, "scale": 0.5}]),
    "extra_body": Case({"min_tokens": 5, "stop": ["END"]}, {"min_tokens": 5, "stop": ["END"]}),
    "cache_prompt": Case(value=False, changes=False),
    "id_slot": Case(1, changes=False),
    **_CONNECTION,
}
_OF_A_GAP: Final = {
    "suffix": Case("return x", {"input_suffix": "return x", "input_prefix": "Hi", "prompt": ""}),
    "input_extra": Case([{"filename": "a.py", "text": "x = 1"}], {}),  # only with `suffix`
}
_LLAMAFILE_ALIASES: Final = {
    **_ALIASES,
    "default_headers": ("headers", {"X-Tenant": "a"}),
    "max_completion_tokens": ("max_tokens", 7),
    "model_name": ("model", "tiny"),
    "n_cmpl": ("n", 2),
    "openai_api_base": ("base_url", "http://localhost:9"),
    "openai_api_key": ("api_key", SecretStr("a-key")),
    "stop_sequences": ("stop", ["END"]),
}
_THINKING: Final = {"timings_per_token": True}
CHAT_LLAMAFILE: Final = LLAMAFILE | {
    "continue_final_message": Case(value=False, sent={}),
    "max_tokens": Case(7, {"max_tokens": 7}),
    "logit_bias": Case({5: False, "a": 1.5}, {"logit_bias": {"5": -100, "a": 1.5}}),
    "n_probs": Case(2, {"logprobs": True, "top_logprobs": 2}),
    "chat_template_kwargs": Case({"tone": "dry"}),
    "reasoning": Case(
        "low",
        {
            **_THINKING,
            "reasoning_effort": "low",
            "chat_template_kwargs": {
                "enable_thinking": True,
                "thinking": True,
                "reasoning_effort": "low",
            },
        },
    ),
    "reasoning_budget": Case(
        9,
        {
            **_THINKING,
            "thinking_budget_tokens": 9,
            "reasoning_budget_tokens": 9,
            "reasoning_budget_message": "",
        },
    ),
    "reasoning_budget_message": Case("Enough.", {}),  # only with a budget
    "reasoning_format": Case("none"),
    "parallel_tool_calls": Case(value=True, sent={}),  # only with tools
    "add_generation_prompt": Case(value=False),
    "echo": Case(value=True),
    "reasoning_control": Case(value=True),
    "validate_model_on_init": Case(value=True, sent={}, changes=False),
}
OLLAMA: Final = {
    **_SAMPLING,
    "model": Case("tiny", {"model": "tiny"}),
    "max_tokens": Case(7, {"options": {"num_predict": 7}}),
    "num_ctx": Case(1024),
    "num_keep": Case(5),
    "num_batch": Case(64),
    "num_gpu": Case(0),
    "main_gpu": Case(1),
    "num_thread": Case(1),
    "use_mmap": Case(value=False),
    "draft_num_predict": Case(4),
    "system": Case("Be brief.", {"system": "Be brief."}),
    "template": Case("{{ .Prompt }}", {"template": "{{ .Prompt }}"}),
    "suffix": Case("return x", {"suffix": "return x"}),
    "images": Case(["aGVsbG8="], {"images": ["aGVsbG8="]}),
    "raw": Case(value=True, sent={"raw": True}),
    "context": Case([1, 2], {"context": [1, 2]}),
    "format": Case({"type": "object"}, {"format": {"type": "object"}}),
    "reasoning": Case("low", {"think": "low"}),
    "truncate": Case(value=True, sent={"truncate": True}),
    "shift": Case(value=True, sent={"shift": True}),
    "extra_body": Case({"new_field": 1}, {"new_field": 1}),
    "logprobs": Case(value=True, sent={"logprobs": True}),
    "top_logprobs": Case(2, {"top_logprobs": 2, "logprobs": True}),
    "options": Case({"new_option": 1}, {"options": {"new_option": 1}}),
    "keep_alive": Case("10m", {"keep_alive": "10m"}, changes=False),
    "auth": Case(("me", "word"), {}, changes=False),
    "allow_remote": Case(value=True, sent={}, changes=False),
    "validate_model_on_init": Case(value=True, sent={}, changes=False),
    **_CONNECTION,
}
_GENERATE_ONLY: Final = frozenset({"system", "template", "suffix", "images", "raw", "context"})
CHAT_OLLAMA: Final = {name: case for name, case in OLLAMA.items() if name not in _GENERATE_ONLY} | {
    "continue_final_message": Case(value=False, sent={}),
}
SUBJECTS: Final = {
    "Llamafile": Subject(
        FakeText,
        LLAMAFILE | _OF_A_GAP,
        {"prompt": "Hi", "stop": [], "stream": True},
        _LLAMAFILE_ALIASES,
    ),
    "ChatLlamafile": Subject(
        FakeLlamaCppChat,
        CHAT_LLAMAFILE,
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "stop": [],
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        {
            **_LLAMAFILE_ALIASES,
            **dict.fromkeys(("reasoning_effort", "think"), ("reasoning", "low")),
            **dict.fromkeys(
                ("reasoning_budget_tokens", "thinking_budget", "thinking_budget_tokens"),
                ("reasoning_budget", 9),
            ),
        },
    ),
    "Ollama": Subject(
        FakeOllama,
        OLLAMA,
        {
            "model": "llama2",
            "prompt": "Hi",
            "options": {},
            "shift": False,
            "truncate": False,
            "stream": True,
        },
        {**_ALIASES, **dict.fromkeys(("reasoning_effort", "think"), ("reasoning", True))},
        nested=True,
    ),
    "ChatOllama": Subject(
        FakeChatOllama,
        CHAT_OLLAMA,
        {
            "model": "llama2",
            "messages": [{"role": "user", "content": "Hi"}],
            "options": {},
            "shift": False,
            "truncate": False,
            "stream": True,
        },
        {**_ALIASES, **dict.fromkeys(("reasoning_effort", "think"), ("reasoning", True))},
        nested=True,
    ),
}
