"""The command `localllm`: `app.py` puts it together, and each command has a file of its own."""

import sys
from typing import Final

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells report it."""


def main() -> None:
    """Run `localllm` with the arguments of this process, and exit.

    The exit code is 0 for success, 1 for a failure at run time, 2 for a wrong argument and 130 for Ctrl-C.
    """
    try:
        from langchain_localllm.cli.app import run
    except ImportError as error:
        if error.name != "typer":
            raise
        sys.exit('localllm: The command needs more packages. Run: pip install "langchain-localllm[cli,rag,server]"')
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(run(sys.argv[1:]))
