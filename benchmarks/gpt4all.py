"""Compare GPT4All with the gpt4all package's own loops, on the tiny models.

Shown is what our side adds, and what batches of texts save.

`python -m benchmarks.gpt4all` prints two tables of processor time. All in one run, in turn, the
median of several rounds; one thread, since the models are tiny. A model file as argument takes the
place of the tiny chat model.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gpt4all

from langchain_localllm import GPT4All, GPT4AllEmbeddings
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model

PROMPT = "The lamp on the table is red, and the lamp under the table is"
TOKENS = 200
TEXTS = [f"The ferry number {number} leaves the island at noon." for number in range(300)]
ROUNDS = 7


def text_loops(file: Path) -> dict[str, Callable[[], int]]:
    """Each way to answer the prompt, as a function that gives the number of tokens."""
    alone = gpt4all.GPT4All(file.name, model_path=file.parent, allow_download=False, n_threads=1)
    ours = GPT4All(
        model=file,
        temperature=0,
        top_p=1,
        repeat_penalty=1,
        n_threads=1,
        max_tokens=TOKENS,
        n_ctx=2048,
    )

    def package() -> int:
        options = {"temp": 0, "top_p": 1, "repeat_penalty": 1, "n_batch": 128, "max_tokens": TOKENS}
        return sum(1 for _ in alone.generate(PROMPT, streaming=True, **options))

    async def astream() -> int:
        return sum([1 async for _ in ours.astream(PROMPT)])

    return {
        "package": package,
        "GPT4All.stream": lambda: sum(1 for _ in ours.stream(PROMPT)),
        "GPT4All.astream": lambda: asyncio.run(astream()),
        "GPT4All.invoke": lambda: (
            ours.generate([PROMPT]).generations[0][0].generation_info["usage"]["completion_tokens"]  # type: ignore[index]  # it is there
        ),
    }


def embedding_loops(file: Path) -> dict[str, Callable[[], int]]:
    """Each way to embed the texts, as a function that gives their number."""
    alone = gpt4all.Embed4All(file.name, model_path=file.parent, allow_download=False, n_threads=1)
    ours = GPT4AllEmbeddings(model=file, n_threads=1)
    return {
        "package, one by one": lambda: len(
            [alone.embed(text, prefix="") for text in TEXTS]
        ),  # as langchain_community does
        "package, one list": lambda: len(alone.embed(TEXTS, prefix="")),
        "GPT4AllEmbeddings": lambda: len(ours.embed_documents(TEXTS)),
    }


def compare(loops: dict[str, Callable[[], int]], unit: str) -> None:
    """Print units per second, and the ratio to the first loop."""
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name, loop in loops.items():
            started = time.process_time()
            count = loop()
            speeds[name].append(count / (time.process_time() - started))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    first = next(iter(medians.values()))
    print(f"{'':22}{f'{unit}/s':>10}{'ratio':>8}")
    for name, speed in medians.items():
        print(f"{name:22}{speed:10.0f}{speed / first:8.2f}")


if __name__ == "__main__":
    compare(text_loops(Path(sys.argv[1]) if len(sys.argv) > 1 else tiny_chat_model()), "tokens")
    compare(embedding_loops(tiny_embedding_model()), "texts")
