"""The estimate of memory against what llama.cpp takes."""

from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.gguf.memory import Settings, estimate
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from tools.engines.llama_memory import taken
from tools.engines.shapes import MEASURES, shaped_model

F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8
NAMES: Final = {F32: "f32", F16: "f16", Q4_0: "q4_0", Q8_0: "q8_0"}
SHARED: Final = {"kv_unified": True, "n_batch": 512, "n_ubatch": 512}
CASES: Final[list[dict[str, Any]]] = [
    {"n_ctx": 512},
    {"n_ctx": 2048},
    {"n_ctx": 8192},
    {"n_ctx": 4096, "swa_full": False},
    {"n_ctx": 2048, "type_k": Q8_0},
    {"n_ctx": 1024, "type_k": F32, "type_v": F32},
    {"n_ctx": 4096, "flash_attn_type": 1},
    {"n_ctx": 4096, "flash_attn_type": 1, "type_k": Q8_0, "type_v": Q8_0},
    {"n_ctx": 16_384, "flash_attn_type": 1, "type_k": Q4_0, "type_v": Q4_0, "swa_full": False},
    {"n_ctx": 2048, "n_batch": 64, "n_ubatch": 64},
    {"n_ctx": 2048, "n_seq_max": 32, "n_outputs_max": 128},  # as the engine of LlamaCpp
]
LATENT: Final = "deepseek2"
"""Its cache of 576 numbers cannot be quantized by llama.cpp without flash attention."""


def settings(case: dict[str, Any]) -> Settings:
    return Settings(
        NAMES[case.get("type_k", F16)],
        NAMES[case.get("type_v", F16)],
        bool(case.get("flash_attn_type")),
        case.get("n_ubatch", 512),
        case.get("n_seq_max", 1),
        case.get("n_outputs_max", 0),
        case.get("swa_full", True),
    )


def check(file: Path, cases: list[dict[str, Any]]) -> None:
    info = check_gguf(file)
    cases = [{"flash_attn_type": 0, **SHARED, **case} for case in cases]
    for case, real in zip(cases, taken(file, cases), strict=True):
        assert estimate(info, case["n_ctx"], settings(case)).total == pytest.approx(
            real, rel=0.1
        ), case


@pytest.mark.parametrize("name", MEASURES)
def test_estimate_is_what_llama_cpp_allocates(name: str, tmp_path: Path) -> None:
    quantized_alone = [
        case
        for case in CASES
        if case.get("type_k") in {Q4_0, Q8_0} and not case.get("flash_attn_type")
    ]
    check(
        shaped_model(name, tmp_path),
        [case for case in CASES if name != LATENT or case not in quantized_alone],
    )


def test_tiny_chat_model() -> None:
    check(tiny_chat_model(), CASES)


def test_tiny_embedding_model() -> None:
    check(tiny_embedding_model(), [{"n_ctx": 512}, {"n_ctx": 512, "flash_attn_type": 1}])
