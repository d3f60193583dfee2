"""What every chat model of ours shares: messages, streaming, tool calls, options of a call, the cache key."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, ClassVar, Final, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import override

from langchain_localllm.base.engine import Handle, Piece
from langchain_localllm.base.options import SamplingOptions, caching
from langchain_localllm.base.results import describe, usage_metadata
from langchain_localllm.errors import InvalidOptionError

_REQUEST_ONLY: Final = frozenset({"tools", "tool_choice", "response_format"})
"""What a call carries beside options."""
_FOR_LANGCHAIN: Final = frozenset(
    {"tags", "metadata", "run_name", "run_id", "stream", "ls_structured_output_format", "structured_output_format"}
)
"""What LangChain's own methods take beside options."""


class LocalChatModel(SamplingOptions, BaseChatModel):
    """A chat model on a local engine. A runtime adds its options and says how messages are opened."""

    NOT_PER_CALL: ClassVar[frozenset[str]] = frozenset(BaseChatModel.model_fields) | {"streaming"}

    streaming: bool = False
    """Whether `invoke` reports tokens to handlers that ask for streaming, such as `astream_events`; `False` turns that off."""

    @abstractmethod
    def open_answer(self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]) -> Handle:
        """Begin an answer.

        Args:
            messages: The conversation, as role and content.
            stop: Stop sequences.
            request: `tools`, `tool_choice` (auto, none or required) and `response_format`, where the call has them.
        """

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        return self.chosen(self.NOT_IN_KEY)

    def _handle(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Handle:
        model, rest = self._for_call(kwargs)
        request = {name: value for name, value in rest.items() if name in _REQUEST_ONLY and value is not None}
        return model.open_answer(convert_to_openai_messages(messages), model.stops(stop), request)

    def _for_call(self, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """A copy with the call's options, so that traces and cache keys treat them as the object's; and the rest."""
        rest = {name: value for name, value in kwargs.items() if name in _REQUEST_ONLY | _FOR_LANGCHAIN}
        return self.with_options({name: value for name, value in kwargs.items() if name not in rest}), rest

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        model, rest = self._for_call(kwargs)
        return BaseChatModel.stream(model, input, config, stop=stop, **rest)

    @override
    def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        model, rest = self._for_call(kwargs)
        return BaseChatModel.astream(model, input, config, stop=stop, **rest)

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Generator[ChatGenerationChunk]:
        with closing(self._handle(messages, stop, kwargs).pieces()) as pieces:
            for piece in pieces:
                chunk = _chunk(piece)
                if run_manager and not piece.finish:
                    run_manager.on_llm_new_token(piece.text, chunk=chunk)
                yield chunk

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[ChatGenerationChunk]:
        async with aclosing(self._handle(messages, stop, kwargs).apieces()) as pieces:
            async for piece in pieces:
                chunk = _chunk(piece)
                if run_manager and not piece.finish:
                    await run_manager.on_llm_new_token(piece.text, chunk=chunk)
                yield chunk

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with aclosing(self._astream(messages, stop, run_manager, **kwargs)) as chunks:
            return await agenerate_from_stream(chunks)

    @override
    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Callbacks = None, **kwargs: Any
    ) -> LLMResult:
        model, rest = self._for_call(kwargs)
        if caching(model.cache):
            model = model.identified()
        return BaseChatModel.generate(model, messages, model.stops(stop) or None, callbacks, **rest)

    @override
    async def agenerate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Callbacks = None, **kwargs: Any
    ) -> LLMResult:
        model, rest = self._for_call(kwargs)
        if caching(model.cache):
            model = await model.aidentified()
        return await BaseChatModel.agenerate(model, messages, model.stops(stop) or None, callbacks, **rest)

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tell the model of tools that it may call.

        Args:
            tools: Functions, pydantic classes, LangChain tools or OpenAI-style dicts.
            tool_choice: `auto` (the default), `none`, `any` or `required` (or `True`) for at least one call, or a tool's name.
            strict: Handed to LangChain's conversion of tools.
            **kwargs: Options for the calls.

        Raises:
            InvalidOptionError: `tool_choice` names no tool of these.
        """
        formatted = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        offered, choice = _chosen_tools(formatted, tool_choice)
        return self.bind(tools=offered, tool_choice=choice, **kwargs)


def _chosen_tools(
    tools: list[dict[str, Any]], choice: str | bool | dict[str, Any] | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Engines force some call, not a certain one; so a tool chosen by name is offered alone."""
    if isinstance(choice, dict):
        choice = str(choice.get("function", {}).get("name"))
    if choice is None or choice is False or choice in {"auto", "none", "required"}:
        return tools, choice or None
    if choice is True or choice == "any":
        return tools, "required"
    named = [tool for tool in tools if tool["function"]["name"] == choice]
    if not named:
        names = ", ".join(tool["function"]["name"] for tool in tools)
        raise InvalidOptionError(f"tool_choice={choice!r} names no tool. Use auto, none, any, or one of: {names}.")
    return named, "required"


def _chunk(piece: Piece) -> ChatGenerationChunk:
    if piece.finish is not None:
        message = AIMessageChunk(
            content=piece.text,
            usage_metadata=usage_metadata(piece.finish),
            response_metadata=describe(piece.finish),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)
    message = AIMessageChunk(
        content=piece.text,
        tool_call_chunks=[tool_call_chunk(**part) for part in piece.tool_calls or ()],
        additional_kwargs={"reasoning_content": piece.reasoning} if piece.reasoning else {},
        response_metadata={"logprobs": {"content": piece.logprobs}} if piece.logprobs else {},
    )
    return ChatGenerationChunk(message=message)
