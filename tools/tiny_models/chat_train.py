"""Train the tiny chat model: `python -m tools.tiny_models.chat_train`.

Stop it at any moment (Ctrl-C or kill) and run the same command to go on. The work folder `.work/`
keeps the last state and the best weights by held-out score; `chat_export.py` makes the GGUF from
them.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional

from . import tokenizer as tokenizer_module
from .chat_data import Batch, batches, held_out_examples, score
from .chat_model import Chat, Config

WORK = tokenizer_module.WORK
TOTAL = 73_700_000
"""Training tokens; the learning rate falls to nothing over the last `COOLDOWN` of them."""
COOLDOWN = 0.55
RAMP = 4_500_000
"""Tokens over which the tasks grow from easy to full length."""
BATCH = 3072
AVERAGE_STEPS = 5
"""Steps between two averages of the weights of several processes."""
MUON_RATE = 0.02
MUON_DECAY = 0.05
ADAM_RATE = 1e-3
EMBEDDING_RATE = 8e-3
EVALUATE_SECONDS = 150
SAVE_SECONDS = 60
SHOW_SECONDS = 20


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return the nearest semi-orthogonal matrices by Newton-Schulz, as in Muon.

    The shape is (count, rows, columns).

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
            if name.startswith("blocks") and weight.dim() == 2:
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
            update = (
                orthogonalise(gradient.lerp(momentum, 0.95)) * max(1, shape[0] / shape[1]) ** 0.5
            )
            for weight, change in zip(weights, update, strict=True):
                weight.mul_(1 - MUON_DECAY * MUON_RATE * factor).sub_(
                    change, alpha=MUON_RATE * factor
                )
        for index, weight in enumerate(self.others):
            if weight.grad is None:
                continue
            first = self.state[f"first{index}"].lerp_(weight.grad, 0.1)
            second = self.state[f"second{index}"].lerp_(weight.grad.square(), 0.02)
            corrected = (second / (1 - 0.98**self.step_count)).sqrt() + 1e-10
            weight.sub_(
                first / (1 - 0.9**self.step_count) / corrected,
                alpha=factor * (EMBEDDING_RATE if weight.dim() > 1 else ADAM_RATE),
            )


def rate(seen: int, total: int) -> float:
    """Return the learning rate's factor: a short rise, flat, then a straight fall."""
    return max(0.02, min(1.0, 0.05 + seen / 500_000, (total - seen) / (COOLDOWN * total)))


def write_arrays(path: Path, arrays: dict[str, Tensor], note: dict[str, Any]) -> None:
    """Write tensors and a JSON note into one .npz file, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(
            file,
            note=np.array(json.dumps(note)),
            **{name: value.detach().numpy() for name, value in arrays.items()},
        )
    temporary.replace(path)


def read_arrays(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_arrays` wrote."""
    with np.load(path, allow_pickle=False) as file:
        note = json.loads(str(file["note"]))
        return {name: torch.from_numpy(file[name]) for name in file.files if name != "note"}, note


def overall(scores: dict[str, float]) -> float:
    """Return the number by which checkpoints are compared: the mean over the tasks."""
    return sum(scores.values()) / len(scores)


@torch.no_grad()
def average(model: Chat, seen: int, processes: int) -> int:
    """Average the weights of all processes, and return their average token count.

    So all end at the same step. Between averages each process goes its own way, so none waits long
    (local SGD, Stich 2018, https://arxiv.org/abs/1805.09767).
    """
    weights = nn.utils.parameters_to_vector(model.parameters())
    flat = torch.cat([weights, torch.tensor([seen / 1000])])
    dist.all_reduce(flat)
    flat /= processes
    nn.utils.vector_to_parameters(flat[:-1], model.parameters())
    return int(flat[-1].item() * 1000)


class Run:
    """Run one training process.

    Each sees other data, and every few steps the weights of all are averaged.
    """

    def __init__(self, rank: int, processes: int, total: int, folder: Path) -> None:
        """Go on from the folder's last state, or start from nothing."""
        self.rank, self.processes, self.total, self.folder = rank, processes, total, folder
        self.tokenizer = tokenizer_module.load()
        vocabulary = {number: token for token, number in self.tokenizer.get_vocab().items()}
        self.model = Chat(
            Config(), [vocabulary.get(number, str(number)) for number in range(Config.vocabulary)]
        )
        self.optimiser = Optimiser(self.model)
        self.note: dict[str, Any] = {"seen": 0, "pool": 0, "best": 0.0, "step": 0}
        self.recent: list[float] = []
        self.done = False
        if self.state_path.exists():
            self.resume()
        self.saved = self.shown = self.started = time.monotonic()
        self.evaluated = self.started - EVALUATE_SECONDS + 60  # the first score soon after a start
        self.seen_before = self.note["seen"]
        self.examples = held_out_examples()

    @property
    def state_path(self) -> Path:
        """Where the last state is kept."""
        return self.folder / "chat_state.npz"

    def resume(self) -> None:
        """Read the last state."""
        arrays, self.note = read_arrays(self.state_path)
        self.model.load_state_dict(
            {
                name.removeprefix("w."): value
                for name, value in arrays.items()
                if name.startswith("w.")
            }
        )
        self.optimiser.state.update(
            {name: value for name, value in arrays.items() if not name.startswith("w.")}
        )
        self.optimiser.step_count = self.note["step"]

    def save(self) -> None:
        """Write the state, so that the same command goes on from here."""
        self.saved = time.monotonic()
        self.note["step"] = self.optimiser.step_count
        weights = {f"w.{name}": value for name, value in self.model.state_dict().items()}
        write_arrays(self.state_path, {**weights, **self.optimiser.state}, self.note)

    def evaluate(self) -> None:
        """Score the held-out examples, and keep the weights when they are the best so far."""
        scores = score(self.model, self.tokenizer, self.examples)
        best = overall(scores)
        line = {
            "seen": self.note["seen"],
            "loss": round(self.mean_loss(), 4),
            "overall": round(best, 4),
        }
        line.update({task: round(value, 3) for task, value in scores.items()})
        print(json.dumps(line), file=sys.stderr, flush=True)
        with (self.folder / "chat_log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if best >= self.note["best"]:
            self.note["best"] = best
            write_arrays(
                self.folder / "chat_best.npz",
                dict(self.model.state_dict()),
                {"seen": self.note["seen"], "scores": scores},
            )
        self.evaluated = time.monotonic()

    def mean_loss(self) -> float:
        """Return the loss of the last steps."""
        return sum(self.recent) / max(1, len(self.recent))

    def step(self, batch: Batch) -> None:
        """Learn from one batch."""
        hidden = self.model(batch.inputs, batch.positions).flatten(0, 1)[batch.where]
        losses = functional.cross_entropy(
            self.model.logits(hidden), batch.targets, reduction="none"
        )
        ((losses * batch.weights).sum() / batch.weights.sum()).backward()
        self.optimiser.step(rate(self.note["seen"], self.total))
        self.model.zero_grad()
        self.recent = [*self.recent[-49:], losses.mean().item()]
        self.note["seen"] += batch.inputs.numel() * self.processes
        if self.processes == 1:
            self.done = self.note["seen"] >= self.total
        elif self.optimiser.step_count % AVERAGE_STEPS == 0:
            self.note["seen"] = average(self.model, self.note["seen"], self.processes)
            self.done = self.note["seen"] >= self.total

    def tell(self) -> None:
        """Show progress, score and save, each when its time has come.

        One process does it for all.
        """
        now = time.monotonic()
        if now - self.shown > SHOW_SECONDS:
            speed = (self.note["seen"] - self.seen_before) / (now - self.started)
            print(
                f"{self.note['seen']:,} tokens  loss {self.mean_loss():.3f}  {speed:,.0f} tokens/s",
                file=sys.stderr,
                flush=True,
            )
            self.shown = now
        if now - self.evaluated > EVALUATE_SECONDS:
            self.evaluate()
        if now - self.saved > SAVE_SECONDS:
            self.save()

    def train(self) -> None:
        """Train until `total` tokens are seen."""
        while not self.done:
            level = min(1.0, self.note["seen"] / RAMP)
            for batch in batches(
                self.tokenizer, f"1-{self.rank}-{self.note['pool']}", level, BATCH
            ):
                self.step(batch)
                if self.done:
                    break
            self.note["pool"] += 1
            if self.rank == 0:
                self.tell()
        if self.rank == 0:
            self.evaluate()
            self.save()


def train(rank: int, processes: int, total: int, folder: Path, port: int = 0) -> None:
    """Run one training process."""
    torch.set_num_threads(1)
    if processes > 1:
        dist.init_process_group(
            "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=processes
        )
    Run(rank, processes, total, folder).train()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--processes", type=int, default=1, help="training processes, one core each (default 1)"
    )
    parser.add_argument(
        "--tokens", type=int, default=TOTAL, help=f"tokens to train on in all (default {TOTAL:,})"
    )
    parser.add_argument(
        "--folder", type=Path, default=WORK, help="where state and weights are kept"
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        if options.processes == 1:
            train(0, 1, options.tokens, options.folder)
        else:
            mp.spawn(
                train,
                (options.processes, options.tokens, options.folder, free_port()),
                options.processes,
            )
    except KeyboardInterrupt:
        print("Stopped. Run the same command to go on.", file=sys.stderr)


if __name__ == "__main__":
    main()
