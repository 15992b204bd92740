"""Looped transformers for puzzles: small nets that think long.

See `deqlab.looped.catalogue` for what a preset claims.
"""

from deqlab.adjoints.unrolled import Unrolled
from deqlab.looped.choices import (
    HaltingHead,
    InitialState,
    Injection,
    Latents,
    NormPlacement,
    ResidualScale,
)
from deqlab.looped.halting import QHalting, TokenRatio
from deqlab.looped.model import LoopedTransformer
from deqlab.looped.preset import Preset
from deqlab.stopping import StoppingRule

_POST_RMS = {"norm": NormPlacement.POST, "norm_gain": False, "final_norm": False}
_LATENTS = {
    **_POST_RMS,
    "state": Latents.YZ,
    "initial": InitialState.FIXED,
    "halting_head": HaltingHead.Q,
    "halting_bias": -5.0,
}
_TRM = {**_LATENTS, "layers": 2, "loops": 3, "inner_loops": 6}
_SCALE = "weights of the embedding with standard deviation 1/√d, times √d: here 1, times 1"
_NORMAL = "normal numbers cut off at two standard deviations and rescaled: here cut off at three"
_SEGMENTS = "the two loss terms, deep supervision over segments and the EMA belong to training"


def _q_halting(model: LoopedTransformer) -> StoppingRule:
    return QHalting(score=model.halting_score)


REASONING = (
    Preset(
        name="hrm",
        citation="G. Wang et al., Hierarchical reasoning model, arXiv 2506.21734",
        source="authors' code: sapientinc/HRM, models/hrm/hrm_act_v1.py",
        options={
            **_LATENTS,
            "layers": 4,
            "loops": 2,
            "inner_loops": 2,
            "shared_latents": False,
            "inner_gradient": 1,
        },
        adjoint=Unrolled(truncate=1),
        stop=_q_halting,
        published={"width": 512, "heads": 8, "hidden": 1536},
        not_reproduced=(
            "the q of continuing, its bootstrapped target, exploration; " + _SEGMENTS,
            "puzzle embeddings, from whose first position the q-head reads: here the mean",
            _SCALE,
        ),
    ),
    Preset(
        name="trm",
        citation="A. Jolicoeur-Martineau, Less is more: recursive reasoning with tiny networks, "
        "arXiv 2510.04871",
        source="authors' code: SamsungSAILMontreal/TinyRecursiveModels, "
        "models/recursive_reasoning/trm.py",
        options=_TRM,
        adjoint=Unrolled(truncate=1),
        stop=_q_halting,
        published={"width": 512, "heads": 8, "hidden": 1536},
        not_reproduced=(
            _SEGMENTS + "; so do the stable-max loss and exploration",
            "puzzle embeddings, from whose first position the q-head reads: here the mean",
            _SCALE,
        ),
    ),
    Preset(
        name="eqr",
        citation="Equilibrium reasoners, arXiv 2605.21488",
        source="authors' code: locuslab/EqR, models/eqr.py",
        options={**_TRM, "initial": InitialState.NORMAL, "relaxation": 0.95, "noise": 0.01},
        adjoint=Unrolled(truncate=1),
        stop=_q_halting,
        published={"width": 512, "heads": 8, "hidden": 1536},
        not_reproduced=(
            "an optimiser step after each segment (online training), restarts and their selection",
            "two-dimensional rotary positions; the q-head reads the first position there",
            _SCALE,
            _NORMAL,
        ),
    ),
    Preset(
        name="fprm",
        citation="S. Movahedi et al., Fixed-point reasoners: stable and adaptive deep looped "
        "transformers, arXiv 2606.18206",
        source="authors' code: nilskiKonjIzDunava/fprm, models/transformer.py and "
        "fixed_point_reasoning/model_utils.py; the paper was not read",
        options={
            "layers": 2,
            "loops": 72,
            "convolution": 3,
            "norm_gain": False,
            "final_norm": False,
            "injection": Injection.ALPHA_BETA,
            "residual": ResidualScale.ALPHA_BETA,
            "initial": InitialState.NORMAL,
            "initial_std": 6.0,
            "patience": 5,
        },
        adjoint=Unrolled(truncate=6),
        stop=lambda model: TokenRatio(tol=0.1),
        published={"width": 512, "heads": 8, "hidden": 1536},
        not_reproduced=(
            "training in windows of 6 loops with a loss after each, a slot refilled when halted",
            "the convolution over the two axes of a grid: here along the sequence, centred unless "
            "causal (the authors' one-dimensional one is always causal, with 4 taps)",
            "β₁ is β₂/(1 + α₁ + …) exactly; the code divides by 1 − α₁^(2L) + 1e-5",
            "halting where the relaxation has fallen below 1e-3; puzzle embeddings",
            _SCALE,
        ),
    ),
)
