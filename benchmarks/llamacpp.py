"""`LlamaCpp` against llama-cpp-python's own loop and `langchain_community`'s class, on models with random weights.

`python -m benchmarks.llamacpp` makes the models (250 MB and 7 MB) in a cache folder, prints a table of ratios, each the median of
several rounds in one run, and saves a plot of it where matplotlib is installed. With `--quick`, each case is run once.
"""

import argparse
import importlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from llama_cpp import Llama

from benchmarks._random_models import LARGE, SMALL, random_model, text
from langchain_localllm import LlamaCpp

FOLDER: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "langchain-localllm"
N_CTX: Final = 4096
PERSONA: Final = 400
TURN: Final = 8
PREFIX: Final = 1000
GREEDY: Final[dict[str, Any]] = {"temperature": 0, "ignore_eos": True}


class Own:
    """llama-cpp-python's own loop, with all cores as ours."""

    def __init__(self, path: Path, threads: int) -> None:
        self.llama = Llama(str(path), n_ctx=N_CTX, n_threads=threads, n_threads_batch=threads, verbose=False)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        parts: Any = self.llama.create_completion(prompt, max_tokens=tokens, temperature=0, stream=True)
        return "".join(part["choices"][0]["text"] for part in parts)

    def forget(self) -> None:
        """Begin with nothing in the cache."""
        self.llama.reset()  # type: ignore[no-untyped-call]  # the package has no types


class Community(Own):
    """`langchain_community`'s class, with the same settings."""

    def __init__(self, path: Path, threads: int) -> None:
        from langchain_community.llms import LlamaCpp as Old

        settings: dict[str, Any] = {"n_ctx": N_CTX, "n_batch": 512, "n_threads": threads, "verbose": False, "temperature": 0}
        self.llm = Old(model_path=str(path), model_kwargs={"n_threads_batch": threads}, repeat_penalty=1.0, **settings)
        self.llama = self.llm.client

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))


class Ours:
    """This package's class."""

    def __init__(self, path: Path) -> None:
        self.llm = LlamaCpp(model_path=path, n_ctx=N_CTX, **GREEDY)
        self.threads = self.llm._context_settings()["n_threads"]  # noqa: SLF001 - so that all compute with the same number

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))

    def answers(self, prompts: list[str], tokens: int) -> dict[str, float]:
        """Answer together; the seconds of the slowest one's generation."""
        rows = self.llm.generate(prompts, max_tokens=tokens).generations
        spent = [(row[0].generation_info or {})["timings"] for row in rows]
        return {"generation": max(timings["generation"] for timings in spent)}


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Bench:
    """The cases, on one model. `number` makes the prompts of each round new, so that no cache knows them."""

    def __init__(self, path: Path) -> None:
        self.ours = Ours(path)
        self.own = Own(path, self.ours.threads)
        self.number = 0

    def prompt(self, count: int) -> str:
        """A text of so many tokens that did not occur yet."""
        self.number += 1
        return text(count, first=self.number)

    def stream(self, other: Own) -> float:
        """Tokens per second of one answer of 64 tokens, over the other's."""
        prompt = self.prompt(30)
        other.forget()
        theirs = seconds(lambda: other.answer(prompt, 64))
        return theirs / seconds(lambda: self.ours.answer(prompt, 64))

    def batch(self) -> tuple[float, float]:
        """8 prompts of 30 tokens with 32 tokens each: in all, and in generation alone."""
        prompts = [self.prompt(30) for _ in range(8)]
        theirs = seconds(lambda: [self.own.answer(prompt, 32) for prompt in prompts])
        reading = seconds(lambda: [self.own.answer(self.prompt(30), 1) for _ in prompts])
        spent: dict[str, float] = {}
        ours = seconds(lambda: spent.update(self.ours.answers(prompts, 32)))
        return theirs / ours, (theirs - reading) / spent["generation"]

    def personas(self) -> float:
        """Two characters with personas of 400 tokens who speak in turn, 8 tokens a turn, 3 turns each."""
        people = [self.prompt(PERSONA) for _ in range(2)]

        def talk(answer: Callable[[str, int], str]) -> None:
            said = ""
            for _ in range(3):
                for person in people:
                    said = answer(f"{person}{said}", TURN)

        for person in people:  # both have read them before
            self.ours.answer(person, 1)
            self.own.answer(person, 1)
        return seconds(lambda: talk(self.own.answer)) / seconds(lambda: talk(self.ours.answer))

    def prefix(self) -> float:
        """8 prompts that share 1,000 tokens, from cold, against eight cold reads."""
        shared = self.prompt(PREFIX)
        prompts = [shared + self.prompt(10) for _ in range(8)]

        def cold() -> None:
            for prompt in prompts:
                self.own.forget()
                self.own.answer(prompt, 4)

        return seconds(cold) / seconds(lambda: self.ours.answers(prompts, 4))

    def first_token(self) -> float:
        """Time to the first token of a short prompt while one of 1,500 is read, over that of an idle engine."""

        def first() -> float:
            stream = self.ours.llm.stream(self.prompt(30), max_tokens=4)
            return seconds(lambda: next(stream))

        idle, long = first(), self.prompt(1500)
        reader = threading.Thread(target=lambda: self.ours.answer(long, 1))
        reader.start()
        time.sleep(0.5)
        busy = first()
        reader.join()
        return busy / idle


def community(path: Path, threads: int) -> Own | None:
    """The class to compare with, where it is installed."""
    try:
        return Community(path, threads)
    except ImportError:
        return None


def measure(rounds: int) -> dict[str, tuple[float, str]]:
    """Case to its median ratio, and what is wanted."""
    large, small = (Bench(random_model(size, FOLDER)) for size in (LARGE, SMALL))
    old = community(random_model(LARGE, FOLDER), large.ours.threads)
    cases: dict[str, tuple[Callable[[], Any], str]] = {
        "large: .stream, x own loop": (lambda: large.stream(large.own), ">= 1.0"),
        "small: .stream, x own loop": (lambda: small.stream(small.own), ">= 1.0"),
        "large: .batch of 8, in all | generating": (large.batch, ">= 1.7 | >= 3"),
        "small: .batch of 8, in all | generating": (small.batch, ">= 2 |"),
        "large: two personas in turn": (large.personas, ">= 5"),
        "large: 8 prompts, one prefix of 1,000": (large.prefix, ">= 3"),
        "large: first token beside a long prompt": (large.first_token, "<= 3"),
    }
    if old:
        cases["large: .stream, x langchain_community"] = (lambda: large.stream(old), ">= 1.0")
    results: dict[str, tuple[float, str]] = {}
    for name, (case, wanted) in cases.items():
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
    print(f"{'median of ' + str(rounds):<45}{'ratio':>8}{'wanted':>10}")
    for name, (value, wanted) in results.items():
        print(f"{name:<45}{value:>8.2f}{wanted:>10}")
    print(f"load after: {os.getloadavg()[0]:.1f}")
    plot(results, Path(tempfile.gettempdir()) / "llamacpp-benchmark.png")


if __name__ == "__main__":
    main()
