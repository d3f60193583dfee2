"""Convert how an engine's answer ended to LangChain's results and usage metadata."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from langchain_core.callbacks import BaseRunManager
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import Generation, GenerationChunk, LLMResult, RunInfo

from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.base.trace_names import short_name

_NORMALIZED: Final = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "content_filter",
}
"""Finish reasons under the names of langchain-core 1.8.4 and later, which reads
`normalized_finish_reason`."""


def describe(finish: CompletionInfo) -> dict[str, Any]:
    """Return what a result says about how it was made; unknown values are left out.

    The keys are `finish_reason`, `normalized_finish_reason`, `model_name`, `usage`
    (`prompt_tokens`, `completion_tokens`, `total_tokens`, `cached_tokens`, `reasoning_tokens`),
    `timings` (`load`, `prompt` and `generation` in seconds, `tokens_per_second`, and with drafts
    `draft_n` and `draft_n_accepted`), `context` where it was asked for, and what the engine reports
    under its own names.
    """
    about = {
        **finish.native,
        "finish_reason": finish.reason,
        "normalized_finish_reason": _NORMALIZED.get(finish.reason),
        "model_name": finish.model and short_name(finish.model),
        "usage": _usage(finish),
        "timings": _timings(finish),
        "context": finish.context,
    }
    return {key: value for key, value in about.items() if value or key in finish.native}


def _usage(finish: CompletionInfo) -> dict[str, int]:
    counts = {
        "prompt_tokens": finish.prompt_tokens,
        "completion_tokens": finish.completion_tokens,
        "total_tokens": _total(finish),
        "cached_tokens": finish.cached_tokens,
        "reasoning_tokens": finish.reasoning_tokens,
    }
    return {key: value for key, value in counts.items() if value is not None}


def _total(finish: CompletionInfo) -> int | None:
    if finish.prompt_tokens is None or finish.completion_tokens is None:
        return None
    return finish.prompt_tokens + finish.completion_tokens


def _timings(finish: CompletionInfo) -> dict[str, float]:
    spent = finish.timings
    speed = (
        finish.completion_tokens / spent.generation
        if finish.completion_tokens and spent.generation
        else None
    )
    values = {
        "load": spent.load,
        "prompt": spent.prompt,
        "generation": spent.generation,
        "tokens_per_second": speed,
        "draft_n": spent.draft_n,
        "draft_n_accepted": spent.draft_n_accepted,
    }
    return {key: value for key, value in values.items() if value is not None}


def usage_metadata(finish: CompletionInfo) -> UsageMetadata | None:
    """Token counts as chat messages carry them, or `None` if the engine does not say."""
    if finish.prompt_tokens is None or finish.completion_tokens is None:
        return None
    usage = UsageMetadata(
        input_tokens=finish.prompt_tokens,
        output_tokens=finish.completion_tokens,
        total_tokens=finish.prompt_tokens + finish.completion_tokens,
    )
    if finish.cached_tokens is not None:
        usage["input_token_details"] = InputTokenDetails(cache_read=finish.cached_tokens)
    if finish.reasoning_tokens is not None:
        usage["output_token_details"] = OutputTokenDetails(reasoning=finish.reasoning_tokens)
    return usage


def text_chunk(event: StreamEvent) -> GenerationChunk | None:
    """Return the chunk for an event, or `None` for one without content."""
    if event.finish is None and event.logprobs is None and not event.reasoning:
        return GenerationChunk(text=event.text) if event.text else None
    return GenerationChunk(
        text=event.text, generation_info=_info(event.finish, event.logprobs, event.reasoning)
    )


def joined(events: Iterable[StreamEvent]) -> LLMResult:
    """Return the result of one prompt, with as many generations as answers were asked for."""
    first, others = _generation(events)
    generations = [first, *(_generation(events)[0] for events in others)]
    return LLMResult(generations=[generations], llm_output=_output([first.generation_info or {}]))


def _generation(events: Iterable[StreamEvent]) -> tuple[Generation, Sequence[list[StreamEvent]]]:
    """Return an answer, and the events of further answers."""
    texts: list[str] = []
    thoughts: list[str] = []
    logprobs: list[dict[str, Any]] = []
    finish: CompletionInfo | None = None
    for event in events:
        texts.append(event.text)
        if event.reasoning:
            thoughts.append(event.reasoning)
        logprobs += event.logprobs or ()
        finish = event.finish
    info = _info(finish, logprobs or None, "".join(thoughts))
    return Generation(
        text="".join(texts), generation_info=info
    ), finish.other_answers if finish else ()


def _info(
    finish: CompletionInfo | None, logprobs: list[dict[str, Any]] | None, reasoning: str
) -> dict[str, Any]:
    """Return the `generation_info`; thoughts have the two names that `langchain_ollama` gives them.

    Tracers such as OpenInference and Langfuse read `usage_metadata` there, since a stream of a text
    class has no `llm_output`.
    """
    usage = usage_metadata(finish) if finish else None
    return {
        **(describe(finish) if finish else {}),
        **({"usage_metadata": usage} if usage else {}),
        **({} if logprobs is None else {"logprobs": logprobs}),
        **({"reasoning_content": reasoning, "thinking": reasoning} if reasoning else {}),
    }


def combined(results: Iterable[LLMResult], runs: Sequence[BaseRunManager]) -> LLMResult:
    """Return the results of several prompts as one, with their token counts added up."""
    generations = [generation for result in results for generation in result.generations]
    output = _output([row[0].generation_info or {} for row in generations])
    return LLMResult(
        generations=generations,
        llm_output=output,
        run=[RunInfo(run_id=run.run_id) for run in runs] or None,
    )


def _output(infos: list[dict[str, Any]]) -> dict[str, Any]:
    usage: Counter[str] = Counter()
    for info in infos:
        usage.update(info.get("usage", {}))
    names = [info["model_name"] for info in infos if "model_name" in info]
    return {"token_usage": dict(usage), **({"model_name": names[0]} if names else {})}
