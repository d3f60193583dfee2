"""List what the models of published chat templates write.

It is from llama.cpp's own tests: tests/test-chat.cpp in its source. Each entry is a fact about a
family of models, in our words: its markers, and one example of each kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CALLS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("get_weather", {"city": "Bern", "days": 2}),
    ("get_time", {"city": "Zürich"}),
)
"""The calls that are written."""


def _tool(name: str, **kinds: str) -> dict[str, Any]:
    properties = {key: {"type": kind, "description": f"The {key}."} for key, kind in kinds.items()}
    schema = {"type": "object", "properties": properties, "required": ["city"]}
    return {
        "type": "function",
        "function": {"name": name, "description": f"Does {name}.", "parameters": schema},
    }


TOOLS: Final = [
    _tool("get_weather", city="string", days="integer"),
    _tool("get_time", city="string"),
]


@dataclass(frozen=True)
class CallStyle:
    """How calls are written.

    Attributes:
        one: The first of `CALLS`.
        both: Both; empty where the model calls one tool at a time.
        ids: Their ids, where the model writes them.
    """

    one: str
    both: str = ""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnswerStyle:
    """How thoughts and answers are written.

    Attributes:
        opening: What begins thoughts; the prompt may hold it already.
        closing: What ends them.
        before: What comes before the answer's text.
        after: What comes after it.
        between: What comes before calls after an answer.
        end: What is at the very end.
        preamble: What comes before a text that a call follows; default: `before`.
        is_headed: Whether each part has a header, so that a prompt never ends in thoughts.
    """

    opening: str = ""
    closing: str = ""
    before: str = ""
    after: str = ""
    between: str = ""
    end: str = ""
    preamble: str = ""
    is_headed: bool = False

    @property
    def thinks(self) -> bool:
        """Whether the model thinks."""
        return bool(self.closing)


_W: Final = '{"city": "Bern", "days": 2}'
_T: Final = '{"city": "Zürich"}'


_Ends = tuple[str, str]


def _json(
    before: str,
    after: str,
    between: str = "",
    *,
    name: str = "name",
    args: str = "arguments",
    ends: _Ends = ("", ""),
) -> CallStyle:
    """Return calls as JSON objects, each or all between two markers."""
    weather, time = (
        f'{{"{name}": "get_weather", "{args}": {_W}}}',
        f'{{"{name}": "get_time", "{args}": {_T}}}',
    )
    return CallStyle(
        f"{ends[0]}{before}{weather}{after}{ends[1]}",
        f"{ends[0]}{before}{weather}{after}{between}{before}{time}{after}{ends[1]}",
    )


def _tags(
    call: str,
    argument: str,
    end: str,
    between: str = "",
    *,
    ends: _Ends = ("", ""),
    numbers: str = "",
) -> CallStyle:
    """Return calls whose arguments are written one by one."""
    weather = (
        call.format("get_weather", 1)
        + argument.format("city", "Bern")
        + (numbers or argument).format("days", 2)
        + end
    )
    time = call.format("get_time", 2) + argument.format("city", "Zürich") + end
    return CallStyle(f"{ends[0]}{weather}{ends[1]}", f"{ends[0]}{weather}{between}{time}{ends[1]}")


def _headers(
    call: str,
    end: str,
    between: str = "",
    ends: tuple[str, str] = ("", ""),
    ids: tuple[str, ...] = (),
) -> CallStyle:
    """Return calls with the name before arguments in JSON."""
    first, second = (
        call.format(name, (*ids, "", "")[place]) + args + end
        for place, (name, args) in enumerate((("get_weather", _W), ("get_time", _T)))
    )
    return CallStyle(
        f"{ends[0]}{first}{ends[1]}", f"{ends[0]}{first}{between}{second}{ends[1]}", ids
    )


_M3: Final = "]<]minimax[>["
CALL_STYLES: Final[Mapping[str, CallStyle]] = {
    "hermes": _json("<tool_call>\n", "\n</tool_call>", "\n"),
    "qwen3-coder": _tags(
        "<tool_call>\n<function={}>\n",
        "<parameter={}>\n{}\n</parameter>\n",
        "</function>\n</tool_call>",
        "\n",
    ),
    "glm": _tags(
        "<tool_call>{}\n",
        "<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>\n",
        "</tool_call>",
        "\n",
    ),
    "glm-4.7": _tags(
        "<tool_call>{}", "<arg_key>{}</arg_key><arg_value>{}</arg_value>", "</tool_call>"
    ),
    "hunyuan": _tags(
        "<tool_call:opensource>{}<tool_sep:opensource>\n",
        "<arg_key:opensource>{}</arg_key:opensource>\n"
        "<arg_value:opensource>{}</arg_value:opensource>\n",
        "</tool_call:opensource>\n",
        ends=("<tool_calls:opensource>\n", "</tool_calls:opensource>"),
    ),
    "seed": _tags(
        "<seed:tool_call>\n<function={}>\n",
        "<parameter={}>{}</parameter>\n",
        "</function>\n</seed:tool_call>",
        "\n",
    ),
    "minimax-m2": _tags(
        '<invoke name="{}">\n',
        '<parameter name="{}">{}</parameter>\n',
        "</invoke>\n",
        ends=("<minimax:tool_call>\n", "</minimax:tool_call>"),
    ),
    "minimax-m3": _tags(
        f'{_M3}<invoke name="{{}}">',
        f"{_M3}<{{0}}>{{1}}{_M3}</{{0}}>",
        f"{_M3}</invoke>\n",
        ends=(f"{_M3}<tool_call>\n", f"{_M3}</tool_call>"),
    ),
    "minicpm": _tags('<function name="{}">', '<param name="{}">{}</param>', "</function>", "\n"),
    "muse": CallStyle(
        _tags(
            ' to={0}<|message|><atem:function_calls>\n<atem:invoke name="{0}">\n',
            '<atem:parameter name="{}">{}</atem:parameter>\n',
            "</atem:invoke>\n</atem:function_calls>",
        ).one
    ),
    "kimi-k3": _tags(
        '<|open|>call tool="{}" index="{}"<|sep|>',
        '<|open|>argument key="{}" type="string"<|sep|>{}<|close|>argument<|sep|>',
        "<|close|>call<|sep|>",
        ends=("<|open|>tools<|sep|>", "<|close|>tools<|sep|>"),
        numbers='<|open|>argument key="{}" type="number"<|sep|>{}<|close|>argument<|sep|>',
    ),
    **{
        f"deepseek-v{version}": _tags(
            '<｜DSML｜invoke name="{}">\n',
            '<｜DSML｜parameter name="{}" string="true">{}</｜DSML｜parameter>\n',
            "</｜DSML｜invoke>\n",
            ends=(f"<｜DSML｜{block}>\n", f"</｜DSML｜{block}>"),
            numbers='<｜DSML｜parameter name="{}" string="false">{}</｜DSML｜parameter>\n',
        )
        for version, block in (("3.2", "function_calls"), ("4", "tool_calls"))
    },
    "deepseek-v3.1": _headers(
        "<｜tool▁call▁begin｜>{}<｜tool▁sep｜>",
        "<｜tool▁call▁end｜>",
        ends=("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    ),
    "deepseek-r1": _headers(
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{}\n```json\n",
        "\n```<｜tool▁call▁end｜>",
        "\n",
        ends=("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    ),
    "kimi-k2": _headers(
        "<|tool_call_begin|>{1}<|tool_call_argument_begin|>",
        "<|tool_call_end|>",
        ends=("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
        ids=("functions.get_weather:0", "functions.get_time:1"),
    ),
    "solar": _headers(
        "<|tool_call:begin|>{1}<|tool_call:name|>{0}<|tool_call:args|>",
        "<|tool_call:end|>",
        ends=("<|tool_calls|>", "<|calls|>"),
        ids=("abc1234567", "def1234567"),
    ),
    "gpt-oss": CallStyle(
        f"<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{_W}"
    ),
    "mistral": CallStyle(
        f'[TOOL_CALLS][{{"name": "get_weather", "arguments": {_W}, "id": "abc123456"}}]',
        f'[TOOL_CALLS][{{"name": "get_weather", "arguments": {_W}, "id": "abc123456"}}, '
        f'{{"name": "get_time", "arguments": {_T}, "id": "def123456"}}]',
        ("abc123456", "def123456"),
    ),
    "mistral-args": _headers("[TOOL_CALLS]{}[ARGS]", ""),
    "mistral-ids": _headers("[TOOL_CALLS]{}[CALL_ID]{}[ARGS]", "", ids=("abc123456", "def123456")),
    "lfm2": CallStyle(
        '<|tool_call_start|>[get_weather(city="Bern", days=2)]<|tool_call_end|>',
        '<|tool_call_start|>[get_weather(city="Bern", days=2), '
        'get_time(city="Zürich")]<|tool_call_end|>',
    ),
    "gemma4": CallStyle(
        '<|tool_call>call:get_weather{city:<|"|>Bern<|"|>,days:2}<tool_call|>',
        '<|tool_call>call:get_weather{city:<|"|>Bern<|"|>,days:2}<tool_call|><|tool_call>call:get_time{city:<|"|>Zürich<|"|>}<tool_call|>',
    ),
    "apertus": CallStyle(
        f'<|tools_prefix|>[{{"get_weather": {_W}}}]<|tools_suffix|>',
        f'<|tools_prefix|>[{{"get_weather": {_W}}}, {{"get_time": {_T}}}]<|tools_suffix|>',
    ),
    "cohere": CallStyle(
        f'<|START_ACTION|>[\n    {{"tool_call_id": "0", "tool_name": "get_weather", "parameters": '
        f"{_W}}}\n]<|END_ACTION|>",
        f'<|START_ACTION|>[\n    {{"tool_call_id": "0", "tool_name": "get_weather", "parameters": '
        f"{_W}}},\n"
        f'    {{"tool_call_id": "1", "tool_name": "get_time", "parameters": {_T}}}\n'
        "]<|END_ACTION|>",
        ("0", "1"),
    ),
    "command-r+": _json(
        "", "", ", ", name="tool_name", args="parameters", ends=("Action:\n```json\n[", "]\n```")
    ),
    "apriel": _json("", "", ", ", ends=("<tool_calls>[", "]</tool_calls>")),
    "minimax-m1": _json("", "", "\n", ends=("<tool_calls>\n", "\n</tool_calls>")),
    "nemotron-v2": _json("", "", ", ", ends=("<TOOLCALL>[", "]</TOOLCALL>")),
    "granite-3": _json("", "", ", ", ends=("<|tool_call|>[", "]")),
    "gigachat-3": CallStyle(_json("<|message_sep|>\n\nfunction call<|role_sep|>\n", "").one),
    "gigachat-3.1": CallStyle(_json("<|function_call|>", "").one),
    "firefunction": _json("", "", ", ", ends=(" functools[", "]")),
    "functionary-3.1": _headers("<function={}>", "</function>"),
    "functionary-3.2": _headers("{}\n", "", ">>>"),
    "llama3": CallStyle(_json("", "", args="parameters").one),
}
LFM2_JSON: Final = CallStyle(_json("", "", ends=("<|tool_call_start|>[", "]<|tool_call_end|>")).one)
"""The other way in which LFM2 writes calls, where it is asked for JSON."""

_THINK: Final = AnswerStyle("<think>", "</think>")
ANSWER_STYLES: Final[Mapping[str, AnswerStyle]] = {
    "": AnswerStyle(),
    "think": _THINK,
    "think-lines": AnswerStyle("<think>\n", "\n</think>\n\n"),
    "[think]": AnswerStyle("[THINK]", "[/THINK]"),
    "seed": AnswerStyle("<seed:think>", "</seed:think>\n"),
    "minimax-m3": AnswerStyle("<mm:think>", "</mm:think>"),
    "hunyuan": AnswerStyle("<think:opensource>", "</think:opensource>"),
    "r7b": AnswerStyle(
        "<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"
    ),
    "cohere2": AnswerStyle(
        "<|START_THINKING|>", "<|END_THINKING|>", "<|START_TEXT|>", "<|END_TEXT|>"
    ),
    "apertus": AnswerStyle("<|inner_prefix|>", "<|inner_suffix|>"),
    "gemma4": AnswerStyle("<|channel>thought\n", "<channel|>"),
    "kimi-k3": AnswerStyle(
        "<|open|>think<|sep|>",
        "<|close|>think<|sep|>",
        "<|open|>response<|sep|>",
        "<|close|>response<|sep|>",
        end="<|close|>message<|sep|>",
    ),
    "apriel": AnswerStyle("Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]\n"),
    "solar": AnswerStyle("<|think|>", "<|end|><|begin|>assistant", "<|content|>", is_headed=True),
    "granite": AnswerStyle("<think>", "</think>", "<response>", "</response>"),
    "functionary": AnswerStyle(before="all\n"),
    "gpt-oss": AnswerStyle(
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant",
        "<|channel|>final<|message|>",
        between="<|end|><|start|>assistant",
        preamble="<|channel|>commentary<|message|>",
        is_headed=True,
    ),
    "muse": AnswerStyle(
        " to=self<|message|>",
        "<|eom|><|start|>assistant",
        " to=user<|message|>",
        between="<|eom|><|start|>assistant",
        is_headed=True,
    ),
}

TEMPLATES: Final[Mapping[str, tuple[str, str]]] = {
    "Apertus-8B-Instruct": ("apertus", "apertus"),
    "Apriel-1.6-15b-Thinker-fixed": ("apriel", "apriel"),
    "Bielik-11B-v3.0-Instruct": ("hermes", "think-lines"),
    "ByteDance-Seed-OSS": ("seed", "seed"),
    "Cohere2MoE": ("cohere", "cohere2"),
    "CohereForAI-c4ai-command-r-plus-tool_use": ("command-r+", ""),
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": ("cohere", "r7b"),
    "GLM-4.6": ("glm", "think"),
    "GLM-4.7-Flash": ("glm-4.7", "think"),
    "GigaChat3-10B-A1.8B": ("gigachat-3", ""),
    "GigaChat3.1-10B-A1.8B": ("gigachat-3.1", ""),
    "HuggingFaceTB-SmolLM3-3B": ("", "think-lines"),
    "Kimi-K2-Instruct": ("kimi-k2", ""),
    "Kimi-K2-Thinking": ("kimi-k2", "think"),
    "Kimi-K3": ("kimi-k3", "kimi-k3"),
    "LFM2-8B-A1B": ("lfm2", ""),
    "LFM2.5-8B-A1B": ("lfm2", "think"),
    "LFM2.5-Instruct": ("lfm2", ""),
    "MiMo-VL": ("hermes", ""),
    "MiniMax-M1": ("minimax-m1", ""),
    "MiniMax-M2": ("minimax-m2", "think-lines"),
    "MiniMax-M3": ("minimax-m3", "minimax-m3"),
    "Mistral-Small-3.2-24B-Instruct-2506": ("mistral-ids", ""),
    "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": ("qwen3-coder", "think-lines"),
    "NVIDIA-Nemotron-Nano-v2": ("nemotron-v2", "think-lines"),
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": ("hermes", ""),
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": ("hermes", ""),
    "Qwen-QwQ-32B": ("hermes", "think-lines"),
    "Qwen-Qwen2.5-7B-Instruct": ("hermes", ""),
    "Qwen-Qwen3-0.6B": ("hermes", "think-lines"),
    "Qwen3-Coder": ("qwen3-coder", ""),
    "Qwen3.5-4B": ("qwen3-coder", "think-lines"),
    "Reka-Edge": ("hermes", "think-lines"),
    "Spark2.5": ("glm-4.7", "think"),
    "StepFun3.5-Flash": ("qwen3-coder", "think-lines"),
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": ("deepseek-r1", "think-lines"),
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": ("deepseek-r1", "think-lines"),
    "deepseek-ai-DeepSeek-V3.1": ("deepseek-v3.1", "think"),
    "deepseek-ai-DeepSeek-V3.2": ("deepseek-v3.2", "think"),
    "deepseek-ai-DeepSeek-V4": ("deepseek-v4", "think"),
    "deepseek-ai-DeepSeek-V4-Flash-0731": ("deepseek-v4", "think"),
    "fireworks-ai-llama-3-firefunction-v2": ("firefunction", ""),
    "google-gemma-2-2b-it": ("", ""),
    "google-gemma-4-31B-it": ("gemma4", "gemma4"),
    "google-gemma-4-31B-it-interleaved": ("gemma4", "gemma4"),
    "ibm-granite-granite-3.3-2B-Instruct": ("granite-3", "granite"),
    "ibm-granite-granite-4.0": ("hermes", ""),
    "ibm-granite-granite-4.1": ("hermes", ""),
    "inclusionai-ling-3.0-flash": ("glm", "think"),
    "llama-cpp-deepseek-r1": ("deepseek-r1", "think-lines"),
    "llama-cpp-rwkv-world": ("", "think-lines"),
    "meetkai-functionary-medium-v3.1": ("functionary-3.1", ""),
    "meetkai-functionary-medium-v3.2": ("functionary-3.2", "functionary"),
    "meta-llama-Llama-3.1-8B-Instruct": ("llama3", ""),
    "meta-llama-Llama-3.2-3B-Instruct": ("llama3", ""),
    "meta-llama-Llama-3.3-70B-Instruct": ("llama3", ""),
    "microsoft-Phi-3.5-mini-instruct": ("", ""),
    "mistralai-Ministral-3-14B-Reasoning-2512": ("mistral-args", "[think]"),
    "mistralai-Mistral-Nemo-Instruct-2407": ("mistral", ""),
    "moonshotai-Kimi-K2": ("kimi-k2", ""),
    "muse-glimmer": ("muse", "muse"),
    "openai-gpt-oss-120b": ("gpt-oss", "gpt-oss"),
    "openbmb-MiniCPM5-1B": ("minicpm", "think-lines"),
    "poolside-Laguna-S-2.1": ("glm-4.7", "think"),
    "poolside-Laguna-XS-2.1": ("glm", "think-lines"),
    "poolside-Laguna-XS.2": ("glm", "think-lines"),
    "tencent-Hy3": ("hunyuan", "hunyuan"),
    "unsloth-Apriel-1.5": ("apriel", ""),
    "unsloth-mistral-Devstral-Small-2507": ("mistral-args", ""),
    "upstage-Solar-Open-100B": ("solar", "solar"),
}
"""By the name of a template: how its model writes calls (empty where it has no tools), and thoughts
and answers."""

NOT_ENFORCED_BY_SERVER: Final = frozenset(
    {
        "GLM-4.7-Flash",
        "Kimi-K3",
        "LFM2-8B-A1B",
        "LFM2.5-8B-A1B",
        "LFM2.5-Instruct",
        "Spark2.5",
        "deepseek-ai-DeepSeek-V3.2",
        "deepseek-ai-DeepSeek-V4",
        "deepseek-ai-DeepSeek-V4-Flash-0731",
        "google-gemma-4-31B-it",
        "google-gemma-4-31B-it-interleaved",
        "inclusionai-ling-3.0-flash",
        "meta-llama-Llama-3.1-8B-Instruct",
        "meta-llama-Llama-3.2-3B-Instruct",
        "meta-llama-Llama-3.3-70B-Instruct",
        "poolside-Laguna-S-2.1",
        "poolside-Laguna-XS-2.1",
        "poolside-Laguna-XS.2",
    }
)
"""Templates for which llama.cpp's server parses calls, but fails or returns a wrong type where a
call goes wrong."""
