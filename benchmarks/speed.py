"""Speed and memory on real models, against bare engines and other packages: writes docs/speed.md.

`python -m benchmarks.speed` (`make speed`) measures on idle cores, `--busy` while other processes
keep all cores busy; each takes at most ten minutes and replaces its part of the page. The results
are kept in docs/speed.json; `--page` writes the page from them without measuring. `--minutes`,
`--rounds` and `--models` make a run shorter.

Every subject runs in a process of its own. A round measures streaming with all of them, one right
after the other, then batches, then prompts, in an order that changes from round to round; a ratio
is of one round, and the page gives the median of the ratios and the lowest and highest. Each prompt
is new, so that no cache has seen it.
"""

import argparse
import contextlib
import datetime as dt
import json
import math
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks import _speed_rows as rows
from benchmarks._busy import busy_cores
from benchmarks._speed_page import write_page
from benchmarks._speed_process import Isolated, SubjectError, peak_memory
from benchmarks._speed_subjects import CONTEXT, PEER_FOLDER, SLOTS, Setup

RESULTS: Final = Path(__file__).parents[1] / "docs" / "speed.json"
PEER: Final = "langchain-llama-cpp==0.1.0"
BATCH_TOKENS: Final = 12
BATCH: Final = 8
PROMPT_WORDS: Final = 250
TEXTS: Final = 32
MOST_ROUNDS: Final = 9
SHARES: Final = {"smollm2": 0.44, "gemma": 0.4, "minilm": 0.1, "tiny": 0.06}
"""The part of the time that each model gets."""
PACKAGES: Final = (
    "langchain-localllm",
    "langchain-core",
    "xllamacpp",
    "llama-cpp-python",
    "gpt4all",
    "langchain-community",
    "langchain-ollama",
    "langchain-openai",
)
_NOUNS: Final = (
    "ferry",
    "lamp",
    "garden",
    "baker",
    "letter",
    "clock",
    "captain",
    "castle",
    "doctor",
)
_PLACES: Final = ("harbor", "bridge", "museum", "river", "market", "village", "forest", "kitchen")


def sentences(number: int, words: int) -> str:
    """Return a text of so many words; texts with different numbers share no beginning."""
    choice = random.Random(number)  # noqa: S311 - text, not a secret
    parts = [f"{choice.choice(_NOUNS).capitalize()} {number}:"]
    while (left := words - sum(len(part.split()) for part in parts)) > 0:
        noun, place, other = (choice.choice(each) for each in (_NOUNS, _PLACES, _NOUNS))
        parts.append(" ".join(f"the {noun} near the {place} waits for the {other}.".split()[:left]))
    return " ".join(parts)


class Prompts:
    """Prompts that nothing has seen before.

    Args:
        task: What is asked of a text, for a long answer.
        answer: Tokens of a streamed answer.
    """

    def __init__(self, task: str = "{} Write a long story about it.", answer: int = 32) -> None:
        self._task, self.answer = task, answer
        self._number = random.SystemRandom().randrange(1_000, 500_000)

    def text(self, words: int) -> str:
        """Return a new text."""
        self._number += 1
        return sentences(self._number, words)

    def story(self) -> str:
        """Return a new request for a long answer."""
        return self._task.format(self.text(16))


class Tokens:
    """Counts tokens with the model's own vocabulary, in the same way for every subject."""

    def __init__(self, path: Path) -> None:
        from llama_cpp import Llama

        self._llama = Llama(str(path), vocab_only=True, verbose=False)

    def count(self, text: str) -> int:
        """Return the length of a text in tokens."""
        return len(self._llama.tokenize(text.encode(), add_bos=False))


@dataclass(frozen=True)
class Steps:
    """What a round measures of a subject, one step after the other.

    Attributes:
        prompts: For the subjects.
        tokens: Counts tokens; `None` for embedding models.
    """

    prompts: Prompts
    tokens: Tokens | None

    def all(self) -> tuple[Callable[[Isolated], dict[str, float]], ...]:
        """Return the steps; each takes a subject and returns what it measured, by metric."""
        return (self.stream, self.batch, self.prompt) if self.tokens else (self.texts,)

    def texts(self, subject: Isolated) -> dict[str, float]:
        """Embed texts."""
        texts = [self.prompts.text(40) for _ in range(TEXTS)]
        return {"texts": TEXTS / subject.call("embed", texts)}

    def stream(self, subject: Isolated) -> dict[str, float]:
        """Stream an answer."""
        first, spent, answer = subject.call("stream", self.prompts.story(), self.prompts.answer)
        return {"stream": self._length(answer) / spent, "first": first * 1000}

    def batch(self, subject: Isolated) -> dict[str, float]:
        """Answer several prompts together."""
        stories = [self.prompts.story() for _ in range(BATCH)]
        spent, answers = subject.call("batch", stories, BATCH_TOKENS)
        return {"batch": sum(map(self._length, answers)) / spent}

    def prompt(self, subject: Isolated) -> dict[str, float]:
        """Read a long prompt."""
        prompt, words = self.prompts.text(PROMPT_WORDS), PROMPT_WORDS
        while self._length(prompt) > CONTEXT * 0.7:
            words //= 2
            prompt = self.prompts.text(words)
        _, spent, _ = subject.call("stream", prompt, 1)
        return {"prompt": self._length(prompt) / spent}

    def _length(self, text: str) -> int:
        if self.tokens is None or not (length := self.tokens.count(text)):
            raise SubjectError("an answer was empty")
        return length


class Bench:
    """The subjects on one model.

    Args:
        title: The model's name on the page.
        makes: The subjects, by name.
        setup: For them.
        prompts: For them.
        embeds: Whether the model is an embedding model.
    """

    def __init__(
        self,
        title: str,
        makes: dict[str, rows.Make],
        setup: Setup,
        prompts: Prompts,
        *,
        embeds: bool,
    ) -> None:
        self.title, self.setup, self._embeds = title, setup, embeds
        self._prompts = prompts
        self._steps = Steps(prompts, None if embeds else Tokens(setup.path)).all()
        self._subjects: dict[str, Isolated] = {}
        self.values: dict[str, dict[str, list[float]]] = {name: {} for name in makes}
        self.failed: dict[str, str] = {}
        for name, make in makes.items():
            with self._failures(name):
                self._subjects[name] = Isolated(make, setup)
                self._warm_up(self._subjects[name])

    def rounds(self, seconds: float, at_least: int) -> None:
        """Measure all subjects in turn for about so many seconds."""
        started, longest = time.monotonic(), 0.0
        for number in range(MOST_ROUNDS):
            if number >= at_least and time.monotonic() - started + longest > seconds:
                break
            began = time.monotonic()
            for step in self._steps:
                names = list(self._subjects)
                shift = number % max(len(names), 1)
                for name in names[shift:] + names[:shift]:
                    with self._failures(name):
                        for metric, value in step(self._subjects[name]).items():
                            self.values[name].setdefault(metric, []).append(value)
            longest = max(longest, time.monotonic() - began)
            print(f"  {self.title}, round {number + 1}: {longest:.0f} s", flush=True)

    def end(self) -> None:
        """Read the peak memory of every subject and end it."""
        for name, subject in list(self._subjects.items()):
            with self._failures(name):
                self.values[name]["memory"] = [subject.call("peak_memory")]
            subject.end()

    def _warm_up(self, subject: Isolated) -> None:
        if self._embeds:
            subject.call("embed", [self._prompts.text(8)])
        else:
            subject.call("stream", self._prompts.story(), 4)

    @contextlib.contextmanager
    def _failures(self, name: str) -> Iterator[None]:
        try:
            yield
        except SubjectError as error:
            print(f"  {self.title}, {name}: {error}", flush=True)
            self.failed[name] = str(error)
            self.values[name].clear()
            if subject := self._subjects.pop(name, None):
                subject.end()

    def result(self) -> dict[str, Any]:
        """Return what was measured, for the record."""
        return {
            "model": self.title,
            "megabytes": self.setup.path.stat().st_size / 1e6,
            "threads": self.setup.threads,
            "subjects": {
                name: {
                    metric: [round(each, 3) for each in numbers]
                    for metric, numbers in found.items()
                }
                for name, found in self.values.items()
                if found
            },
            "failed": self.failed,
        }


def best_threads(path: Path) -> int:
    """Return the number of threads with which llama-cpp-python's own loop streams fastest."""
    import psutil

    spent = dict[int, float]()
    prompts = Prompts()
    for threads in sorted({1, psutil.cpu_count(logical=False) or 1}):
        make = rows.IN_PROCESS[rows.LLAMA_CPP_PYTHON]
        try:
            subject = Isolated(make, Setup(path, threads=threads))
            times = [subject.call("stream", prompts.story(), 12)[1] for _ in range(3)]
            spent[threads] = sorted(times)[1]
            subject.end()
        except SubjectError:
            spent[threads] = math.inf
    return min(spent, key=lambda threads: spent[threads])


def renamed(path: Path, folder: Path) -> Path:
    """Write a copy of SmolLM2 whose pre-tokenizer has a name that engines of 2024 know.

    The weights, and so the speed, stay the same.
    """
    target = folder / path.name
    data = path.read_bytes()
    key = data.index(b"tokenizer.ggml.pre")
    place = data.index(b"smollm", key)
    target.write_bytes(data[:place] + b"falcon" + data[place + len(b"falcon") :])
    return target


@contextlib.contextmanager
def llama_server(path: Path, *, embedding: bool) -> Iterator[tuple[str, int, str]]:
    """Run llama.cpp's server; yields its address, its process id, and why there is none."""
    from langchain_localllm import LocalServer
    from langchain_localllm.errors import LocalLLMError

    try:
        server = LocalServer(
            path, n_ctx=CONTEXT, n_parallel=SLOTS, embedding=embedding, launcher="xllamacpp"
        )
    except LocalLLMError as error:
        yield "", 0, str(error)
        return
    with server:
        yield server.base_url, server.pid, ""


@contextlib.contextmanager
def ollama_server(path: Path, *, embedding: bool) -> Iterator[tuple[str, str]]:
    """Run Ollama with the model; yields its address, and why there is none."""
    import requests

    from tools.engines import ollama

    with contextlib.ExitStack() as stack:
        reason = ""
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(ollama.serve(folder))
            ollama.create(url, "speed", path)
            way, text = ("embed", "input") if embedding else ("generate", "prompt")
            body = {"model": "speed", text: "Hello", "stream": False, "options": {"num_predict": 1}}
            answer = requests.post(f"{url}/api/{way}", json=body, timeout=60)
            if not answer.ok:
                version = requests.get(f"{url}/api/version", timeout=5).json()["version"]
                reason = f"Ollama {version} fails on this model: {answer.json()['error']}"
        except (OSError, RuntimeError) as error:  # those of requests too
            reason = f"Ollama cannot be used here: {error}"
        yield "" if reason else url, reason


def install_peer() -> None:
    """Install langchain-llama-cpp in a folder of its own; where that fails, its row says so."""
    if not PEER_FOLDER.exists():
        options = [
            "--quiet",
            "--no-deps",
            "--disable-pip-version-check",
            "--target",
            str(PEER_FOLDER),
        ]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, PEER], check=False)  # noqa: S603 - pip


def machine() -> str:
    """Return what this machine is, in words."""
    import psutil

    cpu = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*: (.*)", cpu.read_text()) if cpu.exists() else None
    cores = psutil.cpu_count(logical=False)
    gigabytes = psutil.virtual_memory().total / 1e9
    return f"{name[1] if name else platform.machine()}, {cores} cores, {gigabytes:.0f} GB"


def versions() -> dict[str, str]:
    """Return the versions of what is measured."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    name, _, version = PEER.partition("==")
    return {**found, name: version}


@contextlib.contextmanager
def models(name: str) -> Iterator[tuple[str, Path, Path]]:
    """Yield a model's title, its file, and the file for engines of 2024."""
    from langchain_localllm.models import tiny_chat_model
    from tools.engines import real_models
    from tools.engines.models import never_ending

    with tempfile.TemporaryDirectory() as folder:
        if name == "tiny":
            path = never_ending(tiny_chat_model(), Path(folder) / "tiny-chat.gguf")
            yield "tiny-chat", path, path
        elif name == "smollm2":
            path = real_models.SMOLLM2
            yield "SmolLM2 135M", path, renamed(path, Path(folder))
        elif name == "gemma":
            yield "Gemma 3 270M", real_models.GEMMA, real_models.GEMMA
        else:
            yield "all-MiniLM-L6-v2", real_models.MINILM, real_models.MINILM


def subjects(name: str) -> dict[str, rows.Make]:
    """Return what is measured on a model."""
    if name == "minilm":
        return rows.EMBEDDINGS
    if name == "tiny":  # for Ollama, since the packaged one fails on the real models
        return rows.OLLAMA_SERVED
    return rows.subjects(rows.IN_PROCESS, rows.SERVED, rows.OLLAMA_SERVED, rows.GPT4ALL_ENGINE)


def run_model(name: str, seconds: float, at_least: int) -> dict[str, Any]:
    """Measure all subjects on a model, for about so many seconds."""
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        title, path, old = stack.enter_context(models(name))
        embeds, small = name == "minilm", name in {"minilm", "tiny"}
        url, pid, no_server = stack.enter_context(llama_server(path, embedding=embeds))
        ollama, no_ollama = stack.enter_context(ollama_server(old, embedding=embeds))
        threads = 1 if small else best_threads(path)
        setup = Setup(path, threads, url, ollama, old, no_server, no_ollama)
        # Ollama ends an answer at the 30th of the same token
        prompts = Prompts("Repeat: {}", answer=24) if name == "tiny" else Prompts()
        bench = Bench(title, subjects(name), setup, prompts, embeds=embeds)
        bench.rounds(seconds - (time.monotonic() - started), at_least)
        bench.end()
        server_memory = peak_memory(pid) if pid and name != "tiny" else 0.0
        return {**bench.result(), "server_memory": server_memory}


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all models under one condition."""
    install_peer()
    load = os.getloadavg()[0]
    names = arguments.models.split(",")
    total = sum(SHARES[name] for name in names)
    with busy_cores() if arguments.busy else contextlib.nullcontext():
        measured = [
            run_model(name, 60 * arguments.minutes * SHARES[name] / total, arguments.rounds)
            for name in names
        ]
    options = " ".join(sys.argv[1:])
    return {
        "command": f'make speed SPEED_ARGS="{options}"' if options else "make speed",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "load": round(load, 1),
        "versions": versions(),
        "models": measured,
    }


def main() -> None:
    """Measure, keep the results, and write the page."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    arguments.add_argument("--busy", action="store_true", help="keep all cores busy meanwhile")
    arguments.add_argument("--minutes", type=float, default=8.5, help="for all models together")
    arguments.add_argument("--rounds", type=int, default=3, help="at least, whatever the time")
    arguments.add_argument("--models", default=",".join(SHARES), help="with commas between")
    arguments.add_argument("--page", action="store_true", help="write the page only")
    chosen = arguments.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if not chosen.page:
        results["busy" if chosen.busy else "quiet"] = run(chosen)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_page(results)


if __name__ == "__main__":
    main()
