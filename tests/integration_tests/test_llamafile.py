"""What llama.cpp's own options do, on the real server."""

import json
from typing import Any, Final

import pytest
import requests
from langchain_core.messages import convert_to_messages
from pydantic import SecretStr

from langchain_localllm import ChatLlamafile, Llamafile, LocalServer
from langchain_localllm.base.results import short_name
from langchain_localllm.errors import AuthenticationError, ConnectionFailedError, InvalidRequestError
from langchain_localllm.models import tiny_chat_model
from tests.unit_tests.option_cases import LLAMAFILE

PROMPT = "The lamp on the table is"
NOT_TOLD: Final = {"cache_prompt", "id_slot", "ignore_eos", "json_schema", "logit_bias", "lora", "model"}
"""Options that the server's answer tells in another form or not at all; most are tested below by what they do."""
TOLD: Final = sorted(name for name, case in LLAMAFILE.items() if case.sent is None and name not in NOT_TOLD)


@pytest.fixture
def llm(chat_server: LocalServer) -> Llamafile:
    return Llamafile(base_url=chat_server.base_url, temperature=0, max_tokens=8)


def about(llm: Llamafile, prompt: str = PROMPT, **options: Any) -> dict[str, Any]:
    """What a result says of itself."""
    info: dict[str, Any] | None = llm.generate([prompt], **options).generations[0][0].generation_info
    assert info
    return info


@pytest.mark.parametrize("name", TOLD)
def test_an_option_reaches_the_sampler(name: str, chat_server: LocalServer) -> None:
    value = LLAMAFILE[name].value
    body = {**Llamafile(**{name: value}).payload(), "prompt": PROMPT, "n_predict": 1}
    if name == "stop":
        body["stop"] = value
    settings = requests.post(f"{chat_server.base_url}/completion", json=body, timeout=60).json()["generation_settings"]
    told = settings[name]
    if name == "seed":
        value = 2**32 - 1  # so the server writes -1
    assert told == pytest.approx(value) if isinstance(value, float) else told == value


@pytest.mark.parametrize(
    "messages",
    [
        [("user", "Hello!")],
        [("system", "Be brief."), ("user", "Hello!"), ("ai", "Hi."), ("user", "x")],
        [("user", "Hello!"), ("ai", "Hi.")],
    ],
)
@pytest.mark.parametrize(
    "tools", [[], [{"name": "add", "description": "Add.", "parameters": {"type": "object", "properties": {}}}]]
)
def test_get_num_tokens_from_messages_returns_the_tokens_of_the_prompt(
    messages: list[tuple[str, str]], tools: list[Any], chat_server: LocalServer
) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url, max_tokens=1)
    usage = chat.invoke(messages, tools=tools).usage_metadata
    assert usage
    assert chat.get_num_tokens_from_messages(convert_to_messages(messages), tools=tools) == usage["input_tokens"]


def test_max_tokens_ends_the_answer(llm: Llamafile) -> None:
    assert about(llm, max_tokens=3)["usage"]["completion_tokens"] == 3


def test_a_grammar_and_a_schema_are_kept_to(llm: Llamafile) -> None:
    assert llm.invoke(PROMPT, grammar='root ::= "red" | "blue"') in {"red", "blue"}
    schema = {"enum": ["red", "blue"]}
    assert json.loads(llm.invoke(PROMPT, json_schema=schema, max_tokens=16)) in {"red", "blue"}
    with pytest.raises(InvalidRequestError, match="grammar"):
        llm.invoke(PROMPT, grammar="root ::= nothing-such")


def test_a_banned_token_does_not_come(llm: Llamafile) -> None:
    (first, *_) = llm.get_token_ids(llm.invoke(PROMPT, max_tokens=1))
    banned = llm.invoke(PROMPT, max_tokens=1, logit_bias={str(first): False})
    assert llm.get_token_ids(banned)[:1] != [first]


def test_a_model_that_may_not_end_goes_on(llm: Llamafile) -> None:
    prompt = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    assert about(llm, prompt, max_tokens=60)["finish_reason"] == "stop"
    assert about(llm, prompt, max_tokens=60, ignore_eos=True)["finish_reason"] == "length"


def test_the_prompt_cache_is_used_in_the_slot_that_is_named(llm: Llamafile) -> None:
    prompt = "One lamp, two lamps, three lamps, four lamps, five lamps, six lamps, seven"
    about(llm, prompt, id_slot=2)
    assert about(llm, prompt, id_slot=2)["usage"]["cached_tokens"] > 10
    assert about(llm, prompt, id_slot=2, cache_prompt=False)["usage"].get("cached_tokens", 0) == 0


def test_probabilities_come_with_each_token(llm: Llamafile) -> None:
    probabilities = about(llm, max_tokens=4, n_probs=2)["logprobs"]
    assert len(probabilities) == 4
    assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in probabilities)


def test_the_model_is_found_by_itself(llm: Llamafile) -> None:
    assert llm.model is None
    assert short_name(llm.with_model_name().model or "") == about(llm)["model_name"]


def test_tokens_are_counted_by_the_server(llm: Llamafile) -> None:
    assert llm.get_num_tokens(PROMPT) == about(llm)["usage"]["prompt_tokens"]


def test_a_server_with_a_key_wants_it() -> None:
    with LocalServer(tiny_chat_model(), n_ctx=256, api_key="a-key") as server:
        assert Llamafile(base_url=server.base_url, api_key=SecretStr("a-key"), max_tokens=2).invoke(PROMPT)
        for key in (None, SecretStr("another")):
            with pytest.raises(AuthenticationError, match="api_key"):
                Llamafile(base_url=server.base_url, api_key=key, max_tokens=2).invoke(PROMPT)
        elsewhere = server.base_url.replace("127.0.0.1", "localhost")
        with pytest.raises(AuthenticationError):  # the key of one address is not told to another
            Llamafile(base_url=server.base_url, api_key=SecretStr("a-key")).invoke(PROMPT, base_url=elsewhere)


def test_the_profile_comes_from_the_server(chat_server: LocalServer) -> None:
    assert ChatLlamafile(base_url=chat_server.base_url).profile is None
    profile = ChatLlamafile(base_url=chat_server.base_url, validate_model_on_init=True).profile
    assert profile == {
        "tool_calling": True,
        "image_inputs": False,
        "max_input_tokens": 512,
        "reasoning_output": False,
    }
    with pytest.raises(ConnectionFailedError):
        ChatLlamafile(base_url="http://127.0.0.1:9", validate_model_on_init=True)
