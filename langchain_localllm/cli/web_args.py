"""Serve documents over HTTP, and the options of the commands that do."""

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Host = Annotated[
    str,
    typer.Option(
        "--host",
        help="The address to listen on. Other than 127.0.0.1 only together with --api-key.",
    ),
]
Port = Annotated[
    int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0 is a free one.")
]
Key = Annotated[
    str,
    typer.Option(
        "--api-key",
        envvar="LOCALLLM_API_KEY",
        help=(
            "The key that clients must send. Better set as LOCALLLM_API_KEY. Default: a new one, "
            "which is printed."
        ),
        show_default=False,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the address and the key as one JSON object.")
]


def require_modules(extra: str, *modules: str) -> None:
    """Check that the packages of an extra are installed.

    Raises:
        MissingDependencyError: Some are not; the message has the command that installs them.
    """
    from importlib.util import find_spec

    if missing := [module for module in modules if find_spec(module) is None]:
        from langchain_localllm.errors import MissingDependencyError
        from langchain_localllm.extras import pip_install

        raise MissingDependencyError(
            f"This command needs {' and '.join(missing)}: {pip_install(extra)}"
        )


def serve_with_key(
    app: "ASGIApp",
    path: str,
    *,
    host: str,
    port: int,
    api_key: str,
    public: Collection[str] = (),
    as_json: bool = False,
) -> None:
    """Serve an application until Ctrl-C, and print its address.

    Args:
        app: The application.
        path: The path of its address that is printed.
        host: Where to listen.
        port: The port; 0 is a free one.
        api_key: The key that clients must send. Without one, a new one is made and printed.
        public: Paths that need no key.
        as_json: Whether to print the address and the key as a JSON object.

    Raises:
        InvalidOptionError: Other machines could use it without a key of the user's, or it cannot
            listen there.
    """
    from langchain_localllm.web.security import Guard, address_of, check_host, listen, new_key
    from langchain_localllm.web.serving import serve_app

    check_host(host, api_key)
    key = api_key or new_key()
    with listen(host, port) as sock:
        address = f"{address_of(sock)}{path}"

        def on_ready() -> None:
            print(
                json.dumps({"address": address, "api_key": key}) if as_json else address, flush=True
            )
            if not as_json:
                print_stderr(
                    f"Clients send the key {key}. Ctrl-C ends it."
                    if not api_key
                    else "Ctrl-C ends it."
                )

        serve_app(Guard(app, key=key, host=host, public=public), sock, on_ready=on_ready)
