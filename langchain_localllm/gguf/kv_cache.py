"""Describe what each layer of a model stores in the KV cache per token, by the rules of llama.cpp.

Source: `llama-hparams.cpp`, `llama_model::create_memory` and `src/models/` in llama.cpp; keys are
    named in GGUF's specification.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any, Final

from langchain_localllm.gguf.header import GGUFInfo

__all__ = ["Architecture", "Layer"]

_EVERY: Final = {
    "afmoe": 4,
    "cohere2": 4,
    "cohere2moe": -4,
    "exaone-moe": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "llama4": 4,
    "mellum": 4,
    "olmo2": 4,
    "plamo3": 8,
    "smallthinker": -4,
}
"""Architectures with sliding-window layers: every how many layers one has full attention; negative
if that one comes first."""
_WINDOWS: Final = {
    "exaone-moe": 128,
    "exaone4": 4096,
    "gemma2": 4096,
    "llama4": 8192,
    "smallthinker": 4096,
}
"""Sliding windows, in tokens, of architectures whose files may not have the key."""
RECURRENT: Final = frozenset({"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"})
_BOTH: Final = frozenset({"falcon-h1"})
"""Hybrid architectures, whose layers have both attention and a recurrent state."""
_NO_CACHE: Final = frozenset(
    [
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
    ]
)
"""Encoder architectures, which have no KV cache and no logits."""
_GEMMA3N_CACHES: Final = 20
_MOST_LAYERS: Final = 1024
"""Layers that are looked at; llama.cpp refuses files with more than 512."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Describe what a layer stores.

    Attributes:
        key: Numbers for each token's key in the cache.
        value: Numbers for each token's value.
        windowed: Whether the layer has a sliding window.
        state: Numbers of its recurrent state per sequence, in place of keys and values.
    """

    key: int = 0
    value: int = 0
    windowed: bool = False
    state: int = 0


class Architecture:
    """Hold the dimensions of a model, from the header of its file.

    Attributes:
        name: Its name, such as `llama`.
        width: The embedding length.
        window: Tokens of the sliding window; 0 without sliding-window layers.
        latent: Whether keys and values are one compressed vector (multi-head latent attention).
        layers: What each layer stores.
    """

    def __init__(self, info: GGUFInfo) -> None:
        self._info = info
        self.name = info.architecture
        self.width = self.number("embedding_length")
        self.count = min(self.number("block_count"), _MOST_LAYERS)
        self.latent = bool(
            self.number("attention.key_length_mla") and self.number("attention.value_length_mla")
        )
        self.windowed = self._windowed_layers()
        self.window = self._window() if any(self.windowed) else 0
        self.layers = (
            [] if self.name in _NO_CACHE else [self._layer(number) for number in range(self.count)]
        )

    def number(self, key: str, default: int = 0, layer: int = 0) -> int:
        """Return a number of the header.

        For keys with a value per layer, that of the given layer.
        """
        name = f"{self.name}.{key}"
        each = self._info.lists.get(name)
        value: Any = (
            self._info.metadata.get(name, default)
            if each is None
            else each[min(layer, len(each) - 1)]
        )
        return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else default

    @property
    def words(self) -> int:
        """Size of the vocabulary."""
        return self._info.list_lengths.get("tokenizer.ggml.tokens", 0)

    @property
    def trained_context(self) -> int:
        """The context that the model was trained with, in tokens; 0 if the file does not say."""
        return self._info.context_length or 0

    @functools.cached_property
    def heads(self) -> int:
        """The number of attention heads, of the layer with the most."""
        return max(
            (self.number("attention.head_count", layer=layer) for layer in range(self.count)),
            default=0,
        )

    @functools.cached_property
    def hidden(self) -> int:
        """The feed-forward length, of the widest layer."""
        return max(
            (self.number("feed_forward_length", layer=layer) for layer in range(self.count)),
            default=0,
        )

    def head_size(self, kind: str) -> int:
        """Return the length of one head's `key` or `value`."""
        return self.number(f"attention.{kind}_length", self.width // max(self.heads, 1))

    def _windowed_layers(self) -> list[bool]:
        key = f"{self.name}.attention.sliding_window"
        if pattern := self._info.lists.get(f"{key}_pattern"):
            return [bool(each) for each in pattern]
        if (
            self.name not in _EVERY
            or self._info.metadata.get(key, self.name in _WINDOWS) == 0
            or not self._window()
        ):
            return [False] * self.count
        every = max(1, self.number("attention.sliding_window_pattern", abs(_EVERY[self.name])))
        full = 0 if _EVERY[self.name] < 0 else every - 1
        return [layer % every != full for layer in range(self.count)]

    def _window(self) -> int:
        return self.number("attention.sliding_window", _WINDOWS.get(self.name, 0))

    def _layer(self, number: int) -> Layer:
        if number >= self.count - self.number("nextn_predict_layers"):
            return Layer()  # a multi-token prediction layer, which is not used
        state = self._state(number)
        if state and self.name not in _BOTH:
            return Layer(state=state)
        if number >= self._caching_layers():
            return Layer()  # it shares the cache of an earlier layer
        groups = self.number(
            "attention.head_count_kv", self.number("attention.head_count", layer=number), number
        )
        windowed = self.windowed[min(number, len(self.windowed) - 1)]
        key, value = (self._cached(kind, windowed=windowed) * groups for kind in ("key", "value"))
        return Layer(key, 0 if self.latent else value, windowed, state)

    def _cached(self, kind: str, *, windowed: bool) -> int:
        size = self.head_size(kind)
        return self.number(f"attention.{kind}_length_swa", size) if windowed else size

    def _caching_layers(self) -> int:
        shared = self.number("attention.shared_kv_layers")
        return _GEMMA3N_CACHES if self.name == "gemma3n" else self.count - shared

    def _state(self, layer: int) -> int:
        return self._state_size() if self._is_recurrent(layer) else 0

    def _is_recurrent(self, layer: int) -> bool:
        if self.name in RECURRENT or self.name in _BOTH:
            return True
        recurrent = self._info.lists.get(f"{self.name}.attention.recurrent_layers")
        if recurrent:
            return bool(recurrent[min(layer, len(recurrent) - 1)])
        if interval := self.number("full_attention_interval"):
            return (layer + 1) % interval != 0
        if f"{self.name}.attention.head_count_kv" not in self._info.lists:
            return False
        only_forward = self.name.startswith("nemotron_h") and self.number(
            "feed_forward_length", layer=layer
        )
        return not only_forward and self.number("attention.head_count_kv", layer=layer) == 0

    def _state_size(self) -> int:
        """Return the size of the convolution state and the recurrent state together."""
        if head := self.number("wkv.head_size"):
            return (self.number("token_shift_count", 2) + head) * self.width
        if taps := self.number("shortconv.l_cache"):
            return (taps - 1) * self.width
        kernel, state = self.number("ssm.conv_kernel"), self.number("ssm.state_size")
        if head := self.number("kda.head_dim"):
            return self.heads * head * (3 * (kernel - 1 if kernel else 3) + head)
        inner, groups = self.number("ssm.inner_size"), self.number("ssm.group_count")
        return max(kernel - 1, 0) * (inner + 2 * groups * state) + state * inner
