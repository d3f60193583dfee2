"""`base/trace_names.py`: the name of a model in traces and results is never a path."""

import pytest
from langchain_core.language_models import LangSmithParams

from langchain_localllm.base.results import describe
from langchain_localllm.base.token_stream import CompletionInfo
from langchain_localllm.base.trace_names import label_trace, short_name


@pytest.mark.parametrize(
    ("model", "short"),
    [
        ("/home/me/models/a.gguf", "a.gguf"),
        (r"C:\Users\me\a.gguf", "a.gguf"),
        ("models/a.gguf", "a.gguf"),
        ("~/a-model", "a-model"),
        ("./a", "a"),
        ("/opt/mixtral.llamafile", "mixtral.llamafile"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_K_M", "hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_K_M"),
        ("llama3.2:1b", "llama3.2:1b"),
    ],
)
def test_short_name_has_no_folders_of_a_path(model: str, short: str) -> None:
    assert short_name(model) == short
    assert describe(CompletionInfo("stop", model=model))["model_name"] == short


@pytest.mark.parametrize(
    ("label", "asked_for", "named"),
    [
        ("tiny", None, "tiny"),
        ("tiny", "/models/other.gguf", "other.gguf"),
        (None, None, "class"),
        ("tiny", 7, "tiny"),
    ],
)
def test_label_trace_names_the_model_of_the_call(
    label: str | None, asked_for: object, named: str
) -> None:
    assert label_trace(LangSmithParams(ls_model_name="class"), label, asked_for) == {
        "ls_model_name": named
    }
