"""The chat model's tokeniser: byte-level BPE, digits apart, trained on text that the generator makes.

Its text splitting is the one llama.cpp calls `qwen2`, so that every engine cuts text the same way.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VOCABULARY = 4096
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WORK = Path(__file__).parent / ".work"
PATH = WORK / "chat_tokenizer.json"


def train(texts: list[str]) -> Tokenizer:
    """Train the merges on `texts` and return the tokeniser (all 256 bytes are in the vocabulary)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load() -> Tokenizer:
    """Return the tokeniser, trained at the first call and kept in the work folder."""
    if not PATH.exists():
        from .chat_tasks import corpus  # noqa: PLC0415 - the tasks are needed only to train

        PATH.parent.mkdir(exist_ok=True)
        train(corpus(random.Random(1))).save(str(PATH))
    return Tokenizer.from_file(str(PATH))


def merges(tokenizer: Tokenizer) -> list[str]:
    """Return the merges as GGUF wants them: two pieces, a space between."""
    state = json.loads(tokenizer.to_str())
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in state["model"]["merges"]]
