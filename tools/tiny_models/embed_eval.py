"""Evaluate `tiny-embed.gguf` on the llama.cpp server: `python -m tools.tiny_models.embed_eval`.

Nothing here was seen in training: invented names, sentence patterns and question phrasings are
those held out, and the ordinary prose was written by hand for this purpose only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import requests
from numpy.typing import NDArray

from .embed_data import Example, prose_example, world_example
from .embed_prose import PROSE

MODELS = Path(__file__).resolve().parents[2] / "langchain_localllm" / "models"
AMONG = 50
QUERIES = 1000  # a figure
SERVER = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port, p.embedding, p.cpuparams.n_threads, p.n_parallel = sys.argv[1], 0, True, 1, 1
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
Embed = Callable[[list[str]], NDArray[np.float64]]


@contextlib.contextmanager
def engine(path: Path) -> Iterator[Embed]:
    """Run the real server on `path`.

    Yields a function from texts to vectors of shape (texts, width).
    """
    command = [sys.executable, "-c", SERVER, str(path)]
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        url = server.stdout.readline().strip() if server.stdout else ""

        def embed(texts: list[str]) -> NDArray[np.float64]:
            reply = requests.post(f"{url}/v1/embeddings", json={"input": texts}, timeout=300)
            reply.raise_for_status()
            return np.array([item["embedding"] for item in reply.json()["data"]])

        try:
            yield embed
        finally:
            server.terminate()


def ranks(queries: NDArray[np.float64], passages: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place (1 is best) of each query's own passage, which stands in the same row."""
    scores = queries @ passages.T
    better: NDArray[np.int64] = (scores > np.diag(scores)[:, None]).sum(axis=1)
    return better + 1


def figures(places: NDArray[np.int64]) -> dict[str, float]:
    """Recall and mean reciprocal rank of a list of places."""
    return {
        "queries": len(places),
        "recall@1": round(float((places == 1).mean()), 4),
        "recall@4": round(float((places <= 4).mean()), 4),  # what the chain hands to the chat model
        "MRR": round(float((1 / places).mean()), 4),
    }


def among_fifty(
    embed: Embed, make: Callable[[random.Random], Example], seed: str
) -> dict[str, float]:
    """Each query among 50 passages of its kind.

    `against rival` is the share that beats its own hard negative.
    """
    rng = random.Random(seed)
    places, beaten = [], []
    for _ in range(QUERIES // AMONG):
        examples = [make(rng) for _ in range(AMONG)]
        queries, passages, rivals = (
            embed([getattr(e, part) for e in examples]) for part in ("query", "passage", "negative")
        )
        places.append(ranks(queries, passages))
        beaten += list((queries * passages).sum(1) > (queries * rivals).sum(1))
    return figures(np.concatenate(places)) | {"against rival": round(float(np.mean(beaten)), 4)}


def evaluate(path: Path) -> dict[str, dict[str, float]]:
    """All figures of the model at `path`."""
    found = {}
    with engine(path) as embed:
        for others in (0, 2, 5):
            name = f"generated facts, passages of {others + 1} sentence{'s' if others else ''}"
            found[name] = among_fifty(
                embed, functools.partial(world_example, held_out=True, others=others), name
            )
        name = "generated everyday sentences, reworded"
        found[name] = among_fifty(embed, functools.partial(prose_example, held_out=True), name)
        passages, questions = ([pair[i] for pair in PROSE] for i in (0, 1))
        places = ranks(embed(questions), embed(passages))
        found[f"ordinary prose, {len(PROSE)} passages"] = figures(places)
    sys.stderr.writelines(
        f"missed in prose: {q} (place {p})\n"
        for q, p in zip(questions, places, strict=True)
        if p > 1
    )
    return found


if __name__ == "__main__":
    report = evaluate(MODELS / "tiny-embed.gguf")
    (MODELS / "tiny-embed.eval.json").write_text(
        json.dumps(report, indent=2) + "\n", encoding="utf-8"
    )
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
