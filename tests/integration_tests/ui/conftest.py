"""A real browser, and the page on a real server with a model that says what a test wants."""

import asyncio
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
import uvicorn
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from playwright.sync_api import Browser, Dialog, Error, Page, sync_playwright
from typing_extensions import override

import langchain_localllm
from langchain_localllm.cli.interrupt import INTERRUPTED
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.app import ui_app
from langchain_localllm.web.history import History
from langchain_localllm.web.library import Library, ModelOpeners
from langchain_localllm.web.security import LOOPBACK, address_of, listen
from langchain_localllm.web.serving import server_config
from tests.integration_tests.cli.command import COMMAND

TOKEN: Final = "the-token"  # noqa: S105 - of a test
PATIENCE: Final = int(os.environ.get("UI_PATIENCE", "120000"))
"""Milliseconds after which a browser test fails; the machine may be busy."""
HTML: Final = (
    "<img src=x onerror=alert(1)><b>bold</b><script>alert(2)</script> The boat is blue [1]."
)
BLUE: Final = "The boat is blue [1]. It flies [99]."
CODE: Final = (
    "1. The boat is blue [1]:\n\n   ```python\n   boats[1].color\n   ```\n\nUse `boats[1]`."
)
SAID: Final = {"html": HTML, "in Python": CODE}
"""What is answered to a question with these words; to others `BLUE`."""
MANY: Final = 500
CHAT: Final = ListedModel("/models/stand-in.gguf", "a test", chat=True)
EMBEDDINGS: Final = ListedModel("/models/stand-in-embed.gguf", "a test", embeddings=True)


class WordVectors(Embeddings):
    """Vectors that count words, so that a question finds the passages with its words.

    Args:
        gate: What documents about lamps wait for.
    """

    def __init__(self, gate: threading.Event | None = None) -> None:
        self._gate = gate

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self._gate and re.search("Lamp . is green", " ".join(texts)):
            self._gate.wait(PATIENCE / 1000)
        return [self.embed_query(text) for text in texts]

    @override
    def embed_query(self, text: str) -> list[float]:
        vector = [0.01] * 128
        for word in re.findall(r"\w+", text.lower()):
            vector[zlib.crc32(word.encode()) % 128] += 1
        return vector


class Speaker(BaseChatModel):
    """A model whose answer is in the hands of the test: a word of the question says which it is."""

    gate: Any = None
    """What "gated" waits for after its first words."""
    ended: Any = None
    """Set when an endless answer ends."""

    @property
    def _llm_type(self) -> str:
        return "speaker"

    @override
    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("Is the boat blue?"))])

    @override
    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = messages[-1].text
        if "Last question:" in asked:  # a follow-up is rewritten first
            asked = "Is the boat blue?"
        try:
            async for word in self._words(asked):
                yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        finally:
            if "endless" in asked:
                self.ended.set()

    async def _words(self, asked: str) -> AsyncIterator[str]:
        if "endless" in asked:
            for number in itertools.count():  # an answer that repeats itself would be cut
                yield f"{number} and "
                await asyncio.sleep(0.01)
        if "gated" in asked:
            yield "The first half. "
            await asyncio.to_thread(self.gate.wait, PATIENCE / 1000)
        said = next((text for name, text in SAID.items() if name in asked), BLUE)
        for word in said.split(" "):
            yield f"{word} "


def free_port() -> int:
    """A port that is free and stays so: the system gives higher ones to connections."""
    for port in random.sample(range(20_000, 30_000), 100):
        try:
            listen(LOOPBACK, port).close()
        except InvalidOptionError:
            continue
        return port
    pytest.fail("No port is free.")


class Running:
    """The page on a server in a thread, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.speaker = Speaker(gate=threading.Event(), ended=threading.Event())
        self.indexing = threading.Event()
        self.indexing.set()
        openers = ModelOpeners(
            lambda reference, _: ListedModel(reference, "a test"),
            lambda _: nullcontext(self.speaker),
            lambda _: nullcontext(WordVectors(self.indexing)),
        )
        self.library = Library(folder / ".localllm", openers, chat=CHAT, embeddings=EMBEDDINGS)
        self.library.start([])
        self._port = free_port()
        self.start()

    def start(self, token: str = TOKEN) -> None:
        """Serve the page, at the same address as before."""
        sock = listen(LOOPBACK, self._port)
        self.address = f"{address_of(sock)}/?token={token}"
        app = ui_app(self.library, self.history, token=token)
        self._server = uvicorn.Server(server_config(app))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [sock]})
        self._thread.start()

    @property
    def history(self) -> History:
        """The conversations."""
        return History(self.folder / ".localllm" / "conversations")

    def stop(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with 500 documents, one that names other hosts, and a damaged one."""
    folder = tmp_path_factory.mktemp("ui")
    (folder / "notes").mkdir()
    (folder / "notes" / "boats.md").write_text(
        "# Boats\n\n## Small ones\n\nThe boat is blue. It leaks.\n", encoding="utf-8"
    )
    (folder / "notes" / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    leak = "<img src=http://leak.invalid/x onerror=alert(3)>"
    (folder / "notes" / "leak.md").write_text(f"The leak {leak} is `wide`.\n", encoding="utf-8")
    for number in range(MANY):
        text = f"Note number {number} is kept in drawer {number}."
        (folder / "notes" / f"note-{number:03}.txt").write_text(text, encoding="utf-8")
    with LocalRAG(None, WordVectors(), folder / ".localllm", vectors="sqlite") as rag:
        rag.index(folder / "notes")
    running = Running(folder)
    yield running
    running.stop()
    running.library.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Running]:
    """A server without documents, for one test."""
    running = Running(tmp_path)
    yield running
    running.indexing.set()
    running.stop()
    running.library.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of this machine. It ends with the module: Playwright's event loop would be in the
    way of async tests."""
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox"], timeout=PATIENCE
            )
        except Error as error:
            pytest.skip(f"Chromium does not start here: {error}")
        yield browser
        browser.close()


@contextmanager
def served(*arguments: str, cwd: Path, **environment: str) -> Iterator[str]:
    """The address that `localllm` with these arguments prints. It runs within the block, and ends
    by Ctrl-C."""
    with (cwd / "stderr.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(langchain_localllm.__file__).parents[1]),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            try:
                assert process.stdout
                address = process.stdout.readline().strip()
                assert address.startswith("http://127.0.0.1:"), (cwd / "stderr.txt").read_text(
                    encoding="utf-8"
                )
                yield address
            finally:
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE / 1000) == INTERRUPTED


class Tab:
    """A page, the hosts that it asked for anything, and what went wrong in it."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.faults: list[str] = []
        self._pictures = pictures
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2].split(":")[0]))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self.faults.append(dialog.message)
        dialog.dismiss()

    def shoot(self, name: str) -> None:
        """Save a picture of this state."""
        self.page.screenshot(path=self._pictures / f"{name}.png")


@pytest.fixture
def tab(browser: Browser, tmp_path: Path) -> Iterator[Tab]:
    """An empty tab. In the end, it has asked no other host for anything, and no script has
    failed."""
    pictures = Path(os.environ.get("UI_PICTURES") or tmp_path)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    tab = Tab(context.new_page(), pictures)
    yield tab
    context.close()
    assert tab.hosts <= {"127.0.0.1", ""}
    assert tab.faults == []
