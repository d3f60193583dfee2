"""Measure how many texts are embedded in a second.

Compared are the four classes, those of `langchain_community` and `langchain_ollama`, and the
bindings.

`python -m benchmarks.embeddings` embeds 2,000 short texts with the tiny model and with one of 104
MB with random weights, which it makes in a cache folder, and prints a table; `--write` puts it into
docs/embeddings.md. Ours and the others run in turn on the same engine with the same threads; a
figure is the median of several rounds, and a ratio that of the rounds' ratios. The time is the
processor's, of this process and of the engines', so that other programs count little; `--wall` is
for a quiet machine. `--texts`, `--large-texts` and `--rounds` make it shorter.
"""

import argparse
import contextlib
import importlib
import os
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import requests
from llama_cpp import Llama

from benchmarks._random_bert import random_bert
from benchmarks.llamacpp import FOLDER
from langchain_localllm import (
    GPT4AllEmbeddings,
    LlamaCppEmbeddings,
    LlamafileEmbeddings,
    LocalServer,
    OllamaEmbeddings,
)
from langchain_localllm.gguf.threads import default_threads
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.runtimes.gpt4all.binding import captured_stderr
from langchain_localllm.runtimes.llamacpp.compute_thread import computing
from tools.engines import ollama

Embed = Callable[[list[str]], list[list[float]]]
PAGE: Final = Path(__file__).parents[1] / "docs" / "embeddings.md"
_TABLE: Final = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_PLACES: Final = ("harbour", "mill", "museum", "school", "bakery", "garden", "bridge", "tower")
_WARM: Final = 4
_NOISE: Final = rb"embed: warning: unknown model"


@dataclass(frozen=True)
class Other:
    """What a class is compared with.

    Attributes:
        name: For the table.
        embed: Embeds a list of texts.
        wanted: The ratio that ours is to reach, or `None`.
    """

    name: str
    embed: Embed
    wanted: float | None


@dataclass(frozen=True)
class Case:
    """A class and what it is compared with, on one engine."""

    name: str
    embed: Embed
    others: list[Other]


def texts(count: int) -> list[str]:
    """Short texts, no two the same."""
    return [
        f"The {_PLACES[number % 8]} number {number} opens at {number % 12 + 1}, and the boat "
        "leaves an hour later."
        for number in range(count)
    ]


def old(module: str, name: str, **settings: Any) -> Any:
    """Return a class of another package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # langchain_community warns of its own end
        return getattr(importlib.import_module(module), name)(**settings)


# --- the engines ---


@contextlib.contextmanager
def llamacpp(model: Path, threads: int) -> Iterator[Case]:
    """llama.cpp in this process."""
    own: Any = Llama(
        str(model), embedding=True, n_threads=threads, n_threads_batch=threads, verbose=False
    )
    settings = {"model_path": str(model), "n_threads": threads, "verbose": False}
    community = old("langchain_community.embeddings", "LlamaCppEmbeddings", **settings)
    with LlamaCppEmbeddings(model_path=model, n_threads=threads) as ours:
        # In the thread where ours compute: OpenMP's helpers for another one would slow all of them
        # down.
        others = [
            Other(
                "llama-cpp-python's `embed`",
                lambda texts: computing.run_parallel(lambda: own.embed(texts)),
                1.0,
            ),
            Other(
                "langchain_community",
                lambda texts: computing.run_parallel(lambda: community.embed_documents(texts)),
                None,
            ),
        ]
        yield Case("LlamaCppEmbeddings", ours.embed_documents, others)


@contextlib.contextmanager
def gpt4all(model: Path, threads: int) -> Iterator[Case]:
    """GPT4All in this process. `langchain_community`'s own call raises for a model of another name.

    `prefix` is what it wants.
    """
    kwargs = {"model_path": str(model.parent), "allow_download": False}
    settings = {"model_name": model.name, "n_threads": threads, "gpt4all_kwargs": kwargs}
    client = old("langchain_community.embeddings", "GPT4AllEmbeddings", **settings).client

    def one_by_one(texts: list[str]) -> list[list[float]]:
        with captured_stderr(_NOISE):  # a line for each text
            return [list(map(float, client.embed(text, prefix=""))) for text in texts]

    with GPT4AllEmbeddings(model=model, n_threads=threads) as ours:
        yield Case(
            "GPT4AllEmbeddings",
            ours.embed_documents,
            [Other("langchain_community", one_by_one, 1.0)],
        )


@contextlib.contextmanager
def llamafile(model: Path, threads: int) -> Iterator[Case]:
    """llama.cpp's server.

    `langchain_community`'s class cannot read its answers, so this is its loop with that mended.
    """
    with LocalServer(model, embedding=True, threads=threads) as server:

        def one_by_one(texts: list[str]) -> list[list[float]]:
            return [
                _posted(f"{server.base_url}/embedding", {"content": text})[0]["embedding"][0]
                for text in texts
            ]

        ours = LlamafileEmbeddings(base_url=server.base_url)
        yield Case(
            "LlamafileEmbeddings",
            ours.embed_documents,
            [Other("langchain_community (mended)", one_by_one, 3.0)],
        )


def _posted(url: str, body: dict[str, Any]) -> Any:
    return requests.post(
        url, headers={"Content-Type": "application/json"}, json=body, timeout=600
    ).json()


@contextlib.contextmanager
def on_ollama(model: Path, threads: int) -> Iterator[Case]:
    """Return the real Ollama."""
    with tempfile.TemporaryDirectory() as folder, ollama.serve(Path(folder)) as url:
        # else each class loads it again
        ollama.create(url, model.stem, model, parameters={"num_thread": threads, "num_ctx": 512})
        settings: dict[str, Any] = {"base_url": url, "model": model.stem}
        community = old("langchain_community.embeddings", "OllamaEmbeddings", **settings)
        others = [
            Other("langchain_community", community.embed_documents, 2.0),
            Other(
                "langchain_ollama",
                old("langchain_ollama", "OllamaEmbeddings", **settings).embed_documents,
                1.0,
            ),
        ]
        yield Case("OllamaEmbeddings", OllamaEmbeddings(**settings).embed_documents, others)


ENGINES: Final = (llamacpp, on_ollama, llamafile, gpt4all)


# --- measuring ---


Clock = Callable[[], float]


def processor() -> float:
    """Seconds of processor time of this process and those that it started."""
    me = psutil.Process()
    spent = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(times.user + times.system for times in spent)


def speed(embed: Embed, texts: list[str], clock: Clock) -> float:
    """Texts in a second."""
    started = clock()
    count = len(embed(texts))
    if count != len(texts):
        raise RuntimeError(f"{count} vectors came of {len(texts)}")
    return count / (clock() - started)


def measured(case: Case, texts: list[str], rounds: int, clock: Clock) -> list[str]:
    """Return a row of the table for each comparison."""
    rows = []
    case.embed(texts[:_WARM])
    for other in case.others:
        other.embed(texts[:_WARM])
        pairs = [
            (speed(case.embed, texts, clock), speed(other.embed, texts, clock))
            for _ in range(rounds)
        ]
        ours, theirs = (statistics.median(values) for values in zip(*pairs, strict=True))
        ratio = statistics.median(one / two for one, two in pairs)
        wanted = "" if other.wanted is None else f"{other.wanted:g}"
        rows.append(
            f"| `{case.name}` | {other.name} | {ours:,.0f} | {theirs:,.0f} | {ratio:.2f} | "
            f"{wanted} |"
        )
        print(rows[-1], flush=True)
    return rows


def table(model: Path, count: int, rounds: int, clock: Clock, threads: int) -> str:
    """Return the comparisons on one model."""
    size = (
        f"{model.stem}, {model.stat().st_size / 1e6:.0f} MB, {threads} "
        f"thread{'s' * (threads > 1)}, {count:,} texts"
    )
    head = (
        f"| {size} | alongside | texts/s | its texts/s | ratio | wanted |\n"
        "|---|---|---|---|---|---|"
    )
    print(head, flush=True)
    rows = []
    for engine in ENGINES:
        with engine(model, threads) as case:
            rows += measured(case, texts(count), rounds, clock)
    return "\n".join([head, *rows])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--large-texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--threads", type=int, help="default: as the classes choose; fewer for a busy machine"
    )
    parser.add_argument("--wall", action="store_true", help="measure by the clock")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/embeddings.md"
    )
    chosen = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"  # a proxy before the engines would be measured too
    clock = time.perf_counter if chosen.wall else processor
    before = os.getloadavg()[0]
    sizes = [(tiny_embedding_model(), chosen.texts), (random_bert(FOLDER), chosen.large_texts)]
    tables = [
        table(model, count, chosen.rounds, clock, chosen.threads or default_threads(model))
        for model, count in sizes
        if count
    ]
    kind = "Texts a second by the clock" if chosen.wall else "Texts a second of processor time"
    load = (
        f"{kind}, median of {chosen.rounds}. Load of {os.cpu_count()} cores: {before:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after."
    )
    print(load)
    if chosen.write:
        figures = "\n\n".join([*tables, load])
        PAGE.write_text(
            _TABLE.sub(
                lambda found: f"{found[1]}\n{figures}\n\n{found[2]}", PAGE.read_text("utf-8")
            ),
            "utf-8",
        )


if __name__ == "__main__":
    main()
