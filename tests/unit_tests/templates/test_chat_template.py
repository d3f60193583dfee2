"""Chat templates render as the hub's models expect it, in bounds, and fail with one type of
error."""

import json
import time
from datetime import datetime
from typing import Any

import pytest

from langchain_localllm.errors import ChatTemplateError, InvalidOptionError
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.templates import sandbox
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.named import named_template

HELLO = [{"role": "user", "content": "Hello!"}]
TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Adds <two> & more.", "parameters": {}},
}
CALL: dict[str, Any] = {
    "function": {"name": "add", "arguments": {"a": 1}},
    "id": "1",
    "type": "function",
}


def render(source: str, **variables: Any) -> str:
    template = ChatTemplate(source, bos_token="<s>", eos_token="</s>")  # noqa: S106 - tokens of a vocabulary
    return template.render(HELLO, **variables)


NESTED = (
    "{% set ns = namespace(a=['x'], b=['x']) %}{% for i in range(60) %}"
    "{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
)
"""A list in a list, which is short to write down and would not fit on any disk."""


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", "<s>Hello!</s>"),
        (
            (
                "{% for x in range(9) %}{% if x==1 %}{% continue %}{% endif %}{% if x > 3 %}{% "
                "break %}{% endif %}{{ x }}{% endfor %}"
            ),
            "023",
        ),
        ("{{ strftime_now('%Y') }}", str(datetime.now().year)),  # noqa: DTZ005 - as the template
        ("{{ {'b': '<é>', 'a': 1} | tojson }}", '{"b": "<é>", "a": 1}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ 'yes' if tools is none and not documents else 'no' }}", "yes"),
        ("{% generation %}{{ messages[0].content }}{% endgeneration %}", "Hello!"),
        ("{% if add_generation_prompt %}\n    {{- 'answer:' }}\n{% endif %}", "answer:\n"),
        ("{{ enable_thinking }}", "False"),
        (
            (
                "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% "
                "endfor %}{{ ns.n }}"
            ),
            "1",
        ),
        (
            (
                "{% for x in [1, 2, 3] %}{{ loop.last }}{{ loop.length }}{{ loop.previtem }} {% "
                "endfor %}"
            ),
            "False3 False31 True32 ",
        ),
        (
            (
                "{% for x in [1, 2, 3] if x != 2 %}{{ x ~ '-' ~ loop.index }}{% else %}none{% "
                "endfor %}"
            ),
            "1-13-2",
        ),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('ab') | upper }}", "ABAB"),
        ("{{ messages[-1].content.split('l')[0] }}{{ messages[0].missing is defined }}", "HeFalse"),
        ("{{ 'a,b' | replace(',', ' ') | indent(2, true) | center(9) }}", "    a b  "),
        ("{{ '%s and %02d' | format('a', 3) }}{{ '%s' % 'x' }}{{ '{}'.format(1) }}", "a and 03x1"),
    ],
)
def test_chat_template_of_the_hub_renders(source: str, text: str) -> None:
    assert render(source, enable_thinking=False) == text


@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "Be brief."}]])
def test_chat_template_that_reads_tools_in_the_system_message_gets_them_there(
    system: list[dict[str, str]],
) -> None:
    source = (
        "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
        "{% if 'tools' in message and message['tools'] is not none %}"
        "{{ '<|tool|>' + message['tools'] + '<|/tool|>' }}{% endif %}{% endfor %}"
    )
    talk = [*system, {"role": "user", "content": "Hello!"}]
    function = {"name": "add", "parameters": {"type": "object"}}
    text = system[0]["content"] if system else ""
    assert (
        ChatTemplate(source).render(talk, tools=[{"type": "function", "function": function}])
        == f"<|system|>{text}<|tool|>[{json.dumps(function)}]<|/tool|><|user|>Hello!"
    )
    assert "<|tool|>" not in ChatTemplate(source).render(talk)


def test_chat_template_tools_and_documents_reach_the_template() -> None:
    source = (
        "{% for tool in tools %}{{ tool.function.description }}{% endfor %}{% for d in documents "
        "%}{{ d.text }}{% endfor %}"
    )
    assert (
        render(source, tools=[TOOL], documents=[{"title": "a", "text": "b"}])
        == "Adds <two> & more.b"
    )
    assert render("{{ add_generation_prompt }}", add_generation_prompt=False) == "False"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% for m in messages %}", "mistake .line 1."),
        ("{% frobnicate %}", "mistake"),
        ("{{ 1 | no_such_filter }}", "mistake"),
        (
            "{{ raise_exception('Roles must alternate') }}",
            "refuses this conversation: Roles must alternate",
        ),
        ("{{ messages[7].content.strip() }}", "failed on this conversation"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ messages.insert(0, 1) }}", "sandbox forbids"),
        ("{{ ''.__class__.__mro__ }}", "sandbox forbids"),
        ("{{ messages.__class__.__init__.__globals__ }}", "sandbox forbids"),
    ],
)
def test_chat_template_that_fails_is_reported(source: str, words: str) -> None:
    with pytest.raises(ChatTemplateError, match=words):
        render(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
        (
            "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ "
            "f(60) }}"
        ),
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ 'a' * 999999999999 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        (
            "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s "
            "%}{% endfor %}"
        ),
        (
            "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s "
            "%}{% endfor %}"
        ),
        (
            "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% "
            "endfor %}"
        ),
        "{{ 'a'.center(99999999999) }}",
        "{{ '%99999999999d' % 1 }}",
        "{{ '%*d' | format(99999999999, 1) }}",
        "{{ '{:>99999999999}'.format(1) }}",
        "{{ range(99999999999) | list }}",
        "{% set b = 'a' * 60000 %}{{ b.replace('a', b) }}",
        "{% set b = 'a' * 60000 %}{{ b | replace('a', b) }}",
        "{% set b = 'a' * 1000000 %}{{ ([b] * 10000) | join }}",
        "{% set b = 'a' * 1000000 %}{{ ''.join([b] * 10000) }}",
        "{% set b = 'a' * 1000000 %}{% for i in range(10000) %}{{ b }}{% endfor %}",
        "{% set b = 'a' * 60000 %}{{ b.translate({97: b}) }}",
        "{{ ('\t' * 15000000).expandtabs(1000) }}",
        "{{ ('\n' * 15000000) | indent(100, true, true) }}",
        "{{ ('a' * 15000000) | wordwrap(1) }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}"
        + "a" * 10000
        + "{% endfor %}{% endfor %}",
        NESTED + "{{ ns.a }}",
        NESTED + "{{ ns.a | string }}",
        NESTED + "{{ ns.a | tojson }}",
        NESTED + "{{ ns.a == ns.b }}",
        (
            "{% set ns = namespace(a='x') %}{% for i in range(60) %}{% set ns.a = {1: ns.a, 2: "
            "ns.a} %}{% endfor %}{{ ns.a }}"
        ),
        (
            "{% set ns = namespace(a='x') %}{% for i in range(60) %}{% set ns.a = dict(a=ns.a, "
            "b=ns.a) %}{% endfor %}{{ ns.a }}"
        ),
        (
            "{% set ns = namespace(a='x') %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) "
            "%}{% endfor %}{{ ns.a }}"
        ),
    ],
)
def test_chat_template_that_loops_or_grows_is_ended(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_SECONDS", 0.2)
    started = time.thread_time()
    with pytest.raises(ChatTemplateError):
        render(source)
    assert time.thread_time() - started < 2


def test_chat_template_width_of_filters_is_bounded() -> None:
    assert len(render("{{ 'a' | center(99999999999) }}")) == 1_000_000
    assert render("{{ 'a' | indent(99999999999, true) }}") == " " * 100 + "a"


def test_chat_template_twenty_messages_take_less_than_a_millisecond() -> None:
    messages = [
        {"role": role, "content": "Some words of a message."} for role in ("user", "assistant") * 10
    ]
    template = ChatTemplate(check_gguf(tiny_chat_model()).metadata["tokenizer.chat_template"])
    template.render(messages)
    times = []
    for _ in range(20):
        started = time.thread_time()
        template.render(messages, tools=[TOOL])
        times.append(time.thread_time() - started)
    assert min(times) < 0.001


def test_chat_template_chatml_renders_tools_calls_and_results() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]},
        {"role": "tool", "content": "2", "tool_call_id": "1"},
    ]
    call = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    assert named_template("chatml").render(messages, tools=[TOOL]) == (
        f"<|im_start|>system\nBe brief.\n\n# Tools\n\n<tools>\n{json.dumps(TOOL)}\n</tools>\n\n"
        "To call a tool, write:\n<tool_call>\n"
        '{"name": <name>, "arguments": <arguments>}\n</tool_call><|im_end|>\n'
        f"<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n{call}\n{call}<|im_end|>\n"
        "<|im_start|>user\n<tool_response>\n2\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )
    assert named_template("chatml").render(messages[:2]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n1 + 1?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_chat_template_chatml_is_what_the_tiny_model_was_trained_on() -> None:
    own = ChatTemplate(check_gguf(tiny_chat_model()).metadata["tokenizer.chat_template"])
    messages: list[dict[str, Any]] = [
        *HELLO,
        {"role": "assistant", "content": "Hm.", "tool_calls": [CALL]},
        {"role": "tool", "content": "2"},
    ]
    beginnings: list[list[dict[str, Any]]] = [[], [{"role": "system", "content": "Be brief."}]]
    for first in beginnings:
        for tools in (None, [TOOL, TOOL]):
            assert named_template("chatml").render([*first, *messages], tools=tools) == own.render(
                [*first, *messages], tools=tools
            )


def test_chat_template_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="Use one of: chatml"):
        named_template("llama-9")
