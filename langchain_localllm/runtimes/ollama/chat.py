"""The chat model on Ollama; Ollama applies the model's own template and reads its tool calls."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final

from langchain_core.language_models import ModelProfile
from langchain_core.messages import BaseMessage
from typing_extensions import override

from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.content import check_parts, image_data
from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.messages import to_openai, with_parsed_arguments
from langchain_localllm.base.request import ANY_OBJECT, enforced_schema
from langchain_localllm.base.response_parser import ReadHandle, reader
from langchain_localllm.base.shown_tools import inline_tool
from langchain_localllm.base.token_stream import TokenStream
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.runtimes.ollama.answer_decoder import ChatDecoder
from langchain_localllm.runtimes.ollama.api import model_facts
from langchain_localllm.runtimes.ollama.client import OllamaModels
from langchain_localllm.runtimes.ollama.dropped_messages import whole_conversation
from langchain_localllm.runtimes.ollama.options import NOT_IN_A_COUNT, OllamaOptions
from langchain_localllm.runtimes.ollama.request import open_stream
from langchain_localllm.runtimes.ollama.token_count import count_messages, count_text

_NOT_SENT: Final = frozenset({"continue_final_message"})
_SECONDS: Final = 5.0
"""Silence after which a server is not asked any more what its model can do."""


class ChatOllama(OllamaModels, OllamaOptions, LocalChatModel):
    """A chat model on Ollama.

    It has tools, structured output, reasoning and images, if the model supports them. A forced tool
    call (`tool_choice="any"`, or a tool's name) is enforced while the answer is decoded, by a JSON
    schema.

    Example:
        >>> from langchain_localllm import ChatOllama
        >>> chat = ChatOllama(model="llama3.2", temperature=0, max_tokens=32)
        >>> chat.model
        'llama3.2'
    """

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        **OllamaOptions.UNSUPPORTED,
        "raw": "a chat is always written by the model's template. Use the text class `Ollama`.",
        "system": "begin the messages with a `SystemMessage`.",
        "template": (
            "a chat is always written by the model's template. Use the text class `Ollama`, or a "
            "Modelfile."
        ),
        "tools": "use `bind_tools`, or give them to a call.",
    }
    LOGPROBS_AS_LIST: ClassVar[bool] = True

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-ollama"

    @override
    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        if self.continue_final_message:
            raise InvalidRequestError(
                "Ollama cannot be asked to continue the last message. Leave out "
                "`continue_final_message`, or use the text class with raw=True and the model's "
                "own format."
            )
        payload = self.payload(_NOT_SENT)
        if stop:  # an empty list would replace those of the Modelfile
            payload["options"]["stop"] = stop
        payload["messages"] = _as_ollama(messages)
        tools, choice = request.get("tools", []), request.get("tool_choice")
        # of one step, with one prompt
        if tools and (choice != "none" or "response_format" in request):
            payload["tools"] = [inline_tool(tool) for tool in tools]
        schema = enforced_schema(request, several=request.get("parallel_tool_calls") is True)
        if schema is not None:
            payload["format"] = "json" if schema == ANY_OBJECT else schema
        handle = HttpHandle(self.client, open_stream(self, "/api/chat", payload), ChatDecoder(self))
        checked = whole_conversation(handle, self, payload)
        return ReadHandle(checked, reader(tools, choice, keeps_thoughts=self.keeps_thoughts))

    @override
    def token_count(self, text: str) -> int:
        return count_text(self, self.payload(NOT_IN_A_COUNT), text)

    @override
    def count_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None) -> int:
        if self.custom_get_token_ids:
            return super().count_messages(messages, tools)
        payload = self.payload(_NOT_SENT | NOT_IN_A_COUNT - {"reasoning"})
        payload["messages"] = _as_ollama(to_openai(messages))
        if tools:
            payload["tools"] = [inline_tool(tool) for tool in openai_tools(tools)]
        return count_messages(self, payload)

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        """Return what the model can do, where `validate_model_on_init` asked the server for it."""
        return self._known_profile() if self.validate_model_on_init else None

    @override
    def find_profile(self) -> ModelProfile:
        if self.facts is None:
            limits = {
                "timeout": min(self.timeout or _SECONDS, _SECONDS),
                "max_retries": 0,
                "wait_until_ready": 0,
            }
            with suppress(Exception):  # as LangChain does: a missing profile is not an error
                self.client.run(model_facts(self.with_options(limits)))
        return self._known_profile()

    def _known_profile(self) -> ModelProfile:
        """Return what every model can do here, and of this one what the server reported."""
        profile = ModelProfile(structured_output=True)
        if self.num_ctx:
            profile["max_input_tokens"] = self.num_ctx
        if (facts := self.facts) is None or facts.capabilities is None:
            return profile
        return ModelProfile(
            max_input_tokens=self.context_tokens or facts.context,
            structured_output=True,
            tool_calling="tools" in facts.capabilities,
            image_inputs="vision" in facts.capabilities,
            audio_inputs=False,  # which Ollama takes from some models, and this class refuses
            reasoning_output="thinking" in facts.capabilities,
        )


def _as_ollama(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a conversation in Ollama's form.

    Raises for parts of a message that Ollama does not accept.
    """
    check_parts(messages, ("text", "image_url"), "Ollama")
    return [_message(message) for message in with_parsed_arguments(messages)]


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message in Ollama's form.

    Text and images are apart, and thoughts and a tool's name are under other keys.
    """
    content = message.get("content") or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    converted: dict[str, Any] = {
        "role": message["role"],
        "content": "\n".join(part["text"] for part in parts if part["type"] == "text"),
    }
    if images := [image_data(part) for part in parts if part["type"] == "image_url"]:
        converted["images"] = images
    if calls := message.get("tool_calls"):
        converted["tool_calls"] = [
            {"id": call.get("id"), "function": call["function"]} for call in calls
        ]
    if (thought := message.get("reasoning_content")) is not None:
        converted["thinking"] = thought
    if message["role"] == "tool":
        named = {"tool_name": message.get("name"), "tool_call_id": message.get("tool_call_id")}
        converted |= {name: value for name, value in named.items() if value}
    return converted
