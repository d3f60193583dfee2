"""Map the names of old packages to their current modules.

The packages are those that this one replaces, and LangChain before version 1.

The tables name modules. Which classes are ours is read from the registry, and which names moved to
`langchain_core` from `langchain_core` itself, so neither is written down a second time.
"""

import functools
import importlib
from typing import Final

from langchain_localllm.registry import ALIASES, RUNTIMES, class_modules

OURS: Final = "langchain_localllm"
CLASSIC: Final = "langchain_classic"
COMMUNITY: Final = "langchain_community"
LANGCHAIN: Final = "langchain"
EXPERIMENTAL: Final = "langchain_experimental"
OLLAMA: Final = "langchain_ollama"
PYDANTIC: Final = "pydantic"
PYDANTIC_1: Final = frozenset({"langchain.pydantic_v1", "langchain_core.pydantic_v1"})
"""Modules that handed on pydantic's names of before version 2."""
ROOTS: Final = (LANGCHAIN, CLASSIC, COMMUNITY, OLLAMA)
"""Packages whose imports are looked at."""

_KINDS: Final = {"llms": "text", "chat_models": "chat", "embeddings": "embeddings"}
"""Module of LangChain's packages to the kind of classes in it."""
_ERRORS: Final = {"llms.ollama": {"OllamaEndpointNotFoundError"}}
"""Names in our modules that are no classes for models."""
_SELECTOR: Final = frozenset({"ConditionalPromptSelector", "is_chat_model", "is_llm"})
LANGCHAIN_1: Final[dict[str, frozenset[str] | None]] = {
    "agents": frozenset({"AgentState", "create_agent"}),
    "agents.factory": None,
    "agents.middleware": None,
    "agents.structured_output": None,
    "chat_models": frozenset({"BaseChatModel", "init_chat_model"}),
    "chat_models.base": frozenset({"BaseChatModel", "init_chat_model"}),
    "embeddings": frozenset({"Embeddings", "init_embeddings"}),
    "embeddings.base": frozenset({"Embeddings", "init_embeddings"}),
    "mcp": None,
    "messages": None,
    "rate_limiters": None,
    "tools": frozenset(
        {"BaseTool", "InjectedState", "InjectedStore", "InjectedToolArg", "InjectedToolCallId"}
        | {"ToolException", "ToolRuntime", "tool"}
    ),
    "tools.tool_node": None,
}
"""Modules of LangChain 1 to the names that stay in them; `None` means all."""
CORE: Final[dict[str, tuple[str, ...]]] = {
    "": ("prompts",),
    "agents.tools": ("tools",),
    "base_language": ("language_models",),
    "cache": ("caches",),
    "callbacks": ("callbacks", "tracers"),
    "chat_models.base": ("language_models",),
    "docstore.document": ("documents",),
    "embeddings.base": ("embeddings",),
    "globals": ("globals",),
    "llms.base": ("language_models",),
    "load": ("load",),
    "output_parsers": ("output_parsers",),
    "prompts": ("prompts", "example_selectors"),
    "retrievers.base": ("retrievers",),
    "runnables": ("runnables",),
    "schema": (
        *("messages", "documents", "outputs", "output_parsers", "prompts", "prompt_values"),
        *("retrievers", "chat_history", "agents", "exceptions", "caches", "language_models"),
        *("runnables", "embeddings", "vectorstores", "callbacks", "tools"),
    ),
    "storage": ("stores",),
    "tools": ("tools",),
    "vectorstores.base": ("vectorstores",),
}
"""Module of LangChain 0 to the modules of `langchain_core` that have its names now."""
INTEGRATIONS: Final = frozenset(
    {"cache", "chat_loaders", "chat_models", "document_loaders", "document_transformers"}
    | {"embeddings", "graphs", "llms", "tools", "utilities", "vectorstores"}
)
"""Modules of LangChain 0 that only handed on what is in `langchain_community`."""
CLASSIC_MODULES: Final = frozenset(
    {"adapters", "agents", "base_language", "base_memory", "cache", "callbacks", "chains"}
    | {"chat_loaders", "chat_models", "docstore", "document_loaders", "document_transformers"}
    | {"embeddings", "env", "evaluation", "example_generator", "formatting", "globals", "graphs"}
    | {"hub", "indexes", "input", "llms", "load", "memory", "model_laboratory", "output_parsers"}
    | {"prompts", "python", "requests", "retrievers", "runnables", "schema", "serpapi", "smith"}
    | {"sql_database", "storage", "text_splitter", "tools", "utilities", "utils", "vectorstores"}
)
"""Modules of LangChain 0, which `langchain_classic` has under the same names."""
_SUFFIXES: Final = {
    "agents.agent_toolkits": ("Toolkit", "agent_toolkits"),
    "callbacks": ("CallbackHandler", "callbacks"),
    "memory": ("ChatMessageHistory", "chat_message_histories"),
    "memory.chat_message_histories": ("ChatMessageHistory", "chat_message_histories"),
    "retrievers": ("Retriever", "retrievers"),
}
"""Module of LangChain 0 to the ends of names that it only handed on, and the module of
`langchain_community` that has them."""
_OWN: Final = frozenset(
    {"AsyncFinalIteratorCallbackHandler", "AsyncIteratorCallbackHandler"}
    | {"ContextualCompressionRetriever", "EnsembleRetriever", "FinalStreamingStdOutCallbackHandler"}
    | {"MergerRetriever", "MultiQueryRetriever", "MultiVectorRetriever", "ParentDocumentRetriever"}
    | {"RePhraseQueryRetriever", "SelfQueryRetriever", "TimeWeightedVectorStoreRetriever"}
)
"""Names with such an end that were LangChain's own."""
_PLACES: Final = {
    name: module
    for module, names in {
        f"{CLASSIC}.agents": "MRKLChain ReActChain SelfAskWithSearchChain",
        f"{CLASSIC}.chains": "VectorDBQA",
        f"{CLASSIC}.embeddings": "CacheBackedEmbeddings",
        f"{COMMUNITY}.agent_toolkits": (
            "create_json_agent create_openapi_agent create_spark_sql_agent create_sql_agent"
        ),
        f"{COMMUNITY}.agent_toolkits.load_tools": (
            "get_all_tool_names load_huggingface_tool load_tools"
        ),
        f"{COMMUNITY}.callbacks": "get_openai_callback wandb_tracing_enabled",
        f"{COMMUNITY}.chains.graph_qa.base": "GraphQAChain",
        f"{COMMUNITY}.chains.graph_qa.cypher": "GraphCypherQAChain",
        f"{COMMUNITY}.docstore": "DocstoreFn InMemoryDocstore Wikipedia",
        f"{COMMUNITY}.llms": "Anthropic Cohere HuggingFaceHub HuggingFaceTextGenInference OpenAI",
        f"{COMMUNITY}.utilities": (
            "ArxivAPIWrapper GoogleSerperAPIWrapper SQLDatabase SearxSearchWrapper SerpAPIWrapper "
            "TextRequestsWrapper WikipediaAPIWrapper WolframAlphaAPIWrapper"
        ),
        f"{COMMUNITY}.utils.math": "cosine_similarity cosine_similarity_top_k",
        f"{COMMUNITY}.vectorstores": "ElasticVectorSearch FAISS",
        f"{EXPERIMENTAL}.agents": (
            "create_csv_agent create_pandas_dataframe_agent create_spark_dataframe_agent"
        ),
        f"{EXPERIMENTAL}.agents.agent_toolkits": "create_python_agent",
        f"{EXPERIMENTAL}.llm_bash.base": "LLMBashChain",
        f"{EXPERIMENTAL}.pal_chain": "PALChain",
        f"{EXPERIMENTAL}.sql": "SQLDatabaseChain SQLDatabaseSequentialChain",
        f"{EXPERIMENTAL}.tools": "PythonAstREPLTool PythonREPLTool",
        f"{EXPERIMENTAL}.utilities": "PythonREPL",
    }.items()
    for name in names.split()
}
"""Names that are not where the module that had them, or `langchain` itself, went."""
_SPLITTERS: Final = "langchain_text_splitters"
_CHAINS: Final = ("Chain", "ChainWithSources")


@functools.cache
def our_modules() -> dict[str, frozenset[str]]:
    """Return our modules that have an old one's name, and the names in them."""
    found = {OURS: frozenset(class_modules(*_KINDS.values()))}
    for folder, kind in _KINDS.items():
        found[f"{OURS}.{folder}"] = frozenset(class_modules(kind))
        for runtime, classes in RUNTIMES.items():
            place = f"{folder}.{runtime}"
            found[f"{OURS}.{place}"] = frozenset({classes[kind], *_ERRORS.get(place, ())})
    return found


def our_class(module: str, name: str) -> str | None:
    """Return our class that replaces an old one, or that a name of ours means.

    `None` if there is none.

    Example:
        >>> our_class("langchain_community.llms.ollama", "Ollama")
        'Ollama'
        >>> our_class("langchain_ollama", "OllamaLLM")
        'Ollama'
    """
    place = module if module.partition(".")[0] == OURS else _same_place(module)
    if place is None or name not in our_modules().get(place, ()) or name not in our_modules()[OURS]:
        return None
    return ALIASES.get(name, name)


def same_module(module: str) -> str | None:
    """Return our module that replaces an old one as a whole, or `None`.

    Example:
        >>> same_module("langchain.llms.llamacpp")
        'langchain_localllm.llms.llamacpp'
    """
    place = _same_place(module)
    return (
        place if place in our_modules() and module not in {LANGCHAIN, CLASSIC, COMMUNITY} else None
    )


def is_old_module(path: str) -> bool:
    """Return whether this is a module of an old package, and not a class or function in one."""
    root, _, inner = path.partition(".")
    first = inner.partition(".")[0]
    known = root in {LANGCHAIN, CLASSIC} and first in CLASSIC_MODULES
    if path in ROOTS or same_module(path) is not None:
        return True
    module, _, name = inner.rpartition(".")
    return known and inner == inner.lower() and not is_current(module, name)


def new_module(module: str, name: str) -> str | None:
    """Return the module that has a name of an old one now.

    `None` if it has not moved, or to an unknown place.

    Example:
        >>> new_module("langchain.callbacks.streaming_stdout", "StreamingStdOutCallbackHandler")
        'langchain_core.callbacks'
        >>> new_module("langchain.llms", "LlamaCpp")
        'langchain_localllm.llms'
    """
    root, _, inner = module.partition(".")
    if module in PYDANTIC_1:
        return PYDANTIC
    if root not in ROOTS:
        return None
    place = _same_place(module)
    if place is not None and name in our_modules().get(place, ()):
        return place
    if root in {LANGCHAIN, CLASSIC} and inner == "chains.prompt_selector" and name in _SELECTOR:
        return f"{OURS}.prompts"
    return _of_langchain(inner, name) if root == LANGCHAIN else None


def _same_place(module: str) -> str | None:
    """Return the module of ours that has the path of an old one, whether or not it exists."""
    root, dot, inner = module.partition(".")
    return f"{OURS}{dot}{inner}" if root in ROOTS else None


def _of_langchain(inner: str, name: str) -> str | None:
    if (inner, name) == ("", "hub") or inner == "hub":
        return f"{OURS}.prompts{'.hub' if inner else ''}"
    if is_current(inner, name) or f"{inner}.{name}" in LANGCHAIN_1:
        return None
    return _in_core(inner, name) or _elsewhere(inner, name)


def _in_core(inner: str, name: str) -> str | None:
    for prefix in _prefixes(inner):
        for core in CORE.get(prefix, ()):
            if name in _exports(f"langchain_core.{core}"):
                return f"langchain_core.{core}"
    return None


def _elsewhere(inner: str, name: str) -> str | None:
    first = inner.partition(".")[0]
    if first == "text_splitter":
        return _SPLITTERS
    if name in _PLACES and first not in INTEGRATIONS - {"embeddings", "tools", "utilities"}:
        return _PLACES[name]
    prefix = next((each for each in _prefixes(inner) if each in _SUFFIXES), "")
    if prefix and name.endswith(_SUFFIXES[prefix][0]) and name not in _OWN:
        return f"{COMMUNITY}.{_SUFFIXES[prefix][1]}{inner.removeprefix(prefix)}"
    if inner == "":
        return f"{CLASSIC}.chains" if name.endswith(_CHAINS) else None
    if first in INTEGRATIONS and not inner.endswith(".base"):
        return f"{COMMUNITY}.{inner}"
    return f"{CLASSIC}.{inner}" if first in CLASSIC_MODULES else None


def is_current(inner: str, name: str) -> bool:
    """Return whether LangChain 1 has a name in the same module.

    The module is given without `langchain.`.
    """
    for prefix in _prefixes(inner):
        if prefix in LANGCHAIN_1:
            names = LANGCHAIN_1[prefix]
            return names is None or (prefix == inner and name in names)
    return False


def _prefixes(inner: str) -> list[str]:
    """Return a dotted path and what it begins with, the longest first."""
    parts = inner.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


@functools.cache
def _exports(module: str) -> frozenset[str]:
    """Return the public names of a module of `langchain_core`: listed, or else defined there."""
    found = importlib.import_module(module)
    defined = (
        name for name, value in vars(found).items() if getattr(value, "__module__", "") == module
    )
    return frozenset(getattr(found, "__all__", defined))
