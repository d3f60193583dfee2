"""Share between all text LLMs: streaming, callbacks, batches, per-call options, the cache key."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, ClassVar, Final

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseLLM, LangSmithParams, LanguageModelInput
from langchain_core.outputs import GenerationChunk, LLMResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor
from typing_extensions import override

from langchain_localllm.base.call_input import read_input, split_config, split_configs
from langchain_localllm.base.content import with_text_only
from langchain_localllm.base.failover import attempts
from langchain_localllm.base.options import STREAM_SWITCHES, SamplingOptions, caching
from langchain_localllm.base.prompt_progress import areport_progress, report_progress
from langchain_localllm.base.results import combined, joined, text_chunk
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.base.trace_names import label_trace
from langchain_localllm.errors import InvalidRequestError, ModelCallError

_MAX_CONCURRENCY: Final = 32
"""Prompts of one `generate` that are with the engine at the same time."""
_RUN_SETTINGS: Final = frozenset({"tags", "metadata", "run_name", "run_id"})
"""Arguments of LangChain's `generate` that are not options."""


class LocalLLM(SamplingOptions, BaseLLM):
    """A text LLM on a local engine. A runtime adds its options and says how a prompt is opened."""

    NOT_PER_CALL: ClassVar[frozenset[str]] = frozenset(BaseLLM.model_fields) | {"streaming"}

    streaming: bool = False
    """Without effect, since answers always stream to handlers; here so that older code runs."""

    @abstractmethod
    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        """Begin an answer to the prompt with this object's options."""

    def begin(self, prompt: str, stop: list[str] | None) -> TokenStream:
        """Work like `open_answer`, but also allow an empty prompt and unmerged stop sequences."""
        if not prompt:
            raise InvalidRequestError("The prompt is empty. Pass some text to continue.")
        return self.open_answer(prompt, self.stops(stop))

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        return self._options_in_key()

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(self.stops(stop) or None, **kwargs)
        return label_trace(params, self.model_label, kwargs.get("model"))

    @override
    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        value = read_input(super()._convert_input, model_input)
        return (
            ChatPromptValue(messages=list(map(with_text_only, value.messages)))
            if isinstance(value, ChatPromptValue)
            else value
        )

    # --- one prompt ---

    @override
    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> str:
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
    ) -> str:
        config, kwargs = split_config(config, kwargs)
        return await super().ainvoke(input, config, stop=stop, **kwargs)

    def _read(
        self,
        prompt: str,
        stop: list[str] | None,
        run: CallbackManagerForLLMRun | None,
        kwargs: dict[str, Any],
    ) -> Generator[StreamEvent]:
        """Yield the events of an answer, and report each to the callbacks of the run."""
        model = self.with_options(kwargs)
        listener = run if run and run.handlers else None
        with closing(model.begin(prompt, stop).events()) as events:
            for event in events:
                if event.progress is not None:
                    if model.reports_progress:
                        report_progress(run, event.progress)
                    continue
                if listener and event.text:
                    listener.on_llm_new_token(event.text, chunk=text_chunk(event))
                if event.finish:
                    model.answered(event.finish)
                yield event

    async def _aread(
        self,
        prompt: str,
        stop: list[str] | None,
        run: AsyncCallbackManagerForLLMRun | None,
        kwargs: dict[str, Any],
    ) -> AsyncGenerator[StreamEvent]:
        model = self.with_options(kwargs)
        listener = run if run and run.handlers else None
        async with aclosing(model.begin(prompt, stop).aevents()) as events:
            async for event in events:
                if event.progress is not None:
                    if model.reports_progress:
                        await areport_progress(run, event.progress)
                    continue
                if listener and event.text:
                    await listener.on_llm_new_token(event.text, chunk=text_chunk(event))
                if event.finish:
                    model.answered(event.finish)
                yield event

    @override
    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Generator[GenerationChunk]:
        with closing(self._read(prompt, stop, run_manager, kwargs)) as events:
            yield from filter(None, map(text_chunk, events))

    @override
    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[GenerationChunk]:
        async with aclosing(self._aread(prompt, stop, run_manager, kwargs)) as events:
            async for event in events:
                if chunk := text_chunk(event):
                    yield chunk

    @override
    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Generator[str]:
        # LangChain passes on the text of the last chunk too, which carries the usage and no text.
        config, kwargs = split_config(config, kwargs)
        model, settings = self._for_call(stop, kwargs)
        for text in BaseLLM.stream(model, input, config, **settings):
            if text:
                yield text

    @override
    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[str]:
        config, kwargs = split_config(config, kwargs)
        model, settings = self._for_call(stop, kwargs)
        async with aclosing(BaseLLM.astream(model, input, config, **settings)) as texts:  # type: ignore[type-var]  # it is a generator
            async for text in texts:
                if text:
                    yield text

    # --- many prompts ---

    @override
    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        # LangChain wants it defined, but `_generate_helper` below does the work: it knows the run
        # of each prompt.
        return combined(
            [joined(self._read(prompt, stop, run_manager, kwargs)) for prompt in prompts], []
        )

    @override
    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model, settings = self._for_call(stop, kwargs)
        if caching(model.cache):
            model = model.with_model_name()
        return BaseLLM.generate(model, prompts, callbacks=callbacks, **settings)

    @override
    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model, settings = self._for_call(stop, kwargs)
        if caching(model.cache):
            model = await model.aidentified()
        return await BaseLLM.agenerate(model, prompts, callbacks=callbacks, **settings)

    def _for_call(
        self, stop: list[str] | None, kwargs: dict[str, Any]
    ) -> tuple["LocalLLM", dict[str, Any]]:
        """Return a copy with the call's options, and the other arguments.

        LangChain's cache key holds only the object's options.
        """
        # the object's, as LangChain's callbacks get it; copies take it along, else each makes it
        # again
        _ = self._serialized
        settings = {name: value for name, value in kwargs.items() if name in _RUN_SETTINGS}
        options = {
            name: value
            for name, value in kwargs.items()
            if name not in _RUN_SETTINGS | STREAM_SWITCHES
        }
        model = self.with_options(options)
        return model, {**settings, "stop": model.stops(stop) or None}

    @override
    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        config, kwargs = split_configs(config, kwargs, len(inputs))
        if return_exceptions:  # LangChain's own for text models gives one item's error to all
            return Runnable.batch(self, inputs, config, return_exceptions=True, **kwargs)
        return super().batch(inputs, config, **kwargs)

    @override
    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        config, kwargs = split_configs(config, kwargs, len(inputs))
        if return_exceptions:
            return await Runnable.abatch(self, inputs, config, return_exceptions=True, **kwargs)
        return await super().abatch(inputs, config, **kwargs)

    @override
    def _generate_helper(
        self,
        prompts: list[str],
        stop: list[str] | None,
        run_managers: list[CallbackManagerForLLMRun],
        **_: Any,
    ) -> LLMResult:
        """Work on all prompts at once.

        LangChain's own gives every token to the first run, and one prompt's error to all.
        """
        failures: list[BaseException] = []

        def work(prompt: str, run: CallbackManagerForLLMRun | None) -> LLMResult:
            try:
                for attempt in attempts(run):
                    with attempt:
                        result = joined(_unless(failures, self._read(prompt, stop, run, {})))
            except BaseException as error:
                failures.append(error)
                if run:
                    run.on_llm_error(error, response=LLMResult(generations=[]))
                raise
            if run:
                run.on_llm_end(result)
            return result

        runs: Sequence[CallbackManagerForLLMRun | None] = run_managers or [None] * len(prompts)
        if len(prompts) == 1:
            return combined([work(prompts[0], runs[0])], run_managers)
        with ContextThreadPoolExecutor(max_workers=_MAX_CONCURRENCY) as pool:
            futures = [
                pool.submit(work, prompt, run) for prompt, run in zip(prompts, runs, strict=True)
            ]
            try:
                return combined([future.result() for future in futures], run_managers)
            except BaseException as error:
                # ends the other prompts too; the callbacks of each run get its error
                failures.append(error)
                if isinstance(error, Exception) and error is not failures[0]:
                    raise failures[0] from None
                raise

    @override
    async def _agenerate_helper(
        self,
        prompts: list[str],
        stop: list[str] | None,
        run_managers: list[AsyncCallbackManagerForLLMRun],
        **_: Any,
    ) -> LLMResult:
        places = asyncio.Semaphore(_MAX_CONCURRENCY)

        async def work(prompt: str, run: AsyncCallbackManagerForLLMRun | None) -> LLMResult:
            try:
                for attempt in attempts(run):
                    with attempt:
                        async with places, aclosing(self._aread(prompt, stop, run, {})) as events:
                            result = joined([event async for event in events])
            except BaseException as error:
                if run:
                    await _despite_cancelling(
                        run.on_llm_error(error, response=LLMResult(generations=[]))
                    )
                raise
            if run:
                await _despite_cancelling(run.on_llm_end(result))
            return result

        runs: Sequence[AsyncCallbackManagerForLLMRun | None] = run_managers or [None] * len(prompts)
        tasks = [
            asyncio.ensure_future(work(prompt, run))
            for prompt, run in zip(prompts, runs, strict=True)
        ]
        try:
            return combined(await asyncio.gather(*tasks), run_managers)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _despite_cancelling(report: Coroutine[Any, Any, None]) -> None:
    """Wait until handlers know how a run ended, also where this task is cancelled meanwhile.

    The other runs of a batch are cancelled when one fails, and so is what they wait for.
    """
    reporting = asyncio.ensure_future(report)
    try:
        await asyncio.shield(reporting)
    except asyncio.CancelledError:
        await reporting
        raise


def _unless(failures: list[BaseException], events: Generator[StreamEvent]) -> Iterator[StreamEvent]:
    with closing(events):
        while not failures:
            if (event := next(events, None)) is None:
                return
            yield event
    raise ModelCallError("Stopped because another prompt of the same call failed.")
