"""Speculative decoding: drafts change the speed only, and results say how many were right."""

from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pytest

from langchain_localllm import ChatLlamaCpp, LlamaCpp
from langchain_localllm.errors import InvalidOptionError, ModelFileError
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamacpp.speculation import SpecType, prompt_lookup
from tools.engines.models import never_ending

QUESTION: Final = "Repeat: the red lamp is lit at dusk and the green boat leaves at noon"
LOOP: Final = "one two three one two three one two three one two three one two"
WAYS: Final[list[dict[str, Any]]] = [
    {"backend": "llama-cpp-python", "spec_type": "ngram-simple"},
    {
        "backend": "llama-cpp-python",
        "draft": "ngram",
        "spec_draft_n_max": 8,
        "spec_ngram_size_n": 2,
    },
    {"backend": "xllamacpp", "draft_model_path": tiny_chat_model()},
    {
        "backend": "xllamacpp",
        "draft_model_path": tiny_chat_model(),
        "spec_type": "ngram-simple",
        "spec_draft_n_max": 8,
    },
    *({"backend": "xllamacpp", "spec_type": kind} for kind in get_args(SpecType)),
]
AnyArguments: Final[Any] = LlamaCpp
"""The class, for arguments that are not fields."""


@pytest.fixture(scope="module")
def plain() -> str:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), temperature=0, max_tokens=60, n_ctx=512, flash_attn=True
    ) as chat:
        return chat.invoke(QUESTION).text


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_drafts_greedy_answers_are_the_same_with_drafts(way: dict[str, Any], plain: str) -> None:
    make: Any = ChatLlamaCpp
    with make(model_path=tiny_chat_model(), temperature=0, max_tokens=60, n_ctx=512, **way) as chat:
        for answer in (chat.invoke(QUESTION), *chat.batch([QUESTION] * 2)):
            assert answer.text == plain
            timings = answer.response_metadata["timings"]
            assert 0 < timings["draft_n_accepted"] <= timings["draft_n"]


@pytest.mark.parametrize("way", WAYS[:4], ids=str)
def test_drafts_are_checked_where_tokens_are_drawn_at_random(
    way: dict[str, Any], model_file: Path
) -> None:
    if "draft_model_path" in way:
        way = {**way, "draft_model_path": model_file}
    with AnyArguments(
        model_path=model_file, n_ctx=512, max_tokens=24, temperature=3.0, top_k=0, **way
    ) as llm:
        answers = {llm.invoke(LOOP, seed=seed, min_p=0.0, top_p=1.0) for seed in range(4)}
        assert len(answers) > 1
        info = llm.generate([LOOP], temperature=0).generations[0][0].generation_info
        assert info is not None
        assert info["timings"]["draft_n_accepted"] > 10
        assert info["usage"]["completion_tokens"] == 24


def test_drafts_results_without_drafts_do_not_mention_them(plain: str) -> None:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), temperature=0, max_tokens=60, n_ctx=512
    ) as chat:
        answer = chat.invoke(QUESTION)
    assert plain
    assert not [name for name in answer.response_metadata["timings"] if name.startswith("draft")]


def test_drafts_flash_attention_that_is_switched_off_stays_off() -> None:
    chosen = LlamaCpp(
        model_path=tiny_chat_model(), n_ctx=512, spec_type="ngram-simple"
    ).engine_settings()
    given = LlamaCpp(
        model_path=tiny_chat_model(), n_ctx=512, spec_type="ngram-simple", flash_attn=False
    ).engine_settings()
    assert (chosen.context["flash_attn_type"], given.context["flash_attn_type"]) == (1, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"spec_type": "ngram-mod", "backend": "llama-cpp-python"},
            "spec_type='ngram-mod'.*backend='xllamacpp'",
        ),
        (
            {"draft_model_path": tiny_chat_model(), "backend": "llama-cpp-python"},
            "draft_model_path.*backend='xllamacpp'",
        ),
        (
            {"draft_model_path": tiny_chat_model(), "draft_model": print},
            "No backend.*`draft_model`, `draft_model_path`",
        ),
        ({"spec_type": "guess"}, "spec_type.*ngram-simple"),
        ({"spec_draft_n_max": 4}, "spec_draft_n_max.*without `spec_type`"),
    ],
    ids=str,
)
def test_drafts_way_to_draft_that_a_backend_does_not_have_is_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        AnyArguments(model_path=tiny_chat_model(), **options)


def test_drafts_two_ways_to_draft_are_refused(model_file: Path) -> None:
    with (
        AnyArguments(
            model_path=model_file, n_ctx=512, spec_type="ngram", draft_model=prompt_lookup()
        ) as llm,
        pytest.raises(InvalidOptionError, match="`draft_model` and `spec_type`"),
    ):
        llm.invoke(LOOP)


def test_drafts_model_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny_chat_model().read_bytes()[:5000])
    for path in (tiny_embedding_model(), tmp_path / "missing.gguf", damaged):
        with pytest.raises(ModelFileError, match=path.name):
            LlamaCpp(model_path=tiny_chat_model(), draft_model_path=path, n_ctx=512)


def test_drafts_model_can_be_another_file(tmp_path: Path) -> None:
    other = never_ending(tiny_chat_model(), tmp_path / "other.gguf")
    with LlamaCpp(
        model_path=tiny_chat_model(),
        draft_model_path=other,
        n_ctx=512,
        temperature=0,
        max_tokens=16,
    ) as llm:
        assert llm.invoke(LOOP)


@pytest.mark.parametrize(
    ("tokens", "draft"),
    [
        ([1, 2, 3, 4, 5, 1, 2], [3, 4, 5]),
        ([1, 2, 9, 1, 2, 3, 1, 2], [3, 1, 2]),
        ([7, 7, 7, 7], [7, 7]),
        ([7, 7, 7, 7, 7, 7, 7, 7], [7, 7, 7]),
        ([1, 2, 3, 4, 5, 1, 2, 9, 1, 2], [9, 1, 2]),
        ([1, 2, 3, 4, 5, 9, 1, 2, 1, 2], [3, 4, 5]),
        ([1, 2, 3], []),
        ([1, 2], []),
        ([1], []),
        ([], []),
    ],
)
def test_prompt_lookup_drafts_what_followed_the_last_time(
    tokens: list[int], draft: list[int]
) -> None:
    assert prompt_lookup(size_n=2, n_max=3)(np.array(tokens, np.intc)).tolist() == draft
