"""How much of a branch enters the residual stream: h ← skip · h + branch · F(h).

N visits of one layer add up N correlated updates, so ε = 1/N keeps their sum of order one where
independent layers would allow 1/√(NL); λ/(N√L) counts L distinct layers visited N times each. N is
the number of loops at training: at evaluation more loops continue the same map.

The α-β tie: L layers are 2L sub-layers, and one loop gives a channel

    z ← a (α₂ z + β₂ e) + β₁ Σ_j α₁^j F_j,  a = α₁^{2L},  j = 0, …, 2L − 1
    β₂ = 1 − a α₂,  β₁ = β₂ (1 − α₁)/(1 − a) = β₂ / (1 + α₁ + … + α₁^{2L−1})

so that |z| ← at most a α₂ |z| + (1 − a α₂)(a |e| + max |F|), a mean: iterates never leave
max(|z₀|, a |e| + max |F|).

References
----------
.. [1] S. Movahedi et al., Fixed-point reasoners: stable and adaptive deep looped transformers,
   arXiv 2606.18206 (the tie, after the authors' code).
.. [2] Wang, Li, Zhang, Huang, Yan, Li, arXiv 2606.18524 (1/N and λ/(N√L), after its abstract).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deqlab.looped.choices import ResidualScale
from deqlab.looped.config import LoopedTransformerConfig


class Coefficients(NamedTuple):
    """Of a sub-layer (skip, branch) and of the injection (state, input): floats, or (d,) each."""

    skip: float | Tensor = 1.0
    branch: float | Tensor = 1.0
    state: float | Tensor = 1.0
    input: float | Tensor = 1.0

    def add(self, h: Tensor, y: Tensor) -> Tensor:
        """skip · h + branch · y."""
        if isinstance(self.branch, float):
            return torch.add(h, y, alpha=self.branch)
        return h * self.skip + y * self.branch


class ConstantScale(nn.Module):  # type: ignore[misc]
    """h + ε F(h)."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self) -> Coefficients:
        """The same at every loop."""
        return Coefficients(branch=self.epsilon)

    def extra_repr(self) -> str:
        """ε."""
        return f"epsilon={self.epsilon:g}"


class AlphaBetaScale(nn.Module):  # type: ignore[misc]
    """Learned averages, per channel, of `sublayers` sub-layers and the injection."""

    def __init__(self, width: int, sublayers: int, alpha_layer: float, alpha_loop: float) -> None:
        super().__init__()
        self.sublayers = sublayers
        self.layer_logit = nn.Parameter(torch.full((width,), _logit(alpha_layer)))
        self.loop_logit = nn.Parameter(torch.full((width,), _logit(alpha_loop)))

    def forward(self) -> Coefficients:
        """α₁, β₁, α₂, β₂."""
        skip, state = self.layer_logit.sigmoid(), self.loop_logit.sigmoid()
        powers = [torch.ones_like(skip)]
        for _ in range(self.sublayers):
            powers.append(powers[-1] * skip)
        into = 1 - state * powers[-1]
        branch = into / torch.stack(powers[:-1]).sum(0)
        return Coefficients(skip=skip, branch=branch, state=state, input=into)


def make_scale(config: LoopedTransformerConfig) -> ConstantScale | AlphaBetaScale:
    """The configured scale of the core."""
    kind = config.residual
    if kind is ResidualScale.ALPHA_BETA:
        return AlphaBetaScale(
            config.width, 2 * config.layers, config.alpha_layer, config.alpha_loop
        )
    root = math.sqrt(config.layers)
    return ConstantScale(
        {
            ResidualScale.ONE: 1.0,
            ResidualScale.INVERSE_SQRT_LAYERS: 1 / root,
            ResidualScale.INVERSE_LOOPS: 1 / config.loops,
            ResidualScale.INVERSE_LOOPS_SQRT_LAYERS: (
                config.residual_strength / (config.loops * root)
            ),
        }[kind]
    )


def _logit(p: float) -> float:
    return math.log(p / (1 - p))
