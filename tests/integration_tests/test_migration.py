"""The old guides' code in docs/migration.md runs on the real engines."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model
from tests.engines import ollama
from tests.engines.models import never_ending

PAGE = Path(__file__).parents[2] / "docs/migration.md"
BLOCK = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says something to any prompt."""
    return never_ending(tiny_chat_model(), tmp_path_factory.mktemp("model") / "talkative.gguf")


@pytest.fixture(scope="module")
def ollama_host(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Ollama that has the model as `llama2`."""
    with ollama.serve(tmp_path_factory.mktemp("ollama")) as url:
        ollama.create(url, "llama2", model, template="{{ .Prompt }}", parameters={"num_thread": 1, "num_predict": 48})
        yield url


def test_the_old_code_runs_with_only_its_imports_changed(
    ollama_host: str, chat_server: LocalServer, model: Path, tmp_path: Path
) -> None:
    for name in re.findall(r"/path/to/([\w.-]+)", BLOCK):
        (tmp_path / name).symlink_to(model)
    # What is elsewhere here: model files, the port of the llamafile, and (by OLLAMA_HOST) Ollama. All else is as in the docs.
    code = BLOCK.replace("/path/to/", f"{tmp_path}/").replace("Llamafile()", f"Llamafile(base_url={chat_server.base_url!r})")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OLLAMA_HOST": ollama_host},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip(), "the handlers print what the models say"
    assert "`f16_kv`" in ran.stderr
