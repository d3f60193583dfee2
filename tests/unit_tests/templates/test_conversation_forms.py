"""Conversations are rendered whole: what a template does not take is passed in another way, or
refused with the reason."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.base.messages import with_parsed_arguments
from langchain_localllm.base.special_tokens import Placeholders
from langchain_localllm.errors import ChatTemplateError, InvalidOptionError
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import (
    render_conversation,
    render_to_continue,
    with_accepted_turns,
)
from langchain_localllm.templates.named import NAMED, given_template, named_template

USER = {"role": "user", "content": "2 + 2?"}
SYSTEM = {"role": "system", "content": "Answer in French. /no_think"}
ARGUMENTS = {"city": "Bern", "days": [1, {"deep": True}]}
CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "type": "function",
            "id": "call00000",
            "function": {"name": "weather", "arguments": ARGUMENTS},
        }
    ],
}
RESULT = {"role": "tool", "content": "sunny", "tool_call_id": "call00000", "name": "weather"}
TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"


def with_calls(written: str) -> ChatTemplate:
    turns = (
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for call in m.tool_calls or [] "
        "%}[{{ call.function.name }} "
    )
    return ChatTemplate(turns + written + "]{% endfor %};{% endfor %}")


# --- instructions ---

EDITS = [
    "{{ messages[0].content.replace('/no_think', '').strip() }}",
    "{{ messages[0].content | upper }}",
    "{{ messages[0].content[:6] }}{{ messages[0].content[6:] | trim }}",
    "{{ messages[0].content | tojson }}",
    (
        "{{ messages[0].content.split('/no_think')[0] }}thinking={{ '/no_think' not in "
        "messages[0].content }}"
    ),
]


@pytest.mark.parametrize("edited", EDITS)
def test_render_instructions_that_a_template_edits_stay_where_they_are(edited: str) -> None:
    template = ChatTemplate(f"<|system|>{edited}\n<|user|>{{{{ messages[1].content }}}}")
    assert render_conversation(template, [SYSTEM, USER]) == template.render([SYSTEM, USER])


def test_render_instructions_that_a_template_omits_go_into_the_first_question() -> None:
    template = ChatTemplate(
        "{% for m in messages if m.role == 'user' %}<|user|>{{ m.content }}\n{% endfor %}"
    )
    assert (
        render_conversation(template, [SYSTEM, USER]) == f"<|user|>{SYSTEM['content']}\n\n2 + 2?\n"
    )


FIRST_ONLY = (
    "{% if messages[0].role == 'system' %}<|system|>{{ messages[0].content }}{% endif %}"
    "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
)
REFUSED_LATER = (
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('first only') }}{% endif %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
)


@pytest.mark.parametrize("source", [FIRST_ONLY, REFUSED_LATER])
@pytest.mark.parametrize("place", [1, 2])
def test_render_several_instructions_are_joined_where_a_template_accepts_one(
    source: str, place: int
) -> None:
    talk = [SYSTEM, USER]
    talk.insert(place, {"role": "system", "content": "Be brief."})
    expected = f"<|system|>{SYSTEM['content']}\n\nBe brief.<|user|>2 + 2?"
    assert render_conversation(ChatTemplate(source), talk) == expected
    shown = with_accepted_turns(ChatTemplate(source), talk)
    assert ChatTemplate(source).render(shown) == expected


def test_shown_instructions_stay_where_a_template_writes_all_of_them() -> None:
    talk = [SYSTEM, USER, {"role": "system", "content": "Be brief."}]
    assert with_accepted_turns(ChatTemplate(TURNS), talk) == talk


ONE_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}{% for call in m.tool_calls or [] %}{{ call.function.name }}"
    "{% for name, value in call.function.arguments|items %}[{{ name }}={{ value }}]{% endfor %}"
    "{% endfor %}{% endfor %}"
)


@pytest.mark.parametrize("arguments", [ARGUMENTS, json.dumps(ARGUMENTS)], ids=["object", "text"])
def test_accepted_turns_after_a_call_are_those_before_it(arguments: Any) -> None:
    called: dict[str, Any] = copy.deepcopy(CALLED)
    called["tool_calls"][0]["function"]["arguments"] = arguments
    more = {"role": "system", "content": "Be brief."}
    joined = {"role": "system", "content": f"{SYSTEM['content']}\n\nBe brief."}
    shown = with_accepted_turns(ChatTemplate(ONE_SYSTEM), [SYSTEM, more, USER, called, RESULT])
    assert list(shown) == [joined, USER, called, RESULT], "arguments stay as they are"


def test_accepted_turns_of_messages_with_images_are_joined() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    seen = {"role": "user", "content": [{"type": "text", "text": "See"}, image]}
    shown = with_accepted_turns(ChatTemplate(ALTERNATING), [USER, seen])
    text = {"type": "text", "text": USER["content"]}
    assert list(shown) == [{"role": "user", "content": [text, *seen["content"]]}]
    late = with_accepted_turns(ChatTemplate(ONE_SYSTEM), [seen, SYSTEM])
    assert list(late) == [SYSTEM, seen]


ALTERNATING = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}{% endfor %}"
)


def test_render_messages_of_one_role_in_a_row_are_joined_where_a_template_refuses_them() -> None:
    talk = [
        {"role": role, "content": text}
        for role, text in [
            ("user", "2 + 2?"),
            ("user", "Quick!"),
            ("assistant", "4."),
            ("assistant", "Four."),
            ("user", "3 + 3?"),
        ]
    ]
    joined = "<|user|>2 + 2?\n\nQuick!<|assistant|>4.\n\nFour.<|user|>3 + 3?"
    template = ChatTemplate(ALTERNATING)
    assert render_conversation(template, talk) == joined
    assert template.render(with_accepted_turns(template, talk)) == joined
    first = f"<|user|>{SYSTEM['content']}\n\n"
    with_system = [SYSTEM, *talk]
    assert render_conversation(template, with_system) == joined.replace("<|user|>", first, 1)
    shown = with_accepted_turns(template, with_system)
    assert template.render(shown) == joined.replace("<|user|>", first, 1)
    assert render_conversation(ChatTemplate(TURNS), talk).count("<|user|>") == 3
    assert with_accepted_turns(ChatTemplate(TURNS), talk) == talk


GREETING = {"role": "assistant", "content": "How can I help?"}


@pytest.mark.parametrize(
    ("before", "expected"),
    [([], "<|user|>"), ([SYSTEM], f"<|user|>{SYSTEM['content']}")],
)
def test_render_question_comes_before_a_greeting_where_a_template_refuses_one(
    before: list[dict[str, Any]], expected: str
) -> None:
    template, talk = ChatTemplate(ALTERNATING), [*before, GREETING, USER]
    expected += "<|assistant|>How can I help?<|user|>2 + 2?"
    assert render_conversation(template, talk) == expected
    assert template.render(with_accepted_turns(template, talk)) == expected
    assert render_conversation(ChatTemplate(TURNS), talk).count("<|user|>") == 1
    assert with_accepted_turns(ChatTemplate(TURNS), talk) == talk


# --- what is left out ---


@pytest.mark.parametrize("role", ["tool", "critic", "user"])
def test_render_role_that_a_template_omits_is_refused(role: str) -> None:
    template = ChatTemplate(
        "{% for m in messages if m.role == 'assistant' %}{{ m.content }}{% endfor %}"
    )
    with pytest.raises(ChatTemplateError, match=f"leaves out messages of the role '{role}'"):
        render_conversation(
            template, [{"role": role, "content": "x"}, {"role": "assistant", "content": "y"}]
        )


WRITTEN = (
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern", "days": [1, {"deep": '
    "true}]}}\n</tool_call>"
)
TOOLS = [{"type": "function", "function": {"name": "weather"}}]


@pytest.mark.parametrize(
    "source",
    [
        "{# <tool_call> #}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}",
        (
            "{# <tool_call> #}{{ tools | tojson }}{% for m in messages %}<{{ m.role }}>{{ "
            "m.content }}{% endfor %}"
        ),
        (
            "{# <tool_call> #}{% for m in messages %}<{{ m.role if m.role != 'tool' else none + 1 "
            "}}>{{ m.content }}{% endfor %}"
        ),
        (
            "{# <tool_call> #}{% for m in messages if m.role != 'tool' %}<{{ m.role }}>{{ "
            "m.content }}{% endfor %}"
        ),
    ],
)
def test_render_calls_and_results_that_a_template_omits_are_written_into_texts(source: str) -> None:
    text = render_conversation(ChatTemplate(source), [USER, CALLED, RESULT], tools=TOOLS)
    assert text.endswith(f"<user>2 + 2?<assistant>{WRITTEN}<user>Result of weather:\nsunny")


def test_render_call_with_an_empty_text_gets_null_where_the_template_needs_it() -> None:
    source = (
        "{% for m in messages %}{{ m.content if m.content is not none else "
        "m.tool_calls[0].function.name }};{% endfor %}"
    )
    assert (
        render_conversation(ChatTemplate(source), [USER, CALLED, RESULT]) == "2 + 2?;weather;sunny;"
    )


def test_render_result_of_a_filter_is_a_list_in_json() -> None:
    template = ChatTemplate("{{ messages | map(attribute='role') | tojson }}")
    assert template.render([USER]) == '["user"]'


# --- arguments ---


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{{ call.function.arguments | tojson }}", '{"city": "Bern", "days": [1, {"deep": true}]}'),
        ("{{ call.function.arguments.city }}", "Bern"),
        (
            (
                "{% for key, value in call.function.arguments | items %}{{ key }}={{ value | "
                "string }};{% endfor %}"
            ),
            "city=Bern;days=[1, {'deep': True}];",
        ),
        (
            (
                "{{ call.function.arguments if call.function.arguments is string else "
                "call.function.arguments | tojson }}"
            ),
            '{"city": "Bern", "days": [1, {"deep": true}]}',
        ),
        (
            "{{ 'with ' + call.function.arguments }}",
            'with {"city": "Bern", "days": [1, {"deep": true}]}',
        ),
        ("{{ call.function.arguments }}", '{"city": "Bern", "days": [1, {"deep": true}]}'),
        (
            "{{ 'with ' ~ call.function.arguments }}",
            'with {"city": "Bern", "days": [1, {"deep": true}]}',
        ),
    ],
)
def test_render_arguments_are_passed_as_the_template_takes_them(
    written: str, expected: str
) -> None:
    text = render_conversation(with_calls(written), [USER, CALLED, RESULT])
    assert text == f"<|user|>2 + 2?;<|assistant|>[weather {expected}];<|tool|>sunny;"


def test_render_template_that_refuses_text_and_thoughts_before_a_call_gets_both_as_thoughts() -> (
    None
):
    source = (
        "{% for m in messages %}{% if m.tool_calls and m.content and m.thinking %}{{ "
        "raise_exception('not both') }}{% endif %}{{ m.role }}:{{ m.thinking }}|{{ m.content }}{% "
        "for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}\n{% endfor %}"
    )
    called = {**CALLED, "content": "I look.", "reasoning_content": "Hm."}
    assert "assistant:Hm.\n\nI look.|weather" in render_conversation(
        ChatTemplate(source), [USER, called, RESULT]
    )


@pytest.mark.parametrize("name", ["thinking", "reasoning_content"])
def test_render_thoughts_are_found_under_both_names(name: str) -> None:
    template = ChatTemplate(f"{{{{ messages[0].{name} }}}}")
    assert (
        template.render([{"role": "assistant", "content": "4", "reasoning_content": "Hm."}])
        == "Hm."
    )


# --- ids ---

IDS = (
    "{% for m in messages %}{% for id in [m.tool_call_id] + m.tool_calls | default([]) | "
    "map(attribute='id') | list if id %}{% if id | length NINE %}{{ raise_exception('nine') }}"
    "{% endif %}[{{ id }}]{% endfor %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{% endfor %}"
)


@pytest.mark.parametrize("compared", ["!= 9", "< 9"])
@pytest.mark.parametrize("call_id", ["1", "call_1", "call_" + 24 * "x", "a-b_c.d:e"])
def test_render_ids_have_nine_letters_where_a_template_needs_that(
    call_id: str, compared: str
) -> None:
    function = {"name": "weather", "arguments": ARGUMENTS}
    called = {**CALLED, "tool_calls": [{"type": "function", "id": call_id, "function": function}]}
    talk: list[dict[str, Any]] = [USER, called, {**RESULT, "tool_call_id": call_id}]
    template = ChatTemplate(IDS.replace("NINE", compared))
    text = render_conversation(template, talk)
    found = re.fullmatch(r"2 \+ 2\?\[([a-zA-Z0-9]{9})\]weather\[\1\]sunny", text)
    assert found, text
    assert template.render(with_accepted_turns(template, talk)) == text
    other = ChatTemplate(IDS.replace("NINE", "> 99"))
    assert f"[{call_id}]weather[{call_id}]" in render_conversation(other, talk)


def test_render_ids_that_a_template_accepts_stay_as_they_are() -> None:
    template = ChatTemplate(IDS.replace("NINE", "!= 9"))
    assert "[call00000]weather[call00000]" in render_conversation(template, [USER, CALLED, RESULT])


# --- continuing ---


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            TURNS + "{% if add_generation_prompt %}<|assistant|>{% endif %}",
            "<|user|>2 + 2?\n<|assistant|>It is ",
        ),
        ("{% for m in messages %}{{ m.content | trim }}</s>{% endfor %}", "2 + 2?</s>It is "),
        (
            "{% for m in messages %}{{ m.content.split('</think>')[-1] }}</s>{% endfor %}",
            "2 + 2?</s>It is ",
        ),
    ],
)
def test_render_last_message_is_left_open(source: str, expected: str) -> None:
    assert (
        render_to_continue(ChatTemplate(source), [USER, {"role": "assistant", "content": "It is "}])
        == expected
    )


def test_render_template_that_omits_the_last_message_cannot_continue_it() -> None:
    with pytest.raises(ChatTemplateError, match="cannot be continued"):
        render_to_continue(
            ChatTemplate("{{ messages[0].content }}"),
            [USER, {"role": "assistant", "content": "It is "}],
        )


# --- templates by name, as text, as a file ---


@pytest.mark.parametrize("name", NAMED)
def test_render_named_format_holds_all_messages_and_ends_where_the_answer_begins(name: str) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three?"},
    ]
    text = render_conversation(named_template(name), talk)
    places = [text.index(message["content"]) for message in talk]
    assert places == sorted(places)
    answered = render_conversation(
        named_template(name),
        [*talk, {"role": "assistant", "content": "Four."}],
        add_generation_prompt=False,
    )
    assert answered.startswith(text.rstrip())
    assert answered.removeprefix(text.rstrip()).lstrip(" \n").startswith("Four.")


FORMATS = {
    "llama-2": (
        "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nOne? [/INST] Two. </s><s>[INST] Three? [/INST]"
    ),
    "vicuna": "Be brief. USER: One? ASSISTANT: Two.</s>USER: Three? ASSISTANT:",
    "zephyr": (
        "<|system|>\nBe brief.</s>\n<|user|>\nOne?</s>\n<|assistant|>\nTwo.</s>\n<|user|>\n"
        "Three?</s>\n<|assistant|>\n"
    ),
    "mistral-instruct": "[INST] Be brief. [/INST][INST] One? [/INST] Two.</s>[INST] Three? [/INST]",
    "alpaca": (
        "Be brief.\n\n### Instruction:\nOne?\n\n### Response:\nTwo.</s>\n\n### Instruction:\n"
        "Three?\n\n### Response:\n"
    ),
    "openchat": (
        "Be brief.<|end_of_turn|>GPT4 Correct User: One?<|end_of_turn|>GPT4 Correct Assistant: "
        "Two.<|end_of_turn|>GPT4 Correct User: Three?<|end_of_turn|>GPT4 Correct Assistant:"
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_render_named_format_is_what_its_models_know(name: str) -> None:
    talk = [("system", "Be brief."), ("user", "One?"), ("assistant", "Two."), ("user", "Three?")]
    assert (
        named_template(name).render([{"role": role, "content": content} for role, content in talk])
        == FORMATS[name]
    )


def test_render_template_is_given_as_text_or_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(TURNS)
    assert given_template(TURNS) == given_template(file) == given_template(str(file)) == TURNS


@pytest.mark.parametrize("given", ["no/such/file.jinja", "chatml"])
def test_render_text_that_is_neither_a_template_nor_a_file_is_refused(given: str) -> None:
    with pytest.raises(InvalidOptionError, match="neither a Jinja template nor a file"):
        given_template(given)


def test_render_file_that_is_not_a_template_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello")
    with pytest.raises(InvalidOptionError, match="is not a Jinja template"):
        given_template(tmp_path / "a.txt")


# --- special tokens in texts ---

SPECIAL = {"<|im_end|>", "</s>", "[INST]", "<think>"}


@pytest.mark.parametrize(
    "written",
    [
        "{{ m.content }}",
        "{{ m.content | trim }}",
        "{{ m.content | tojson }}",
        "{{ m.content.strip() }}",
    ],
)
def test_special_tokens_are_replaced_and_found_again(written: str) -> None:
    placeholders = Placeholders(SPECIAL.__contains__)
    content = "What is <|im_end|>, </s> or [INST]? And <b>[1]</b>, <|im_end|>?"
    template = ChatTemplate(f"{{% for m in messages %}}{written}<|im_end|>{{% endfor %}}")
    text = template.render([placeholders.put({"role": "user", "content": content})])
    assert text.count("<|im_end|>") == 1
    for placeholder, literal in placeholders.texts.items():
        text = text.replace(placeholder, literal)
    assert content in text


def test_render_only_texts_get_placeholders_and_the_message_stays_as_it_was() -> None:
    placeholders = Placeholders(SPECIAL.__contains__)
    message: dict[str, Any] = {
        "role": "</s>",
        "content": "</s> <think>",
        "tool_calls": with_parsed_arguments([CALLED_WITH])[0]["tool_calls"],
    }
    put = placeholders.put(message, {"<think>"})
    assert put["role"] == "</s>"
    assert put["content"].endswith(" <think>")
    assert "</s>" not in put["content"] + put["tool_calls"][0]["function"]["arguments"]["text"]
    assert put["tool_calls"][0]["id"] == "</s>"
    assert message["content"] == "</s> <think>"


CALLED_WITH = {
    "tool_calls": [
        {
            "type": "function",
            "id": "</s>",
            "function": {"name": "say", "arguments": '{"text": "</s>"}'},
        }
    ]
}
