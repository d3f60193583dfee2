"""Define llama.cpp's sampler options under its own names.

They are for its server and for the engines in this process.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("POST /completion").
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from langchain_localllm.base.options import SamplingOptions
from langchain_localllm.errors import InvalidOptionError

SamplerName = Literal[
    "adaptive_p",
    "dry",
    "infill",
    "min_p",
    "penalties",
    "temperature",
    "top_k",
    "top_n_sigma",
    "top_p",
    "typ_p",
    "xtc",
]
DEFAULT_SAMPLERS: Final[tuple[SamplerName, ...]] = (
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typ_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
)
"""llama.cpp's samplers in its order; one without its option does nothing."""
_OTHER_NAMES: Final = {
    "minp": "min_p",
    "nucleus": "top_p",
    "temp": "temperature",
    "topk": "top_k",
    "topp": "top_p",
    "typ": "typ_p",
    "typical_p": "typ_p",
}


def _sampler_names(value: Any) -> Any:
    """Return names of samplers in the server's form.

    They may be a text with `;`, as on the command line.
    """
    names = value.split(";") if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        return value
    plain = [name.strip().lower().replace("-", "_") for name in names]
    return [_OTHER_NAMES.get(name, name) for name in plain]


class SamplerOptions(SamplingOptions):
    """How the next token is chosen. `None` leaves llama.cpp's own default."""

    REMOVED: ClassVar[Mapping[str, str]] = {
        "penalize_nl": "llama.cpp removed it. Use `logit_bias` to discourage a token.",
        "tfs_z": "llama.cpp took tail-free sampling out. Use `min_p` or `typical_p`.",
    }

    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drop tokens less probable than this share of the most probable one. Default: 0.05."""
    typical_p: float | None = Field(default=None, ge=0, le=1)
    """Locally typical sampling. Default: 1, which is off."""
    top_n_sigma: float | None = None
    """Keep tokens whose logits are within this many standard deviations of the highest one.
    Default: -1, which is off."""
    repeat_penalty: float | None = Field(default=None, gt=0)
    """Makes repeated tokens less probable. Default: 1, which is off."""
    presence_penalty: float | None = None
    """Makes tokens that occurred less probable. Default: 0, which is off."""
    frequency_penalty: float | None = None
    """Makes tokens less probable by how often they occurred. Default: 0, which is off."""
    dry_multiplier: float | None = Field(default=None, ge=0)
    """Strength of DRY ("don't repeat yourself") against repeated phrases. Default: 0, which is off;
    0.8 is usual."""
    dry_base: float | None = Field(default=None, ge=1)
    """Growth of the DRY penalty with the length of the phrase. Default: 1.75."""
    dry_allowed_length: int | None = Field(default=None, ge=0)
    """Tokens of a phrase that DRY lets repeat without a penalty. Default: 2."""
    dry_penalty_last_n: int | None = Field(default=None, ge=-1)
    """Tokens that DRY looks back at; -1 is the whole context, which newer servers refuse. Default:
    64."""
    dry_sequence_breakers: list[str] | None = Field(default=None, min_length=1)
    r"""Texts at which a phrase ends for DRY. Default: `["\n", ":", "\"", "*"]`."""
    xtc_probability: float | None = Field(default=None, ge=0, le=1)
    """Chance that XTC removes the most probable tokens but the last of them. Default: 0, which is
    off."""
    xtc_threshold: float | None = Field(default=None, ge=0, le=1)
    """Probability from which XTC counts a token as a top choice; above 0.5 it is off. Default:
    0.1."""
    dynatemp_range: float | None = Field(default=None, ge=0)
    """The temperature varies with the entropy, between `temperature` minus and plus this. Default:
    0, which is off."""
    dynatemp_exponent: float | None = Field(default=None, ge=0)
    """How the temperature follows the entropy. Default: 1."""
    adaptive_target: float | None = Field(default=None, le=1)
    """Choose tokens near this probability (adaptive-p). Default: a negative number, which is
    off."""
    adaptive_decay: float | None = Field(default=None, ge=0, le=0.99)
    """How much of the past adaptive-p takes into account, about 1 / (1 - decay) tokens. Default:
    0.9."""
    mirostat: int | None = Field(default=None, ge=0, le=2)
    """Mirostat sampling, which replaces all samplers but the temperature: 0 is off, 1 is Mirostat,
    2 is Mirostat 2.0."""
    mirostat_tau: float | None = None
    """Mirostat's target entropy. Default: 5."""
    mirostat_eta: float | None = None
    """Mirostat's learning rate. Default: 0.1."""
    samplers: Annotated[list[SamplerName] | None, BeforeValidator(_sampler_names)] = None
    """The samplers in the order in which they are applied; those that are left out are off.
    Default: penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, temperature, and
    adaptive_p at the end where `adaptive_target` is set."""
    min_keep: int | None = Field(default=None, ge=0)
    """Tokens that the samplers leave at least. Default: 0."""
    ignore_eos: bool | None = None
    """Continue when the model emits an end-of-generation token."""

    def sampler_order(self) -> list[SamplerName] | None:
        """Return the samplers to use, or `None` for llama.cpp's own.

        Llama.cpp uses adaptive-p only where it is listed.

        Raises:
            InvalidOptionError: `adaptive_target` is set, but the list does not have adaptive-p.
        """
        if self.adaptive_target is None or self.adaptive_target < 0:
            return self.samplers
        if self.samplers is None:
            return [*DEFAULT_SAMPLERS, "adaptive_p"]
        if "adaptive_p" not in self.samplers:
            raise InvalidOptionError(
                "`adaptive_target` has no effect without 'adaptive_p' in `samplers`. Add it at "
                "the end of the list."
            )
        return self.samplers


SAMPLER_FIELDS: Final = tuple(SamplerOptions.__annotations__.keys() - {"REMOVED"})
"""The names of these options, but for those of every runtime."""
