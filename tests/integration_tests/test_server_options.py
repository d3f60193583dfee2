"""The options of `LocalServer`: on the real server of the xllamacpp package, and as the command
lines of other programs."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_type_hints

import psutil
import pytest
import requests

from langchain_localllm import ChatLlamafile, LlamafileEmbeddings, LlamafileReranker, LocalServer
from langchain_localllm.errors import InvalidOptionError, MissingDependencyError, ModelFileError
from langchain_localllm.gguf.threads import physical_cores
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamafile.launchers import SERVE, find_launcher
from langchain_localllm.runtimes.llamafile.server_option_types import ServerFlags
from langchain_localllm.runtimes.llamafile.server_options import ALIASES, OPTIONS, read_options
from tests.integration_tests.cli.command import check_fault, in_process
from tools.engines.images import projector
from tools.engines.models import lora_adapter, reranker

AnyServer: Final[Any] = LocalServer
"""The class, for arguments that it refuses."""
TEMPLATE: Final = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}{{ extra }}{% endfor %}"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a LoRA adapter, a projector, a reranker and a template."""
    folder = tmp_path_factory.mktemp("files")
    lora_adapter(tiny_chat_model(), folder / "a.gguf")
    projector(folder / "mmproj.gguf")
    reranker(tiny_embedding_model(), folder / "rank.gguf")
    (folder / "template.jinja").write_text(TEMPLATE)
    (folder / "models.ini").write_text("")
    return folder


def get(server: LocalServer, path: str) -> Any:
    return requests.get(server.base_url + path, timeout=60).json()


def post(server: LocalServer, path: str, **body: Any) -> Any:
    return requests.post(server.base_url + path, json=body, timeout=60).json()


# --- the real server ---


def test_server_options_are_in_effect_on_the_real_server(tmp_path: Path, files: Path) -> None:
    with LocalServer(
        tiny_chat_model(),
        ctx_size=256,
        parallel=2,
        launcher="xllamacpp",
        n_gpu_layers=0,
        cache_type_k="q8_0",
        cache_type_v="q8_0",
        cache_ram=16,
        flash_attn=True,
        load_mode="none",
        tensor_split=[1, 0],
        spec_draft_model=tiny_chat_model(),
        spec_draft_n_max=2,
        chat_template_file=files / "template.jinja",
        chat_template_kwargs={"extra": "!"},
        reasoning="off",
        reasoning_format="none",
        reasoning_budget=5,
        predict=7,
        alias="mine,other",
        metrics=True,
        props=True,
        slot_save_path=tmp_path,
        warmup=False,
    ) as server:
        props = get(server, "/props")
        assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (2, 256)
        assert (props["endpoint_metrics"], props["endpoint_props"], props["chat_template"]) == (
            True,
            True,
            TEMPLATE,
        )
        assert [slot["speculative"] for slot in get(server, "/slots")] == [True, True]
        assert get(server, "/v1/models")["data"][0]["aliases"] == ["mine", "other"]
        messages = [{"role": "user", "content": "Hello"}]
        assert post(server, "/apply-template", messages=messages)["prompt"] == "<user>Hello!"
        answer = post(server, "/completion", prompt="Hello", temperature=0, id_slot=0)
        assert answer["tokens_predicted"] == 7
        assert answer["timings"]["draft_n"] > 0
        assert post(server, "/slots/0?action=save", filename="saved.bin")["n_saved"] > 0
        assert (tmp_path / "saved.bin").stat().st_size > 0
        assert "llamacpp:" in requests.get(f"{server.base_url}/metrics", timeout=60).text


def test_server_options_of_2026_are_in_effect_on_the_real_server(tmp_path: Path) -> None:
    drafts: Any = {name: 2 for name in OPTIONS if name.startswith("spec_ngram_")}
    with LocalServer(
        tiny_chat_model(),
        n_ctx=256,
        parallel=2,
        launcher="xllamacpp",
        lazy_mode="on",
        check_tensors=True,
        repack=False,
        fit_ctx=128,
        kv_unified_per_slot=64,
        keep=3,
        mtmd_batch_max_tokens=64,
        video_fps=2,
        video_timestamp_interval=100,
        video_ffmpeg_dir=tmp_path,
        spec_draft_model=tiny_chat_model(),
        spec_draft_p_split=0.2,
        spec_draft_sampling="probabilistic",
        spec_draft_backend_sampling=False,
        spec_draft_threads=1,
        spec_draft_threads_batch=1,
        tags="small,local",
        special=True,
        backend_sampling=True,
        sse_ping_interval=5,
        **drafts,
    ) as server:
        assert get(server, "/v1/models")["data"][0]["tags"] == ["local", "small"]
        assert get(server, "/slots")[0]["n_ctx"] == 64
        prompt = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
        answer = post(server, "/completion", prompt=prompt, temperature=0, n_predict=30)
        settings = answer["generation_settings"]
        assert (settings["n_keep"], settings["backend_sampling"]) == (3, True)
        assert answer["content"].endswith("<|im_end|>")
        assert answer["timings"]["draft_n"] > 0


def test_server_options_adapters_and_a_projector_are_loaded(files: Path) -> None:
    with LocalServer(
        tiny_chat_model(),
        n_ctx=256,
        lora={str(files / "a.gguf"): 0.5},
        mmproj=files / "mmproj.gguf",
    ) as server:
        (adapter,) = get(server, "/lora-adapters")
        assert (Path(adapter["path"]), adapter["scale"]) == (files / "a.gguf", 0.5)
        assert get(server, "/props")["modalities"]["vision"] is True
    with LocalServer(
        tiny_chat_model(),
        n_ctx=256,
        lora=files / "a.gguf",
        lora_init_without_apply=True,
        slots=False,
    ) as server:
        assert [adapter["scale"] for adapter in get(server, "/lora-adapters")] == [0]
        assert get(server, "/slots")["error"]["code"] == 501


def test_server_options_reranker_is_served(files: Path) -> None:
    with LocalServer(files / "rank.gguf", rerank=True) as server:
        assert (
            len(
                LlamafileReranker(base_url=server.base_url).rerank(
                    "a lamp", ["The lamp is lit.", "A boat leaves."]
                )
            )
            == 2
        )


def test_server_options_switches_that_are_off_change_nothing() -> None:
    off: Any = {name: False for name, option in OPTIONS.items() if option.kind == "switch"}
    assert read_options(off, frozenset()) == {}
    with LocalServer(tiny_embedding_model(), embedding=True, rerank=False) as server:
        assert len(LlamafileEmbeddings(base_url=server.base_url).embed_query("red lamp")) == 256


def test_server_options_vectors_are_pooled_and_scaled_as_set() -> None:
    with LocalServer(
        tiny_embedding_model(), embeddings=True, pooling="cls", embd_normalize=-1
    ) as server:
        (raw,) = post(server, "/v1/embeddings", input=["a lamp"])["data"]
    assert sum(value * value for value in raw["embedding"]) != pytest.approx(1, abs=1e-3)


def test_server_options_threads_of_the_server_sleep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    with LocalServer(tiny_chat_model(), n_ctx=256) as server:
        sleeps = psutil.Process(server.pid).environ().get("GOMP_SPINCOUNT")
    assert bool(sleeps) == (sys.platform == "linux")
    small = tmp_path / "small.gguf"
    small.write_bytes(tiny_chat_model().read_bytes() + bytes(30_000_000))
    launcher = find_launcher(small, "xllamacpp", router=False)
    assert launcher.threads == (physical_cores() if sys.platform == "linux" else 1)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert launcher.threads == 1


# --- other programs ---


def program(path: Path, known: str) -> Path:
    """A program whose help lists these flags. It notes its arguments, and serves the tiny model
    with those that matter."""
    path.write_text(
        f"""#!{sys.executable}
import json, os, pathlib, sys
given = sys.argv[1:]
if "--help" in given:
    print({known!r})
    sys.exit()
pathlib.Path({str(path)!r} + ".json").write_text(json.dumps(given))
if "--nobrowser" in given and "--nobrowser" not in {known!r}:
    sys.exit("error: invalid argument: --nobrowser")
port = given[given.index("--port") + 1]
command = [sys.executable, "-P", {str(SERVE)!r}, "--model", {str(tiny_chat_model())!r}]
os.execv(sys.executable, [*command, "--port", port])
"""
    )
    path.chmod(0o755)
    return path


def noted(path: Path) -> list[str]:
    """What the program was started with."""
    given: list[str] = json.loads(path.with_name(f"{path.name}.json").read_text())
    return given


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Installs a `llama-server` whose help lists these flags."""

    def install(known: str) -> Path:
        monkeypatch.setenv("PATH", str(tmp_path))
        return program(tmp_path / "llama-server", known)

    return install


FLAGS: Final = " ".join(
    flag
    for option in OPTIONS.values()
    for flag in ("--ctx-size", option.switch, f"--no-{option.switch[2:]}", "--lora-scaled")
)
EVERY: Final[dict[str, tuple[Any, list[str]]]] = {
    "n_gpu_layers": (-1, ["--n-gpu-layers", "999"]),
    "split_mode": ("row", ["--split-mode", "row"]),
    "tensor_split": ([3, 1], ["--tensor-split", "3.0,1.0"]),
    "device": ("CUDA0", ["--device", "CUDA0"]),
    "cpu_moe": (True, ["--cpu-moe"]),
    "flash_attn": (False, ["--flash-attn", "off"]),
    "kv_offload": (False, ["--no-kv-offload"]),
    "cache_type_k": ("q8_0", ["--cache-type-k", "q8_0"]),
    "cache_ram": (-1, ["--cache-ram", "-1"]),
    "context_shift": (True, ["--context-shift"]),
    "metrics": (False, []),
    "spec_type": (["ngram-mod", "draft-simple"], ["--spec-type", "ngram-mod,draft-simple"]),
    "spec_draft_model": (tiny_chat_model(), ["--model-draft", str(tiny_chat_model())]),
    "spec_draft_ngl": ("all", ["--gpu-layers-draft", "all"]),
    "chat_template": (TEMPLATE, ["--chat-template", TEMPLATE]),
    "chat_template_kwargs": ({"extra": True}, ["--chat-template-kwargs", '{"extra": true}']),
    "reasoning_budget": (0, ["--reasoning-budget", "0"]),
    "reasoning_effort": ("high", ["--reasoning-effort", "high"]),
    "reasoning_preserve": (False, ["--no-reasoning-preserve"]),
    "repack": (False, ["--no-repack"]),
    "moe_cache_mib": (64, ["--moe-cache-mib", "64"]),
    "spec_ngram_map_k4v_size_n": (8, ["--spec-ngram-map-k4v-size-n", "8"]),
    "spec_draft_cpu_moe": (True, ["--spec-draft-cpu-moe"]),
    "rerank": (True, ["--rerank"]),
    "timeout": (9, ["--timeout", "9"]),
}


def test_server_options_every_option_reaches_llama_server(
    installed: Callable[[str], Path], files: Path
) -> None:
    adapter = str(files / "a.gguf")
    every = EVERY | {
        "lora": ([adapter, (adapter, 0.5)], ["--lora", adapter, "--lora-scaled", f"{adapter}:0.5"]),
        "mmproj": (files / "mmproj.gguf", ["--mmproj", str(files / "mmproj.gguf")]),
        "media_path": (files, ["--media-path", str(files)]),
    }
    binary = installed(FLAGS)
    with LocalServer(
        tiny_chat_model(),
        n_ctx=512,
        n_parallel=2,
        **{name: value for name, (value, _) in every.items()},
    ):
        pass
    given = noted(binary)
    assert given[:7] == [
        "--model",
        str(tiny_chat_model()),
        "--jinja",
        "--ctx-size",
        "1024",
        "--parallel",
        "2",
    ]
    expected = [argument for _, arguments in every.values() for argument in arguments]
    start = given.index("--n-gpu-layers")
    assert given[start : start + len(expected)] == expected
    assert given[start + len(expected) :][:2] == ["--pooling", "rank"]


def test_server_options_several_models_are_served_by_llama_server(
    installed: Callable[[str], Path], files: Path
) -> None:
    binary = installed(FLAGS)
    with LocalServer(models_dir=files, models_max=2, models_autoload=False) as server:
        assert server.is_alive
    given = noted(binary)
    assert "--model" not in given
    assert given[given.index("--models-dir") :][:5] == [
        "--models-dir",
        str(files),
        "--models-max",
        "2",
        "--no-models-autoload",
    ]
    with pytest.raises(InvalidOptionError, match="not both"):
        LocalServer(tiny_chat_model(), models_preset=files / "models.ini")


def test_server_options_a_build_of_llama_server_is_named_by_its_path(
    installed: Callable[[str], Path], tmp_path: Path
) -> None:
    on_the_path = installed(FLAGS)
    (tmp_path / "vulkan").mkdir()
    other = program(tmp_path / "vulkan" / "llama-server", FLAGS)
    with LocalServer(tiny_chat_model(), launcher=other, n_gpu_layers=1) as server:
        assert server.is_alive
    assert "--n-gpu-layers" in noted(other)
    assert not list(on_the_path.parent.glob("*.json"))


def test_server_options_that_an_older_program_lacks_is_refused_before_the_start(
    installed: Callable[[str], Path], tmp_path: Path
) -> None:
    binary = installed("--ctx-size --n-gpu-layers --jinja")
    with pytest.raises(
        InvalidOptionError,
        match=(
            r"`reasoning_budget`: .*llama-server .* know --reasoning-budget.*launcher='xllamacpp'"
        ),
    ):
        LocalServer(tiny_chat_model(), reasoning_budget=5, n_gpu_layers=1)
    with pytest.raises(InvalidOptionError, match=r"`device`: .* know --device. Update it\.$"):
        LocalServer(tiny_chat_model(), device="CUDA0")
    old = program(tmp_path / "old.llamafile", "--ctx-size --nobrowser")
    with pytest.raises(
        InvalidOptionError,
        match=r"`cache_ram`: .*old\.llamafile .* know --cache-ram.*Or serve a GGUF file",
    ):
        LocalServer(old, cache_ram=0)
    assert not list(tmp_path.glob("*.json")), "nothing was started"
    new = program(tmp_path / "new.llamafile", "--ctx-size --cache-ram")
    with LocalServer(new, cache_ram=0):
        pass
    assert "--cache-ram" in noted(new)
    assert binary.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"device": "CUDA0"},
            r"xllamacpp package has no `device`.*installed llama-server.*--device",
        ),
        ({"n_cpu_moe": 1}, "has no `n_cpu_moe`"),
        ({"models_dir": Path(), "path": None}, "need an installed llama-server"),
        ({"launcher": "llama-server"}, "no llama-server on the PATH"),
        ({"launcher": "vllm"}, "launcher='vllm' is not a program that can be run"),
        ({"launcher": "no/llama-server"}, "launcher='no/llama-server' is not a program"),
        ({"gpu_layer": 1}, r"no option `gpu_layer`. Did you mean `gpu_layers`\?"),
        ({"zzz": 1}, "`extra_args`"),
        ({"n_ctx": 9, "ctx_size": 9}, "`n_ctx` was given twice"),
        ({"type_k": "f16", "cache_type_k": "f16"}, "`cache_type_k` was given twice"),
        ({"cache_type_k": "q2_k"}, "`cache_type_k` must be one of f32, f16, .*not 'q2_k'"),
        ({"n_gpu_layers": "most"}, "`n_gpu_layers` must be a whole number, not 'most'"),
        ({"n_gpu_layers": -2}, "`n_gpu_layers` must be at least -1, not -2"),
        ({"cache_ram": True}, "`cache_ram` must be a whole number, not True"),
        ({"reasoning": "maybe"}, "`reasoning` must be one of on, off, auto"),
        ({"metrics": "yes"}, "`metrics` must be True or False"),
        ({"tensor_split": "a,b"}, "`tensor_split` must be a list of numbers"),
        ({"spec_type": "ngram"}, "`spec_type` must be one of none, draft-simple"),
        ({"chat_template_kwargs": "[1]"}, "`chat_template_kwargs` must be a dict"),
        ({"chat_template": ""}, "`chat_template` must be a text"),
        ({"chat_template": "a", "chat_template_file": __file__}, "cannot be used together"),
        ({"rerank": True, "pooling": "mean"}, "pools by `rank`"),
        ({"path": None}, "Give the path of a model file"),
    ],
)
def test_server_options_that_cannot_be_used_is_refused(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises((InvalidOptionError, MissingDependencyError), match=message):
        AnyServer(**{"path": tiny_chat_model(), **options})


@pytest.mark.parametrize(
    "name", ["lora", "mmproj", "spec_draft_model", "slot_save_path", "chat_template_file"]
)
def test_server_options_file_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(ModelFileError, match=f"`{name}`: there is no f.* /nowhere"):
        AnyServer(tiny_chat_model(), **{name: "/nowhere"})


def test_table_of_options_is_complete() -> None:
    assert set(get_type_hints(ServerFlags)) == set(OPTIONS) | {"ctx_size", "parallel", "embeddings"}
    assert set(ALIASES.values()) <= set(OPTIONS)
    assert not set(ALIASES) & set(OPTIONS)
    page = (Path(__file__).parents[2] / "docs" / "llamafile.md").read_text("utf-8")
    for option in OPTIONS.values():
        about = option.about + (f" One of {', '.join(option.words)}." if option.words else "")
        assert (
            f"| `{option.name}` | `{option.switch}` | {about} | {'yes' if option.param else 'no'} "
            "|\n"
        ) in page


# --- the command ---


def test_server_options_command_passes_every_option_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def server(path: Path, **options: Any) -> None:
        calls.append({"path": path, **options})
        raise InvalidOptionError("Enough was seen.")

    monkeypatch.setattr("langchain_localllm.LocalServer", server)
    words = (
        "--ctx-size 512 -t 2 --gpu-layers -1 --no-kv-offload --metrics --lora a.gguf,b.gguf "
        "--lora-scaled c.gguf:0.5"
    )
    more = (
        "--cache-type-k q8_0 --model-draft d.gguf --reasoning-budget 9 --launcher xllamacpp "
        "--cache-ram 8"
    )
    check_fault(
        in_process("serve", tiny_chat_model(), *words.split(), *more.split()), 2, "Enough was seen."
    )
    expected = {
        "n_ctx": 512,
        "threads": 2,
        "n_gpu_layers": "-1",
        "kv_offload": False,
        "metrics": True,
        "cache_type_k": "q8_0",
    }
    expected |= {
        "lora": ["a.gguf", "b.gguf", ("c.gguf", 0.5)],
        "spec_draft_model": Path("d.gguf"),
        "reasoning_budget": 9,
    }
    own = {
        "path": tiny_chat_model(),
        "n_parallel": 1,
        "embedding": False,
        "port": 8080,
        "api_key": None,
    }
    assert calls == [expected | own | {"launcher": "xllamacpp", "cache_ram": 8}]
    check_fault(
        in_process("serve", "--models-dir", ".", "--models-max", "1"), 2, "Enough was seen."
    )
    assert (calls[-1]["path"], calls[-1]["models_dir"]) == (None, Path())
    check_fault(in_process("serve", tiny_chat_model(), "--lora-scaled", "c.gguf"), 2, "FILE:SCALE")


def test_server_options_chat_on_a_server_with_options_answers() -> None:
    with AnyServer(
        tiny_chat_model(), n_ctx=256, kv_unified=True, cache_reuse=16, n_predict=64
    ) as server:
        assert (
            ChatLlamafile(base_url=server.base_url, temperature=0).invoke("Repeat: red lamp").text
            == "red lamp"
        )
