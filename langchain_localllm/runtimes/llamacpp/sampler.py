"""Choose the next token with llama.cpp's samplers."""

import ctypes
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from langchain_localllm.base.sampler_options import DEFAULT_SAMPLERS, SamplerName
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.runtimes.llamacpp.context import Context
from langchain_localllm.runtimes.llamacpp.ffi import LOG, lib
from langchain_localllm.runtimes.llamacpp.model import Model, utf8

_CANDIDATE: Final = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_SEEDS: Final = 1 << 32
_NO_PENALTIES: Final = (1, 0, 0)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. The defaults are llama-cpp-python's.

    Attributes:
        seed: Repeats the random choices; `None` and negative numbers draw one.
        repeat_last_n: Tokens that the penalties look back at, also into the prompt.
        samplers: The samplers in their order.
        logit_bias: Added to the logits of tokens.
        ignore_eos: Continue when the model emits an end-of-generation token.
        grammar: A GBNF grammar that the answer follows.
        grammar_after: A regular expression of the text in the answer after which it does so, and
            before which the answer is free. Empty: from the beginning.

    The other attributes are those of `LlamaCpp`.
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_last_n: int = 64
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: Sequence[str] = ("\n", ":", '"', "*")
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    adaptive_target: float = -1.0
    adaptive_decay: float = 0.9
    samplers: Sequence[SamplerName] = DEFAULT_SAMPLERS
    min_keep: int = 1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    ignore_eos: bool = False
    grammar: str | None = None
    grammar_after: str = ""

    @property
    def penalties(self) -> tuple[float, float, float]:
        """The penalties for repeated tokens, in llama.cpp's order."""
        return self.repeat_penalty, self.frequency_penalty, self.presence_penalty

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is always chosen, after the penalties."""
        others = self.dry_multiplier, self.xtc_probability, self.dynatemp_range, self.mirostat
        return self.temperature == 0 and self.samplers is DEFAULT_SAMPLERS and not any(others)

    @property
    def has_seed(self) -> bool:
        """Whether the same answer is expected for the same request."""
        return self.seed is not None and self.seed >= 0


class Sampler:
    """The samplers of one answer, which remember its tokens.

    Args:
        model: The model.
        options: How tokens are chosen.
        prompt: The tokens of the prompt.

    Attributes:
        grammar_waits: Whether the grammar does not hold yet.

    Raises:
        InvalidRequestError: The grammar does not parse, or a token to bias is not in the
            vocabulary.
    """

    def __init__(self, model: Model, options: Sampling, prompt: Sequence[int] = ()) -> None:
        self._model = model
        params = lib.llama_sampler_chain_default_params()
        self._chain = lib.llama_sampler_chain_init(params)
        self._grammar: Any = None
        self.grammar_waits = False
        # where nothing but that changes the choice
        self._bias: tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]] | None = None
        try:
            self._fill(options, prompt)
            if options.grammar is not None:
                self._grammar = _parsed(model, options.grammar)
        except BaseException:
            self.free()
            raise

    def _fill(self, options: Sampling, prompt: Sequence[int]) -> None:
        size = self._model.size
        bias = dict(options.logit_bias)
        if options.ignore_eos:
            bias |= dict.fromkeys(self._model.eog_tokens, -np.inf)
        if wrong := [token for token in bias if not 0 <= token < size]:
            raise InvalidRequestError(
                f"`logit_bias` names the token {wrong[0]}, but the vocabulary ends at {size - 1}."
            )
        may_wait = options.grammar is None or options.grammar_after
        if options.greedy and may_wait and options.penalties == _NO_PENALTIES:
            with np.errstate(over="ignore"):  # it is infinite then
                self._bias = (
                    np.array(list(bias), np.intp),
                    np.array(list(bias.values())).astype(np.float32),
                )
            if options.grammar is None:
                return
        if bias:
            self._add(
                lib.llama_sampler_init_logit_bias(
                    size, len(bias), (lib.llama_logit_bias * len(bias))(*bias.items())
                )
            )
        seed = (
            secrets.randbelow(_SEEDS)
            if options.seed is None or options.seed < 0
            else options.seed % _SEEDS
        )
        if options.mirostat:
            self._add_penalties(options, prompt)
            self._add(lib.llama_sampler_init_temp(options.temperature))
            self._add_mirostat(options, seed)
        elif options.greedy:
            self._add_penalties(options, prompt)
            self._add(lib.llama_sampler_init_greedy())
        else:
            self._add_in_order(options, seed, prompt)

    def _add_penalties(self, options: Sampling, prompt: Sequence[int]) -> None:
        if options.penalties == _NO_PENALTIES or not options.repeat_last_n:
            return
        penalties = lib.llama_sampler_init_penalties(
            self._model.size, options.repeat_last_n, *options.penalties
        )
        self._add(penalties)
        self._accept_prompt(penalties, prompt[-options.repeat_last_n :])

    def _add_in_order(self, options: Sampling, seed: int, prompt: Sequence[int]) -> None:
        keep = options.min_keep
        temperatures = options.temperature, options.dynatemp_range, options.dynatemp_exponent
        add: dict[SamplerName, Callable[[], object]] = {
            "dry": lambda: self._add_dry(options, prompt),
            "infill": self._add_infill,
            "min_p": lambda: self._add(lib.llama_sampler_init_min_p(options.min_p, keep)),
            "penalties": lambda: self._add_penalties(options, prompt),
            "temperature": lambda: self._add(lib.llama_sampler_init_temp_ext(*temperatures)),
            "top_k": lambda: self._add(lib.llama_sampler_init_top_k(options.top_k)),
            "top_n_sigma": lambda: self._add(
                lib.llama_sampler_init_top_n_sigma(options.top_n_sigma)
            ),
            "top_p": lambda: self._add(lib.llama_sampler_init_top_p(options.top_p, keep)),
            "typ_p": lambda: self._add(lib.llama_sampler_init_typical(options.typical_p, keep)),
            "xtc": lambda: self._add(
                lib.llama_sampler_init_xtc(
                    options.xtc_probability, options.xtc_threshold, keep, seed
                )
            ),
        }
        for name in options.samplers:
            if name in add:
                add[name]()
        # it chooses a token, so it is the last one wherever it is listed
        if "adaptive_p" in options.samplers:
            self._add(
                lib.llama_sampler_init_adaptive_p(
                    options.adaptive_target, options.adaptive_decay, seed
                )
            )
        else:
            self._add(lib.llama_sampler_init_dist(seed))

    def _add_dry(self, options: Sampling, prompt: Sequence[int]) -> None:
        if not (options.dry_multiplier and options.dry_penalty_last_n):
            return
        texts = [utf8(text) for text in options.dry_sequence_breakers]
        breakers = (ctypes.c_char_p * len(texts))(*texts)
        settings = (
            options.dry_multiplier,
            options.dry_base,
            options.dry_allowed_length,
            options.dry_penalty_last_n,
        )
        dry = lib.llama_sampler_init_dry(self._model.vocabulary, *settings, breakers, len(texts))
        self._add(dry)
        self._accept_prompt(dry, prompt[-options.dry_penalty_last_n :])

    def _accept_prompt(self, sampler: Any, tokens: Sequence[int]) -> None:
        """Show a sampler the end of the prompt, as llama.cpp's server does."""
        for token in tokens:
            if 0 <= token < self._model.size:  # not a part of an image
                lib.llama_sampler_accept(sampler, token)

    def _add_infill(self) -> None:
        if self._model.eos_token is None:
            raise InvalidRequestError(
                f"{self._model.name} has no token at which texts end, so the sampler `infill` "
                "cannot be used."
            )
        self._add(lib.llama_sampler_init_infill(self._model.vocabulary))

    def _add_mirostat(self, options: Sampling, seed: int) -> None:
        tau, eta = options.mirostat_tau, options.mirostat_eta
        if options.mirostat == 1:
            self._add(lib.llama_sampler_init_mirostat(self._model.size, seed, tau, eta, 100))
        else:
            self._add(lib.llama_sampler_init_mirostat_v2(seed, tau, eta))

    def _add(self, sampler: Any) -> None:
        lib.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: Context, row: int) -> int:
        """Return the token after a row of the last batch.

        Raises:
            InvalidRequestError: The grammar lets no token follow.
        """
        unrestricted = self._grammar is None or self.grammar_waits
        if unrestricted and self._bias is not None:
            return _most_likely(context.logits(row), *self._bias)
        if unrestricted:
            return int(lib.llama_sampler_sample(self._chain, context.pointer, row))
        logits = context.logits(row)
        token, _ = self._choose(_candidates(logits))
        # only then is the grammar asked about the whole vocabulary, which is slow
        if not self._allows(token):
            candidates = _candidates(logits)
            candidates["logit"][self._model.tokens_with_nul] = -np.inf
            self._restrict(candidates)
            token, logit = self._choose(candidates)
            if logit == -np.inf:  # llama.cpp aborts the process if it is accepted
                raise InvalidRequestError(
                    "The grammar cannot be satisfied: the model's vocabulary has no token that "
                    "may follow here."
                )
        lib.llama_sampler_accept(self._chain, token)
        lib.llama_sampler_accept(self._grammar, token)
        return token

    def accept(self, token: int) -> None:
        """Remember a token that was not chosen by `sample`, before the grammar holds."""
        if self._bias is None:
            lib.llama_sampler_accept(self._chain, token)

    def begin_grammar(self, tokens: Sequence[int]) -> bool:
        """Let the grammar hold from now on.

        Args:
            tokens: Tokens of the answer that it has to allow.

        Returns:
            Whether it allows them; where it does not, the answer stays free.
        """
        for token in tokens:
            if not self._allows(token):
                lib.llama_sampler_reset(self._grammar)
                return False
            lib.llama_sampler_accept(self._grammar, token)
        self.grammar_waits = False
        return True

    def _choose(self, candidates: npt.NDArray[np.void]) -> tuple[int, float]:
        array = _array(candidates)
        lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        if array.selected < 0:
            return 0, -np.inf
        chosen = array.data[array.selected]
        return chosen.id, chosen.logit

    def _restrict(self, candidates: npt.NDArray[np.void]) -> None:
        array = _array(candidates)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(array))

    def _allows(self, token: int) -> bool:
        # the grammar does not see what follows a NUL in a token
        if token in self._model.tokens_with_nul:
            return False
        candidate = np.array([(token, 1.0, 0.0)], _CANDIDATE)
        self._restrict(candidate)
        return bool(candidate["logit"][0] > -np.inf)

    def free(self) -> None:
        """Free the memory."""
        for sampler in (self._chain, self._grammar):
            if sampler:
                lib.llama_sampler_free(sampler)
        self._chain = self._grammar = None


def top_logprobs(
    model: Model, logits: npt.NDArray[np.float32], token: int, count: int
) -> dict[str, Any]:
    """Return the log probabilities of the token and of the most probable ones.

    They are those before any sampler changed them.
    """
    shifted = logits.astype(np.float64) - logits.max()
    logprobs = shifted - np.log(np.exp(shifted).sum())
    count = min(count, model.size)
    best = np.argpartition(-logprobs, count - 1)[:count] if count else np.empty(0, np.int64)
    best = best[np.argsort(-logprobs[best], kind="stable")]

    def about(number: int) -> dict[str, Any]:
        piece = model.piece(number, special=True)
        text = piece.decode("utf-8", "replace")
        return {
            "id": number,
            "token": text,
            "bytes": list(piece),
            "logprob": float(logprobs[number]),
        }

    return {**about(token), "top_logprobs": [about(int(number)) for number in best]}


def _parsed(model: Model, grammar: str) -> Any:
    LOG.clear()
    sampler = (
        lib.llama_sampler_init_grammar(model.vocabulary, grammar.encode(), b"root")
        if grammar.strip()
        else None
    )
    if not sampler:
        reason = LOG.text().strip() or "it is empty"
        raise InvalidRequestError(
            f"The grammar cannot be used ({reason}). It is GBNF text with a rule named `root`."
        )
    return sampler


def _most_likely(
    logits: npt.NDArray[np.float32], tokens: npt.NDArray[np.intp], bias: npt.NDArray[np.float32]
) -> int:
    """As llama.cpp's greedy sampler, which copies the whole vocabulary for it."""
    before = logits[tokens]
    logits[tokens] += bias
    token = int(logits.argmax())
    logits[tokens] = before
    return token


def _candidates(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.void]:
    candidates = np.zeros(len(logits), _CANDIDATE)
    candidates["id"] = np.arange(len(logits))
    candidates["logit"] = logits
    return candidates


def _array(candidates: npt.NDArray[np.void]) -> Any:
    data = ctypes.cast(candidates.ctypes.data, ctypes.POINTER(lib.llama_token_data))
    return lib.llama_token_data_array(data=data, size=len(candidates), selected=-1, sorted=False)
