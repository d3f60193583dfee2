"""`LlamaCpp` with both backends against the bare packages and `langchain_community`'s class.

`python -m benchmarks.llamacpp MODEL.gguf ...` prints a table of ratios for each model, each the median of several rounds in one
run, and saves a plot of it where matplotlib is installed. Without models it makes two with random weights (250 MB and 7 MB) in a
cache folder. With `--quick`, each case is run once; with `--busy`, other processes keep all cores busy meanwhile.
"""

import argparse
import contextlib
import functools
import importlib
import importlib.util
import json
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
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.gguf.threads import default_threads, physical_cores
from langchain_localllm.runtimes.llamacpp.backend import Backend

FOLDER: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "langchain-localllm"
N_CTX: Final = 8192
PERSONA: Final = 400
TURN: Final = 8
PREFIX: Final = 1000
LONG: Final = 4500
PAGES: Final = sorted((Path(__file__).parents[1] / "docs" / "handbook").glob("*.md"))
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
    """llama-cpp-python's own loop, with the threads with which it is the fastest."""

    def __init__(self, path: Path, threads: int) -> None:
        from llama_cpp import Llama

        self.llama = Llama(str(path), n_ctx=N_CTX, n_threads=threads, n_threads_batch=physical_cores(), verbose=False)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        parts: Any = self.llama.create_completion(prompt, max_tokens=tokens, temperature=0, stream=True)
        return "".join(part["choices"][0]["text"] for part in parts)

    def cold(self, prompts: list[str], tokens: int) -> None:
        """As `together`, with nothing in the cache each time."""
        for prompt in prompts:
            self.llama.reset()  # type: ignore[no-untyped-call]  # the package has no types
            self.answer(prompt, tokens)


class Bare(Side):
    """xllamacpp's own server object, with the threads that `LlamaCpp` gives it."""

    def __init__(self, path: Path, threads: int) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 4 * N_CTX, 8, False, -1
        params.kv_unified, params.port, params.hostnames = True, 0, [str(Path(tempfile.mkdtemp()) / "llama.sock")]
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        self.server: Any = xllamacpp.Server(params)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        parts: list[bytes] = []
        request = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True, "stream": True}
        self.server.handle_completions(json.dumps(request).encode(), parts.append)
        return "".join(json.loads(part).get("content", "") for part in parts)

    def together(self, prompts: list[str], tokens: int) -> None:
        """Answer them together."""
        threads = [threading.Thread(target=self.answer, args=(prompt, tokens)) for prompt in prompts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Community(Side):
    """`langchain_community`'s class, with the same settings."""

    def __init__(self, path: Path, threads: int) -> None:
        from langchain_community.llms import LlamaCpp as Old

        settings: dict[str, Any] = {"n_ctx": N_CTX, "n_batch": 512, "verbose": False, "temperature": 0, "repeat_penalty": 1.0}
        self.llm = Old(model_path=str(path), n_threads=threads, model_kwargs={"n_threads_batch": physical_cores()}, **settings)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))


class Ours(Side):
    """This package's class."""

    def __init__(self, path: Path, backend: Backend, more: dict[str, Any]) -> None:
        self.llm = LlamaCpp(model_path=path, n_ctx=N_CTX, backend=backend, **GREEDY, **more)

    def answer(self, prompt: str, tokens: int) -> str:
        """The answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))

    def together(self, prompts: list[str], tokens: int) -> None:
        """Answer them together."""
        self.llm.generate(prompts, max_tokens=tokens)

    def tokens(self, prompt: str) -> int:
        """The prompt's length in tokens."""
        return self.llm.get_num_tokens(prompt)

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
    """The cases, on one model and backend. `number` makes the prompts of each round new, so that no cache knows them."""

    number = 0

    def __init__(self, path: Path, backend: Backend, sides: "Sides") -> None:
        self.ours = Apart(functools.partial(Ours, backend=backend, more={}), path)
        self.drafting = Apart(functools.partial(Ours, backend=backend, more={"spec_type": "ngram"}), path)
        self.own, self.bare, self.old = sides.own, sides.bare, sides.old
        self.context = check_gguf(path).context_length or 0
        self.words_per_token = 300 / self.ours.do("tokens", text(300))

    def prompt(self, count: int) -> str:
        """A text of so many tokens that did not occur yet."""
        Bench.number += 1
        return text(round(count * self.words_per_token), first=Bench.number)

    def stream(self, other: Apart) -> float:
        """Tokens per second of one answer of 64 tokens, over the other's."""
        theirs = other.seconds("answer", self.prompt(30), 64)
        return theirs / self.ours.seconds("answer", self.prompt(30), 64)

    def batch(self, other: Apart) -> float:
        """8 prompts of 30 tokens with 32 tokens each."""
        theirs, ours = (side.seconds("together", [self.prompt(30) for _ in range(8)], 32) for side in (other, self.ours))
        return theirs / ours

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

    def reading(self) -> float:
        """A prompt of 4,500 tokens, up to its first token."""
        return self.own.seconds("answer", self.prompt(LONG), 1) / self.ours.seconds("answer", self.prompt(LONG), 1)

    def first_token(self) -> float:
        """Time to the first token of a short prompt while one of 1,500 is read, over that of an idle engine."""
        ratio: float = self.ours.do("first_token", self.prompt(30), self.prompt(1500), self.prompt(30))
        return ratio

    def drafts(self) -> float:
        """128 tokens that copy from a page of the handbook, greedily, with drafts by n-grams, over the same without."""
        Bench.number += 1
        page = PAGES[Bench.number % len(PAGES)].read_text("utf-8")[:1500]
        prompt = f"{page}\n\nThe same text again, word for word:\n\n{page[:200]}"
        return self.ours.seconds("answer", prompt, 128) / self.drafting.seconds("answer", prompt, 128)

    def cases(self) -> dict[str, Callable[[], float]]:
        """The rows of the table."""
        rows: dict[str, Callable[[], float]] = {
            "stream, x own loop": functools.partial(self.stream, self.own),
            "stream, x bare xllamacpp": functools.partial(self.stream, self.bare),
            "batch of 8, x own loop": functools.partial(self.batch, self.own),
            "batch of 8, x bare xllamacpp": functools.partial(self.batch, self.bare),
            "two personas in turn, x own loop": self.personas,
            "8 prompts, one prefix, x own loop": self.prefix,
            "drafts by n-grams, x without": self.drafts,
            "first token beside a long prompt, x alone": self.first_token,
        }
        if self.context >= N_CTX:
            rows["reading 4,500 tokens, x own loop"] = self.reading
        if self.old:
            rows["stream, x langchain_community"] = functools.partial(self.stream, self.old)
        return rows


class Sides:
    """What this package is compared with, on one model."""

    def __init__(self, path: Path) -> None:
        threads = _best_threads(path)
        self.own = Apart(functools.partial(Own, threads=threads), path)
        self.bare = Apart(functools.partial(Bare, threads=default_threads(path)), path)
        community = importlib.util.find_spec("langchain_community")
        self.old = Apart(functools.partial(Community, threads=threads), path) if community else None


def _best_threads(path: Path) -> int:
    """The number of threads with which llama-cpp-python's own loop is the fastest."""
    spent = {}
    for threads in sorted({1, physical_cores()}):
        side = Apart(functools.partial(Own, threads=threads), path)
        side.do("answer", text(30), 4)
        spent[threads] = sum(side.seconds("answer", text(30, first=first), 32) for first in range(1, 4))
    return min(spent, key=lambda threads: spent[threads])


def measure(path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Row to backend to its median ratio."""
    sides = Sides(path)
    results: dict[str, dict[str, float]] = {}
    backends: tuple[Backend, ...] = ("llama-cpp-python", "xllamacpp")
    for backend in backends:
        for name, case in Bench(path, backend, sides).cases().items():
            case()  # what is set up at the first use
            results.setdefault(name, {})[backend] = statistics.median(case() for _ in range(rounds))
            print(f"  {backend}, {name}: {results[name][backend]:.2f}", flush=True)
    return results


def plot(results: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """Save the ratios as a picture."""
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        return
    figure, all_axes = pyplot.subplots(1, len(results), figsize=(7 * len(results), 5), squeeze=False, sharey=True)
    for axes, (model, rows) in zip(all_axes[0], results.items(), strict=True):
        for offset, backend in enumerate(["llama-cpp-python", "xllamacpp"]):
            places = [place + 0.4 * offset for place in range(len(rows))]
            axes.barh(places, [row[backend] for row in rows.values()], height=0.4, label=f'backend="{backend}"')
        axes.set_yticks([place + 0.2 for place in range(len(rows))], list(rows))
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_title(model)
        axes.set_xlabel("ratio")
    all_axes[0][0].invert_yaxis()
    all_axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(path)
    print(f"plot: {path}")


def _spin() -> None:
    while True:
        pass


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("models", nargs="*", type=Path, help="GGUF files; without, models with random weights")
    arguments.add_argument("--quick", action="store_true", help="run each case once")
    arguments.add_argument("--busy", action="store_true", help="keep all cores busy meanwhile")
    chosen = arguments.parse_args()
    for _ in range(os.cpu_count() or 1 if chosen.busy else 0):
        multiprocessing.get_context("spawn").Process(target=_spin, daemon=True).start()
    models = chosen.models or [random_model(size, FOLDER) for size in (LARGE, SMALL)]
    rounds = 1 if chosen.quick else 5
    print(f"load before: {os.getloadavg()[0]:.1f}")
    results = {path.stem: measure(path, rounds) for path in models}
    for model, rows in results.items():
        print(f"\n{model + ', median of ' + str(rounds):<55}{'llama-cpp-python':>18}{'xllamacpp':>12}")
        for name, row in rows.items():
            print(f"{name:<55}{row['llama-cpp-python']:>18.2f}{row['xllamacpp']:>12.2f}")
    print(f"load after: {os.getloadavg()[0]:.1f}")
    plot(results, Path(tempfile.gettempdir()) / "llamacpp-benchmark.png")


if __name__ == "__main__":
    main()
