"""`localllm bench`: how fast one model is on every runtime that is installed here."""

from pathlib import Path
from typing import Annotated, Any

import typer

from langchain_localllm.cli.output import AsJson, print_json, print_table
from langchain_localllm.cli.stderr import print_stderr


def bench(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=(
                "A GGUF file, a name that localllm models lists, or ollama:NAME. Default: the "
                "tiny chat model."
            ),
            show_default=False,
        ),
    ] = "",
    *,
    tokens: Annotated[
        int, typer.Option("--tokens", "-n", min=1, help="Tokens to make on each runtime.")
    ] = 128,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write a picture to this SVG file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the tokens per second of one model on every runtime installed here, side by side.

    llama.cpp and GPT4All in this process, llama.cpp's server, and Ollama where it runs, which is
    given a copy of the model and loses it again. Loading is not counted. Each runtime computes with
    the threads that it chooses by itself.
    """
    from langchain_localllm.cli.benchmark import RUNTIMES, time_runtime
    from langchain_localllm.manage.resolve import resolve

    path = Path(resolve(model, "text", file=True).name)
    found = []
    for name in RUNTIMES:
        result = time_runtime(name, path, tokens)
        if result.missing:
            print_stderr(f"{name}: {result.missing}")
        else:
            found.append(result.as_dict())
    if plot and found:
        _draw(found, path, plot)
    if as_json:
        print_json({"model": str(path), "runtimes": found})
        return
    rows = [
        (
            each["runtime"],
            *map(_speed, (each["tokens_per_second"], each["prompt_tokens_per_second"])),
        )
        for each in found
    ]
    print_table(("runtime", "tokens/s", "prompt tokens/s"), rows, right=(1, 2))


def _speed(value: float | None) -> str:
    return f"{value:,.1f}" if value else ""


def _draw(found: list[dict[str, Any]], path: Path, plot: Path) -> None:
    from langchain_localllm.cli.plot import Bar, write_bars

    bars = [
        Bar(
            each["runtime"],
            {"tokens/s": each["tokens_per_second"]},
            _speed(each["tokens_per_second"]),
        )
        for each in found
    ]
    write_bars(plot, f"Tokens per second of {path.name}", bars)
    print_stderr(f"The picture is in {plot}.")
