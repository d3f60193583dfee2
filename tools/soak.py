"""Run models while things break, and count the outcomes.

It is a soak test: `python -m tools.soak --minutes 10`.

| what breaks | what must hold |
|---|---|
| llama.cpp's server is killed and restarted | an answer is right, or an error of this package |
| a client reads slowly, and another leaves in the middle | the same, and the others continue |
| clients of `localllm rag serve` leave in the middle | the others get the right answer |
| the disk is full while an index is made | the command says so; the next run completes it |

It prints a table, and fails if an answer was wrong, an error was not of this package, or a call
took longer than two minutes.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final

import psutil
import requests

from langchain_localllm import ChatLlamaCpp, ChatLlamafile, LocalServer
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.models import tiny_chat_model

QUESTIONS: Final = [f"Write about number {number}." for number in range(8)]
LONGEST: Final = 120.0
"""Seconds above which a call counts as hanging."""
_KILL_EVERY: Final = 15.0
_TOKENS: Final = 48
_FILE_LIMIT: Final = 300_000
_HANDBOOK: Final = Path(__file__).parents[1] / "docs" / "handbook"
_COMMAND: Final = [sys.executable, "-m", "langchain_localllm.cli"]


class Counts:
    """What happened, by the name of the work."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.longest: dict[str, float] = {}
        self.faults: list[str] = []
        self._lock = threading.Lock()

    def add(self, name: str, outcome: str, seconds: float = 0.0) -> None:
        """Count an outcome; one that begins with "wrong" is a fault."""
        with self._lock:
            self.outcomes.setdefault(name, Counter())[outcome.partition(":")[0]] += 1
            self.longest[name] = max(self.longest.get(name, 0.0), seconds)
            if outcome.startswith("wrong") or seconds > LONGEST:
                self.faults.append(f"{name}: {outcome} after {seconds:.1f} s")


class Soak:
    """The work that is repeated until the time is over.

    Args:
        folder: An empty folder.
        seconds: How long.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.counts = Counts()
        self._folder = folder
        self._end = time.monotonic() + seconds
        self._server = LocalServer(tiny_chat_model(), n_ctx=512, n_parallel=4)
        self._port = int(self._server.base_url.rpartition(":")[2])
        self._options: dict[str, Any] = {"temperature": 0, "max_tokens": _TOKENS}
        with ChatLlamafile(base_url=self._server.base_url, **self._options) as chat:
            self._right = {question: chat.invoke(question).text for question in QUESTIONS}

    def run(self) -> None:
        """Run all work, each in a thread of its own."""
        works = [
            self._kill,
            self._ask,
            self._ask,
            self._ask_slowly,
            self._leave,
            self._ask_in_process,
            self._index,
            self._serve,
        ]
        threads = [
            threading.Thread(target=self._guarded, args=(work,), name=work.__name__)
            for work in works
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._server.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
            self.counts.add(work.__name__.lstrip("_"), f"wrong: {type(error).__name__} {error}")

    def _running(self) -> Iterator[str]:
        while time.monotonic() < self._end:
            yield random.choice(QUESTIONS)

    def _call(self, name: str, question: str, answer: Callable[[], str]) -> None:
        start = time.monotonic()
        try:
            text = answer()
            outcome = (
                "right"
                if text == self._right[question]
                else f"wrong answer: {text!r} to {question!r}"
            )
        except LocalLLMError as error:
            outcome = type(error).__name__
        self.counts.add(name, outcome, time.monotonic() - start)

    def _kill(self) -> None:
        while time.monotonic() < self._end:
            time.sleep(min(_KILL_EVERY, max(0.0, self._end - time.monotonic())))
            os.kill(self._server.pid, signal.SIGKILL)
            self._server.close()
            self._server = LocalServer(tiny_chat_model(), n_ctx=512, n_parallel=4, port=self._port)
            self.counts.add("server killed", "started again")

    def _chat(self) -> ChatLlamafile:
        return ChatLlamafile(base_url=f"http://127.0.0.1:{self._port}", timeout=60, **self._options)

    def _ask(self) -> None:
        with self._chat() as chat:
            for question in self._running():
                self._call("client", question, lambda: chat.invoke(question).text)  # noqa: B023 - it is called at once

    def _ask_slowly(self) -> None:
        def read(chat: ChatLlamafile, question: str) -> str:
            text = ""
            for chunk in chat.stream(question):
                text += chunk.text
                time.sleep(0.05)
            return text

        with self._chat() as chat:
            for question in self._running():
                self._call("slow client", question, lambda: read(chat, question))  # noqa: B023 - as above

    def _leave(self) -> None:
        with self._chat() as chat:
            for question in self._running():
                try:
                    with closing(chat.stream(question)) as stream:  # type: ignore[type-var]  # it is a generator
                        next(stream)
                    self.counts.add("client that leaves", "left")
                except LocalLLMError as error:
                    self.counts.add("client that leaves", type(error).__name__)

    def _ask_in_process(self) -> None:
        with ChatLlamaCpp(
            model_path=tiny_chat_model(), n_ctx=512, backend="xllamacpp", **self._options
        ) as chat:
            right = {question: chat.invoke(question).text for question in QUESTIONS}
            for question in self._running():
                start = time.monotonic()
                found = chat.invoke(question).text
                self.counts.add(
                    "in process",
                    "right" if found == right[question] else "wrong answer",
                    time.monotonic() - start,
                )

    def _index(self) -> None:
        documents = self._folder / "documents"
        documents.mkdir()
        for number in range(40):
            lines = [
                f"The boat number {number * 100 + line} is kept in the shed {line}."
                for line in range(60)
            ]
            (documents / f"{number}.md").write_text("\n\n".join(lines), encoding="utf-8")
        for number, _ in enumerate(self._running()):
            store = self._folder / f"index{number}"
            index = [
                *_COMMAND,
                "rag",
                "index",
                str(documents),
                "--store",
                str(store),
                "--vectors",
                "sqlite",
            ]
            full = subprocess.run(index, capture_output=True, check=False, preexec_fn=_fill_disk)  # noqa: S603 - it only sets a limit
            reported = full.returncode == 1 and b"Traceback" not in full.stderr
            self.counts.add(
                "index on a full disk",
                "said so" if reported else f"wrong: {full.stderr.decode()[-300:]}",
            )
            done = subprocess.run(index, capture_output=True, check=False)  # noqa: S603 - our own command
            complete = done.returncode == 0 and b"of 40 files" in done.stdout
            self.counts.add(
                "index after that",
                "complete"
                if complete
                else f"wrong: {done.stdout.decode()}{done.stderr.decode()[-300:]}",
            )
            shutil.rmtree(store)

    def _serve(self) -> None:
        notes = Path(shutil.copytree(_HANDBOOK, self._folder / "notes"))
        store = ["--store", str(self._folder / "served")]
        subprocess.run(  # noqa: S603 - our own command
            [*_COMMAND, "rag", "index", str(notes), *store], check=True, capture_output=True
        )
        environment = {**os.environ, "LOCALLLM_API_KEY": "soak"}
        command = [*_COMMAND, "rag", "serve", *store, "--port", "0"]
        with subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, env=environment, encoding="utf-8"
        ) as server:
            assert server.stdout  # noqa: S101 - it is a pipe
            address = f"{server.stdout.readline().strip()}/chat/completions"
            body: dict[str, Any] = {
                "messages": [{"role": "user", "content": "How high is the hill?"}]
            }
            with requests.Session() as session:
                session.headers["Authorization"] = "Bearer soak"
                for _ in self._running():
                    with session.post(
                        address, json={**body, "stream": True}, stream=True, timeout=LONGEST
                    ) as left:
                        next(left.iter_content(1))
                    start = time.monotonic()
                    found = session.post(address, json=body, timeout=LONGEST).json()
                    text = found.get("choices", [{"message": {"content": str(found)}}])[0][
                        "message"
                    ]["content"]
                    outcome = "right" if "143" in text else f"wrong answer: {text!r}"
                    self.counts.add(
                        "rag serve, clients that leave", outcome, time.monotonic() - start
                    )
            server.terminate()


def _fill_disk() -> None:
    """Let writing fail as on a full disk, for files beyond a size."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))


def _state() -> dict[str, float]:
    process = psutil.Process()
    return {
        "memory in MB": process.memory_info().rss / 1e6,
        "files and sockets": process.num_fds(),
        "threads": process.num_threads(),
    }


def main() -> int:
    """Run it, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    seconds = parser.parse_args().minutes * 60
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        soak = Soak(folder, seconds)
        states: list[dict[str, float]] = []
        watcher = threading.Timer(seconds / 5, lambda: states.append(_state()))
        watcher.start()
        threading.Timer(seconds * 0.95, lambda: states.append(_state())).start()
        soak.run()
    print("| work | outcomes | longest |\n|---|---|---|")
    for name, outcomes in sorted(soak.counts.outcomes.items()):
        found = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common())
        print(f"| {name} | {found} | {soak.counts.longest[name]:.1f} s |")
    print("\n| this process | after a fifth of the time | at the end |\n|---|---|---|")
    for name in states[0]:
        print(f"| {name} | {states[0][name]:.0f} | {states[-1][name]:.0f} |")
    for fault in soak.counts.faults[:20]:
        print(f"FAULT {fault}")
    return 1 if soak.counts.faults else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
