"""Public names that are loaded when they are first used, so that one runtime never loads another or a binding."""

import importlib
from collections.abc import Callable, Collection, Mapping
from typing import Any


def lazy_exports(
    package: str, homes: Mapping[str, str], submodules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` (PEP 562) for a package.

    Args:
        package: The package's `__name__`.
        homes: Public name to the module that holds it.
        submodules: Names of the package's modules that are attributes without being imported, as older code expects.
    """

    def load(name: str) -> Any:
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return load, lambda: sorted({*homes, *submodules}), sorted(homes)
