"""Fuzz with `python -m tools.fuzz --seconds 60 --seed 1`, and save harmful files.

Files are changed at random and used.

| files | what must hold |
|---|---|
| models | the file loads and answers, or our error says why not; the process does not end |
| documents | the file is read, or an error names it and says why; within ten seconds |

Each file is used in a process of its own. One that crashes it, hangs, or raises another error is
saved in the folder `--out`, and `python -m tools.fuzz --replay FILE` uses it again.
"""

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Final, Protocol

from tools.fuzz.documents import document_cases, saved_document_case
from tools.fuzz.isolated import Outcome
from tools.fuzz.models import model_cases, saved_model_case

_KINDS: Final = ["models", "documents"]
_REASON: Final = re.compile(r"ASSERT|^\S+\.c(?:pp)?:\d+: |terminate called|what\(\)|Error\b")
_OUT: Final = Path(".localllm") / "fuzz"


class Case(Protocol):
    """A file that was changed, and how it is used."""

    @property
    def name(self) -> str:
        """The case in one line."""

    def run(self) -> Outcome:
        """Use the file in a process of its own."""

    def save(self, folder: Path, name: str) -> Path:
        """Write the file."""


def main() -> int:
    """Run it, and return the exit code: 1 if a file did harm."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="stop after so long (60)")
    parser.add_argument(
        "--count", type=int, default=None, help="stop after so many files (no limit)"
    )
    parser.add_argument("--seed", type=int, default=None, help="which files are made (by chance)")
    parser.add_argument("--only", choices=_KINDS, help="change only these files")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        help="a model file to change instead of the tiny ones; can be given several times",
    )
    parser.add_argument(
        "--out", type=Path, default=_OUT, help=f"folder for the files that do harm ({_OUT})"
    )
    parser.add_argument(
        "--replay", type=Path, help="use a saved file again, and print what comes of it"
    )
    parser.add_argument("--verbose", action="store_true", help="print each case")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GGML_NO_BACKTRACE"] = "1"  # it starts a debugger
        os.environ["TMPDIR"] = folder  # what crashed processes leave
        tempfile.tempdir = folder
        return _replay(given.replay) if given.replay else _fuzz(given)


def _replay(path: Path) -> int:
    case: Case = saved_model_case(path) if path.suffix == ".gguf" else saved_document_case(path)
    print(case.name)
    outcome = case.run()
    print(outcome.output)
    print(outcome.fault or outcome.result)
    return bool(outcome.fault)


def _fuzz(given: argparse.Namespace) -> int:
    seed = random.randrange(1 << 32) if given.seed is None else given.seed
    kinds = [given.only] if given.only else _KINDS
    print(f"--seed {seed}", flush=True)
    end = time.monotonic() + given.seconds
    results: Counter[str] = Counter()
    harmful = 0
    for number, case in enumerate(islice(_cases(kinds, seed, given.model), given.count)):
        if time.monotonic() > end:
            break
        started = time.monotonic()
        outcome = case.run()
        results[outcome.fault or outcome.result.partition(":")[0]] += 1
        if given.verbose:
            print(
                (
                    f"{number} {time.monotonic() - started:.1f} s {case.name}\n  "
                    f"{outcome.fault or outcome.result[:150]}"
                ),
                flush=True,
            )
        if outcome.fault:
            harmful += 1
            given.out.mkdir(parents=True, exist_ok=True)
            path = case.save(given.out, f"{seed}-{number}")
            words = "\n    ".join(_last_words(outcome.output))
            print(f"{outcome.fault}: {case.name}\n    {words}\n    saved as {path}", flush=True)
    print(f"{results.total()} files, {harmful} of them harmful")
    for result, count in results.most_common():
        print(f"{count:7} {result}")
    return bool(harmful)


def _last_words(output: str) -> list[str]:
    """Return the lines that say why a process ended, else the last ones."""
    lines = output.strip().splitlines()
    return [line for line in lines if _REASON.search(line)][-3:] or lines[-8:]


def _cases(kinds: list[str], seed: int, models: list[Path]) -> Iterator[Case]:
    """Yield cases of each kind in turn."""
    for kind in cycle([_iterate(kind, random.Random(f"{seed} {kind}"), models) for kind in kinds]):
        yield next(kind)


def _iterate(kind: str, rng: random.Random, models: list[Path]) -> Iterator[Case]:
    return model_cases(rng, models) if kind == "models" else document_cases(rng)


if __name__ == "__main__":
    sys.exit(main())
