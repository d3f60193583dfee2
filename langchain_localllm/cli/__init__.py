"""The command `localllm`: `app.py` puts it together, and each command has a file in `commands`."""

import sys


def main() -> None:
    """Run `localllm` with the arguments of this process, and exit.

    The exit code is 0 for success, 1 for a failure at run time, 2 for a wrong argument, 130 for
    Ctrl-C and 141 where what reads the output closed it.
    """
    from langchain_localllm.cli.interrupt import INTERRUPTED, exit_on_interrupt

    exit_on_interrupt()
    try:
        from langchain_localllm.cli.app import run
    except ImportError as error:
        if error.name != "typer":
            raise
        sys.exit(
            "localllm: The command needs more packages. Run: pip install "
            '"langchain-localllm[cli,rag,server]"'
        )
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
