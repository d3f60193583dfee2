"""`runtimes/ollama/api_show.py`: an answer of `/api/show`."""

from typing import Any, Final

import pytest

from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.runtimes.ollama.api_show import UNKNOWN_CONTEXT, ModelCard, ModelFacts

SHOWN: Final[dict[str, Any]] = {
    "details": {"family": "gemma2", "parameter_size": "2.6B", "quantization_level": "Q4_0"},
    "capabilities": ["completion", "tools"],
    "template": "{{ .Prompt }}",
    "system": "Be brief.",
    "license": "Gemma",
    "modelfile": "FROM gemma2",
    "model_info": {"general.architecture": "gemma2", "gemma2.context_length": 131_072},
    "parameters": 'stop "<end_of_turn>"\nnum_ctx                        4096',
}


def test_model_card_of_a_whole_answer_has_all_fields() -> None:
    card = ModelCard.read("gemma2", SHOWN)
    assert (card.name, card.family, card.parameters, card.quantization) == (
        "gemma2",
        "gemma2",
        "2.6B",
        "Q4_0",
    )
    assert (card.context, card.capabilities) == (131_072, ("completion", "tools"))
    assert (card.template, card.system, card.license, card.modelfile) == (
        "{{ .Prompt }}",
        "Be brief.",
        "Gemma",
        "FROM gemma2",
    )
    assert card.metadata == SHOWN["model_info"]


def test_model_card_of_an_empty_answer_is_empty() -> None:
    card = ModelCard.read("a", {})
    assert (card.family, card.context, card.capabilities, card.metadata) == ("", None, (), {})


@pytest.mark.parametrize(
    ("changed", "context", "fixed"),
    [
        ({}, 4096, 4096),
        ({"parameters": "num_predict 9"}, DEFAULT_CONTEXT, UNKNOWN_CONTEXT),
        ({"parameters": None, "model_info": None}, DEFAULT_CONTEXT, UNKNOWN_CONTEXT),
        ({"parameters": "", "model_info": {"bert.context_length": 256}}, 256, 256),
    ],
)
def test_model_facts_context_is_the_modelfiles_or_the_models(
    changed: dict[str, Any], context: int, fixed: int
) -> None:
    facts = ModelFacts.read(SHOWN | changed)
    assert (facts.context, facts.fixed_context) == (context, fixed)


@pytest.mark.parametrize(
    ("reported", "known"), [(None, None), ([], frozenset()), (["vision"], frozenset({"vision"}))]
)
def test_model_facts_capabilities_are_none_where_ollama_does_not_report_them(
    reported: Any, known: Any
) -> None:
    assert ModelFacts.read({"capabilities": reported}).capabilities == known


def test_model_facts_count_the_bytes_that_the_model_adds_to_a_prompt() -> None:
    assert ModelFacts.read({"template": "ü", "system": "ab"}).own_bytes == len('üab""'.encode())
