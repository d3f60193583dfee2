"""Train the embedding model: `python -m tools.tiny_models.embed_train` from the repository's root.

First only the token vectors learn (many cheap steps), then the whole network. Each step draws its
examples from its own seed, so a run that is stopped goes on from its last checkpoint as if nothing
had happened. The checkpoint that finds most held-out passages is kept.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own name for it

from .embed_data import Example, make_example, prose_example, vocabulary_words, world_example
from .embed_model import Config, Embedder
from .embed_prose import FOR_CHOOSING
from .embed_start import start_vectors
from .embed_tokens import Tokenizer, build_vocabulary

FOLDER = Path(__file__).resolve().parents[2] / "build" / "tiny_embed"
SEED = 20261121
SHALLOW_STEPS, DEEP_STEPS = 2000, 1000
SHALLOW_BATCH, DEEP_BATCH = 128, 64
RATES = {"tokens": 0.01, "tokens, deep": 0.003, "layers": 0.001}
TEMPERATURE = 0.05
EVERY = 100  # steps between checkpoints
LONGEST = 256  # tokens


def vocabulary() -> list[str]:
    """Return the run's vocabulary.

    It is written down at the first step, since the generators' word lists may change later.
    """
    path = FOLDER / "vocabulary.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(build_vocabulary(vocabulary_words())), encoding="utf-8")
    return list(json.loads(path.read_text(encoding="utf-8")))


def new_model() -> tuple[Embedder, list[str]]:
    """Return an untrained model and its vocabulary."""
    torch.manual_seed(SEED)
    pieces = vocabulary()
    model = Embedder(Config(len(pieces)))
    with torch.no_grad():
        model.tokens.weight.copy_(torch.from_numpy(start_vectors(pieces, model.config.width)))
    return model, pieces


def load_best() -> tuple[Embedder, list[str]]:
    """Return the best model of the last run and its vocabulary."""
    model, pieces = new_model()
    with np.load(FOLDER / "best.npz") as saved:
        model.load_state_dict({name: torch.from_numpy(saved[name]) for name in model.state_dict()})
    return model.eval(), pieces


def embed(
    model: Embedder,
    tokenizer: Tokenizer,
    texts: list[str],
    *,
    shallow: bool = False,
    pieces: int = 12,
) -> Tensor:
    """One vector a text, shape (texts, width); texts of like length are computed together."""
    ids = [tokenizer.encode(text)[:LONGEST] for text in texts]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    vectors = []
    for part in np.array_split(order, min(pieces, len(order))):
        longest = len(ids[part[-1]])
        padded = torch.tensor([ids[i] + [0] * (longest - len(ids[i])) for i in part])
        mask = torch.arange(longest)[None, :] < torch.tensor([len(ids[i]) for i in part])[:, None]
        vectors.append(model(padded, mask, shallow=shallow))
    return torch.cat(vectors)[torch.tensor(order).argsort()]


def contrast(queries: Tensor, passages: Tensor) -> Tensor:
    """InfoNCE (van den Oord et al. 2018) both ways.

    `passages` holds the answers first, then the hard negatives.
    """
    scores = queries @ passages.T / TEMPERATURE
    target = torch.arange(len(queries))
    return F.cross_entropy(scores, target) + 0.3 * F.cross_entropy(
        scores[:, : len(queries)].T, target
    )


def recall(
    model: Embedder,
    tokenizer: Tokenizer,
    examples: list[Example],
    among: int = 50,
    *,
    shallow: bool,
) -> float:
    """Share of queries whose own passage comes first among 50."""
    hits = 0
    with torch.no_grad():
        for at in range(0, len(examples), among):
            part = examples[at : at + among]
            vectors = embed(
                model,
                tokenizer,
                [e.query for e in part] + [e.passage for e in part],
                shallow=shallow,
            )
            hits += int(
                (
                    (vectors[: len(part)] @ vectors[len(part) :].T).argmax(1)
                    == torch.arange(len(part))
                ).sum()
            )
    return hits / len(examples)


def held_out_examples(count: int = 400) -> dict[str, list[Example]]:
    """Examples for choosing the best checkpoint (the evaluation draws others)."""
    rng = random.Random("choose the best")
    makers = {"world": world_example, "prose": prose_example}
    generated = {
        name: [make(rng, held_out=True) for _ in range(count)] for name, make in makers.items()
    }
    return generated | {"notes": [Example(question, told, "") for told, question in FOR_CHOOSING]}


def save(path: Path, values: dict[str, Any]) -> None:
    """Write arrays at one stroke: a run killed here leaves the old file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **values)
    partial.replace(path)


def state(
    model: Embedder, optimizer: torch.optim.Optimizer, step: int, best: float
) -> dict[str, Any]:
    """All that a run needs to go on."""
    values: dict[str, Any] = {"step": step, "best": best} | {
        k: v.numpy() for k, v in model.state_dict().items()
    }
    for number, moments in optimizer.state_dict()["state"].items():
        values |= {f"adam.{number}.{k}": v.numpy() for k, v in moments.items()}
    return values


def resume(model: Embedder, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Load the last checkpoint, if there is one.

    The step to go on with and the best recall so far.
    """
    path = FOLDER / "last.npz"
    if not path.exists():
        return 0, 0.0
    with np.load(path) as saved:
        model.load_state_dict({name: torch.from_numpy(saved[name]) for name in model.state_dict()})
        moments: dict[int, dict[str, Tensor]] = {}
        for name in (n for n in saved.files if n.startswith("adam.")):
            _, number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = torch.from_numpy(saved[name])
        optimizer.load_state_dict(
            {"state": moments, "param_groups": optimizer.state_dict()["param_groups"]}
        )
        return int(saved["step"]), float(saved["best"])


def set_rates(optimizer: torch.optim.Optimizer, step: int) -> None:
    """Warm up over 100 steps of each part, then decay linearly.

    The rates fall to a tenth (shallow) or to nothing (deep).
    """
    shallow = step < SHALLOW_STEPS
    done = step / SHALLOW_STEPS if shallow else (step - SHALLOW_STEPS) / DEEP_STEPS
    factor = min(1.0, (step if shallow else step - SHALLOW_STEPS) / 100) * (
        1 - 0.9 * done if shallow else max(0.0, 1 - done)
    )
    tokens, layers = optimizer.param_groups
    tokens["lr"] = RATES["tokens" if shallow else "tokens, deep"] * factor
    layers["lr"] = 0.0 if shallow else RATES["layers"] * factor


def train(steps: int) -> None:
    """Run up to `steps`, from the last checkpoint on."""
    model, pieces = new_model()
    tokenizer = Tokenizer(pieces)
    layers = [p for name, p in model.named_parameters() if not name.startswith("tokens")]
    optimizer = torch.optim.Adam(
        [{"params": [model.tokens.weight]}, {"params": layers}], betas=(0.9, 0.98)
    )
    chosen = held_out_examples()
    first, best = resume(model, optimizer)
    started = time.monotonic()
    losses: list[float] = []
    for step in range(first, steps):
        if step % EVERY == 0:
            found = {
                name: recall(model, tokenizer, examples, shallow=step < SHALLOW_STEPS)
                for name, examples in chosen.items()
            }
            mean = sum(found.values()) / len(found)
            if mean > best:
                best = mean
                save(FOLDER / "best.npz", {k: v.numpy() for k, v in model.state_dict().items()})
            save(FOLDER / "last.npz", state(model, optimizer, step, best))
            told = " ".join(f"{name} {value:.3f}" for name, value in found.items())
            loss_told, seconds = np.mean(losses or [0]), time.monotonic() - started
            sys.stderr.write(
                f"step {step} loss {loss_told:.3f} recall {told} best {best:.3f} {seconds:.0f} s\n"
            )
            losses = []
        rng = random.Random(f"{SEED} {step}")
        shallow = step < SHALLOW_STEPS
        batch = [make_example(rng) for _ in range(SHALLOW_BATCH if shallow else DEEP_BATCH)]
        texts = [e.query for e in batch], [e.passage for e in batch] + [e.negative for e in batch]
        set_rates(optimizer, step)
        loss = contrast(*(embed(model, tokenizer, part, shallow=shallow) for part in texts))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(layers, 1.0)
        optimizer.step()
        losses.append(loss.item())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--steps",
        type=int,
        default=SHALLOW_STEPS + DEEP_STEPS + 1,
        help="stop after this many steps in all",
    )
    torch.set_num_threads(1)
    train(parser.parse_args().steps)
