"""Describe what surrounds a tool call in each format.

The grammar of what follows the opening marker needs it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["CallFrame", "call_frame"]


@dataclass(frozen=True, slots=True)
class CallFrame:
    """How calls are written after what begins them.

    White space in a text matches any amount of it, or none. `{name}` is a tool's name, `{args}` its
    arguments, `{id}` for an id, `{number}` for a number, `{header}` for what Harmony allows between
    a name and `<|message|>`, and `{stop}` for `<|calls|>`, which ends an answer and may not be a
    text.

    Attributes:
        after: A regular expression of what begins calls, in which `{names}` is replaced by the
            names of the tools.
        call: A call.
        begin: What is before the first call.
        between: What is between two calls; empty where the model makes one call at a time.
        end: What is after the last call.
        argument: An argument with its `{key}` and `{value}`, where arguments are not one JSON
            object; `{text}` is `true` where the value is a text, else for `false`.
    """

    after: str
    call: str
    begin: str = ""
    between: str = ""
    end: str = ""
    argument: str = ""

    def pattern(self, names: Sequence[str]) -> str:
        """Return the regular expression of what begins a call of one of these tools."""
        return self.after.replace("{names}", "|".join(map(re.escape, names)))


def _marked(opening: str, call: str, **texts: str) -> CallFrame:
    return CallFrame(re.escape(opening), call, **texts)


def _each(opening: str, call: str, closing: str, argument: str = "") -> CallFrame:
    """Read calls that each have their own markers."""
    return _marked(opening, call + closing, between=f" {opening}", argument=argument)


def _listed(opening: str, closing: str, call: str = "") -> CallFrame:
    """Read calls in one list of JSON between markers."""
    return _marked(opening, call or _JSON, begin=" [ ", between=" , ", end=f" ]{closing}")


_JSON: Final = '{ "name" : "{name}" , "arguments" : {args} }'
_JSON_CALL: Final = re.compile(r'\\?"name\\?": .*\\?"arguments\\?": ', re.DOTALL)
"""What the templates of models show that write calls as JSON."""
_DSML: Final = "｜DSML｜"


def _dsml(block: str) -> CallFrame:
    return _marked(
        f"<{_DSML}{block}>",
        f' <{_DSML}invoke name="{{name}}"> {{args}} </{_DSML}invoke>',
        between=" ",
        end=f" </{_DSML}{block}>",
        argument=(
            f'<{_DSML}parameter name="{{key}}" string="{{text}}">{{value}}</{_DSML}parameter> '
        ),
    )


_FRAMES: Final[tuple[tuple[tuple[str | re.Pattern[str], ...], CallFrame | None], ...]] = (
    # gpt-oss
    (
        ("<|channel|>",),
        CallFrame(
            r"<\|(?:channel|start)\|>[^<]*\bto=functions\.", "{name}{header}<|message|>{args}"
        ),
    ),
    (
        ("<atem:function_calls>",),  # Muse
        _marked(
            "<|message|><atem:function_calls>",
            ' <atem:invoke name="{name}"> {args} </atem:invoke> </atem:function_calls>',
            argument='<atem:parameter name="{key}">{value}</atem:parameter> ',
        ),
    ),
    (("]<]minimax[>[",), None),  # MiniMax M3: elements in elements
    (
        (":opensource",),  # Hunyuan 3
        _marked(
            "<tool_calls:opensource>",
            " <tool_call:opensource>{name}<tool_sep:opensource> {args} </tool_call:opensource>",
            between=" ",
            end=" </tool_calls:opensource>",
            argument=(
                "<arg_key:opensource>{key}</arg_key:opensource> "
                "<arg_value:opensource>{value}</arg_value:opensource> "
            ),
        ),
    ),
    (("<|open|>",), None),  # Kimi K3: the type of each argument
    (
        ("<｜tool▁calls▁begin｜>", "```json"),  # DeepSeek V3, R1
        _marked(
            "<｜tool▁calls▁begin｜>",
            (
                " <｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}"
                " ```json {args} ```<｜tool▁call▁end｜>"
            ),
            between=" ",
            end=" <｜tool▁calls▁end｜>",
        ),
    ),
    (
        ("<｜tool▁calls▁begin｜>",),  # DeepSeek V3.1
        _marked(
            "<｜tool▁calls▁begin｜>",
            "<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{args}<｜tool▁call▁end｜>",
            between=" ",
            end=" <｜tool▁calls▁end｜>",
        ),
    ),
    (
        ("<|tool_calls_section_begin|>",),  # Kimi K2
        _marked(
            "<|tool_calls_section_begin|>",
            " <|tool_call_begin|> functions.{name}:{number} <|tool_call_argument_begin|> {args} "
            "<|tool_call_end|>",
            between=" ",
            end=" <|tool_calls_section_end|>",
        ),
    ),
    ((_DSML, "function_calls"), _dsml("function_calls")),  # DeepSeek V3.2
    ((_DSML,), _dsml("tool_calls")),  # DeepSeek V4
    (
        ("<|tool_calls|>",),  # Solar Open
        _marked(
            "<|tool_calls|>",
            " "
            "<|tool_call:begin|>{id}<|tool_call:name|>{name}<|tool_call:args|>{args}<|tool_call:end|>",
            between=" ",
            end="{stop}",
        ),
    ),
    (("<|tool_call>",), None),  # Gemma 4: neither JSON nor tags
    *(
        (
            (sign,),
            CallFrame(
                r"<\|tool_call_start\|>\s*(?=\[\s*\{)", _JSON, "[ ", " , ", " ]<|tool_call_end|>"
            ),
        )
        # LFM2, where it writes JSON and not Python
        for sign in ("<|tool_call_start|>", "List of tools: ")
    ),
    (
        ("<|START_ACTION|>",),  # Command R7B and A
        _listed(
            "<|START_ACTION|>",
            "<|END_ACTION|>",
            '{ "tool_call_id" : "{id}" , "tool_name" : "{name}" , "parameters" : {args} }',
        ),
    ),
    # Command R+: it also calls `directly-answer`, which is not one of the tools
    (("Action:",), None),
    (("<TOOLCALL>",), _listed("<TOOLCALL>", "</TOOLCALL>")),  # Nemotron Nano 2
    # Apertus
    (
        ("<|tools_prefix|>",),
        _listed("<|tools_prefix|>", "<|tools_suffix|>", '{ "{name}" : {args} }'),
    ),
    (
        ("<minimax:tool_call>",),  # MiniMax M2
        _marked(
            "<minimax:tool_call>",
            ' <invoke name="{name}"> {args} </invoke>',
            between=" ",
            end=" </minimax:tool_call>",
            argument='<parameter name="{key}">{value}</parameter> ',
        ),
    ),
    (
        ("<seed:tool_call>",),  # Seed-OSS
        _each(
            "<seed:tool_call>",
            " <function={name}> {args} </function> ",
            "</seed:tool_call>",
            "<parameter={key}>{value}</parameter> ",
        ),
    ),
    (
        ("<function name=",),  # MiniCPM 5
        _each(
            '<function name="',
            '{name}">{args}',
            "</function>",
            '<param name="{key}">{value}</param>',
        ),
    ),
    (("<|function_call|>",), _marked("<|function_call|>", f" {_JSON}")),  # GigaChat 3.1
    (("<|role_sep|>",), _marked("function call<|role_sep|>", f" {_JSON}")),  # GigaChat 3
    # FireFunction
    (("functools",), CallFrame(r"functools(?=\s*\[\s*\{)", _JSON, " [ ", " , ", " ]")),
    # Functionary 3.2
    ((">>>all",), CallFrame(r"(?:^\s*|>>>)(?=(?:{names})\n)", "{name} {args}", between=">>>")),
    # Phi-4-mini
    (("<|tool_call|>", "<|/tool_call|>"), _listed("<|tool_call|>", "<|/tool_call|>")),
    (("<|/tool|>",), _listed("<|tool_call|>", "<|/tool_call|>")),
    (("<|tool_call|>",), _listed("<|tool_call|>", "")),  # Granite 3
    (
        ("<parameter=",),  # Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5
        _each(
            "<tool_call>",
            " <function={name}> {args} </function> ",
            "</tool_call>",
            "<parameter={key}> {value} </parameter> ",
        ),
    ),
    (
        ("<tool_calls>", "<beginning_of_sentence>"),  # MiniMax M1
        _marked("<tool_calls>", f" {_JSON}", between=" ", end=" </tool_calls>"),
    ),
    (("<tool_calls>",), _listed("<tool_calls>", "</tool_calls>")),  # Apriel
    (
        ("<tool_call>", "<arg_key"),  # GLM, Ling 3, Laguna, Spark
        _each(
            "<tool_call>",
            " {name} {args} ",
            "</tool_call>",
            "<arg_key>{key}</arg_key> <arg_value>{value}</arg_value> ",
        ),
    ),
    (("<tool_call>", "<tool_sep"), None),
    # Qwen, Hermes and many others
    (("<tool_call>", _JSON_CALL), _each("<tool_call>", f" {_JSON} ", "</tool_call>")),
    (("<tool_call>",), None),
    (
        ("[TOOL_CALLS]", "[CALL_ID]"),  # Mistral Small 3.2
        _marked("[TOOL_CALLS]", "{name}[CALL_ID]{id}[ARGS]{args}", between=" [TOOL_CALLS]"),
    ),
    # Ministral, Devstral
    (
        ("[TOOL_CALLS]", "[ARGS]"),
        _marked("[TOOL_CALLS]", "{name}[ARGS]{args}", between=" [TOOL_CALLS]"),
    ),
    (
        ("[TOOL_CALLS]", "tool_call.id"),  # Mistral Nemo
        _listed("[TOOL_CALLS]", "", '{ "name" : "{name}" , "arguments" : {args} , "id" : "{id}" }'),
    ),
    (("[TOOL_CALLS]",), None),
    (("<function=",), _each("<function=", "{name}>{args}", "</function>")),  # Functionary 3.1
    (
        ('"parameters": dictionary of argument name',),  # Llama 3.1 and later
        CallFrame(
            r'(?:^|<\|python_tag\|>)\s*(?=\{\s*"name"\s*:\s*"(?:{names})")',
            '{ "name" : "{name}" , "parameters" : {args} }',
            between=" ; ",
        ),
    ),
)
"""What chat templates hold, and the frame of their models' calls; `None` where a grammar would not
be simple."""


def call_frame(template: str) -> CallFrame | None:
    """Return how a chat template's model writes calls, if a grammar can enforce schemas.

    The schemas are those of the tools.

    Example:
        >>> call_frame("{{ '<TOOLCALL>[' }}").end
        ' ]</TOOLCALL>'
    """
    return next(
        (frame for signs, frame in _FRAMES if all(_holds(template, sign) for sign in signs)), None
    )


def _holds(template: str, sign: str | re.Pattern[str]) -> bool:
    return sign in template if isinstance(sign, str) else bool(sign.search(template))
