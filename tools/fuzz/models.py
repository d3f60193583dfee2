"""Fuzz model files: each changed file loads and answers, or raises an error of this package."""

import importlib
import importlib.util
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import HumanMessage

from langchain_localllm import (
    ChatLlamaCpp,
    GPT4All,
    GPT4AllEmbeddings,
    LlamaCpp,
    LlamaCppEmbeddings,
)
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.gguf import trial_load
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.models import fit, tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamacpp import fork
from tools.engines.gguf_mutations import Header
from tools.engines.images import block, png, projector
from tools.engines.models import lora_adapter
from tools.fuzz.isolated import Outcome, run_isolated
from tools.fuzz.model_mutations import damage, mutate

_SECONDS: Final = 60.0
_TRIAL_SECONDS: Final = 30.0
_TEMPLATE_SECONDS: Final = 5.0
_CONTEXTS: Final = (
    None,
    None,
    0,
    1,
    5,
    31,
    33,
    63,
    64,
    65,
    99,
    100,
    127,
    128,
    200,
    255,
    256,
    257,
    510,
    1000,
)
_PROMPTS: Final = ("Hello", "What is the number 12345?", "é 中文 🙂 it's\n\n\tx", "word " * 60)
_TEXTS: Final = [["Hello"], ["", "A boat."], ["A boat.", "word " * 150, "é 中文 🙂"], ["a"] * 40]
_NOTES: Final = ".json"
_WAYS: Final = {
    "chat": ("text", "text", "chat", "chat", "embeddings"),
    "embeddings": ("embeddings",),
    "adapter": ("adapter",),
    "projector": ("projector",),
}
"""How a file is used, by what it is; some ways more often than others."""
_MODELS: Final = ("chat", "embeddings")


@dataclass(frozen=True)
class ModelCase:
    """A file that was changed, and how it is used.

    Attributes:
        source: Name of the model that was changed.
        use: How the file is used: a name of `USES`.
        options: Arguments of the class.
        text: What is asked: the number of a prompt or of a list of texts.
        changes: What was changed, in words.
        data: The file.
    """

    source: str
    use: str
    options: dict[str, Any]
    text: int
    changes: list[str]
    data: bytes

    @property
    def name(self) -> str:
        """The case in one line."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.source}, {self.use}({options}): {'; '.join(self.changes)}"

    def run(self) -> Outcome:
        """Use the file in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.gguf"
            path.write_bytes(self.data)
            return run_isolated(partial(_use, self, path), _SECONDS)

    def save(self, folder: Path, name: str) -> Path:
        """Write the file, and how it was used next to it."""
        path = folder / f"{name}.gguf"
        path.write_bytes(self.data)
        notes = {
            "changes": self.changes,
            "options": self.options,
            "source": self.source,
            "text": self.text,
            "use": self.use,
        }
        path.with_suffix(_NOTES).write_text(json.dumps(notes, indent=1), encoding="utf-8")
        return path


def saved_model_case(path: Path) -> ModelCase:
    """Return the case that was saved with a file."""
    notes = json.loads(path.with_suffix(_NOTES).read_text(encoding="utf-8"))
    return ModelCase(**notes, data=path.read_bytes())


def model_cases(rng: random.Random, models: list[Path]) -> Iterator[ModelCase]:
    """Yield cases without end.

    Args:
        rng: What the cases depend on.
        models: The model files to change; by default the tiny ones, and files that go with them.
    """
    sources = [(path, _kind(path)) for path in models] or _tiny_sources()
    while True:
        path, kind = rng.choice(sources)
        changes, data = _changed(path, rng)
        use = rng.choice(_uses(kind))
        if kind in _MODELS and rng.random() < 0.1:  # noqa: PLR2004 - a share
            use = "fit"
        n_ctx = None if use in {"gpt4all embeddings", "fit"} else rng.choice(_CONTEXTS)
        options = {} if n_ctx is None else {"n_ctx": n_ctx}
        yield ModelCase(path.stem, use, options, rng.randrange(len(_PROMPTS)), changes, data)


@cache
def _uses(kind: str) -> list[str]:
    """Return the ways to use a file with the engines that are installed."""
    return [
        use
        for engine, module in _MODULES.items()
        if importlib.util.find_spec(module)
        for way in _WAYS[kind]
        if (use := f"{engine} {way}") in USES
        # gpt4all makes vectors with models for them only
        and (engine, way, kind) != ("gpt4all", "embeddings", "chat")
    ]


@cache
def _kind(path: Path) -> str:
    """Return what a file is used as."""
    return "embeddings" if check_gguf(path).embeds else "chat"


def _tiny_sources() -> list[tuple[Path, str]]:
    """Return the files to change, and what they are used as; some more often than others."""
    chat, embed = Path(tiny_chat_model()), Path(tiny_embedding_model())
    folder = Path(tempfile.mkdtemp())
    adapter, eyes = (
        lora_adapter(chat, folder / "adapter.gguf"),
        projector(folder / "projector.gguf"),
    )
    models = [(chat, "chat")] * 4 + [(embed, "embeddings")] * 2
    return [*models, (adapter, "adapter"), (eyes, "projector")]


def _changed(path: Path, rng: random.Random) -> tuple[list[str], bytes]:
    if rng.random() < 0.2:  # noqa: PLR2004 - a share
        data = path.read_bytes()
        data, change = damage(data, _header_size(path), rng)
        return [change], data
    header = _whole(path).copy()
    changes = mutate(header, rng)
    return changes, header.write()


@cache
def _whole(path: Path) -> Header:
    return Header.read(path)


@cache
def _header_size(path: Path) -> int:
    return len(_whole(path).write()) - sum(len(data) for *_, data in _whole(path).tensors)


def _text(path: Path, backend: Any, text: int, options: dict[str, Any]) -> str:
    with LlamaCpp(model_path=path, backend=backend, max_tokens=4, temperature=0, **options) as llm:
        llm.get_num_tokens("Hello")
        return str(llm.invoke(_PROMPTS[text]))


def _chat(path: Path, backend: Any, text: int, options: dict[str, Any]) -> str:
    with ChatLlamaCpp(
        model_path=path, backend=backend, max_tokens=4, temperature=0, **options
    ) as chat:
        return "".join(str(chunk.content) for chunk in chat.stream(_PROMPTS[text]))


def _embeddings(path: Path, backend: Any, text: int, options: dict[str, Any]) -> str:
    with LlamaCppEmbeddings(model_path=path, backend=backend, **options) as embeddings:
        return _checked(embeddings.embed_documents(_TEXTS[text]), len(_TEXTS[text]))


def _gpt4all(path: Path, _backend: Any, text: int, options: dict[str, Any]) -> str:
    with GPT4All(model=str(path), max_tokens=4, temperature=0, **options) as llm:
        return str(llm.invoke(_PROMPTS[text]))


def _gpt4all_embeddings(path: Path, _backend: Any, text: int, options: dict[str, Any]) -> str:
    with GPT4AllEmbeddings(model=str(path), **options) as embeddings:
        return _checked(embeddings.embed_documents(_TEXTS[text]), len(_TEXTS[text]))


def _adapter(path: Path, backend: Any, text: int, options: dict[str, Any]) -> str:
    with LlamaCpp(
        model_path=tiny_chat_model(),
        lora_path=path,
        backend=backend,
        max_tokens=4,
        temperature=0,
        **options,
    ) as llm:
        return str(llm.invoke(_PROMPTS[text]))


def _projector(path: Path, backend: Any, text: int, options: dict[str, Any]) -> str:
    content: list[Any] = [{"type": "text", "text": _PROMPTS[text]}, block(png(255, 0, 0))]
    with ChatLlamaCpp(
        model_path=tiny_chat_model(),
        mmproj_path=path,
        backend=backend,
        max_tokens=4,
        temperature=0,
        **options,
    ) as chat:
        return str(chat.invoke([HumanMessage(content)]).text)


def _fit(path: Path, _backend: Any, _text: int, _options: dict[str, Any]) -> str:
    return f"{len(fit(path, measure=False).rows)} rows"


def _checked(vectors: list[list[float]], count: int) -> str:
    if len(vectors) != count or not all(
        vector and all(map(math.isfinite, vector)) for vector in vectors
    ):
        raise AssertionError(f"vectors that are not numbers: {vectors}"[:200])
    return f"{len(vectors[0])} numbers"


_MODULES: Final = {"xllamacpp": "xllamacpp", "llama-cpp-python": "llama_cpp", "gpt4all": "gpt4all"}
USES: Final[dict[str, Callable[[Path, Any, int, dict[str, Any]], str]]] = {
    "xllamacpp text": _text,
    "xllamacpp chat": _chat,
    "xllamacpp embeddings": _embeddings,
    "xllamacpp adapter": _adapter,
    "xllamacpp projector": _projector,
    "llama-cpp-python text": _text,
    "llama-cpp-python chat": _chat,
    "llama-cpp-python embeddings": _embeddings,
    "llama-cpp-python adapter": _adapter,
    "llama-cpp-python projector": _projector,
    "gpt4all text": _gpt4all,
    "gpt4all embeddings": _gpt4all_embeddings,
    "fit": _fit,
}
"""Ways to use a file, by names that begin with that of the engine."""


def _use(case: ModelCase, path: Path) -> str:
    """Use a file as a program would, first in a fork.

    The package would start a new process for it, which is slow.
    """
    trial_load._trial_fault = _trial_fault  # noqa: SLF001
    trial_load._record = lambda *_: None  # noqa: SLF001 - each file is new
    backend = case.use.rpartition(" ")[0]
    try:
        return f"works: {USES[case.use](path, backend, case.text, case.options)!r}"
    except LocalLLMError as error:
        return f"{type(error).__name__}: {error}".replace(str(path), "FILE")


def _trial_fault(
    path: Path, engine: str, module: str, options: dict[str, Any], seconds: float | None = None
) -> str | None:
    limit = _TEMPLATE_SECONDS if seconds else _TRIAL_SECONDS
    outcome = run_isolated(partial(_load_once, path, module, options), limit)
    return f"{engine} {outcome.fault}" if outcome.fault and outcome.fault != "raises" else None


def _load_once(path: Path, module: str, options: dict[str, Any]) -> str:
    fork._process.clear()  # noqa: SLF001 - no model was loaded before this fork
    importlib.import_module(module).load_once(str(path), **options)
    return "loaded"
