"""Every command and its line in `localllm --help`.

The command `name` is the function `name` in `cli/name.py`, or the `typer.Typer` that is named `app` there, where it has commands of
its own. The line is the first one of its help; a test compares them.
"""

from collections.abc import Sequence
from typing import Final

COMMANDS: Final = {
    "doctor": "Tell what this machine has for local models, what is misconfigured, and how to fix it.",
    "models": "List the models on this machine, of all runtimes together; show or remove one.",
    "pull": "Get a model: from the Hugging Face Hub, Ollama, GPT4All or an address.",
    "fit": "Tell whether a model runs here, with which context, and how fast at most.",
    "chat": "Talk with a model; it sees the whole conversation. An empty line, /bye or Ctrl-D ends it.",
    "run": "Answer one prompt, from the command line or a pipe.",
    "compare": "Ask several models the same, and stream their answers side by side.",
    "serve": "Serve a model on this machine with OpenAI's API, until Ctrl-C.",
    "ask": "Answer a question from your own files, and name the sources.",
    "rag": "Index your files on disk, ask questions about them, and measure the answers.",
    "bench": "Measure the tokens per second of one model on every runtime installed here, side by side.",
    "prompt": "Show the exact text that a model receives for a message, and its tokens.",
}

ALIASES: Final = {
    "list": ["models", "list"],
    "ls": ["models", "list"],
    "show": ["models", "show"],
    "rm": ["models", "rm"],
    "version": ["--version"],
}
"""Commands of `ollama` that have another name here."""

_ELSEWHERE: Final = {
    "ps": "No model is kept loaded between commands. `localllm models` lists what is here, running servers "
    "too, and `ollama ps` what Ollama keeps loaded.",
    "stop": "No model is kept loaded between commands. Ctrl-C ends `localllm serve`; `ollama stop` is for Ollama's models.",
    "create": "Models are not built here. `localllm pull` gets one.",
    "push": "Models are not published here.",
    "cp": "Models are not copied here. Copy the file, or use `ollama cp`.",
}
"""Commands of `ollama` that have none, and what to do instead."""


def expand(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the command's name here in place of `ollama`'s.

    Raises:
        InvalidOptionError: There is no such command here; the message says what to do instead.

    Example:
        >>> expand(["rm", "tiny"])
        ['models', 'rm', 'tiny']
    """
    first, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if first in _ELSEWHERE:
        from langchain_localllm.errors import InvalidOptionError

        raise InvalidOptionError(f"{first}: {_ELSEWHERE[first]}")
    if first == "help":
        return [*expand(rest), "--help"]
    return [*ALIASES.get(first, [first] if first else []), *rest]
