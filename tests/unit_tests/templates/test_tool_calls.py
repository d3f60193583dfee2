"""`templates/tool_calls.py`: calls are parsed from an answer, whatever pieces it arrives in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm.templates.call_blocks import WrittenCall
from langchain_localllm.templates.harmony import HarmonySplitter
from langchain_localllm.templates.tool_calls import (
    HERMES,
    JSON,
    LLAMA3,
    MISTRAL,
    QWEN_CODER,
    ToolCallParser,
    ToolFormat,
    tool_format,
)
from tools.engines.chat_formats import CALL_STYLES, CALLS, TOOLS

NAMES = ("add", "weather")
ADD = {"name": "add", "arguments": {"a": 1, "b": [2, {"c": "}"}]}}
WEATHER = {"name": "weather", "arguments": {"city": '東京 "Ω" \\'}}
PARSED_ADD = WrittenCall("add", json.dumps(ADD["arguments"]))
PARSED_WEATHER = WrittenCall("weather", json.dumps(WEATHER["arguments"], ensure_ascii=False))


def dumped(*calls: Any) -> list[str]:
    return [json.dumps(call, ensure_ascii=False) for call in calls]


A, W = dumped(ADD, WEATHER)
L = json.dumps({"name": "add", "parameters": ADD["arguments"]})


def bad(args: str, name: str | None = None) -> WrittenCall:
    return WrittenCall(name, args, valid=False)


CASES: list[tuple[ToolFormat, str, list[str | WrittenCall]]] = [
    (HERMES, "Just text < with <tool signs.", ["Just text < with <tool signs."]),
    (HERMES, "", []),
    (HERMES, f"<tool_call>\n{A}\n</tool_call>", [PARSED_ADD]),
    (
        HERMES,
        f"I look.\n<tool_call>\n{A}\n</tool_call>\n<tool_call>\n{W}\n</tool_call>\n",
        ["I look.", PARSED_ADD, PARSED_WEATHER],
    ),
    (HERMES, f"<tool_call>{A}</tool_call> So it is.", [PARSED_ADD, " So it is."]),
    (HERMES, f"<tool_call>{A}{W}", [PARSED_ADD, PARSED_WEATHER]),
    (HERMES, f"<tool_call>{A}</tool_", [PARSED_ADD]),
    (
        HERMES,
        f'<tool_call>{{"name": "add", "arguments": {json.dumps(A)}}}</tool_call>',
        [WrittenCall("add", json.dumps(ADD))],
    ),
    (HERMES, '<tool_call>{"name": "add"}</tool_call>', [WrittenCall("add", "{}")]),
    (HERMES, '<tool_call>{"name": "new", "arguments": {}}</tool_call>', [WrittenCall("new", "{}")]),
    (HERMES, f"<tool_call>[{A}, {W}]</tool_call>", [PARSED_ADD, PARSED_WEATHER]),
    (HERMES, "<tool_call>{'name': 'add'}</tool_call>ok", [bad("{'name': 'add'}"), "ok"]),
    (
        HERMES,
        '<tool_call>{"name": "add", "arguments": [1]}</tool_call>',
        [bad('{"name": "add", "arguments": [1]}', "add")],
    ),
    (HERMES, '<tool_call>{"name": "add", </tool_call>ok', [bad('{"name": "add",', "add"), "ok"]),
    (
        HERMES,
        "<tool_call>call me</tool_call>and {this}",
        ["<tool_call>call me</tool_call>and {this}"],
    ),
    (
        HERMES,
        "Put it between <tool_call> and </tool_call>, please.",
        ["Put it between <tool_call> and </tool_call>, please."],
    ),
    (HERMES, "Write\n<tool_call>\n", ["Write\n<tool_call>\n"]),
    (
        HERMES,
        '<tool_call>{"name": <name>}</tool_call> is how',
        ['<tool_call>{"name": <name>}</tool_call> is how'],
    ),
    (
        HERMES,
        '<tool_call> {"colour": "red"} </tool_call>',
        ['<tool_call> {"colour": "red"} </tool_call>'],
    ),
    (
        HERMES,
        "<tool_call>\n<function=sub>\n</function>\n</tool_call>",
        ["<tool_call>\n<function=sub>\n</function>\n</tool_call>"],
    ),
    (
        HERMES,
        f"<tool_call>{A}</tool_call>\n<tool_call> is a tag",
        [PARSED_ADD, "\n<tool_call> is a tag"],
    ),
    (HERMES, f"<tool_call>{A}</tool_call> and </tool_call>", [PARSED_ADD, " and </tool_call>"]),
    (HERMES, f"<tool_call>{A}</tool_call>, <", [PARSED_ADD, ", <"]),
    (
        HERMES,
        f"The tag <tool_call> begins it: <tool_call>{A}</tool_call>",
        ["The tag <tool_call> begins it:", PARSED_ADD],
    ),
    (HERMES, f"<tool_call><tool_call>{A}</tool_call>", ["<tool_call>", PARSED_ADD]),
    (MISTRAL, "[TOOL_CALLS] is a marker", ["[TOOL_CALLS] is a marker"]),
    (MISTRAL, '[TOOL_CALLS]other[ARGS]{"a": 1}', ['[TOOL_CALLS]other[ARGS]{"a": 1}']),
    (MISTRAL, "[TOOL_CALLS]", ["[TOOL_CALLS]"]),
    (LLAMA3, "It begins with <|python_tag|>.", ["It begins with <|python_tag|>."]),
    (
        HERMES,
        '<tool_call>{"name": "add", "arguments": {"a": "</tool_call>"}}</tool_call>',
        [WrittenCall("add", '{"a": "</tool_call>"}')],
    ),
    (HERMES, '<tool_call>{"name": "add", "argum', [bad('{"name": "add", "argum', "add")]),
    (HERMES, f"{A}", [PARSED_ADD]),
    (HERMES, f"So: {A}", [f"So: {A}"]),
    (HERMES, f"<tools>\n{A}\n{W}\n</tools>", [PARSED_ADD, PARSED_WEATHER]),
    (HERMES, "Put them in <tools>.", ["Put them in <tools>."]),
    (HERMES, f"```json\n{A}\n```\n```json\n{W}\n```", [PARSED_ADD, PARSED_WEATHER]),
    (HERMES, f"```\n{A}\n{W}\n```\nWait.", [PARSED_ADD, PARSED_WEATHER, "\nWait."]),
    (
        HERMES,
        '<tool_call>{"name": "add", "arguments": {"a": "1\n2"}}</tool_call>',
        [WrittenCall("add", '{"a": "1\\n2"}')],
    ),
    (
        HERMES,
        '<tool_call>{"name": "add", "arguments": null}</tool_call>',
        [WrittenCall("add", "{}")],
    ),
    (HERMES, '<tool_call>{"name": "add", "arguments": ""}</tool_call>', [WrittenCall("add", "{}")]),
    (
        MISTRAL,
        '[TOOL_CALLS]add[ARGS]{"a": "1\n2"}',
        [WrittenCall("add", '{"a": "1\\n2"}')],
    ),
    (MISTRAL, f"[TOOL_CALLS] [{A}, {W}]", [PARSED_ADD, PARSED_WEATHER]),
    (
        MISTRAL,
        '[TOOL_CALLS][{"name": "add", "arguments": {}, "id": "abc123456"}]',
        [WrittenCall("add", "{}", "abc123456")],
    ),
    (
        MISTRAL,
        '[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]weather{}',
        [WrittenCall("add", '{"a": 1}'), WrittenCall("weather", "{}")],
    ),
    (
        MISTRAL,
        'Hm [1].[TOOL_CALLS]add[CALL_ID]x1[ARGS]{"a"',
        ["Hm [1].", WrittenCall("add", '{"a"', "x1", valid=False)],
    ),
    (LLAMA3, f"<|python_tag|>{L}", [PARSED_ADD]),
    (LLAMA3, f"{L}; {L}", [PARSED_ADD, PARSED_ADD]),
    (LLAMA3, f"<|python_tag|>{L};{L}", [PARSED_ADD, PARSED_ADD]),
    (LLAMA3, "<|python_tag|>print(1)", ["<|python_tag|>print(1)"]),
    (
        LLAMA3,
        '{"type": "function", "function": "add", "parameters": {"a": 1}}',
        [WrittenCall("add", '{"a": 1}')],
    ),
    (LLAMA3, f"It is {L}", [f"It is {L}"]),
    (LLAMA3, f"```json\n{L}\n```", [PARSED_ADD]),
    (
        LLAMA3,
        "[add(a=1), weather()]",
        [WrittenCall("add", '{"a": 1}'), WrittenCall("weather", "{}")],
    ),
    (LLAMA3, "[add(a=1), then", ["[add(a=1), then"]),
    (LLAMA3, "[sub(a=1)]", ["[sub(a=1)]"]),
    (LLAMA3, "[weather](https://w.org)", ["[weather](https://w.org)"]),
    (LLAMA3, "<|python_tag|>add.call(a=1)", [WrittenCall("add", '{"a": 1}')]),
    (LLAMA3, '<function=add>{"a": 1}</function>', [WrittenCall("add", '{"a": 1}')]),
    (JSON, f" {A}\n", [PARSED_ADD]),
    (JSON, f"[{A}, {W}]", [PARSED_ADD, PARSED_WEATHER]),
    (
        JSON,
        '{"type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}',
        [WrittenCall("add", '{"a": 1}')],
    ),
    (JSON, ' {"name": "Ada", "age": 36} is she', [' {"name": "Ada", "age": 36} is she']),
    (JSON, '{"colour": "red"}', ['{"colour": "red"}']),
    (JSON, "[1, 2]", ["[1, 2]"]),
    (JSON, '{"name": "add", "argum', [bad('{"name": "add", "argum', "add")]),
    (JSON, '{"name": "Ad', ['{"name": "Ad']),
]


QWEN = (
    "<tool_call>\n<function=weather>\n<parameter=city>\nBern\nWest\n</parameter>\n</function>\n"
    "</tool_call>"
)
GLM = "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Bern</arg_value>\n</tool_call>"
BERN = WrittenCall("weather", '{"city": "Bern"}')
FAMILIES: list[tuple[str, str, list[str | WrittenCall]]] = [
    ("<tool_call>", QWEN, [WrittenCall("weather", '{"city": "Bern\\nWest"}')]),
    (
        "<tool_call>",
        f"I look. {QWEN}\n{GLM}",
        ["I look.", WrittenCall("weather", '{"city": "Bern\\nWest"}'), BERN],
    ),
    (
        "<tool_call>",
        (
            "<tool_call><function=add><parameter=a>\n1\n</parameter><parameter=b>\n[2, true]\n"
            "</parameter></function></tool_call>"
        ),
        [WrittenCall("add", '{"a": 1, "b": [2, true]}')],
    ),
    ("<tool_call>", "<tool_call>add\n</tool_call>", [WrittenCall("add", "{}")]),
    ("<tool_call>", "Write <tool_call>\n<function=name>.", ["Write <tool_call>\n<function=name>."]),
    ("<tool_call>", '```json\n{"name": "weather", "arguments": {"city": "Bern"}}\n```', [BERN]),
    (
        "<tool_call>",
        '```json\n{"name": "Ada", "age": 36}\n```\nis she',
        ['```json\n{"name": "Ada", "age": 36}\n```\nis she'],
    ),
    ("<tool_call>", "```python\nprint(1)\n```", ["```python\nprint(1)\n```"]),
    (
        "<|channel|>",
        (
            '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": '
            '"Bern"}<|call|>'
        ),
        [BERN],
    ),
    ("<|channel|>", "<|channel|>final<|message|>Yes", ["<|channel|>final<|message|>Yes"]),
    (
        "<｜tool▁calls▁begin｜>",
        (
            '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"city": '
            '"Bern"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n'
            '{"a": '
            "1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        ),
        [BERN, WrittenCall("add", '{"a": 1}')],
    ),
    (
        "<|tool_call_start|>",
        '<|tool_call_start|>[weather(city="Bern"), add(a=1, b=[2, None])]<|tool_call_end|>Wait.',
        [BERN, WrittenCall("add", '{"a": 1, "b": [2, null]}'), "Wait."],
    ),
    ("<|tool_call_start|>", "<|tool_call_start|>[add(1)]<|tool_call_end|>", [bad("add(1)", "add")]),
    (
        "<|tool_call_start|>",
        f"<|tool_call_start|>[ {A}, {W}]<|tool_call_end|>Wait.",
        [PARSED_ADD, PARSED_WEATHER, "Wait."],
    ),
    (
        "<|START_ACTION|>",
        (
            '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "weather", "parameters": {"city": '
            '"Bern"}}]<|END_ACTION|>'
        ),
        [WrittenCall("weather", '{"city": "Bern"}', "0")],
    ),
    (
        "<TOOLCALL>",
        '<TOOLCALL>[{"name": "weather", "arguments": {"city": "Bern"}}]</TOOLCALL>',
        [BERN],
    ),
    ("<function=", 'So: <function=weather>{"city": "Bern"}</function>', ["So:", BERN]),
    ("<function=", '<function=weather>{"city": "Be', [bad('{"city": "Be', "weather")]),
    (
        "<start_function_call>",
        (
            "I look.<start_function_call>call:weather{city:<escape>Bern<escape>}<end_function_call>"
            "<start_function_call>call:add{a:1,b:[<escape>x<escape>]}<end_function_call>"
        ),
        ["I look.", BERN, WrittenCall("add", '{"a": 1, "b": ["x"]}')],
    ),
    (
        "<function_calls>",
        (
            "<function_calls>\nweather(city='Bern')\nadd(a=1, b={'x': [true, null]})\n"
            "</function_calls>"
        ),
        [BERN, WrittenCall("add", '{"a": 1, "b": {"x": [true, null]}}')],
    ),
    (
        "<|tool_call_start|>",
        '<|tool_call_start|>\n```python\nweather(city="Bern")\nadd()\n```\n<|tool_call_end|>',
        [BERN, WrittenCall("add", "{}")],
    ),
    (
        "<|action_start|>",
        (
            '<|action_start|><|plugin|>\n{"name": "weather", "parameters": {"city": "Bern"}}'
            "<|action_end|>"
        ),
        [BERN],
    ),
    (
        "<|python_start|>",
        '<|python_start|>[weather(city="Bern"), add(a=1)]<|python_end|>',
        [BERN, WrittenCall("add", '{"a": 1}')],
    ),
    (
        "<|/tool|>",
        '<|tool_call|>[{"name": "weather", "arguments": {"city": "Bern"}}]<|/tool_call|>',
        [BERN],
    ),
    ("<|tool_call|>", 'functools[{"name": "weather", "arguments": {"city": "Bern"}}]', [BERN]),
    (
        "<|tool_call|>",
        '<tool_call>[{"name": "weather", "arguments": {"city": "Bern"}}]',
        [BERN],
    ),
    (
        "<｜tool▁calls▁begin｜>",
        (
            "<｜tool calls begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n"
            '{"city": "Bern"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
        ),
        [BERN],
    ),
    (
        "<|tool_calls_section_begin|>",
        (
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
            '{"city": "Bern"}<|tool_call_end|><|tool_calls_section_end|>'
        ),
        [WrittenCall("weather", '{"city": "Bern"}', "functions.weather:0")],
    ),
    (
        "<minimax:tool_call>",
        (
            '<minimax:tool_call>\n<invoke name="weather">\n<parameter '
            'name="city">Bern</parameter>\n'
            "</invoke>\n</minimax:tool_call>"
        ),
        [BERN],
    ),
    (
        "<seed:tool_call>",
        (
            "<seed:tool_call>\n<function=weather>\n<parameter=city>Bern</parameter>\n</function>\n"
            "</seed:tool_call>"
        ),
        [BERN],
    ),
    (
        "｜DSML｜",
        (
            '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weather">\n<｜DSML｜parameter '
            'name="city" '
            'string="true">Bern'
            "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>"
        ),
        [BERN],
    ),
]
"""What a template holds, what its model writes, and what that means."""


@pytest.mark.parametrize(("template", "text", "expected"), FAMILIES)
def test_calls_of_a_family_are_read_in_pieces_of_every_size(
    template: str, text: str, expected: list[str | WrittenCall]
) -> None:
    for size in (1, 2, 3, 7, len(text)):
        assert (
            parsed(
                tool_format(f"tools {template}"),
                [text[at : at + size] for at in range(0, len(text), size)],
            )
            == expected
        )


@pytest.mark.parametrize(
    "style", [name for name in CALL_STYLES if name not in {"functionary-3.2", "llama3", "muse"}]
)
def test_calls_in_published_styles_are_read_in_pieces_of_every_size(style: str) -> None:
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    written = CALL_STYLES[style]
    for text, calls in ((written.one, CALLS[:1]), (written.both, CALLS)):
        for size in (1, 2, 3, 7, len(text)) if text else ():
            parser = ToolCallParser(tool_format(text), schemas)
            parts = [
                part
                for at in range(0, len(text), size)
                for part in parser.feed(text[at : at + size])
            ] + parser.end()
            read = [part for part in parts if isinstance(part, WrittenCall)]
            assert len(read) == len([part for part in parts if str(part).strip()])
            assert [(call.name, json.loads(call.args)) for call in read] == list(calls)
            assert not written.ids or [call.id for call in read] == list(written.ids[: len(read)])


TAGGED = [
    name
    for name, style in CALL_STYLES.items()
    if "Bern" in style.one and '"Bern"' not in style.one and name != "muse"
]


@pytest.mark.parametrize("style", TAGGED)
def test_tool_call_parser_tagged_call_that_is_cut_is_not_valid(style: str) -> None:
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    written = CALL_STYLES[style].one
    for end in range(written.index("get_weather"), len(written)):
        parser = ToolCallParser(tool_format(written), schemas)
        parts = [*parser.feed(written[:end]), *parser.end(cut=True)]
        read = [part for part in parts if isinstance(part, WrittenCall)]
        assert all(not call.valid or json.loads(call.args) == CALLS[0][1] for call in read), (
            written[:end]
        )


def test_tool_call_parser_nested_arguments_in_elements_are_objects_and_arrays() -> None:
    mark = "]<]minimax[>["
    schema = {
        "tags": {"type": "array"},
        "limit": {"type": "object"},
        "note": {"type": ["string", "null"]},
    }
    text = (
        f"{mark}<tool_call>\n{mark}<invoke "
        f'name="add">{mark}<tags>{mark}<item>a{mark}</item>{mark}<item>1{mark}</item>{mark}</tags>'
        f"{mark}<limit>{mark}<max>10{mark}</max>{mark}</limit>{mark}<note>12{mark}</note>{mark}</invoke>\n"
        f"{mark}</tool_call>"
    )
    parser = ToolCallParser(tool_format(mark), {"add": {"properties": schema}})
    assert parser.feed(text) == [
        WrittenCall("add", '{"tags": ["a", 1], "limit": {"max": 10}, "note": "12"}')
    ]


def test_tool_call_parser_gemma_objects_are_read_with_bare_keys_and_quotes() -> None:
    text = (
        '<|tool_call>call:add{a:{theme:<|"|>it\'s "dark": '
        '{x}<|"|>,on:true},b:[<|"|>x<|"|>,-1.5e3,null],c:{}}<tool_call|> Done.'
    )
    args = {"a": {"theme": 'it\'s "dark": {x}', "on": True}, "b": ["x", -1500.0, None], "c": {}}
    assert parsed(tool_format("<|tool_call>"), list(text)) == [
        WrittenCall("add", json.dumps(args)),
        " Done.",
    ]


def test_tool_call_parser_qwen_coder_may_leave_out_the_opening_marker() -> None:
    call = "<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"
    expected: list[str | WrittenCall] = [
        "I add.",
        WrittenCall("add", '{"a": 1}'),
        WrittenCall("add", '{"a": 1}'),
    ]
    assert (
        parsed(tool_format("<tool_call> <parameter="), list(f"I add.\n{call}\n<tool_call>\n{call}"))
        == expected
    )


@pytest.mark.parametrize(
    "text",
    [
        "Write <function=add> first.",
        "Begin with <function=add>",
        "std::function<int> and <function=add>, which is a tag",
        "<function=other>\n<parameter=a>\n1\n</parameter>\n</function>",
    ],
)
def test_tool_call_parser_text_that_mentions_a_function_stays_text(text: str) -> None:
    assert "".join(map(str, parsed(QWEN_CODER, list(text)))) == text


@pytest.mark.parametrize(
    "call",
    [
        '{"name": "add", "arguments": {"a": "one\ntwo\tthree"}}',
        '<function=add>{"a": "one\ntwo\tthree"}</function>',
        '{"name": "add", "arguments": "{\\"a\\": \\"one\ntwo\tthree\\"}"}',
    ],
)
def test_tool_call_parser_line_ends_inside_a_string_are_read(call: str) -> None:
    (found,) = parsed(HERMES, [f"<tool_call>\n{call}\n</tool_call>"])
    assert isinstance(found, WrittenCall)
    assert found.valid
    assert json.loads(found.args) == {"a": "one\ntwo\tthree"}


def test_tool_call_parser_plain_values_are_text_where_the_schema_needs_text() -> None:
    text = (
        "<tool_call>\n<function=add>\n<parameter=a>\n12\n</parameter>\n<parameter=b>\n12\n"
        "</parameter>\n</function>\n</tool_call>"
    )
    parser = ToolCallParser(
        HERMES, {"add": {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}}
    )
    assert parser.feed(text) == [WrittenCall("add", '{"a": "12", "b": 12}')]


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "null", None),
        ({"type": ["string", "null"]}, "None", None),
        ({"type": "string", "nullable": True}, "null", None),
        ({"type": "string"}, "null", "null"),
        ({"allOf": [{"type": "string"}]}, "12", "12"),
        ({"const": "12"}, "12", "12"),
        ({"enum": ["12", None]}, "12", "12"),
        ({"enum": ["12", None]}, "null", None),
        ({"enum": ["12", 12]}, "12", 12),
    ],
)
def test_tool_call_parser_plain_value_is_null_where_the_schema_allows_it(
    schema: Any, text: str, value: Any
) -> None:
    call = f"<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>{text}</arg_value>\n</tool_call>"
    parser = ToolCallParser(HERMES, {"add": {"properties": {"a": schema}}})
    assert parser.feed(call) == [WrittenCall("add", json.dumps({"a": value}))]


HARMONY = "<|channel|>analysis<|message|>They want a sum.<|end|><|start|>assistant"


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        (f"{HARMONY}<|channel|>final<|message|>Four.<|return|>", "They want a sum.", "Four."),
        (
            (
                f"{HARMONY}<|channel|>commentary<|message|>I "
                "add.<|end|><|start|>assistant<|channel|>final<|message|>4"
            ),
            "They want a sum.",
            "I add.4",
        ),
        ("<|channel|>final<|message|>Four < five", "", "Four < five"),
        ('{"sum": 4}', "", '{"sum": 4}'),
        ("to be or not", "", "to be or not"),
        ("<|channel|>analysis<|message|>They want", "They want", ""),
        (
            f"{HARMONY}<|channel|>commentary to=add <|constrain|>json<|message|>{{}}<|call|>",
            "They want a sum.",
            "<|channel|>commentary to=functions.add<|message|>{}<|call|>",
        ),
        ("<|channel|>analysis to=python code<|message|>1+1<|call|>", "1+1", ""),
        (
            f"{HARMONY} to=functions.add<|channel|>commentary json<|message|>{{}}<|call|>",
            "They want a sum.",
            "<|channel|>commentary to=functions.add<|message|>{}<|call|>",
        ),
    ],
)
def test_tool_call_parser_harmony_is_split_into_thoughts_and_text(
    text: str, reasoning: str, answer: str
) -> None:
    for size in (1, 2, 5, len(text)):
        splitter = HarmonySplitter()
        splits = [splitter.feed(text[at : at + size]) for at in range(0, len(text), size)] + [
            splitter.end()
        ]
        assert "".join(split.reasoning for split in splits) == reasoning
        assert "".join(split.text for split in splits) == answer


def parsed(form: ToolFormat, pieces: list[str]) -> list[str | WrittenCall]:
    """What a parser returns, with texts that follow each other joined."""
    parser = ToolCallParser(form, NAMES)
    told = [part for piece in pieces for part in parser.feed(piece)] + parser.end()
    joined: list[str | WrittenCall] = []
    for part in told:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


@pytest.mark.parametrize(("form", "text", "expected"), CASES)
def test_tool_call_parser_separates_calls_from_text(
    form: ToolFormat, text: str, expected: list[str | WrittenCall]
) -> None:
    assert parsed(form, [text]) == expected
    assert parsed(form, list(text)) == expected


def cut(data: st.DataObject, text: str) -> list[str]:
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


FRAGMENTS = st.sampled_from(
    [
        "<tool_call>",
        "</tool_call>",
        "<tool",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<|python_tag|>",
        A,
        W,
        L,
        "{",
        "}",
        "[",
        "]",
        '"',
        "\\",
        " ",
        "\n",
        *(
            "add",
            "text",
            ",",
            ";",
            '{"name": "add"',
            ': "',
            "<",
            "{}",
            "</think>",
            "<think>",
            "<thi",
        ),
    ]
)


@given(
    st.data(),
    st.lists(FRAGMENTS, max_size=8).map("".join),
    st.sampled_from([HERMES, MISTRAL, LLAMA3, JSON]),
)
def test_tool_call_parser_any_cut_gives_the_same_calls(
    data: st.DataObject, text: str, form: ToolFormat
) -> None:
    assert parsed(form, cut(data, text)) == parsed(form, [text])


@given(
    st.lists(FRAGMENTS, max_size=10).map("".join), st.sampled_from([HERMES, MISTRAL, LLAMA3, JSON])
)
def test_tool_call_parser_answer_without_a_call_stays_as_it_is(text: str, form: ToolFormat) -> None:
    parts = parsed(form, list(text))
    if all(isinstance(part, str) for part in parts):
        assert "".join(map(str, parts)) == text


WORDS = st.lists(
    st.sampled_from(
        [
            *(f"word{number}" for number in range(9)),
            *"{}[],;<\n ",
            "<tool_call>",
            "</tool_call>",
            A,
            "[ARGS]",
        ]
    ),
    max_size=12,
)


@given(WORDS, st.sampled_from([HERMES, MISTRAL, LLAMA3, JSON]))
def test_tool_call_parser_keeps_every_word_around_a_call(
    words: list[str], form: ToolFormat
) -> None:
    shown = "".join(
        part if isinstance(part, str) else f"{part.name}{part.args}"
        for part in parsed(form, list("".join(words)))
    )
    for word in words:
        assert not word.startswith("word") or shown.count(word) == words.count(word)


@given(st.text(alphabet="ab {}<[\n", max_size=30))
def test_tool_call_parser_text_without_a_marker_stays_as_it_is(text: str) -> None:
    for form in (HERMES, MISTRAL, LLAMA3, JSON):
        assert "".join(map(str, parsed(form, list(text)))) == text


def test_tool_call_parser_returns_text_at_once() -> None:
    parser = ToolCallParser(HERMES)
    assert parser.feed("Let me ") == ["Let me"]
    assert parser.feed("think") == [" think"]
    assert parser.feed(" <b>") == [" <b>"]
    bare = ToolCallParser(JSON, NAMES)
    assert bare.feed('{"colour"') == ['{"colour"']
    assert bare.feed(": 1}") == [": 1}"]


def test_tool_call_parser_long_arguments_are_read_in_linear_time() -> None:
    parser = ToolCallParser(HERMES, NAMES)
    parser.feed('<tool_call>{"name": "add", "arguments": {"a": "')
    for _ in range(20_000):
        assert parser.feed("word ") == []
    (call,) = parser.feed('"}}')
    assert isinstance(call, WrittenCall)
    assert call.valid


@pytest.mark.parametrize(
    ("template", "form"),
    [
        ("... <tool_call> ...", HERMES),
        ("[AVAILABLE_TOOLS] [TOOL_CALLS]", MISTRAL),
        ("<|python_tag|>", LLAMA3),
        ("{{ tools }}", JSON),
    ],
)
def test_tool_call_parser_format_is_read_from_the_template(template: str, form: ToolFormat) -> None:
    assert tool_format(template) is form
