"""Open a model for a command, and close it at the end."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from langchain_localllm.extras import pip_install

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from langchain_localllm.base.chat import LocalChatModel
    from langchain_localllm.base.llm import LocalLLM
    from langchain_localllm.base.reranker import LocalReranker
    from langchain_localllm.manage.inventory import ListedModel


@contextmanager
def chat_model(
    model: "ListedModel", template: str = "", **options: Any
) -> "Iterator[LocalChatModel]":
    """Open a chat model.

    Args:
        model: The model, as `resolve` returns it.
        template: What `--chat-template` gives: the name of a format, a file or a Jinja template.
        **options: Options of the class; those that are `None` are left out.

    Raises:
        InvalidOptionError: A template is given for a model whose server has its own.
    """
    with _opened(model, "chat", **_template_options(model, template), **options) as llm:
        yield llm


@contextmanager
def answering_model(
    model: "ListedModel", max_tokens: int | None, template: str = "", *, allow_remote: bool = False
) -> "Iterator[LocalChatModel]":
    """Open the chat model for `ask` and `rag`, at temperature 0.

    Args:
        model: The model, as `resolve` returns it.
        max_tokens: Longest answer, in tokens; `None` for the default, which leaves room for
            passages in a small context.
        template: As for `chat_model`.
        allow_remote: Whether the model may be on another machine; otherwise no server there is
            asked anything.

    Raises:
        InvalidOptionError: It is on another machine, and that is not allowed.
    """
    from langchain_localllm.rag.answer.limits import longest_answer
    from langchain_localllm.rag.answer.privacy import refuse_remote

    with chat_model(model, template, temperature=0, max_tokens=max_tokens) as llm:
        if not allow_remote:
            refuse_remote(llm=llm)
        if max_tokens is None:
            llm.max_tokens = longest_answer(context_of(llm))
        yield llm


@contextmanager
def text_model(model: "ListedModel", **options: Any) -> "Iterator[LocalLLM]":
    """Open a model that completes text; the arguments are those of `chat_model`."""
    with _opened(model, "text", **options) as llm:
        yield llm


@contextmanager
def embedding_model(model: "ListedModel") -> "Iterator[Embeddings]":
    """Open an embedding model, as `resolve` returns it."""
    with _opened(model, "embeddings") as embeddings:
        yield embeddings


@contextmanager
def reranker(model: "ListedModel") -> "Iterator[LocalReranker]":
    """Open a reranker, as `resolve` returns it. Passages that are too long for it are cut."""
    with _opened(model, "reranker", truncate=True) as opened:
        yield opened


@contextmanager
def _opened(model: "ListedModel", kind: str, **options: Any) -> Iterator[Any]:
    """Open a model with the class for its runtime and this kind.

    A server that it needs runs within the block.
    """
    import langchain_localllm
    from langchain_localllm.registry import RUNTIMES

    runtime = model.runtime or _installed_runtime()
    chosen = {name: value for name, value in options.items() if value is not None}
    with ExitStack() as stack:
        if runtime == "ollama":
            chosen["model"] = model.name.removeprefix("ollama:")
        elif model.path is None:
            chosen["base_url"] = model.address
            if model.model:
                chosen["model"] = model.model
        elif runtime == "llamafile":
            server = langchain_localllm.LocalServer(
                model.path, embedding=kind == "embeddings", rerank=kind == "reranker"
            )
            chosen["base_url"] = stack.enter_context(server).base_url
        else:
            chosen["model"] = str(model.path)
        yield stack.enter_context(
            closing(getattr(langchain_localllm, RUNTIMES[runtime][kind])(**chosen))
        )


def _installed_runtime() -> str:
    """Return the best installed runtime for a GGUF file.

    Raises:
        MissingDependencyError: There is none.
    """
    import shutil
    from importlib.util import find_spec

    if find_spec("llama_cpp") or find_spec("xllamacpp"):
        return "llamacpp"
    if shutil.which("llama-server"):
        return "llamafile"
    if find_spec("gpt4all"):
        return "gpt4all"
    from langchain_localllm.errors import MissingDependencyError

    raise MissingDependencyError(
        f"No runtime for model files is installed: {pip_install('llamacpp')}"
    )


def _template_options(model: "ListedModel", template: str) -> dict[str, Any]:
    if not template:
        return {}
    from langchain_localllm.errors import InvalidOptionError
    from langchain_localllm.templates.named import NAMED

    if model.path is None or model.runtime == "llamafile":
        raise InvalidOptionError(
            f"--chat-template is for model files on llama.cpp and GPT4All: {model.short_name} is "
            "run by a server, which has a template of its own."
        )
    return {"chat_format" if template in NAMED else "chat_template": template}


def context_of(llm: "LocalChatModel") -> int | None:
    """Return the tokens of context that a model has here.

    `None` where its server does not report it.

    A server on a busy machine may take its time: one that does not answer in time is asked again,
    since a wrong guess would cut the answer or leave no room for passages.

    Raises:
        ModelCallError: The server cannot be asked.
    """
    from langchain_localllm.model_info.introspect import look_again

    return look_again(llm).context
