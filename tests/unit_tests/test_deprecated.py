"""Old names keep working, with a warning that names the new one."""

import importlib
import subprocess
import sys

import pytest

from langchain_localllm._deprecated import MODULES, NAMES
from langchain_localllm.manage.catalog import KNOWN
from langchain_localllm.manage.fit import fit
from langchain_localllm.manage.hub import HubFile, HubModel
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.rag.ingest.formats import text

PUBLIC = [
    (module, old, new)
    for module in ("prompts.library", "rag", "scale")
    for old, new in NAMES[module].items()
]


@pytest.mark.parametrize(("old", "new"), MODULES.items())
def test_deprecated_module_is_found_under_its_old_name(old: str, new: str) -> None:
    sys.modules.pop(f"langchain_localllm.{old}", None)
    with pytest.warns(DeprecationWarning, match=rf"Use `langchain_localllm\.{new}`"):
        moved = importlib.import_module(f"langchain_localllm.{old}")
    assert moved is importlib.import_module(f"langchain_localllm.{new}")
    for name in NAMES.get(new, {}):
        assert hasattr(moved, name)


def test_deprecated_modules_below_one_that_moved_are_found() -> None:
    sys.modules.pop("langchain_localllm.rag.formats.text", None)
    with pytest.warns(DeprecationWarning, match="rag.ingest.formats.text"):
        moved = importlib.import_module("langchain_localllm.rag.formats.text")
    assert moved is text


@pytest.mark.parametrize(("module", "old", "new"), PUBLIC)
def test_deprecated_public_name_is_found_under_its_old_name(
    module: str, old: str, new: str
) -> None:
    package = importlib.import_module(f"langchain_localllm.{module}")
    with pytest.warns(DeprecationWarning, match=rf"Use `langchain_localllm\.{module}\.{new}`"):
        assert getattr(package, old) is getattr(package, new)


def test_deprecated_warning_shows_the_line_of_the_caller() -> None:
    code = "from langchain_localllm.scale import machines"
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stderr.startswith("<string>:1: DeprecationWarning")


def test_deprecated_name_that_never_was_is_missing() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("langchain_localllm.models.nothing")
    with pytest.raises(AttributeError):
        _ = importlib.import_module("langchain_localllm.scale").nothing


@pytest.mark.parametrize(
    ("owner", "old", "new"),
    [
        (KNOWN[0], "licence", "license"),
        (
            HubModel("owner/repo", (HubFile("model-Q4_K_M.gguf", 1),)),
            "quantisation",
            "quantization",
        ),
        (ListedModel("model.gguf", "here", quantization="Q8_0"), "quantisation", "quantization"),
        (fit(tiny_chat_model(), n_ctx=64, measure=False), "by_quantisation", "by_quantization"),
    ],
)
def test_deprecated_attribute_is_found_under_its_old_name(
    owner: object, old: str, new: str
) -> None:
    with pytest.warns(DeprecationWarning, match=rf"\.{old}` was renamed. Use `.*\.{new}`"):
        assert getattr(owner, old) == getattr(owner, new)
