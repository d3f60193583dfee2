"""What Ollama's own options do, on the real Ollama."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import requests

from langchain_localllm import Ollama
from langchain_localllm.errors import (
    ConnectionFailedError,
    InvalidOptionError,
    InvalidRequestError,
    ModelMissingError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.testing.paths import PATHS
from tests.integration_tests.scripted import soon
from tests.unit_tests.option_cases import OLLAMA
from tools.engines import ollama

from .conftest import CHAT

PROMPT = "The lamp on the table is"
NEWER: Final = {"draft_num_predict"}
"""Options that Ollama 0.9.3 does not know yet."""


@pytest.fixture
def llm(url: str) -> Ollama:
    return Ollama(base_url=url, model=CHAT, temperature=0, max_tokens=8)


def about(llm: Ollama, prompt: str = PROMPT, **options: Any) -> dict[str, Any]:
    """What a result says of itself."""
    info: dict[str, Any] | None = (
        llm.generate([prompt], **options).generations[0][0].generation_info
    )
    assert info
    return info


def prompt_tokens(llm: Ollama, **options: Any) -> int:
    return int(about(llm, **options)["usage"]["prompt_tokens"])


def test_ollama_template_holds_the_system_message_and_raw_leaves_it_out(llm: Ollama) -> None:
    plain = prompt_tokens(llm)
    template = "{{ .System }} lamp lamp lamp {{ .Prompt }}"
    templated = prompt_tokens(llm, template=template)
    assert templated >= plain + 3
    assert prompt_tokens(llm, template=template, system="Be brief and kind.") >= templated + 3
    assert prompt_tokens(llm, raw=True) == plain


def test_ollama_suffix_reaches_a_template_that_accepts_it_and_is_refused_by_others(
    llm: Ollama, url: str
) -> None:
    fill = f"{CHAT}-fill"
    create = {
        "model": fill,
        "from": CHAT,
        "template": "{{ .Prompt }}{{ .Suffix }}",
        "stream": False,
    }
    requests.post(f"{url}/api/create", json=create, timeout=60).raise_for_status()
    try:
        assert (
            prompt_tokens(llm, model=fill, suffix=" and the red door is") >= prompt_tokens(llm) + 4
        )
    finally:
        llm.delete(fill)
    with pytest.raises(InvalidRequestError, match="does not support insert"):
        llm.invoke(PROMPT, suffix="and more")


def test_ollama_format_is_followed(llm: Ollama) -> None:
    schema = {
        "type": "object",
        "properties": {"river": {"enum": ["Tamsel", "Oder"]}},
        "required": ["river"],
    }
    answer = json.loads(llm.invoke("A river: ", format=schema, max_tokens=40))
    assert answer["river"] in {"Tamsel", "Oder"}
    assert llm.invoke("A river as JSON: ", format="json").lstrip().startswith("{")
    with pytest.raises(InvalidOptionError, match="not a valid JSON schema"):
        llm.invoke(PROMPT, format={"type": "nothing-such"})


def test_ollama_images_are_refused_by_a_text_only_model(llm: Ollama) -> None:
    for path in (llm.invoke, llm.stream):
        with pytest.raises(InvalidRequestError, match="does not support images"):
            list(path(PROMPT, images=["aGVsbG8="]))


@pytest.mark.parametrize("level", [True, "high"])
def test_ollama_reasoning_and_its_levels_reach_the_model(llm: Ollama, level: Any) -> None:
    # this model cannot think, and Ollama 0.9.3 knows no levels
    with pytest.raises(InvalidRequestError, match="think"):
        llm.invoke(PROMPT, reasoning=level)
    assert llm.invoke(PROMPT, think=False)


def test_ollama_keep_alive_decides_how_long_the_model_stays(llm: Ollama) -> None:
    def left(low: float, high: float) -> bool:
        """Whether the model is to stay for so many seconds; Ollama notes it in a moment."""
        now = datetime.now(UTC)
        return soon(
            lambda: any(
                model.name == f"{CHAT}:latest"
                and low < (model.until - now).total_seconds() <= high + 1
                for model in llm.ps()
            )
        )

    llm.invoke(PROMPT, keep_alive="2m")
    assert left(60, 120)
    llm.invoke(PROMPT, keep_alive=30)
    assert left(0, 30)
    llm.invoke(PROMPT, keep_alive=-1)
    assert left(1e6, 1e12)
    llm.invoke(PROMPT, keep_alive=0)
    assert soon(lambda: all(model.name != f"{CHAT}:latest" for model in llm.ps()))
    with pytest.raises(InvalidRequestError, match="duration"):
        llm.invoke(PROMPT, keep_alive="a while")


def test_ollama_context_of_an_answer_continues_the_conversation(llm: Ollama) -> None:
    assert "context" not in about(llm)
    first = about(llm, context=[])
    assert len(first["context"]) >= first["usage"]["prompt_tokens"]
    second = about(llm, " The", context=first["context"])
    assert second["usage"]["prompt_tokens"] > len(first["context"])
    assert second["context"][: len(first["context"])] == first["context"]


def test_ollama_each_model_option_is_one_that_this_ollama_reads(url: str) -> None:
    sent = {case_name: case.sent for case_name, case in OLLAMA.items()}
    names = {name for name, place in sent.items() if place is None} | {"num_predict"}
    for name in sorted(names - NEWER):
        body = {"model": CHAT, "prompt": PROMPT, "options": {name: {}}, "stream": False}
        answer = requests.post(f"{url}/api/generate", json=body, timeout=60).json()
        assert f'option "{name}" must be of type' in answer["error"]


def test_ollama_each_option_and_its_value_are_accepted(url: str) -> None:
    left_out = {
        "base_url",
        "format",
        "images",
        "model",
        "num_gpu",
        "reasoning",
        "stop",
        "suffix",
        *NEWER,
    }  # tested above, or not to be had here
    options = {name: case.value for name, case in OLLAMA.items() if name not in left_out}
    model = Ollama(
        base_url=url, model=CHAT, **options | {"raw": None, "timeout": 60, "main_gpu": 0}
    )
    assert model.invoke(PROMPT)


def test_ollama_wrong_type_that_reaches_the_server_is_a_wrong_request(llm: Ollama) -> None:
    wrong = Ollama.model_construct(**{**llm.__dict__, "num_thread": "many"})
    wrong.__pydantic_private__ = llm.__pydantic_private__
    with pytest.raises(InvalidRequestError, match='option "num_thread" must be of type integer'):
        wrong.invoke(PROMPT)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_ollama_model_that_was_not_pulled_is_reported_on_every_path(llm: Ollama, path: str) -> None:
    with pytest.raises(ModelMissingError, match="Get it with `ollama pull nowhere:1b`"):
        PATHS[path](llm.model_copy(update={"model": "nowhere:1b"}), PROMPT)
    assert PATHS[path](llm, PROMPT)


def test_ollama_validation_at_construction(url: str) -> None:
    assert Ollama(base_url=url, model=CHAT, validate_model_on_init=True).facts
    with pytest.raises(ModelMissingError, match="ollama pull nowhere:1b"):
        Ollama(base_url=url, model="nowhere:1b", validate_model_on_init=True)
    with pytest.raises(ConnectionFailedError, match="ollama serve"):
        Ollama(base_url="http://127.0.0.1:9", model=CHAT, validate_model_on_init=True)


def test_ollama_address_is_found_in_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", url.removeprefix("http://"))
    assert Ollama(model=CHAT, max_tokens=2).invoke(PROMPT)


def test_ollama_null_characters_are_part_of_a_prompt(llm: Ollama) -> None:
    assert prompt_tokens(llm) < about(llm, "The lamp\0 on the table is")["usage"]["prompt_tokens"]


def test_ollama_result_holds_ollamas_own_keys(llm: Ollama) -> None:
    info = about(llm)
    assert {
        "created_at",
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    } <= info.keys()
    assert (info["model"], info["done"], info["done_reason"]) == (CHAT, True, "length")
    assert (info["prompt_eval_count"], info["eval_count"]) == (info["usage"]["prompt_tokens"], 8)
    assert info["eval_duration"] / 1e9 == info["timings"]["generation"]


def test_ollama_options_of_a_call_are_ollamas(llm: Ollama) -> None:
    assert about(llm, options={"num_predict": 3})["eval_count"] == 3
    assert about(llm, options={"no_such_option": 3})["eval_count"] == 8


def test_ollama_stop_sequences_of_a_modelfile_hold_where_none_is_given(url: str) -> None:
    name = "localllm-stopping"
    settings = {"num_ctx": 512, "num_thread": 1, "stop": ["table"]}
    ollama.create(url, name, tiny_chat_model(), template="{{ .Prompt }}", parameters=settings)
    try:
        llm = Ollama(base_url=url, model=name, temperature=0, max_tokens=8)
        assert about(llm)["done_reason"] == "stop"
        assert "table" not in llm.invoke(PROMPT)
        assert "table" in llm.invoke(PROMPT, stop=["no such text"])
    finally:
        requests.delete(f"{url}/api/delete", json={"model": name}, timeout=60)
