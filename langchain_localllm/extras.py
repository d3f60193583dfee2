"""Says which of this package's extras is missing, before a notebook or a script gets half-way."""

import re
from importlib.metadata import PackageNotFoundError, distribution, requires
from typing import Final

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError

_PACKAGE: Final = "langchain-localllm"
_REQUIREMENT: Final = re.compile(
    r"(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,.-]+)\])?.*extra == [\"'](?P<extra>[\w-]+)[\"']"
)


def pip_install(*extras: str) -> str:
    """Return the command that installs this package with some extras.

    Example:
        >>> pip_install("cli", "rag")
        'pip install "langchain-localllm[cli,rag]"'
    """
    return f'pip install "{_PACKAGE}[{",".join(extras)}]"'


def require(*extras: str) -> None:
    """Check that the packages of some extras are installed.

    Args:
        *extras: Such as `rag` or `llamacpp`.

    Raises:
        MissingDependencyError: Some are not; the message has the command that installs them.
        InvalidOptionError: There is no such extra.

    Example:
        >>> from langchain_localllm.extras import require
        >>> require("server")
    """
    packages = {extra: _packages(extra) for extra in extras}
    if missing := sorted(
        {name for names in packages.values() for name in names if not _installed(name)}
    ):
        raise MissingDependencyError(
            f"This needs packages that are not installed: {', '.join(missing)}. To get them: "
            f"{pip_install(*extras)}"
        )


def _packages(extra: str) -> list[str]:
    found = [
        match
        for text in requires(_PACKAGE) or []
        if (match := _REQUIREMENT.match(text)) and match["extra"] == extra
    ]
    if not found:
        raise InvalidOptionError(f"{_PACKAGE} has no extra {extra!r}.")
    inner = [
        other
        for match in found
        if match["name"] == _PACKAGE
        for other in match["extras"].split(",")
    ]
    return [match["name"] for match in found if match["name"] != _PACKAGE] + [
        name for other in inner for name in _packages(other)
    ]


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
