"""Compare `LlamaCpp` with llama-cpp-python's own loop, `xllamacpp` and the old class.

The latter is `langchain_community`'s; `xllamacpp` is used bare.

`python -m benchmarks.llamacpp --model MODEL.gguf ...` prints a table of ratios for each model and
takes about three minutes for one. Each ratio is the median of pairs: both sides are measured one
right after the other, in turns, so that a machine whose speed varies does not matter much. Every
row has the same share of `--seconds` and gets at least one pair; the number of pairs and the lowest
and highest ratio are printed too.

Without `--model` it makes two models with random weights (250 MB and 7 MB) in a cache folder.
`--rows stream,batch` measures only rows whose name holds one of these texts, `--busy` keeps all
cores busy with other processes meanwhile, and `--xquad` takes the passages for the row about drafts
from XQuAD (https://github.com/google-deepmind/xquad). An embedding model gets a row of its own.
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
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

from benchmarks._busy import busy_cores
from benchmarks._random_models import LARGE, SMALL, random_model, text
from langchain_localllm import LlamaCpp, LlamaCppEmbeddings
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.gguf.threads import default_threads, physical_cores, sleeping_openmp
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.backend import Backend

FOLDER: Final = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "langchain-localllm"
)
N_CTX: Final = 8192
PERSONA: Final = 400
TURN: Final = 8
PREFIX: Final = 1000
COLD: Final = 2
"""Prompts of eight that are read from cold by the own loop; the others take as long."""
LONG: Final = 4500
BUSY_LONG: Final = 1000
"""The same next to busy processes, where the own loop may take a hundred times as long."""
MOST_PAIRS: Final = 9
PAGES: Final = sorted((Path(__file__).parents[1] / "docs" / "handbook").glob("*.md"))
GREEDY: Final[dict[str, Any]] = {"temperature": 0, "ignore_eos": True}
FRESH: Final = """
from langchain_localllm import LlamaCpp
llm = LlamaCpp(model_path={path!r}, backend={backend!r}, n_ctx=512)
next(llm.stream("Once upon a time"))
import os
os._exit(0)
"""
"""A program that imports the package and ends at the first token."""

Ratio = Callable[[], float]


class Side(ABC):
    """Something that answers."""

    @abstractmethod
    def answer(self, prompt: str, tokens: int) -> str:
        """Return the answer, in one piece."""

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

        self.llama = Llama(
            str(path),
            n_ctx=N_CTX,
            n_threads=threads,
            n_threads_batch=physical_cores(),
            verbose=False,
        )

    def answer(self, prompt: str, tokens: int) -> str:
        """Return the answer, in one piece."""
        parts: Any = self.llama.create_completion(
            prompt, max_tokens=tokens, temperature=0, stream=True
        )
        return "".join(part["choices"][0]["text"] for part in parts)

    def cold(self, prompts: list[str], tokens: int) -> None:
        """Answer them one after the other, with nothing in the cache each time."""
        for prompt in prompts:
            self.llama.reset()  # type: ignore[no-untyped-call]  # the package has no types
            self.answer(prompt, tokens)


class Bare(Side):
    """xllamacpp's own server object, with `LlamaCpp`'s threads, which sleep while they wait."""

    def __init__(self, path: Path, threads: int) -> None:
        with sleeping_openmp():
            import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 4 * N_CTX, 8, False, -1
        params.kv_unified, params.port, params.hostnames = (
            True,
            0,
            [str(Path(tempfile.mkdtemp()) / "llama.sock")],
        )
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        self.server: Any = xllamacpp.Server(params)

    def answer(self, prompt: str, tokens: int) -> str:
        """Return the answer, in one piece."""
        parts: list[bytes] = []
        request = {
            "prompt": prompt,
            "n_predict": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
        }
        self.server.handle_completions(json.dumps(request).encode(), parts.append)
        return "".join(json.loads(part).get("content", "") for part in parts)

    def together(self, prompts: list[str], tokens: int) -> None:
        """Answer them together."""
        threads = [
            threading.Thread(target=self.answer, args=(prompt, tokens)) for prompt in prompts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Community(Side):
    """`langchain_community`'s class, with the same settings."""

    def __init__(self, path: Path, threads: int) -> None:
        from langchain_community.llms import LlamaCpp as Old

        settings: dict[str, Any] = {
            "n_ctx": N_CTX,
            "n_batch": 512,
            "verbose": False,
            "temperature": 0,
            "repeat_penalty": 1.0,
        }
        self.llm = Old(
            model_path=str(path),
            n_threads=threads,
            model_kwargs={"n_threads_batch": physical_cores()},
            **settings,
        )

    def answer(self, prompt: str, tokens: int) -> str:
        """Return the answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))


class Ours(Side):
    """This package's class."""

    def __init__(self, path: Path, backend: Backend, more: dict[str, Any]) -> None:
        self.llm = LlamaCpp(model_path=path, n_ctx=N_CTX, backend=backend, **GREEDY, **more)

    def answer(self, prompt: str, tokens: int) -> str:
        """Return the answer, in one piece."""
        return "".join(self.llm.stream(prompt, max_tokens=tokens))

    def together(self, prompts: list[str], tokens: int) -> None:
        """Answer them together."""
        self.llm.generate(prompts, max_tokens=tokens)

    def tokens(self, prompt: str) -> int:
        """Return the prompt's length in tokens."""
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


class OwnVectors:
    """llama-cpp-python's own loop for embeddings."""

    def __init__(self, path: Path, threads: int) -> None:
        from llama_cpp import Llama

        self.llama = Llama(
            str(path), embedding=True, n_threads=threads, n_threads_batch=threads, verbose=False
        )

    def embed(self, texts: list[str]) -> None:
        """Make vectors of them."""
        self.llama.embed(texts, normalize=True)


class OurVectors:
    """This package's class for embeddings."""

    def __init__(self, path: Path, backend: Backend | None) -> None:
        self.embeddings = LlamaCppEmbeddings(model_path=path, backend=backend)

    def embed(self, texts: list[str]) -> None:
        """Make vectors of them."""
        self.embeddings.embed_documents(texts)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Apart:
    """One of the above in its own process: OpenMP's threads for one would slow the others."""

    def __init__(self, kind: Callable[[Path], object], path: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, kind, path), daemon=True)
        self._process.start()

    def do(self, name: str, *args: Any) -> Any:
        """Call a method; gives its result."""
        self._pipe.send((name, args))
        return self._pipe.recv()

    def seconds(self, name: str, *args: Any) -> float:
        """How long a method takes."""
        return seconds(lambda: self.do(name, *args))

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Any, kind: Callable[[Path], object], path: Path) -> None:
    side = kind(path)
    with contextlib.suppress(EOFError):  # when the benchmark has ended
        while True:
            name, args = pipe.recv()
            pipe.send(getattr(side, name)(*args))


class Bench:
    """The rows, on one model and backend. Each prompt is new, so that no cache knows it."""

    def __init__(self, path: Path, backend: Backend, threads: int, xquad: list[str]) -> None:
        self.path, self.backend, self.passages = path, backend, xquad
        info = check_gguf(path)
        self.embeds, context = info.embeds, info.context_length or N_CTX
        self.number, self.sides = 0, dict[str, Apart]()
        self.long = min(LONG, context - 100)
        self.kinds: dict[str, Callable[[Path], object]] = {
            "ours": functools.partial(Ours, backend=backend, more={}),
            "drafting": functools.partial(Ours, backend=backend, more={"spec_type": "ngram"}),
            "checked": functools.partial(Ours, backend=backend, more={"flash_attn": True}),
            "own": functools.partial(Own, threads=threads),
            "bare": functools.partial(Bare, threads=default_threads(path, sleeping=True)),
            "community": functools.partial(Community, threads=threads),
            "our vectors": functools.partial(OurVectors, backend=backend),
            "own vectors": functools.partial(OwnVectors, threads=threads),
        }

    def side(self, name: str) -> Apart:
        """One of the sides, started when it is first needed."""
        if name not in self.sides:
            self.sides[name] = Apart(self.kinds[name], self.path)
        return self.sides[name]

    def end(self) -> None:
        """End all processes."""
        for side in self.sides.values():
            side.end()

    @functools.cached_property
    def words_per_token(self) -> float:
        """To make a prompt with a number of tokens."""
        return 300 / int(self.side("ours").do("tokens", text(300)))

    def prompt(self, count: int) -> str:
        """Return a text of so many tokens that did not occur yet."""
        self.number += 1
        return text(round(count * self.words_per_token), first=self.number)

    def ratio(self, other: str, method: str, arguments: Callable[[], tuple[Any, ...]]) -> float:
        """Return the other's time over ours, which goes first in every second pair."""
        given = {name: arguments() for name in (other, "ours")}
        order = sorted(given, reverse=self.number % 2 == 1)
        spent = {name: self.side(name).seconds(method, *given[name]) for name in order}
        return spent[other] / spent["ours"]

    def stream(self, other: str) -> float:
        """One answer of 32 tokens to a prompt of 30."""
        return self.ratio(other, "answer", lambda: (self.prompt(30), 32))

    def batch(self, other: str) -> float:
        """8 prompts of 30 tokens with 16 tokens each."""
        return self.ratio(other, "together", lambda: ([self.prompt(30) for _ in range(8)], 16))

    def personas(self) -> float:
        """Two characters with personas of 400 tokens who speak in turn: 8 tokens, 3 turns each."""
        people = [self.prompt(PERSONA) for _ in range(2)]
        for name in ("own", "ours"):
            self.side(name).do("together", people, 1)  # both have read them before
        return self.side("own").seconds("talk", people) / self.side("ours").seconds("talk", people)

    def prefix(self) -> float:
        """8 prompts that share 1,000 tokens, from cold, against eight cold reads.

        Two of the latter are done and count fourfold.
        """
        shared = self.prompt(min(PREFIX, self.long - 50))
        prompts = [shared + self.prompt(10) for _ in range(8)]
        cold = self.side("own").seconds("cold", prompts[:COLD], 4) * 8 / COLD
        return cold / self.side("ours").seconds("together", prompts, 4)

    def reading(self, tokens: int) -> float:
        """Return a prompt, up to its first token."""
        return self.ratio("own", "answer", lambda: (self.prompt(tokens), 1))

    def reading_beside_others(self) -> float:
        """As `reading`, while other processes keep all cores busy."""
        with busy_cores():
            return self.reading(min(BUSY_LONG, self.long))

    def first_token(self) -> float:
        """Time to a short prompt's first token while one of 1,000 is read, over that when idle."""
        long = self.prompt(min(PREFIX, self.long))
        ratio: float = self.side("ours").do("first_token", self.prompt(30), long, self.prompt(30))
        return ratio

    def drafts(self) -> float:
        """48 tokens that copy from a passage, greedily, with drafts by n-grams, over none.

        The answers are equal.
        """
        self.number += 1
        page = self.passages[self.number % len(self.passages)][:1200]
        prompt = f"{page}\n\nThe same text again, word for word:\n\n{page[:200]}"
        spent, answers = {}, {}
        for name in ("checked", "drafting"):
            started = time.perf_counter()
            answers[name] = self.side(name).do("answer", prompt, 48)
            spent[name] = time.perf_counter() - started
        if answers["checked"] != answers["drafting"]:
            print(f"  drafts changed the answer: {answers}", flush=True)
        return spent["checked"] / spent["drafting"]

    def vectors(self) -> float:
        """Vectors of 16 texts of 60 words."""
        self.number += 16
        texts = [text(60, first=self.number + each) for each in range(16)]
        return self.side("own vectors").seconds("embed", texts) / self.side("our vectors").seconds(
            "embed", texts
        )

    def fresh(self) -> float:
        """Seconds from the start of Python to the first token of tiny-chat; no ratio."""
        program = FRESH.format(path=str(tiny_chat_model()), backend=self.backend)
        return seconds(lambda: subprocess.run([sys.executable, "-c", program], check=True))  # noqa: S603 - a program of this file

    def rows(self) -> dict[str, Ratio]:
        """Return the rows of the table."""
        if self.embeds:
            return {"embeddings of 16 texts, x own loop": self.vectors}
        rows: dict[str, Ratio] = {
            "stream, x own loop": functools.partial(self.stream, "own"),
            "stream, x bare xllamacpp": functools.partial(self.stream, "bare"),
            "batch of 8, x own loop": functools.partial(self.batch, "own"),
            "batch of 8, x bare xllamacpp": functools.partial(self.batch, "bare"),
            "two personas in turn, x own loop": self.personas,
            "8 prompts, one prefix, x own loop": self.prefix,
            "drafts by n-grams, x without": self.drafts,
            f"reading {self.long:,} tokens, x own loop": functools.partial(self.reading, self.long),
            "reading 1,000 tokens next to busy processes, x own loop": self.reading_beside_others,
            "first token next to a long prompt, x alone": self.first_token,
            "import and first token of tiny-chat, seconds": self.fresh,
        }
        if importlib.util.find_spec("langchain_community"):
            rows["stream, x langchain_community"] = functools.partial(self.stream, "community")
        return rows


def best_threads(path: Path) -> int:
    """Return the number of threads with which llama-cpp-python's own loop is the fastest."""
    if check_gguf(path).embeds:
        return physical_cores()
    spent = {}
    for threads in sorted({1, physical_cores()}):
        side = Apart(functools.partial(Own, threads=threads), path)
        side.do("answer", text(8), 2)
        spent[threads] = statistics.median(
            side.seconds("answer", text(8, first=first), 12) for first in range(1, 4)
        )
        side.end()
    return min(spent, key=lambda threads: spent[threads])


def pairs(row: Ratio, budget: float) -> list[float]:
    """Return the ratios of a row, for so many seconds.

    At least one, after one that is not counted where that leaves time for others.
    """
    started = time.perf_counter()
    ratios = [row()]
    if time.perf_counter() - started < budget / 3:
        ratios.clear()  # it set up what is set up at the first use
    while not ratios or (len(ratios) < MOST_PAIRS and time.perf_counter() - started < budget):
        ratios.append(row())
    return ratios


def measure(bench: Bench, wanted: list[str], budget: float) -> dict[str, list[float]]:
    """Row to its ratios."""
    rows = {
        name: row
        for name, row in bench.rows().items()
        if not wanted or any(word in name for word in wanted)
    }
    started, results = time.perf_counter(), dict[str, list[float]]()
    for place, (name, row) in enumerate(rows.items()):
        left = max(0.0, budget - (time.perf_counter() - started))
        results[name] = pairs(row, left / (len(rows) - place))
        print(f"  {bench.backend}, {describe(name, results[name])}", flush=True)
    return results


def describe(name: str, ratios: list[float]) -> str:
    """Return a line of the table."""
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs"
    return f"{name:<58}{statistics.median(ratios):>7.2f}   ({spread})"


def _passages(xquad: Path | None) -> list[str]:
    if xquad is None:
        return [page.read_text("utf-8") for page in PAGES]
    data = json.loads(xquad.read_text("utf-8"))["data"]
    return [paragraph["context"] for article in data for paragraph in article["paragraphs"]]


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "models", nargs="*", type=Path, help="GGUF files; without, models with random weights"
    )
    arguments.add_argument(
        "--model",
        action="append",
        type=Path,
        default=[],
        help="the same; can be given several times",
    )
    arguments.add_argument(
        "--backend", choices=get_args(Backend), action="append", help="default: xllamacpp"
    )
    arguments.add_argument(
        "--rows",
        default="",
        help="texts in the names of the rows to measure, with commas between them",
    )
    arguments.add_argument(
        "--seconds", type=float, default=170, help="for each model and backend, about"
    )
    arguments.add_argument("--busy", action="store_true", help="keep all cores busy meanwhile")
    arguments.add_argument("--xquad", type=Path, help="xquad.en.json")
    chosen = arguments.parse_args()
    models = [*chosen.models, *chosen.model] or [
        random_model(size, FOLDER) for size in (LARGE, SMALL)
    ]
    wanted = [word.strip() for word in chosen.rows.split(",") if word.strip()]
    passages = _passages(chosen.xquad)
    print(f"load before: {os.getloadavg()[0]:.1f}")
    lines: list[str] = []
    with busy_cores() if chosen.busy else contextlib.nullcontext():
        for path in models:
            threads = best_threads(path)
            for backend in chosen.backend or ["xllamacpp"]:
                print(f"{path.stem}, own loop with {threads} threads", flush=True)
                bench = Bench(path, backend, threads, passages)
                results = measure(bench, wanted, chosen.seconds)
                bench.end()
                lines += [
                    "",
                    f"{path.stem}, {backend}",
                    *(describe(*row) for row in results.items()),
                ]
    print("\n".join(lines))
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
