"""Every command and its line in `localllm --help`.

The command `name` is the function `name` in `cli/name.py`, or the `typer.Typer` that is named `app` there, where it has commands of
its own. The line is the first one of its help; a test compares them.
"""

from typing import Final

COMMANDS: Final = {
    "pull": "Get a model: from the Hugging Face Hub, Ollama, GPT4All or an address.",
    "fit": "Tell whether a model runs here, with which context, and how fast at most.",
    "ask": "Answer a question from your own files, and name the sources.",
    "rag": "Index your files on disk, ask questions about them, and measure the answers.",
}
