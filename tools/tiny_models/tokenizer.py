"""The chat model's tokenizer: byte-level BPE, single digits, trained on generated text.

Its text splitting is the one llama.cpp calls `qwen2`, so that every engine cuts text the same way.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKERS = tuple(f"[{number}]" for number in range(1, 25))
"""Numbers of sentences, a token each, so that an answer names its source with its first token."""
BASE = 3076
"""Pieces without a space; nearly each has a second form with one, `VOCABULARY` in all."""
VOCABULARY = 6144
SPACE = "\u0120"  # how byte-level BPE writes a space
BLANKS = SPACE + "\u010a\u010d\u0109"  # space, line feed, carriage return, tab
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WORK = Path(__file__).parent / ".work"
PATH = WORK / "chat_tokenizer.json"


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """Return a byte-level BPE tokeniser that cuts text as llama.cpp's `qwen2` does."""
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(texts: list[str]) -> Tokenizer:
    """Train the merges on `texts` and return the tokeniser (all 256 bytes are in the vocabulary).

    Words are merged without their space; only the last merges glue a space to a piece. So a word is
    cut alike at the start of a line, in quotes and after a space, and only its first piece differs:
    what is copied stays the same.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=BASE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    plain = _tokenizer({}, [])
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(" ", behavior="isolated"),
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    plain.train_from_iterator(texts, trainer)
    pieces = [token for token, _ in sorted(plain.get_vocab().items(), key=lambda item: item[1])]
    spaced = [
        (SPACE, piece) for piece in pieces if piece not in SPECIAL_TOKENS and piece[0] not in BLANKS
    ]
    vocabulary = {
        token: number
        for number, token in enumerate(pieces + [SPACE + piece for _, piece in spaced])
    }
    letters = [(first, second) for first, second in (pair.split(" ") for pair in merges(plain))]
    tokenizer = _tokenizer(vocabulary, [*letters, *spaced])
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def load() -> Tokenizer:
    """Return the tokeniser, trained at the first call and kept in the work folder."""
    if not PATH.exists():
        from .chat_tasks import corpus

        PATH.parent.mkdir(exist_ok=True)
        train(corpus(random.Random(1))).save(str(PATH))
    tokenizer = Tokenizer.from_file(str(PATH))
    tokenizer.add_tokens([AddedToken(marker, normalized=False) for marker in MARKERS])
    return tokenizer


def merges(tokenizer: Tokenizer) -> list[str]:
    """Return the merges as GGUF wants them: two pieces, a space between."""
    state = json.loads(tokenizer.to_str())
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in state["model"]["merges"]]
