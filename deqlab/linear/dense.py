"""LU factorisation of the dense I − M: the oracle against which the iterative solvers are tested.

Cost: D products, D² numbers and D³·2/3 operations per row.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from deqlab.linear.measure import Measure
from deqlab.linear.solution import LinearSolution, Product
from deqlab.status import Status


@dataclass(frozen=True, kw_only=True)
class DenseLU:
    """Form I − M from D products and solve by LU in float64, with one step of refinement.

    Right for small D, whatever the spectrum. A row that misses the tolerance is STAGNATED: its
    matrix is singular to working precision, or the tolerance below the rounding of a product.
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
        """Solve (I − M) x = b; see `LinearSolver.solve`."""
        D = b.shape[1]
        if max_products is not None and max_products < D + 2:
            raise ValueError(
                f"DenseLU needs D + 2 = {D + 2} products; got max_products={max_products}: use "
                "GMRES()"
            )
        measure = Measure(product, b, rtol, x0)
        if not bool(measure.running.any()):
            return measure.solution()
        unit = torch.eye(D, dtype=measure.b.dtype, device=b.device)
        measure.products += D * measure.running
        columns = [e - measure.product(e.expand_as(b)) for e in unit]
        A = torch.stack(columns, dim=2).double()
        measure.end(~torch.isfinite(A).flatten(1).all(1), Status.NONFINITE)
        factors = torch.linalg.lu_factor_ex(A)[:2]
        for _ in range(2):
            if bool(measure.running.any()):
                step = torch.linalg.lu_solve(*factors, measure.r.double()[:, :, None])[:, :, 0]
                measure.end(~torch.isfinite(step).all(1), Status.STAGNATED)
                measure.update(measure.x + step.to(measure.b.dtype))
        measure.end(measure.running, Status.STAGNATED)
        return measure.solution()
