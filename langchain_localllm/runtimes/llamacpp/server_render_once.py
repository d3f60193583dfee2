"""Render a chat template with llama.cpp's own Jinja.

Run in a process of its own for templates that may end it.
"""

import contextlib
import os
from pathlib import Path

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.runtimes.llamacpp.server_engine import ask, start_server
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.templates.unusual_template import SAMPLE_MESSAGES, SAMPLE_TOOLS


def load_once(path: str, *, chat_template: str) -> None:
    """Start a server with the template, and render a conversation, without and with tools.

    Args:
        path: A model file.
        chat_template: The template.
    """
    settings = EngineSettings(
        path=Path(path), context={"n_threads": 1}, chat_template=chat_template
    )
    _server, socket_path = start_server(
        settings, {"cache_ram_mib": 0, "n_batch": 64, "n_ctx": 64, "n_parallel": 1}
    )
    for payload in (
        {"messages": SAMPLE_MESSAGES},
        {"messages": SAMPLE_MESSAGES, "tools": SAMPLE_TOOLS},
    ):
        with contextlib.suppress(LocalLLMError):  # a template that refuses a conversation
            ask(socket_path, "/apply-template", payload)
    os._exit(0)  # nothing else is of interest
