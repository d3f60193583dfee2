"""langchain-mcp-adapters for the tests, in a folder of its own: `python -m tools.engines.mcp_adapters` installs it.

It wants mcp 1, and the server of this package is written for mcp 2. What both of them need otherwise is installed for the tests.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / ".engines" / "mcp_adapters"
_PACKAGES: Final = ("langchain-mcp-adapters==0.3.2", "mcp==1.30.0")


def install() -> None:
    """Install the packages."""
    options = ["--quiet", "--no-deps", "--upgrade", "--disable-pip-version-check", "--target", str(FOLDER)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *_PACKAGES], check=True)
    (FOLDER / "done").touch()


if __name__ == "__main__":
    install()
