"""A smooth map from all matrices onto the open ball ‖W‖₂ < c, and back.

    I + VᵀV = L Lᵀ   (Cholesky)        W = c V L⁻ᵀ

W Wᵀ = c² V (I + VᵀV)⁻¹ Vᵀ, so V with the singular values σ becomes W with c σ/√(1 + σ²) < c. The
map is analytic, also where singular values meet, which a division by ‖V‖₂ is not; and it is one to
one: (I − WᵀW/c²)⁻¹ = Lᵀ L determines L, and then V = W Lᵀ/c.

Rounding cannot leave the ball by much: with a computed L Lᵀ = I + VᵀV + E still WᵀW ≼ c² I as long
as ‖E‖ < 1.

Reference: a square-root-free relative of the direct parametrisations of R. Wang and I. R.
Manchester, "Direct parameterization of Lipschitz-bounded deep networks", ICML 2023.
Cost: one Cholesky factorisation and one triangular solve, n³ each to leading order.
"""

import math

import torch
from torch import Tensor, nn


class SpectralBall(nn.Module):  # type: ignore[misc]
    """V ↦ W with ‖W‖₂ < bound, for `torch.nn.utils.parametrize`.

    Parameters
    ----------
    bound : float
        c, the radius of the ball.

    Examples
    --------
    >>> import torch
    >>> ball = SpectralBall(0.9)
    >>> W = ball(100 * torch.eye(3))
    >>> round(float(torch.linalg.matrix_norm(W, 2)), 5)
    0.89996
    """

    def __init__(self, bound: float) -> None:
        super().__init__()
        if not (bound > 0 and math.isfinite(bound)):
            raise ValueError(f"bound must be positive and finite; got {bound!r}")
        self.bound = bound

    def forward(self, V: Tensor) -> Tensor:
        """W (m, n) for V (m, n).

        Raises
        ------
        ValueError
            If V is not finite.
        """
        with torch.autocast(V.device.type, enabled=False):
            X = V.to(torch.promote_types(V.dtype, torch.float32))
            identity = torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
            try:
                L = torch.linalg.cholesky(identity + X.mT @ X)
            except torch.linalg.LinAlgError as error:
                raise ValueError(_explanation(X)) from error
            return self.bound * torch.linalg.solve_triangular(L, X.mT, upper=False).mT.to(V.dtype)

    def right_inverse(self, W: Tensor) -> Tensor:
        """The V that is mapped to W.

        Raises
        ------
        ValueError
            If W is not in the ball.
        """
        X = W.detach().double() / self.bound
        norm = float(torch.linalg.matrix_norm(X, 2))
        if not norm < 1:
            raise ValueError(
                f"the weight has the norm {norm * self.bound:.6g}, which is not below the bound "
                f"{self.bound:.6g}: scale it first"
            )
        identity = torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
        inverse = torch.linalg.inv(identity - X.mT @ X)
        upper = torch.linalg.cholesky(inverse.flip(0, 1)).flip(0, 1)  # upper · upperᵀ = inverse
        return (X @ upper).to(W.dtype)

    def extra_repr(self) -> str:
        """The bound."""
        return f"bound={self.bound}"


def _explanation(V: Tensor) -> str:
    if bool(torch.isfinite(V).all()):
        return (
            f"the parameter behind the weight has the norm {float(torch.linalg.norm(V)):.3g}, too "
            f"large for {V.dtype}: lower the learning rate, or use weight decay"
        )
    return (
        "the parameter behind the weight is not finite: the training has diverged; lower the "
        "learning rate, or clip the gradients"
    )
