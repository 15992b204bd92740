"""The configuration of a looped transformer: what it may be, checked when it is written down."""

import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from deqlab.looped.choices import (
    FeedForwardKind,
    HaltingHead,
    InitialState,
    Injection,
    Latents,
    Mixer,
    NormKind,
    NormPlacement,
    Positions,
    ResidualScale,
    Tying,
)
from deqlab.looped.validation import check_fields, check_together

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class LoopedTransformerConfig:
    """A looped transformer: prelude, a core of L layers applied N times, coda.

    Parameters
    ----------
    vocab_size : int
        Token ids are 0, …, vocab_size − 1.
    num_classes : int, optional
        Logits per position. Default: vocab_size.
    max_length : int, optional
        Longest sequence; needed by learned positions and by the MLP mixer (its exact length).
    width, heads, hidden : int
        d, the attention heads, and the inner width of the feed-forward nets; the default of
        `hidden` is 8/3 d for SwiGLU and 4 d otherwise, to the next multiple of 8.
    prelude, layers, coda : int
        Layers before the loop, L in the core, and after the loop.
    loops : int
        N, the loops at training; residual scales are frozen at it.
    mixer, feed_forward, positions, causal
        The parts of a layer; see the enums.
    convolution : int, optional
        Taps of a depth-wise convolution over positions, applied to the state before the injection;
        it looks back if causal, and is centred (an odd number) otherwise.
    norm, norm_kind, norm_gain, norm_eps
        Where, what, whether with a learned gain, and what is added to the mean square.
    loop_norm : bool
        Normalise at the end of every loop.
    exit_norm : bool
        Apply the final norm also to the state that leaves the loop, before the coda.
    final_norm : bool
        Normalise before the output layer.
    qk_norm : bool
        Normalise queries and keys, head by head.
    bias : bool
        Biases in the linear layers.
    residual, residual_strength
        ε, and λ in λ/(N√L). Prelude and coda have ε = 1.
    alpha_layer, alpha_loop : float
        α₁ and α₂ at the start of training, in (0, 1).
    tying, injection, state, initial
        See the enums.
    initial_std : float
        Of a normal or learned initial state, truncated at three standard deviations.
    inner_loops : int
        n updates of z for each of y.
    shared_latents : bool
        One core updates y and z; otherwise each has its own.
    inner_gradient : int, optional
        Differentiate only the last so many of the n updates of z. Default: all.
    time_signal : bool
        Add sinusoids of the position and of the loop to the state, as the Universal Transformer.
    relaxation : float
        τ in z ← (1 − τ) z + τ f(z), in (0, 1].
    noise : float
        Standard deviation of normal noise added at every update.
    patience : int, optional
        Multiply τ, sample by sample, by `patience_decay` after so many loops without a new lowest
        residual (`patience_decay_eval` in evaluation), while the residual exceeds
        `patience_tolerance`.
    halting_head, halting_bias
        A unit that learns to halt, and its bias at the start of training.
    act_epsilon : float
        ACT ends where the probabilities sum to 1 − ε.

    Raises
    ------
    TypeError, ValueError
        If a value is out of range, or two do not go together.

    Examples
    --------
    >>> config = LoopedTransformerConfig(vocab_size=2, width=32, loops=12, causal=True)
    >>> LoopedTransformerConfig.from_json(config.to_json()) == config
    True
    """

    vocab_size: int
    num_classes: int | None = None
    max_length: int | None = None

    width: int = 128
    heads: int = 4
    hidden: int | None = None
    prelude: int = 0
    layers: int = 1
    coda: int = 0
    loops: int = 8

    mixer: Mixer = Mixer.ATTENTION
    feed_forward: FeedForwardKind = FeedForwardKind.SWIGLU
    positions: Positions = Positions.ROTARY
    causal: bool = False
    convolution: int | None = None
    norm: NormPlacement = NormPlacement.PRE
    norm_kind: NormKind = NormKind.RMS
    norm_gain: bool = True
    norm_eps: float = 1e-5
    loop_norm: bool = False
    exit_norm: bool = False
    final_norm: bool = True
    qk_norm: bool = False
    bias: bool = False
    residual: ResidualScale = ResidualScale.ONE
    residual_strength: float = 1.0
    alpha_layer: float = 0.75
    alpha_loop: float = 0.25

    tying: Tying = Tying.BLOCK
    injection: Injection = Injection.ADD
    state: Latents = Latents.Z
    initial: InitialState = InitialState.ZEROS
    initial_std: float = 1.0
    inner_loops: int = 1
    shared_latents: bool = True
    inner_gradient: int | None = None
    time_signal: bool = False

    relaxation: float = 1.0
    noise: float = 0.0
    patience: int | None = None
    patience_decay: float = 0.9
    patience_decay_eval: float = 0.99
    patience_tolerance: float = 0.1

    halting_head: HaltingHead = HaltingHead.NONE
    halting_bias: float = 0.0
    act_epsilon: float = 0.01

    def __post_init__(self) -> None:
        check_fields(self)
        check_together(self)

    @property
    def classes(self) -> int:
        """Logits per position."""
        return self.vocab_size if self.num_classes is None else self.num_classes

    @property
    def inner_width(self) -> int:
        """Inner width of the feed-forward nets."""
        if self.hidden is not None:
            return self.hidden
        return self.default_hidden(self.width)

    def default_hidden(self, width: int) -> int:
        """8/3 of the width for the three matrices of SwiGLU, else 4 of it, in steps of 8."""
        ratio = 8 / 3 if self.feed_forward is FeedForwardKind.SWIGLU else 4
        return -8 * (-round(ratio * width) // 8)

    def to_dict(self) -> dict[str, Any]:
        """Plain values and `schema_version`."""
        values = {k: v.value if isinstance(v, Enum) else v for k, v in asdict(self).items()}
        return {"schema_version": SCHEMA_VERSION, **values}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "LoopedTransformerConfig":
        """The inverse of `to_dict`; a missing option has its default.

        Raises
        ------
        ValueError
            If the schema version, an option or a choice is unknown.
        """
        values = dict(values)
        version = values.pop("schema_version", None)
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"the configuration has schema_version {version!r}; this deqlab reads "
                f"{SCHEMA_VERSION}: write it again with the deqlab that made it, or update deqlab"
            )
        types = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(set(values) - set(types)):
            raise ValueError(f"unknown option {unknown[0]!r}; the options are {sorted(types)}")
        for name, value in values.items():
            kind = types[name]
            if isinstance(kind, type) and issubclass(kind, Enum):
                choices = [choice.value for choice in kind]
                if value not in choices:
                    raise ValueError(f"{name} must be one of {choices}; got {value!r}")
                values[name] = kind(value)
        return cls(**values)

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "LoopedTransformerConfig":
        """The inverse of `to_json`."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"a configuration is a JSON object; got {type(values).__name__}")
        return cls.from_dict(values)
