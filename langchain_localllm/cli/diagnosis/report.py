"""Run all checks of `localllm doctor` and print the report."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from langchain_localllm.cli.diagnosis import ollama
from langchain_localllm.cli.diagnosis.environment import environment_problems
from langchain_localllm.cli.diagnosis.hardware import hardware
from langchain_localllm.cli.diagnosis.packages import package_problems, packages
from langchain_localllm.cli.diagnosis.problem import Problem
from langchain_localllm.cli.diagnosis.running import running_servers


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found.

    Attributes:
        machine: The machine's measures.
        runtimes: Each runtime: `name`, `installed`, `version`, `address` where it runs, `missing`
            (how to get it) and `details`.
        problems: What is wrong.
    """

    machine: dict[str, Any]
    runtimes: list[dict[str, Any]]
    problems: list[Problem]

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def diagnose() -> Diagnosis:
    """Look at this machine, its runtimes and its settings.

    Example:
        >>> from langchain_localllm.cli.diagnosis.report import diagnose
        >>> diagnose().machine["cores"] >= 1
        True
    """
    machine = hardware()
    with ThreadPoolExecutor() as pool:
        others = pool.submit(running_servers)  # both wait for servers that do not answer
        server, server_problems = ollama.look_at(gpu=bool(machine["gpus"]))
    runtimes = [*packages(), server, *others.result()]
    there = any(runtime["installed"] or runtime["address"] for runtime in runtimes)
    problems = [
        *package_problems(gpu=bool(machine["gpus"]), any_runtime=there),
        *server_problems,
        *environment_problems(),
    ]
    return Diagnosis(machine, runtimes, problems)
