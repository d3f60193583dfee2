"""The four engines give the same vectors for the same file."""

from collections.abc import Callable
from itertools import combinations

import pytest

from .engines import ENGINES, Arguments, class_of
from .texts import MARKED, least_agreement, many

AGREES = 0.999
TEXTS = many(200)


@pytest.fixture(scope="module")
def vectors(arguments: Callable[[str], Arguments]) -> dict[str, list[list[float]]]:
    """Each runtime's vectors of all texts."""
    found = {}
    for runtime in sorted(ENGINES):
        embeddings = class_of(runtime)(**arguments(runtime))
        found[runtime] = embeddings.embed_documents(TEXTS)
    return found


@pytest.mark.parametrize("pair", list(combinations(sorted(ENGINES), 2)), ids="-".join)
def test_embed_two_engines_agree(
    pair: tuple[str, str], vectors: dict[str, list[list[float]]]
) -> None:
    one, other = (vectors[runtime] for runtime in pair)
    assert len(one) == len(set(TEXTS)) == 200
    assert least_agreement(one, other) >= AGREES


def test_embed_different_texts_have_different_vectors(
    vectors: dict[str, list[list[float]]],
) -> None:
    assert all(least_agreement(found[:1] * 6, found[1:7]) < 0.9 for found in vectors.values())


def test_embed_engines_agree_on_combining_marks_but_for_an_ollama_of_2025(
    arguments: Callable[[str], Arguments],
) -> None:
    found = {
        runtime: class_of(runtime)(**arguments(runtime)).embed_documents([*MARKED])
        for runtime in ENGINES
    }
    assert least_agreement(found["llamacpp"], found["llamafile"]) >= AGREES
    assert least_agreement(found["llamacpp"], found["gpt4all"]) >= AGREES


@pytest.mark.parametrize("runtime", ["gpt4all", "llamacpp_xllamacpp", "llamafile", "ollama"])
def test_embed_names_of_special_tokens_are_text_in_process_and_tokens_on_servers(
    runtime: str, arguments: Callable[[str], Arguments]
) -> None:
    texts = ["the lamp [SEP] is red", "the [MASK] lamp"]
    one, other = (
        class_of(name)(**arguments(name)).embed_documents(texts) for name in (runtime, "llamacpp")
    )
    assert (least_agreement(one, other) >= AGREES) is (runtime not in {"llamafile", "ollama"})
