"""Options of the commands that serve documents over HTTP."""

from typing import Annotated

import typer

Host = Annotated[str, typer.Option("--host", help="The address to listen on. Other than 127.0.0.1 only together with --api-key.")]
Port = Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0 is a free one.")]
Key = Annotated[
    str,
    typer.Option(
        "--api-key",
        envvar="LOCALLLM_API_KEY",
        help="The key that clients must send. Better set as LOCALLLM_API_KEY. Default: a new one, which is printed.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the address and the key as one JSON object.")]


def require_modules(extra: str, *modules: str) -> None:
    """Check that the packages of an extra are installed.

    Raises:
        MissingDependencyError: Some are not; the message has the command that installs them.
    """
    from importlib.util import find_spec

    if missing := [module for module in modules if find_spec(module) is None]:
        from langchain_localllm.errors import MissingDependencyError
        from langchain_localllm.extras import pip_install

        raise MissingDependencyError(f"This command needs {' and '.join(missing)}: {pip_install(extra)}")
