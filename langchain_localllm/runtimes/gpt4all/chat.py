"""The chat model on GPT4All; the template comes from the model file, and answers of a given form are begun by us."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from typing_extensions import override

from langchain_localllm.base.about import About, about_file
from langchain_localllm.base.engine import Handle
from langchain_localllm.base.reading import ReadHandle
from langchain_localllm.base.reasoning import no_budget
from langchain_localllm.base.templated import Prepared, TemplatedChatModel
from langchain_localllm.base.worker import WorkerHandle
from langchain_localllm.runtimes.gpt4all.answers import answer
from langchain_localllm.runtimes.gpt4all.options import GPT4AllOptions

_EMPTY: Final = "{}"


class ChatGPT4All(GPT4AllOptions, TemplatedChatModel):
    """A chat model on GPT4All, in this process.

    Its engine cannot bind an answer to a form. So a forced tool call, or an answer for a JSON schema, is begun for the model, which
    goes on from there; what comes out is checked, and may be wrong. `ChatLlamaCpp` enforces it, with the same file.

    Example:
        >>> from langchain_localllm import ChatGPT4All
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with ChatGPT4All(model=tiny_chat_model(), temperature=0, max_tokens=32) as chat:
        ...     answer = chat.invoke("Hello!")
        >>> answer.response_metadata["finish_reason"]
        'stop'
    """

    ALIASES: ClassVar[Mapping[str, str]] = {**GPT4AllOptions.ALIASES, "reasoning_effort": "reasoning", "think": "reasoning"}
    UNABLE: ClassVar[Mapping[str, str]] = {**GPT4AllOptions.UNABLE, **no_budget("GPT4All's engine")}
    ATTEMPTS: ClassVar[int] = 3

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-gpt4all"

    @override
    def about_model(self) -> About:
        return about_file(self.path, self.n_ctx)

    @override
    def _identifying_file(self) -> Any:
        return self.path, self.n_ctx

    @override
    def open_answer(self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]) -> Handle:
        engine, prepared = self.engine, self.prepare(messages, stop, request)
        begun = _beginning(prepared)
        asked = replace(
            self.request(prepared.separated + begun, prepared.stops),
            shown=frozenset(marker.encode() for marker in prepared.markers),
            thoughts=prepared.thoughts,
        )
        handle = WorkerHandle(lambda box: engine.submit(partial(answer, asked, box)), self.timeout)
        return ReadHandle(handle, prepared.reader, prepared.begun + begun)

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
    """How an answer of the form begins that was asked for, as far as that is known: up to the value of the first key."""
    schema, form = prepared.schema, prepared.form
    if schema is None:
        return ""
    if form is None:
        return _first_key(schema)
    properties = schema.get("properties")
    if properties is None:  # one of several tools
        return f'{form.before}{{"name": "'
    arguments = _first_key(properties[form.arguments])
    call = f'{form.before}{{"name": "{properties["name"]["const"]}", "{form.arguments}": {arguments}'
    return f"{call}}}{form.after}" if arguments == _EMPTY else call


def _first_key(schema: dict[str, Any]) -> str:
    """The beginning of an object, or of a list."""
    kind = schema.get("type", "object")
    if kind != "object":
        return "[" if kind == "array" else ""
    if schema.get("properties"):
        return f'{{"{next(iter(schema["properties"]))}":'
    return _EMPTY if schema.get("type") == "object" and "properties" in schema else '{"'
