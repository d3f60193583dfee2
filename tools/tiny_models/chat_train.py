"""Train the tiny chat model: `python -m tools.tiny_models.chat_train`.

Stop it at any moment (Ctrl-C or kill) and run the same command to go on. The work folder `.work/` keeps the last state and
the best weights by held-out score; `chat_export.py` makes the GGUF from them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.nn import functional

from . import tokenizer as tokenizer_module
from .chat_data import batches, held_out_examples, score
from .chat_model import Chat, Config

WORK = tokenizer_module.WORK
TOTAL = 15_000_000
"""Training tokens; the learning rate falls to nothing over the last `COOLDOWN` of them."""
COOLDOWN = 0.3
RAMP = 7_000_000
"""Tokens over which the tasks grow from easy to full length."""
BATCH = 2048
MUON_RATE = 0.02
ADAM_RATE = 1e-3
EVALUATE_SECONDS = 240
SAVE_SECONDS = 60


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return the nearest semi-orthogonal matrices (count, rows, columns) by Newton-Schulz, as in Muon.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Optimiser:
    """Muon for the matrices of the blocks, Adam for the embedding and the norms."""

    def __init__(self, model: Chat) -> None:
        """Start with zero moments."""
        self.step_count = 0
        self.groups: dict[tuple[int, ...], list[Tensor]] = {}
        self.others: list[Tensor] = []
        self.state: dict[str, Tensor] = {}
        for name, weight in model.named_parameters():
            if name.startswith("blocks") and weight.dim() == 2:  # noqa: PLR2004
                self.groups.setdefault(tuple(weight.shape), []).append(weight)
            else:
                self.others.append(weight)
        for shape, weights in self.groups.items():
            self.state[f"muon{shape}"] = torch.zeros(len(weights), *shape)
        for index, weight in enumerate(self.others):
            self.state[f"first{index}"] = torch.zeros_like(weight)
            self.state[f"second{index}"] = torch.zeros_like(weight)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Update the weights from their gradients; `factor` scales both learning rates."""
        self.step_count += 1
        for shape, weights in self.groups.items():
            gradient = torch.stack([weight.grad for weight in weights if weight.grad is not None])
            momentum = self.state[f"muon{shape}"].mul_(0.95).add_(gradient, alpha=0.05)
            update = orthogonalise(gradient.lerp(momentum, 0.95)) * max(1, shape[0] / shape[1]) ** 0.5
            for weight, change in zip(weights, update, strict=True):
                weight.sub_(change, alpha=MUON_RATE * factor)
        for index, weight in enumerate(self.others):
            if weight.grad is None:
                continue
            first = self.state[f"first{index}"].lerp_(weight.grad, 0.1)
            second = self.state[f"second{index}"].lerp_(weight.grad.square(), 0.02)
            corrected = (second / (1 - 0.98**self.step_count)).sqrt() + 1e-10
            weight.sub_(first / (1 - 0.9**self.step_count) / corrected, alpha=ADAM_RATE * factor)


def rate(seen: int, total: int) -> float:
    """Return the learning rate's factor: a short rise, flat, then a straight fall."""
    return max(0.02, min(1.0, 0.05 + seen / 500_000, (total - seen) / (COOLDOWN * total)))


def write_arrays(path: Path, arrays: dict[str, Tensor], note: dict[str, Any]) -> None:
    """Write tensors and a JSON note into one .npz file, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(file, note=np.array(json.dumps(note)), **{name: value.detach().numpy() for name, value in arrays.items()})
    temporary.replace(path)


def read_arrays(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_arrays` wrote."""
    with np.load(path, allow_pickle=False) as file:
        note = json.loads(str(file["note"]))
        return {name: torch.from_numpy(file[name]) for name in file.files if name != "note"}, note


def overall(scores: dict[str, float]) -> float:
    """Return the number by which checkpoints are compared: the mean over the tasks."""
    return sum(scores.values()) / len(scores)


def train(rank: int, processes: int, total: int, folder: Path) -> None:
    """Run one training process (all processes see other data and average their gradients)."""
    torch.set_num_threads(1)
    if processes > 1:
        dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29511", rank=rank, world_size=processes)
    tokenizer = tokenizer_module.load()
    vocabulary = {number: token for token, number in tokenizer.get_vocab().items()}
    model = Chat(Config(), [vocabulary.get(number, str(number)) for number in range(Config.vocabulary)])
    optimiser = Optimiser(model)
    note: dict[str, Any] = {"seen": 0, "pool": 0, "best": 0.0, "step": 0}
    state_path, best_path = folder / "chat_state.npz", folder / "chat_best.npz"
    if state_path.exists():
        arrays, note = read_arrays(state_path)
        model.load_state_dict({name.removeprefix("w."): value for name, value in arrays.items() if name.startswith("w.")})
        optimiser.state.update({name: value for name, value in arrays.items() if not name.startswith("w.")})
        optimiser.step_count = note["step"]
    examples = held_out_examples()
    saved = shown = time.monotonic()
    evaluated = saved - EVALUATE_SECONDS + 60  # the first score soon after a start
    recent: list[float] = []
    speed_start, speed_seen = time.monotonic(), note["seen"]

    def save() -> None:
        if rank == 0:
            note["step"] = optimiser.step_count
            write_arrays(state_path, {**{f"w.{k}": v for k, v in model.state_dict().items()}, **optimiser.state}, note)

    def evaluate() -> None:
        scores = score(model, tokenizer, examples)
        line = {"seen": note["seen"], "loss": round(sum(recent) / max(1, len(recent)), 4), "overall": round(overall(scores), 4)}
        line.update({task: round(value, 3) for task, value in scores.items()})
        print(json.dumps(line), file=sys.stderr, flush=True)
        with (folder / "chat_log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if overall(scores) >= note["best"]:
            note["best"] = overall(scores)
            write_arrays(best_path, dict(model.state_dict()), {"seen": note["seen"], "scores": scores})

    while note["seen"] < total:
        level = min(1.0, note["seen"] / RAMP)
        for batch in batches(tokenizer, f"1-{rank}-{note['pool']}", level, BATCH):
            hidden = model(batch.inputs, batch.positions).flatten(0, 1)[batch.where]
            losses = functional.cross_entropy(model.logits(hidden), batch.targets, reduction="none")
            loss = (losses * batch.weights).sum() / batch.weights.sum()
            loss.backward()
            if processes > 1:
                for weight in model.parameters():
                    dist.all_reduce(weight.grad)
                    weight.grad /= processes
            optimiser.step(rate(note["seen"], total))
            model.zero_grad()
            recent = [*recent[-49:], losses.mean().item()]
            note["seen"] += batch.inputs.numel() * processes
            now = time.monotonic()
            if rank == 0 and now - shown > 20:  # noqa: PLR2004
                speed = (note["seen"] - speed_seen) / (now - speed_start)
                print(f"{note['seen']:,} tokens  loss {sum(recent) / len(recent):.3f}  level {level:.2f}  {speed:,.0f} tokens/s", file=sys.stderr, flush=True)
                shown = now
        note["pool"] += 1
        now = time.monotonic()
        if rank == 0 and now - evaluated > EVALUATE_SECONDS:
            evaluate()
            evaluated = time.monotonic()
        if now - saved > SAVE_SECONDS:
            save()
            saved = now
    if rank == 0:
        evaluate()
    save()


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1, help="training processes, one core each (default 1)")
    parser.add_argument("--tokens", type=int, default=TOTAL, help=f"tokens to train on in all (default {TOTAL:,})")
    parser.add_argument("--folder", type=Path, default=WORK, help="where state and weights are kept")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        if options.processes == 1:
            train(0, 1, options.tokens, options.folder)
        else:
            mp.spawn(train, (options.processes, options.tokens, options.folder), options.processes)
    except KeyboardInterrupt:
        print("Stopped. Run the same command to go on.", file=sys.stderr)


if __name__ == "__main__":
    main()
