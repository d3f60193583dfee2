"""What servers say of their faults, in their own forms and words, and which errors that becomes."""

from collections.abc import Callable
from typing import Any

import pytest

from langchain_localllm import errors
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader

URL = "http://host:8080"
READER = ErrorReader(URL)

FORMS: dict[str, Callable[[str], Any]] = {
    "OpenAI": lambda words: {"error": {"message": words, "type": "server_error", "code": None}},
    "text": lambda words: {"error": words},
    "message and code": lambda words: {"message": words, "code": 502},
    "vLLM": lambda words: {
        "object": "error",
        "message": words,
        "type": "InternalServerError",
        "code": 502,
    },
    "FastAPI": lambda words: {"detail": words},
    "FastAPI, object": lambda words: {"detail": {"error": {"message": words}}},
    "KoboldCpp": lambda words: {"detail": {"msg": words, "type": "service_unavailable"}},
    "FastAPI, list": lambda words: {
        "detail": [{"type": "missing", "loc": ["body", "x"], "msg": words}]
    },
    "TGI": lambda words: {"error": words, "error_type": "overloaded"},
    "old llamafile": lambda words: {"content": words},
    "list": lambda words: {"errors": [{"message": words}]},
    "msg": lambda words: {"code": 500, "msg": words, "success": False},
    "Gemini": lambda words: [{"error": {"message": words, "code": 500}}],
    "RFC 9457": lambda words: {"type": "about:blank", "title": words, "status": 502},
    "another": lambda words: {"failure": {"cause": words}},
    "plain": lambda words: f"{words}\n",
}
"""The forms in which servers report an error, as functions of their words."""

# What each server says of a prompt that is too long, the prompt's length and the context's, as far
# as they are in it.
TOO_LONG: dict[str, tuple[str, int | None, int | None]] = {
    "llama-server": (
        "request (601 tokens) exceeds the available context size (256 tokens), try increasing it",
        601,
        256,
    ),
    "llama-server of early 2025": (
        (
            "the request exceeds the available context size. try increasing the context size or "
            "enable context shift"
        ),
        None,
        None,
    ),
    "llama-server, while it answers": ("Context size has been exceeded.", None, None),
    "llama-server, embeddings": (
        (
            "input (601 tokens) is too large to process. increase the physical batch size (current "
            "batch size: 512)"
        ),
        601,
        512,
    ),
    "llamafile --v2": ("out_of_context_due_to_long_message\r\n", None, None),
    "llamafiler 0.8.16": ("prompt too big for model context size\r\n", None, None),
    "llama-cpp-python": (
        (
            "This model's maximum context length is 2048 tokens. However, you requested 2076 "
            "tokens (2060 in the messages, 16 in the completion). Please reduce the length of the "
            "messages or completion."
        ),
        2060,
        2048,
    ),
    "llama-cpp-python, text": ("Requested tokens (516) exceed context window of 512", 516, 512),
    "vLLM": (
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 "
            "tokens (4990 in the messages, 10 in the completion). Please reduce the length of the "
            "messages or completion."
        ),
        4990,
        4096,
    ),
    "vLLM, input only": (
        (
            "This model's maximum context length is 4096 tokens. However, your request has 5000 "
            "input tokens. Please reduce the length of the input messages."
        ),
        5000,
        4096,
    ),
    "vLLM, max_tokens": (
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum "
            "context length is 4096 tokens and your request has 2104 input tokens (2000 > 4096 - "
            "2104)."
        ),
        2104,
        4096,
    ),
    "vLLM of late 2025": (
        (
            "You passed 4097 input tokens and requested 1 output tokens. However, the model's "
            "context length is only 4096 tokens, resulting in a maximum input length of 4095 "
            "tokens. Please reduce the length of the input prompt."
        ),
        4097,
        4096,
    ),
    "vLLM, decoder": (
        (
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096. "
            "Make sure that `max_model_len` is no smaller than the number of text tokens."
        ),
        5000,
        4096,
    ),
    "vLLM, old": ("Input prompt (5000 tokens) is too long and exceeds limit of 4096", 5000, 4096),
    "vLLM, Rust": (
        (
            "this model's maximum context length is 4096 tokens, but the prompt contains 5000 "
            "input tokens"
        ),
        5000,
        4096,
    ),
    "vLLM, responses": (
        "The engine prompt length 5000 exceeds the max_model_len 4096. Please reduce prompt.",
        5000,
        4096,
    ),
    "vLLM, images": (
        (
            "The prompt (total length 5000) is too long to fit into the model (context length "
            "4096). Make sure that `max_model_len` is no smaller than the number of text tokens "
            "plus multimodal tokens."
        ),
        5000,
        4096,
    ),
    "LM Studio": (
        (
            "Trying to keep the first 5000 tokens when context the overflows. However, the model "
            "is loaded with context length of only 4096 tokens, which is not enough. Try to load "
            "the model with a larger context length, or provide a shorter input"
        ),
        5000,
        4096,
    ),
    "LM Studio 0.3": (
        (
            "The number of tokens to keep from the initial prompt is greater than the context "
            "length. Try to load the model with a larger context length, or provide a shorter "
            "input"
        ),
        None,
        None,
    ),
    "LM Studio 0.4": ("Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)", 15028, 7424),
    "Ollama": ("the input length exceeds the context length", None, None),
    "Ollama, embeddings": ("input length exceeds maximum context length", None, None),
    "Ollama of 2026": ("prompt too long; exceeded max context length by 904 tokens", None, None),
    "LocalAI": (
        (
            "rpc error: code = Internal desc = request (601 tokens) exceeds the available context "
            "size (256 tokens), try increasing it"
        ),
        601,
        256,
    ),
    "TGI": (
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: "
            "17 `inputs` tokens and 10000 `max_new_tokens`"
        ),
        17,
        4096,
    ),
    "TGI, input": (
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 4000",
        4000,
        1024,
    ),
    "SGLang": (
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        5000,
        4096,
    ),
    "SGLang, with the answer": (
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
            "requested a total of 5000 tokens: 4900 tokens from the input messages and 100 tokens "
            "for the completion. Please reduce the number of tokens in the input."
        ),
        4900,
        4096,
    ),
    "SGLang, scheduler": (
        (
            "Input length (5000 tokens) exceeds the maximum allowed length (4090 tokens). Use a "
            "shorter input or enable --allow-auto-truncate."
        ),
        5000,
        4090,
    ),
    "LiteLLM": (
        (
            "litellm.ContextWindowExceededError: litellm.BadRequestError: "
            "ContextWindowExceededError: OpenAIException - This model's maximum context length is "
            "4096 tokens. However, your messages resulted in 5000 tokens."
        ),
        5000,
        4096,
    ),
    "text-generation-webui": (
        (
            "This model maximum context length is 4096 tokens. However, your messages resulted in "
            "over 5000 tokens."
        ),
        5000,
        4096,
    ),
    "TabbyAPI": ("Prompt length 5000 is greater than max_seq_len 4096", 5000, 4096),
    "TensorRT-LLM": (
        (
            "The sum of prompt length (5000), query length (0) and max_tokens (100) should not "
            "exceed max_seq_len (4096)"
        ),
        5000,
        4096,
    ),
    "MLC": (
        "Request prompt has 5000 tokens in total, larger than the model input length limit 4096.",
        5000,
        4096,
    ),
    "OpenRouter": (
        (
            "This endpoint's maximum context length is 4096 tokens. However, you requested about "
            "5000 tokens"
        ),
        5000,
        4096,
    ),
    "Mistral": (
        (
            "Prompt contains 5000 tokens and 0 draft tokens, too large for model with 4096 maximum "
            "context length"
        ),
        5000,
        4096,
    ),
    "Anthropic": ("prompt is too long: 210000 tokens > 200000 maximum", 210000, 200000),
    "Gemini": (
        "The input token count (5,000) exceeds the maximum number of tokens allowed (4,096).",
        5000,
        4096,
    ),
    "OpenAI, embeddings": ("Invalid 'input[2]': maximum input length is 8192 tokens.", None, 8192),
    "GPT4All": (
        "The prompt size exceeds the context window size and cannot be processed.",
        None,
        None,
    ),
}


@pytest.mark.parametrize("server", TOO_LONG)
@pytest.mark.parametrize("form", FORMS)
def test_error_reader_prompt_too_long_is_context_length_error(server: str, form: str) -> None:
    words, prompt, context = TOO_LONG[server]
    for error in (READER(400, FORMS[form](words)), READER.in_answer(FORMS[form](words))):
        assert isinstance(error, errors.ContextLengthError)
        assert (error.prompt_tokens, error.context_tokens) == (prompt, context)
        assert words.strip() in str(error), "the server's own words are shown"


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Too much.", "code": "context_length_exceeded"},
        {"message": "Too much.", "type": "exceed_context_size_error", "code": 400},
        {"message": "Too much.", "code": "context_window_exceeded"},
    ],
)
def test_error_reader_code_says_that_the_prompt_is_too_long(error: dict[str, Any]) -> None:
    assert isinstance(READER(400, {"error": error}), errors.ContextLengthError)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (429, "Rate limit: tokens per minute exceed the limit of 40000"),
        (400, "max_tokens must be at least 1"),
        (400, "The model does not support a context shift"),
        (413, "Request entity too large"),
        (400, "stop array string too long"),
        (500, "input exceeded the time limit"),
        (400, "The image exceeds the maximum size of 20 MB"),
    ],
)
def test_error_reader_words_about_other_limits_are_not_about_the_context(
    status: int, words: str
) -> None:
    error = READER(status, {"error": {"message": words}})
    assert not isinstance(error, errors.ContextLengthError)
    assert words in str(error)


@pytest.mark.parametrize(
    ("body", "is_loading"),
    [
        ({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, True),
        ({"status": "loading model"}, True),
        ({"error": "Model meta-llama/Llama-3 is currently loading", "estimated_time": 20.0}, True),
        ("llm server loading model", True),
        ({"error": {"message": "engine process died: CUDA out of memory", "code": 503}}, False),
        ({"error": {"message": "error loading model: unknown architecture", "code": 503}}, False),
        (
            {
                "detail": {
                    "msg": "Server is busy; please try again later.",
                    "type": "service_unavailable",
                }
            },
            False,
        ),
        ({"error": "server busy, please try again.  maximum pending requests exceeded"}, False),
        ("Service Unavailable", False),
        ("", False),
    ],
)
def test_error_reader_only_a_503_of_a_server_that_loads_is_one_to_wait_for(
    body: Any, is_loading: bool
) -> None:
    error = READER(503, body)
    assert isinstance(error, errors.ServerError)
    assert isinstance(error, errors.ModelLoadingError) == is_loading


@pytest.mark.parametrize("kind", ["audio", "video", "image"])
def test_error_reader_input_that_a_model_does_not_accept_is_the_requests_fault(kind: str) -> None:
    words = (
        f"{kind} input is not supported - hint: if this is unexpected, you may need to provide "
        "the mmproj"
    )
    for error in (
        READER(500, {"error": {"message": words, "code": 500}}),
        READER.in_answer({"error": {"message": words}}),
    ):
        assert isinstance(error, errors.InvalidRequestError)
        assert words in str(error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 500, 501, 502, 503])
def test_error_reader_shows_the_servers_words(form: str, status: int) -> None:
    body = FORMS[form]("no free slot")
    assert "no free slot" in str(READER(status, body))
    assert "no free slot" in str(READER.in_answer(body))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "bad", "type": "invalid_request_error"}, errors.InvalidRequestError),
        ({"message": "bad", "type": "BadRequestError", "code": 400}, errors.InvalidRequestError),
        ({"message": "bad", "code": "422"}, errors.InvalidRequestError),
        ({"message": "slow down", "type": "rate_limit_error"}, errors.RateLimitError),
        ({"message": "no key", "type": "authentication_error"}, errors.AuthenticationError),
        ({"message": "no such model", "type": "NotFoundError"}, errors.ModelMissingError),
        ({"message": "broke", "code": 1261}, errors.ServerError),
        ({"message": "broke"}, errors.ServerError),
    ],
)
def test_error_reader_error_inside_an_answer_has_the_type_of_its_status(
    error: dict[str, Any], kind: type[Exception]
) -> None:
    assert type(READER.in_answer({"error": error})) is kind


def test_error_reader_unknown_path_that_is_answered_with_success_is_another_server() -> None:
    error = READER.in_answer({"error": "Unexpected endpoint or method. (POST /completion)"})
    assert isinstance(error, errors.WrongServerError)
