"""The handbook, indexed on disk with the tiny models, for the tests of what is served."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm import ChatLlamafile, LlamafileEmbeddings, LocalServer
from langchain_localllm.rag import LocalRAG

HANDBOOK = Path(__file__).parents[3] / "docs" / "handbook"
COMMAND = [sys.executable, "-m", "langchain_localllm.cli"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the handbook in it."""
    return Path(shutil.copytree(HANDBOOK, tmp_path_factory.mktemp("documents") / "handbook"))


@pytest.fixture(scope="module")
def rag(
    folder: Path, chat_server: LocalServer, embedding_server: LocalServer
) -> Iterator[LocalRAG]:
    """Its index, on disk."""
    llm = ChatLlamafile(base_url=chat_server.base_url, temperature=0, max_tokens=60)
    embeddings = LlamafileEmbeddings(base_url=embedding_server.base_url)
    with LocalRAG(llm, embeddings, folder / ".localllm") as rag:
        rag.index(folder)
        yield rag


@contextmanager
def serving(
    *arguments: str | Path, **environment: str
) -> Iterator[tuple[dict[str, Any], "subprocess.Popen[str]"]]:
    """Run a command that serves, and read the JSON object that it prints first; it is ended by
    Ctrl-C."""
    command = [*COMMAND, *map(str, arguments), "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, **environment},
    ) as process:
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
        reader.start()
        assert process.stdout
        try:
            line = process.stdout.readline()
            assert line, "".join(errors)
            yield json.loads(line), process
        finally:
            process.terminate()
            process.wait(timeout=120)
            reader.join(timeout=60)
