"""Files that are damaged at random, the same ones in each run: `make fuzz` tries others, for
longer."""

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 60
"""When a busy machine gives up; it takes a quarter of that."""


@pytest.mark.parametrize(("kind", "count"), [("models", 25), ("documents", 120)])
def test_fuzz_damaged_files_are_used_or_refused(kind: str, count: int, tmp_path: Path) -> None:
    limits = [
        "--seconds",
        str(SECONDS),
        "--count",
        str(count),
        "--seed",
        "20261129",
        "--out",
        str(tmp_path),
    ]
    command = [sys.executable, "-m", "tools.fuzz", "--only", kind, *limits]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " files, 0 of them harmful" in done.stdout
    assert not [*tmp_path.iterdir()]


def test_fuzz_harmful_file_is_reported_and_can_be_used_again(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from tools.fuzz import __main__, documents\n"
        "documents._read = lambda case: os.abort()\n"
        "sys.exit(__main__.main())\n"
    )

    def fuzz(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-c", code, "--only", "documents", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    status, output = fuzz("--count", "1", "--seed", "1", "--out", str(tmp_path))
    assert status == 1
    assert "crashes: SIGABRT" in output
    [saved] = tmp_path.iterdir()
    assert fuzz("--replay", str(saved))[0] == 1
