"""Chat with engines that only complete text.

The model's chat template is rendered here, and tool calls are parsed from the answer.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from langchain_core.language_models import ModelProfile
from langchain_core.messages import BaseMessage
from pydantic import BeforeValidator, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.content import check_parts
from langchain_localllm.base.messages import to_openai, with_markers, with_parsed_arguments
from langchain_localllm.base.request import enforced_schema
from langchain_localllm.base.response_parser import AnswerReader
from langchain_localllm.base.shown_tools import shown_tools
from langchain_localllm.base.special_tokens import LiteralText, Placeholders, separated
from langchain_localllm.base.thoughts import Splitter, ThoughtTracker
from langchain_localllm.base.tool_arguments import parameters_of
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.errors import (
    ChatTemplateError,
    InvalidOptionError,
    InvalidRequestError,
    ModelFileError,
)
from langchain_localllm.model_info.info import TOOL_TEMPLATE, ModelInfo
from langchain_localllm.templates.call_frames import CallFrame, call_frame
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import render_conversation, render_to_continue
from langchain_localllm.templates.harmony import HarmonySplitter, harmony_thoughts, is_harmony
from langchain_localllm.templates.markers import held_back
from langchain_localllm.templates.named import given_template, is_template, named_template
from langchain_localllm.templates.thinking import (
    ALL_MARKERS,
    THINK,
    ThinkSplitter,
    ThoughtMarkers,
    answer_markers,
    thinking_markers,
)
from langchain_localllm.templates.thinking_switch import switch_variables, with_switch_word
from langchain_localllm.templates.tool_calls import ToolCallParser, ToolFormat, tool_format

_THINKING: Final = ALL_MARKERS | {"<|think|>"}
"""Special tokens that models and people write on purpose, in answers and instructions: what marks
thoughts or switches them on."""
_PART: Final = re.compile(r"<\|[^|<>]+\|?>")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the engine is asked, and what reads its answer.

    Attributes:
        prompt: The conversation as text, with placeholders for what `images` and `literals` hold.
        stops: Texts at which the answer ends.
        reader: Separates thoughts and calls from the answer.
        begun: The beginning of a marker with which the prompt ends; the rest of it is written by
            the model.
        thoughts: Follows the thoughts in the answer, for the engine.
        closing: What ends the thoughts, where the engine ends them.
        bridge: What comes between the thoughts and an answer of a given form.
        schema: A JSON schema of the answer, or of the JSON in a forced call.
        form: How a forced call is written; `None` where none is forced.
        frame: How calls are written that the model begins by itself, where a grammar can hold them.
        several: Whether several calls may be forced.
        images: The images by the placeholders for them in the prompt.
        markers: Markers that the reader looks for; the engine must return them even if they are
            control tokens.
        literals: Texts of special tokens in the conversation, by the placeholders for them in the
            prompt.
    """

    prompt: str
    stops: list[str]
    reader: AnswerReader
    thoughts: ThoughtTracker
    begun: str = ""
    closing: str = ""
    bridge: str = ""
    schema: dict[str, Any] | None = None
    form: ToolFormat | None = None
    frame: CallFrame | None = None
    several: bool = False
    images: dict[str, bytes] = field(default_factory=dict)
    markers: tuple[str, ...] = ()
    literals: dict[str, LiteralText] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The prompt without placeholders for literals."""
        return "".join(part if isinstance(part, str) else "<image>" for part in self.parts())

    @property
    def separated(self) -> str:
        """Return the prompt with a zero-width character in its literals.

        It is for engines that read special tokens in any text.
        """
        return "".join(
            separated(part) if isinstance(part, LiteralText) else str(part) for part in self.parts()
        )

    def parts(self) -> list[str | LiteralText | bytes]:
        """Return the prompt in parts: texts, texts without special tokens, and images.

        In the second kind, special tokens are not read.
        """
        places: dict[str, str | bytes] = {**self.images, **self.literals}
        if not places:
            return [self.prompt]
        found = re.split(f"({'|'.join(map(re.escape, places))})", self.prompt)
        return [places.get(part, part) for part in found if part]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """How an answer is parsed that comes as the model writes it, without a parser of the engine.

    Attributes:
        splitter: Makes what splits thoughts from the answer.
        form: How calls are written; `None` where there are no tools.
        parameters: The JSON schemas of the tools' parameters, by the tools' names.
        begun: The beginning of a marker with which the prompt ends; the rest of it is written by
            the model.
        markers: What is looked for, which the engine has to return also where it is a token that is
            not text.
        expected: Whether the model is known to think.
    """

    splitter: Callable[[], Splitter]
    form: ToolFormat | None
    parameters: Mapping[str, Any]
    begun: str
    markers: tuple[str, ...]
    expected: bool

    @classmethod
    def of(
        cls,
        source: str,
        prompt: str,
        splitter: Callable[[], Splitter],
        tools: Sequence[Mapping[str, Any]],
    ) -> Self:
        """Return how the model of a template answers a prompt.

        Args:
            source: The chat template.
            prompt: The prompt that it made; the answer begins at its end.
            splitter: Makes what splits thoughts from the answer.
            tools: The tools on offer, in OpenAI's form.
        """
        form = tool_format(source) if tools else None
        thoughts = splitter().markers
        return cls(
            splitter,
            form,
            parameters_of(tools),
            prompt[held_back(prompt, thoughts) :].strip() if prompt else "",
            _with_parts((*THINK[:2], *thoughts, *(form.markers if form else ()))),
            may_think(source),
        )

    def calls(self) -> ToolCallParser | None:
        """Return what parses the calls of one answer."""
        return ToolCallParser(self.form, self.parameters) if self.form else None

    def tracker(self, budget: int | None) -> ThoughtTracker:
        """Return what follows the thoughts of one answer, and counts them."""
        return ThoughtTracker(self.splitter(), budget, self.begun, expected=self.expected)


def ends_in_thoughts(prompt: str, markers: ThoughtMarkers, *, continues: bool) -> bool:
    """Return whether the answer begins with thoughts whose opening marker the prompt holds.

    Args:
        prompt: The prompt.
        markers: How the model marks thoughts.
        continues: Whether the prompt ends in an answer that is continued.
    """
    if continues:
        return prompt.rfind(markers.opening) > prompt.rfind(markers.closing)
    return prompt.rstrip().endswith(markers.opening)


def without_thoughts(prompt: str, markers: ThoughtMarkers) -> str:
    """Return a prompt that ends in thoughts with their end, so that the model answers at once."""
    return f"{prompt.rstrip()}\n\n{markers.closing}\n\n"


def _template_text(value: Any) -> Any:
    return given_template(value) if isinstance(value, str | Path) else value


class TemplatedChatModel(LocalChatModel):
    """A chat model on an engine that takes text."""

    TEXT_ONLY: ClassVar[str] = "this class"
    """What accepts only text, in the error about images."""

    chat_format: str | None = None
    """The name of a template: one of the file's, such as `tool_use`, or one of llama-cpp-python's
    formats, such as `chatml`. Default: the file's own; `tool_use`, if the file has it, where there
    are tools."""
    chat_template: Annotated[str | Path | None, BeforeValidator(_template_text)] = None
    """A Jinja template, as text or as the path of a file, to use instead of the file's own."""
    chat_template_kwargs: dict[str, Any] | None = None
    """Further variables of the template, such as `{"enable_thinking": False}`."""

    _abouts: dict[str, ModelInfo] = PrivateAttr(default_factory=dict)  # by file; copies share it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.template()  # so that a file without one is found here

    @property
    def takes_images(self) -> bool:
        """Whether images in messages reach the model."""
        return False

    @property
    def can_think_first(self) -> bool:
        """Whether the engine can let the model think before an answer of a given form."""
        return False

    @property
    def constrained(self) -> bool:
        """Whether an option gives the answer a form."""
        return False

    @abstractmethod
    def about_model(self) -> ModelInfo:
        """Return what the model's file says."""

    def about(self) -> ModelInfo:
        """Return the same, read once."""
        key = repr(self._identifying_file())
        if key not in self._abouts:
            self._abouts[key] = self.about_model()
        return self._abouts[key]

    @abstractmethod
    def _identifying_file(self) -> Any:
        """Return the file that is read."""

    def template(self) -> ChatTemplate:
        """Return the template that is used.

        Raises:
            ModelFileError: The file has none, and none is named.
            InvalidOptionError: There is no template of that name.
        """
        about = self.about()
        if self.chat_template is not None:
            if self.chat_format is not None:
                raise InvalidOptionError(
                    "`chat_format` and `chat_template` cannot be used together. Give one of them."
                )
            return ChatTemplate(str(self.chat_template), about.bos_token, about.eos_token)
        name = self.chat_format or "default"
        source = about.templates.get(name) or (
            about.template if name == "default" else name if is_template(name) else ""
        )
        if source:
            return ChatTemplate(source, about.bos_token, about.eos_token)
        if self.chat_format:
            return named_template(self.chat_format, own=about.templates)
        named = (
            f"It has these by name, for `chat_format`: {', '.join(about.templates)}. "
            if about.templates
            else ""
        )
        raise ModelFileError(
            f"{about.source} has no chat template, so its chat format is unknown. {named}If it "
            "was made for ChatML, pass chat_format='chatml'; if you have its template, pass it "
            "as `chat_template`; if it was not made for chats, use the text class."
        )

    def _template_for(self, tools: list[dict[str, Any]]) -> ChatTemplate:
        """Return the template for a conversation: with tools, the file's own for them."""
        template = self.template()
        if self.chat_template or self.chat_format or not tools:
            return template
        source = self.about().templates.get(TOOL_TEMPLATE)
        return ChatTemplate(source, template.bos_token, template.eos_token) if source else template

    @staticmethod
    def kept_tokens(role: str) -> frozenset[str]:
        """Return the special tokens that keep their meaning in texts of a role.

        They are those of thoughts, except for users and tools.
        """
        return frozenset() if role in {"user", "tool"} else _THINKING

    def reads_special_token(self, text: str) -> bool:  # noqa: ARG002 - for engines that can be asked
        """Return whether the tokenizer reads a control token, such as `<|im_end|>`, in a text."""
        return False

    def prepare(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> Prepared:
        """Return the prompt and what belongs to it.

        Raises:
            ChatTemplateError: The template does not take the conversation.
            InvalidRequestError: There are images or tools for a model that takes none, or an image
                is damaged.
        """
        choice = request.get("tool_choice")
        callable_tools = [] if choice == "none" else request.get("tools", [])
        # of one step, with one prompt
        tools = request.get("tools", []) if "response_format" in request else callable_tools
        template = self._template_for(tools)
        if callable_tools and "tools" not in template.source:
            raise InvalidRequestError(
                "The chat template of this model does not support tools. Use a model that does, or "
                "try chat_format='chatml'."
            )
        form = tool_format(template.source)
        schema = enforced_schema(request, form.arguments, escapes=True)
        placeholders = Placeholders(self.reads_special_token)
        messages, images = self._with_markers(
            [placeholders.put(message, self.kept_tokens(message["role"])) for message in messages]
        )
        constrained = self.constrained or schema is not None
        shown = placeholders.put(shown_tools(template.source, tools))
        prompt, splitter = self._prompt(template, messages, shown, constrained=constrained)
        thoughts = splitter()
        if not all(marker in prompt for marker in images):
            raise ChatTemplateError(
                "The chat template of this model drops an image. Put images into user messages."
            )
        raw = RawAnswer.of(
            template.source, prompt if schema is None else "", splitter, callable_tools
        )
        return Prepared(
            prompt=prompt,
            stops=[*stop, *template.stop],
            reader=AnswerReader(raw.splitter(), raw.calls(), keeps_thoughts=self.keeps_thoughts),
            begun=raw.begun,
            thoughts=raw.tracker(self.budget),
            closing=self.budget_message + thoughts.closing,
            bridge=thoughts.bridge if constrained else "",
            schema=schema,
            form=form if choice == "required" else None,
            frame=call_frame(template.source) if callable_tools and not constrained else None,
            several=request.get("parallel_tool_calls") is True,
            images=images,
            markers=raw.markers,
            literals=placeholders.texts,
        )

    def _with_markers(
        self, messages: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        if not self.takes_images:
            check_parts(messages, ("text",), self.TEXT_ONLY)
        return with_markers(messages, "a model in this process")

    def _prompt(
        self,
        template: ChatTemplate,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        constrained: bool,
    ) -> tuple[str, Callable[[], Splitter]]:
        conversation = with_parsed_arguments(map(_known_role, messages))
        conversation = with_switch_word(template.source, conversation, self.reasoning)
        render = render_to_continue if self.continue_final_message else render_conversation
        prompt = render(
            template, conversation, tools=tools, **self.template_variables(template.source)
        )
        if template.bos_token and self.about().adds_bos:
            prompt = prompt.removeprefix(template.bos_token)  # the engine puts it there
        thinks_first = (
            constrained and self.can_think_first and bool(self.reasoning) and self.budget != 0
        )
        if is_harmony(template.source):
            thoughts = harmony_thoughts(template.source)
            inside = thinks_first and not self.continue_final_message
            return prompt + (thoughts.opening if inside else ""), partial(
                HarmonySplitter, thoughts, inside=inside
            )
        markers = answer_markers(template.source)
        inside = ends_in_thoughts(prompt, markers, continues=bool(self.continue_final_message))
        if (
            thinks_first
            and may_think(template.source)
            and not (inside or self.continue_final_message)
        ):
            prompt, inside = prompt + markers.opening, True
        if inside and (self.budget == 0 or (constrained and not thinks_first)):
            prompt, inside = without_thoughts(prompt, markers), False
        return prompt, partial(ThinkSplitter, markers, inside=inside)

    def template_variables(self, source: str) -> dict[str, Any]:
        """Return the variables of the template other than messages and tools."""
        return {
            **switch_variables(source, self.reasoning, self.budget),
            **(self.chat_template_kwargs or {}),
        }

    @property
    def enforces_forms(self) -> bool:
        """Whether the engine holds an answer to a schema while it is decoded."""
        return True

    @override
    def count_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None) -> int:
        request = {"tools": openai_tools(tools)} if tools else {}
        prepared = self.prepare(
            to_openai(messages, continue_final=bool(self.continue_final_message)), [], request
        )
        return (
            len(self.get_token_ids(prepared.text))
            if self.custom_get_token_ids
            else self.count(prepared)
        )

    def count(self, prepared: Prepared) -> int:
        """Return the tokens of a prompt."""
        return len(self.token_ids(prepared.text))

    @override
    def _resolve_model_profile(self) -> ModelProfile:
        about = self.about()
        profile = ModelProfile(
            tool_calling=bool(about.tools),
            structured_output=self.enforces_forms,
            image_inputs=self.takes_images,
            audio_inputs=False,
            reasoning_output=may_think(str(self.chat_template or about.template)),
        )
        if about.context:
            profile["max_input_tokens"] = about.context
        return profile


def thought_tags(template: str) -> tuple[str, str] | None:
    """Return the markers around a chat template's thoughts, or `None` without thinking."""
    tags = harmony_thoughts(template) if is_harmony(template) else thinking_markers(template)
    return (tags.opening, tags.closing) if tags else None


def may_think(template: str) -> bool:
    """Return whether a chat template's model is one that thinks."""
    return thought_tags(template) is not None


def _with_parts(markers: tuple[str, ...]) -> tuple[str, ...]:
    """Return markers, and the special tokens that they are made of.

    An example is `<|open|>` in `<|open|>think<|sep|>`.
    """
    return tuple(
        dict.fromkeys([*markers, *(part for marker in markers for part in _PART.findall(marker))])
    )


def _known_role(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "role": "system"} if message["role"] == "developer" else message
