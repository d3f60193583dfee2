"""The chat model on llama.cpp in this process; the template comes from the model file."""

import json
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

from langchain_core.language_models import ModelProfile
from langchain_core.messages import BaseMessage
from pydantic import BeforeValidator, Field
from typing_extensions import override

from langchain_localllm.base.chat_templated import Prepared, TemplatedChatModel, thought_tags
from langchain_localllm.base.content import check_parts
from langchain_localllm.base.local_engine.stream import ResponseQueue, WorkerHandle
from langchain_localllm.base.messages import check_roles, to_openai, with_role_probes
from langchain_localllm.base.reasoning import ALIASES as REASONING_ALIASES
from langchain_localllm.base.reasoning import ReasoningBudgetOptions
from langchain_localllm.base.request import enforced_schema
from langchain_localllm.base.response_parser import AnswerReader, ReadHandle
from langchain_localllm.base.special_tokens import Separated
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.base.tool_arguments import parameters_of
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError
from langchain_localllm.gguf.companion_files import projector_inputs
from langchain_localllm.model_info.info import ModelInfo, model_info_from_file
from langchain_localllm.runtimes.llamacpp.options import LlamaCppOptions, PathText
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.unread_answers import ContinuedWhereUnread, Given, Rest
from langchain_localllm.templates.call_frames import CallFrame
from langchain_localllm.templates.conversation_forms import with_accepted_turns
from langchain_localllm.templates.harmony import is_harmony
from langchain_localllm.templates.server_parser import is_misparsed_by_server
from langchain_localllm.templates.thinking import ThinkSplitter, answer_markers
from langchain_localllm.templates.thinking_switch import with_switch_word
from langchain_localllm.templates.tool_calls import JSON, ToolCallParser, tool_format


def _projector_of(value: Any) -> Any:
    """Return the file that a chat handler of llama-cpp-python names.

    A path is returned as it is.
    """
    path = getattr(value, "clip_model_path", value)
    if not isinstance(path, str | os.PathLike | None):
        raise InvalidOptionError(
            "Of a `chat_handler`, only the projector's file is used, and this one has none: leave "
            "it out. The chat template comes from the model's file."
        )
    return path


class ChatLlamaCpp(LlamaCppOptions, ReasoningBudgetOptions, TemplatedChatModel):
    """A chat model from a GGUF file, by llama.cpp in this process.

    The file is loaded when the object is made, once for all objects with the same file and
    settings. Forced tool calls and JSON schemas are enforced while the answer is decoded, by a
    grammar.

    Example:
        >>> from langchain_localllm import ChatLlamaCpp
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with ChatLlamaCpp(model_path=tiny_chat_model(), temperature=0, max_tokens=32) as chat:
        ...     answer = chat.invoke("Hello!")
        >>> answer.response_metadata["finish_reason"]
        'stop'
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        **LlamaCppOptions.ALIASES,
        **REASONING_ALIASES,
        "chat_handler": "mmproj_path",
        "clip_model_path": "mmproj_path",
        "mmproj": "mmproj_path",
    }
    REMOVED: ClassVar[Mapping[str, str]] = {
        **{
            name: advice
            for name, advice in LlamaCppOptions.REMOVED.items()
            if name not in {"chat_format", "chat_handler"}
        },
        "echo": "a chat model's answer never begins with the prompt. LlamaCpp has `echo`.",
        "suffix": "a chat model does not fill gaps in a text. LlamaCpp has `suffix`.",
    }

    TEXT_ONLY: ClassVar[str] = "this model without a projector (`mmproj_path`)"

    mmproj_path: Annotated[PathText | None, BeforeValidator(_projector_of)] = None
    """The projector of a vision model, as a GGUF file; it often has `mmproj` in its name."""
    image_min_tokens: int | None = Field(default=None, ge=1)
    """Tokens that an image takes at least, about, where the projector takes images of any size.
    Default: the projector's."""
    image_max_tokens: int | None = Field(default=None, ge=1)
    """The most tokens per image, approximately; fewer are faster, and show less."""

    @property
    @override
    def takes_images(self) -> bool:
        return self.mmproj_path is not None

    @override
    def _resolve_model_profile(self) -> ModelProfile:
        profile = super()._resolve_model_profile()
        if self.mmproj_path is not None:
            profile["image_inputs"], profile["audio_inputs"] = projector_inputs(self.mmproj_path)
        return profile

    @property
    @override
    def can_think_first(self) -> bool:
        return not self._on_server  # llama.cpp's server enforces a grammar from the first token on

    @property
    @override
    def constrained(self) -> bool:
        return any(form is not None for form in (self.grammar, self.grammar_path, self.json_schema))

    @override
    def loading_key(self) -> Hashable:
        key = super().loading_key()
        key = (key, repr(self._projector())) if self.mmproj_path else key
        return (key, template) if self._on_server and (template := self._other_template()) else key

    @override
    def engine_settings(self) -> EngineSettings:
        template = self._other_template() if self._on_server else None
        return replace(
            super().engine_settings(), projector=self._projector(), chat_template=template
        )

    def _projector(self) -> tuple[Path, dict[str, Any]] | None:
        if self.mmproj_path is None:
            return None
        path = Path(self.mmproj_path).expanduser().absolute()
        threads = self.n_threads_batch or self.n_threads or self._default_threads(path)
        sizes = {
            name: size
            for name in ("image_min_tokens", "image_max_tokens")
            if (size := getattr(self, name)) is not None
        }
        return path, {"n_threads": threads, "use_gpu": bool(self.n_gpu_layers), **sizes}

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-llamacpp"

    @override
    def about_model(self) -> ModelInfo:
        return model_info_from_file(self._path, self.n_ctx if isinstance(self.n_ctx, int) else None)

    @override
    def _identifying_file(self) -> Any:
        return self._path, self.n_ctx

    @override
    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        if self._on_server:
            return self._open_on_server(messages, stop, _without_refused_tools(request))
        from langchain_localllm.runtimes.llamacpp.request import Request, Thinking

        prepared = self.prepare(messages, stop, request)
        sampling = self.sampling()
        if prepared.schema is not None:
            sampling = replace(sampling, grammar=_grammar(prepared))
        elif prepared.frame is not None:
            sampling = replace(sampling, **_begun_calls(prepared.frame, request))

        engine = self.engine

        def submit(box: ResponseQueue) -> None:
            tokens, images = _read(engine, prepared)
            asked = Request(
                tokens,
                sampling,
                stops=prepared.stops,
                max_tokens=self.max_tokens,
                logprobs=self.logprobs,
                cache_prompt=self.cache_prompt,
                draft=self.draft(),
                lora=self.lora_scales(),
                images=images,
                shown=engine.model.special_token_ids(prepared.markers),
                thinking=Thinking(
                    prepared.thoughts,
                    engine.model.tokenize(prepared.closing, begin=False),
                    engine.model.tokenize(prepared.bridge, begin=False) if prepared.bridge else (),
                ),
            )
            engine.submit(asked, box)

        return ReadHandle(
            WorkerHandle(submit, self.timeout, slow=bool(prepared.images)),
            prepared.reader,
            prepared.begun,
        )

    def _open_on_server(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        """Have llama.cpp's server render the template and parse the answer.

        It parses thoughts and calls too.
        """
        from langchain_localllm.runtimes.llamafile.payload import with_enforced_call

        options = self.payload()
        if "grammar" in options or ("json_schema" not in options and self._is_misparsed(request)):
            return self._open_rendered_here(options, messages, stop, request)
        if (
            self._is_form_beside_tools(request)
            and not self.takes_images
            and "json_schema" not in options
        ):
            return self._open_rendered_here(options, messages, stop, request)
        if not self.takes_images:
            check_parts(messages, ("text",), self.TEXT_ONLY)
        probed, probes = with_role_probes(messages)
        if probes:  # the server would leave a role out without an error
            check_roles(probes, self.engine.render({"messages": probed}), self.about().source)
        payload = self._chat_payload(options, messages, stop, request)
        forced = payload.get("tool_choice") == "required"
        source = self.template().source
        form = JSON if forced else tool_format(source)
        tools = [] if payload.get("tool_choice") == "none" else payload.get("tools", [])
        # of calls that the server leaves in the text
        calls = ToolCallParser(form, parameters_of(tools)) if tools else None
        schema = (
            enforced_schema(request, several=request.get("parallel_tool_calls") is True)
            if forced
            else None
        )
        submit = partial(
            self.engine.chat, with_enforced_call(payload, schema) if schema else payload
        )
        # what the server leaves in the text
        thoughts = None if is_harmony(source) else ThinkSplitter(answer_markers(source))
        reader = AnswerReader(thoughts, calls, keeps_thoughts=self.keeps_thoughts)
        handle = ReadHandle(WorkerHandle(submit, self.timeout), reader)
        if forced or "tools" not in payload:
            return handle
        return ContinuedWhereUnread(
            handle, partial(self._continue_unread, options, messages, stop, request)
        )

    def _continue_unread(
        self,
        options: dict[str, Any],
        messages: list[dict[str, Any]],
        stop: list[str],
        request: dict[str, Any],
        given: Given,
    ) -> Rest | None:
        """Continue an answer that the server could not read.

        The model continues from the received text, which is parsed here.
        """
        prepared = self.prepare(messages, stop, request)
        if prepared.images or given.has_calls:
            return None
        begin = given.text.rstrip()  # a token may hold the white space and what follows it
        if given.reasoning and (tags := thought_tags(self.template().source)):
            begin = (
                ("" if prepared.begun else tags[0])
                + given.reasoning
                + (tags[1] + begin if begin else "")
            )
        tokens = len(self.engine.tokenize(begin, begin=False)) if begin else 0
        if options.get("n_predict", -1) > 0:
            options = {**options, "n_predict": max(1, options["n_predict"] - tokens)}
        for _ in prepared.reader.read(StreamEvent(prepared.begun + begin)):
            pass  # it has come
        prepared.thoughts.add(begin)
        handle = self._complete(
            options, replace(prepared, prompt=prepared.prompt + begin, begun="")
        )
        return Rest(handle, tokens, after_space=given.text != given.text.rstrip())

    def _is_misparsed(self, request: dict[str, Any]) -> bool:
        """Return whether llama.cpp's server loses a part of this model's output, or fails at it."""
        if (
            request.get("tool_choice") == "required"
            or "response_format" in request
            or self.takes_images
        ):
            return False
        return is_misparsed_by_server(self.template().source)

    @staticmethod
    def _is_form_beside_tools(request: dict[str, Any]) -> bool:
        """Return whether the server's grammar allows any white space before the object.

        It does so where a schema comes with tools.
        """
        return (
            bool(request.get("tools"))
            and request.get("tool_choice") == "none"
            and "response_format" in request
        )

    def _open_rendered_here(
        self,
        options: dict[str, Any],
        messages: list[dict[str, Any]],
        stop: list[str],
        request: dict[str, Any],
    ) -> TokenStream:
        """Render the template and read the answer ourselves.

        The server refuses a grammar with tools, and raises where an answer is not written as it
        expects of the model's family.
        """
        prepared = self.prepare(messages, stop, request)
        if prepared.images:
            raise InvalidRequestError(
                "The backend xllamacpp does not accept a grammar with images. Use "
                "`json_schema` instead."
            )
        return self._complete(options, prepared)

    def _complete(self, options: dict[str, Any], prepared: Prepared) -> TokenStream:
        from langchain_localllm.runtimes.llamafile.payload import (
            completion_payload,
            raw_answer_fields,
        )

        form = None if "grammar" in options else prepared.schema
        payload = completion_payload(options, prepared.separated, prepared.stops, form)
        tags = None if "grammar" in options else thought_tags(self.template().source)
        payload |= raw_answer_fields(prepared.markers, self.budget, self.budget_message, tags)
        submit = partial(self.engine.complete, payload, thoughts=prepared.thoughts)
        return ReadHandle(WorkerHandle(submit, self.timeout), prepared.reader, prepared.begun)

    def _chat_payload(
        self,
        options: dict[str, Any],
        messages: list[dict[str, Any]],
        stop: list[str],
        request: dict[str, Any],
    ) -> dict[str, Any]:
        from langchain_localllm.runtimes.llamafile.payload import (
            chat_payload,
            thinking_fields,
            with_shown_tools,
        )

        text = Separated(self.reads_special_token)
        tools = request.get("tools", [])
        shown = with_accepted_turns(self._template_for(tools), messages)
        messages = [text.put(message, self.kept_tokens(message["role"])) for message in shown]
        source = self.template().source
        payload = chat_payload(
            options, with_switch_word(source, messages, self.reasoning), stop, request
        )
        if "tools" in payload:
            # the server's grammar allows one call of many families otherwise
            payload.setdefault("parallel_tool_calls", True)
        if thought_tags(source) or self.reasoning is not None or self.budget is not None:
            payload |= thinking_fields(self.budget, self.budget_message, thought_tags(source))
        if variables := self.template_variables(source):
            payload["chat_template_kwargs"] = variables
        if self.continue_final_message:
            payload |= {"continue_final_message": True, "add_generation_prompt": False}
        return with_shown_tools(payload, self._template_for(tools).source, tools)

    def _other_template(self) -> str | None:
        return (
            self.template().source
            if self.chat_format is not None or self.chat_template is not None
            else None
        )

    @override
    def count_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None) -> int:
        if not self._on_server or self.custom_get_token_ids:
            return super().count_messages(messages, tools)
        conversation = to_openai(messages, continue_final=bool(self.continue_final_message))
        request = {"tools": openai_tools(tools)} if tools else {}
        payload = self._chat_payload({}, conversation, [], request)
        # only reading an image says how many it has
        if any(isinstance(message.get("content"), list) for message in conversation):
            *_, last = WorkerHandle(
                partial(self.engine.chat, {**payload, "max_tokens": 1}), self.timeout
            ).events()
            return (last.finish and last.finish.prompt_tokens) or 0
        return len(self.engine.tokenize(self.engine.render(payload)))

    @override
    def count(self, prepared: Prepared) -> int:
        from langchain_localllm.runtimes.llamacpp.request import Request

        tokens, images = _read(self.engine, prepared)
        return Request(tokens, images=images).tokens()

    @override
    def reads_special_token(self, text: str) -> bool:
        special: bool = (self.engine if self._on_server else self.engine.model).reads_special_token(
            text
        )
        return special

    @override
    def token_ids(self, text: str) -> list[int]:
        return self.tokens_of(text)


def _without_refused_tools(request: dict[str, Any]) -> dict[str, Any]:
    """Return the request without tools that may not be called: the model would call them.

    They stay with a form of the answer, where both steps of a conversation have one prompt.
    """
    if request.get("tool_choice") != "none" or "response_format" in request:
        return request
    left_out = {"tools", "tool_choice", "parallel_tool_calls"}
    return {name: value for name, value in request.items() if name not in left_out}


def _read(engine: Any, prepared: Prepared) -> tuple[list[int], Sequence[Any]]:
    """Return the tokens and the images of a prompt."""
    if not prepared.images:
        return engine.model.tokenize_parts(prepared.parts()), ()
    prompt = engine.read(prepared.parts())
    return prompt.tokens, prompt.images


def _begun_calls(frame: CallFrame, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the grammar of what follows the beginning of a call.

    It makes calls valid that the model begins unasked.
    """
    from langchain_localllm.runtimes.llamacpp.json_schema_to_grammar import begun_calls_grammar

    functions = [tool["function"] for tool in request["tools"]]
    several = request.get("parallel_tool_calls") is not False
    grammar = begun_calls_grammar(frame, json.dumps(functions, sort_keys=False), several=several)
    names = [function["name"] for function in functions]
    return {"grammar": grammar, "grammar_after": frame.pattern(names)} if grammar else {}


def _grammar(prepared: Prepared) -> str:
    """Return the grammar of an answer; a forced call is enclosed in the model's own markers."""
    from langchain_localllm.runtimes.llamacpp.json_schema_to_grammar import (
        call_grammar,
        grammar_text,
    )

    schema, form = prepared.schema or {}, prepared.form
    if form is None:
        return grammar_text(schema)
    return call_grammar(schema, form.before, form.after, several=prepared.several)
