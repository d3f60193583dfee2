"""Describe a problem and the command that fixes it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """A thing that is wrong.

    Attributes:
        what: What is wrong, as a sentence.
        fix: The command that fixes it.
    """

    what: str
    fix: str


def runtime(
    name: str,
    version: str = "",
    address: str = "",
    missing: str = "",
    details: list[str] | None = None,
) -> dict[str, Any]:
    """Return a runtime, as the report has them."""
    return {
        "name": name,
        "installed": bool(version) and not address,
        "version": version,
        "address": address,
        "missing": missing,
        "details": details or [],
    }
