"""The dimensions of a model, also from headers with values that no model has."""

import math
import time

import pytest

from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.kv_cache import Architecture


def architecture(name: str, values: dict[str, object], **lists: tuple[object, ...]) -> Architecture:
    metadata = {
        "general.architecture": name,
        **{f"{name}.{key}": value for key, value in values.items()},
    }
    each = {f"{name}.attention.{key}": value for key, value in lists.items()}
    return Architecture(GGUFInfo(metadata, {}, lists=each))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "many", None])
def test_value_that_is_not_a_number_counts_as_missing(value: object) -> None:
    assert architecture("llama", {"embedding_length": value, "block_count": 2}).width == 0


def test_more_layers_than_engines_load_are_not_listed() -> None:
    assert len(architecture("llama", {"block_count": 2**32 - 1}).layers) == 1024
    assert architecture("llama", {"block_count": -1}).layers == []


def test_layers_are_described_in_a_time_that_grows_with_their_number() -> None:
    started = time.process_time()
    found = architecture(
        "llama", {"block_count": 2**32 - 1, "embedding_length": 64, "attention.head_count": 4}
    )
    assert found.layers[-1].key == 64
    assert time.process_time() - started < 0.5  # 0.02 s, not 0.7 s


@pytest.mark.parametrize("every", [0, -3, "often", math.inf])
def test_pattern_that_is_not_a_pattern_is_read(every: object) -> None:
    values = {
        "block_count": 6,
        "attention.sliding_window": 512,
        "attention.sliding_window_pattern": every,
    }
    assert len(architecture("gemma3", values).layers) == 6


def test_list_shorter_than_the_layers_is_read() -> None:
    found = architecture(
        "llama",
        {"block_count": 4, "ssm.state_size": 2, "ssm.inner_size": 3},
        recurrent_layers=(True, False),
    )
    assert [layer.state for layer in found.layers] == [6, 0, 0, 0]
