"""Loads a model file and computes a few tokens.

Run in a process of its own for files that may end it (`gguf.trial_load`).
"""

from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final

from langchain_localllm.base.local_engine.stream import WorkerHandle
from langchain_localllm.runtimes.gpt4all.embedder import embed
from langchain_localllm.runtimes.gpt4all.engine import GPT4AllEngine
from langchain_localllm.runtimes.gpt4all.generation import Request, answer

_TEXT: Final = "Hello, 12345! é 中文 🙂"
_SAMPLING: Final = {
    "n_batch": 8,
    "temp": 1.0,
    "top_k": 1,
    "top_p": 1.0,
    "min_p": 0.0,
    "repeat_last_n": 8,
    "repeat_penalty": 1.1,
}


def load_once(path: str, *, embeds: bool) -> None:
    """Load a file and make a vector or two tokens."""
    engine = GPT4AllEngine(Path(path), n_ctx=256, ngl=0, device="cpu")
    if embeds:
        future: Future[Any] = Future()
        engine.submit(partial(embed, [_TEXT], 1, future))
        future.result()
    else:
        request = Request(_TEXT, stop=[], max_tokens=2, seed=None, threads=1, sampling=_SAMPLING)
        list(WorkerHandle(lambda box: engine.submit(partial(answer, request, box))).events())
    engine.free()
