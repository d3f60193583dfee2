"""The tests of langchain-ollama's suite that are left out, and why."""

from typing import Final

VERSION: Final = "1.1.0"
_PRIVATE: Final = "a private function, which does not exist here"
_CLIENT: Final = "the private client of the `ollama` package, which does not exist here"
_MALFORMED: Final = (
    "a `response_format` that cannot be used raises here; langchain-ollama warns and answers "
    "without it"
)
_VECTOR: Final = (
    "the mock returns a vector as Ollama never does: not of length 1, or not of `dimensions` "
    "numbers; that is checked here"
)
_TEXT: Final = "`text` is a valid type here, as in OpenAI's API"
_SCHEMA: Final = (
    "a schema is sent in the form that engines' grammars accept, with the rules that they apply "
    "by default"
)
_FORMAT: Final = "a `format` that Ollama does not know is refused here"
_EMPTY: Final = "an empty thought is not sent"
_SEES: Final = "it downloads an image, and needs a vision model"
_ABLE: Final = (
    "the tiny model cannot do it: it needs one that writes JSON of its own, or text in other "
    "scripts"
)

EXCLUDED: Final[dict[str, str]] = {
    "unit_tests/test_auth.py::TestParseUrlWithAuth": _PRIVATE,
    "unit_tests/test_auth.py::TestUrlAuthEdgeCases": _PRIVATE,
    "unit_tests/test_chat_models.py::test__parse_arguments_from_tool_call": _PRIVATE,
    "unit_tests/test_chat_models.py::test__parse_arguments_from_tool_call_with_function_name_metadata": _PRIVATE,
    "unit_tests/test_chat_models.py::test_parse_json_string_success_cases": _PRIVATE,
    "unit_tests/test_chat_models.py::test_parse_json_string_failure_case_raises_exception": _PRIVATE,
    "unit_tests/test_chat_models.py::test_parse_json_string_skip_returns_input_on_failure": _PRIVATE,
    "unit_tests/test_chat_models.py::test_create_chat_stream_raises_when_client_none": _CLIENT,
    "unit_tests/test_chat_models.py::test_acreate_chat_stream_raises_when_client_none": _CLIENT,
    "unit_tests/test_chat_models.py::test_invoke_raises_when_client_none": _CLIENT,
    "unit_tests/test_chat_models.py::test_chat_ollama_supports_response_format_json_schema": _SCHEMA,
    "unit_tests/test_chat_models.py::test_chat_ollama_prioritizes_explicit_format": _FORMAT,
    "unit_tests/test_chat_models.py::test_chat_ollama_warns_invalid_response_format_type": _MALFORMED,
    "unit_tests/test_chat_models.py::test_chat_ollama_warns_unrecognized_response_format_type": _TEXT,
    "unit_tests/test_chat_models.py::test_chat_ollama_warns_json_schema_missing_schema_key": _MALFORMED,
    "unit_tests/test_chat_models.py::test_chat_ollama_warns_json_schema_missing_json_schema_key": _MALFORMED,
    "unit_tests/test_chat_models.py::test_chat_ollama_warns_json_schema_block_not_dict": _MALFORMED,
    "unit_tests/test_chat_models.py::test_reasoning_content_empty_string_preserved": _EMPTY,
    "unit_tests/test_embeddings.py::test_embed_documents_passes_options": "`temperature` is not sent: vectors are not generated",
    "unit_tests/test_embeddings.py::test_embed_documents_passes_dimensions": _VECTOR,
    "unit_tests/test_embeddings.py::test_aembed_documents_passes_dimensions": _VECTOR,
    "unit_tests/test_embeddings.py::test_embed_documents_raises_when_client_none": _CLIENT,
    "unit_tests/test_embeddings.py::test_aembed_documents_raises_when_client_none": _CLIENT,
    "unit_tests/test_llms.py::test_reasoning_aggregation": "mocks the private method that asks the server",
    "unit_tests/test_llms.py::test_create_generate_stream_raises_when_client_none": _CLIENT,
    "unit_tests/test_llms.py::test_acreate_generate_stream_raises_when_client_none": _CLIENT,
    "integration_tests/chat_models/test_chat_models.py::test_init_model_not_found": _CLIENT,
    "integration_tests/chat_models/test_chat_models.py::test_init_connection_error": _CLIENT,
    "integration_tests/chat_models/test_chat_models.py::test_init_response_error": _CLIENT,
    "integration_tests/chat_models/test_chat_models.py::test_response_format[json_object]": _ABLE,
    "integration_tests/chat_models/test_chat_models_standard.py::TestChatOllama::test_json_mode": _ABLE,
    "integration_tests/chat_models/test_chat_models_standard.py::TestChatOllama::test_unicode_tool_call_integration": _ABLE,
    "integration_tests/chat_models/test_chat_models_standard.py::TestChatOllama::test_image_inputs": _SEES,
}
"""Test to reason; a class or a test without its parameters means all of its cases."""


def reason_for(test: str) -> str | None:
    """Return why a test is left out, or `None` where it runs."""
    case = test.removeprefix("suite/")
    name = case.partition("[")[0]
    return next(
        (
            reason
            for left_out, reason in EXCLUDED.items()
            if left_out in {case, name} or name.startswith(f"{left_out}::")
        ),
        None,
    )


def section() -> str:
    """Return what docs/comparison.md says about the suite."""
    rows = "\n".join(f"| `{test}` | {reason} |" for test, reason in EXCLUDED.items())
    return f"""## The test suite of langchain-ollama

The suite in the source archive of langchain-ollama {VERSION} passes with this package's classes under its names, by
`python -m tools.comparison.ollama_suite`, which downloads it. Requests of our classes go over HTTP to the clients of the `ollama`
package that its tests mock, and what these return comes back. Its integration tests run on a real Ollama with the tiny chat model
as `llama3.1`, and on written answers in place of models that think. These tests are left out:

| test | why |
| --- | --- |
{rows}
"""
