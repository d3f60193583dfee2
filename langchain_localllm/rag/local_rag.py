"""Answer questions about your own documents with one object."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import convert_to_messages
from langchain_core.outputs import LLMResult
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnablePassthrough
from langchain_core.runnables.config import merge_configs
from langchain_core.tools import BaseTool, StructuredTool
from langchain_core.vectorstores import VectorStore
from pydantic import BaseModel
from typing_extensions import override

from langchain_localllm.errors import InvalidOptionError, LocalLLMError
from langchain_localllm.model_info.introspect import look_again
from langchain_localllm.rag.answer.chain import answer_chain, is_extractive
from langchain_localllm.rag.answer.conversation import (
    Conversation,
    History,
    condense_question,
    with_question_before,
)
from langchain_localllm.rag.answer.no_answer import no_answer
from langchain_localllm.rag.answer.passage import Passage, read_passage
from langchain_localllm.rag.answer.privacy import ain_private, in_private, refuse_remote, untraced
from langchain_localllm.rag.answer.result import Answer, AnswerPart, answer_of
from langchain_localllm.rag.answer.retrieve import HybridRetriever, Reranker
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import OnProgress, Report, remove, update
from langchain_localllm.rag.profile import RagProfile, chat_profile
from langchain_localllm.rag.vectorstores.filters import Filter
from langchain_localllm.rag.watch import watch

Asked = str | dict[str, Any]
"""A question, or `{"question": ..., "chat_history": [...]}`."""


class LocalRAG(Runnable[Asked, dict[str, Any]]):
    """Answer questions about your own documents with a local model, with citations.

    It is a Runnable: the input is a question, or a dict with `question` and `chat_history`; the
    output is the dict of `answer_chain`, plus `timings` and `tokens`. `ask` returns the same as an
    `Answer`.

    Args:
        llm: A LangChain text or chat model; `None` to index only.
        embeddings: A LangChain embedding model.
        folder: The folder of the index, such as `.localllm`. Default: in memory.
        vectors: A LangChain `VectorStore`, or `"chroma"`, `"sqlite"`, or
            `"qdrant:http://localhost:6333/notes"` for a collection on a Qdrant server. Default:
            that of the index; for a new one Chroma if it is installed, else SQLite.
        chunk_size: Longest passage of the index in UTF-8 bytes. Default: that of the index; for a
            new one 400, or less if the embedding model's window is small.
        chunk_overlap: Bytes that neighboring passages may share. Default: that of the index, 0 for
            a new one.
        passage_size: Bytes up to which a found passage grows, within its section, before the model
            gets it. Default: a third of the budget, at most 1,000.
        k: The most passages that the prompt has. Default: as many as fit the budget.
        context_tokens: The budget of all passages in the prompt. Default: a quarter of the context
            that the answer leaves, at most 4,000 tokens; one passage of 1,000 bytes for a model
            below a billion parameters.
        filter: Metadata that a passage must have; a list means any of its values.
        mmr: Whether passages that differ from each other are preferred.
        reranker: Orders the passages again: `LlamaCppReranker`, another document compressor of
            LangChain, or a function that takes the question and passages and returns a score for
            each. Default: none, so the order stays that of the search.
        refusal_quantile: The share of off-topic questions that a question must do better than, to
            be answered; see `rag.index.threshold`. 0 refuses nothing. Default: by the size of the
            index, 0.75 for 100 passages and 0.65 for 10,000.
        min_similarity: A fixed threshold instead: the similarity above which a passage counts that
            shares no word with the question; -1 accepts all.
        prompt: A template over `passages` and `question`. Default: one that fits the model.
        allow_remote: Whether the models and the vector store may be on another machine.
        trace: Whether LangSmith may trace runs, if it is enabled.

    Raises:
        InvalidOptionError: A model or the vector store is on another machine, and `allow_remote` is
            not set.

    Example:
        >>> from langchain_localllm import ChatLlamafile, LlamafileEmbeddings, LocalServer
        >>> from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
        >>> with (
        ...     LocalServer(tiny_chat_model()) as chat,
        ...     LocalServer(tiny_embedding_model(), embedding=True) as embedder,
        ... ):
        ...     llm = ChatLlamafile(base_url=chat.base_url, temperature=0)
        ...     rag = LocalRAG(llm, LlamafileEmbeddings(base_url=embedder.base_url))
        ...     report = rag.index("docs/handbook")
        ...     found = rag.ask("Who is the warden?")
        >>> found.citations[0].source
        'docs/handbook/people.md'
    """

    def __init__(
        self,
        llm: Runnable[Any, Any] | None,
        embeddings: Embeddings,
        folder: str | Path | None = None,
        *,
        vectors: VectorStore | str | None = None,
        chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        passage_size: int | None = None,
        k: int | None = None,
        context_tokens: int | None = None,
        filter: Filter | None = None,  # noqa: A002 - the name that LangChain's stores give it
        mmr: bool = False,
        reranker: Reranker | None = None,
        refusal_quantile: float | None = None,
        min_similarity: float | None = None,
        prompt: BasePromptTemplate[Any] | None = None,
        allow_remote: bool = False,
        trace: bool = False,
    ) -> None:
        if not allow_remote:
            refuse_remote(llm=llm, embeddings=embeddings, vectors=vectors, reranker=reranker)
        self.store: Final = Store(
            folder, embeddings, vectors=vectors, chunk_size=chunk_size, chunk_overlap=chunk_overlap
        )
        """The index."""
        if not allow_remote and self.store.exists:
            refuse_remote(vectors=self.store.setting("vectors"))
        self._sizes = {"passage_size": passage_size, "k": k, "context_tokens": context_tokens}
        self._profile: RagProfile | None = None
        self.retriever: Final = HybridRetriever(
            store=self.store,
            profile=lambda: self.profile,
            filter=filter,
            mmr=mmr,
            reranker=reranker,
            refusal_quantile=refusal_quantile,
            min_similarity=min_similarity,
        )
        """The retriever, which works wherever LangChain expects one."""
        self.llm: Final = llm
        """The model, or `None`."""
        self._prompt = prompt
        self._trace = trace
        self._chain: Runnable[dict[str, Any], dict[str, Any]] | None = None

    def index(
        self,
        paths: str | Path | Sequence[str | Path] = (),
        *,
        rebuild: bool = False,
        exclude: Sequence[str] | None = None,
        gitignore: bool | None = None,
        ocr: str | None = None,
        file_timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Report:
        """Update the index with files and folders; see `rag.index.update`.

        Default: the paths indexed before.
        """
        paths = [paths] if isinstance(paths, str | Path) else paths
        return update(
            self.store,
            paths,
            rebuild=rebuild,
            exclude=exclude,
            gitignore=gitignore,
            ocr=ocr,
            file_timeout=file_timeout,
            on_progress=on_progress,
        )

    def watch(
        self,
        paths: str | Path | Sequence[str | Path] = (),
        on_update: Callable[[Report], None] | None = None,
        *,
        stop: threading.Event | None = None,
        on_error: Callable[[LocalLLMError], None] | None = None,
        poll: bool = False,
    ) -> None:
        """Keep the index up to date with its files until `stop` is set; see `rag.watch.watch`."""
        paths = [paths] if isinstance(paths, str | Path) else paths
        watch(self.store, paths, on_update, stop=stop, on_error=on_error, poll=poll)

    def remove(self, paths: str | Path | Sequence[str | Path]) -> int:
        """Remove files and folders from the index, whether they exist or not.

        See `rag.index.update.remove`.

        Returns:
            How many files were removed.
        """
        return remove(self.store, [paths] if isinstance(paths, str | Path) else paths)

    def ask(self, question: str, chat_history: History = ()) -> Answer:
        """Answer a question.

        Args:
            question: The question. A follow-up question is rewritten as a standalone one first.
            chat_history: The conversation before it, as messages.

        Raises:
            StoreError: There is no index, or it was made with another embedding model.
            ContextLengthError: No passage fits into the model's context.
        """
        return answer_of(self.invoke({"question": question, "chat_history": chat_history}))

    async def aask(self, question: str, chat_history: History = ()) -> Answer:
        """Work like `ask`."""
        return answer_of(await self.ainvoke({"question": question, "chat_history": chat_history}))

    def chat(self, chat_history: History = ()) -> Conversation:
        """Begin a conversation, in which a question can refer to the ones before.

        Args:
            chat_history: Messages before it.

        Example:
            >>> from langchain_localllm import ChatLlamaCpp, LlamaCppEmbeddings
            >>> from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
            >>> llm = ChatLlamaCpp(model_path=tiny_chat_model(), temperature=0)
            >>> with llm, LlamaCppEmbeddings(model_path=tiny_embedding_model()) as embeddings:
            ...     rag = LocalRAG(llm, embeddings)
            ...     report = rag.index("docs/handbook")
            ...     chat = rag.chat()
            ...     first = chat.ask("What is the rowing boat called?")
            ...     second = chat.ask("How much does it cost for an afternoon?")
            >>> second.passages[0].metadata["heading"], len(chat.history)
            ('Boats and walks > The rowing boat', 4)
        """
        return Conversation(self, chat_history)

    def passage(self, passage_id: str, text: str = "") -> Passage:
        """Return a passage of the index, and where it is in its file.

        Args:
            passage_id: The id of a passage: `Citation.passage_id`, or the `id` of a Document of
                `Answer.passages`.
            text: The section around it that the model was given, `Citation.passage`, to find that
                in the file.

        Raises:
            StoreError: The index does not have it, as after a change of its file.
        """
        return read_passage(self.store, passage_id, text)

    @override
    def as_tool(
        self,
        args_schema: type[BaseModel] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        arg_types: dict[str, type] | None = None,
        answer: bool = False,
    ) -> BaseTool:
        """Return a tool with which an agent searches the documents.

        Its content is the passages that were found, each with its file and place, and its artifact
        the documents. With `answer=True`, the content is this object's own answer with its sources,
        and the artifact the citations. LangSmith, where it is enabled, traces tools with what they
        return.

        Args:
            args_schema: With this or `arg_types`, LangChain's own tool for a Runnable is returned.
            name: The tool's name. Default: `search_documents`.
            description: How the model sees it. Say here what the documents are about.
            arg_types: As `args_schema`.
            answer: Whether the tool answers the question, instead of returning passages.

        Example:
            >>> from langchain_localllm import LlamafileEmbeddings, LocalServer
            >>> from langchain_localllm.models import tiny_embedding_model
            >>> with LocalServer(tiny_embedding_model(), embedding=True) as embedder:
            ...     rag = LocalRAG(None, LlamafileEmbeddings(base_url=embedder.base_url))
            ...     report = rag.index("docs/handbook")
            ...     print(rag.as_tool().invoke("Who is the warden?").splitlines()[0])
            [1] docs/handbook/people.md, line 3
        """
        if args_schema is not None or arg_types is not None:
            return super().as_tool(
                args_schema, name=name, description=description, arg_types=arg_types
            )

        def search(question: str) -> tuple[str, list[Any]]:
            if answer:
                found = self.ask(question)
                return _with_sources(found), found.citations
            passages = self.retriever.invoke(question)
            return "\n\n".join(map(_numbered, passages, count(1))) or no_answer(question), passages

        return StructuredTool.from_function(
            search,
            name=name or "search_documents",
            description=description
            or "Search the user's documents for what a question asks about.",
            response_format="content_and_artifact",
        )

    def close(self) -> None:
        """Close the files of the index."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def profile(self) -> RagProfile:
        """The sizes of the index and of the prompt, from both models and what was asked for."""
        if self._profile is None:
            try:
                self._profile = chat_profile(self.llm, self.store.profile).with_overrides(
                    **self._sizes
                )
            except (LocalLLMError, OSError):  # a server that does not answer now is asked again
                return chat_profile(None, self.store.profile).with_overrides(**self._sizes)
        return self._profile

    @property
    def chain(self) -> Runnable[dict[str, Any], dict[str, Any]]:
        """The chain that answers, from `question` and `chat_history`."""
        if self.llm is None:
            raise InvalidOptionError("LocalRAG has no model: pass one as `llm` to ask questions.")
        if self._chain is not None:
            return self._chain
        known = _is_known(self.llm)
        follow_up: Runnable[dict[str, Any], dict[str, Any]]
        if is_extractive(self.llm):
            follow_up = RunnablePassthrough.assign(search=RunnableLambda(with_question_before))
        else:
            follow_up = condense_question(self.llm)
        chain = follow_up | answer_chain(
            self.retriever, self.llm, self._prompt, embed=self.store.embeddings.embed_documents
        )
        if known:  # else the next question tries again to choose the prompts
            self._chain = chain
        return chain

    @override
    def invoke(
        self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        found = AnswerPart()
        for part in self.stream(input, config, **kwargs):
            found += part
        return found

    @override
    async def ainvoke(
        self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        found = AnswerPart()
        async for part in self.astream(input, config, **kwargs):
            found += part
        return found

    @override
    def stream(
        self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        meter = _Meter()
        values, config = _values(input), self._config(config, meter)
        parts = (
            self.chain.stream(values, config)
            if self._trace
            else in_private(lambda: self.chain.stream(values, config))
        )
        # closing the stream stops the model
        with closing(cast("Generator[dict[str, Any]]", parts)):
            for part in parts:
                meter.see(part)
                yield part
        yield meter.report()

    @override
    async def astream(
        self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        meter = _Meter()
        values, config = _values(input), self._config(config, meter)
        # the first call asks the server for its model
        chain = await asyncio.to_thread(lambda: self.chain)
        parts = (
            chain.astream(values, config)
            if self._trace
            else ain_private(lambda: chain.astream(values, config))
        )
        async with aclosing(cast("AsyncGenerator[dict[str, Any]]", parts)):
            async for part in parts:
                meter.see(part)
                yield part
        yield meter.report()

    def _config(self, config: RunnableConfig | None, meter: "_Meter") -> RunnableConfig:
        return merge_configs(config if self._trace else untraced(config), {"callbacks": [meter]})


class _Meter(BaseCallbackHandler):
    """Time an answer, and record its token counts."""

    run_inline = True

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._timings: dict[str, float] = {}
        self._tokens: dict[str, int] = {}
        self._finish: dict[str, str] = {}

    def see(self, part: dict[str, Any]) -> None:
        if "finish_reason" in part:  # the answer was cut here
            self._finish = {}
        for name, key in (("retrieval", "context"), ("first_token", "answer")):
            if key in part and name not in self._timings:
                self._timings[name] = self._passed()

    def report(self) -> dict[str, Any]:
        return AnswerPart(
            timings={**self._timings, "total": self._passed()}, tokens=self._tokens, **self._finish
        )

    def _passed(self) -> float:
        return round(time.perf_counter() - self._start, 6)

    @override
    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        generation = response.generations[0][0]
        metadata = (
            getattr(getattr(generation, "message", None), "response_metadata", None)
            or generation.generation_info
            or {}
        )
        if reason := metadata.get("finish_reason") or metadata.get("done_reason"):
            self._finish = {"finish_reason": str(reason)}
        if usage := getattr(getattr(generation, "message", None), "usage_metadata", None):
            self._tokens = {"prompt": usage["input_tokens"], "completion": usage["output_tokens"]}
        elif usage := (generation.generation_info or {}).get("usage"):
            self._tokens = {
                "prompt": usage.get("prompt_tokens", 0),
                "completion": usage.get("completion_tokens", 0),
            }


def _is_known(llm: Runnable[Any, Any]) -> bool:
    """Return whether the model can be described, on which its prompts depend.

    A busy server is asked again.
    """
    try:
        look_again(llm)
    except (LocalLLMError, OSError):
        return False
    return True


def _values(asked: Asked) -> dict[str, Any]:
    values = {"question": asked} if isinstance(asked, str) else dict(asked)
    question = values.get("question")
    if not isinstance(question, str) or not question.strip():
        raise InvalidOptionError(
            'The question is empty. Pass a text, or {"question": ..., "chat_history": [...]}.'
        )
    return {
        "question": question,
        "chat_history": convert_to_messages(values.get("chat_history") or []),
    }


def _numbered(passage: Document, number: int) -> str:
    place = _place(
        passage.metadata.get("source"), passage.metadata.get("page"), passage.metadata.get("line")
    )
    return f"[{number}] {place}\n{passage.page_content}"


def _with_sources(found: Answer) -> str:
    sources = dict.fromkeys(
        f"[{each.marker}] {_place(each.source, each.page, each.line)}: {each.quote}"
        for each in found.citations
    )
    return "\n".join([found.text_with_markers, *(["", "Sources:", *sources] if sources else [])])


def _place(source: Any, page: Any, line: Any) -> str:
    return f"{source}, page {page}" if page else f"{source}, line {line}" if line else str(source)
