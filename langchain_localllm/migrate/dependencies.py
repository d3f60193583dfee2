"""Suggest changes in lists of packages.

The lists are not rewritten, since pins and groups are a person's choice.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from langchain_localllm.extras import pip_install
from langchain_localllm.migrate.moved_names import CLASSIC, COMMUNITY, EXPERIMENTAL
from langchain_localllm.migrate.notes import Note
from langchain_localllm.registry import RUNTIMES

FILES: Final = re.compile(
    r"[\w.-]*requirements[\w.-]*\.(?:txt|in)|pyproject\.toml|setup\.(?:cfg|py)|Pipfile"
    r"|environment\.ya?ml"
)
"""Names of files that list packages."""
_PACKAGES: Final = {
    "gpt4all": "`langchain-localllm[gpt4all]` brings gpt4all in a version that was tested.",
    "langchain-community": (
        "take langchain-community out if nothing else of it is used, and put langchain-localllm in."
    ),
    "langchain-ollama": "put langchain-localllm in place of langchain-ollama.",
    "llama-cpp-python": (
        "`langchain-localllm[llamacpp]` brings llama.cpp as a prebuilt wheel; keep "
        "llama-cpp-python if you compiled it for your GPU."
    ),
}
_NAME: Final = re.compile(
    rf"(?<![\w./-])({'|'.join(_PACKAGES).replace('-', '[-_.]')})(?![\w/-]|\.\w)", re.IGNORECASE
)
_OLD_PIN: Final = re.compile(
    r"(?<![\w./-])langchain(?:-core)?(?:\[[\w\s,.-]*\])?"
    r"\s*(?:=\s*(?:\{\s*version\s*=\s*)?[\"'])?[\s\d.,*<>=!~^]*?"
    r"(?:(?:==|~=|<=?|\^|(?<=[\"']))\s*0\.|<\s*1(?:\.0)*(?![\d.]))",
    re.IGNORECASE,
)
"""LangChain with a version below 1, or with an upper limit of at most that."""
_COMMAND: Final = re.compile(r"\s*[%!].*\b(?:pip|conda|uv|poetry)\b")
_EXTRAS: Final = {"gpt4all": "gpt4all", "llamacpp": "llamacpp"}
"""Runtime to the extra with its engine; the other runtimes are servers."""


def requirement_notes(text: str, *, only_commands: bool = False) -> Iterator[Note]:
    r"""Say what to change in a list of packages.

    Args:
        text: The file.
        only_commands: Look only at lines that begin with `!` or `%` and install something.

    Example:
        >>> print(*requirement_notes("langchain-ollama==0.2.0\n"))
        1: by hand: put langchain-localllm in place of langchain-ollama.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("#", ";")) or (only_commands and not _COMMAND.match(line)):
            continue
        names = {found.lower().replace("_", "-").replace(".", "-") for found in _NAME.findall(line)}
        yield from (Note(number, _PACKAGES[name], by_hand=True) for name in sorted(names))
        if _OLD_PIN.search(line):
            yield Note(
                number,
                "langchain-localllm needs LangChain 1: take the pin to a version before it out.",
                by_hand=True,
            )


def install_command(needs: Iterable[str]) -> str:
    """Return the command that installs what code needs after the migration.

    Args:
        needs: Names of our classes and of packages that are imported.

    Example:
        >>> install_command(["LlamaCpp", "Ollama", "langchain_classic"])
        'pip install "langchain-localllm[classic,llamacpp]"'
        >>> install_command(["ChatOllama", "langchain_core"])
        'pip install langchain-localllm'
    """
    wanted = set(needs)
    extras = {
        extra for runtime, extra in _EXTRAS.items() if wanted & set(RUNTIMES[runtime].values())
    }
    extras |= {"classic"} & {"classic" if CLASSIC in wanted else ""}
    others = [
        name.replace("_", "-")
        for name in sorted(wanted & {COMMUNITY, EXPERIMENTAL, "langchain_text_splitters"})
    ]
    return " ".join(
        [pip_install(*sorted(extras)) if extras else "pip install langchain-localllm", *others]
    )
