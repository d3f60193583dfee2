"""Write a tiny model that returns given texts, on every engine.

Each token of a text is followed by one other. A text is chosen by `logit_bias` for its first token;
without that, it is the first one. The answer does not depend on the prompt.
"""

import functools
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader, GGUFWriter, TokenType

from langchain_localllm.models import tiny_chat_model
from tools.engines.models import written

Matrix = npt.NDArray[np.float32]
_WIDTH: Final = 128
_HEADS: Final = 4
_INNER: Final = 32
_SIZES: Final = (3, 2, *range(4, 40))
"""Lengths of tokens in characters, as they are tried."""
_BEGIN, _END = _SPECIAL = ("<|endoftext|>", "<|im_end|>")
_MERGES: Final = 1000
"""Merges of the tiny chat model that are kept, so that prompts have fewer tokens."""
_TEMPLATE: Final = "{% for message in messages %}{{ message.content }}\n{% endfor %}"


def scripted_model(
    target: Path,
    texts: Sequence[str],
    control: Sequence[str] = (),
    template: str = _TEMPLATE,
    *,
    read: Collection[str] = (),
) -> tuple[int, ...]:
    """Write the model, and return the first token of each text, to be biased by about 20.

    Args:
        target: The file to write.
        texts: What the model can write.
        control: Control tokens, such as the markers of calls. Each is written as a token where it
            first occurs in the texts, and as text after that, since a token is followed by one
            other only.
        template: The chat template in the file.
        read: The control tokens with which a prompt may end, which are written as text.
    """
    merges = _merges()
    control = [marker for marker in dict.fromkeys(control) if marker not in _SPECIAL]
    tokens = [
        *_SPECIAL,
        *_BYTES.values(),
        *dict.fromkeys(merge.replace(" ", "") for merge in merges),
        *control,
    ]
    kinds = [
        TokenType.CONTROL if token in {*_SPECIAL, *control} else TokenType.NORMAL
        for token in tokens
    ]
    numbers = {token: number for number, token in enumerate(tokens)}
    unused, starts = set(control) - set(read), []
    following: dict[int, int] = {}
    for text in texts:
        ids = []
        for piece in _cut(text, control, unused, numbers):
            spelled = piece if piece in control else _spelled(piece)
            if spelled not in numbers:
                numbers[spelled] = len(tokens)
                tokens.append(spelled)
                kinds.append(TokenType.NORMAL)
            ids.append(numbers[spelled])
        starts.append(ids[0])
        following |= dict(zip(ids, [*ids[1:], numbers[_END]], strict=True))
    codes = np.random.default_rng(1).choice([-1.0, 1.0], (len(tokens), _WIDTH)).astype(np.float32)
    codes[:, 0] = 0
    embeddings = np.zeros_like(codes)  # tokens of prompts know none that follows
    for token, then in following.items():
        embeddings[token] = codes[then]
    embeddings[:, 0] = 1
    codes[
        [
            number
            for number in range(len(tokens))
            if number not in following and number != numbers[_END]
        ],
        0,
    ] = -1e3
    codes[starts[0], 0] = 1
    writer = _writer(target, embeddings, codes, template)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(numbers[_BEGIN])
    writer.add_eos_token_id(numbers[_END])
    written(writer, target)
    return tuple(starts)


@functools.cache
def _merges() -> list[str]:
    return list(GGUFReader(tiny_chat_model()).fields["tokenizer.ggml.merges"].contents()[:_MERGES])


def _cut(text: str, control: Sequence[str], unused: set[str], taken: dict[str, int]) -> list[str]:
    """Return the text in unused pieces: markers at their first place, and short texts."""
    markers = "|".join(map(re.escape, sorted(control, key=len, reverse=True)))
    pieces: list[str] = []
    plain = ""
    for part in filter(None, re.split(f"({markers})", text) if markers else [text]):
        cut = _short(plain, taken, pieces) if part in unused else None
        if cut is None:
            plain += part
            continue
        unused.discard(part)
        pieces, plain = [*pieces, *cut, part], ""
    cut = _short(plain, taken, pieces)
    if cut is None:
        raise ValueError(f"{text!r} has no place for tokens of its own")
    return [*pieces, *cut]


def _short(text: str, taken: dict[str, int], others: Collection[str]) -> list[str] | None:
    """Return the text in short pieces that are not taken; `None` where there are none."""
    dead: set[int] = set()  # places from which no way was found

    def rest(start: int, before: tuple[str, ...]) -> tuple[str, ...] | None:
        if start == len(text):
            return before
        for size in _SIZES if start not in dead else ():
            piece = text[start : start + size]
            new = (
                len(piece) == size
                and not {piece, _spelled(piece)} & taken.keys()
                and piece not in (*others, *before)
            )
            if new and (found := rest(start + size, (*before, piece))) is not None:
                return found
        dead.add(start)
        return None

    found = rest(0, ())
    return None if found is None else list(found)


def _spelled(text: str) -> str:
    """Return the text as a vocabulary of bytes spells it."""
    return "".join(map(_BYTES.__getitem__, text.encode()))


def _byte_letters() -> dict[int, str]:
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {
        byte: chr(0x100 + place) for place, byte in enumerate(hidden)
    }


_BYTES: Final = _byte_letters()


def _writer(target: Path, embeddings: Matrix, codes: Matrix, template: str) -> GGUFWriter:
    """Return a model of one layer that does nothing."""
    writer = GGUFWriter(target, "llama")
    writer.add_context_length(1 << 15)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(template)
    inner = {
        "attn_q": _WIDTH,
        "attn_k": _WIDTH // _HEADS,
        "attn_v": _WIDTH // _HEADS,
        "ffn_gate": _INNER,
        "ffn_up": _INNER,
    }
    weights: dict[str, Matrix] = {
        f"blk.0.{name}": np.zeros((rows, _WIDTH), np.float32) for name, rows in inner.items()
    }
    weights |= {
        "blk.0.attn_output": np.zeros((_WIDTH, _WIDTH), np.float32),
        "blk.0.ffn_down": np.zeros((_WIDTH, _INNER), np.float32),
    }
    weights |= {
        name: np.ones(_WIDTH, np.float32)
        for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")
    }
    for name, matrix in {**weights, "token_embd": embeddings, "output": codes}.items():
        writer.add_tensor(f"{name}.weight", matrix)
    return writer
