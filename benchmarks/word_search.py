"""How often the keyword index finds a section by its heading, in any language.

`python -m benchmarks.word_search FOLDER...` reads the Markdown files of each folder, one language
each, such as the translations of a project's documentation. The sections are indexed without their
headings, and each heading is asked. The name of a folder is the language that its index has (`de`,
`zh`). No embedding model takes part.

`--write` puts the table into docs/rag.md.
"""

import argparse
import random
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from langchain_core.documents import Document

from benchmarks.rag import write_table
from langchain_localllm.rag.index.catalog import Catalog, FileEntry, StagedChunk
from langchain_localllm.rag.ingest.split import iterate_passages

_QUESTIONS: Final = 400
_CHUNK: Final = 400
_SHORTEST_BODY: Final = 150
_SHORTEST_HEADING: Final = 6
"""Characters of a section and of its heading that make it a question with an answer."""
_TOP: Final = 10
_CODE: Final = re.compile(r"```.*?```", re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,4} (.+)$", re.MULTILINE)
_MARKUP: Final = re.compile(r"\{[#/].*|<[^>]+>|[`*_#]|\]\([^)]*\)|\[")


def _sections(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield heading and text of each section."""
    for file in sorted(folder.rglob("*.md")):
        parts = _HEADING.split(_CODE.sub("", file.read_text(encoding="utf-8")))
        for heading, text in zip(parts[1::2], parts[2::2], strict=True):
            plain_heading, plain = _MARKUP.sub("", heading).strip(), _MARKUP.sub("", text).strip()
            if len(plain) > _SHORTEST_BODY and len(plain_heading) >= _SHORTEST_HEADING:
                yield plain_heading, plain


def _index(sections: list[tuple[str, str]], language: str) -> Catalog:
    catalog = Catalog(None)
    catalog.write_settings(language=language)
    for number, (_, text) in enumerate(sections):
        path = str(number)
        chunks = iterate_passages([Document(text, metadata={"source": path})], _CHUNK, 0)
        staged = [
            StagedChunk(f"{path}-{place}", path, place, chunk.page_content, {})
            for place, chunk in enumerate(chunks)
        ]
        catalog.stage(staged)
        catalog.finish([each.id for each in staged], [FileEntry(path, "")])
    return catalog


def _measure(folder: Path) -> tuple[str, ...]:
    """Return language, sections, passages, and how often a heading finds its section.

    They are the shares for first, and for among the first ten.
    """
    sections = list(_sections(folder))
    catalog = _index(sections, folder.name)
    asked = random.Random(1).sample(range(len(sections)), min(_QUESTIONS, len(sections)))  # noqa: S311 - an order, not a secret
    places: list[int] = []
    for number in asked:
        keys = catalog.search(sections[number][0], 5 * _TOP)
        found = list(dict.fromkeys(key.partition("-")[0] for key in keys))
        places.append(found.index(str(number)) + 1 if str(number) in found else 0)
    first = statistics.fmean(place == 1 for place in places)
    near = statistics.fmean(0 < place <= _TOP for place in places)
    passages = catalog.counts().passages
    return folder.name, f"{len(sections):,}", f"{passages:,}", f"{first:.0%}", f"{near:.0%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true", help="write the table into docs/rag.md")
    asked = parser.parse_args()
    heads = ("language", "sections", "passages", "first", f"among the first {_TOP}")
    rows = [_measure(folder) for folder in asked.folders]
    for row in (heads, *rows):
        print(" | ".join(row))
    if asked.write:
        write_table("words", heads, rows)


if __name__ == "__main__":
    main()
