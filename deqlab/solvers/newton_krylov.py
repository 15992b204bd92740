"""Inexact Newton: solve (I − J) d = f(z) − z by products with J, then z ← z + d.

The linear solve stops at ‖g − (I − J) d‖ ≤ η ‖g‖, g = f(z) − z, with the forcing term

    η_k = max(0.9 (‖g_k‖/‖g_{k−1}‖)², 0.9 η_{k−1}² where that exceeds 0.1)

kept within [1e-5, 0.9], so that products are spent only where the linear model deserves them. A
step t d that does not reduce ‖g‖ by the fraction 1e-4 t is taken back to a quarter of itself, from
where it started; after three such cuts the plain step is taken instead.

Reference: S. C. Eisenstat and H. F. Walker, "Choosing the forcing terms in an inexact Newton
method", SIAM Journal on Scientific Computing 17 (1996).
Cost per step: one evaluation of f for the residual, one for its linearisation, and the products
of the linear solve (each about two evaluations) with its memory.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from deqlab.linear.gmres import GMRES
from deqlab.linear.solution import LinearSolver
from deqlab.products import Linearisation
from deqlab.solvers.protocol import Map

GAMMA = 0.9  # the factor of the forcing term, and its greatest value
LEAST = 1e-5  # forcing term: no step is asked for more digits than a last one can use
SHORTEN = 0.25  # of a step that is taken back
SHORTEST = 1e-2  # below this fraction of the Newton step, the plain step


@dataclass(frozen=True, kw_only=True)
class NewtonState:
    """What `NewtonKrylov` remembers of every row.

    Attributes
    ----------
    base, image, direction : Tensor (B, D)
        Where the last Newton step started, f there, and its direction d.
    norm, forcing, fraction : Tensor (B, 1)
        ‖g‖ at base; η of the last solve; the part t of d taken.
    nfe : Tensor (B,), int64
        Linearisations and products so far.
    """

    base: Tensor
    image: Tensor
    direction: Tensor
    norm: Tensor
    forcing: Tensor
    fraction: Tensor
    nfe: Tensor


@dataclass(frozen=True, kw_only=True)
class NewtonKrylov:
    """Newton's method without a Jacobian, safeguarded by backtracking.

    Parameters
    ----------
    linear_solver : LinearSolver
        Solves (I − J) d = f(z) − z from products J v.
    max_products : int, optional
        Of one linear solve. Default: the linear solver's own limit.

    Notes
    -----
    Near a fixed point with I − J nonsingular, also one that repels the plain iteration, it gains
    ever more digits a step, up to five. `nfe` counts linearisations and products too. Its steps
    cannot be differentiated: `Unrolled` refuses it, `Implicit` does not.

    References
    ----------
    .. [1] S. C. Eisenstat and H. F. Walker, "Choosing the forcing terms in an inexact Newton
       method", SIAM Journal on Scientific Computing 17 (1996).
    .. [2] D. A. Knoll and D. E. Keyes, "Jacobian-free Newton–Krylov methods", Journal of
       Computational Physics 193 (2004).

    Examples
    --------
    >>> import torch
    >>> from deqlab import NewtonKrylov, fixed_point
    >>> z0 = torch.full((1, 2), 0.1, dtype=torch.float64)
    >>> solution = fixed_point(lambda z: 3 * torch.tanh(z), z0, solver=NewtonKrylov())
    >>> float(solution.value.abs().max()) < 1e-6  # 0 repels the plain iteration
    True
    """

    linear_solver: LinearSolver = GMRES()
    max_products: int | None = None
    differentiable: ClassVar[bool] = False

    def init(self, z: Tensor) -> NewtonState:
        """Before the first evaluation; z (B, D)."""
        work = z.detach().to(torch.promote_types(z.dtype, torch.float32))
        zero = work.new_zeros(z.shape[0], 1)
        return NewtonState(
            base=work,
            image=work,
            direction=torch.zeros_like(work),
            norm=torch.full_like(zero, math.inf),
            forcing=torch.full_like(zero, 0.5),
            fraction=torch.ones_like(zero),
            nfe=torch.zeros(z.shape[0], dtype=torch.int64, device=z.device),
        )

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, z: Tensor, fz: Tensor, state: NewtonState, f: Map) -> tuple[Tensor, NewtonState]:
        """The next iterate (B, D), from z and fz = f(z), and the next state."""
        here, image = z.to(state.base.dtype), fz.to(state.base.dtype)
        g = image - here
        norm = torch.linalg.vector_norm(g, dim=1, keepdim=True)
        good = (norm <= (1 - 1e-4 * state.fraction) * state.norm) | (state.fraction == 0)

        # rows that go on from here; the others ask for nothing, which costs no product
        ratio = torch.where(torch.isinf(state.norm), 1.0, norm / state.norm)
        memory = GAMMA * state.forcing**2
        forcing = torch.maximum(GAMMA * ratio**2, torch.where(memory > 0.1, memory, 0.0))
        forcing = torch.where(torch.isinf(state.norm), 0.5, forcing).clamp(LEAST, GAMMA)
        jacobian = Linearisation(f, z.detach())
        answer = self.linear_solver.solve(
            lambda v: jacobian.jvp(v.to(z.dtype)).to(v.dtype),
            torch.where(good, g, 0.0),
            rtol=forcing[:, 0],
            max_products=self.max_products,
        )

        fraction = torch.where(good, 1.0, SHORTEN * state.fraction)
        fraction = torch.where(fraction < SHORTEST, 0.0, fraction)
        base = torch.where(good, here, state.base)
        image = torch.where(good, image, state.image)
        direction = torch.where(good, answer.value, state.direction)
        z_next = torch.where(fraction == 0, image, base + fraction * direction)
        return z_next.to(z.dtype), NewtonState(
            base=base,
            image=image,
            direction=direction,
            norm=torch.where(good, norm, state.norm),
            forcing=torch.where(good, forcing, state.forcing),
            fraction=fraction,
            nfe=state.nfe + answer.products + good[:, 0],
        )
