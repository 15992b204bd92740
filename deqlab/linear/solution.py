"""What a linear solver is asked and what it answers: (I − M) x = b, row by row, from products."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from deqlab.status import Status

Product = Callable[[Tensor], Tensor]
"""v ↦ M v for rows v of shape (B, D); row i of the result depends on row i of v alone."""


@dataclass(frozen=True, kw_only=True)
class LinearSolution:
    """The answer to (I − M) x = b.

    Attributes
    ----------
    value : Tensor (B, D)
        x, in the dtype of b; always finite.
    residual, relative_residual : Tensor (B,), float64
        ‖b − (I − M) x‖₂ measured with a product, not estimated, and its ratio to ‖b‖₂ (0 where
        b = 0).
    products : Tensor (B,), int64
        Products with M that each row took, those that measured the residual included.
    status : Tensor (B,), int64
        A `deqlab.Status` per row.
    """

    value: Tensor
    residual: Tensor
    relative_residual: Tensor
    products: Tensor
    status: Tensor

    def converged(self) -> Tensor:
        """Which rows met the tolerance: bool (B,)."""
        return self.status == Status.CONVERGED


class LinearSolver(Protocol):
    """Solves (I − M) x = b for every row of b, given nothing but products with M.

    A solver that must know where J was taken also has ``at(z, *, transposed) -> LinearSolver``,
    which an adjoint calls first (see `SymmetrizedCG`).
    """

    def solve(
        self,
        product: Product,
        b: Tensor,
        *,
        rtol: float | Tensor,
        max_products: int | None = None,
        x0: Tensor | None = None,
    ) -> LinearSolution:
        """Solve to ‖b − (I − M) x‖₂ ≤ rtol ‖b‖₂ in every row.

        Parameters
        ----------
        product : callable
            v (B, D) ↦ M v (B, D).
        b : Tensor (B, D)
            The right-hand sides.
        rtol : float, or Tensor (B,)
            Relative tolerance, one for all rows or one per row.
        max_products : int, optional
            At most so many products with M. Default: the solver's own limit.
        x0 : Tensor (B, D), optional
            First guess. Default: zero, which costs no product.

        Returns
        -------
        LinearSolution
        """
        ...
