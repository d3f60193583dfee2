"""Which chat templates are tried in a child process, since llama.cpp's Jinja has no limits."""

import pytest

from langchain_localllm.errors import ChatTemplateError
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.named import named_template
from langchain_localllm.templates.thinking_switch import _variables
from langchain_localllm.templates.unusual_template import unusual_template

SELF = "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}"
TWO = "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"
NESTED = (
    "{% macro m(x) %}{% if x is mapping %}{% for each in x.values() %}{{ m(each) }}{% endfor %}{% "
    "else %}{{ x }}{% endif %}{% endmacro %}{{ messages[0].content }}{% for tool in tools or [] "
    "%}{{ m(tool) }}{% endfor %}"
)


@pytest.mark.parametrize(
    ("source", "phrase"),
    [
        ("x" * 70_000, "it has 70,000 characters"),
        ("{{ " + "1 + " * 2000 + "1 }}", "it has an expression of 8,007 characters"),
        ("{{ " + "(" * 40 + "1" + ")" * 40 + " }}", "brackets within each other"),
        ("{% if x %}" * 40 + "{% endif %}" * 40, "blocks within each other"),
        ("{% for a in range(100000) %}x{% endfor %}", r"the number range\(100000"),
        ("{{ 'a' * 1000000000 }}", "the number 1000000000"),
        ("{{ 9 ** 9 }}", r"the number \*\*"),
        (SELF, "its macro m calls itself without end"),
        (TWO, "its macro a calls itself without end"),
    ],
)
def test_unusual_template_is_named(source: str, phrase: str) -> None:
    with pytest.raises(AssertionError, match=phrase):
        raise AssertionError(unusual_template(source))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "{{",
        named_template("chatml").source,
        NESTED,
        "{% if '((((((((((((((((((((((((((((((((((((((((((' in x %}100000000{% endif %}",
        "{% if a %}1{% endif %}" * 100,
        "{# " + "(" * 100 + " #}",
        "{% if x == '1000000000' %}{% endif %}",
    ],
)
def test_ordinary_template_is_not_tried(source: str) -> None:
    assert unusual_template(source) == ""


DEEP = [
    "{{ " + "(" * 3000 + ")" * 3000 + " }}",
    "{% if " + "not " * 3000 + "x %}{% endif %}",
    "{% if x %}" * 3000 + "{% endif %}" * 3000,
    "{% for a in [1] %}" * 40 + "{% endfor %}" * 40,
]


@pytest.mark.parametrize("source", DEEP)
def test_template_that_nests_too_deeply_is_a_mistake_of_the_template(source: str) -> None:
    with pytest.raises(ChatTemplateError, match="has a mistake"):
        ChatTemplate(source).render([{"role": "user", "content": "Hello"}])


@pytest.mark.parametrize("source", DEEP[:3])
def test_variables_of_a_template_that_nests_too_deeply_are_not_known(source: str) -> None:
    assert _variables(source) == frozenset()
