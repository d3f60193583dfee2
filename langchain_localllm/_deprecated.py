"""Old names, which keep working with a `DeprecationWarning` until version 0.3.

A module that moved is found under its old name, and a public name that was renamed under its old
one.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

_PACKAGE: Final = "langchain_localllm."
_REMOVED_IN: Final = "0.3"
MODULES: Final[dict[str, str]] = {
    "base.about": "model_info.info",
    "base.again": "base.failover",
    "base.embedding_work": "base.embedding_batches",
    "base.engine": "base.token_stream",
    "base.engine_thread": "base.local_engine.thread",
    "base.inprocess": "base.local_engine.options",
    "base.reading": "base.response_parser",
    "base.stops": "base.stop_sequences",
    "base.templated": "base.chat_templated",
    "base.threads": "gguf.threads",
    "base.worker": "base.local_engine.stream",
    "cli.answering": "cli.chat_models",
    "cli.answers": "cli.rag_output",
    "cli.ask": "cli.commands.ask",
    "cli.bench": "cli.commands.bench",
    "cli.chat": "cli.commands.chat",
    "cli.compare": "cli.commands.compare",
    "cli.doctor": "cli.commands.doctor",
    "cli.fit": "cli.commands.fit",
    "cli.models": "cli.commands.models",
    "cli.notes": "cli.stderr",
    "cli.open_model": "cli.model_args",
    "cli.prompt": "cli.commands.prompt",
    "cli.pull": "cli.commands.pull",
    "cli.rag": "cli.commands.rag",
    "cli.repetition": "base.repetition",
    "cli.run": "cli.commands.run",
    "cli.serve": "cli.commands.serve",
    "cli.timing": "cli.benchmark",
    "models.architecture": "gguf.kv_cache",
    "models.choose": "manage.quantization",
    "models.companion_files": "gguf.companion_files",
    "models.fitting": "manage.fit",
    "models.folders": "manage.folders",
    "models.gguf_check": "gguf.header",
    "models.hub": "manage.hub",
    "models.known": "manage.catalog",
    "models.limits": "gguf.capacity",
    "models.listing": "manage.inventory",
    "models.load_errors": "gguf.load_errors",
    "models.machine": "gguf.machine",
    "models.memory": "gguf.memory",
    "models.remote": "gguf.remote_header",
    "models.remove": "manage.remove",
    "models.resolve": "manage.resolve",
    "models.servers": "manage.probe",
    "models.sources": "manage.model_ref",
    "models.trial_load": "gguf.trial_load",
    "models.unusual_values": "gguf.unusual_values",
    "prompts.families": "prompts.format_table",
    "prompts.family": "prompts.detect_family",
    "prompts.fitting": "prompts.adapt",
    "prompts.look": "model_info.introspect",
    "prompts.ready": "prompts.prompt_pair",
    "prompts.unwrap": "model_info.unwrap",
    "rag.ahead": "rag.vectorstores.precomputed",
    "rag.budget": "rag.answer.context_budget",
    "rag.catalogue": "rag.index.catalog",
    "rag.chain": "rag.answer.chain",
    "rag.cite": "rag.answer.citations",
    "rag.database": "rag.index.database",
    "rag.evaluate": "rag.eval.evaluate",
    "rag.file_keys": "rag.ingest.file_keys",
    "rag.find": "rag.ingest.discover",
    "rag.formats": "rag.ingest.formats",
    "rag.load": "rag.ingest.load",
    "rag.move": "rag.index.migrate",
    "rag.normalize": "rag.ingest.normalize",
    "rag.off_topic_questions": "rag.index.off_topic_questions",
    "rag.privacy": "rag.answer.privacy",
    "rag.qdrant_vectors": "rag.vectorstores.qdrant",
    "rag.questions": "rag.eval.dataset",
    "rag.relevance": "rag.index.threshold",
    "rag.retrieve": "rag.answer.retrieve",
    "rag.search": "rag.index.candidates",
    "rag.split": "rag.ingest.split",
    "rag.sqlite_vectors": "rag.vectorstores.sqlite",
    "rag.store": "rag.index.store",
    "rag.update": "rag.index.update",
    "rag.vectors": "rag.vectorstores.kinds",
    "rag.words": "rag.index.text_search",
    "runtimes.gpt4all.answers": "runtimes.gpt4all.generation",
    "runtimes.gpt4all.files": "runtimes.gpt4all.model_files",
    "runtimes.gpt4all.seeds": "runtimes.gpt4all.rng",
    "runtimes.gpt4all.vectors": "runtimes.gpt4all.embedder",
    "runtimes.llamacpp.computing": "runtimes.llamacpp.compute_thread",
    "runtimes.llamacpp.library": "runtimes.llamacpp.ffi",
    "runtimes.llamacpp.memory": "runtimes.llamacpp.sizing",
    "runtimes.llamacpp.prompt_cache": "runtimes.llamacpp.host_cache",
    "runtimes.llamacpp.prompt_files": "runtimes.llamacpp.disk_cache",
    "runtimes.llamacpp.schema_grammar": "runtimes.llamacpp.json_schema_to_grammar",
    "runtimes.llamacpp.sequences": "runtimes.llamacpp.slots",
    "runtimes.llamacpp.threads": "runtimes.llamacpp.thread_tuner",
    "runtimes.llamacpp.vectors": "runtimes.llamacpp.embedder",
    "runtimes.llamafile.about": "runtimes.llamafile.model_info",
    "runtimes.llamafile.facts": "runtimes.llamafile.server_info",
    "runtimes.llamafile.vectors": "runtimes.llamafile.embedding_api",
    "runtimes.ollama.about": "runtimes.ollama.model_info",
    "runtimes.ollama.cards": "runtimes.ollama.model_list",
    "runtimes.ollama.manage": "runtimes.ollama.management",
    "runtimes.ollama.model_types": "runtimes.ollama.model_list",
    "templates.instructions": "templates.conversation_forms",
    "transport.balance": "transport.failover",
    "transport.faults": "transport.errors",
    "transport.lines": "transport.decoding",
    "transport.plan": "transport.operations",
}
"""Old module to new module, both below the package."""
NAMES: Final[dict[str, dict[str, str]]] = {
    "base.token_stream": {
        "Finish": "CompletionInfo",
        "Handle": "TokenStream",
        "Piece": "StreamEvent",
    },
    "cli.stderr": {"note": "print_stderr"},
    "manage.inventory": {"find": "manage.resolve:find"},
    "manage.model_ref": {"quantisation_in": "quantization_in"},
    "model_info.info": {"About": "ModelInfo", "about_file": "model_info_from_file"},
    "model_info.introspect": {
        "alook": "adescribe_model",
        "look": "describe_model",
        "look_or_raise": "describe_model_or_raise",
    },
    "prompts.adapt": {"fit": "adapt_prompt"},
    "prompts.library": {
        "SUMMARISE": "SUMMARIZE",
        "SUMMARISE_COMBINE": "SUMMARIZE_COMBINE",
        "SUMMARISE_MAP": "SUMMARIZE_MAP",
        "SUMMARISE_REFINE": "SUMMARIZE_REFINE",
    },
    "prompts.prompt_pair": {"ReadyPrompt": "PromptPair"},
    "rag": {"Rejected": "InvalidCitation"},
    "rag.answer.chain": {"is_tiny": "is_extractive"},
    "rag.answer.context_budget": {"fit": "fit_passages"},
    "rag.answer.citations": {"Rejected": "InvalidCitation"},
    "rag.index.catalog": {"Catalogue": "Catalog"},
    "runtimes.llamacpp.disk_cache": {"PromptFiles": "DiskCache", "prompt_files": "open_disk_cache"},
    "runtimes.ollama.model_list": {"ModelCard": "runtimes.ollama.api_show:ModelCard"},
    "scale": {"Measured": "ActorThroughput", "Need": "CapacityPlan", "machines": "plan_capacity"},
    "templates.conversation_forms": {
        "render_with_instructions": "render_conversation",
        "with_shown_instructions": "with_accepted_turns",
    },
    "transport.operations": {
        "First": "FirstBytes",
        "Patience": "transport.retry:RetryPolicy",
        "Pause": "Sleep",
        "fetch_json": "transport.retry:fetch_json",
        "open_reply": "transport.retry:open_reply",
    },
}
"""Module, below the package, to old name to new name, with a module and a colon before it where
that is another one."""


def renamed(module: str, name: str) -> Any:
    """Return the object that a public name of a module means now.

    Raises:
        AttributeError: The module has no such name, and had none.
    """
    new = NAMES.get(module.removeprefix(_PACKAGE), {}).get(name)
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    _warn(f"{module}.{name}", f"{module}.{new}", 4)
    return _found(module, new)


def renamed_attribute(old: str, new: str) -> Any:
    """Return a property that reads an attribute under its old name, and warns."""

    def get(owner: object) -> Any:
        _warn(f"{type(owner).__name__}.{old}", f"{type(owner).__name__}.{new}", 3)
        return getattr(owner, new)

    return property(get)


def renamed_key(old: str, new: str) -> str:
    """Return the new key of a result's value, and warn about the old one."""
    _warn(f"result[{old!r}]", f"result[{new!r}]", 4)
    return new


def find_moved_modules() -> None:
    """Let imports find modules under their old names.

    It comes first, since a moved package's folder has its modules too.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _warn(old: str, new: str, stacklevel: int) -> None:
    message = f"`{old}` was renamed. Use `{new}`; the old name is removed in version {_REMOVED_IN}."
    warnings.warn(message, DeprecationWarning, stacklevel)


class _Finder:
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PACKAGE):
            return None
        old, rest = fullname.removeprefix(_PACKAGE), ""
        while old and old not in MODULES:
            old, dot, name = old.rpartition(".")
            rest = f"{dot}{name}{rest}"
        return (
            ModuleSpec(fullname, _Loader(_PACKAGE + MODULES[old] + rest), is_package=True)
            if old
            else None
        )


class _Loader(Loader):
    def __init__(self, new: str) -> None:
        self._new = new

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that moved in this one's place, with its old names."""
        new = importlib.import_module(self._new)
        _warn(module.__name__, self._new, 3)
        for old, name in NAMES.get(self._new.removeprefix(_PACKAGE), {}).items():
            setattr(new, old, _found(self._new, name))
        sys.modules[module.__name__] = new


def _found(module: str, name: str) -> Any:
    place, _, inner = name.rpartition(":")
    return getattr(importlib.import_module(_PACKAGE + place if place else module), inner)
