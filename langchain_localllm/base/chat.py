"""Share messages, streaming, tool calls, per-call options and the cache key of chat models."""

from abc import abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, closing, suppress
from typing import Any, ClassVar, Final, Self

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import (
    BaseChatModel,
    LangSmithParams,
    LanguageModelInput,
    ModelProfile,
)
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, RemoveMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list
from langchain_core.tools import BaseTool
from pydantic import BaseModel, PrivateAttr, model_validator
from typing_extensions import override

from langchain_localllm.base.blocks import BlockNumbers, without_numbers
from langchain_localllm.base.call_input import read_input, split_config
from langchain_localllm.base.call_or_answer import CallOrAnswer, Decision
from langchain_localllm.base.content import with_readable_blocks
from langchain_localllm.base.failover import attempts
from langchain_localllm.base.messages import to_openai
from langchain_localllm.base.options import STREAM_SWITCHES, SamplingOptions, caching
from langchain_localllm.base.prompt_progress import areport_progress, report_progress, run_of_stream
from langchain_localllm.base.reasoning import ReasoningOptions
from langchain_localllm.base.request import (
    calls_allowed,
    canonical_request,
    instruction,
    response_schema,
)
from langchain_localllm.base.response_format import canonical_format
from langchain_localllm.base.results import describe, usage_metadata
from langchain_localllm.base.structured import METHODS, Method, StructuredOutput, form_of
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.base.tool_arguments import with_read_calls
from langchain_localllm.base.tools import choice_of, chosen_tools, openai_tools
from langchain_localllm.base.trace_names import label_trace
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError, StructuredOutputError

_MAX_CONCURRENCY: Final = 32
"""Inputs of one `batch` that are with the engine at the same time; LangChain's own number depends
on the processor's cores."""
_REQUEST_ONLY: Final = frozenset(
    {"tools", "tool_choice", "parallel_tool_calls", "strict", "response_format", "show_schema"}
)
"""Arguments of a call that are not options."""
OTHER_ANSWERS: Final = "other_answers"
"""Where the `generation_info` of an answer's end has the events of further answers."""
_FOR_LANGCHAIN: Final = frozenset(
    {
        "tags",
        "metadata",
        "run_name",
        "run_id",
        "ls_structured_output_format",
        "structured_output_format",
    }
    | STREAM_SWITCHES
)
"""Arguments of LangChain's own methods that are not options."""


class LocalChatModel(ReasoningOptions, SamplingOptions, BaseChatModel):
    """A chat model on a local engine.

    A runtime adds its options and says how messages are opened.
    """

    NOT_PER_CALL: ClassVar[frozenset[str]] = frozenset(BaseChatModel.model_fields) | {"streaming"}

    LOGPROBS_AS_LIST: ClassVar[bool] = False
    """Whether a result's `logprobs` are a list, as from `langchain_ollama`, and not OpenAI's
    `{"content": [...]}`."""

    ATTEMPTS: ClassVar[int] = 1
    """How often structured output is asked for, where the engine cannot enforce its form."""

    streaming: bool = False
    """Whether `invoke` reports tokens to handlers that ask for streaming, such as `astream_events`;
    `False` turns that off."""

    continue_final_message: bool | None = None
    """Whether to continue the last message, an AI message, instead of answering after it; the
    result holds what comes new. Ollama cannot do so."""

    @abstractmethod
    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        """Begin an answer.

        Args:
            messages: The conversation, as role and content.
            stop: Stop sequences.
            request: `tools`, `tool_choice` (auto, none or required), `parallel_tool_calls` and
                `response_format` (as OpenAI's), where the call has them.
        """

    # whose handlers learn how much of a prompt was read, in a stream
    _progress_run: Any = PrivateAttr(default=None)

    def reporting_to(self, run: Any) -> Self:
        """Return this object, which reports to a run that LangChain does not hand to `_stream`."""
        one = self.model_copy()
        one._progress_run = run  # noqa: SLF001 - our own
        return one

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        return self._options_in_key()

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(self.stops(stop) or None, **kwargs)
        return label_trace(params, self.model_label, kwargs.get("model"))

    @model_validator(mode="after")
    def _set_model_profile(self) -> Self:
        """Set `profile` where it is known already.

        Else it is missing in the object, and `__getattr__` finds it when it is read.
        """
        if self.__dict__.get("profile") is None:
            self.__dict__.pop("profile", None)
            with suppress(Exception):  # as LangChain does: a missing profile is not an error
                if profile := self._resolve_model_profile():
                    self.__dict__["profile"] = profile
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        if "profile" in self.__dict__:
            super()._check_profile_keys()  # type: ignore[operator]  # pydantic makes it a plain method
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "profile":
            return self.find_profile()
        return super().__getattr__(name)  # type: ignore[misc]  # pydantic hides it from type checkers

    def find_profile(self) -> ModelProfile | None:
        """Return what the model can do, from a server that is asked once.

        `None` where it does not say, or does not answer.
        """
        return None

    def _handle(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> TokenStream:
        model, rest = self._for_call(kwargs)
        request = {name: value for name, value in rest.items() if name in _REQUEST_ONLY}
        conversation = to_openai(messages, continue_final=model.continue_final_message or False)
        if shown := request.pop("show_schema", None):
            conversation = _instructed(conversation, instruction(shown))
        tools = request.get("tools", [])
        if not tools:
            return model.open_answer(conversation, model.stops(stop), request)
        request["tools"], request["tool_choice"] = chosen_tools(tools, request.get("tool_choice"))
        wanted = (
            request.pop("response_format")
            if calls_allowed(request) and "response_format" in request
            else None
        )
        if wanted is None or request["tool_choice"] == "required":
            return model.open_step(conversation, stop, request, tools)
        model.check_form_beside_tools()
        if not shown:
            conversation = _instructed(
                conversation, instruction(response_schema({"response_format": wanted}))
            )
        answer = {**request, "tool_choice": "none", "response_format": wanted}
        return model.open_step(
            conversation,
            stop,
            request,
            tools,
            lambda: model.open_answer(conversation, model.stops(stop), answer),
        )

    def open_step(
        self,
        conversation: list[dict[str, Any]],
        stop: list[str] | None,
        request: dict[str, Any],
        tools: list[dict[str, Any]],
        answer: Callable[[], TokenStream] | None = None,
    ) -> TokenStream:
        """Open a step of an agent: calls of the tools, or an answer.

        Args:
            conversation: The messages.
            stop: Stop sequences of the call.
            request: The tools and the response format of the call.
            tools: The tools, also those that are not offered because of `tool_choice`.
            answer: Opens the answer of a given form that is wanted where no tool is called; `None`
                where text is.
        """

        def calls(choice: str | None) -> TokenStream:
            handle = self.open_answer(
                conversation, self.stops(stop), {**request, "tool_choice": choice}
            )
            return with_read_calls(
                handle, tools, only_one=request.get("parallel_tool_calls") is False
            )

        free = calls(request["tool_choice"])
        if request["tool_choice"] in {"required", "none"} or (
            answer is None and not self._enforces_strict(request)
        ):
            return free

        def enforced(held: list[StreamEvent]) -> TokenStream:
            return CallOrAnswer(
                calls("required"), Decision(request["tools"], None, answer, held=held)
            )

        return CallOrAnswer(free, Decision(request["tools"], enforced, answer))

    def _enforces_strict(self, request: Mapping[str, Any]) -> bool:
        """Return whether calls that the model makes unasked are held to their schemas.

        This holds also where the engine does not do so.
        """
        return self.ATTEMPTS == 1 and any(
            tool["function"].get("strict") for tool in request["tools"]
        )

    def check_form_beside_tools(self) -> None:
        """Raise if the engine cannot enforce a response format together with tools."""

    @override
    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Return how many tokens the prompt has that the engine makes of messages and tools.

        0 without messages.

        A `RemoveMessage` is left out. `trim_messages` with `strategy="last"` asks for messages from
        the last to the first; they are counted in the order of the conversation where a tool's
        result would come before its call otherwise.

        Args:
            messages: The conversation.
            tools: The tools, in any form that `bind_tools` accepts.

        Raises:
            InvalidRequestError: The messages are not a conversation.
        """
        kept = [message for message in messages if not isinstance(message, RemoveMessage)]
        if not kept:
            return 0
        try:
            return self.count_messages(kept, tools)
        except InvalidRequestError as error:
            with suppress(InvalidRequestError):
                return self.count_messages(kept[::-1], tools)
            raise error from None

    def count_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None) -> int:
        """Return how many tokens the prompt has.

        LangChain's own way counts the texts, without a template and tools.
        """
        return super().get_num_tokens_from_messages(messages, tools)

    @override
    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        (messages,) = _readable([read_input(super()._convert_input, model_input).to_messages()])
        return ChatPromptValue(messages=messages)

    def _for_call(self, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return a copy with the call's options, and the remaining arguments.

        So traces and cache keys treat the options as the object's.
        """
        rest = {name: value for name, value in kwargs.items() if name in _FOR_LANGCHAIN}
        if not _REQUEST_ONLY.isdisjoint(kwargs):
            rest |= canonical_request(kwargs)
        options = {
            name: value
            for name, value in kwargs.items()
            if name not in _FOR_LANGCHAIN | _REQUEST_ONLY
        }
        return self.with_options(options), rest

    @override
    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        config, kwargs = split_config(config, kwargs)
        return super().invoke(input, config, stop=stop, **kwargs)

    @override
    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        config, kwargs = split_config(config, kwargs)
        return await super().ainvoke(input, config, stop=stop, **kwargs)

    @override
    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        config, kwargs = split_config(config, kwargs)
        model, rest = self._for_call(kwargs)
        if model.reports_progress:
            config, run = run_of_stream(model, config)
            model = model.reporting_to(run)
        return BaseChatModel.stream(model, input, config, stop=stop, **rest)

    @override
    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        config, kwargs = split_config(config, kwargs)
        model, rest = self._for_call(kwargs)
        if model.reports_progress:
            config, run = run_of_stream(model, config)
            model = model.reporting_to(run)
        return BaseChatModel.astream(model, input, config, stop=stop, **rest)

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        all_answers: bool = False,
        **kwargs: Any,
    ) -> Generator[ChatGenerationChunk]:
        numbers = self._block_numbers()
        with closing(self._handle(messages, stop, kwargs).events()) as events:
            for event in events:
                if event.progress is not None:
                    if self.reports_progress:
                        report_progress(run_manager or self._progress_run, event.progress)
                    continue
                chunk = self._chunk(event)
                if numbers is not None:
                    numbers.put(chunk, event)
                if run_manager and not event.finish:
                    run_manager.on_llm_new_token(event.text, chunk=chunk)
                if all_answers and event.finish and event.finish.other_answers:
                    chunk.generation_info = {
                        **(chunk.generation_info or {}),
                        OTHER_ANSWERS: event.finish.other_answers,
                    }
                yield chunk

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        all_answers: bool = False,
        **kwargs: Any,
    ) -> AsyncGenerator[ChatGenerationChunk]:
        numbers = self._block_numbers()
        async with aclosing(self._handle(messages, stop, kwargs).aevents()) as events:
            async for event in events:
                if event.progress is not None:
                    if self.reports_progress:
                        await areport_progress(run_manager or self._progress_run, event.progress)
                    continue
                chunk = self._chunk(event)
                if numbers is not None:
                    numbers.put(chunk, event)
                if run_manager and not event.finish:
                    await run_manager.on_llm_new_token(event.text, chunk=chunk)
                if all_answers and event.finish and event.finish.other_answers:
                    chunk.generation_info = {
                        **(chunk.generation_info or {}),
                        OTHER_ANSWERS: event.finish.other_answers,
                    }
                yield chunk

    @override
    def _generate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.reports_progress and self._progress_run is None and run_manager is not None:
            model = self.reporting_to(run_manager)
            return model._generate_with_cache(messages, stop, run_manager, **kwargs)  # noqa: SLF001 - our own
        return super()._generate_with_cache(messages, stop, run_manager, **kwargs)

    @override
    async def _agenerate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.reports_progress and self._progress_run is None and run_manager is not None:
            model = self.reporting_to(run_manager)
            return await model._agenerate_with_cache(messages, stop, run_manager, **kwargs)  # noqa: SLF001 - our own
        return await super()._agenerate_with_cache(messages, stop, run_manager, **kwargs)

    def _block_numbers(self) -> BlockNumbers | None:
        return BlockNumbers() if self.output_version == "v1" else None

    def _chunk(self, event: StreamEvent) -> ChatGenerationChunk:
        if event.finish is not None:
            self.answered(event.finish)
            about = {
                **describe(event.finish),
                "model_provider": self._llm_type.removeprefix("chat-"),
                **self._logprobs(event),
            }
            message = AIMessageChunk(
                content=event.text,
                usage_metadata=usage_metadata(event.finish),
                response_metadata=about,
                chunk_position="last",
            )
            return ChatGenerationChunk(message=message, generation_info=dict(about))
        # most tokens; pydantic is slow per field given
        if not (event.tool_calls or event.reasoning or event.logprobs is not None):
            return ChatGenerationChunk(message=AIMessageChunk(content=event.text))
        message = AIMessageChunk(
            content=event.text,
            tool_call_chunks=[tool_call_chunk(**part) for part in event.tool_calls or ()],
            additional_kwargs={"reasoning_content": event.reasoning} if event.reasoning else {},
            response_metadata=self._logprobs(event),
        )
        return ChatGenerationChunk(
            message=message, generation_info=dict(message.response_metadata) or None
        )

    def _logprobs(self, event: StreamEvent) -> dict[str, Any]:
        if event.logprobs is None:
            return {}
        return {
            "logprobs": event.logprobs if self.LOGPROBS_AS_LIST else {"content": event.logprobs}
        }

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        for attempt in attempts(run_manager):
            with attempt:
                result = generate_from_stream(
                    self._stream(messages, stop, run_manager, all_answers=True, **kwargs)
                )
        return without_numbers(result)

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        for attempt in attempts(run_manager):
            with attempt:
                async with aclosing(
                    self._astream(messages, stop, run_manager, all_answers=True, **kwargs)
                ) as chunks:
                    result = await agenerate_from_stream(chunks)
        return without_numbers(result)

    @override
    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        model, rest = self._for_call(kwargs)
        if caching(model.cache):
            model = model.with_model_name()
        return BaseChatModel.generate(
            model, _readable(messages), model.stops(stop) or None, callbacks, **rest
        )

    @override
    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        model, rest = self._for_call(kwargs)
        if caching(model.cache):
            model = await model.aidentified()
        return await BaseChatModel.agenerate(
            model, _readable(messages), model.stops(stop) or None, callbacks, **rest
        )

    @override
    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        configs: list[RunnableConfig] = [
            {"max_concurrency": _MAX_CONCURRENCY, **each}
            for each in get_config_list(config, len(inputs))
        ]
        return super().batch(inputs, configs, return_exceptions=return_exceptions, **kwargs)

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools that the model may call.

        Args:
            tools: Functions, pydantic classes, LangChain tools or OpenAI-style dicts.
            tool_choice: `auto` (the default), `none`, `any` or `required` (or `True`) for at least
                one call, or a tool's name.
            strict: Handed to LangChain's conversion of tools. With `True`, a call that breaks its
                tool's schema is made once more, and enforced, on engines that do not enforce calls
                that a model begins by itself, such as Ollama.
            **kwargs: Options for the calls, such as `parallel_tool_calls=False` for at most one
                call in an answer, or `response_format=Report` for an answer of that form where no
                tool is called.

        All of them may also be given to a call: `chat.invoke("...", tools=[add],
        tool_choice="any")`.

        Raises:
            InvalidOptionError: Something is not a tool or has a name that models cannot write, or
                `tool_choice` does not match.
        """
        offered = openai_tools(tools, strict=strict)
        return self.bind(tools=offered, tool_choice=choice_of(offered, tool_choice), **kwargs)

    @override
    def with_structured_output(
        self,
        schema: Mapping[str, Any] | type | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        show_schema: bool = True,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return this model, answering with objects of a given form.

        What the engine's grammars can hold is enforced while the answer is decoded; the object is
        checked against all rules at the end. With `stream`, dicts are returned as they grow, and
        instances of a class when they are complete.

        Args:
            schema: A pydantic class, a dataclass or another type such as `list[Lamp]` (answers are
                its instances), or a `TypedDict`, a JSON schema or a function in any provider's form
                (answers are dicts). Optional for `json_mode`.
            method: `json_schema` constrains the answer, `function_calling` forces the call of a
                tool, `json_mode` asks for any JSON object.
            include_raw: Answer with a dict of `raw` (the message), `parsed`, and `parsing_error`
                instead of raising it.
            strict: Handed to LangChain's conversion of schemas.
            show_schema: With `json_schema`, whether the system message shows the schema to the
                model. An engine that constrains an answer does not show it to the model.
            **kwargs: Options for the calls.

        Raises:
            InvalidOptionError: The schema is not valid, or the method is unknown. The answers raise
                `StructuredOutputError` when they break a rule, and `AnswerCutError` when they ended
                at `max_tokens`.

        Example:
            >>> from langchain_localllm import ChatLlamafile, LocalServer
            >>> from langchain_localllm.models import tiny_chat_model
            >>> from pydantic import BaseModel
            >>> class Lamp(BaseModel):
            ...     color: str
            >>> with LocalServer(tiny_chat_model()) as server:
            ...     chat = ChatLlamafile(base_url=server.base_url, temperature=0, max_tokens=100)
            ...     answer = chat.with_structured_output(Lamp).invoke("The lamp is red.")
            >>> isinstance(answer, Lamp)
            True
        """
        if method not in METHODS or (schema is None and method != "json_mode"):
            raise InvalidOptionError(
                f"method={method!r} needs a schema."
                if method in METHODS
                else _unknown_method(method)
            )
        form = form_of(schema, strict=strict)
        is_model = isinstance(schema, type) and issubclass(schema, BaseModel)
        # LangChain cannot read every type
        traced = schema if is_model else {"name": form.name, "parameters": form.schema or {}}
        tracing = {
            "ls_structured_output_format": {"kwargs": {"method": method}, "schema": traced},
            **kwargs,
        }
        if method == "function_calling":
            tool = {
                "type": "function",
                "function": {"name": form.name, "parameters": form.parameters},
            }
            model = self.bind_tools([tool], tool_choice=form.name, **tracing)
        elif method == "json_schema":
            asked = {
                "type": "json_schema",
                "json_schema": {"name": form.name, "schema": form.schema, "strict": strict},
            }
            model = self.bind(
                response_format=canonical_format(asked),
                show_schema=form.schema if show_schema else None,
                **tracing,
            )
        else:
            model = self.bind(response_format=canonical_format({"type": "json_object"}), **tracing)
        output = StructuredOutput(form, calls=method == "function_calling", include_raw=include_raw)
        chain: Runnable[LanguageModelInput, Any] = model | output
        # the same answer would come again
        if include_raw or self.ATTEMPTS == 1 or self.temperature == 0:
            return chain
        return chain.with_retry(
            retry_if_exception_type=(StructuredOutputError,),
            wait_exponential_jitter=False,
            stop_after_attempt=self.ATTEMPTS,
        )


def _readable(conversations: list[list[BaseMessage]]) -> list[list[BaseMessage]]:
    return [[with_readable_blocks(message) for message in messages] for messages in conversations]


def _unknown_method(method: str) -> str:
    return f"method={method!r} is unknown. Use one of: {', '.join(METHODS)}."


def _instructed(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return the conversation with an instruction in its system message."""
    first = messages[0]
    if first["role"] == "system" and isinstance(first["content"], str):
        return [{**first, "content": f"{first['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]
