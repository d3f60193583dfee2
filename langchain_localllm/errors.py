"""Every error that this package raises on purpose.

```text
LocalLLMError
├── InvalidOptionError        ValueError        an argument or option that cannot be used
├── MissingDependencyError    ImportError       an optional package is not installed
├── ModelFileError            ValueError        a model file that is not a usable model
├── DocumentError             ValueError        a document or folder that cannot be read
├── StoreError                RuntimeError      an index on disk that is unusable or does not fit
├── ServerStartError          RuntimeError      a local server that did not come up
├── StructuredOutputError     core OutputParserException: not of the requested form
│   └── AnswerCutError                          cut at `max_tokens` or at the end of the context
└── ModelCallError            core ModelError   a call to a model failed
    ├── InvalidRequestError   ValueError        core ModelInvalidRequestError
    │   └── ChatTemplateError                   the chat template refuses the conversation
    ├── ContextLengthError    ValueError        core ContextOverflowError: prompt too long
    ├── ModelMissingError     LookupError       core ModelNotFoundError
    ├── AuthenticationError   PermissionError   core ModelAuthenticationError (401)
    ├── PermissionDeniedError PermissionError   core ModelPermissionDeniedError (403)
    ├── RateLimitError        RuntimeError      core ModelRateLimitError (429)
    ├── ServerError           RuntimeError      core ModelAPIError: the engine reports a failure
    │   └── ModelLoadingError                   timed out waiting for the model to load (503)
    ├── ConnectionFailedError ConnectionError   core ModelConnectionError: no server answers
    │   ├── WrongServerError                    something answers, but not this kind of server
    │   └── StreamBrokenError                   the answer was cut, ended early or is not readable
    └── CallTimeoutError      TimeoutError      core ModelTimeoutError
```

A message says what went wrong and what to do. The same fault has the same type on `invoke`,
`ainvoke`, `stream`, `astream` and `batch`. Messages never hold keys or passwords.
"""

from collections.abc import Mapping
from types import MappingProxyType

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
    OutputParserException,
)


class LocalLLMError(Exception):
    """Base of all errors of this package."""


class InvalidOptionError(LocalLLMError, ValueError):
    """An argument or option is unknown, of the wrong type or out of range."""


class MissingDependencyError(LocalLLMError, ImportError):
    """An optional package is missing; the message names the extra to install."""


class ModelFileError(LocalLLMError, ValueError):
    """A model file is missing, empty, truncated or of a format that the engine cannot load."""


class DocumentError(LocalLLMError, ValueError):
    """A document or folder is missing, empty, encrypted or not readable as text."""


class StoreError(LocalLLMError, RuntimeError):
    """An index is missing, damaged, busy, read-only, too new, or of another embedding model."""


class ServerStartError(LocalLLMError, RuntimeError):
    """A server that this package started did not become ready."""


class StructuredOutputError(LocalLLMError, OutputParserException):
    """An answer is not of the form that was asked for; the message says which rule it breaks.

    Attributes:
        llm_output: The answer's text, or `None`.
    """

    def __init__(self, message: str, *, llm_output: str | None = None) -> None:
        # its own would add a link to LangChain's pages
        super(OutputParserException, self).__init__(message)
        self.observation = message
        self.llm_output = llm_output
        self.send_to_llm = False


class AnswerCutError(StructuredOutputError):
    """An answer was truncated mid-JSON, at `max_tokens` or at the end of the context."""


class ModelCallError(LocalLLMError, ModelError):
    """A call to a model failed.

    Attributes:
        failed_text: Of texts to embed, the index of the one that failed; `None` where it is not
            about one of them.
        done: The vectors of the texts that were embedded before, by index.
        blames_server: Whether the server refused a plain text as well, so that none of the texts is
            the reason.
        other_servers: How many other servers could give the answer that one of a pool broke off.
    """

    blames_server: bool = False
    other_servers: int = 0
    failed_text: int | None = None
    done: Mapping[int, list[float]] = MappingProxyType({})


class InvalidRequestError(ModelCallError, ModelInvalidRequestError, ValueError):
    """The engine refused the request, such as a wrong option type or an invalid grammar."""


class ChatTemplateError(InvalidRequestError):
    """The model's chat template has a mistake, loops, or does not take the conversation."""


class ContextLengthError(ModelCallError, ContextOverflowError, ValueError):
    """The prompt is longer than the model's context.

    Attributes:
        prompt_tokens: Length of the prompt in tokens, or `None` if the engine does not say.
        context_tokens: Length of the context in tokens, or `None` if the engine does not say.
    """

    def __init__(
        self, message: str, *, prompt_tokens: int | None = None, context_tokens: int | None = None
    ) -> None:
        super().__init__(message)
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class ModelMissingError(ModelCallError, ModelNotFoundError, LookupError):
    """The engine does not have the model; the message says how to get it."""


class AuthenticationError(ModelCallError, ModelAuthenticationError, PermissionError):
    """The server wants a key, or another one (HTTP 401)."""


class PermissionDeniedError(ModelCallError, ModelPermissionDeniedError, PermissionError):
    """The server knows the key but forbids the request (HTTP 403)."""


class RateLimitError(ModelCallError, ModelRateLimitError, RuntimeError):
    """The server takes no more requests now (HTTP 429)."""


class ServerError(ModelCallError, ModelAPIError, RuntimeError):
    """The engine reports a failure of its own, also in the middle of a stream."""


class ModelLoadingError(ServerError):
    """Waiting for the server to load its model timed out (HTTP 503)."""


class ConnectionFailedError(ModelCallError, ModelConnectionError, ConnectionError):
    """No server answers at the address."""


class WrongServerError(ConnectionFailedError):
    """Something answers at the address, but it does not speak the expected API."""


class StreamBrokenError(ConnectionFailedError):
    """The answer was cut, ended before its last event or holds what cannot be parsed."""


class CallTimeoutError(ModelCallError, ModelTimeoutError, TimeoutError):
    """The call took longer than its timeout."""
