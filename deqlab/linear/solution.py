"""What a linear solver is asked and what it answers: (I − M) x = b, row by row, from products."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
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
    """Solves (I − M) x = b for every row of b, given nothing but products with M."""

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


class Measure:
    """Keeps x, its true residual and the status of every row; arithmetic in float32 or wider."""

    def __init__(
        self,
        product: Product,
        b: Tensor,
        rtol: float | Tensor,
        x0: Tensor | None,
    ) -> None:
        if b.ndim != 2:
            raise ValueError(f"b must have shape (B, D), batch first; got {tuple(b.shape)}")
        self.dtype = b.dtype
        self._product = product
        self.b = b.float() if b.dtype in (torch.float16, torch.bfloat16) else b
        self.norm_b = row_norm(self.b)
        self.target = torch.as_tensor(rtol, dtype=torch.float64, device=b.device) * self.norm_b
        self.used = 0
        self.products = torch.zeros(b.shape[0], dtype=torch.int64, device=b.device)
        self.status = torch.full_like(self.products, int(Status.MAX_STEPS))
        self.x = torch.zeros_like(self.b)
        self.r = self.b
        self.residual = torch.full_like(self.norm_b, torch.inf)
        if x0 is None:
            self._judge(self.x, self.r)
        else:
            self.update(x0.to(self.b.dtype))

    @property
    def running(self) -> Tensor:
        """Rows not yet judged: bool (B,)."""
        return self.status == Status.MAX_STEPS

    def product(self, v: Tensor) -> Tensor:
        """M v, counted, in the working dtype."""
        self.used += 1
        return self._product(v.to(self.dtype)).to(self.b.dtype)

    def update(self, x: Tensor) -> None:
        """Measure x in the running rows with one product; keep it where the residual shrank."""
        x = torch.where(self.running[:, None], x, self.x)
        self.products += self.running
        self._judge(x, self.b - (x - self.product(x)))  # in this order a huge x cannot hide b

    def _judge(self, x: Tensor, r: Tensor) -> None:
        residual = row_norm(r)
        running = self.running
        finite = torch.isfinite(residual)
        keep = running & (residual < self.residual)
        self.x = torch.where(keep[:, None], x, self.x)
        self.r = torch.where(keep[:, None], r, self.r)
        self.residual = torch.where(keep, residual, self.residual)
        self.status[running & ~finite] = int(Status.NONFINITE)
        self.status[keep & finite & (residual <= self.target)] = int(Status.CONVERGED)

    def solution(self) -> LinearSolution:
        """The answer as measured."""
        ratio = self.residual / torch.where(self.norm_b > 0, self.norm_b, 1.0)
        return LinearSolution(
            value=self.x.to(self.dtype),
            residual=self.residual,
            relative_residual=ratio,
            products=self.products,
            status=self.status,
        )


def row_norm(x: Tensor) -> Tensor:
    """‖·‖₂ of every row, accumulated in float64: (B, D) -> (B,)."""
    return torch.linalg.vector_norm(x, dim=1, dtype=torch.float64)


def check_count(name: str, value: int | None, least: int = 1) -> None:
    """Refuse anything but an integer of at least `least` (or None)."""
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int) or value < least
    ):
        raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}")
