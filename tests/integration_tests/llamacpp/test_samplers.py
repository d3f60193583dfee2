"""What each of llama.cpp's samplers does, on both backends and on a server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.language_models import BaseLLM

from langchain_localllm import ChatLlamaCpp, ChatLlamafile, LlamaCpp, Llamafile, LocalServer
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.models import tiny_chat_model

ENGINES: Final = ("llama-cpp-python", "xllamacpp", "server")
PROMPT: Final = "The lamp on the table is"
LOOP: Final = "one two three one two three one two three one two three one two"
PHRASE: Final = " three one two three one two three"
HOT: Final[dict[str, Any]] = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 3}
CLASSES: Final = (LlamaCpp, ChatLlamaCpp, Llamafile, ChatLlamafile)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, model_file: Path) -> Iterator[Any]:
    if request.param == "server":
        with LocalServer(model_file, n_ctx=512) as server:
            yield Llamafile(base_url=server.base_url, temperature=0, max_tokens=24)
    else:
        with LlamaCpp(
            model_path=model_file, backend=request.param, n_ctx=512, temperature=0, max_tokens=24
        ) as llm:
            yield llm


def first_tokens(llm: Any) -> list[str]:
    """The two most probable tokens after the prompt."""
    option = "n_probs" if isinstance(llm, Llamafile) else "logprobs"
    info = llm.generate([PROMPT], max_tokens=1, **{option: 2}).generations[0][0].generation_info
    return [token["token"] for token in info["logprobs"][0]["top_logprobs"]]


def test_sampler_dry_ends_a_repetition(engine: BaseLLM) -> None:
    assert PHRASE in engine.invoke(LOOP)
    assert PHRASE not in engine.invoke(LOOP, dry_multiplier=5.0)


@pytest.mark.parametrize(
    "options",
    [
        {"dry_allowed_length": 100},
        {"dry_penalty_last_n": 0},
        {"dry_sequence_breakers": [" two"]},
        {"samplers": ["top_k", "temperature"]},
        {"dry_multiplier": 0.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_sampler_dry_lets_a_repetition_pass(engine: BaseLLM, options: dict[str, Any]) -> None:
    assert PHRASE in engine.invoke(LOOP, **{"dry_multiplier": 5.0, **options})


def test_sampler_dry_base_makes_the_penalty_of_a_long_phrase_grow(engine: BaseLLM) -> None:
    assert PHRASE in engine.invoke(LOOP, dry_multiplier=0.05, dry_base=1.0)
    assert PHRASE not in engine.invoke(LOOP, dry_multiplier=0.05, dry_base=4.0)


@pytest.mark.parametrize("choice", [{}, {"temperature": 0.01}], ids=["greedy", "sampled"])
@pytest.mark.parametrize("penalty", ["repeat_penalty", "presence_penalty"])
def test_sampler_penalties_look_back_into_the_prompt(
    engine: BaseLLM, penalty: str, choice: dict[str, Any]
) -> None:
    options = {penalty: 50.0, "max_tokens": 1, **choice}
    assert engine.invoke(LOOP, **options, repeat_last_n=0) == " three"
    assert engine.invoke(LOOP, **options, repeat_last_n=2) == " three"
    assert engine.invoke(LOOP, **options) != " three"


def test_sampler_xtc_drops_the_most_probable_token(engine: BaseLLM) -> None:
    first, second = first_tokens(engine)
    two: dict[str, Any] = {
        "temperature": 1.0,
        "top_k": 2,
        "top_p": 1.0,
        "min_p": 0.0,
        "xtc_probability": 1.0,
        "max_tokens": 1,
    }
    assert engine.invoke(PROMPT, **two, xtc_threshold=0.0) == second
    assert engine.invoke(PROMPT, **{**two, "temperature": 0.01}, xtc_threshold=0.6) == first


def test_sampler_top_n_sigma_of_almost_nothing_is_greedy(engine: BaseLLM) -> None:
    greedy = engine.invoke(PROMPT)
    assert engine.invoke(PROMPT, **HOT) != greedy
    assert engine.invoke(PROMPT, **HOT, top_n_sigma=0.01) == greedy


def test_sampler_dynamic_temperature_is_low_where_the_model_is_sure(engine: BaseLLM) -> None:
    greedy = engine.invoke(PROMPT)
    assert engine.invoke(PROMPT, **HOT, dynatemp_range=1.5) == greedy
    assert engine.invoke(PROMPT, **HOT, dynatemp_range=1.5, dynatemp_exponent=0.0) not in {
        greedy,
        engine.invoke(PROMPT, **HOT),
    }


def test_sampler_adaptive_p_chooses_tokens_near_its_target(engine: BaseLLM) -> None:
    answers = [
        engine.invoke(PROMPT, **HOT),
        engine.invoke(PROMPT, **HOT, adaptive_target=0.5),
        engine.invoke(PROMPT, **HOT, adaptive_target=0.5, adaptive_decay=0.0),
        engine.invoke(PROMPT, **HOT, adaptive_target=0.05),
    ]
    assert len(set(answers)) == len(answers)
    assert engine.invoke(PROMPT, **HOT, adaptive_target=-1.0) == answers[0]


def test_sampler_adaptive_p_that_is_not_among_the_samplers_is_an_error(engine: BaseLLM) -> None:
    with pytest.raises(InvalidOptionError, match="adaptive_p"):
        engine.invoke(PROMPT, adaptive_target=0.5, samplers=["top_k"])
    assert engine.invoke(PROMPT, adaptive_target=0.5, samplers=["top_k", "adaptive_p"])


def test_samplers_that_are_left_out_are_off(engine: BaseLLM) -> None:
    greedy = engine.invoke(PROMPT)
    one = {**HOT, "top_k": 1}
    assert engine.invoke(PROMPT, **one) == greedy
    assert engine.invoke(PROMPT, **one, samplers=["top_k"]) == greedy
    assert engine.invoke(PROMPT, **one, samplers="temperature;top-p") != greedy


def test_sampler_order_of_samplers_matters(engine: BaseLLM) -> None:
    few: dict[str, Any] = {"temperature": 50.0, "top_k": 0, "min_p": 0.0, "top_p": 0.3, "seed": 3}
    first_cut = engine.invoke(PROMPT, **few, samplers=["top_p", "temperature"])
    assert first_cut == engine.invoke(PROMPT)
    assert engine.invoke(PROMPT, **few, samplers=["temperature", "top_p"]) != first_cut


@pytest.mark.parametrize("option", [{"top_p": 0.0}, {"typical_p": 0.0}], ids=str)
def test_sampler_min_keep_leaves_tokens_to_choose_from(
    engine: BaseLLM, option: dict[str, Any]
) -> None:
    one = {**HOT, "temperature": 50.0, **option}
    assert engine.invoke(PROMPT, **one, min_keep=1) == engine.invoke(PROMPT)
    assert engine.invoke(PROMPT, **one, min_keep=20) != engine.invoke(PROMPT)


def test_sampler_for_gaps_works(engine: BaseLLM) -> None:
    assert engine.invoke(PROMPT, **HOT, samplers=["infill"])


def test_sampler_both_backends_choose_the_same_tokens(model_file: Path) -> None:
    options: dict[str, Any] = {
        "dry_multiplier": 0.8,
        "xtc_probability": 0.5,
        "top_n_sigma": 2.0,
        "dynatemp_range": 0.5,
        "seed": 7,
    }
    # the last digits differ with it, and only xllamacpp has it on by default
    options |= {"flash_attn": False}
    answers = []
    for backend in ENGINES[:2]:
        with LlamaCpp(
            model_path=model_file,
            backend=backend,
            n_ctx=512,
            temperature=1.2,
            max_tokens=32,
            **options,
        ) as llm:
            answers.append(llm.invoke(PROMPT))
    assert answers[0] == answers[1]


# --- what is accepted ---


@pytest.mark.parametrize("backend", ENGINES[:2])
def test_sampler_dry_can_look_back_at_the_whole_context(model_file: Path, backend: Any) -> None:
    with LlamaCpp(
        model_path=model_file,
        backend=backend,
        n_ctx=512,
        temperature=0,
        max_tokens=24,
        dry_penalty_last_n=-1,
    ) as llm:
        assert PHRASE not in llm.invoke(LOOP, dry_multiplier=5.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samplers": ["top_q"]}, "top_q|adaptive_p"),
        ({"samplers": 3}, "samplers"),
        ({"dry_base": 0.5}, "dry_base"),
        ({"dry_sequence_breakers": []}, "dry_sequence_breakers"),
        ({"xtc_probability": 1.5}, "xtc_probability"),
        ({"adaptive_decay": 1.0}, "adaptive_decay"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", CLASSES)
def test_sampler_value_that_llama_cpp_would_ignore_or_refuse_is_an_error(
    kind: Any, options: dict[str, Any], words: str
) -> None:
    given = {"model_path": tiny_chat_model()} if "model_path" in kind.model_fields else {}
    with pytest.raises(InvalidOptionError, match=words):
        kind(**given, **options)


@pytest.mark.parametrize("kind", CLASSES)
def test_samplers_can_be_named_as_on_the_command_line(kind: Any) -> None:
    given = {"model_path": tiny_chat_model()} if "model_path" in kind.model_fields else {}
    made = kind(**given, samplers="top-k; temp;nucleus;typical_p")
    assert made.samplers == ["top_k", "temperature", "top_p", "typ_p"]
