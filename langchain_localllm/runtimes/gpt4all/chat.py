"""The chat model on GPT4All; the template comes from the model file.

With the package, answers of a given form are begun by us.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from langchain_core.messages import BaseMessage
from typing_extensions import override

from langchain_localllm.base.chat_templated import Prepared, TemplatedChatModel
from langchain_localllm.base.content import check_parts
from langchain_localllm.base.local_engine.stream import WorkerHandle
from langchain_localllm.base.reasoning import ALIASES as REASONING_ALIASES
from langchain_localllm.base.reasoning import ReasoningBudgetOptions
from langchain_localllm.base.response_parser import ReadHandle
from langchain_localllm.base.token_stream import TokenStream
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.model_info.info import ModelInfo, model_info_from_file
from langchain_localllm.runtimes.gpt4all.generation import answer
from langchain_localllm.runtimes.gpt4all.options import GPT4AllOptions

_EMPTY: Final = "{}"
_OF_LLAMACPP: Final = (
    "chat_format",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "custom_get_token_ids",
    "reasoning",
)
"""Options that the class for llama.cpp has under the same names."""


class ChatGPT4All(GPT4AllOptions, ReasoningBudgetOptions, TemplatedChatModel):
    """A chat model in this process, by the gpt4all package or llama.cpp (see `backend`).

    llama.cpp is used where the package cannot load the file. llama.cpp enforces forced tool calls
    and JSON schemas while it decodes. The package cannot: such an answer is begun for the model,
    which continues from there, and what comes out is checked and may be wrong.

    Example:
        >>> from langchain_localllm import ChatGPT4All
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with ChatGPT4All(model=tiny_chat_model(), temperature=0, max_tokens=32) as chat:
        ...     answer = chat.invoke("Hello!")
        >>> answer.response_metadata["finish_reason"]
        'stop'
    """

    ALIASES: ClassVar[Mapping[str, str]] = {**GPT4AllOptions.ALIASES, **REASONING_ALIASES}
    BINDING_LACKS: ClassVar[tuple[str, ...]] = (
        *GPT4AllOptions.BINDING_LACKS,
        "reasoning_budget",
        "reasoning_budget_message",
    )
    ATTEMPTS: ClassVar[int] = 3
    LLAMACPP: ClassVar[str] = "ChatLlamaCpp"

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-gpt4all"

    @override
    def about_model(self) -> ModelInfo:
        return model_info_from_file(self.path, self.n_ctx)

    @override
    def _identifying_file(self) -> Any:
        return self.path, self.n_ctx

    @override
    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        if (model := self.on_llamacpp()) is not None:
            check_parts(messages, ("text",), self.TEXT_ONLY)
            opened: TokenStream = model.open_answer(messages, stop, request)
            return opened
        engine, prepared = self.engine, self.prepare(messages, stop, request)
        begun = _beginning(prepared)
        asked = replace(
            self.request(prepared.separated + begun, prepared.stops),
            shown=frozenset(marker.encode() for marker in prepared.markers),
            thoughts=prepared.thoughts,
        )
        handle = WorkerHandle(lambda box: engine.submit(partial(answer, asked, box)), self.timeout)
        return ReadHandle(handle, prepared.reader, prepared.begun + begun)

    @property
    @override
    def enforces_forms(self) -> bool:
        return self.on_llamacpp() is not None

    @override
    def check_form_beside_tools(self) -> None:
        if not self.enforces_forms:
            raise InvalidOptionError(
                "The gpt4all package cannot enforce a schema, so `response_format` does not work "
                "together with tools. Use backend='llamacpp' or ChatLlamaCpp, which run the same "
                "file, or LangChain's ToolStrategy(...)."
            )

    @override
    def llamacpp_options(self) -> dict[str, Any]:
        return {
            **super().llamacpp_options(),
            **{name: getattr(self, name) for name in _OF_LLAMACPP},
        }

    @override
    def count_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None) -> int:
        if (model := self.on_llamacpp()) is not None:
            count: int = model.count_messages(messages, tools)
            return count
        return super().count_messages(messages, tools)

    @override
    def reads_special_token(self, text: str) -> bool:
        vocabulary = self.engine.loaded.vocabulary
        if vocabulary is None:
            return False
        tokens = vocabulary.tokens(text)[len(vocabulary.tokens("")) :]
        return any(vocabulary.hides(token) for token in tokens)

    @override
    def count(self, prepared: Prepared) -> int:
        return len(self.token_ids(prepared.separated))


def _beginning(prepared: Prepared) -> str:
    """Return how an answer of the requested form begins, if known.

    It goes up to the value of the first key.
    """
    schema, form = prepared.schema, prepared.form
    if schema is None:
        return ""
    if form is None:
        return _first_key(schema)
    properties = schema.get("properties")
    if properties is None:  # one of several tools
        return f'{form.before}{{"name": "'
    arguments = _first_key(properties[form.arguments])
    call = (
        f'{form.before}{{"name": "{properties["name"]["const"]}", "{form.arguments}": {arguments}'
    )
    return f"{call}}}{form.after}" if arguments == _EMPTY else call


def _first_key(schema: dict[str, Any]) -> str:
    """Return the beginning of an object, or of a list."""
    kind = schema.get("type", "object")
    if kind != "object":
        return "[" if kind == "array" else ""
    if schema.get("properties"):
        return f'{{"{next(iter(schema["properties"]))}":'
    return _EMPTY if schema.get("type") == "object" and "properties" in schema else '{"'
