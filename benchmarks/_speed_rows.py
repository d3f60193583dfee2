"""The subjects and comparisons of `benchmarks.speed`, and why some of them are lost."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import _speed_subjects as made

LLAMA_CPP_PYTHON: Final = "llama-cpp-python"
"""The subject whose number of threads is chosen by measuring."""
XLLAMACPP: Final = "xllamacpp"
GPT4ALL: Final = "gpt4all"
OUR_XLLAMACPP: Final = "LlamaCpp (xllamacpp)"
OUR_LLAMA_CPP_PYTHON: Final = "LlamaCpp (llama-cpp-python)"
LLAMAFILE: Final = "ChatLlamafile"
OLLAMA: Final = "ChatOllama"
OUR_GPT4ALL: Final = "ChatGPT4All"
COMMUNITY_LLAMACPP: Final = "langchain_community LlamaCpp"
COMMUNITY_LLAMAFILE: Final = "langchain_community Llamafile"
COMMUNITY_OLLAMA: Final = "langchain_community Ollama"
COMMUNITY_GPT4ALL: Final = "langchain_community GPT4All"
CHAT_OPENAI: Final = "langchain_openai ChatOpenAI"
CHAT_LLAMA: Final = "langchain_llama_cpp ChatLlama"
LANGCHAIN_OLLAMA: Final = "langchain_ollama ChatOllama"
OUR_EMBEDDING: Final = "LlamaCppEmbeddings (xllamacpp)"
OUR_OTHER_EMBEDDING: Final = "LlamaCppEmbeddings (llama-cpp-python)"
COMMUNITY_EMBEDDING: Final = "langchain_community LlamaCppEmbeddings"
LLAMAFILE_EMBEDDING: Final = "LlamafileEmbeddings"
OPENAI_EMBEDDING: Final = "langchain_openai OpenAIEmbeddings"
OLLAMA_EMBEDDING: Final = "OllamaEmbeddings"
LANGCHAIN_OLLAMA_EMBEDDING: Final = "langchain_ollama OllamaEmbeddings"

Make = Callable[..., object]

IN_PROCESS: Final[dict[str, Make]] = {
    LLAMA_CPP_PYTHON: made.bare_llama_cpp_python,
    XLLAMACPP: made.BareXllamacpp,
    OUR_XLLAMACPP: functools.partial(made.our_llamacpp, backend="xllamacpp"),
    OUR_LLAMA_CPP_PYTHON: functools.partial(made.our_llamacpp, backend="llama-cpp-python"),
    COMMUNITY_LLAMACPP: made.community_llamacpp,
}
SERVED: Final[dict[str, Make]] = {
    LLAMAFILE: made.our_llamafile,
    CHAT_OPENAI: made.openai,
    CHAT_LLAMA: made.llama_cpp_peer,
    COMMUNITY_LLAMAFILE: made.community_llamafile,
}
OLLAMA_SERVED: Final[dict[str, Make]] = {
    OLLAMA: made.our_ollama,
    LANGCHAIN_OLLAMA: made.langchain_ollama,
    COMMUNITY_OLLAMA: made.community_ollama,
}
GPT4ALL_ENGINE: Final[dict[str, Make]] = {
    GPT4ALL: made.bare_gpt4all,
    OUR_GPT4ALL: made.our_gpt4all,
    COMMUNITY_GPT4ALL: made.community_gpt4all,
}
EMBEDDINGS: Final[dict[str, Make]] = {
    LLAMA_CPP_PYTHON: made.bare_embedding,
    OUR_EMBEDDING: functools.partial(made.our_embedding, backend="xllamacpp"),
    OUR_OTHER_EMBEDDING: functools.partial(made.our_embedding, backend="llama-cpp-python"),
    COMMUNITY_EMBEDDING: made.community_embedding,
    LLAMAFILE_EMBEDDING: made.our_llamafile_embedding,
    OPENAI_EMBEDDING: made.openai_embedding,
    OLLAMA_EMBEDDING: made.our_ollama_embedding,
    LANGCHAIN_OLLAMA_EMBEDDING: made.langchain_ollama_embedding,
}

COMPARISONS: Final = (
    (OUR_XLLAMACPP, LLAMA_CPP_PYTHON),
    (OUR_XLLAMACPP, XLLAMACPP),
    (OUR_XLLAMACPP, COMMUNITY_LLAMACPP),
    (OUR_LLAMA_CPP_PYTHON, LLAMA_CPP_PYTHON),
    (OUR_LLAMA_CPP_PYTHON, COMMUNITY_LLAMACPP),
    (LLAMAFILE, CHAT_OPENAI),
    (LLAMAFILE, CHAT_LLAMA),
    (LLAMAFILE, COMMUNITY_LLAMAFILE),
    (OLLAMA, LANGCHAIN_OLLAMA),
    (OLLAMA, COMMUNITY_OLLAMA),
    (OUR_GPT4ALL, GPT4ALL),
    (OUR_GPT4ALL, COMMUNITY_GPT4ALL),
    (OUR_EMBEDDING, LLAMA_CPP_PYTHON),
    (OUR_EMBEDDING, COMMUNITY_EMBEDDING),
    (OUR_OTHER_EMBEDDING, LLAMA_CPP_PYTHON),
    (OUR_OTHER_EMBEDDING, COMMUNITY_EMBEDDING),
    (LLAMAFILE_EMBEDDING, OPENAI_EMBEDDING),
    (OLLAMA_EMBEDDING, LANGCHAIN_OLLAMA_EMBEDDING),
)
"""Our class, and what it is compared with, on the same engine or server."""
ENGINES: Final = ((XLLAMACPP, LLAMA_CPP_PYTHON),)
"""The engines by themselves, without this package."""


@dataclass(frozen=True)
class Metric:
    """Something that is measured.

    Attributes:
        title: The head of its column.
        digits: Digits after the point.
        lower_is_better: As of times and memory.
    """

    title: str
    digits: int = 0
    lower_is_better: bool = False

    def ratio(self, ours: float, other: float) -> float:
        """Return how many times as good ours is; above 1 is better."""
        return other / ours if self.lower_is_better else ours / other


METRICS: Final[dict[str, Metric]] = {
    "stream": Metric("stream, tokens/s", 1),
    "batch": Metric("batch of 8, tokens/s", 1),
    "first": Metric("first token, ms", lower_is_better=True),
    "prompt": Metric("prompt, tokens/s"),
    "texts": Metric("texts/s", 1),
    "memory": Metric("peak memory, MB", lower_is_better=True),
}

_ROOM: Final = (
    "it keeps room for 8 answers at once, 160 MB of cache on SmolLM2; `n_parallel=1` gives it back."
)
_LANGCHAIN: Final = "it imports LangChain, some 70 MB, as any class of LangChain does."
_ENGINE: Final = (
    "the engine: `xllamacpp / llama-cpp-python`, without this package, has the same ratio here."
)
WHY: Final[dict[tuple[str, str, str], str]] = {
    (OUR_XLLAMACPP, LLAMA_CPP_PYTHON, "memory"): f"{_ROOM} Also, {_LANGCHAIN}",
    (OUR_XLLAMACPP, LLAMA_CPP_PYTHON, "prompt"): _ENGINE,
    (OUR_XLLAMACPP, COMMUNITY_LLAMACPP, "prompt"): _ENGINE,
    (OUR_XLLAMACPP, XLLAMACPP, "memory"): _LANGCHAIN,
    (OUR_XLLAMACPP, COMMUNITY_LLAMACPP, "memory"): _ROOM,
    (OUR_LLAMA_CPP_PYTHON, LLAMA_CPP_PYTHON, "memory"): f"{_ROOM} Also, {_LANGCHAIN}",
    (OUR_LLAMA_CPP_PYTHON, COMMUNITY_LLAMACPP, "memory"): _ROOM,
    (OUR_GPT4ALL, GPT4ALL, "memory"): _LANGCHAIN,
}
"""Our class, the other (`*` for all), the metric: why ours loses.

The page lists a loss without an entry as not explained. An entry needs a measurement behind it.
"""


def explanation(ours: str, other: str, metric: str) -> str:
    """Return why a comparison is lost; empty if it is not known."""
    return WHY.get((ours, other, metric)) or WHY.get((ours, "*", metric), "")


def subjects(*groups: dict[str, Any]) -> dict[str, Make]:
    """Return the subjects of several groups."""
    return {name: make for group in groups for name, make in group.items()}
