"""As `load_once`, for the backend `xllamacpp`: loads a model file in a server and computes a few tokens."""

import shutil
from pathlib import Path

from langchain_localllm.models.trial_load import EVERY_BYTE
from langchain_localllm.runtimes.llamacpp.server_engine import as_json, ask, start_server
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings


def load_once(path: str, *, embeds: bool) -> None:
    """Load a file, tokenize, and compute some tokens."""
    sizes = {"cache_ram_mib": 0, "embedding": embeds, "n_batch": 64, "n_ctx": 64, "n_parallel": 1, "n_ubatch": 64}
    server, socket_path = start_server(EngineSettings(path=Path(path), context={"n_threads": 1}), sizes)
    tokens = ask(socket_path, "/tokenize", {"content": EVERY_BYTE, "add_special": True, "parse_special": True})["tokens"][:16]
    if embeds:
        server.handle_embeddings(as_json({"input": [tokens]}))
    else:
        payload = {"prompt": tokens, "n_predict": 2, "ignore_eos": True, "stream": True}
        server.handle_completions(as_json(payload), lambda _: False)
    shutil.rmtree(socket_path.parent, ignore_errors=True)
