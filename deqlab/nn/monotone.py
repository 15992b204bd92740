"""Cells that are well posed by monotonicity, though their norm may be large.

    W = (1 − m) I − AᵀA + B − Bᵀ        ⟨v, (I − W) v⟩ = m ‖v‖² + ‖Av‖² ≥ m ‖v‖²

z = φ(Wz + u) then has exactly one solution for every u and every φ with 0 ≤ φ' ≤ 1. It says nothing
about z ↦ φ(Wz + u) as an iteration, which may explode: a splitting finds the solution.

Reference: E. Winston, J. Z. Kolter, Monotone operator equilibrium networks, NeurIPS 2020.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from deqlab.activations import Activation
from deqlab.nn.certificate import Certificate
from deqlab.nn.contraction import lipschitz_bound, matrix_norm
from deqlab.nn.single_layer import SingleLayerCell
from deqlab.nn.splitting import PeacemanRachford, Splitting, SplittingMethod


class MonotoneMatrix(nn.Module):  # type: ignore[misc]
    """(A, B) ↦ W with I − W ≽ m I, for `torch.nn.utils.parametrize`.

    Parameters
    ----------
    monotonicity : float
        m > 0.
    """

    def __init__(self, monotonicity: float) -> None:
        super().__init__()
        self.monotonicity = monotonicity

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """W (n, n) for A (k, n) and B (n, n)."""
        with torch.autocast(A.device.type, enabled=False):
            identity = torch.eye(len(B), dtype=B.dtype, device=B.device)
            return (1 - self.monotonicity) * identity - A.mT @ A + B - B.mT

    def right_inverse(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """A and B of W, or of the nearest matrix, in Frobenius' norm, that is monotone with m."""
        X = W.detach().double()
        symmetric, skew = (X + X.mT) / 2, (X - X.mT) / 2
        values, vectors = torch.linalg.eigh(-symmetric)
        root = (values + 1 - self.monotonicity).clamp_min(0).sqrt()
        return (root[:, None] * vectors.mT).to(W.dtype), (skew / 2).to(W.dtype)

    def extra_repr(self) -> str:
        """m."""
        return f"monotonicity={self.monotonicity}"


class MonotoneCell(SingleLayerCell):
    """f(z, u) = φ(W z + u) with ⟨z − z', (I − W)(z − z')⟩ ≥ m ‖z − z'‖², u = injection(x).

    Parameters
    ----------
    recurrent : nn.Linear
        W and a bias; W is made monotone, in place: the nearest such matrix to start with.
    injection : nn.Module
        x ↦ u, of the shape of the state; evaluated once per solve.
    monotonicity : float
        m > 0. The smaller, the more expressive and the harder to solve.
    splitting : PeacemanRachford or ForwardBackward
        What `DEQ` iterates in place of f, which may be expansive.
    activation : Activation
        RELU or TANH, the proximal operators that are implemented for every step.

    Raises
    ------
    ValueError, TypeError
        If monotonicity is not positive, the activation another, or the layers do not fit together.

    Examples
    --------
    >>> import torch
    >>> from deqlab import DEQ
    >>> cell = MonotoneCell(torch.nn.Linear(4, 4), torch.nn.Linear(3, 4), monotonicity=0.5)
    >>> layer = DEQ(cell)
    >>> layer(torch.ones(5, 3)).shape, cell.certificate().contraction < 1
    (torch.Size([5, 4]), True)
    """

    def __init__(
        self,
        recurrent: nn.Linear,
        injection: nn.Module,
        *,
        monotonicity: float = 0.1,
        splitting: SplittingMethod = PeacemanRachford(),  # noqa: B008 (frozen)
        activation: Activation = Activation.RELU,
    ) -> None:
        if isinstance(monotonicity, bool) or not isinstance(monotonicity, int | float):
            raise TypeError(f"monotonicity must be a positive number; got {monotonicity!r}")
        if not 0 < monotonicity < math.inf:
            raise ValueError(
                f"monotonicity must be positive and finite; got {monotonicity!r}: with m ≤ 0 there "
                "may be no equilibrium, or several"
            )
        if not isinstance(recurrent, nn.Linear):
            raise TypeError(f"recurrent must be an nn.Linear; got {type(recurrent).__name__}")
        super().__init__(recurrent, injection, activation)
        if activation not in (Activation.RELU, Activation.TANH):
            raise ValueError(
                f"activation must be RELU or TANH; got {activation}: a splitting with a step α "
                "needs the proximal operator of αf, where that of f is the activation"
            )
        if isinstance(splitting, type) or not hasattr(splitting, "split"):
            raise TypeError(
                f"splitting must be PeacemanRachford() or ForwardBackward(); got {splitting!r}"
            )
        lipschitz_bound(recurrent)  # its errors
        self.monotonicity, self.method = float(monotonicity), splitting
        parametrize.register_parametrization(recurrent, "weight", MonotoneMatrix(self.monotonicity))

    def splitting(self, u: Tensor) -> Splitting:
        """The contraction that is iterated in place of f(·, u), u = inject(x) (B, n)."""
        bias = self.recurrent.bias
        u = u if bias is None else u + bias
        return self.method.split(self.recurrent.weight, u, self.activation, self.monotonicity)

    def certificate(self) -> Certificate:
        """m, the factor of the splitting, and the norm of W, with the weights as they are.

        Raises
        ------
        ValueError
            If a weight is not finite.
        """
        norm = lipschitz_bound(self.recurrent)
        W = self.recurrent.weight.detach().double()
        identity = torch.eye(len(W), dtype=W.dtype, device=W.device)
        values = torch.linalg.eigvalsh(identity - (W + W.mT) / 2)
        rounding = 4 * len(W) * torch.finfo(W.dtype).eps * float(values.abs().max())
        return Certificate(
            lipschitz=norm,
            contraction=matrix_norm(self.method.matrix(W, self.monotonicity)),
            monotonicity=float(values[0]) - rounding,
        )
