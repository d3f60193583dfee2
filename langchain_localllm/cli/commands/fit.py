"""`localllm fit`: will a model run here?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_localllm.cli.output import AsJson, print_json, print_table, size
from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_localllm.models import Fit


def fit(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=(
                "A GGUF file, hf:OWNER/REPO[:QUANTIZATION], an https address, or a name that "
                "localllm models lists."
            ),
        ),
    ],
    *,
    context: Annotated[
        list[int] | None,
        typer.Option(
            "--context",
            "-c",
            min=1,
            help="Tokens of context; can be repeated. Default: up to the model's own.",
        ),
    ] = None,
    type_k: Annotated[
        str, typer.Option("--type-k", help="Type of the cache's keys, such as q8_0.")
    ] = "f16",
    type_v: Annotated[str, typer.Option("--type-v", help="Type of the cache's values.")] = "f16",
    flash_attn: Annotated[
        bool, typer.Option(help="With flash attention, as llama.cpp's server does where it can.")
    ] = True,
    parallel: Annotated[
        int,
        typer.Option(
            "--parallel", min=1, help="Requests answered together; they share the context."
        ),
    ] = 1,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", help="Write a picture of memory by quantization and context to this SVG file."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate whether a model fits this machine, with what context and speed.

    Of a model that is not on this machine only the header is read, a few megabytes. Weights, cache
    and buffers are what llama.cpp takes; its process takes about 100 MB more. Memory, whose speed
    is measured here, bounds the tokens per second: each token reads all weights and the cache once.
    """
    from langchain_localllm.models import fit as fit_model

    found = fit_model(
        _place(model),
        n_ctx=context,
        type_k=type_k,
        type_v=type_v,
        flash_attn=flash_attn,
        n_parallel=parallel,
    )
    if plot:
        _draw(found, plot)
        print_stderr(f"The picture is in {plot}.")
    if as_json:
        from langchain_localllm.manage.fit import describe

        print_json(describe(found))
    else:
        _print(found)


def _place(model: str) -> str:
    """Return the model's address or file, where it is the name of one that is here."""
    from langchain_localllm.manage.model_ref import Source
    from langchain_localllm.manage.resolve import resolve

    return model if Source.parse(model).kind in {"hf", "https"} else resolve(model, file=True).name


def _print(found: "Fit") -> None:
    from langchain_localllm.manage.fit import verdict

    machine = found.machine
    about = [
        found.architecture,
        f"{_count(found.parameters)} weights",
        found.quantization,
        f"{found.layers} layers",
    ]
    print(f"{found.name}: {', '.join(filter(None, about))}, {size(found.weights)}")
    gpus = "".join(f", {size(gpu.free)} on {gpu.name}" for gpu in machine.gpus)
    print(
        f"Free here: {size(machine.free)} of {size(machine.total)}{gpus}; memory moves "
        f"{found.bandwidth / 1e9:.1f} GB/s."
    )
    print(verdict(found))
    columns = ["context", "weights", "cache", "buffers", "total", "fits", "tokens/s at most"]
    if machine.gpus:
        columns.append("layers on GPU")
    rows = []
    for row in found.rows:
        memory = row.memory
        cells = [
            f"{memory.context:,}",
            *map(size, (memory.weights, memory.cache, memory.buffers, memory.total)),
        ]
        cells += ["yes" if row.fits else "no", f"{row.tokens_per_second:,.1f}"]
        rows.append([*cells, f"{row.gpu_layers} of {found.layers + 1}"] if machine.gpus else cells)
    print_table(columns, rows, right=(0, 1, 2, 3, 4, 6, 7))


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} billion" if number >= 1e9 else f"{number / 1e6:.0f} million"  # noqa: PLR2004 - a billion


def _draw(found: "Fit", path: Path) -> None:
    from langchain_localllm.cli.plot import Bar, write_bars

    bars = []
    for name, memories in found.by_quantization.items():
        for number in sorted({0, len(memories) - 1}):
            memory = memories[number]
            parts = {"weights": memory.weights, "cache": memory.cache, "buffers": memory.buffers}
            bars.append(Bar(f"{name}, {memory.context:,} tokens", parts, size(memory.total)))
    title = f"Memory of {Path(found.name).name} by quantization and context"
    write_bars(
        path, title, bars, limit=found.machine.free, limit_text=f"{size(found.machine.free)} free"
    )
