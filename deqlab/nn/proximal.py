"""The proximal operators of which activations are made.

φ with 0 ≤ φ' ≤ 1 is the proximal operator of a convex f: ∂f = φ⁻¹ − I. That of αf is another
function, φ_α = (I + α(φ⁻¹ − I))⁻¹, in other words

    φ_α(x) = φ(y) for the y with α y + (1 − α) φ(y) = x

For ReLU, f is the indicator function of the positive orthant, αf = f and φ_α = φ. For tanh it is a
scalar equation: φ_α ≠ tanh unless α = 1.
"""

import torch
from torch import Tensor

from deqlab.activations import Activation

NEWTON_STEPS = 8  # and two more: rounding error for 1e-3 ≤ α ≤ 1e3 and every x


def proximal(activation: Activation, x: Tensor, step: Tensor) -> Tensor:
    """prox_{αf}(x), componentwise, for the f with prox_f = activation.

    Parameters
    ----------
    activation : Activation
        RELU or TANH.
    x : Tensor
    step : Tensor ()
        α > 0.

    Raises
    ------
    ValueError
        For another activation.

    Notes
    -----
    For TANH Newton's method rises to the root from one side, since α y + (1 − α) tanh y bends one
    way for y > 0. Its last two steps are differentiated, which makes derivatives up to the third
    order exact.
    """
    if activation is Activation.RELU:
        return activation(x)
    if activation is not Activation.TANH:
        raise ValueError(f"activation must be RELU or TANH; got {activation}")
    with torch.no_grad():
        y = torch.where(step < 1, torch.zeros_like(x), x)
        for _ in range(NEWTON_STEPS):
            y = _newton(y, x, step)
    for _ in range(2):
        y = _newton(y, x, step)
    return torch.tanh(y)


def _newton(y: Tensor, x: Tensor, step: Tensor) -> Tensor:
    t = torch.tanh(y)
    return y - (step * y + (1 - step) * t - x) / (step + (1 - step) * (1 - t * t))
