"""When a sample is done: ‖f(z) − z‖ ≤ rtol · max(‖f(z)‖, ‖f(z₀) − z₀‖) + atol.

The residual is that of the unrelaxed map. Neither maximum alone would do: ‖f(z)‖ starves the test
where z* = 0, and ‖f(z₀) − z₀‖ where z₀ is good. Both scale with z, so the number of steps does not
depend on the unit of z (with atol = 0).

The maximum has a blind spot: where z runs away, ‖f(z)‖ grows until any residual is small beside it.
So the loop takes a sample that has moved for done only if its residual has also fallen from the
largest one it saw.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from deqlab._state import Layout
from deqlab.problem import Problem


class Norm(Enum):
    """How the residual of one sample is measured."""

    L2 = "l2"
    LINF = "linf"
    TOKEN_MAX = "token_max"  # the largest 2-norm along the last axis of the state

    def __call__(self, x: Tensor, layout: Layout) -> Tensor:
        """‖x‖ of every row of x (B, D), accumulated in float32 or wider: (B,)."""
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        if self is Norm.L2:
            return torch.linalg.vector_norm(x, dim=1, dtype=dtype)
        if self is Norm.LINF:
            return torch.linalg.vector_norm(x, ord=math.inf, dim=1, dtype=dtype)
        tokens = x.unflatten(1, (-1, layout.token_size))
        return torch.linalg.vector_norm(tokens, dim=2, dtype=dtype).amax(1)


class Measurement(NamedTuple):
    """What a stopping rule saw, per sample: (B,) each."""

    residual: Tensor
    relative_residual: Tensor  # as compared by the rule
    unfinished: Tensor  # bool; False for nan


class StoppingRule(Protocol):
    """Decides, sample by sample, when to stop.

    A rule with `measures = False` has no use for the image of the last iterate: f is then evaluated
    once a step and no more, and update is given fz = z there. One with `never_stops = True` takes
    max_steps steps whatever it sees.
    """

    keep_best: bool
    """Return the iterate of lowest residual of a sample that fails; otherwise the last."""

    def init(self, z: Tensor, fz: Tensor, problem: Problem) -> Any:
        """The rule's state at the first evaluation: tensors of leading dimension B."""
        ...

    def update(
        self, z: Tensor, fz: Tensor, state: Any, problem: Problem
    ) -> tuple[Measurement, Any]:
        """Judge the iterate z with its image fz (B, D)."""
        ...


def default_rtol(dtype: torch.dtype) -> float:
    """1e-5 in float32, 1e-8 in float64, 8 eps in half precision."""
    known = {torch.float64: 1e-8, torch.float32: 1e-5}
    return known[dtype] if dtype in known else 8 * float(torch.finfo(dtype).eps)


@dataclass(frozen=True, kw_only=True)
class RelativeResidual:
    """Stop where ‖f(z) − z‖ ≤ rtol · max(‖f(z)‖, ‖f(z₀) − z₀‖) + atol.

    Parameters
    ----------
    rtol : float, optional
        Default: 1e-5 in float32, 1e-8 in float64, 8 eps in bfloat16 and float16, and under
        autocast.
    atol : float
        In the unit of z. It makes the number of steps depend on that unit.
    norm : Norm

    Raises
    ------
    ValueError
        If a tolerance is negative or not finite, or both are 0.

    Notes
    -----
    `Solution.relative_residual` is ‖f(z) − z‖ / (max(…) + atol/rtol), at most rtol where the test
    is met; for rtol = 0 it is ‖f(z) − z‖ / atol, at most 1.
    """

    rtol: float | None = None
    atol: float = 0.0
    norm: Norm = Norm.L2
    keep_best = True

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be finite and at least 0; got {value!r}")
        if self.rtol == 0 and self.atol == 0:
            raise ValueError(
                "rtol and atol are both 0, which no rounded residual meets; to take exactly "
                "max_steps steps pass stop=None"
            )
        if not isinstance(self.norm, Norm):
            raise TypeError(f"norm must be a deqlab.Norm, such as Norm.LINF; got {self.norm!r}")

    def init(self, z: Tensor, fz: Tensor, problem: Problem) -> Tensor:
        """What ‖f(z)‖ is compared with: ‖f(z₀) − z₀‖, and never 0."""
        first = self.norm(fz - z, problem.layout)
        return first.clamp_min(torch.finfo(first.dtype).tiny)

    def update(
        self, z: Tensor, fz: Tensor, state: Tensor, problem: Problem
    ) -> tuple[Measurement, Tensor]:
        """Judge the iterate z with its image fz (B, D)."""
        rtol = default_rtol(problem.precision) if self.rtol is None else self.rtol
        residual = self.norm(fz - z, problem.layout)
        if rtol == 0:
            relative, bound = residual / self.atol, 1.0
        else:
            scale = torch.maximum(self.norm(fz, problem.layout), state)
            relative = residual / (scale + self.atol / rtol if self.atol else scale)
            bound = rtol
        return Measurement(residual, relative, relative > bound), state


@dataclass(frozen=True)
class FixedSteps(RelativeResidual):
    """Never stop: exactly max_steps steps, with the residual measured but not judged."""

    keep_best = False
    never_stops = True

    def update(
        self, z: Tensor, fz: Tensor, state: Tensor, problem: Problem
    ) -> tuple[Measurement, Tensor]:
        """Only inf and nan end a sample."""
        (residual, relative, _), state = super().update(z, fz, state, problem)
        return Measurement(residual, relative, relative < math.inf), state
