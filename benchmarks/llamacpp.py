"""`LlamaCpp` against llama-cpp-python's own loop and `langchain_community`'s class, on models with random weights.

`python -m benchmarks.llamacpp` makes the models (250 MB and 7 MB) in a cache folder, prints a table of ratios, each the median of
several rounds in one run, and saves a plot of it where matplotlib is installed. With `--quick`, each case is run once.
"""

import argparse
import contextlib
import functools
import importlib.util
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks._random_models import LARGE, SMALL, random_model, text
from langchain_localllm import LlamaCpp
from langchain_localllm.base.threads import default_threads, physical_cores

FOLDER: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "langchain-localllm"
N_CTX: Final = 4096
PERSONA: Final = 400
TURN: Final = 8
PREFIX: Final = 1000
GREEDY: Final[dict[str, Any]] = {"temperature": 0, "ignore_eos": True}


class Side(ABC):
    """Something that answers."""

    @abstractmethod
    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""

    def together(self, prompts: list[str], tokens: int) -> None:
        """Answer them; one after the other, where there is no better way."""
        for prompt in prompts:
            self.answer(prompt, tokens)

    def talk(self, people: list[str]) -> None:
        """Those with these personas speak in turn, three times each."""
        said = ""
        for person in people * 3:
            said = self.answer(f"{person}{said}", TURN)


class Own(Side):
    """llama-cpp-python's own loop, with the threads that are the fastest for it when nothing else runs."""

    def __init__(self, path: Path) -> None:
        from llama_cpp import Llama

        alone, together = default_threads(path), physical_cores()
        self.llama = Llama(str(path), n_ctx=N_CTX, n_threads=alone, n_threads_batch=together, verbose=False)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        parts: Any = self.llama.create_completion(prompt, max_tokens=tokens, temperature=0, stream=True)
        return "".join(part["choices"][0]["text"] for part in parts)

    def cold(self, prompts: list[str], tokens: int) -> None:
        """As `together`, with nothing in the cache each time."""
        for prompt in prompts:
            self.llama.reset()  # type: ignore[no-untyped-call]  # the package has no types
            self.answer(prompt, tokens)


class Community(Side):
    """`langchain_community`'s class, with the same settings."""

    def __init__(self, path: Path) -> None:
        from langchain_community.llms import LlamaCpp as Old

        settings: dict[str, Any] = {"n_ctx": N_CTX, "n_batch": 512, "verbose": False, "temperature": 0, "repeat_penalty": 1.0}
        together = {"n_threads_batch": physical_cores()}
        self.llm = Old(model_path=str(path), n_threads=default_threads(path), model_kwargs=together, **settings)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))


class Ours(Side):
    """This package's class."""

    def __init__(self, path: Path) -> None:
        self.llm = LlamaCpp(model_path=path, n_ctx=N_CTX, **GREEDY)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))

    def together(self, prompts: list[str], tokens: int) -> None:
        """Answer them together."""
        self.llm.generate(prompts, max_tokens=tokens)

    def first_token(self, idle: str, long: str, busy: str) -> float:
        """Time to the first token while a long prompt is read, over that of an idle engine."""

        def first(prompt: str) -> float:
            stream = self.llm.stream(prompt, max_tokens=4)
            return seconds(lambda: next(stream))

        alone = first(idle)
        reader = threading.Thread(target=lambda: self.answer(long, 1))
        reader.start()
        time.sleep(0.5)
        beside = first(busy)
        reader.join()
        return beside / alone


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Apart:
    """One of the above in a process of its own: OpenMP's threads for one would slow the others down."""

    def __init__(self, kind: Callable[[Path], Side], path: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        spawn.Process(target=_serve, args=(theirs, kind, path), daemon=True).start()

    def do(self, name: str, *args: Any) -> Any:
        """Call a method; gives its result."""
        self._pipe.send((name, args))
        return self._pipe.recv()

    def seconds(self, name: str, *args: Any) -> float:
        """How long a method takes."""
        return seconds(lambda: self.do(name, *args))


def _serve(pipe: Any, kind: Callable[[Path], Side], path: Path) -> None:
    side = kind(path)
    with contextlib.suppress(EOFError):  # when the benchmark has ended
        while True:
            name, args = pipe.recv()
            pipe.send(getattr(side, name)(*args))


class Bench:
    """The cases, on one model. `number` makes the prompts of each round new, so that no cache knows them."""

    def __init__(self, path: Path) -> None:
        self.ours, self.own = Apart(Ours, path), Apart(Own, path)
        self.old = Apart(Community, path) if importlib.util.find_spec("langchain_community") else None
        self.number = 0

    def prompt(self, count: int) -> str:
        """A text of so many tokens that did not occur yet."""
        self.number += 1
        return text(count, first=self.number)

    def stream(self, other: Apart) -> float:
        """Tokens per second of one answer of 64 tokens, over the other's."""
        theirs = other.seconds("answer", self.prompt(30), 64)
        return theirs / self.ours.seconds("answer", self.prompt(30), 64)

    def batch(self) -> tuple[float, float]:
        """8 prompts of 30 tokens with 32 tokens each: in all, and without the time that the first tokens take."""

        def spent(side: Apart, tokens: int) -> float:
            return side.seconds("together", [self.prompt(30) for _ in range(8)], tokens)

        whole = spent(self.own, 32), spent(self.ours, 32)
        return whole[0] / whole[1], (whole[0] - spent(self.own, 1)) / (whole[1] - spent(self.ours, 1))

    def personas(self) -> float:
        """Two characters with personas of 400 tokens who speak in turn, 8 tokens a turn, 3 turns each."""
        people = [self.prompt(PERSONA) for _ in range(2)]
        for side in (self.own, self.ours):
            side.do("together", people, 1)  # both have read them before
        return self.own.seconds("talk", people) / self.ours.seconds("talk", people)

    def prefix(self) -> float:
        """8 prompts that share 1,000 tokens, from cold, against eight cold reads."""
        shared = self.prompt(PREFIX)
        prompts = [shared + self.prompt(10) for _ in range(8)]
        return self.own.seconds("cold", prompts, 4) / self.ours.seconds("together", prompts, 4)

    def first_token(self) -> float:
        """Time to the first token of a short prompt while one of 1,500 is read, over that of an idle engine."""
        ratio: float = self.ours.do("first_token", self.prompt(30), self.prompt(1500), self.prompt(30))
        return ratio


def measure(rounds: int) -> dict[str, tuple[float, str]]:
    """Case to its median ratio, and what is wanted."""
    large, small = (Bench(random_model(size, FOLDER)) for size in (LARGE, SMALL))
    cases: dict[str, tuple[Callable[[], Any], str]] = {
        "large: .stream, x own loop": (lambda: large.stream(large.own), ">= 1.0"),
        "small: .stream, x own loop": (lambda: small.stream(small.own), ">= 1.0"),
        "large: .batch of 8, in all | generating": (large.batch, ">= 1.7 | >= 3"),
        "small: .batch of 8, in all | generating": (small.batch, ">= 2 |"),
        "large: two personas in turn": (large.personas, ">= 5"),
        "large: 8 prompts, one prefix of 1,000": (large.prefix, ">= 3"),
        "large: first token beside a long prompt": (large.first_token, "<= 3"),
    }
    for bench, name in ((large, "large"), (small, "small")):
        if bench.old:
            cases[f"{name}: .stream, x langchain_community"] = (functools.partial(bench.stream, bench.old), ">= 1.0")
    results: dict[str, tuple[float, str]] = {}
    for name, (case, wanted) in cases.items():
        case()  # what is set up at the first use
        values = [case() for _ in range(rounds)]
        if isinstance(values[0], tuple):
            first, _, second = name.partition(" | ")
            results[first] = (statistics.median(value[0] for value in values), wanted.partition("|")[0].strip())
            results[f"{first.rpartition(',')[0]}, {second}"] = (
                statistics.median(v[1] for v in values),
                wanted.partition("|")[2].strip(),
            )
        else:
            results[name] = (statistics.median(values), wanted)
        print(f"  {name}: done", flush=True)
    return results


def plot(results: dict[str, tuple[float, str]], path: Path) -> None:
    """Save the ratios as a picture."""
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        return
    figure, axes = pyplot.subplots(figsize=(8, 4))
    axes.barh(list(results), [value for value, _ in results.values()])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("ratio")
    figure.tight_layout()
    figure.savefig(path)
    print(f"plot: {path}")


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="run each case once")
    rounds = 1 if arguments.parse_args().quick else 5
    print(f"load before: {os.getloadavg()[0]:.1f}")
    results = measure(rounds)
    print(f"{'median of ' + str(rounds):<55}{'ratio':>8}{'wanted':>10}")
    for name, (value, wanted) in results.items():
        print(f"{name:<55}{value:>8.2f}{wanted:>10}")
    print(f"load after: {os.getloadavg()[0]:.1f}")
    plot(results, Path(tempfile.gettempdir()) / "llamacpp-benchmark.png")


if __name__ == "__main__":
    main()
