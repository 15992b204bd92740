"""Presets by name, and the control of a tied model."""

from collections.abc import Mapping
from dataclasses import replace

from deqlab.looped.catalogue import LANGUAGE
from deqlab.looped.catalogue_reasoning import REASONING
from deqlab.looped.choices import Tying
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.preset import Preset

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (*LANGUAGE, *REASONING)}


def looped_preset(name: str) -> Preset:
    """The preset of that name.

    Raises
    ------
    ValueError
        If there is none; the text lists all.

    Examples
    --------
    >>> config = looped_preset("trm").config(vocab_size=11, width=64)
    >>> config.inner_loops, config.loops
    (6, 3)
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; the presets are {sorted(PRESETS)}")
    return PRESETS[name]


def fir_control(config: LoopedTransformerConfig) -> LoopedTransformerConfig:
    """The untied twin of a tied model: N cores in place of one, at the same compute."""
    return replace(config, tying=Tying.NONE)
