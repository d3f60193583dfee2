"""Classes as they are, on an engine that only writes down what it was asked."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

from pydantic import PrivateAttr

from langchain_localllm import ChatLlamafile, ChatOllama, Llamafile, Ollama
from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.response_parser import ReadHandle
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, TokenStream
from langchain_localllm.runtimes.llamafile.default_server import DEFAULT_URL
from langchain_localllm.runtimes.llamafile.server_info import Known, ServerFacts
from langchain_localllm.runtimes.ollama.api_show import ModelFacts
from langchain_localllm.transport.operations import Send

ANSWER = ["Hel", "lo"]


class FakeHandle:
    """Answers without a server."""

    def events(self) -> Generator[StreamEvent]:
        yield from (StreamEvent(text) for text in ANSWER)
        yield StreamEvent(
            "", CompletionInfo("stop", prompt_tokens=3, completion_tokens=2, model="tiny")
        )

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        for piece in self.events():
            yield piece


def sent_by(handle: TokenStream) -> Send:
    """The request that a handle is about to send."""
    handle = handle.handle if isinstance(handle, ReadHandle) else handle
    assert isinstance(handle, HttpHandle)
    send = next(handle.opening)
    assert isinstance(send, Send)
    return send


class FakeText(Llamafile):
    """A text class; `asked` holds what was sent, of its copies too."""

    _asked: list[Send] = PrivateAttr(default_factory=list)
    _default_server: dict[str, str] = PrivateAttr(
        default_factory=lambda: {DEFAULT_URL: DEFAULT_URL}
    )

    @property
    def asked(self) -> list[Send]:
        return self._asked

    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        self._asked.append(sent_by(super().open_answer(prompt, stop)))
        return FakeHandle()


class _AnyServer(dict[Any, ServerFacts]):
    """Knows of every address that the server there speaks OpenAI's API only."""

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, _: object) -> ServerFacts:
        return ServerFacts(llama_cpp=False)


class FakeChat(ChatLlamafile):
    """A chat class; `asked` holds what was sent, of its copies too."""

    _asked: list[Send] = PrivateAttr(default_factory=list)
    _default_server: dict[str, str] = PrivateAttr(
        default_factory=lambda: {DEFAULT_URL: DEFAULT_URL}
    )
    _facts: Known = PrivateAttr(default_factory=_AnyServer)

    @property
    def asked(self) -> list[Send]:
        return self._asked

    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        self._asked.append(sent_by(super().open_answer(messages, stop, request)))
        return FakeHandle()


class _LlamaCppServer(_AnyServer):
    """Knows of every address that the server there is llama.cpp's."""

    def __missing__(self, _: object) -> ServerFacts:
        return ServerFacts(llama_cpp=True)


class FakeLlamaCppChat(FakeChat):
    """A chat class whose server is llama.cpp's."""

    _facts: Known = PrivateAttr(default_factory=_LlamaCppServer)


class FakeOllama(Ollama):
    """Another text class, whose server has named the model already."""

    _asked: list[Send] = PrivateAttr(default_factory=list)

    @property
    def asked(self) -> list[Send]:
        return self._asked

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(512, frozenset({"completion", "vision"}))

    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        self._asked.append(sent_by(super().open_answer(prompt, stop)))
        return FakeHandle()


class FakeChatOllama(ChatOllama):
    """Another chat class, in the same way."""

    _asked: list[Send] = PrivateAttr(default_factory=list)

    @property
    def asked(self) -> list[Send]:
        return self._asked

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(512, frozenset({"completion", "tools"}))

    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        self._asked.append(sent_by(super().open_answer(messages, stop, request)))
        return FakeHandle()
