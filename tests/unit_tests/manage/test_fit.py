"""What a model needs, and what there is."""

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.capacity import largest_context, layers_on_gpu, tokens_per_second
from langchain_localllm.gguf.header import GGUFInfo, Tensor, check_gguf
from langchain_localllm.gguf.kv_cache import Architecture
from langchain_localllm.gguf.machine import Gpu, Machine, this_machine
from langchain_localllm.gguf.memory import Settings, estimate, parameters
from langchain_localllm.manage.fit import verdict
from langchain_localllm.manage.hub import HubFile, HubModel
from langchain_localllm.manage.quantization import choose
from langchain_localllm.models import fit, tiny_chat_model

GB = 10**9
INFO = check_gguf(tiny_chat_model())


def header(
    architecture: str, layers: int, lists: dict[str, tuple[int | bool, ...]], **values: int
) -> GGUFInfo:
    """The header of a model with these values, whose keys have `__` for a dot."""
    named = {f"{architecture}.{key.replace('__', '.')}": value for key, value in values.items()}
    known = {f"{architecture}.{key}": value for key, value in lists.items()}
    first = {"general.architecture": architecture, f"{architecture}.block_count": layers}
    return GGUFInfo({**first, **named}, {}, {}, known)


def test_fit_window_in_most_layers() -> None:
    info = header(
        "gemma3",
        12,
        {},
        embedding_length=64,
        attention__head_count=4,
        attention__sliding_window=512,
    )
    windowed = [layer.windowed for layer in Architecture(info).layers]
    assert windowed == [True] * 5 + [False] + [True] * 5 + [False]
    assert estimate(info, 8192).cache < estimate(info, 8192, Settings(swa_full=True)).cache / 3


def test_fit_pattern_in_the_file() -> None:
    info = header(
        "gemma4",
        3,
        {"attention.sliding_window_pattern": (True, False, True)},
        attention__sliding_window=64,
    )
    assert [layer.windowed for layer in Architecture(info).layers] == [True, False, True]


def test_fit_window_that_llama_cpp_ignores() -> None:
    info = header(
        "llama", 2, {}, embedding_length=64, attention__head_count=4, attention__sliding_window=512
    )
    assert Architecture(info).window == 0


def test_fit_layers_that_share_a_cache() -> None:
    info = header(
        "gemma4", 4, {}, embedding_length=64, attention__head_count=4, attention__shared_kv_layers=2
    )
    assert [layer.key > 0 for layer in Architecture(info).layers] == [True, True, False, False]


def test_fit_every_fourth_layer_attends() -> None:
    info = header(
        "qwen3next",
        8,
        {},
        embedding_length=64,
        attention__head_count=4,
        full_attention_interval=4,
        ssm__inner_size=128,
        ssm__state_size=16,
        ssm__conv_kernel=4,
        ssm__group_count=2,
    )
    layers = Architecture(info).layers
    assert [layer.key > 0 for layer in layers] == [False, False, False, True] * 2
    assert layers[0].state == 3 * (128 + 2 * 2 * 16) + 16 * 128


def test_fit_state_does_not_grow_with_the_context() -> None:
    info = header(
        "mamba",
        4,
        {},
        embedding_length=64,
        ssm__inner_size=128,
        ssm__state_size=16,
        ssm__conv_kernel=4,
    )
    assert estimate(info, 512).cache == estimate(info, 8192).cache == 4 * 4 * (3 * 128 + 16 * 128)


def test_fit_cache_types() -> None:
    half, byte = (
        estimate(INFO, 2048, Settings(kind, kind, flash_attn=True)).cache
        for kind in ("f16", "q8_0")
    )
    assert byte / half == pytest.approx(34 / 64)
    with pytest.raises(InvalidOptionError, match="Use one of f32"):
        Settings("q9")


def test_largest_context_is_the_largest() -> None:
    found = largest_context(INFO, Settings(), 30_000_000)
    assert (
        estimate(INFO, found, Settings()).total
        <= 30_000_000
        < estimate(INFO, found + 256, Settings()).total
    )
    assert largest_context(INFO, Settings(), 1) == 0
    assert largest_context(INFO, Settings(), GB) == 2048


def test_fit_layers_on_a_gpu() -> None:
    assert layers_on_gpu(INFO, 2048, Settings(), 0) == 0
    some = layers_on_gpu(INFO, 2048, Settings(), 45_000_000)
    assert 0 < some < 6
    assert layers_on_gpu(INFO, 2048, Settings(), GB) == 7  # six, and the output


def test_fit_experts_and_the_vocabulary_are_read_in_part() -> None:
    info = header("qwen3moe", 1, {}, embedding_length=8, expert_count=8, expert_used_count=2)
    tensors = {
        "token_embd.weight": Tensor((8, 10), 1000),
        "blk.0.ffn_up_exps.weight": Tensor((8, 8), 800),
        "output.weight": Tensor((8, 10), 100),
    }
    info = replace(info, tensors=tensors)
    assert tokens_per_second(info, estimate(info, 256), 300.0) == pytest.approx(1.0)


def test_fit_gpu_reported_by_nvidia_smi_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA Test, 1000, 900'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert this_machine().gpus == (Gpu("NVIDIA Test", 1000 * 2**20, 900 * 2**20),)
    assert fit(tiny_chat_model(), n_ctx=512, measure=False).rows[0].gpu_layers == 7
    program.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert this_machine().gpus == ()


def test_fit_largest_context_agrees_with_the_rows_where_a_gpu_holds_the_model() -> None:
    machine = Machine(2 * GB, 1_000_000, 2, (Gpu("Test", 2 * GB, 2 * GB),))
    found = fit(tiny_chat_model(), machine=machine, measure=False)
    assert all(row.fits and row.gpu_layers for row in found.rows)
    assert found.largest_context == found.rows[-1].memory.context
    assert "It runs here" in verdict(found)
    found = fit(tiny_chat_model(), machine=replace(machine, gpus=()), measure=False)
    assert not any(row.fits for row in found.rows)
    assert not found.largest_context


@pytest.mark.parametrize("asked", [0, [], [-1]])
def test_fit_context_that_is_not_a_number_is_refused(asked: int | list[int]) -> None:
    with pytest.raises(InvalidOptionError):
        fit(tiny_chat_model(), n_ctx=asked, measure=False)


def test_fit_model_in_several_files(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama", split_max_tensors=1)
    writer.add_block_count(1)
    writer.add_token_list(["a"])
    for name in ("token_embd.weight", "blk.0.attn_q.weight", "output.weight"):
        writer.add_tensor(name, np.ones((8, 8), np.float32))
    writer.write_header_to_file(tmp_path / "x.gguf")
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = fit(tmp_path / "x-00001-of-00003.gguf", n_ctx=256, measure=False)
    assert (found.parameters, found.weights) == (3 * 64, 3 * 64 * 4)


# --- which quantization ---


def models(*sizes: tuple[str, int]) -> list[HubModel]:
    return [HubModel("a/b", (HubFile(f"x-{name}.gguf", size),)) for name, size in sizes]


WEIGHTS = parameters(INFO)
OFFERED = models(
    ("Q2_K", WEIGHTS // 3), ("Q4_K_M", WEIGHTS // 2), ("Q8_0", WEIGHTS), ("F16", 2 * WEIGHTS)
)


def test_fit_largest_that_helps() -> None:
    choice = choose(OFFERED, INFO, Machine(GB, GB, 2), 0.0)
    assert (choice.model.quantization, choice.fits) == ("Q8_0", True)


def test_fit_usual_one_where_larger_ones_are_slow() -> None:
    choice = choose(OFFERED, INFO, Machine(GB, GB, 2), 1e6)
    assert choice.model.quantization == "Q4_K_M"
    assert "slower" in choice.reason


def test_fit_smallest_where_nothing_fits() -> None:
    choice = choose(OFFERED, INFO, Machine(10**6, 10**6, 2), 0.0)
    assert (choice.model.quantization, choice.fits) == ("Q2_K", False)
