"""A model that thinks: its weights write one known text, token by token, on every engine.

Each token is always followed by the same one, so the last token of the prompt decides what is
written.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from gguf import GGUFWriter, TokenType

from tools.engines.models import written

THOUGHT: Final = ("They", " want", " a", " sum", ":", " two", " and", " 2", ".")
ANSWER: Final = ("It", " is", " four", "!")
CALL: Final = (
    "<tool_call>",
    '{"name":',
    ' "add",',
    ' "arguments":',
    ' {"a": 2,',
    ' "b": 2}}',
    "</tool_call>",
)
"""The tokens of what is thought, answered and called."""
TEMPLATE: Final = """\
{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<tool_call>{"name": <name>, "arguments": <arguments>}</tool_call><|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
{%- for call in m.tool_calls or [] %}<tool_call>{"name": "{{ call.function.name }}", "arguments":
{{- ' ' }}{{ call.function.arguments | tojson }}}</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if messages[-1].role == 'tool' %}{{ '\\t' }}
{%- elif enable_thinking is defined and not enable_thinking %}<think></think>{% elif OPENED %}<think>{% endif %}{% endif %}"""  # noqa: E501 - a line break would be a part of it
"""After the result of a call, the model answers without a thought."""
GO_TEMPLATE: Final = """\
{{- if .Tools }}<|im_start|>system
{{ range .Tools }}{{ . }}
{{ end }}<tool_call>{"name": <name>, "arguments": <arguments>}</tool_call><|im_end|>
{{ end }}{{- $last := "" }}{{- range .Messages }}{{ $last = .Role }}<|im_start|>{{ .Role }}
{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}
{{- range .ToolCalls }}<tool_call>{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}</tool_call>
{{- end }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ if eq $last "tool" }}\t{{ else if and .IsThinkSet (not .Think) }}<think></think>{{ end }}"""  # noqa: E501 - as above

Markers = Literal["control", "user_defined", "text", "gpt-oss", "gemma4"]
_TAGS: Final[dict[Markers, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "text": (("<thi", "nk>"), ("</th", "ink>")),
    "gpt-oss": (
        ("<|channel|>", "analysis", "<|message|>"),
        # the last is one token, since one follows another
        ("<|end|>", "<|start|>assistant<|channel|>final<|message|>"),
    ),
    "gemma4": (("<|channel>", "thought"), ("<channel|>",)),
}
_THINK: Final = (("<think>",), ("</think>",))
_KINDS: Final = {"text": TokenType.NORMAL, "user_defined": TokenType.USER_DEFINED}
_ENDS: Final = ("<|return|>", "<|call|>")
"""With these in the vocabulary, llama.cpp knows gpt-oss, and does not take `<|end|>` for an
answer's end."""
_CONTEXT: Final = 2048
_HEAD: Final = 32


def thinking_model(
    target: Path,
    *,
    markers: Markers = "user_defined",
    opened: bool = False,
    closes: bool = True,
    thought: Sequence[str] = THOUGHT,
    then: Sequence[str] = ANSWER,
    template: str = TEMPLATE,
) -> Path:
    """Write a model that thinks, and then answers.

    Args:
        target: The file.
        markers: What `<think>` and `</think>` are: tokens of a kind, or texts of two tokens each;
            or a family with others.
        opened: Whether the template writes the opening marker.
        closes: Whether the model closes its thoughts, and does not end in them.
        thought: The tokens of the thought.
        then: The tokens that follow.
        template: The chat template.
    """
    control = ["<|im_start|>", "<|im_end|>", *(_ENDS if markers == "gpt-oss" else ())]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *control]
    kinds = [
        TokenType.UNKNOWN,
        TokenType.CONTROL,
        TokenType.CONTROL,
        *[TokenType.BYTE] * 256,
        *[TokenType.CONTROL] * len(control),
    ]
    opening, closing = _TAGS.get(markers, _THINK)
    closing, then = (closing, then) if closes else ((), ())
    script = [*opening, *thought, *closing, *then]
    first = len(names)
    for text in script:
        names.append(text.replace(" ", "\u2581"))
        marker = text in {*opening, *closing}
        word = marker and not (text.startswith("<") and text.count("<") == 1)  # within a marker
        kinds.append(
            TokenType.USER_DEFINED
            if word and markers in _TAGS.keys() - {"text"}
            else _kind(markers, marker=marker)
        )
    answer = len(names)
    for text in ANSWER:  # after the result of a tool
        names.append(f"{text}\u2581".replace(" ", "\u2581"))
        kinds.append(TokenType.NORMAL)
    follows = [first] * len(names)
    follows[names.index("<0x09>")] = answer
    if markers == "text":  # a marker that the model did not write is read as bytes
        follows[names.index("<0x3E>")] = first + len(script) - len(then)
    for begin, size in ((first, len(script)), (answer, len(ANSWER))):
        follows[begin : begin + size] = [*range(begin + 1, begin + size), names.index("</s>")]
    return _write(target, names, kinds, follows, template.replace("OPENED", str(opened).lower()))


def _kind(markers: Markers, *, marker: bool) -> TokenType:
    return _KINDS.get(markers, TokenType.CONTROL) if marker else TokenType.NORMAL


def _write(
    target: Path, names: list[str], kinds: list[TokenType], follows: list[int], template: str
) -> Path:
    """Write weights with which each token is followed by one other.

    Only the embedding and the output are not zero.
    """
    width = -(-len(names) // _HEAD) * _HEAD
    writer = GGUFWriter(target, "llama")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_HEAD)
    writer.add_head_count(width // _HEAD)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(names))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names)
    writer.add_token_scores([0.0] * len(names))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)  # noqa: FBT003 - the package's
    writer.add_add_space_prefix(False)  # noqa: FBT003 - as above
    writer.add_chat_template(template)
    output = np.zeros((len(names), width), np.float32)
    output[follows, range(len(names))] = 1
    shapes = {
        "attn_q": (width, width),
        "attn_k": (_HEAD, width),
        "attn_v": (_HEAD, width),
        "attn_output": (width, width),
        "ffn_gate": (_HEAD, width),
        "ffn_up": (_HEAD, width),
        "ffn_down": (width, _HEAD),
    }
    tensors: dict[str, Any] = {
        f"blk.0.{name}.weight": np.zeros(shape) for name, shape in shapes.items()
    }
    tensors |= {
        f"{name}.weight": np.ones(width)
        for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")
    }
    for name, values in {
        "token_embd.weight": np.eye(len(names), width),
        "output.weight": output,
        **tensors,
    }.items():
        writer.add_tensor(name, values.astype(np.float32))
    return written(writer, target)
