"""Validate what clients send: a conversation, or texts to embed."""

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from langchain_localllm.web.openai_api.errors import APIError

SOURCES: Final = "\n\nSources:\n"
"""What begins the list of sources after an answer; it is cut from the answers that a client sends
back."""
UNSUPPORTED: Final = " [?]"
"""What follows a sentence that the documents do not support; it is cut from them too."""
MOST_TEXTS: Final = 2048
"""Texts in one request for embeddings, as with OpenAI."""
_SOURCES_LIST: Final = re.compile(rf"{re.escape(SOURCES)}(?:\[\d+\] [^\n]*\n?)+\Z")
_NEUTRAL: Final[dict[str, Any]] = {
    "n": 1,
    "logprobs": False,
    "stream": None,
    "user": None,
    "store": False,
}
_ROLES: Final = {"user": "human", "assistant": "ai"}


class Message(BaseModel):
    """A message of a conversation.

    Instructions and results of tools are not used, since answers come from the documents alone.
    """

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text.

        Raises:
            APIError: It has an image, audio or a file.
        """
        if not isinstance(self.content, list):
            return _valid(self.content or "")
        for part in self.content:
            if part.get("type") not in {"text", "refusal"}:
                raise APIError(
                    400,
                    f"A message has a part of type {part.get('type')!r}; only texts are read.",
                    param="messages",
                )
        return _valid("\n".join(str(part.get("text") or "") for part in self.content))


class StreamOptions(BaseModel):
    """How an answer is streamed."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A request for an answer. Parameters that are not listed here have no effect."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    n: int | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens of the answer."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        """Texts that end the answer."""
        return [
            each
            for each in ([self.stop] if isinstance(self.stop, str) else self.stop or [])
            if each
        ]

    @property
    def ignored(self) -> list[str]:
        """The parameters that were sent and have no effect."""
        extra = self.model_extra or {}
        return sorted(
            name
            for name, value in extra.items()
            if value is not None and value != _NEUTRAL.get(name)
        )

    def check(self) -> None:
        """Refuse what would have to change the answer and cannot.

        Raises:
            APIError: Several answers, a certain form, or a call of a tool are wanted.
        """
        if self.n not in {None, 1}:
            raise APIError(400, "n: one answer is made for each request.", param="n")
        if self.tool_choice not in (None, "auto", "none"):
            raise APIError(
                400,
                "tool_choice: answers come from the documents, and tools are not called.",
                param="tool_choice",
            )
        if self.response_format and self.response_format.get("type") != "text":
            raise APIError(
                400, "response_format: answers are texts with citations.", param="response_format"
            )

    def question(self) -> dict[str, Any]:
        """Return the last message and the conversation before it, as `LocalRAG` takes them.

        Raises:
            APIError: The last message is not a question of the user.
        """
        *before, last = self.messages
        if last.role != "user" or not last.text.strip():
            raise APIError(
                400,
                "The last message must be of the role user, and have a question.",
                param="messages",
            )
        history = [
            (_ROLES[each.role], _without_sources(each.text))
            for each in before
            if each.role in _ROLES and each.text.strip()
        ]
        return {"question": last.text, "chat_history": history}


class EmbeddingRequest(BaseModel):
    """A request for vectors."""

    input: str | list[Any]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None

    def texts(self) -> list[str]:
        """Return the texts.

        Raises:
            APIError: There are none, too many, or they are tokens.
        """
        texts = [self.input] if isinstance(self.input, str) else self.input
        if any(not isinstance(text, str) for text in texts):
            advice = (
                "OpenAIEmbeddings of LangChain sends texts with check_embedding_ctx_length=False"
            )
            raise APIError(
                400,
                (
                    "input: only texts are embedded here, since token numbers differ between "
                    f"models; {advice}."
                ),
                param="input",
            )
        if not 0 < len(texts) <= MOST_TEXTS:
            raise APIError(
                400,
                f"input: 1 to {MOST_TEXTS} texts can be embedded at once, not {len(texts)}.",
                param="input",
            )
        return [_valid(text) for text in texts]


def _valid(text: str) -> str:
    """Return a text that can be encoded: lone surrogates, which JSON may hold, are replaced."""
    return text.encode(errors="replace").decode()


def _without_sources(answer: str) -> str:
    r"""Return an answer without its list of sources and its marks of unsupported sentences.

    Example:
        >>> _without_sources("It is blue [1]. It flies. [?]\n\nSources:\n[1] boats.md, line 3")
        'It is blue [1]. It flies.'
    """
    return _SOURCES_LIST.sub("", answer).replace(UNSUPPORTED, "")
