"""Every command and its line in `localllm --help`.

The command `name` is the function `name` in `cli/name.py`, or the `typer.Typer` that is named `app` there, where it has commands of
its own. The line is the first one of its help; a test compares them.
"""

from typing import Final

COMMANDS: Final = {
    "doctor": "Tell what this machine has for local models, what is misconfigured, and how to fix it.",
    "models": "List the models on this machine, of all runtimes together; show or remove one.",
    "pull": "Get a model: from the Hugging Face Hub, Ollama, GPT4All or an address.",
    "fit": "Tell whether a model runs here, with which context, and how fast at most.",
    "chat": "Talk with a model; it sees the whole conversation. An empty line or Ctrl-D ends it.",
    "run": "Answer one prompt, from the command line or a pipe.",
    "compare": "Ask several models the same, and stream their answers side by side.",
    "serve": "Serve a model on this machine with OpenAI's API, until Ctrl-C.",
    "ask": "Answer a question from your own files, and name the sources.",
    "rag": "Index your files on disk, ask questions about them, and measure the answers.",
    "bench": "Measure the tokens per second of one model on every runtime installed here, side by side.",
    "prompt": "Show the exact text that a model receives for a message, and its tokens.",
}
