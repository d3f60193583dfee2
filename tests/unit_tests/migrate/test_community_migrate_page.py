"""The pull request for langchain-community-migrate has an entry for each class that it lists as
orphaned, and each is true."""

import importlib
import json
import re
import warnings
from pathlib import Path

from langchain_localllm.migrate.moved_names import new_module, our_modules

PAGE = (Path(__file__).parents[3] / "docs/community-migrate.md").read_text(encoding="utf-8")
ENTRIES = json.loads(re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
KEPT = {"llms:Ollama", "chat_models:ChatOllama", "embeddings:OllamaEmbeddings"}
"""Names that it maps to langchain-ollama."""


def test_entries_lead_to_names_that_exist() -> None:
    for key, entry in ENTRIES.items():
        category, _, name = key.partition(":")
        assert entry["name"] == name
        assert hasattr(importlib.import_module(entry["module"]), name)
        assert new_module(f"langchain_community.{category}", name) or "Error" in name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert hasattr(importlib.import_module(entry["community_module"]), name)


def test_every_class_of_langchain_community_that_is_ours_has_an_entry() -> None:
    old = set()
    for folder in ("llms", "chat_models", "embeddings"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            community = importlib.import_module(f"langchain_community.{folder}")
            old |= {
                f"{folder}:{name}"
                for name in our_modules()[f"langchain_localllm.{folder}"]
                if hasattr(community, name)
            }
    assert old - KEPT == ENTRIES.keys() - {"llms:OllamaEndpointNotFoundError"}
