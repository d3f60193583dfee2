"""Evaluate the exported chat model on the real engine: `python -m tools.tiny_models.chat_eval`.

Generated held-out examples with fixed seeds go through the server of llama.cpp
(`/v1/chat/completions`, temperature 0), so that the file's own template and tokeniser are evaluated
too. The figures are written beside the model, as they are.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Self

import requests

from . import chat_tasks
from .chat_export import OUTPUT
from .chat_tasks import HELD_OUT_PASSAGES, Example

SERVER = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.cpuparams.n_threads = sys.argv[1], 2048, 1
parameters.use_jinja = True
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


MANY_PASSAGES = 8
SMALL_TASKS = {
    "name in another script copied": chat_tasks.unicode_copy,
    "three search questions": chat_tasks.questions,
    "summary": chat_tasks.summary,
    "recall of an earlier turn": chat_tasks.memory,
    "small talk": chat_tasks.small_talk,
    "repeat": chat_tasks.repeat,
}


class Engine:
    """The server in a process of its own; use it in a `with` block."""

    def __init__(self, model: Path) -> None:
        """Start the server on a free port of this machine."""
        command = [sys.executable, "-c", SERVER, str(model)]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, text=True)  # noqa: S603 - our own code
        if self.process.stdout is None:
            raise RuntimeError("The server has no output to read its address from.")
        self.url = self.process.stdout.readline().strip()
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy of the environment is not for this machine

    def __enter__(self) -> Self:
        """Wait until the model is loaded."""
        for _ in range(200):
            try:
                if self.session.get(f"{self.url}/health", timeout=5).ok:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise TimeoutError("The server did not load the model within 20 seconds.")

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self.process.kill()
        self.process.wait()

    def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], **options: Any
    ) -> dict[str, Any]:
        """Return the assistant message that the model writes at temperature 0."""
        sent = [_wire(message) for message in messages]
        body = {
            "messages": sent,
            "temperature": 0,
            "max_tokens": 160,
            **({"tools": tools} if tools else {}),
            **options,
        }
        reply = self.session.post(f"{self.url}/v1/chat/completions", json=body, timeout=60)
        reply.raise_for_status()
        message: dict[str, Any] = reply.json()["choices"][0]["message"]
        return message


def _wire(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as the API wants it: arguments as a JSON string."""
    if "tool_calls" not in message:
        return message
    calls = [
        {
            **call,
            "function": {
                "name": call["function"]["name"],
                "arguments": json.dumps(call["function"]["arguments"]),
            },
        }
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _same_call(expected: dict[str, Any], reply: dict[str, Any]) -> tuple[bool, bool]:
    """Tell whether the reply calls the right tool, and with the right arguments."""
    calls = reply.get("tool_calls") or []
    if len(calls) != 1:
        return False, False
    wanted, function = expected["tool_calls"][0]["function"], calls[0]["function"]
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except json.JSONDecodeError:
        arguments = None
    return function["name"] == wanted["name"], function["name"] == wanted[
        "name"
    ] and arguments == wanted["arguments"]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


class Tally:
    """Counts right answers by figure and keeps the first wrong ones to look at."""

    def __init__(self) -> None:
        """Start with no counts."""
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.wrong: dict[str, list[tuple[str, str, str]]] = defaultdict(list)

    def add(self, figure: str, example: Example, reply: object, *, right: bool) -> None:
        """Count one answer."""
        self.counts[figure][0] += right
        self.counts[figure][1] += 1
        if not right:
            asked, wanted = example.messages[-2], example.messages[-1]
            expected = wanted.get("content") or wanted.get("tool_calls")
            self.wrong[figure].append((str(asked.get("content")), str(expected), str(reply)))

    def figures(self) -> dict[str, dict[str, float | int]]:
        """Return right, of and share for each figure."""
        return {
            name: {"right": right, "of": of, "share": round(right / of, 3)}
            for name, (right, of) in self.counts.items()
        }


def _cut(example: Example, index: int) -> Example:
    """Return the example up to and with message `index`."""
    return Example(example.task, example.messages[: index + 1], example.tools)


def _answer(engine: Engine, tally: Tally, figure: str, example: Example, **options: Any) -> str:
    reply = str(
        engine.chat(example.messages[:-1], example.tools, **options).get("content") or ""
    ).strip()
    tally.add(figure, example, reply, right=reply == example.messages[-1]["content"])
    return reply


def evaluate(engine: Engine, scale: float, seed: int = 77) -> Tally:
    """Ask everything and count."""
    rng = random.Random(seed)
    tally = Tally()

    def times(count: int) -> range:
        return range(int(count * scale))

    for count, number in (
        (1, 200),
        (2, 300),
        (3, 100),
        (4, 100),
        (HELD_OUT_PASSAGES, 100),
        (MANY_PASSAGES, 60),
    ):
        held = ", a number held out of training" if count == HELD_OUT_PASSAGES else ""
        for _ in times(number):
            example = chat_tasks.passages(rng, 1.0, held_out=True, count=count, refuse=False)
            _answer(
                engine, tally, f"exact answer, {count} passage{'s' * (count > 1)}{held}", example
            )
    for count in (1, 2, 4):
        for _ in times(100):
            example = chat_tasks.passages(rng, 1.0, held_out=True, count=count, refuse=True)
            _answer(engine, tally, f"refusal, {count} passage{'s' * (count > 1)}", example)
    for _ in times(120):
        _tools(engine, tally, chat_tasks.tool(rng, 1.0, held_out=True))
    for _ in times(80):
        _object(engine, tally, chat_tasks.json_object(rng, 1.0, held_out=True))
    for figure, task in SMALL_TASKS.items():
        for _ in times(40):
            _answer(engine, tally, figure, task(rng, 1.0, held_out=True))
    return tally


def _tools(engine: Engine, tally: Tally, example: Example) -> None:
    """Check every assistant turn of a tool conversation, given the right turns before it."""
    for index, message in enumerate(example.messages):
        if message["role"] != "assistant":
            continue
        turn = _cut(example, index)
        if message.get("tool_calls"):
            reply = engine.chat(turn.messages[:-1], example.tools)
            name, arguments = _same_call(message, reply)
            tally.add('tool name, choice "auto"', turn, reply, right=name)
            tally.add('tool name and arguments, choice "auto"', turn, reply, right=arguments)
            forced = engine.chat(turn.messages[:-1], example.tools, tool_choice="required")
            tally.add(
                'tool name and arguments, choice "required"',
                turn,
                forced,
                right=_same_call(message, forced)[1],
            )
        elif example.messages[index - 1]["role"] == "tool":
            _answer(engine, tally, "answer from a tool's result", turn)


def _object(engine: Engine, tally: Tally, example: Example) -> None:
    """Check a JSON answer, free and held to JSON by the engine."""
    wanted = _json(example.messages[-1]["content"])
    reply = str(engine.chat(example.messages[:-1], [], max_tokens=100).get("content") or "")
    tally.add(
        "JSON: valid and closed within 100 tokens",
        example,
        reply,
        right=isinstance(_json(reply), dict),
    )
    tally.add("JSON: the right object", example, reply, right=_json(reply) == wanted)


def main() -> None:
    """Evaluate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=OUTPUT)
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="share of the examples to ask (default 1; writes no file if less)",
    )
    parser.add_argument(
        "--wrong", type=int, default=0, help="print this many wrong answers of each kind"
    )
    options = parser.parse_args()
    with Engine(options.model) as engine:
        tally = evaluate(engine, options.scale)
    for name, figure in tally.figures().items():
        print(f"{figure['share']:7.1%}  {figure['right']:4} of {figure['of']:4}  {name}")
        for asked, wanted, reply in tally.wrong[name][: options.wrong]:
            print(f"    asked  {asked!r}\n    wanted {wanted!r}\n    got    {reply!r}")
    if options.scale == 1:
        path = options.model.with_suffix(".eval.json")
        text = json.dumps({"seed": 77, "engine": "xllamacpp", "figures": tally.figures()}, indent=2)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
