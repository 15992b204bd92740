"""Looped transformers: one model, and a configuration that spans the family.

Read in this order: `config`, `block`, `injection`, `core`, `maps`, `model`; then `halting` and
`presets`.
"""

from deqlab.looped.act import ACTHalting
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
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.damping import NoisyPicard, PatienceDamping
from deqlab.looped.halting import (
    ArgmaxStability,
    ExitGate,
    FixedLoops,
    KLStability,
    QHalting,
    TokenRatio,
)
from deqlab.looped.model import LoopedTransformer
from deqlab.looped.output import LoopedOutput
from deqlab.looped.preset import Preset
from deqlab.looped.presets import PRESETS, fir_control, looped_preset

__all__ = [
    "PRESETS",
    "ACTHalting",
    "ArgmaxStability",
    "ExitGate",
    "FeedForwardKind",
    "FixedLoops",
    "HaltingHead",
    "InitialState",
    "Injection",
    "KLStability",
    "Latents",
    "LoopedOutput",
    "LoopedTransformer",
    "LoopedTransformerConfig",
    "Mixer",
    "NoisyPicard",
    "NormKind",
    "NormPlacement",
    "PatienceDamping",
    "Positions",
    "Preset",
    "QHalting",
    "ResidualScale",
    "TokenRatio",
    "Tying",
    "fir_control",
    "looped_preset",
]
