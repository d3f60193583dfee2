"""Pull prompts from LangChain's Prompt Hub, and push your own.

It is on the network, so nothing here happens unless it is called by name.
"""

import warnings
from typing import Any

import requests
from langchain_core.prompts import BasePromptTemplate

from langchain_localllm.errors import (
    ConnectionFailedError,
    InvalidOptionError,
    MissingDependencyError,
)
from langchain_localllm.prompts.adapt import ModelPrompt, Prompt, text_of
from langchain_localllm.prompts.detect_family import family_in


def pull(name: str, *, client: Any = None) -> Prompt:
    """Fetch a prompt from the hub.

    This opens a connection to the hub's server, smith.langchain.com unless `client` says otherwise.

    Args:
        name: A prompt of your own (`name` or `name:commit`), or another person's with the commit
            that you have read: `owner/name:commit`.
        client: A `langsmith.Client`; by default one made from the environment
            (`LANGSMITH_API_KEY`).

    Raises:
        InvalidOptionError: Another person's prompt without a commit, which could change at any
            time; or there is no such prompt.
        ConnectionFailedError: The hub cannot be reached.
        MissingDependencyError: langsmith is not installed.
    """
    owner, slash, _ = name.rpartition("/")
    foreign = bool(slash) and owner != "-"
    if foreign and ":" not in name:
        raise InvalidOptionError(
            f"The prompt {name!r} is another person's and could change at any time. "
            f"Name the version that you have read: '{name}:commit'."
        )
    prompt = _call(client, "pull_prompt", name, dangerously_pull_public_prompt=foreign)
    if not isinstance(prompt, BasePromptTemplate):
        raise InvalidOptionError(f"{name!r} on the hub is {type(prompt).__name__}, not a prompt.")
    if family := family_in(text_of(prompt)):
        warnings.warn(
            f"The prompt {name!r} holds tokens of {family}. Give it to text LLMs of this family "
            "only: engines put a template around the messages of a chat model by themselves.",
            stacklevel=2,
        )
    return prompt


def push(name: str, prompt: Prompt, *, client: Any = None, is_public: bool = False) -> str:
    """Put a prompt on the hub; private unless specified otherwise.

    This opens a connection to the hub's server.

    Args:
        name: The prompt's name.
        prompt: The prompt; of one that `for_model` made, the plain prompt inside.
        client: As for `pull`.
        is_public: Whether everybody may see it.

    Returns:
        Its address.

    Raises:
        ConnectionFailedError: The hub cannot be reached.
        MissingDependencyError: langsmith is not installed.
    """
    plain = prompt.inner if isinstance(prompt, ModelPrompt) else prompt
    return str(_call(client, "push_prompt", name, object=plain, is_public=is_public))


def _call(client: Any, method: str, name: str, **arguments: Any) -> Any:
    try:
        import langsmith
        from langsmith.utils import LangSmithConnectionError, LangSmithError, LangSmithNotFoundError
    except ImportError:
        raise MissingDependencyError(
            "The Prompt Hub needs langsmith: pip install langsmith."
        ) from None
    try:
        return getattr(client or langsmith.Client(), method)(name, **arguments)
    except LangSmithNotFoundError:
        raise InvalidOptionError(f"The hub has no prompt {name!r} that you may see.") from None
    except (
        LangSmithConnectionError,
        requests.RequestException,
    ):  # langsmith's message shows a part of the key
        raise ConnectionFailedError(
            "The Prompt Hub cannot be reached. Check the network, and LANGSMITH_ENDPOINT if it is "
            "set."
        ) from None
    except LangSmithError as error:
        reason = str(error).partition("\n")[0]
        raise InvalidOptionError(f"The hub refuses {name!r}: {reason}") from None
