"""Rewrite code that uses other packages' local models, so that it uses this package.

They are those of `langchain_community`, `langchain_ollama` and LangChain before version 1.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.migrate.code import MigratedCode as MigratedCode
    from langchain_localllm.migrate.code import migrate_code as migrate_code
    from langchain_localllm.migrate.notebook import migrate_notebook as migrate_notebook
    from langchain_localllm.migrate.notes import Note as Note
    from langchain_localllm.migrate.project import FileChange as FileChange
    from langchain_localllm.migrate.project import Migration as Migration
    from langchain_localllm.migrate.project import migrate as migrate

_HERE = __name__

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "FileChange": f"{_HERE}.project",
        "MigratedCode": f"{_HERE}.code",
        "Migration": f"{_HERE}.project",
        "Note": f"{_HERE}.notes",
        "migrate": f"{_HERE}.project",
        "migrate_code": f"{_HERE}.code",
        "migrate_notebook": f"{_HERE}.notebook",
    },
)
