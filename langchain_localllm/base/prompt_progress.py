"""Report how much of a prompt an engine has read, as a custom event of LangChain."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.callbacks.manager import BaseRunManager, ahandle_event, handle_event
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig, ensure_config

PROMPT_PROGRESS: Final = "prompt_progress"
"""The event's name. Its data are `total`, `cache` and `processed`, in tokens, and `time_ms`."""


def run_of_stream(
    model: BaseChatModel, config: RunnableConfig | None
) -> tuple[RunnableConfig, CallbackManagerForLLMRun]:
    """Return a run with the handlers that `model.stream` will have, and the config with its id.

    `_stream` is not given its run.
    """
    config = ensure_config(config)
    run_id = config.get("run_id") or uuid.uuid4()
    handlers = CallbackManager.configure(config.get("callbacks"), model.callbacks).handlers
    tags = [*config.get("tags", ()), *(model.tags or ())]
    metadata = {**config.get("metadata", {}), **(model.metadata or {})}
    run = CallbackManagerForLLMRun(
        run_id=run_id, handlers=handlers, inheritable_handlers=[], tags=tags, metadata=metadata
    )
    return {**config, "run_id": run_id}, run


def report_progress(run: CallbackManagerForLLMRun | None, progress: Mapping[str, Any]) -> None:
    """Call `on_custom_event` of a run's handlers."""
    if run:
        handle_event(
            run.handlers,
            "on_custom_event",
            "ignore_custom_event",
            PROMPT_PROGRESS,
            dict(progress),
            **_about(run),
        )


async def areport_progress(
    run: AsyncCallbackManagerForLLMRun | CallbackManagerForLLMRun | None,
    progress: Mapping[str, Any],
) -> None:
    """As `report_progress`, for async code."""
    if run:
        await ahandle_event(
            run.handlers,
            "on_custom_event",
            "ignore_custom_event",
            PROMPT_PROGRESS,
            dict(progress),
            **_about(run),
        )


def _about(run: BaseRunManager) -> dict[str, Any]:
    return {"run_id": run.run_id, "tags": run.tags, "metadata": run.metadata}
