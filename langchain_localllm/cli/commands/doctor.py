"""`localllm doctor`: what is here, what is wrong, and the one command that fixes it."""

from typing import TYPE_CHECKING, Any

import typer

from langchain_localllm.cli.output import AsJson, print_json, size

if TYPE_CHECKING:
    from langchain_localllm.cli.diagnosis.report import Diagnosis


def doctor(*, as_json: AsJson = False) -> None:
    """Report what this machine has for local models, what is misconfigured, and how to fix it.

    Nothing is changed, and nothing leaves the machine unless OLLAMA_HOST names another one. The
    exit code is 1 if something is wrong.
    """
    from langchain_localllm.cli.diagnosis.report import diagnose

    found = diagnose()
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if found.problems:
        raise typer.Exit(1)


def _print(found: "Diagnosis") -> None:
    machine = found.machine
    print("Machine")
    print(f"  processor: {machine['processor'] or 'unknown'}, {machine['cores']} cores")
    print(f"  features: {' '.join(machine['features']) or 'unknown'}")
    print(f"  memory: {size(machine['free_memory'])} of {size(machine['memory'])} free")
    print(f"  disk: {size(machine['free_disk'])} free in {machine['models_folder']}")
    for gpu in machine["gpus"] or [None]:
        print(
            f"  GPU: {gpu['name']}, {size(gpu['free'])} of {size(gpu['total'])} free"
            if gpu
            else "  GPU: none reported by nvidia-smi"
        )
    print("\nRuntimes")
    for runtime in found.runtimes:
        print(f"  {runtime['name']}: {_state(runtime)}")
        for line in runtime["details"]:
            print(f"    {line}")
    print(f"\n{_count(len(found.problems))}")
    for problem in found.problems:
        print(f"  ! {problem.what}\n    Fix: {problem.fix}")


def _state(runtime: dict[str, Any]) -> str:
    version = f" {runtime['version']}" if runtime["version"] else ""
    if runtime["address"]:
        return f"running{version} at {runtime['address']}"
    return f"installed{version}" if runtime["installed"] else runtime["missing"]


def _count(number: int) -> str:
    return {0: "No problem was found.", 1: "1 problem"}.get(number, f"{number} problems")
