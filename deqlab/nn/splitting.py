"""Operator splittings: how to iterate a monotone cell that is no contraction.

z = φ(Wz + u) with I − W ≽ m I, m > 0, and φ the proximal operator of a convex f is the inclusion
0 ∈ (I − W) z − u + ∂f(z): a strongly monotone linear operator plus a subdifferential. With a step
α > 0 and φ_α = prox of αf (`deqlab.nn.proximal`), z solves it iff

    forward–backward    z = φ_α(G z + αu)                        G = I − α (I − W)
    Peaceman–Rachford   s = R (2 φ_α(s) − s) + 2 V αu, z = φ_α(s)  V = (I + α (I − W))⁻¹, R = 2V − I

φ_α and 2 φ_α − I are nonexpansive, so the maps contract by ‖G‖₂ and ‖R‖₂, and

    ‖G‖₂² ≤ 1 − 2αm + α²‖I − W‖₂²      < 1 for α < 2m/‖I − W‖₂²,   least at α = m/‖I − W‖₂²
    ‖R‖₂² ≤ 1 − 4αm/(1 + 2αm + α²‖I − W‖₂²)      < 1 for every α,   least at α = 1/‖I − W‖₂

(the second from ‖Rv‖² = ‖v‖² − 4α⟨(I − W)w, w⟩ with w = Vv). Both maps have the equilibrium of the
cell for every value of the parameters, so the implicit function theorem, applied to either, gives
the derivative of the same z*.

References
----------
.. [1] E. Winston, J. Z. Kolter, Monotone operator equilibrium networks, NeurIPS 2020.
.. [2] E. K. Ryu, S. Boyd, A primer on monotone operator methods, Appl. Comput. Math. 15 (2016).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from deqlab._state import State
from deqlab.activations import Activation
from deqlab.nn.proximal import proximal


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """A map that is iterated in place of a cell.

    Attributes
    ----------
    f : callable
        f(s, *args, *params), as in `fixed_point`; a contraction.
    args, params : tuple
        Batch-first and shared tensors.
    start : callable
        A state z of the cell ↦ the s to start from.
    read : callable
        The fixed point s ↦ the equilibrium of the cell; differentiable.
    """

    f: Callable[..., State]
    args: tuple[Any, ...]
    params: tuple[Any, ...]
    start: Callable[[State], State]
    read: Callable[[State], State]


class SplittingMethod(Protocol):
    """How z = φ(Wz + u) is iterated, and how fast that contracts."""

    def split(self, W: Tensor, u: Tensor, activation: Activation, monotonicity: float) -> Splitting:
        """The map for W (n, n) and u (B, n)."""
        ...

    def matrix(self, W: Tensor, monotonicity: float) -> Tensor:
        """The matrix whose norm bounds the contraction."""
        ...


@dataclass(frozen=True, kw_only=True)
class ForwardBackward:
    """z ← φ_α(z − α((I − W)z − u)): a contraction for 0 < α < 2m/‖I − W‖₂².

    Parameters
    ----------
    step : float, optional
        α. Default: m/‖I − W‖₂², with the norm at each solve.

    Raises
    ------
    ValueError
        If step is not positive; while solving, if it is not below 2m/‖I − W‖₂².

    Notes
    -----
    One product with an n × n matrix per evaluation. With the default step the error shrinks by
    √(1 − m²/‖I − W‖₂²) or better: slowly where ‖W‖ is large.
    """

    step: float | None = None

    def __post_init__(self) -> None:
        _check_step(self.step)

    def matrix(self, W: Tensor, monotonicity: float) -> Tensor:
        """G."""
        operator = _identity(W) - W
        return _identity(W) - self._step(operator, monotonicity) * operator

    def split(self, W: Tensor, u: Tensor, activation: Activation, monotonicity: float) -> Splitting:
        """The map in z, for W (n, n) and u (B, n)."""
        operator = _identity(W) - W
        step = self._step(operator, monotonicity)
        G = _identity(W) - step * operator

        def f(z: Tensor, d: Tensor, G: Tensor, alpha: Tensor) -> Tensor:
            return proximal(activation, z @ G.mT + d, alpha)

        return Splitting(f=f, args=(step * u,), params=(G, step), start=_same, read=_same)

    def _step(self, operator: Tensor, monotonicity: float) -> Tensor:
        norm = _norm(operator)
        if self.step is None:
            return monotonicity / norm**2
        if not self.step < (limit := 2 * monotonicity / float(norm) ** 2):
            raise ValueError(
                f"forward–backward contracts for step < 2m/‖I − W‖² = {limit:.3g}; got "
                f"{self.step:.3g}: take step=None, or PeacemanRachford()"
            )
        return torch.as_tensor(self.step, dtype=operator.dtype, device=operator.device)


@dataclass(frozen=True, kw_only=True)
class PeacemanRachford:
    """s ← R(2 φ_α(s) − s) + 2αVu, z = φ_α(s): a contraction for every α > 0.

    Parameters
    ----------
    step : float, optional
        α. Default: 1/‖I − W‖₂, with the norm at each solve.

    Raises
    ------
    ValueError
        If step is not positive.

    Notes
    -----
    One inverse of an n × n matrix per solve, one product per evaluation. With the default step the
    error shrinks by √((Λ − m)/(Λ + m)), Λ = ‖I − W‖₂, or better: a square root of what
    forward–backward needs in steps.
    """

    step: float | None = None

    def __post_init__(self) -> None:
        _check_step(self.step)

    def matrix(self, W: Tensor, monotonicity: float) -> Tensor:
        """R."""
        operator = _identity(W) - W
        return _cayley(operator, self._step(operator))

    def split(self, W: Tensor, u: Tensor, activation: Activation, monotonicity: float) -> Splitting:
        """The map in s, for W (n, n) and u (B, n)."""
        operator = _identity(W) - W
        step = self._step(operator)
        R = _cayley(operator, step)
        d = step * (u + u @ R.mT)  # 2V = I + R

        def f(s: Tensor, d: Tensor, R: Tensor, alpha: Tensor) -> Tensor:
            return (2 * proximal(activation, s, alpha) - s) @ R.mT + d

        def start(z: State) -> State:
            assert isinstance(z, Tensor)
            return z - step * (z @ operator.mT - u)

        def read(s: State) -> State:
            assert isinstance(s, Tensor)
            return proximal(activation, s, step)

        return Splitting(f=f, args=(d,), params=(R, step), start=start, read=read)

    def _step(self, operator: Tensor) -> Tensor:
        if self.step is None:
            return 1 / _norm(operator)
        return torch.as_tensor(self.step, dtype=operator.dtype, device=operator.device)


def _same(z: State) -> State:
    return z


def _identity(W: Tensor) -> Tensor:
    return torch.eye(len(W), dtype=W.dtype, device=W.device)


def _cayley(operator: Tensor, step: Tensor) -> Tensor:
    """R = 2 (I + α A)⁻¹ − I = (I + α A)⁻¹ (I − α A)."""
    identity = _identity(operator)
    return torch.linalg.solve(identity + step * operator, identity - step * operator)


def _norm(operator: Tensor) -> Tensor:
    """‖A‖₂, a constant to differentiation: z* does not depend on the step."""
    return torch.linalg.matrix_norm(operator.detach(), 2)


def _check_step(step: float | None) -> None:
    if step is None:
        return
    if isinstance(step, bool) or not isinstance(step, int | float):
        raise TypeError(f"step must be a number, or None; got {step!r}")
    if not 0 < step < float("inf"):
        raise ValueError(f"step must be positive and finite; got {step!r}")
