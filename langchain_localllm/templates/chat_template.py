"""Render chat templates: Jinja programs that turn a conversation into a prompt.

The model was trained on prompts of this form.
"""

import copy
import functools
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from langchain_localllm.errors import ChatTemplateError, MissingDependencyError
from langchain_localllm.extras import pip_install

if TYPE_CHECKING:
    from jinja2 import Template

_THOUGHT_NAMES: Final = ("thinking", "reasoning", "thought")
"""Names of a message's thoughts other than `reasoning_content`: gpt-oss and LFM2.5, Solar and
Command A, Apriel."""
_DESCRIPTION: Final = ".description"
"""In a template that reads the descriptions of tools; gpt-oss's fails without one."""
_THINKING_BLOCK: Final = "block['type'] == 'thinking'"
"""In a template that reads thoughts in blocks: Ministral."""
_TOOLS_IN_MESSAGE: Final = re.compile(r"\bmessage(?:\.tools\b|\[['\"]tools['\"]\])")
_TOOLS: Final = re.compile(r"(?<![\w.'\"])tools\b(?!['\"])")
"""How a template reads the tools: in the system message, as Phi-4-mini's, or as a variable."""
_KEPT: Final = 64
"""Compiled templates that are kept, since compiling takes some milliseconds."""
_CHANGES_LISTS: Final = re.compile(r"\.(append|pop)\(")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A Hugging Face chat template, rendered in a sandbox with bounds on time and size.

    A template is a program from a file that someone else wrote: it sees no more than what is passed
    to `render`.

    Attributes:
        source: The Jinja text, as a GGUF file holds it under `tokenizer.chat_template`.
        bos_token: The text of the token that begins a prompt.
        eos_token: The text of the token that ends an answer.
        stop: Texts at which an answer ends, where the model's own end token is not the template's.

    Example:
        >>> from langchain_localllm.templates.named import named_template
        >>> print(named_template("chatml").render([{"role": "user", "content": "Hello!"}]))
        <|im_start|>user
        Hello!<|im_end|>
        <|im_start|>assistant
        <BLANKLINE>
    """

    source: str
    bos_token: str = ""
    eos_token: str = ""
    stop: tuple[str, ...] = field(default=())

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        **variables: Any,
    ) -> str:
        """Return the prompt for a conversation.

        Args:
            messages: The conversation: dicts with `role`, `content` and, where there are any,
                `tool_calls` and `reasoning_content`, which templates find under their other names,
                too.
            tools: Tools in OpenAI's form, for templates that show them to the model.
            documents: Documents with `title` and `text`, for templates that take them.
            add_generation_prompt: Whether the prompt ends where the answer begins.
            **variables: What else this template reads, such as `enable_thinking`.

        Raises:
            ChatTemplateError: The template has a mistake, refuses the conversation, takes too long
                or grows too large.
            MissingDependencyError: jinja2 is not installed.
        """
        if _CHANGES_LISTS.search(self.source):
            messages, tools = copy.deepcopy((messages, tools))
        if tools and _TOOLS_IN_MESSAGE.search(self.source) and not _TOOLS.search(self.source):
            messages = _with_tools(messages, tools)
        given = {
            "messages": [
                _with_thinking(message, blocks=_THINKING_BLOCK in self.source)
                for message in messages
            ],
            "tools": [_with_description(tool) for tool in tools]
            if tools and _DESCRIPTION in self.source
            else tools or None,
            **self.tools_by_other_names(tools),
            "documents": documents or None,
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self.bos_token,
            "eos_token": self.eos_token,
            **variables,
        }
        template = _compiled(self.source)  # names jinja2 where it is missing
        from langchain_localllm.templates import sandbox

        try:
            return sandbox.render(template, given)
        except ChatTemplateError:
            if tools or "tools" not in self.source:
                raise
            # it goes through them, whether there are any
            return sandbox.render(template, {**given, "tools": []})

    def tools_by_other_names(self, tools: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
        """Return the tools as SmolLM3's and FireFunction's templates read them."""
        others: dict[str, Callable[[], Any]] = {
            "xml_tools": lambda: tools or None,
            "functions": lambda: json.dumps(tools or [], ensure_ascii=False, indent=4),
            "datetime": lambda: time.strftime("%b %d %Y"),
        }
        return {name: value() for name, value in others.items() if name in self.source}


def _with_tools(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the conversation with the tools as a text in the system message."""
    text = json.dumps([tool.get("function", tool) for tool in tools], ensure_ascii=False)
    begun = bool(messages) and messages[0]["role"] == "system"
    first = messages[0] if begun else {"role": "system", "content": ""}
    return [{**first, "tools": text}, *messages[1 if begun else 0 :]]


def _with_thinking(message: Mapping[str, Any], *, blocks: bool) -> Mapping[str, Any]:
    """Return the message with its thoughts under all names that templates read.

    For some templates, they are a block of the content.
    """
    if not (thought := message.get("reasoning_content")):
        return message
    if blocks:
        text = [{"type": "text", "text": message["content"]}] if message.get("content") else []
        return {**message, "content": [{"type": "thinking", "thinking": thought}, *text]}
    return {**dict.fromkeys(_THOUGHT_NAMES, thought), **message}


def _with_description(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    return (
        {**tool, "function": {"description": "", **function}}
        if isinstance(function, Mapping)
        else tool
    )


@functools.lru_cache(_KEPT)
def _compiled(source: str) -> "Template":
    try:
        import jinja2

        from langchain_localllm.templates import sandbox
    except ImportError:
        raise MissingDependencyError(
            f"Chat templates need jinja2: {pip_install('gguf')}, or name a server with "
            "ChatLlamafile."
        ) from None
    try:
        return sandbox.ENVIRONMENT.from_string(source)
    except (
        jinja2.TemplateError,
        MemoryError,
        RecursionError,
        SyntaxError,
        ValueError,
    ) as error:  # Python's, too
        place = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise ChatTemplateError(
            f"The model's chat template has a mistake{place}: {error}. Name another one, such as "
            "chat_format='chatml'."
        ) from error
