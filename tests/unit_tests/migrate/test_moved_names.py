"""The tables say where names are, and each place has them."""

import importlib
import warnings
from importlib.metadata import version
from importlib.util import find_spec

import pytest

from langchain_localllm.migrate import moved_names
from langchain_localllm.migrate.moved_names import (
    is_old_module,
    new_module,
    our_class,
    our_modules,
    same_module,
)


@pytest.mark.parametrize("module", sorted(our_modules()))
def test_our_modules_have_their_names(module: str) -> None:
    found = importlib.import_module(module)
    assert our_modules()[module]
    assert [name for name in our_modules()[module] if not hasattr(found, name)] == []


@pytest.mark.skipif(
    tuple(map(int, version("langchain").split(".")[:2])) < (1, 5), reason="langchain before 1.5"
)
@pytest.mark.parametrize("inner", sorted(moved_names.LANGCHAIN_1))
def test_langchain_1_has_the_names_that_stay(inner: str) -> None:
    names = moved_names.LANGCHAIN_1[inner]
    if names is None:
        assert find_spec(f"langchain.{inner}")  # langchain.mcp needs more packages
        return
    found = importlib.import_module(f"langchain.{inner}")
    assert [name for name in names if not hasattr(found, name)] == []
    assert names >= set(getattr(found, "__all__", ()))


@pytest.mark.parametrize("name", sorted(moved_names.CLASSIC_MODULES))
def test_langchain_classic_has_the_modules(name: str) -> None:
    importlib.import_module(f"langchain_classic.{name}")


@pytest.mark.parametrize(
    "name", sorted({name for names in moved_names.CORE.values() for name in names})
)
def test_langchain_core_has_the_modules(name: str) -> None:
    importlib.import_module(f"langchain_core.{name}")


@pytest.mark.parametrize(
    ("module", "name", "new"),
    [
        ("langchain.llms", "LlamaCpp", "langchain_localllm.llms"),
        ("langchain.llms.llamacpp", "LlamaCpp", "langchain_localllm.llms.llamacpp"),
        ("langchain", "LlamaCpp", "langchain_localllm"),
        ("langchain_classic.llms", "Ollama", "langchain_localllm.llms"),
        (
            "langchain_community.llms.ollama",
            "OllamaEndpointNotFoundError",
            "langchain_localllm.llms.ollama",
        ),
        (
            "langchain_community.embeddings.llamafile",
            "LlamafileEmbeddings",
            "langchain_localllm.embeddings.llamafile",
        ),
        ("langchain_community.llms", "OpenAI", None),
        ("langchain_community.vectorstores", "FAISS", None),
        ("langchain_ollama", "ChatOllama", "langchain_localllm"),
        ("langchain_ollama.embeddings", "OllamaEmbeddings", "langchain_localllm.embeddings"),
        ("langchain_ollama", "__version__", None),
        ("langchain.llms", "OpenAI", "langchain_community.llms"),
        ("langchain.llms.base", "LLM", "langchain_core.language_models"),
        ("langchain.prompts", "PromptTemplate", "langchain_core.prompts"),
        ("langchain.prompts.chat", "ChatPromptTemplate", "langchain_core.prompts"),
        ("langchain.schema", "Document", "langchain_core.documents"),
        ("langchain.schema", "LLMResult", "langchain_core.outputs"),
        ("langchain.schema.runnable", "RunnablePassthrough", "langchain_core.runnables"),
        ("langchain.output_parsers", "PydanticOutputParser", "langchain_core.output_parsers"),
        ("langchain.output_parsers", "ResponseSchema", "langchain_classic.output_parsers"),
        (
            "langchain.callbacks.streaming_aiter",
            "AsyncIteratorCallbackHandler",
            "langchain_classic.callbacks.streaming_aiter",
        ),
        ("langchain.callbacks.tracers", "ConsoleCallbackHandler", "langchain_core.tracers"),
        ("langchain.text_splitter", "CharacterTextSplitter", "langchain_text_splitters"),
        ("langchain.memory", "ConversationBufferMemory", "langchain_classic.memory"),
        (
            "langchain.chains.prompt_selector",
            "BasePromptSelector",
            "langchain_classic.chains.prompt_selector",
        ),
        ("langchain.agents", "create_agent", None),
        ("langchain.agents", "middleware", None),
        ("langchain.agents", "initialize_agent", "langchain_classic.agents"),
        ("langchain.tools", "tool", None),
        ("langchain.tools", "Tool", "langchain_core.tools"),
        ("langchain.chat_models", "init_chat_model", None),
        ("langchain.chat_models.base", "SimpleChatModel", "langchain_core.language_models"),
        ("langchain", "RetrievalQAWithSourcesChain", "langchain_classic.chains"),
        ("langchain", "OpenAI", "langchain_community.llms"),
        ("langchain", "MRKLChain", "langchain_classic.agents"),
        ("langchain", "SQLDatabaseChain", "langchain_experimental.sql"),
        ("langchain.chains", "SQLDatabaseChain", "langchain_experimental.sql"),
        ("langchain.agents", "create_csv_agent", "langchain_experimental.agents"),
        ("langchain.agents", "load_tools", "langchain_community.agent_toolkits.load_tools"),
        ("langchain.agents.tools", "Tool", "langchain_core.tools"),
        (
            "langchain.agents.agent_toolkits",
            "SQLDatabaseToolkit",
            "langchain_community.agent_toolkits",
        ),
        ("langchain.tools.python.tool", "PythonREPLTool", "langchain_experimental.tools"),
        ("langchain.callbacks", "get_openai_callback", "langchain_community.callbacks"),
        ("langchain.callbacks", "StreamlitCallbackHandler", "langchain_community.callbacks"),
        ("langchain.callbacks", "AsyncIteratorCallbackHandler", "langchain_classic.callbacks"),
        ("langchain.embeddings", "CacheBackedEmbeddings", "langchain_classic.embeddings"),
        ("langchain.memory", "ChatMessageHistory", "langchain_community.chat_message_histories"),
        (
            "langchain.memory.chat_message_histories.sql",
            "SQLChatMessageHistory",
            "langchain_community.chat_message_histories.sql",
        ),
        ("langchain.retrievers", "BM25Retriever", "langchain_community.retrievers"),
        ("langchain.retrievers.bm25", "BM25Retriever", "langchain_community.retrievers.bm25"),
        ("langchain.retrievers", "EnsembleRetriever", "langchain_classic.retrievers"),
        ("langchain.pydantic_v1", "BaseModel", "pydantic"),
        ("langchain_core.pydantic_v1", "Field", "pydantic"),
        ("langchain", "NoSuchName", None),
        ("langchain_core.messages", "HumanMessage", None),
        ("os", "path", None),
    ],
)
def test_new_module_of_a_name(module: str, name: str, new: str | None) -> None:
    assert new_module(module, name) == new
    others = ("langchain_community", "langchain_experimental")
    if new and not new.startswith(others) and name != "RetrievalQAWithSourcesChain":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert hasattr(importlib.import_module(new), name)


@pytest.mark.parametrize(
    "inner", ["agents", "callbacks", "callbacks.manager", "docstore", "memory", "retrievers"]
)
def test_new_module_of_names_that_langchain_handed_on_is_not_in_classic(inner: str) -> None:
    lookup = importlib.import_module(f"langchain_classic.{inner}").DEPRECATED_LOOKUP
    rare = {"LLMThoughtLabeler", "ConversationKGMemory", "MotorheadMemory", "ZepMemory"}
    rare |= {"create_pbi_agent", "create_pbi_chat_agent"}
    places = {name: new_module(f"langchain.{inner}", name) or "" for name in lookup.keys() - rare}
    assert {place.partition(".")[0] for place in places.values()} == {"langchain_community"}


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("langchain_community.llms", "langchain_localllm.llms"),
        ("langchain_ollama", "langchain_localllm"),
        ("langchain_ollama.chat_models", "langchain_localllm.chat_models"),
        ("langchain.embeddings.gpt4all", "langchain_localllm.embeddings.gpt4all"),
        ("langchain", None),
        ("langchain_community", None),
        ("langchain_community.vectorstores", None),
        ("langchain_localllm.llms", None),
    ],
)
def test_same_module_of_an_old_one(path: str, new: str | None) -> None:
    assert same_module(path) == new


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("langchain", True),
        ("langchain.callbacks.manager", True),
        ("langchain.chat_models", True),
        ("langchain.chat_models.init_chat_model", False),
        ("langchain.llms.LlamaCpp", False),
        ("langchain.nothing", False),
        ("langchain_community.llms.ollama", True),
        ("langchain_community.vectorstores", False),
    ],
)
def test_is_old_module(path: str, expected: bool) -> None:
    assert is_old_module(path) == expected


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("langchain_localllm", "OllamaLLM", "Ollama"),
        ("langchain_localllm.llms", "LlamaCpp", "LlamaCpp"),
        ("langchain_localllm.runtimes.llamacpp.llm", "LlamaCpp", None),
        ("langchain_community.llms.ollama", "OllamaEndpointNotFoundError", None),
        ("elsewhere", "LlamaCpp", None),
    ],
)
def test_our_class(module: str, name: str, expected: str | None) -> None:
    assert our_class(module, name) == expected
