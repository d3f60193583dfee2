"""`runtimes/ollama/error_reader.py`: the type of an error, by its status and what Ollama writes."""

from typing import Any

import pytest

from langchain_localllm import errors
from langchain_localllm.runtimes.ollama.error_reader import ErrorReader

READER = ErrorReader("http://localhost:11434", "llama2", 4096)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            404,
            {"error": "model 'llama2' not found"},
            errors.ModelMissingError,
            "ollama pull llama2",
        ),
        (404, "404 page not found", errors.WrongServerError, "base_url"),
        (405, "", errors.WrongServerError, "it answered 405"),
        (404, {"error": "Not Found"}, errors.WrongServerError, "it answered 404: Not Found"),
        (405, {"error": "method not allowed"}, errors.WrongServerError, "405: method not allowed"),
        (501, {"error": "not implemented"}, errors.WrongServerError, "501: not implemented"),
        (503, {"error": "no healthy upstream"}, errors.ServerError, "no healthy upstream"),
        (503, {"error": "CUDA out of memory"}, errors.ServerError, "CUDA out of memory"),
        (503, {"error": "server busy"}, errors.ModelLoadingError, "wait_until_ready"),
        (
            500,
            {"error": "model requires more system memory (8.4 GiB) than is available (5.1 GiB)"},
            errors.ServerError,
            "Use a smaller `num_ctx`",
        ),
        (
            400,
            {"error": "the input length exceeds the context length"},
            errors.ContextLengthError,
            "num_ctx",
        ),
        (
            500,
            {"error": 'option "top_k" must be of type integer'},
            errors.InvalidRequestError,
            "top_k",
        ),
        (500, {"error": "llama runner process has terminated"}, errors.ServerError, "terminated"),
        (401, {"error": "unauthorized"}, errors.AuthenticationError, "unauthorized"),
    ],
)
def test_error_reader_status_has_its_type(
    status: int, body: Any, kind: type[Exception], words: str
) -> None:
    error = READER(status, body)
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("an error was encountered while running the model", errors.ServerError),
        ("prompt is too long", errors.ContextLengthError),
        ("invalid format: expected a schema", errors.InvalidRequestError),
    ],
)
def test_error_reader_error_in_a_stream_has_its_type(reason: str, kind: type[Exception]) -> None:
    assert type(READER.in_stream({"error": reason})) is kind
