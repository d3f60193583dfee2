"""Fuzz documents: each that was changed is read, or an error names it and says why.

Within ten seconds.
"""

import random
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.load import load_documents
from langchain_localllm.rag.ingest.split import split_documents
from tools.fuzz.document_mutations import mutate_document
from tools.fuzz.document_samples import samples
from tools.fuzz.isolated import Outcome, run_isolated

_SECONDS: Final = 60.0
SLOW: Final = 10.0
"""Seconds that the largest document may take; they have up to 400 kB of text."""
_GOOD: Final = "The good file is read."
_ALLOWED: Final = "\n\t"
_MOST_ODD: Final = 0.3
_LEAST: Final = 20
"""Characters of which a text has a share of odd ones."""


@dataclass(frozen=True)
class DocumentCase:
    """A document that was changed.

    Attributes:
        file_name: Its name.
        changes: What was changed, in words.
        data: The file.
    """

    file_name: str
    changes: list[str]
    data: bytes

    @property
    def name(self) -> str:
        """The case in one line."""
        return f"{self.file_name}: {'; '.join(self.changes)}"

    def run(self) -> Outcome:
        """Read the file in a process of its own, between other files."""
        return run_isolated(partial(_read, self), _SECONDS)

    def save(self, folder: Path, name: str) -> Path:
        """Write the file."""
        path = folder / f"{name}-{self.file_name}"
        path.write_bytes(self.data)
        return path


def saved_document_case(path: Path) -> DocumentCase:
    """Return the case of a saved file."""
    return DocumentCase(path.name, ["saved"], path.read_bytes())


def document_cases(rng: random.Random) -> Iterator[DocumentCase]:
    """Yield cases without end, which depend on the random numbers only."""
    while True:
        name = rng.choice([*samples()])
        data, changes = mutate_document(samples()[name], rng)
        if rng.random() < 0.05:  # noqa: PLR2004 - a share
            name = f"a{Path(rng.choice([*samples()])).suffix}"
        yield DocumentCase(name, changes, data)


def _read(case: DocumentCase) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notes" / case.file_name
        path.parent.mkdir()
        path.write_bytes(case.data)
        for name in ("0.txt", "z.txt"):
            (path.parent / name).write_text(_GOOD)
        problems: list[DocumentError] = []
        started = time.monotonic()
        documents = load_documents([path.parent], problems.append)
        passages = split_documents(documents)
        seconds = time.monotonic() - started
        _check([each for each in passages if each.metadata["source"] == str(path)], seconds)
        good = [each for each in passages if each.page_content == _GOOD]
        if len(good) < 2 or any(str(path) not in str(each) for each in problems):  # noqa: PLR2004 - the two files
            raise AssertionError(f"{problems}")
        if "Traceback" in str(problems) or len(str(problems)) > 1000:  # noqa: PLR2004 - a paragraph
            raise AssertionError(f"a message of {len(str(problems))} characters: {problems}"[:1000])
        reason = str(problems[0]).replace(str(path), "FILE") if problems else ""
        return f"refused: {reason}" if reason else "read"


def _check(passages: list[Document], seconds: float) -> None:
    """Raise for a text that cannot be read, and for a file that took long."""
    if seconds > SLOW:
        raise AssertionError(f"it took {seconds:.0f} seconds")
    text = "".join(each.page_content for each in passages)
    if "root:x:0" in text:
        raise AssertionError("it holds a file of this machine")
    if "\ufeff" in text or any(
        unicodedata.category(letter) in {"Cs", "Cc"} and letter not in _ALLOWED
        for letter in set(text)
    ):
        raise AssertionError(
            f"control characters: {sorted({each for each in text if not each.isprintable()})}"[:200]
        )
    odd = sum(letter == "\ufffd" or unicodedata.category(letter) in {"Cn", "Co"} for letter in text)
    if len(text) > _LEAST and odd > _MOST_ODD * len(text):
        raise AssertionError(f"{odd} of {len(text)} characters are not text: {text[:200]!r}")
