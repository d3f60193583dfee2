"""What llama.cpp's server is asked."""

import sys
from typing import Any

import pytest

from langchain_localllm.errors import MissingDependencyError
from langchain_localllm.runtimes.llamafile.payload import (
    as_openai,
    chat_payload,
    with_other_names,
    with_shown_tools,
)
from langchain_localllm.templates.chat_template import ChatTemplate

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"at": {"anyOf": [{"type": "string"}]}}},
    },
}
SCHEMA = {"type": "object"}


def test_chat_payload_tool_choice_none_is_not_sent() -> None:
    payload = chat_payload({}, [], [], {"tools": [TOOL], "tool_choice": None})
    assert "tool_choice" not in payload
    payload = chat_payload({}, [], [], {"tools": [TOOL], "tool_choice": "none"})
    assert payload["tool_choice"] == "none"


def test_chat_payload_tool_with_empty_parameters_takes_no_arguments() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    [sent] = chat_payload({}, [], [], {"tools": [tool]})["tools"]
    assert sent["function"]["parameters"] == {"type": "object", "properties": {}}


def test_with_other_names_response_format_of_the_call_is_kept() -> None:
    assert with_other_names({"stop": []}) == {"stop": []}
    assert as_openai({"json_schema": SCHEMA})["response_format"]["json_schema"]["schema"] == SCHEMA
    given = {"json_schema": SCHEMA, "response_format": {"type": "json_object"}}
    assert with_other_names(given) == given


@pytest.mark.parametrize("tools", [[{"type": "web_search"}], None, []])
def test_with_other_names_tools_of_the_server_are_sent_as_they_are(tools: Any) -> None:
    assert with_other_names({"tools": tools}) == {"tools": tools}


def test_with_other_names_repeat_penalty_has_both() -> None:
    sent = as_openai({"repeat_penalty": 1.2})
    assert (sent["repeat_penalty"], sent["repetition_penalty"]) == (1.2, 1.2)
    given = {"repeat_penalty": 1.2, "repetition_penalty": 1.0}
    assert with_other_names(given) == given


def test_with_shown_tools_without_jinja2_the_server_gets_the_tools_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payload = {"messages": [], "tools": [TOOL]}
    template = "{{ tools[0].function.parameters.properties.at.type }}"
    assert with_shown_tools(payload, template, [TOOL]) != payload
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert with_shown_tools(payload, f"{template}{{# not cached #}}", [TOOL]) == payload
    with pytest.raises(MissingDependencyError, match="Chat templates need jinja2: pip install"):
        ChatTemplate("{{ messages }}{# not cached #}").render([])
