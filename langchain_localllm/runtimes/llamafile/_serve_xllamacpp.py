"""Run the llama.cpp server of the `xllamacpp` wheel with the option names of `llama-server`.

    python -P _serve_xllamacpp.py --model FILE --port 0 --ctx-size 2048

It is independent, for speed: it imports nothing of this package or of LangChain. The key comes from
the environment variable LLAMA_API_KEY, where `ps` does not show it. SIGTERM ends it.
"""

import argparse
import functools
import json
import os
import sys
import threading
from typing import Any


def main(arguments: list[str]) -> None:
    """Load the model, serve it on 127.0.0.1, print the address, and stay until a signal.

    The signal ends the process.
    """
    options = _parse(arguments)
    try:
        import xllamacpp
    except ImportError as error:
        sys.exit(f"cannot import xllamacpp: {error}")
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.hostnames = [options.host]
    params.port = options.port
    params.n_ctx = options.ctx_size
    params.n_parallel = options.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.embedding = options.embeddings
    params.n_batch = options.batch_size
    params.n_ubatch = options.ubatch_size
    if options.pooling == "mean":
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if key := os.environ.get("LLAMA_API_KEY"):
        params.api_keys = [key]
    params.offline = True
    params.ui = False
    params.cors_origins = "localhost"  # pages from elsewhere cannot read what it answers
    params.verbosity = 2  # warnings and errors: the log stays small on a server that runs for weeks
    for name, value in json.loads(options.params).items():
        place, _, attribute = name.rpartition(".")
        setattr(
            functools.reduce(getattr, place.split("."), params) if place else params,
            attribute,
            _value(xllamacpp, value),
        )
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:  # the reason is in the log already
        sys.exit(str(error))
    print(f"listening on {server.listening_address}", flush=True)  # noqa: T201 - read by the process that started it
    threading.Event().wait()


def _value(xllamacpp: Any, value: Any) -> Any:
    """Convert a JSON value to what the package accepts.

    Its own types are objects with their name as the first key.
    """
    if not isinstance(value, dict):
        return value
    if "enum" in value:
        kind, names = getattr(xllamacpp, value["enum"]), value["name"]
        return kind[names] if isinstance(names, str) else [kind[name] for name in names]
    if "lora" in value:
        return [xllamacpp.CommonAdapterLoraInfo(path, scale) for path, scale in value["lora"]]
    if "shares" in value:  # one for each device that the package could have
        return [
            *value["shares"],
            *[0.0] * (len(xllamacpp.CommonParams().tensor_split) - len(value["shares"])),
        ]
    return set(value["set"]) if "set" in value else value["dict"]


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="xllamacpp server", allow_abbrev=False)
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ctx-size", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--ubatch-size", type=int, default=512)
    parser.add_argument("--pooling", choices=["mean"])
    parser.add_argument("--embeddings", "--embedding", action="store_true")
    parser.add_argument("--params", default="{}", help="attributes of CommonParams, as JSON")
    parser.add_argument("--jinja", action="store_true", help="always on here")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
