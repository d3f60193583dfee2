"""Build requests to llama.cpp's server, the same over HTTP and in this process."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from langchain_localllm.base.reduce_schema import reduce_schema, tool_parameters
from langchain_localllm.base.response_format import engine_format
from langchain_localllm.base.shown_tools import shown_tools
from langchain_localllm.base.tools import NO_PARAMETERS
from langchain_localllm.errors import MissingDependencyError
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import with_accepted_turns

_OF_ARGUMENTS: Final = frozenset(["$ref", "allOf", "anyOf", "oneOf", "properties"])
"""Keywords by which the parameters of a tool say what it takes."""
_COMPACT: Final = {
    "x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
}
"""Has a llama.cpp that was built with llguidance allow white space as models write it, and not
without end; others ignore it."""


def chat_payload(
    options: Mapping[str, Any],
    messages: list[dict[str, Any]],
    stop: list[str],
    request: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the body of `/v1/chat/completions`.

    Args:
        options: The options that are set, as `/completion` takes them.
        messages: The conversation.
        stop: Stop sequences.
        request: `tools`, `tool_choice` and `response_format`, where the call has them; `None` is
            not sent.
    """
    payload = {
        **engine_options(options),
        **{name: value for name, value in request.items() if value is not None},
        "messages": messages,
        "stop": stop,
        "stream_options": {"include_usage": True},
    }
    if "n_predict" in payload:  # old llamafiles and other servers know only OpenAI's name here
        payload["max_tokens"] = payload.pop("n_predict")
    if probs := payload.pop("n_probs", None):
        payload |= {"logprobs": True, "top_logprobs": probs}
    if bias := payload.pop("logit_bias", None):
        payload["logit_bias"] = _openai_logit_bias(bias)
    if not payload.get("continue_final_message", True):
        del payload["continue_final_message"]
    elif "continue_final_message" in payload:
        payload.setdefault("add_generation_prompt", False)
    if "tools" in payload:
        payload["tools"] = [_engine_tool(tool) for tool in payload["tools"]]
    else:
        payload.pop("parallel_tool_calls", None)
    if "response_format" in payload:
        payload["response_format"] = engine_format(payload["response_format"])
    return payload


def with_accepted_messages(payload: dict[str, Any], template: str) -> dict[str, Any]:
    """Return the body with a conversation that a chat template accepts.

    llama.cpp's server renders it as it is, and answers with an error where the template refuses it.
    """
    if not template:
        return payload
    try:
        messages = with_accepted_turns(ChatTemplate(template), payload["messages"])
    except MissingDependencyError:  # the server renders without jinja2
        return payload
    return {**payload, "messages": messages}


def with_shown_tools(
    payload: dict[str, Any], template: str, tools: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the body with tools that a chat template can show, where it cannot show the schemas.

    llama.cpp's server gives it to the template alone, as a variable, and makes grammars of the
    schemas.
    """
    try:
        shown = shown_tools(template, tools)
    except MissingDependencyError:  # the server renders without jinja2
        return payload
    variables = ChatTemplate(template).tools_by_other_names(shown) if shown else {}
    if shown is not tools and shown != payload["tools"]:
        variables["tools"] = shown
    if not variables:
        return payload
    return {
        **payload,
        "chat_template_kwargs": {**variables, **payload.get("chat_template_kwargs", {})},
    }


def thinking_fields(
    budget: int | None, message: str = "", tags: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Return the fields that limit llama.cpp's thoughts and number an answer's tokens.

    Args:
        budget: Tokens that the model may think, or `None` for no limit.
        message: What ends thoughts that have used up the budget.
        tags: What begins and ends thoughts, for templates of which the server does not know it,
            such as Gemma 4's.
    """
    fields: dict[str, Any] = {"timings_per_token": True}
    if budget is None:
        return fields
    fields |= {
        "thinking_budget_tokens": budget,
        "reasoning_budget_tokens": budget,
        "reasoning_budget_message": message,
    }
    if tags:
        fields |= {
            "reasoning_budget_start_tag": tags[0].strip(),
            "reasoning_budget_end_tags": [tags[1]],
        }
    return fields


def raw_answer_fields(
    markers: Collection[str], budget: int | None, message: str, tags: tuple[str, str] | None
) -> dict[str, Any]:
    """Return the fields of `/v1/completions` for an answer that is parsed here.

    The server ends thoughts there only where the model writes what begins them: it ignores
    `generation_prompt` on this path.

    Args:
        markers: The special tokens that the server has to return as text.
        budget: Tokens that the model may think, or `None` for no limit.
        message: What ends thoughts that have used up the budget.
        tags: What begins and ends thoughts, or `None` for a model that does not think.
    """
    fields: dict[str, Any] = {"preserved_tokens": list(markers)}
    return (
        fields
        if tags is None or budget is None
        else fields | thinking_fields(budget, message, tags)
    )


def _engine_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    if "parameters" not in function:
        return tool
    parameters = tool_parameters(function["parameters"] or NO_PARAMETERS)
    return {**tool, "function": {**function, "parameters": parameters}}


def engine_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with a `json_schema` that llama.cpp can make a grammar of."""
    schema = options.get("json_schema")
    return dict(options) if schema is None else {**options, "json_schema": reduce_schema(schema)}


def with_enforced_call(payload: Mapping[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the payload with the schema of the call that `tool_choice` requires.

    llama.cpp's server lets text come before a call that is required, and text without end is not a
    call.
    """
    form = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    return {**payload, "tool_choice": "none", "response_format": form}


def completion_payload(
    options: Mapping[str, Any], prompt: str, stop: list[str], form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the body of `/completion`.

    Args:
        options: The options that are set.
        prompt: The prompt.
        stop: Stop sequences.
        form: The schema of the answer, where the call asks for one.
    """
    payload = {**engine_options(options), "prompt": prompt, "stop": stop}
    return (
        payload if form is None else {**payload, "json_schema": {**reduce_schema(form), **_COMPACT}}
    )


def as_openai(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a completion's payload under the names of OpenAI's API, and the server's own.

    What has two names is sent under both: llama.cpp's server ignores `response_format` at
    `/v1/completions`.
    """
    renamed = {
        {"n_predict": "max_tokens", "n_probs": "logprobs"}.get(name, name): value
        for name, value in payload.items()
    }
    if bias := renamed.pop("logit_bias", None):
        renamed["logit_bias"] = _openai_logit_bias(bias)
    return {**with_other_names(renamed), "stream_options": {"include_usage": True}}


def with_other_names(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the body with what servers want that are not llama.cpp's: other names, and properties.

    A field that is set under its other name is kept.
    """
    others: dict[str, Any] = {}
    if schema := payload.get("json_schema"):
        schema_field = {"name": "answer", "schema": schema}
        others["response_format"] = {"type": "json_schema", "json_schema": schema_field}
    if "repeat_penalty" in payload:  # vLLM, SGLang and MLX
        others["repetition_penalty"] = payload["repeat_penalty"]
    if payload.get("tools"):
        payload = {**payload, "tools": [_with_properties(tool) for tool in payload["tools"]]}
    return {**others, **payload}


def _with_properties(tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool whose parameters have properties: LM Studio refuses others."""
    if not isinstance(tool.get("function"), dict):  # one of the server's own, by `extra_body`
        return tool
    parameters = tool["function"].get("parameters") or {}
    if not parameters.keys().isdisjoint(_OF_ARGUMENTS):
        return tool
    parameters = {"properties": {}, **parameters, "type": "object"}
    return {**tool, "function": {**tool["function"], "parameters": parameters}}


def _openai_logit_bias(pairs: list[list[Any]]) -> dict[str, float]:
    """Return a bias in the form of OpenAI's API, which bans a token by -100."""
    return {str(token): -100 if bias is False else bias for token, bias in pairs}
