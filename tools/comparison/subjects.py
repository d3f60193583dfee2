"""The classes that are compared."""

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.integration_tests.contract.engines import CONTEXT

LLAMAFILE_URL, OLLAMA_URL, MODEL_FILE = "COMPARED_LLAMAFILE", "COMPARED_OLLAMA", "COMPARED_FILE"
"""Environment variables that say where the servers and the model file are."""


@dataclass(frozen=True)
class Subject:
    """A class to test, and how it spells things.

    Attributes:
        package: The distribution that it is from.
        place: Module and name.
        params: Arguments of the constructor; `$NAME` is read from the environment.
        max_tokens: The option that limits the answer.
        temperature: The option for randomness.
        json_schema: The option that takes a JSON schema, where there is one.
        logprobs: Options that ask for log probabilities, where there are any.
        counts_tokens: Whether the engine offers its tokenizer.
        random: What else it takes to make answers vary.
        fresh: Options with which the engine forgets a prompt that filled its context, where it
            would fail at the next one.
    """

    package: str
    place: str
    params: Mapping[str, Any]
    max_tokens: str = "max_tokens"
    temperature: str = "temperature"
    json_schema: str | None = None
    logprobs: Mapping[str, Any] = field(default_factory=dict)
    counts_tokens: bool = True
    random: Mapping[str, Any] = field(default_factory=dict)
    fresh: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The class's name."""
        return self.place.rpartition(":")[2]

    def load(self) -> Any:
        """Return the class."""
        module, _, name = self.place.partition(":")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # langchain_community warns of its own end
            return getattr(importlib.import_module(module), name)


_OLLAMA: Final[dict[str, Any]] = {
    "json_schema": "format",
    "counts_tokens": False,
    "fresh": {"keep_alive": 0},
}
_ON_OLLAMA: Final = {"base_url": f"${OLLAMA_URL}", "model": "endless"}
_ON_LLAMAFILE: Final = {"base_url": f"${LLAMAFILE_URL}"}
_LLAMACPP: Final = {
    "model_path": f"${MODEL_FILE}",
    "n_ctx": CONTEXT,
    "n_threads": 1,
    "verbose": False,
}
_ONE_THREAD: Final = {"model_kwargs": {"n_threads_batch": 1}}
_LOGPROBS: Final[dict[str, Any]] = {"logprobs": {"logprobs": 1}, "random": {"min_p": 0}}
_GPT4ALL: Final = {"model": f"${MODEL_FILE}", "n_threads": 1}
OURS, _COMMUNITY, _OLLAMA_PACKAGE = "langchain-localllm", "langchain-community", "langchain-ollama"

SUBJECTS: Final = [
    Subject(_COMMUNITY, "langchain_community.llms:Ollama", _ON_OLLAMA, "num_predict", **_OLLAMA),
    Subject(_OLLAMA_PACKAGE, "langchain_ollama:OllamaLLM", _ON_OLLAMA, "num_predict", **_OLLAMA),
    Subject(OURS, "langchain_localllm:Ollama", _ON_OLLAMA, **_OLLAMA),
    Subject(
        _COMMUNITY,
        "langchain_community.llms:Llamafile",
        _ON_LLAMAFILE,
        "n_predict",
        random={"min_p": 0},
    ),
    Subject(
        OURS,
        "langchain_localllm:Llamafile",
        _ON_LLAMAFILE,
        json_schema="json_schema",
        logprobs={"n_probs": 1},
        random={"min_p": 0},
    ),
    Subject(
        _COMMUNITY,
        "langchain_community.llms:LlamaCpp",
        _LLAMACPP | _ONE_THREAD,
        logprobs={"logprobs": 1},
        random={"min_p": 0},
    ),
    Subject(
        OURS,
        "langchain_localllm:LlamaCpp",
        _LLAMACPP,
        json_schema="json_schema",
        logprobs={"logprobs": 1},
        random={"min_p": 0},
    ),
    Subject(_COMMUNITY, "langchain_community.llms:GPT4All", _GPT4ALL, "n_predict", "temp"),
    Subject(OURS, "langchain_localllm:GPT4All", _GPT4ALL | {"n_ctx": CONTEXT}),
]
"""What is compared, in the order of the table."""
