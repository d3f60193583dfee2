"""The Python blocks of the docs' page run on the real Ollama, with the tiny models in place of those that it names."""

import pytest

from tests.integration_tests.test_docs import ROOT, find_blocks, run_block

from .conftest import CHAT, EMBED


@pytest.mark.parametrize("block", find_blocks(ROOT / "docs" / "ollama.md"))
def test_a_block_runs(block: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", url)
    run_block(block.replace("llama3.2", CHAT).replace("nomic-embed-text", EMBED))
