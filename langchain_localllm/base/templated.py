"""Chat models whose engine takes text: the model's own template makes the prompt, and the answer's text is read for calls."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from langchain_core.language_models import ModelProfile
from langchain_core.messages import BaseMessage
from pydantic import PrivateAttr
from typing_extensions import override

from langchain_localllm.base.about import About
from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.messages import to_openai, with_markers, with_parsed_arguments, without_images
from langchain_localllm.base.reading import AnswerReader
from langchain_localllm.base.tools import call_schema, openai_tools
from langchain_localllm.errors import ChatTemplateError, InvalidRequestError, ModelFileError
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.instructions import render_with_instructions
from langchain_localllm.templates.named import named_template
from langchain_localllm.templates.thinking import ThinkSplitter, thinking_markers
from langchain_localllm.templates.tool_calls import ToolCallParser, ToolFormat, tool_format


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the engine is asked, and what reads its answer.

    Attributes:
        prompt: The conversation as text.
        stops: Texts at which the answer ends.
        reader: Tells thoughts and calls in the answer.
        schema: A JSON schema of the answer, or of the JSON in a forced call.
        form: How a forced call is written; `None` where none is forced.
        images: The images by the texts that stand in their places in the prompt.
        markers: What the reader looks for, which the engine has to hand out also where it is a token that is no text.
    """

    prompt: str
    stops: list[str]
    reader: AnswerReader
    schema: dict[str, Any] | None = None
    form: ToolFormat | None = None
    images: dict[str, bytes] = field(default_factory=dict)
    markers: tuple[str, ...] = ()


class TemplatedChatModel(LocalChatModel):
    """A chat model on an engine that takes text."""

    WITHOUT_EYES: ClassVar[str] = "this model"
    """Who takes only text, in the error about images."""

    chat_format: str | None = None
    """A template's name, `chatml`, for a file that has none. Default: the file's own."""
    chat_template_kwargs: dict[str, Any] | None = None
    """What the template reads beside messages and tools, such as `{"enable_thinking": False}`."""

    _abouts: dict[str, About] = PrivateAttr(default_factory=dict)  # by file; copies share it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.template()  # so that a file without one is found here

    @property
    def takes_images(self) -> bool:
        """Whether images in messages reach the model."""
        return False

    @property
    def constrained(self) -> bool:
        """Whether an option gives the answer a form."""
        return False

    @abstractmethod
    def about_model(self) -> About:
        """What the model's file tells."""

    def about(self) -> About:
        """The same, read once."""
        key = repr(self._identifying_file())
        if key not in self._abouts:
            self._abouts[key] = self.about_model()
        return self._abouts[key]

    @abstractmethod
    def _identifying_file(self) -> Any:
        """The file that is read."""

    def template(self) -> ChatTemplate:
        """The template that is used.

        Raises:
            ModelFileError: The file has none, and none is named.
            InvalidOptionError: There is no template of that name.
        """
        if self.chat_format is not None:
            return named_template(self.chat_format)
        about = self.about()
        if not about.template:
            raise ModelFileError(
                f"{about.source} has no chat template, so it is not known how this model is talked to. "
                "If it was made for ChatML, say so with chat_format='chatml'; if it was not made for chats, use the text class."
            )
        return ChatTemplate(about.template, about.bos_token, about.eos_token)

    def prepare(self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]) -> Prepared:
        """The prompt and what belongs to it.

        Raises:
            ChatTemplateError: The template does not take the conversation.
            InvalidRequestError: There are images or tools for a model that takes none, or an image is damaged.
        """
        template = self.template()
        choice = request.get("tool_choice")
        tools = [] if choice == "none" else request.get("tools", [])
        if tools and "tools" not in template.source:
            raise InvalidRequestError(
                "The chat template of this model takes no tools. Use a model that was made for them, or try chat_format='chatml'."
            )
        form = tool_format(template.source)
        schema = call_schema(tools, form.arguments) if choice == "required" else _wanted_schema(request.get("response_format"))
        messages, images = self._without_images(messages)
        prompt, thoughts = self._prompt(template, messages, tools, constrained=self.constrained or schema is not None)
        if not all(marker in prompt for marker in images):
            raise ChatTemplateError("The chat template of this model leaves out an image. Put images into messages of the user.")
        names = [tool["function"]["name"] for tool in tools]
        return Prepared(
            prompt=prompt,
            stops=[*stop, *template.stop],
            reader=AnswerReader(thoughts, ToolCallParser(form, names) if tools else None),
            schema=schema,
            form=form if choice == "required" else None,
            images=images,
            markers=(*(thoughts.markers if thoughts else ()), *(form.markers if tools else ())),
        )

    def _without_images(self, messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        return with_markers(messages) if self.takes_images else (without_images(messages, self.WITHOUT_EYES), {})

    def _prompt(
        self, template: ChatTemplate, messages: list[dict[str, Any]], tools: list[dict[str, Any]], *, constrained: bool
    ) -> tuple[str, ThinkSplitter | None]:
        conversation = with_parsed_arguments(map(_known_role, messages))
        prompt = render_with_instructions(template, conversation, tools=tools, **(self.chat_template_kwargs or {}))
        if template.bos_token and self.about().adds_bos:
            prompt = prompt.removeprefix(template.bos_token)  # the engine puts it there
        markers = thinking_markers(template.source)
        if markers is None:
            return prompt, None
        inside = prompt.rstrip().endswith(markers[0])
        if inside and constrained:  # an answer of a given form leaves no room for thoughts
            prompt, inside = f"{prompt.rstrip()}\n\n{markers[1]}\n\n", False
        return prompt, ThinkSplitter(markers, inside=inside)

    @override
    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt that the model's template makes of the messages and tools."""
        request = {"tools": openai_tools(tools)} if tools else {}
        prepared = self.prepare(to_openai(messages), [], request)
        return len(self.get_token_ids(prepared.prompt)) if self.custom_get_token_ids else self.count(prepared)

    def count(self, prepared: Prepared) -> int:
        """Tokens of a prompt."""
        return len(self.token_ids(prepared.prompt))

    @override
    def _resolve_model_profile(self) -> ModelProfile:
        about = self.about()
        profile = ModelProfile(tool_calling=bool(about.tools), image_inputs=self.takes_images)
        if about.context:
            profile["max_input_tokens"] = about.context
        return profile


def _known_role(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "role": "system"} if message["role"] == "developer" else message


def _wanted_schema(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    if not wanted:
        return None
    return wanted["json_schema"]["schema"] if wanted["type"] == "json_schema" else {"type": "object"}
