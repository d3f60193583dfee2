"""What `benchmarks.speed` measures: our classes, the bare bindings, and other packages' classes.

Nothing is imported before it is needed, so that a process holds only what a user of that class
would import.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks._speed_process import peak_memory

CONTEXT: Final = 1024
SLOTS: Final = 8
PEER_FOLDER: Final = Path(__file__).parents[1] / ".engines" / "packages" / "langchain_llama_cpp"
"""Where `benchmarks.speed` installs langchain-llama-cpp, which the tests do not need."""


@dataclass(frozen=True)
class Setup:
    """What subjects are made for.

    Attributes:
        path: The model file.
        threads: Threads of the bare engines; see `benchmarks.speed.best_threads`.
        server: Address of a llama.cpp server that has the model; empty if there is none.
        ollama: Address of an Ollama that has the model as `speed`; empty if there is none.
        gpt4all: The model file as the gpt4all package accepts it.
        no_server: Why there is no address of a llama.cpp server.
        no_ollama: Why there is no address of an Ollama.
    """

    path: Path
    threads: int = 1
    server: str = ""
    ollama: str = ""
    gpt4all: Path = Path()
    no_server: str = ""
    no_ollama: str = ""


class Subject:
    """Something that answers prompts.

    Args:
        pieces: Answers a prompt with at most so many tokens, piece by piece.
        many: Answers several prompts. Without, they are answered one after another.
    """

    def __init__(
        self,
        pieces: Callable[[str, int], Iterator[str]],
        many: Callable[[list[str], int], list[str]] | None = None,
    ) -> None:
        self._pieces, self._many = pieces, many

    def stream(self, prompt: str, tokens: int) -> tuple[float, float, str]:
        """Return the seconds to the first piece, the seconds to the last, and the answer."""
        started, first, answer = time.perf_counter(), 0.0, ""
        for piece in self._pieces(prompt, tokens):
            first = first or (time.perf_counter() - started if piece else 0.0)
            answer += piece
        return first, time.perf_counter() - started, answer

    def batch(self, prompts: list[str], tokens: int) -> tuple[float, list[str]]:
        """Return the seconds for all answers, and the answers."""
        started = time.perf_counter()
        answers = (self._many or self._one_by_one)(prompts, tokens)
        return time.perf_counter() - started, answers

    def peak_memory(self) -> float:
        """Return the peak memory of this process in MB."""
        return peak_memory()

    def _one_by_one(self, prompts: list[str], tokens: int) -> list[str]:
        return ["".join(self._pieces(prompt, tokens)) for prompt in prompts]


class Vectors:
    """Something that embeds texts."""

    def __init__(self, embed: Callable[[list[str]], Any]) -> None:
        self._embed = embed

    def embed(self, texts: list[str]) -> float:
        """Return the seconds that the texts take."""
        started = time.perf_counter()
        self._embed(texts)
        return time.perf_counter() - started

    def peak_memory(self) -> float:
        """Return the peak memory of this process in MB."""
        return peak_memory()


def _chat_ml(prompt: str) -> str:
    """Wrap a prompt as SmolLM2's template does, for text classes in addition to chat classes."""
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


def _langchain(
    model: Any, limit: str = "max_tokens", wrap: Callable[[str], str] = str, **more: Any
) -> Subject:
    """Return a text or chat class as a subject; `limit` is its name for the length of an answer."""

    def options(tokens: int) -> dict[str, Any]:
        if limit == "options":
            return {"options": {**more, "num_predict": tokens}}
        return {limit: tokens, **more}

    def pieces(prompt: str, tokens: int) -> Iterator[str]:
        for chunk in model.stream(wrap(prompt), **options(tokens)):
            yield chunk if isinstance(chunk, str) else str(chunk.content)

    def many(prompts: list[str], tokens: int) -> list[str]:
        answers = model.batch([wrap(prompt) for prompt in prompts], **options(tokens))
        return [each if isinstance(each, str) else str(each.content) for each in answers]

    return Subject(pieces, many)


def _need(address: str, reason: str) -> str:
    if not address:
        raise RuntimeError(reason)
    return address


# --- llama.cpp in this process ---


def bare_llama_cpp_python(setup: Setup) -> Subject:
    """llama-cpp-python's own loop: one answer at a time, with the faster number of threads."""
    from llama_cpp import Llama

    options: dict[str, Any] = {
        "n_threads": setup.threads,
        "n_threads_batch": setup.threads,
        "verbose": False,
    }
    llama = Llama(str(setup.path), n_ctx=CONTEXT, **options)

    def pieces(prompt: str, tokens: int) -> Iterator[str]:
        parts: Any = llama.create_completion(prompt, max_tokens=tokens, temperature=0, stream=True)
        for part in parts:
            yield part["choices"][0]["text"]

    return Subject(pieces)


class BareXllamacpp(Subject):
    """xllamacpp's server object, with the settings and threads that `LlamaCpp` gives it."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(lambda prompt, tokens: iter([self.stream(prompt, tokens)[2]]), self._many)
        from langchain_localllm.gguf.threads import default_threads, sleeping_openmp

        with sleeping_openmp():
            import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(setup.path)
        params.n_ctx, params.n_parallel, params.kv_unified = CONTEXT * SLOTS, SLOTS, True
        params.warmup, params.verbosity, params.port = False, -1, 0
        params.hostnames = [str(Path(tempfile.mkdtemp()) / "llama.sock")]
        if threads := default_threads(setup.path, sleeping=True):
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        self._server: Any = xllamacpp.Server(params)

    def stream(self, prompt: str, tokens: int) -> tuple[float, float, str]:
        """Return the seconds to the first piece, the seconds to the last, and the answer."""
        times: list[float] = []
        parts: list[str] = []

        def received(part: bytes) -> None:
            if text := json.loads(part)["choices"][0]["text"]:
                times.append(time.perf_counter())
                parts.append(text)

        request = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True}
        started = time.perf_counter()
        self._server.handle_completions(json.dumps(request).encode(), received)
        first = times[0] - started if times else 0.0
        return first, time.perf_counter() - started, "".join(parts)

    def _many(self, prompts: list[str], tokens: int) -> list[str]:
        with ThreadPoolExecutor(len(prompts)) as pool:
            return list(pool.map(lambda prompt: self.stream(prompt, tokens)[2], prompts))


def our_llamacpp(setup: Setup, backend: Any) -> Subject:
    """`LlamaCpp` with one of its backends."""
    from langchain_localllm import LlamaCpp

    return _langchain(
        LlamaCpp(model_path=setup.path, n_ctx=CONTEXT, backend=backend, temperature=0)
    )


def community_llamacpp(setup: Setup) -> Subject:
    """`langchain_community.llms.LlamaCpp`, with the threads of the bare loop."""
    from langchain_community.llms import LlamaCpp

    more: dict[str, Any] = {"n_ctx": CONTEXT, "n_batch": 512, "repeat_penalty": 1.0}
    more |= {"n_threads": setup.threads, "model_kwargs": {"n_threads_batch": setup.threads}}
    return _langchain(LlamaCpp(model_path=str(setup.path), temperature=0, verbose=False, **more))


# --- clients of one llama.cpp server ---


def our_llamafile(setup: Setup) -> Subject:
    """`ChatLlamafile` on the server."""
    from langchain_localllm import ChatLlamafile

    return _langchain(ChatLlamafile(base_url=_need(setup.server, setup.no_server), temperature=0))


def openai(setup: Setup) -> Subject:
    """`langchain_openai.ChatOpenAI` on the server."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    url = f"{_need(setup.server, setup.no_server)}/v1"
    return _langchain(ChatOpenAI(base_url=url, api_key=SecretStr("none"), model="m", temperature=0))


def llama_cpp_peer(setup: Setup) -> Subject:
    """`langchain_llama_cpp.ChatLlama` on the server."""
    sys.path.append(str(PEER_FOLDER))
    from langchain_llama_cpp import ChatLlama

    return _langchain(
        ChatLlama(base_url=_need(setup.server, setup.no_server), model="m", temperature=0)
    )


def community_llamafile(setup: Setup) -> Subject:
    """`langchain_community.llms.Llamafile` on the server; a text class."""
    from langchain_community.llms import Llamafile

    llm = Llamafile(
        base_url=_need(setup.server, setup.no_server), temperature=0, repeat_penalty=1.0
    )
    llm.streaming = True
    return _langchain(llm, "n_predict", _chat_ml)


# --- clients of one Ollama ---


def _ollama_options(setup: Setup) -> dict[str, Any]:
    more = {"temperature": 0, "repeat_penalty": 1.0}
    return {"num_ctx": CONTEXT, "num_thread": setup.threads, **more}


def our_ollama(setup: Setup) -> Subject:
    """`ChatOllama` of this package."""
    from langchain_localllm import ChatOllama

    url = _need(setup.ollama, setup.no_ollama)
    return _langchain(ChatOllama(base_url=url, model="speed", **_ollama_options(setup)))


def langchain_ollama(setup: Setup) -> Subject:
    """`langchain_ollama.ChatOllama`."""
    from langchain_ollama import ChatOllama

    chat = ChatOllama(base_url=_need(setup.ollama, setup.no_ollama), model="speed")
    return _langchain(chat, "options", **_ollama_options(setup))


def community_ollama(setup: Setup) -> Subject:
    """`langchain_community.llms.Ollama`; version 0.4.2 has no chat class for Ollama any more."""
    from langchain_community.llms import Ollama

    llm = Ollama(base_url=_need(setup.ollama, setup.no_ollama), model="speed")
    return _langchain(llm, "options", **_ollama_options(setup))


# --- GPT4All's engine in this process ---

_GPT4ALL: Final[dict[str, Any]] = {"temp": 0, "top_p": 1.0, "repeat_penalty": 1.0, "n_batch": 128}


def our_gpt4all(setup: Setup) -> Subject:
    """`ChatGPT4All` on the gpt4all package's engine."""
    from langchain_localllm import ChatGPT4All

    options: dict[str, Any] = {"n_ctx": CONTEXT, "n_threads": setup.threads, "backend": "gpt4all"}
    model = str(setup.gpt4all)
    return _langchain(ChatGPT4All(model=model, temperature=0, repeat_penalty=1.0, **options))


def bare_gpt4all(setup: Setup) -> Subject:
    """Return the gpt4all package's own loop."""
    import gpt4all

    file, options = setup.gpt4all, {"n_ctx": CONTEXT, "n_threads": setup.threads}
    model = gpt4all.GPT4All(file.name, model_path=file.parent, allow_download=False, **options)

    def pieces(prompt: str, tokens: int) -> Iterator[str]:
        options = {**_GPT4ALL, "max_tokens": tokens}
        return iter(model.generate(_chat_ml(prompt), streaming=True, **options))

    return Subject(pieces)


def community_gpt4all(setup: Setup) -> Subject:
    """`langchain_community.llms.GPT4All`, a text class."""
    from langchain_community.llms import GPT4All

    more: dict[str, Any] = {"n_threads": setup.threads, "max_tokens": CONTEXT, "n_batch": 128}
    llm = GPT4All(model=str(setup.gpt4all), temp=0, top_p=1.0, repeat_penalty=1.0, **more)
    return _langchain(llm, "n_predict", _chat_ml)


# --- embeddings ---


def bare_embedding(setup: Setup) -> Vectors:
    """llama-cpp-python's `embed`, which batches."""
    from llama_cpp import Llama

    options: dict[str, Any] = {
        "n_threads": setup.threads,
        "n_threads_batch": setup.threads,
        "verbose": False,
    }
    llama = Llama(str(setup.path), embedding=True, **options)
    return Vectors(lambda texts: llama.embed(texts, normalize=True))


def our_embedding(setup: Setup, backend: Any) -> Vectors:
    """`LlamaCppEmbeddings` with one of its backends."""
    from langchain_localllm import LlamaCppEmbeddings

    return Vectors(LlamaCppEmbeddings(model_path=setup.path, backend=backend).embed_documents)


def community_embedding(setup: Setup) -> Vectors:
    """`langchain_community.embeddings.LlamaCppEmbeddings`."""
    from langchain_community.embeddings import LlamaCppEmbeddings

    options: dict[str, Any] = {"n_threads": setup.threads, "verbose": False}
    return Vectors(LlamaCppEmbeddings(model_path=str(setup.path), **options).embed_documents)


def our_llamafile_embedding(setup: Setup) -> Vectors:
    """`LlamafileEmbeddings` on the server."""
    from langchain_localllm import LlamafileEmbeddings

    return Vectors(
        LlamafileEmbeddings(base_url=_need(setup.server, setup.no_server)).embed_documents
    )


def openai_embedding(setup: Setup) -> Vectors:
    """`langchain_openai.OpenAIEmbeddings` on the server."""
    from langchain_openai import OpenAIEmbeddings
    from pydantic import SecretStr

    url = f"{_need(setup.server, setup.no_server)}/v1"
    more: dict[str, Any] = {"model": "m", "check_embedding_ctx_length": False}
    return Vectors(
        OpenAIEmbeddings(base_url=url, api_key=SecretStr("none"), **more).embed_documents
    )


def our_ollama_embedding(setup: Setup) -> Vectors:
    """`OllamaEmbeddings` of this package."""
    from langchain_localllm import OllamaEmbeddings

    url = _need(setup.ollama, setup.no_ollama)
    return Vectors(OllamaEmbeddings(base_url=url, model="speed").embed_documents)


def langchain_ollama_embedding(setup: Setup) -> Vectors:
    """`langchain_ollama.OllamaEmbeddings`."""
    from langchain_ollama import OllamaEmbeddings

    url = _need(setup.ollama, setup.no_ollama)
    return Vectors(OllamaEmbeddings(base_url=url, model="speed").embed_documents)
