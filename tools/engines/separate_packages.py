"""Install packages that conflict with others, each in a folder.

`python -m tools.engines.separate_packages` does so for the tests. langchain-mcp-adapters wants mcp
1, and the server of this package is written for mcp 2. langchain-tests wants a newer deepagents
where it finds one, and that needs more packages than a test is worth. What they need otherwise is
installed for the tests.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2] / ".engines" / "packages"
MCP_ADAPTERS: Final = _ROOT / "mcp_adapters"
DEEPAGENTS: Final = _ROOT / "deepagents"
_PACKAGES: Final = {
    MCP_ADAPTERS: ("langchain-mcp-adapters==0.3.2", "mcp==1.30.0"),
    DEEPAGENTS: (
        "deepagents==0.2.8",
        "anthropic==2.14.0",
        "bracex==3.2.3",
        "docstring-parser==0.18.0",
        "langchain-anthropic==1.7.7",
        "wcmatch==12.0.1",
    ),
}


def install() -> None:
    """Install the packages."""
    for folder, packages in _PACKAGES.items():
        options = [
            "--quiet",
            "--no-deps",
            "--upgrade",
            "--disable-pip-version-check",
            "--target",
            str(folder),
        ]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, *packages], check=True)
    (_ROOT / "done").touch()


if __name__ == "__main__":
    install()
