"""A bar on stderr while an engine reads a long prompt."""

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler

    from langchain_localllm.base.chat import LocalChatModel

_WIDTH: Final = 24
_SOON_MS: Final = 500
"""Milliseconds of reading before the bar is shown."""


def progress_call(model: "LocalChatModel") -> tuple[Any, dict[str, Any]]:
    """Return the config and the options of a call that shows the prompt's progress.

    It is shown while the prompt is read, if stderr is a terminal. Only llama.cpp's server reports
    it, also the one in this process; another server might refuse the option.
    """
    if not sys.stderr.isatty() or not _reports_progress(model):
        return None, {}
    return {"callbacks": [_bar()]}, {"return_progress": True}


def _reports_progress(model: "LocalChatModel") -> bool:
    if "return_progress" not in type(model).model_fields:
        return False
    backend = getattr(model, "backend", None)
    return backend == "xllamacpp" if backend else "max_input_tokens" in (model.profile or {})


def _bar() -> "BaseCallbackHandler":
    from langchain_core.callbacks import BaseCallbackHandler

    class Bar(BaseCallbackHandler):
        shown = False

        def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            if name != "prompt_progress":
                return
            total, done = data["total"] - data["cache"], data["processed"] - data["cache"]
            if done < total and (self.shown or data["time_ms"] >= _SOON_MS):
                self.shown = True
                print(progress_line(done, total), end="", file=sys.stderr, flush=True)
            elif self.shown:
                self.shown = False
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return Bar()


def progress_line(done: int, total: int) -> str:
    r"""Return the bar for so many tokens of a prompt.

    Example:
        >>> progress_line(1024, 4096)
        '\rReading the prompt [######                  ] 1,024 of 4,096 tokens'
    """
    return (
        f"\rReading the prompt [{'#' * (done * _WIDTH // total):<{_WIDTH}}] {done:,} of {total:,} "
        "tokens"
    )
