"""Load public names when they are first used: one runtime never loads another or a binding."""

import importlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from langchain_localllm._deprecated import renamed


def lazy_exports(
    package: str, module_of: Mapping[str, str], submodules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` (PEP 562) for a package.

    Args:
        package: The package's `__name__`.
        module_of: Public name to the module that holds it.
        submodules: Names of the package's modules that are attributes without being imported, as
            older code expects.
    """

    def load(name: str) -> Any:
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")
        if name not in module_of:
            return renamed(package, name)
        return getattr(importlib.import_module(module_of[name]), name)

    return load, lambda: sorted({*module_of, *submodules}), sorted(module_of)
