"""Agents that use tools: are their steps well formed, do they end, and what do they cost?

`python -m benchmarks.agents` runs 60 tasks of 1 to 4 steps with `langchain.agents.create_agent` on
tiny-chat and, where it is there, `real_models/SmolLM2-135M-Instruct.Q4_1.gguf`, on each runtime,
and prints a table. `--model FILE` runs another model, `--tasks N` fewer tasks. In addition to our
classes, on the same servers: `langchain_ollama.ChatOllama`, and `langchain_openai.ChatOpenAI` where
`langchain-openai` is installed.

The tools are deterministic: arithmetic, files, a calendar, a small database. A step is well formed
if it is calls of these tools whose arguments fit their schemas, or an object that fits the schema
of the answer. A task ends well if `invoke` returns; a limit of 8 steps ends the tasks of models
that call tools without end. Whether answers are right is not measured: these models are too small.
"""

import argparse
import contextlib
import importlib.util
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ModelResponse,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from langchain_localllm import ChatLlamaCpp, ChatLlamafile, ChatOllama, LocalServer
from langchain_localllm.base.call_or_answer import fits
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.models import tiny_chat_model

_STEPS: Final = 8
_TOKENS: Final = 96
_CONTEXT: Final = 4096
_SMOLLM2: Final = Path("real_models/SmolLM2-135M-Instruct.Q4_1.gguf")

# --- the tools ---

_FILES: Final = {
    "notes.txt": "Call Ada on Monday.",
    "prices.csv": "pear,3\nplum,2",
    "todo.txt": "Paint the house.",
}
_EVENTS: Final = {
    "monday": ["09:00 dentist"],
    "tuesday": [],
    "friday": ["12:00 lunch with Ada", "18:00 choir"],
}
_PEOPLE: Final = {
    "Ada": {"city": "Lisbon", "age": 36},
    "Bo": {"city": "Oslo", "age": 41},
    "Cy": {"city": "Rome", "age": 29},
}
Day = Literal["monday", "tuesday", "friday"]


def calculate(operation: Literal["add", "subtract", "multiply"], a: int, b: int) -> int:
    """Calculate with two numbers."""
    return {"add": a + b, "subtract": a - b, "multiply": a * b}[operation]


def list_files() -> list[str]:
    """List the names of all files."""
    return list(_FILES)


def read_file(name: str) -> str:
    """Read a file."""
    return _FILES.get(name, f"There is no file {name}.")


def list_events(day: Day) -> list[str]:
    """List the events of a day in the calendar."""
    return _EVENTS[day]


def add_event(day: Day, hour: int, title: str) -> str:
    """Add an event to the calendar."""
    return f"{hour:02}:00 {title} is on {day}."


def find_person(name: str, fields: list[Literal["city", "age"]]) -> dict[str, Any] | str:
    """Find a person in the database."""
    row = _PEOPLE.get(name)
    return f"There is no {name}." if row is None else {key: row[key] for key in fields or row}


TOOLS: Final = (calculate, list_files, read_file, list_events, add_event, find_person)


class Result(BaseModel):
    """The result of a task."""

    done: bool
    result: Literal["yes", "no", "unknown"]


_PARAMETERS: Final = {
    tool["function"]["name"]: tool["function"]["parameters"]
    for tool in openai_tools([*TOOLS, Result])
}


@dataclass(frozen=True, slots=True)
class Task:
    """A request, and how many steps it takes at least."""

    steps: int
    request: str


def tasks() -> list[Task]:
    """Return the 60 tasks, 15 of each length."""
    numbers = [(3, 4), (12, 7), (25, 5), (8, 9), (100, 1)]
    names, files, days = (
        [*_PEOPLE, "Di", "Ed"],
        [*_FILES, "plan.txt", "log.txt"],
        ["monday", "tuesday", "friday"] * 2,
    )
    found: list[Task] = []
    for at, ((a, b), name, file) in enumerate(zip(numbers, names, files, strict=True)):
        day = days[at]
        found += [
            Task(1, f"What is {a} plus {b}?"),
            Task(1, f"Read the file {file}."),
            Task(1, f"What is on {day} in the calendar?"),
            Task(2, f"In which city does {name} live? Then read the file {file}."),
            Task(2, f"Is {day} free? If so, add lunch at {10 + at}."),
            Task(2, f"What is {a} times {b}? Then subtract {b}."),
            Task(3, f"List the files, read {file}, and add an event on {day} with its text."),
            Task(3, f"How old is {name}? Multiply that by {a}, then add {b}."),
            Task(3, f"Find the city of {name}, look at {day}, and add a trip there at {9 + at}."),
            Task(
                4,
                (
                    f"List the files, read {file}, find {name}, and add a meeting with {name} on "
                    f"{day}."
                ),
            ),
            Task(
                4,
                (
                    f"Add {a} and {b}, multiply the sum by {a}, subtract {b}, and add an event at "
                    f"that hour on {day}."
                ),
            ),
            Task(4, f"Compare the ages of {name} and Ada, subtract them, and read {file}."),
        ]
    return sorted(found, key=lambda task: task.steps)


# --- what is measured ---


@dataclass(slots=True)
class Counts:
    """What a model did in its tasks."""

    steps: int = 0
    well_formed: int = 0
    tasks: int = 0
    ended: int = 0
    with_object: int = 0
    read_again: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def row(self) -> str:
        """Return the numbers as a row of the table."""
        again = f"{statistics.mean(self.read_again):.0f}" if self.read_again else "not reported"
        shares = (
            self.well_formed / max(self.steps, 1),
            self.ended / self.tasks,
            self.with_object / self.tasks,
        )
        percent = " | ".join(f"{share:.0%}" for share in shares)
        return f"{self.steps} | {percent} | {again} | {statistics.mean(self.seconds):.2f}"


class Watch(AgentMiddleware):
    """Counts the steps of one task."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts
        self._before = 0  # tokens of the step before, all of which can be in the engine's cache

    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        """Count a step, also one that raises."""
        self._counts.steps += 1
        response = handler(request)
        (message,) = [message for message in response.result if isinstance(message, AIMessage)]
        self._counts.well_formed += is_well_formed(message)
        usage: Any = message.usage_metadata
        if usage and (cached := usage.get("input_token_details", {}).get("cache_read")) is not None:
            if self._before:
                self._counts.read_again.append(max(0, self._before - cached))
            self._before = usage["total_tokens"]
        return response


def is_well_formed(message: AIMessage) -> bool:
    """Whether a step is valid calls, or the object."""
    if message.invalid_tool_calls:
        return False
    if message.tool_calls:
        return all(
            call["name"] in _PARAMETERS
            and fits(json.dumps(call["args"]), _PARAMETERS[call["name"]])
            for call in message.tool_calls
        )
    try:
        return Result.model_validate_json(message.text) is not None
    except ValidationError:
        return False


def measure(chat: BaseChatModel, asked: Sequence[Task]) -> Counts:
    """Run the tasks."""
    counts = Counts()
    for task in asked:
        limit: Any = ModelCallLimitMiddleware(run_limit=_STEPS, exit_behavior="end")
        agent: Any = create_agent(
            chat, list(TOOLS), response_format=Result, middleware=[Watch(counts), limit]
        )
        start = time.perf_counter()
        counts.tasks += 1
        try:
            state = agent.invoke({"messages": [("user", task.request)]}, {"recursion_limit": 100})
            counts.ended += 1
            counts.with_object += state.get("structured_response") is not None
        except Exception as error:  # noqa: BLE001 - which one is what is measured
            counts.errors[type(error).__name__] = counts.errors.get(type(error).__name__, 0) + 1
        counts.seconds.append(time.perf_counter() - start)
    return counts


# --- the models ---


def chats(model: Path, template: str | None) -> Iterator[tuple[str, BaseChatModel]]:
    """Make the chat models that run a file, ours and others.

    Args:
        model: The file.
        template: The name of its chat format where its own template takes no tools.
    """
    options: dict[str, Any] = {"temperature": 0, "max_tokens": _TOKENS}
    form: dict[str, Any] = {"chat_format": template} if template else {}
    backends: tuple[Any, ...] = ("llama-cpp-python", "xllamacpp")
    for backend in backends:
        if importlib.util.find_spec(backend.replace("-python", "").replace("-", "_")):
            with ChatLlamaCpp(
                model_path=model, backend=backend, n_ctx=_CONTEXT, **form, **options
            ) as chat:
                yield f"`ChatLlamaCpp`, {backend}", chat
    with LocalServer(model, n_ctx=_CONTEXT, n_parallel=1) as server:
        yield (
            "`ChatLlamafile`, llama.cpp's server",
            ChatLlamafile(base_url=server.base_url, **options),
        )
        if importlib.util.find_spec("langchain_openai"):
            openai: Any = importlib.import_module("langchain_openai").ChatOpenAI
            yield (
                "`ChatOpenAI`, the same server",
                openai(
                    model="any",
                    base_url=f"{server.base_url}/v1",
                    api_key="none",
                    max_retries=0,
                    **options,
                ),
            )
    with contextlib.ExitStack() as stack:
        yield from _on_ollama(model, stack, options)


def _on_ollama(
    model: Path, stack: contextlib.ExitStack, options: dict[str, Any]
) -> Iterator[tuple[str, BaseChatModel]]:
    from tools.engines import ollama
    from tools.engines.models import go_template

    if not (ollama.FOLDER / "done").exists():
        print("Ollama is left out: `python -m tools.engines.ollama` installs it.")
        return
    url = stack.enter_context(
        ollama.serve(Path(stack.enter_context(tempfile.TemporaryDirectory())))
    )
    ollama.create(
        url,
        "agent",
        model,
        template=go_template(),
        parameters={"num_ctx": _CONTEXT, "num_thread": 1},
    )
    yield "`ChatOllama`", ChatOllama(base_url=url, model="agent", **options)
    if importlib.util.find_spec("langchain_ollama"):
        other: Any = importlib.import_module("langchain_ollama").ChatOllama
        yield (
            "`langchain_ollama.ChatOllama`, the same server",
            other(base_url=url, model="agent", temperature=0, num_predict=_TOKENS),
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", type=Path, action="append", help="a GGUF file; default: tiny-chat and SmolLM2"
    )
    parser.add_argument(
        "--tasks", type=int, default=60, help="how many tasks, evenly taken from the 60"
    )
    parser.add_argument(
        "--format",
        help="the `chat_format` of ChatLlamaCpp for a file whose template takes no tools",
    )
    parser.add_argument("--only", default="", help="a part of the names of the classes to run")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    asked = tasks()
    asked = asked[:: max(1, len(asked) // given.tasks)][: given.tasks]
    print(
        "| model | class | steps | well formed | ended | with the object | tokens read again "
        "per step | seconds per task |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for model in given.model or [tiny_chat_model(), *([_SMOLLM2] if _SMOLLM2.exists() else [])]:
        template = given.format or ("chatml" if model.name == _SMOLLM2.name else None)
        for name, chat in chats(Path(model), template):
            if given.only not in name:
                continue
            counts = measure(chat, asked)
            print(f"| {Path(model).stem} | {name} | {counts.row()} |", flush=True)
            for kind, number in counts.errors.items():
                print(f"<!-- {number} x {kind} -->", flush=True)


if __name__ == "__main__":
    main()
