"""No model file ends the process that loads it: it is refused, tried in a process of its own, or
loads."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from langchain_localllm import (
    ChatLlamaCpp,
    GPT4All,
    GPT4AllEmbeddings,
    LlamaCpp,
    LlamaCppEmbeddings,
)
from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf import trial_load
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.gguf.unusual_values import unusual_values
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tools.engines.gguf_mutations import Change, Header, mutations
from tools.engines.images import projector
from tools.engines.models import lora_adapter

LOAD_ALL = """
import sys
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.runtimes.{module} import load_once
for path in sys.argv[1:]:
    print(path, flush=True)
    try:
        load_once(path, {options})
    except LocalLLMError:
        pass
print("all loaded or refused")
"""
MODULES = {
    "llamacpp": "llamacpp.load_once",
    "gpt4all": "gpt4all.load_once",
    "xllamacpp": "llamacpp.server_load_once",
}
SOURCES = {"llama": tiny_chat_model(), "bert": tiny_embedding_model()}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "localllm" / "loadable"


@pytest.fixture(scope="module", params=["llama", "bert"])
def files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Path]]:
    """The architecture, and a file for each change by the name of the change."""
    folder = tmp_path_factory.mktemp("mutations")
    whole = Header.read(Path(SOURCES[request.param]))
    found = {}
    for number, (name, change) in enumerate(mutations(request.param).items()):
        header = copy.deepcopy(whole)
        change(header)
        found[name] = folder / f"{number}.gguf"
        found[name].write_bytes(header.write())
    return request.param, found


def _ordinary(paths: Iterator[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            info = check_gguf(path)
        except ModelFileError:
            continue
        if not unusual_values(path, info):
            yield path


@pytest.mark.parametrize("engine", MODULES)
def test_files_without_unusual_values_do_not_end_the_process(
    engine: str, files: tuple[str, dict[str, Path]]
) -> None:
    architecture, paths = files
    ordinary = list(_ordinary(iter(paths.values())))
    assert 10 < len(ordinary) < len(paths) / 2
    code = LOAD_ALL.format(
        module=MODULES[engine],
        options="" if engine == "llamacpp" else f"embeds={architecture == 'bert'}",
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, ordinary)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "all loaded or refused" in done.stdout, (done.stdout[-300:], done.stderr[-2000:])


def test_whole_files_have_no_unusual_values() -> None:
    for path in SOURCES.values():
        assert unusual_values(Path(path), check_gguf(path)) == []


def _llamacpp(path: Path) -> object:
    return LlamaCpp(model_path=path, n_ctx=64)


def _xllamacpp(path: Path) -> object:
    return LlamaCpp(model_path=path, n_ctx=64, backend="xllamacpp")


def _xllamacpp_embeddings(path: Path) -> object:
    return LlamaCppEmbeddings(model_path=path, backend="xllamacpp")


def _embeddings(path: Path) -> object:
    return LlamaCppEmbeddings(model_path=path, backend="llama-cpp-python")


def _xllamacpp_draft(path: Path) -> object:
    return LlamaCpp(
        model_path=tiny_chat_model(), draft_model_path=path, n_ctx=64, backend="xllamacpp"
    )


def _gpt4all(path: Path) -> object:
    return GPT4All(model=path, n_ctx=64)


def _gpt4all_embeddings(path: Path) -> object:
    return GPT4AllEmbeddings(model=path)


ABORTS: list[tuple[Callable[[Path], object], str, str]] = [
    (_llamacpp, "a token twice", r"twice, with the ids \d+ and \d+"),
    (_gpt4all, "a token twice", r"twice, with the ids \d+ and \d+"),
    (_xllamacpp, "a token twice", r"twice, with the ids \d+ and \d+"),
    (_xllamacpp, "*.block_count is 65536", r"llama\.block_count is 65536"),
    (
        _xllamacpp_embeddings,
        "*.attention.layer_norm_rms_epsilon is -1.0",
        r"llama\.attention\.layer_norm_rms_epsilon is -1\.0",
    ),
    (_xllamacpp_draft, "a token twice", r"twice, with the ids \d+ and \d+"),
    (_llamacpp, "*.block_count is 65536", r"llama\.block_count is 65536"),
    (
        _llamacpp,
        "*.attention.layer_norm_rms_epsilon is -1.0",
        r"llama\.attention\.layer_norm_rms_epsilon is -1\.0",
    ),
    (_xllamacpp, "a token with a NUL character", "a token with a NUL character"),
    (_llamacpp, "groups without experts", r"llama\.expert_group_count is 512 for 0 experts"),
    (
        _llamacpp,
        "more layers that predict than layers",
        r"llama\.nextn_predict_layers is 129 of 6 layers",
    ),
    (_gpt4all, "a list of lists", r"general\.tags is a list of lists|cut off or damaged"),
    (_gpt4all, "no tokenizer", r"tokenizer\.ggml\.model is 'no_vocab'"),
]


@pytest.mark.parametrize(("make", "name", "message"), ABORTS)
def test_file_at_which_an_engine_aborts_is_refused(
    make: Callable[[Path], object], name: str, message: str, tmp_path: Path
) -> None:
    path = _changed(tmp_path / "model.gguf", mutations("llama")[name])
    with pytest.raises(ModelFileError, match=message):
        make(path)


def _companion(name: str, path: Path) -> Path:
    if name == "imatrix":
        path.write_bytes(
            Header({b"general.type": (8, "imatrix"), b"imatrix.chunk_count": (4, 1)}, []).write()
        )
        return path
    return lora_adapter(Path(tiny_chat_model()), path) if name == "adapter" else projector(path)


@pytest.mark.parametrize("name", ["adapter", "mmproj", "imatrix"])
def test_companion_file_given_as_the_model_is_refused_by_every_class(
    name: str, tmp_path: Path
) -> None:
    path = _companion(name, tmp_path / f"{name}.gguf")
    hint = {"adapter": "`lora_path`", "mmproj": "`mmproj_path`", "imatrix": "`--imatrix`"}[name]
    for make in (
        _llamacpp,
        _xllamacpp,
        _embeddings,
        _xllamacpp_embeddings,
        _gpt4all,
        _gpt4all_embeddings,
    ):
        with pytest.raises(ModelFileError, match=f"not a language model: .*{hint}"):
            make(path)


def _with_adapter(path: Path, backend: Backend) -> object:
    return LlamaCpp(model_path=tiny_chat_model(), lora_path=path, n_ctx=64, backend=backend)


def _with_projector(path: Path, backend: Backend) -> object:
    return ChatLlamaCpp(model_path=tiny_chat_model(), mmproj_path=path, n_ctx=64, backend=backend)


@pytest.mark.parametrize("backend", get_args(Backend))
def test_damaged_companion_is_refused_before_llama_cpp_reads_it(
    backend: Backend, tmp_path: Path
) -> None:
    adapter, mmproj = (
        Header.read(_companion("adapter", tmp_path / "a")),
        Header.read(_companion("mmproj", tmp_path / "m")),
    )
    adapter.set("adapter.lora.alpha", 4, 1)
    mmproj.set("clip.projector_type", 4, 7)
    for make, header in ((_with_adapter, adapter), (_with_projector, mmproj)):
        (tmp_path / "damaged.gguf").write_bytes(header.write())
        with pytest.raises(ModelFileError, match="is damaged"):
            make(tmp_path / "damaged.gguf", backend)
        with pytest.raises(ModelFileError, match="is a language model, not a"):
            make(Path(tiny_chat_model()), backend)


def _rename(name: str) -> Change:
    return lambda header: header.tensor(name, rename=f"{name}.other")


def _turn(name: str) -> Change:
    def change(header: Header) -> None:
        header.tensor(
            name,
            shape=next(shape for tensor, shape, *_ in header.tensors if tensor == name.encode())[
                ::-1
            ],
        )

    return change


def _stack(header: Header) -> None:
    """Give each matrix a second layer."""
    header.tensors = [
        (name, [*shape, 2], kind, data * 2) for name, shape, kind, data in header.tensors
    ]


FIRST_USE_ENDS_THE_PROCESS: dict[str, tuple[str, Change]] = {
    "no patch embedding": ("mmproj", _rename("v.patch_embd.weight")),
    "no attention matrix": ("mmproj", _rename("v.blk.0.attn_q.weight")),
    "no projection": ("mmproj", _rename("mm.2.weight")),
    "a matrix on its side": ("mmproj", _turn("v.blk.0.ffn_up.weight")),
    "adapters in three dimensions": ("adapter", _stack),
}


@pytest.mark.parametrize("backend", get_args(Backend))
@pytest.mark.parametrize("name", FIRST_USE_ENDS_THE_PROCESS)
def test_companion_whose_first_use_ends_the_process_is_refused(
    name: str, backend: Backend, tmp_path: Path
) -> None:
    kind, change = FIRST_USE_ENDS_THE_PROCESS[name]
    header = Header.read(_companion(kind, tmp_path / "whole.gguf"))
    change(header)
    path = tmp_path / "changed.gguf"
    path.write_bytes(header.write())
    with pytest.raises(
        ModelFileError, match=r"changed\.gguf cannot be used with tiny-chat\.gguf: .*SIG(SEGV|ABRT)"
    ):
        (_with_projector if kind == "mmproj" else _with_adapter)(path, backend)


@pytest.mark.parametrize("backend", get_args(Backend))
def test_adapter_whose_first_use_ends_the_process_is_refused_for_embeddings(
    backend: Backend, tmp_path: Path
) -> None:
    header = Header.read(lora_adapter(Path(tiny_embedding_model()), tmp_path / "whole.gguf"))
    path = tmp_path / "changed.gguf"
    path.write_bytes(header.write())
    LlamaCppEmbeddings(
        model_path=tiny_embedding_model(), lora_path=path, backend=backend
    ).embed_query("Hello")
    _stack(header)
    path.write_bytes(header.write())
    with pytest.raises(ModelFileError, match=r"changed\.gguf cannot be used with .*SIG(SEGV|ABRT)"):
        LlamaCppEmbeddings(model_path=tiny_embedding_model(), lora_path=path, backend=backend)


@pytest.mark.parametrize("backend", get_args(Backend))
def test_companion_is_tried_once(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _companion("mmproj", tmp_path / "mmproj.gguf")
    _with_projector(path, backend)
    monkeypatch.setattr(
        "langchain_localllm.gguf.trial_load.subprocess.run",
        lambda *_, **__: pytest.fail("it was tried again"),
    )
    _with_projector(path, backend)


@pytest.mark.parametrize("make", [_llamacpp, _xllamacpp, _gpt4all])
def test_ordinary_file_starts_no_other_process(
    make: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "langchain_localllm.gguf.trial_load.subprocess.run",
        lambda *_, **__: pytest.fail("a process was started"),
    )
    make(Path(tiny_chat_model()))


def test_unusual_file_that_loads_is_tried_once(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _changed(tmp_path / "model.gguf", mutations("llama")["*.context_length is 4294967295"])
    assert unusual_values(path, check_gguf(path))
    with LlamaCpp(model_path=path, n_ctx=64, max_tokens=1) as llm:
        llm.invoke("Hello")
    assert len(list(own_cache.iterdir())) == 1
    monkeypatch.setattr(
        trial_load, "unusual_values", lambda *_: pytest.fail("it was checked again")
    )
    with LlamaCpp(model_path=path, n_ctx=64, max_tokens=1) as llm:
        llm.invoke("Hello")


def test_override_that_aborts_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"llama\.attention\.layer_norm_rms_epsilon is -1\.0"):
        LlamaCpp(
            model_path=tiny_chat_model(),
            n_ctx=64,
            kv_overrides={"llama.attention.layer_norm_rms_epsilon": -1.0},
        )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals of this kind")
def test_file_that_never_loads_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _changed(tmp_path / "model.gguf", mutations("llama")["few scores"])
    monkeypatch.setattr(trial_load, "_SECONDS", 0.01)
    monkeypatch.setattr(trial_load, "_BYTES_PER_SECOND", 1e12)
    with pytest.raises(ModelFileError, match="did not finish loading it within"):
        LlamaCpp(model_path=path, n_ctx=64)


def _changed(path: Path, change: Change) -> Path:
    header = Header.read(Path(tiny_chat_model()))
    change(header)
    path.write_bytes(header.write())
    return path


@pytest.mark.parametrize("backend", get_args(Backend))
@pytest.mark.parametrize("make", [LlamaCpp, ChatLlamaCpp])
def test_model_whose_output_is_not_a_number_raises(
    make: type[LlamaCpp | ChatLlamaCpp], backend: Backend, tmp_path: Path
) -> None:
    header = Header.read(Path(tiny_chat_model()))
    header.tensors = [
        (name, shape, kind, b"\xff" * len(data) if name == b"output_norm.weight" else data)
        for name, shape, kind, data in header.tensors
    ]
    path = tmp_path / "model.gguf"
    path.write_bytes(header.write())
    assert not unusual_values(path, check_gguf(path))
    with (
        pytest.raises(ModelFileError, match=r"The output of model\.gguf is not a number"),
        make(model_path=path, n_ctx=64, backend=backend) as model,
    ):
        model.invoke("Hello")
