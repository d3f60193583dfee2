"""The chat model on llama.cpp's server; the server applies the model's own chat template."""

import functools
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Annotated, Any, ClassVar, Final, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import ModelProfile
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import PrivateAttr
from typing_extensions import override

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.base.chat import OTHER_ANSWERS, LocalChatModel
from langchain_localllm.base.chat_templated import (
    RawAnswer,
    ends_in_thoughts,
    thought_tags,
    without_thoughts,
)
from langchain_localllm.base.content import PARTS, check_parts, hold_parts
from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.messages import (
    STANDARD_ROLES,
    check_roles,
    to_openai,
    with_role_probes,
)
from langchain_localllm.base.option_roles import Connects
from langchain_localllm.base.reasoning import ALIASES as REASONING_ALIASES
from langchain_localllm.base.reasoning import ReasoningBudgetOptions
from langchain_localllm.base.request import enforced_schema
from langchain_localllm.base.response_parser import AnswerReader, ReadHandle, reader
from langchain_localllm.base.token_stream import Replay, StreamEvent, TokenStream
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.errors import (
    CallTimeoutError,
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ModelMissingError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.answer_decoder import ChatDecoder
from langchain_localllm.runtimes.llamafile.api import ask, open_stream, tokenize
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader
from langchain_localllm.runtimes.llamafile.management import LlamaServerClient
from langchain_localllm.runtimes.llamafile.options import LlamafileOptions
from langchain_localllm.runtimes.llamafile.payload import (
    as_openai,
    chat_payload,
    completion_payload,
    raw_answer_fields,
    thinking_fields,
    with_accepted_messages,
    with_enforced_call,
    with_other_names,
    with_shown_tools,
)
from langchain_localllm.runtimes.llamafile.reasoning_control import end_reasoning, note_running
from langchain_localllm.runtimes.llamafile.server_info import (
    ServerFacts,
    facts_with_context,
    server_facts,
)
from langchain_localllm.templates.conversation_forms import has_unusual_turns
from langchain_localllm.templates.server_parser import is_misparsed_by_server
from langchain_localllm.templates.thinking import ThinkSplitter, answer_markers
from langchain_localllm.templates.thinking_switch import (
    switch_variables,
    usual_variables,
    with_switch_word,
)
from langchain_localllm.transport.operations import Plan

_THINKING: Final = frozenset({"reasoning", "reasoning_budget", "reasoning_budget_message"})
_NOT_RAW: Final = _THINKING | {
    "add_generation_prompt",
    "chat_template_kwargs",
    "continue_final_message",
    "echo",
    "parallel_tool_calls",
    "reasoning_control",
    "reasoning_format",
}
"""Options that are not for an answer as the model writes it."""
_FORMS: Final = frozenset({"grammar", "json_schema", "response_format", "reasoning_format"})
"""What gives an answer a form, or names one."""
_REPLAYED: Final[ContextVar[list[StreamEvent] | None]] = ContextVar("_REPLAYED", default=None)
"""The pieces of an answer that has come already, while its result is made."""
_SECONDS: Final = 5.0
"""Silence after which a server is not asked any more what it can do."""
_UNKNOWN: Final = ServerFacts(llama_cpp=False)


class ChatLlamafile(LlamafileOptions, LlamaServerClient, ReasoningBudgetOptions, LocalChatModel):
    """A chat model on a llamafile, llama.cpp's server, or any other OpenAI-compatible server.

    Such servers are LM Studio, vLLM and others. A forced tool call (`tool_choice="any"`, or a
    tool's name) is enforced while llama.cpp decodes, by a JSON schema.

    Example:
        >>> from langchain_localllm import ChatLlamafile, LocalServer
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with LocalServer(tiny_chat_model()) as server:
        ...     chat = ChatLlamafile(base_url=server.base_url, temperature=0)
        ...     answer = chat.invoke("Hello!")
        >>> answer.response_metadata["finish_reason"]
        'stop'
    """

    validate_model_on_init: Annotated[bool, Connects] = False
    """Whether to ask the server at construction, which fails where no server answers. `profile`
    asks it when it is read first."""

    ALIASES: ClassVar[Mapping[str, str]] = {**LlamafileOptions.ALIASES, **REASONING_ALIASES}

    chat_template_kwargs: dict[str, Any] | None = None
    """Variables for the model's chat template, such as `{"enable_thinking": False}`."""
    reasoning_format: str | None = None
    """How llama.cpp's server returns thoughts: `none` leaves them in the text, `deepseek` and
    `auto` take them out."""
    reasoning_control: bool | None = None
    """Let `end_reasoning` end the thoughts of an answer while it is streamed. For llama.cpp's
    server, from 2026 on."""
    continue_final_message: bool | Literal["content", "reasoning_content"] | None = None  # type: ignore[assignment]  # wider here
    """Whether to continue the last message, an AI message, instead of answering after it: its text,
    or (`reasoning_content`) its thoughts. The result holds what comes new."""
    add_generation_prompt: bool | None = None
    """Whether the prompt ends with what begins an answer. Default: yes, and no where the last
    message is continued."""
    echo: bool | None = None
    """Begin the answer with the text of the message that is continued."""
    parallel_tool_calls: bool | None = None
    """Whether an answer may hold several tool calls. Default: the server's; llama.cpp's allows one
    unless this is `True`."""

    _owner: str = PrivateAttr(default_factory=lambda: uuid.uuid4().hex)
    """Whose answers are its own; copies share it."""

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        if self.validate_model_on_init:
            self.client.run(facts_with_context(self, self._facts))

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        """Return what the server can do, where `validate_model_on_init` asked it."""
        return self._known_profile() if self.validate_model_on_init else None

    @override
    def find_profile(self) -> ModelProfile:
        facts = self._facts.get((self.base_url, self.model))
        if facts is None or (facts.context is None and not facts.llama_cpp):
            limits = {
                "timeout": min(self.timeout or _SECONDS, _SECONDS),
                "max_retries": 0,
                "wait_until_ready": 0,
            }
            with suppress(Exception):  # as LangChain does: a missing profile is not an error
                self.client.run(facts_with_context(self.with_options(limits), self._facts))
        return self._known_profile()

    def _known_profile(self) -> ModelProfile:
        return _profile_of(self._facts.get((self.base_url, self.model), _UNKNOWN))

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-llamafile"

    @override
    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        payload = self._payload(messages, stop, request)
        client = self.client
        forced = request.get("tool_choice") == "required"
        schema = (
            enforced_schema(request, several=payload.get("parallel_tool_calls") is True)
            if forced
            else None
        )
        keeps = self.keeps_thoughts
        splits = self.reasoning_format != "none" or not keeps
        answer = reader(
            request.get("tools", ()),
            request.get("tool_choice"),
            keeps_thoughts=keeps,
            splits_thoughts=splits,
        )
        if (events := _REPLAYED.get()) is not None:
            return ReadHandle(Replay(events), answer)
        decoder = ChatDecoder(ErrorReader(client.address.url), answer_count=self.n or 1)
        if self.reasoning_control:
            note_running(decoder, self._owner)
        return ReadHandle(
            HttpHandle(client, self._opening(payload, schema, answer, decoder), decoder), answer
        )

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._with_other_answers(
            super()._generate(messages, stop, run_manager, **kwargs), messages, stop, kwargs
        )

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        result = await super()._agenerate(messages, stop, run_manager, **kwargs)
        return self._with_other_answers(result, messages, stop, kwargs)

    def _with_other_answers(
        self,
        result: ChatResult,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
    ) -> ChatResult:
        """Return a result with all answers, where several were asked for.

        Those after the first are read from memory.
        """
        for events in (result.generations[0].generation_info or {}).pop(OTHER_ANSWERS, ()):
            token = _REPLAYED.set(events)
            try:
                result.generations += super()._generate(messages, stop, **kwargs).generations
            finally:
                _REPLAYED.reset(token)
        return result

    def _payload(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            **chat_payload(self.payload(_THINKING), messages, stop, request),
            **(self.extra_body or {}),
        }

    def _opening(
        self,
        payload: dict[str, Any],
        schema: dict[str, Any] | None,
        answer: AnswerReader,
        decoder: ChatDecoder,
    ) -> Plan[Any]:
        """Send the request, in the way of the server: which one it is, is asked once.

        Args:
            payload: The body.
            schema: What the call has to follow, where one is required.
            answer: Parses the answer.
            decoder: Decodes it.
        """
        images = hold_parts(payload["messages"], "image_url")
        roles = {message["role"] for message in payload["messages"]} - STANDARD_ROLES
        files = hold_parts(payload["messages"], "file")
        facts = _UNKNOWN
        if schema or images or roles or files or self._switches_thinking:
            facts = yield from server_facts(self, self._facts)
        elif (
            payload.keys() & {"tools", "json_schema", "repeat_penalty"}
            or self.chat_template_kwargs
            or self._facts
            or has_unusual_turns(payload["messages"])
            or any("tool_calls" in message for message in payload["messages"])
        ):  # a plain chat costs one request
            facts = yield from self._facts_if_reported()
        if self._switches_thinking:
            payload = self._with_thinking(payload, facts)
        if files and facts.llama_cpp:
            check_parts(payload["messages"], PARTS.keys() - {"file"}, "llama.cpp's server")
        if roles and facts.llama_cpp:
            yield from self._check_roles(payload["messages"])
        if images and facts.sees is False:
            raise InvalidRequestError(
                f"The model at {self.base_url} does not support images. Start the server with its "
                "`--mmproj`."
            )
        if facts.llama_cpp:
            payload = with_accepted_messages(payload, facts.template)
            payload = with_shown_tools(payload, facts.template, payload.get("tools", ()))
        else:
            payload = with_other_names(payload)
        if schema and facts.llama_cpp:
            payload = with_enforced_call(payload, schema)
        elif self._is_opened_raw(payload, facts) and (
            prompt := (yield from self._rendered(payload))
        ):
            return (yield from self._open_raw(payload, prompt, facts, answer, decoder))
        return (yield from open_stream(self, "/v1/chat/completions", payload, decoder.read_error))

    def _facts_if_reported(self) -> Plan[ServerFacts]:
        """Ask what the server is.

        One that does not say it, such as a proxy for chats only, is not llama.cpp's.
        """
        try:
            return (yield from server_facts(self, self._facts))
        except (ModelLoadingError, CallTimeoutError):
            raise
        except ModelCallError:
            return _UNKNOWN

    def _is_opened_raw(self, payload: dict[str, Any], facts: ServerFacts) -> bool:
        """Return whether the answer is parsed here.

        It is where the server would lose a part of it, or would begin it with white space. With
        tools, the server's grammar of a schema allows any white space before the object, and small
        models write much of it.
        """
        if (
            not facts.llama_cpp
            or (self.n or 1) > 1
            or any(hold_parts(payload["messages"], part) for part in PARTS.keys() - {"text"})
        ):
            return False
        forms = _FORMS & payload.keys()
        if (
            forms == {"response_format"}
            and payload.get("tools")
            and payload.get("tool_choice") == "none"
        ):
            return bool(payload["response_format"]["type"] == "json_schema")
        return not forms and is_misparsed_by_server(facts.template)

    def _open_raw(
        self,
        payload: dict[str, Any],
        prompt: str,
        facts: ServerFacts,
        answer: AnswerReader,
        decoder: ChatDecoder,
    ) -> Plan[Any]:
        """Ask for an answer as the model writes it, and have it parsed here."""
        markers = answer_markers(facts.template)
        thinking = ends_in_thoughts(prompt, markers, continues=bool(self.continue_final_message))
        form = payload.get("response_format")
        if thinking and (self.budget == 0 or form):
            prompt, thinking = without_thoughts(prompt, markers), False
        tools = payload.get("tools", ()) if payload.get("tool_choice") != "none" else ()
        raw = RawAnswer.of(
            facts.template,
            prompt,
            functools.partial(ThinkSplitter, markers, inside=thinking),
            tools,
        )
        answer.parse(raw.splitter(), raw.calls(), raw.begun)
        decoder.tracker = raw.tracker(self.budget)
        wanted = form["json_schema"]["schema"] if form else None
        body = as_openai(
            completion_payload(self.payload(_NOT_RAW), prompt, payload["stop"], wanted)
        )
        body |= raw_answer_fields(
            raw.markers, self.budget, self.budget_message, thought_tags(facts.template)
        )
        return (
            yield from open_stream(
                self, "/v1/completions", {**body, **(self.extra_body or {})}, decoder.read_error
            )
        )

    @property
    def _switches_thinking(self) -> bool:
        return self.reasoning is not None or self.budget is not None

    def _with_thinking(self, payload: dict[str, Any], facts: ServerFacts) -> dict[str, Any]:
        """Return the body with the fields that switch and limit thinking.

        They have the names of the model's template, if known.
        """
        variables = (
            switch_variables(facts.template, self.reasoning, self.budget)
            if facts.template
            else {}
            if self.reasoning is None
            else usual_variables(self.reasoning)
        )
        fields: dict[str, Any] = {}
        if variables := {**variables, **(self.chat_template_kwargs or {})}:
            fields["chat_template_kwargs"] = variables
        if isinstance(self.reasoning, str):
            fields["reasoning_effort"] = variables.get("reasoning_effort", self.reasoning)
        elif self.reasoning is False and not facts.llama_cpp:
            fields["reasoning_effort"] = "none"  # LM Studio and Ollama read no variables
        if facts.llama_cpp:
            fields |= thinking_fields(
                self.budget, self.budget_message, thought_tags(facts.template)
            )
            fields["messages"] = with_switch_word(
                facts.template, payload["messages"], self.reasoning
            )
        elif self.reasoning_budget is not None:
            raise InvalidOptionError(
                f"The server at {self.base_url} is not llama.cpp's, and is not known to limit "
                "thinking. Leave out `reasoning_budget`, or send the server's own field by "
                "`extra_body`."
            )
        return {**payload, **fields, **(self.extra_body or {})}

    def end_reasoning(self) -> int:
        """End the thoughts of this object's current answers, which continue with their text.

        Call it between two chunks of a stream, or from another thread. The calls need
        `reasoning_control=True`.

        Returns:
            Of how many answers the server ended the thoughts. It is 0 where none is thinking any
            more.

        Raises:
            WrongServerError: The server has no such path: it is older, or not llama.cpp's.
        """
        return self.client.run(end_reasoning(self, self._owner))

    async def aend_reasoning(self) -> int:
        """As `end_reasoning`, without blocking the event loop."""
        return await self.client.arun(end_reasoning(self, self._owner))

    @override
    def count_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None) -> int:
        """Return how many tokens the model's template makes of the messages and tools.

        llama.cpp's server shows this prompt, and counts one with images. Other servers count it by
        vLLM's `/tokenize`, or, as older ones, in a call for one token, which reads the prompt. With
        `custom_get_token_ids`, and on a server that reports no counts, the texts are counted
        without the template, and LangChain warns that it ignores `tools`.
        """
        if not self.custom_get_token_ids:
            conversation = to_openai(messages, continue_final=self.continue_final_message or False)
            payload = self._payload(
                conversation, [], {"tools": openai_tools(tools)} if tools else {}
            )
            if prompt := self.client.run(self._prompt_of(payload)):
                return len(self.client.run(tokenize(self, prompt, special=True)))
            if count := self.client.run(self._reported_count(payload)):
                return count
        return super().count_messages(messages, tools)

    def _reported_count(self, payload: dict[str, Any]) -> Plan[int | None]:
        """Ask the server how many tokens the prompt of a body has.

        `None` where it does not report that.
        """
        facts = yield from server_facts(self, self._facts)
        body = self._with_thinking(payload, facts) if self._switches_thinking else payload
        if facts.llama_cpp:  # since 2026 it counts a prompt with images, and generates nothing
            with suppress(ModelCallError):
                counted = yield from ask(self, "POST", "/v1/chat/completions/input_tokens", body)
                if (
                    isinstance(counted, dict)
                    and isinstance(count := counted.get("input_tokens"), int)
                    and count > 0
                ):
                    return count
        else:
            asked: dict[str, Any] = {
                name: body[name]
                for name in ("messages", "tools", "chat_template_kwargs")
                if name in body
            }
            with suppress(ModelCallError):
                counted = yield from ask(
                    self, "POST", "/tokenize", {**asked, "add_generation_prompt": True}
                )
                if (
                    isinstance(counted, dict)
                    and isinstance(count := counted.get("count"), int)
                    and count > 0
                ):
                    return count
        one = {name: value for name, value in body.items() if name != "stream_options"} | {
            "max_tokens": 1,
            "stream": False,
        }
        try:
            answer = yield from ask(self, "POST", "/v1/chat/completions", one)
            return int(answer["usage"]["prompt_tokens"])
        except ContextLengthError as error:
            return error.prompt_tokens
        except (ModelCallError, ValueError, *UNREADABLE):
            return None

    def _prompt_of(self, payload: dict[str, Any]) -> Plan[str | None]:
        """Ask for the prompt that the server makes of a body.

        `None` where it does not show it, or an image is part of it.
        """
        facts = yield from server_facts(self, self._facts)
        if not facts.llama_cpp or hold_parts(payload["messages"], "image_url"):
            return None
        payload = self._with_thinking(payload, facts) if self._switches_thinking else payload
        payload = with_accepted_messages(payload, facts.template)
        payload = with_shown_tools(payload, facts.template, payload.get("tools", ()))
        return (yield from self._rendered(payload))

    def _rendered(self, payload: dict[str, Any]) -> Plan[str | None]:
        """Ask llama.cpp's server for the prompt that it makes of a body.

        `None` where it has no such path.
        """
        try:
            answer = yield from ask(self, "POST", "/apply-template", payload)
        except (
            WrongServerError,
            InvalidRequestError,
            ModelMissingError,
        ):  # an older llamafile has no such path
            return None
        prompt = answer.get("prompt") if isinstance(answer, dict) else None
        return prompt if isinstance(prompt, str) else None

    def _check_roles(self, messages: list[dict[str, Any]]) -> Plan[None]:
        """Raise for a role that the model's template leaves out.

        Llama.cpp's server would do so without an error.
        """
        probed, probes = with_role_probes(messages)
        answer = yield from ask(self, "POST", "/apply-template", {"messages": probed})
        check_roles(probes, str(answer.get("prompt", "")), f"the model at {self.base_url}")


@functools.lru_cache(64)
def _profile_of(facts: ServerFacts) -> ModelProfile:
    """Return what a server can do.

    Of one that is not llama.cpp's only that it takes JSON schemas, and its context if known.
    """
    profile = (
        ModelProfile(
            tool_calling=bool(facts.tools) and facts.structured_output,
            structured_output=facts.structured_output,
            image_inputs=bool(facts.sees),
            audio_inputs=bool(facts.audio),
            video_inputs=bool(facts.video),
            reasoning_output=thought_tags(facts.template) is not None,
        )
        if facts.llama_cpp
        else ModelProfile(structured_output=True)
    )
    if facts.context:
        profile["max_input_tokens"] = facts.context
    return profile
