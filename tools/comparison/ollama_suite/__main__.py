"""`python -m tools.comparison.ollama_suite`; the package's docstring says how it is used."""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from tools.comparison.ollama_suite.excluded import VERSION

ROOT: Final = Path(__file__).parents[3]


def main() -> int:
    """Download the suite and run it."""
    parser = argparse.ArgumentParser(prog="tools.comparison.ollama_suite")
    parser.add_argument(
        "--unit", action="store_true", help="the unit tests only, which need no Ollama"
    )
    parser.add_argument("options", nargs="*", help="options of pytest, after --")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        suite = _downloaded(Path(folder))
        places = (
            ["suite/unit_tests"] if chosen.unit else ["suite/unit_tests", "suite/integration_tests"]
        )
        environment = {
            **{name: value for name, value in os.environ.items() if name != "OLLAMA_API_KEY"},
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).with_name("stand_in")), str(ROOT)]),
            "SUITE_NEEDS_OLLAMA": "" if chosen.unit else "1",
        }
        plugins = ["-p", "tools.comparison.ollama_suite.bridge", "-p", "no:cacheprovider"]
        command = [
            sys.executable,
            "-m",
            "pytest",
            *places,
            "-q",
            "-o",
            "asyncio_mode=auto",
            *plugins,
            *chosen.options,
        ]
        return subprocess.run(command, cwd=suite, env=environment, check=False).returncode  # noqa: S603 - our own command


def _downloaded(folder: Path) -> Path:
    """Return the folder of the unpacked source archive, without the package itself.

    The stand-in replaces it.
    """
    download = [
        "pip",
        "download",
        "--quiet",
        "--no-binary",
        ":all:",
        "--no-deps",
        f"langchain-ollama=={VERSION}",
        "-d",
        str(folder),
    ]
    subprocess.run([sys.executable, "-m", *download], check=True)  # noqa: S603 - our own command
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    suite = folder / f"langchain_ollama-{VERSION}"
    (suite / "langchain_ollama").rename(suite / "replaced")
    (suite / "tests").rename(suite / "suite")  # `tests` is this project's
    (suite / "pyproject.toml").rename(suite / "replaced.toml")
    (suite / "pytest.ini").write_text("[pytest]\n")
    return suite


if __name__ == "__main__":
    sys.exit(main())
