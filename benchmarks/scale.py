"""Measure a second server, the cost of Ray, and the figures that a plan starts from.

`python -m benchmarks.scale [--docs] [MODEL.gguf]` prints a table, and with `--docs` writes it into
docs/scale.md; a model of 250 MB with random weights is the default. Each ratio is of rounds taken
in turn in one run, the median of them. Servers have one thread each, so two of them can use two
cores. What a core does is taken from the server's processor time, so that other programs on the
machine count little there.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks._random_models import LARGE, random_model, text
from langchain_localllm import Llamafile, LlamafileEmbeddings, LocalServer
from langchain_localllm.models import tiny_embedding_model

MODELS: Final = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "langchain-localllm"
)
PAGE: Final = Path(__file__).parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"
ROUNDS: Final = 3
REQUESTS: Final = 16
PROMPT_TOKENS: Final = 30
ANSWER_TOKENS: Final = 16
WORK_SECONDS: Final = 10.0
SLOTS: Final = 4


rows: list[str] = []


def main(model: Path, *, docs: bool) -> None:
    """Measure everything and print a table."""
    row(
        f"on {os.cpu_count()} cores, {model.stem} of {model.stat().st_size / 1e6:.0f} MB",
        "measured",
        "wanted",
    )
    row("---", "---", "---")
    servers(model)
    figures(model)
    ray(model)
    if docs:
        text_before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        table = "\n".join(rows)
        PAGE.write_text(
            f"{text_before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8"
        )


def row(what: str, measured: str, wanted: str = "") -> None:
    """Print a line of the table."""
    rows.append(f"| {what} | {measured} | {wanted} |")
    print(rows[-1], flush=True)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def answer_all(llm: Llamafile, count: int = REQUESTS) -> None:
    """Ask for answers of one length to different prompts, 8 at a time."""
    llm.batch(prompts(count), {"max_concurrency": 8})


def prompts(count: int) -> list[Any]:
    """So many prompts of one length, none of which begins like another."""
    return [text(PROMPT_TOKENS, number) for number in range(count)]


def servers(model: Path) -> None:
    """Answers per second of two servers with one thread each, over those of one."""
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(LocalServer(model, threads=1, n_ctx=256, n_parallel=SLOTS))
            for _ in range(2)
        )
        options = {"max_tokens": ANSWER_TOKENS, "ignore_eos": True, "cache_prompt": False}
        alone = Llamafile(base_url=one.base_url, **options)  # type: ignore[arg-type]  # their types differ
        both = Llamafile(base_url=[one.base_url, two.base_url], **options)  # type: ignore[arg-type]  # as above
        answer_all(both, 4)  # each is asked once before
        times = [
            (timed(lambda: answer_all(alone)), timed(lambda: answer_all(both)))
            for _ in range(ROUNDS)
        ]
    first, second = (REQUESTS / statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(before / after for before, after in times)
    row("answers per second, one server of one thread", f"{first:.1f}")
    row("answers per second, two of them", f"{second:.1f}")
    row("two servers over one", f"{ratio:.2f} x", ">= 1.7 x")


def figures(model: Path) -> None:
    """Return what `ActorThroughput` needs.

    It is tokens per second of a core, memory of a slot, and vectors per hour.
    """
    with LocalServer(model, threads=1, n_ctx=2048) as server:
        small = resident(server.pid)
        llm = Llamafile(base_url=server.base_url, ignore_eos=True, cache_prompt=False)
        tokens = llm.get_num_tokens(text(500))
        reading = core_seconds(server.pid, lambda: llm.invoke(text(500), max_tokens=1))
        both = core_seconds(server.pid, lambda: llm.invoke(text(500), max_tokens=65))
    with LocalServer(model, threads=1, n_ctx=2048, n_parallel=1 + SLOTS) as server:
        slot = (resident(server.pid) - small) / SLOTS
    row("tokens per second of one core, reading a prompt", f"{tokens / reading:,.0f}")
    row(
        "tokens per second of one core, generating one answer",
        f"{64 / max(both - reading, 1e-9):,.0f}",
    )
    row("memory of a server with one slot of 2,048 tokens", f"{small / 1e6:.0f} MB")
    row("memory of each further slot", f"{slot / 1e6:.1f} MB")
    with LocalServer(tiny_embedding_model(), threads=1, embedding=True) as server:
        embeddings = LlamafileEmbeddings(base_url=server.base_url)
        texts = [
            (
                "The lamp in the hall is green, the boat at the pier is blue, and the key hangs by "
                f"door {n}."
            )
            for n in range(256)
        ]
        seconds = core_seconds(server.pid, lambda: embeddings.embed_documents(texts))
    row(
        "passages of 90 bytes embedded per hour and core, by tiny-embed",
        f"{len(texts) / seconds * 3600:,.0f}",
    )


def core_seconds(pid: int, work: Callable[[], object]) -> float:
    """Seconds of a core that a process takes for the work."""
    before = _core_seconds(pid)
    work()
    return _core_seconds(pid) - before


def _core_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def ray(model: Path) -> None:
    """Return what RayMap costs over `.batch`, at ten seconds of work for its actor."""
    import ray.data

    from langchain_localllm.scale import RayMap

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    with (
        LocalServer(model, threads=1, n_ctx=256, n_parallel=SLOTS) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        options = {
            "base_url": server.base_url,
            "max_tokens": ANSWER_TOKENS,
            "ignore_eos": True,
            "cache_prompt": False,
        }
        llm = Llamafile(**options)  # type: ignore[arg-type]  # their types differ
        answer_all(llm, 4)
        count = int(WORK_SECONDS / timed(lambda: answer_all(llm, REQUESTS)) * REQUESTS)
        asked = prompts(2 * count)
        job = RayMap(
            "langchain_localllm:Llamafile",
            options,
            workers=1,
            num_cpus=0.5,
            batch_size=max(4, count // 4),
        )
        rows = ray.data.from_items(
            [{"id": number, "input": text} for number, text in enumerate(asked)],
            override_num_blocks=1,
        )
        job.run(rows.limit(1), f"{folder}/warm", show_progress=False)
        times = []
        for number in range(ROUNDS):
            alone = timed(
                lambda: llm.batch(asked[:count], {"max_concurrency": 32}, return_exceptions=True)
            )
            once = job.run(rows.limit(count), f"{folder}/once{number}", show_progress=False).seconds
            twice = job.run(rows, f"{folder}/twice{number}", show_progress=False).seconds
            times.append((alone, once, twice))
    ray.shutdown()
    each = statistics.median(twice - once for _, once, twice in times) / count
    ratio = statistics.median((twice - once) / alone for alone, once, twice in times)
    start = statistics.median(2 * once - twice for _, once, twice in times)
    row(
        f"documents per hour and actor ({PROMPT_TOKENS} tokens in, {ANSWER_TOKENS} out)",
        f"{3600 / each:,.0f}",
    )
    row("RayMap over .batch, at 10 s of work", f"{ratio:.2f} x", "<= 1.10 x")
    row("start of an actor, once a run", f"{start:.1f} s")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--docs"]
    main(Path(given[0]) if given else random_model(LARGE, MODELS), docs="--docs" in sys.argv)
