"""Work like `load_once`, for the backend `xllamacpp`.

It loads a model file in a server and computes a few tokens.
"""

import base64
import shutil
from pathlib import Path
from typing import Any, Final

from langchain_localllm.gguf.header import read_file_header
from langchain_localllm.gguf.trial_load import EVERY_BYTE
from langchain_localllm.models.samples import AUDIO, IMAGE
from langchain_localllm.runtimes.llamacpp.server_engine import as_json, ask, start_server
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.speculation import Speculation

_TOKENS: Final = 16
_SMALL: Final = {"n_batch": 64, "n_ctx": 64, "n_ubatch": 64}
_WITH_IMAGE: Final = {"n_batch": 2048, "n_ctx": 4096, "n_ubatch": 2048}


def load_once(
    path: str,
    *,
    embeds: bool,
    lora: str | None = None,
    projector: str | None = None,
    draft: str | None = None,
    **settings: Any,
) -> None:
    """Load a file, tokenize, and compute some tokens.

    Args:
        path: The model file.
        embeds: Whether to make a vector instead of an answer.
        lora: A LoRA adapter to apply.
        projector: A projector. The prompt then holds an image, audio, or both.
        draft: A draft model, with which the answer is computed.
        settings: How the model is loaded.
    """
    loaded = EngineSettings(
        path=Path(path),
        model=settings,
        context={"n_threads": 1},
        lora=((lora, 1.0),) if lora else (),
        projector=(Path(projector), {"use_gpu": False}) if projector else None,
        speculation=Speculation(model=Path(draft)) if draft else None,
    )
    sizes = {
        **(_WITH_IMAGE if projector else _SMALL),
        "cache_ram_mib": 0,
        "embedding": embeds,
        "n_parallel": 1,
    }
    server, socket_path = start_server(loaded, sizes)
    tokens = ask(
        socket_path,
        "/tokenize",
        {"content": EVERY_BYTE, "add_special": True, "parse_special": True},
    )["tokens"]
    if embeds:
        server.handle_embeddings(as_json({"input": [tokens[:_TOKENS]]}))
    else:
        prompt = _prompt_with_media(projector, socket_path) if projector else tokens[:_TOKENS]
        ask(
            socket_path,
            "/completion",
            {"prompt": prompt, "n_predict": 8 if draft else 2, "ignore_eos": True},
        )
    shutil.rmtree(socket_path.parent, ignore_errors=True)


def _prompt_with_media(projector: str, socket_path: Path) -> dict[str, Any]:
    metadata = read_file_header(Path(projector)).metadata
    samples = {"clip.has_vision_encoder": IMAGE, "clip.has_audio_encoder": AUDIO}
    data = [
        base64.b64encode(sample).decode() for key, sample in samples.items() if metadata.get(key)
    ]
    marker = ask(socket_path, "/props")["media_marker"]
    return {"prompt_string": f"a{marker * len(data)}b", "multimodal_data": data}
