"""Loads a model as the engine does, and says on stderr what llama.cpp finds wrong with it.

    python -P _load_in_child.py '{"model": "FILE", "lora": [], "mmproj": null, "draft": null,
    "chat_template": null}'

It imports nothing of this package, for speed.
"""

import json
import os
import sys
import tempfile
from typing import Any

import xllamacpp


def main(given: dict[str, Any]) -> None:
    """Load what is given, and end."""
    params = xllamacpp.CommonParams()
    params.model.path = given["model"]
    params.chat_template = given["chat_template"] or ""
    if given["mmproj"]:
        params.mmproj.path = given["mmproj"]
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in given["lora"]]
    if given["draft"]:
        params.speculative.draft.mparams.path = given["draft"]
        params.speculative.types = [
            xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE
        ]
    params.port = 0
    params.n_ctx, params.n_parallel = 256, 1
    params.fit_params = params.warmup = params.ui = False
    params.offline = True
    params.verbosity = 2
    with tempfile.TemporaryDirectory() as folder:
        params.hostnames = [f"{folder}/llama.sock"]
        _server = xllamacpp.Server(params)
        os._exit(0)  # what comes after loading is of no interest


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
