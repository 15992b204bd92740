"""The updates of the systems with an answer y and a latent state z: HRM, TRM, EqR."""

from torch import Tensor

from .parts import Weights, attention, depth, rms_norm, rotate_halves, swiglu, within


def reasoning_module(w: Weights, x: Tensor) -> Tensor:
    """Post-norm RMS layers without gains; tokens mixed by attention, or by an MLP over positions.

    Read in `sapientinc/HRM`, `SamsungSAILMontreal/TinyRecursiveModels` and `locuslab/EqR`; with
    the MLP (`mlp_t`) the norm too runs over the positions.
    """
    for layer in depth(w):
        if "mixer.function.module.expand.weight" in layer:
            columns = x.mT
            columns = columns + swiglu(within(layer, "mixer.function.module."), columns)
            x = rms_norm(columns, eps=1e-5).mT
        else:
            a = within(layer, "mixer.function.")
            x = rms_norm(x + attention(a, x, rotate=rotate_halves), eps=1e-5)
        x = rms_norm(x + swiglu(within(layer, "feed_forward.function."), x), eps=1e-5)
    return x


def latent_recursion(
    w: Weights, y: Tensor, z: Tensor, x: Tensor, *, cycles: int, relaxation: float = 1.0
) -> tuple[Tensor, Tensor]:
    """n updates of z from (z, y + x), then one of y from (y, z).

    HRM (arXiv 2506.21734; hrm_act_v1.py) has a module for each, TRM (2510.04871; trm.py) one for
    both, and EqR (2605.21488; models/eqr.py) relaxes every update: (1 - λ) state + λ f, λ = 0.95.
    """
    core = within(w, "core.")
    answer = within(w, "answer_core.") or core
    for _ in range(cycles):
        z = (1 - relaxation) * z + relaxation * reasoning_module(core, z + y + x)
    y = (1 - relaxation) * y + relaxation * reasoning_module(answer, y + z)
    return y, z
