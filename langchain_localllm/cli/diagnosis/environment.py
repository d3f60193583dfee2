"""Check environment variables that send things elsewhere or keep them from arriving."""

import os
from typing import Final

from langchain_localllm.cli.diagnosis.problem import Problem

_TRACING: Final = ("LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGSMITH_TRACING_V2")
_PROXIES: Final = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_OFF: Final = frozenset({"", "0", "false", "no", "off"})


def environment_problems() -> list[Problem]:
    """Return what is wrong with these settings."""
    problems = []
    tracing = [name for name in _TRACING if os.environ.get(name, "").lower() not in _OFF]
    if tracing:
        what = f"{tracing[0]} is set: LangChain sends prompts and answers to LangSmith."
        problems.append(Problem(what, f"unset {' '.join(tracing)}"))
    proxies = [name for name in _PROXIES if os.environ.get(name)]
    direct = (
        (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "").replace(" ", "").split(",")
    )
    if proxies and not {"*", "localhost", "127.0.0.1"} & set(direct):
        what = (
            f"{proxies[0]} is set and NO_PROXY does not name this machine: programs other than "
            "this package ask the proxy for servers that run here, which fails or lets it read "
            "along."
        )
        problems.append(Problem(what, "export NO_PROXY=localhost,127.0.0.1,::1"))
    return problems
