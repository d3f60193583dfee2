"""Chat templates that can be named or given, for model files without one or with a wrong one."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.templates.chat_template import ChatTemplate

_CHATML: Final = """\
{%- set first =
    messages[0].content + '\\n\\n' if messages and messages[0].role == 'system' else '' %}
{%- if tools %}
    {{- '<|im_start|>system\\n' + first + '# Tools\\n\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' + tool | tojson }}
    {%- endfor %}
    {{- '\\n</tools>\\n\\nTo call a tool, write:\\n<tool_call>\\n' }}
    {{- '{"name": <name>, "arguments": <arguments>}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content
            + '\\n</tool_response><|im_end|>\\n' }}
    {%- elif not (tools and loop.first and message.role == 'system') %}
        {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
        {%- for call in message.tool_calls or [] %}
            {{- '' if loop.first and not message.content else '\\n' }}
            {{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments | tojson + '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def _turns(
    user: str, assistant: str, answer: str, *, system: str = "{}\n\n", stop: tuple[str, ...] = ()
) -> ChatTemplate:
    """Make the template of a format without tools.

    Args:
        user: How a message of the user is written; `{}` is its text. The same below.
        assistant: How an answer is written.
        answer: What an answer begins with.
        system: How instructions are written.
        stop: Texts at which an answer ends, where the model has no token for that.
    """
    parts = {"system": system, "user": user, "assistant": assistant}
    branches = [
        f"{{% {'if' if role == 'system' else 'elif'} message.role == '{role}' %}}{_printed(form)}"
        for role, form in parts.items()
    ]
    turns = f"{{% for message in messages %}}{''.join(branches)}{{% endif %}}{{% endfor %}}"
    return ChatTemplate(
        f"{turns}{{% if add_generation_prompt %}}{{{{ {answer!r} }}}}{{% endif %}}", stop=stop
    )


def _printed(form: str) -> str:
    before, _, after = form.partition("{}")
    return f"{{{{ {before!r} + message.content + {after!r} }}}}"


_LLAMA_2: Final = """\
{%- set system = messages[0].content if messages[0].role == 'system' else '' %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- '<s>' if not loop.first and not (system and loop.index0 == 1) }}
        {{- '[INST] ' }}
        {{- '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' if system and loop.index0 == 1 }}
        {{- message.content + ' [/INST]' }}
    {%- elif message.role == 'assistant' %}
        {{- ' ' + message.content + ' </s>' }}
    {%- endif %}
{%- endfor %}
"""
_ALPACA: Final = _turns(
    "### Instruction:\n{}\n\n",
    "### Response:\n{}</s>\n\n",
    "### Response:\n",
    stop=("### Instruction", "### Input"),
)
_CHATML_TEMPLATE: Final = ChatTemplate(_CHATML, stop=("<|im_end|>",))

NAMED: Final[Mapping[str, ChatTemplate]] = {
    "chatml": _CHATML_TEMPLATE,
    "alpaca": _ALPACA,
    "baichuan": _turns("<reserved_102>{}", "<reserved_103>{}", "<reserved_103>", system="{}"),
    "baichuan-2": _turns("<reserved_106>{}", "<reserved_107>{}", "<reserved_107>", system="{}"),
    "chatglm3": _turns(
        "<|user|>\n {}",
        "<|assistant|>\n {}",
        "<|assistant|>",
        system="<|system|>\n {}",
        stop=("<|user|>",),
    ),
    "chatml-function-calling": _CHATML_TEMPLATE,
    "gemma": _turns(
        "<start_of_turn>user\n{}<end_of_turn>\n",
        "<start_of_turn>model\n{}<end_of_turn>\n",
        "<start_of_turn>model\n",
        system="<start_of_turn>user\n{}<end_of_turn>\n",
        stop=("<end_of_turn>",),
    ),
    "intel": _turns(
        "### User:\n{}\n",
        "### Assistant:\n{}\n",
        "### Assistant:\n",
        system="### System:\n{}\n",
        stop=("### User:",),
    ),
    "llama-2": ChatTemplate(_LLAMA_2),
    "llama-3": _turns(
        "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        system="<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
        stop=("<|eot_id|>",),
    ),
    "mistral-instruct": _turns("[INST] {} [/INST]", " {}</s>", "", system="[INST] {} [/INST]"),
    "mistrallite": _turns(
        "<|prompter|>{}</s>", "<|assistant|>{}</s>", "<|assistant|>", system="<|system|>{}</s>"
    ),
    "oasst_llama": _turns(
        "<|prompter|>{}</s>",
        "<|assistant|>{}</s>",
        "<|assistant|>",
        system="[INST] <<SYS>>\n{}\n<</SYS>>\n\n",
    ),
    "open-orca": _turns(
        "User: {}<|end_of_turn|>\n",
        "Assistant: {}<|end_of_turn|>\n",
        "Assistant:",
        stop=("<|end_of_turn|>",),
    ),
    "openbuddy": _turns("User: {}\n", "Assistant: {}\n", "Assistant:", stop=("\nUser:",)),
    "openchat": _turns(
        "GPT4 Correct User: {}<|end_of_turn|>",
        "GPT4 Correct Assistant: {}<|end_of_turn|>",
        "GPT4 Correct Assistant:",
        system="{}<|end_of_turn|>",
        stop=("<|end_of_turn|>",),
    ),
    "phind": _turns(
        "### User Message\n{}\n\n",
        "### Assistant\n{}\n\n",
        "### Assistant\n",
        system="### System Prompt\n{}\n\n",
        stop=("### User Message",),
    ),
    "pygmalion": _turns(
        "<|user|>{}", "<|model|>{}", "<|model|>", system="<|system|>{}", stop=("<|user|>",)
    ),
    "qwen": _CHATML_TEMPLATE,
    "redpajama-incite": _turns(
        "<human>: {}\n", "<bot>: {}\n", "<bot>:", system="{}\n", stop=("<human>",)
    ),
    "saiga": _turns("<s>user\n{}</s>", "<s>bot\n{}</s>", "<s>bot\n", system="<s>system\n{}</s>"),
    "snoozy": _turns(
        "### Prompt:\n{}\n",
        "### Response:\n{}\n",
        "### Response:\n",
        system="### Instruction:\n{}\n",
        stop=("### Prompt",),
    ),
    "vicuna": _turns("USER: {} ", "ASSISTANT: {}</s>", "ASSISTANT:", system="{} ", stop=("USER:",)),
    "zephyr": _turns(
        "<|user|>\n{}</s>\n",
        "<|assistant|>\n{}</s>\n",
        "<|assistant|>\n",
        system="<|system|>\n{}</s>\n",
        stop=("<|user|>",),
    ),
}
"""Templates by the names that `chat_format` takes: those of llama-cpp-python, as the models' own
cards write these formats."""


def named_template(name: str, own: Collection[str] = ()) -> ChatTemplate:
    """Return the template of a name.

    Args:
        name: Such as `chatml`.
        own: Names of templates that the model's file has, for the error.

    Raises:
        InvalidOptionError: No template has this name.
    """
    if name not in NAMED:
        raise InvalidOptionError(
            f"There is no chat format {name!r}. Use one of: {', '.join([*own, *NAMED])}; or give "
            "a template as `chat_template`."
        )
    return NAMED[name]


def given_template(given: str | Path) -> str:
    """Return the text of a template that is given as text or as a file.

    Raises:
        InvalidOptionError: It is neither a Jinja template nor a file that can be read.
    """
    if isinstance(given, str) and is_template(given):
        return given
    try:
        text = Path(given).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidOptionError(
            "`chat_template` is neither a Jinja template nor a file that can be read: "
            f"{str(given)[:100]!r} ({error})."
        ) from None
    if not is_template(text):
        raise InvalidOptionError(
            f"The file {given} is not a Jinja template: it has neither {{{{ nor {{%."
        )
    return text


def is_template(text: str) -> bool:
    """Return whether a text is a Jinja template, and not a name or a path."""
    return "{{" in text or "{%" in text
