"""Adapt a plain prompt to a model.

It gets the model's own chat template, else its family's format, else it stays plain text.
"""

import functools
import importlib.util
import warnings
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, get_buffer_string
from langchain_core.prompts import (
    BasePromptTemplate,
    ChatPromptTemplate,
    PromptTemplate,
    StringPromptTemplate,
)
from pydantic import ConfigDict, Field, SkipValidation
from typing_extensions import override

from langchain_localllm.base.content import check_parts
from langchain_localllm.base.messages import to_openai, with_parsed_arguments
from langchain_localllm.errors import ChatTemplateError, InvalidOptionError
from langchain_localllm.model_info.info import ModelInfo
from langchain_localllm.model_info.introspect import adescribe_model, describe_model, runtime_of
from langchain_localllm.model_info.unwrap import unwrap_with_options
from langchain_localllm.prompts.detect_family import family_in, family_of
from langchain_localllm.prompts.format_table import FAMILIES
from langchain_localllm.prompts.formats import Format

Prompt = BasePromptTemplate[Any]


def for_model(prompt: str | Prompt, llm: Any) -> Prompt:
    r"""Make a plain prompt into what a model wants.

    A text LLM gets the prompt in the model's own chat template where that is known, else in the
    format of its family, else as plain text. Chat models, and Ollama without `raw=True`, apply a
    template by themselves: they get the prompt as it is, or as plain text. A prompt that holds a
    family's tokens already stays as it is.

    Args:
        prompt: A text with `{variables}`, or a prompt of LangChain: `PromptTemplate` or
            `ChatPromptTemplate`.
        llm: Any model of LangChain, also with `.bind()`, `.with_retry()` or `.with_fallbacks()`
            around it.

    Returns:
        A prompt with the same variables. For a text LLM its `format()` gives the exact text, less
        the token that begins a prompt where the engine puts it there by itself.

    Example:
        >>> from langchain_localllm import Ollama
        >>> from langchain_localllm.prompts import for_model
        >>> llm = Ollama(model="qwen3", raw=True, base_url="http://127.0.0.1:9")
        >>> print(for_model("Name a {thing}.", llm).format(thing="color"))
        <|im_start|>user
        Name a color.<|im_end|>
        <|im_start|>assistant
        <BLANKLINE>
    """
    given = _as_prompt(prompt)
    return adapt_prompt(given, given, llm)


async def afor_model(prompt: str | Prompt, llm: Any) -> Prompt:
    """Work like `for_model`, without blocking the event loop."""
    await adescribe_model(llm)
    return for_model(prompt, llm)


def adapt_prompt(text: Prompt, chat: Prompt, llm: Any) -> Prompt:
    """Return the prompt for a model, from a form for text LLMs and a form with messages.

    The former is without a template; they may be the same. A model's template is put around the
    form with messages.
    """
    model, options = unwrap_with_options(llm)
    if not isinstance(model, BaseLLM):
        if isinstance(model, BaseChatModel):
            _warn_of_tokens(chat, type(model).__name__)
        return chat
    if applies_template(model, options):
        _warn_of_tokens(text, type(model).__name__)
        return _plain(text)
    about = describe_model(model)
    if family := family_in(text_of(chat)):
        return _without_bos(chat, FAMILIES[family].bos) if about.adds_bos else chat
    return wrap_in_template(chat, about) if knows_format(about) else _plain(text)


class ModelPrompt(StringPromptTemplate):
    """A prompt whose messages are written as a certain model wants them. `for_model` makes it.

    Attributes:
        inner: The prompt that gives the messages.
        about: What is known of the model; without it, the messages become plain text.
    """

    model_config = ConfigDict(frozen=True)

    inner: SkipValidation[Prompt]
    about: SkipValidation[ModelInfo | None] = Field(default=None, repr=False)

    @classmethod
    @override
    def is_lc_serializable(cls) -> bool:
        return False  # it belongs to a model; `inner` is what can be kept

    @property
    @override
    def _prompt_type(self) -> str:
        return "model"

    @override
    def format(self, **kwargs: Any) -> str:
        """Return the text that the engine gets.

        Raises:
            InvalidOptionError: A variable is missing.
            ChatTemplateError: The model's template does not take the conversation, and its family
                is not known.
        """
        values = self._merge_partial_and_user_variables(**kwargs)
        if missing := sorted(set(self.input_variables) - set(values)):
            raise InvalidOptionError(f"The prompt lacks a value for {', '.join(missing)}.")
        messages = self.inner.format_prompt(**values).to_messages()
        if self.about is None:
            return _plain_text(messages)
        conversation = to_openai(messages)
        check_parts(conversation, ("text",), "a text LLM")
        return _written(with_parsed_arguments(conversation), self.about)


def wrap_in_template(inner: Prompt, about: ModelInfo | None) -> ModelPrompt:
    """Return a prompt in the template or the format of the model that this is known of.

    Without that, as plain text.
    """
    return ModelPrompt(
        inner=inner,
        about=about,
        input_variables=inner.input_variables,
        optional_variables=inner.optional_variables,
        input_types=inner.input_types,
    )


def _without_bos(prompt: Prompt, bos: str) -> Prompt:
    """Return a prompt written for a family without the token that the engine prepends."""
    if bos and isinstance(prompt, PromptTemplate) and prompt.template.startswith(bos):
        return prompt.model_copy(update={"template": prompt.template.removeprefix(bos)})
    return prompt


def _plain(prompt: Prompt) -> Prompt:
    """Chat prompts without the `System:` and `Human:` that LangChain writes before messages."""
    return prompt if isinstance(prompt, StringPromptTemplate) else wrap_in_template(prompt, None)


def _as_prompt(prompt: str | Prompt) -> Prompt:
    if isinstance(prompt, ModelPrompt):
        return prompt.inner
    if isinstance(prompt, str):
        return PromptTemplate.from_template(prompt)
    if isinstance(prompt, BasePromptTemplate):
        return prompt
    raise InvalidOptionError(
        f"A prompt is a text or a prompt template of LangChain, not {type(prompt).__name__}."
    )


# --- the text ---


def _written(messages: list[dict[str, Any]], about: ModelInfo) -> str:
    form = family_of(about).format
    if not _own_template(about):
        return _in_format(messages, form, about)
    from langchain_localllm.templates.chat_template import ChatTemplate
    from langchain_localllm.templates.conversation_forms import render_conversation

    template = ChatTemplate(about.template, about.bos_token, about.eos_token)
    try:
        text = render_conversation(template, messages)
    except ChatTemplateError as error:
        if form is None:
            raise
        _warn_once(f"{error} The format of its family, {form.name}, is used instead.")
        return _in_format(messages, form, about)
    return text.removeprefix(about.bos_token) if about.adds_bos else text


def _in_format(messages: list[dict[str, Any]], form: Format | None, about: ModelInfo) -> str:
    if form is None:
        raise InvalidOptionError("No format is known for this model.")
    text = form.render(messages)
    return text.removeprefix(form.bos) if about.adds_bos else text


def _plain_text(messages: list[BaseMessage]) -> str:
    if any(isinstance(message, AIMessage) for message in messages):
        return get_buffer_string(messages) + "\nAI:"
    return "\n\n".join(
        message.text
        for message in sorted(messages, key=lambda message: not isinstance(message, SystemMessage))
    )


# --- what a model does by itself ---


@functools.cache
def _has_jinja() -> bool:
    return importlib.util.find_spec("jinja2") is not None


def _own_template(about: ModelInfo) -> bool:
    return bool(about.template) and about.template_language == "jinja" and _has_jinja()


def knows_format(about: ModelInfo) -> bool:
    """Return whether a model's own template or the format of its family can be written."""
    return _own_template(about) or family_of(about).name is not None


def applies_template(model: Any, options: dict[str, Any]) -> bool:
    """Return whether the engine puts a text prompt into a template by itself."""
    return runtime_of(model) == "ollama" and not options.get("raw", vars(model).get("raw"))


# --- a family's tokens in a prompt ---


def text_of(prompt: Prompt) -> str:
    """Return the text of a prompt, with its variables unfilled."""
    if isinstance(prompt, PromptTemplate):
        return prompt.template
    if isinstance(prompt, ChatPromptTemplate):
        parts = (getattr(message, "prompt", message) for message in prompt.messages)
        return "\n".join(
            str(getattr(part, "template", getattr(part, "content", ""))) for part in parts
        )
    return ""


def _warn_of_tokens(prompt: Prompt, model: str) -> None:
    if family := family_in(text_of(prompt)):
        _warn_once(
            f"The prompt holds tokens of {family}, and {model} puts a template around it: the "
            "model sees both. Take them out."
        )


@functools.lru_cache(maxsize=256)
def _warn_once(text: str) -> None:
    warnings.warn(text, stacklevel=3)
