"""Links that lead out of the folders of an index."""

import os
from pathlib import Path

from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.documents import Documents
from tests.unit_tests.web.conftest import embeddings

NAMES = [
    "*.md",
    "[ab].md",
    "!x.md",
    "#x.md",
    "back\\",
    "space ",
    "\\ ",
    "line\n",
    "return\r",
    "tab\t",
    "nbsp\u00a0",
    os.fsdecode(b"gr\xfc.md"),
]


def test_outside_links_that_lead_out_of_the_folders_are_not_indexed_by_any_path_or_name(
    tmp_path: Path,
) -> None:
    documents, outside = tmp_path / "documents", tmp_path / "outside"
    deep = documents / "x" / "b"
    for folder in (deep, outside):
        folder.mkdir(parents=True)
    (outside / "secret.md").write_text("The password is swordfish.", encoding="utf-8")
    for path in (documents / "a.md", deep / "boats.md"):
        path.write_text("The boat is blue.", encoding="utf-8")
    links = [*(documents / name for name in NAMES), deep / "link.md", deep / "folder"]
    for link in links:
        link.symlink_to(outside if link.name == "folder" else outside / "secret.md")
    (documents / "1").symlink_to(documents / "2")  # leads to the links by other paths
    (documents / "2").symlink_to(deep)
    (deep / "3").symlink_to(documents / "x")
    with LocalRAG(None, embeddings(), documents / ".localllm", vectors="sqlite") as rag:
        index = Documents(rag, [documents])
        assert len(index.index().problems) == len(links)
        assert [entry.source for entry in index.entries()] == ["a.md", "x/b/boats.md"]
