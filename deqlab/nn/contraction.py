"""Cells that are contractions by construction: z = φ(Wz + u) with ‖W‖₂ sup φ' ≤ L < 1.

Then there is exactly one equilibrium, plain iteration reaches it from every start, and
‖z − z*‖ ≤ ‖f(z) − z‖/(1 − L). The bound on W is a parametrisation: every value of the parameters
behind it is admissible, from the first use on, so that training needs no projection.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from deqlab.activations import Activation
from deqlab.nn.certificate import Certificate
from deqlab.nn.convolution_ball import ConvolutionBall, convolution_norm
from deqlab.nn.single_layer import SingleLayerCell
from deqlab.nn.spectral_ball import SpectralBall

KNEE = math.sqrt(0.5)  # of σ/√(1 + σ²): where a weight starts that is too large


def contractive(layer: nn.Module, *, bound: float = 0.9) -> nn.Module:
    """Keep the operator norm of a layer below `bound`, whatever the optimiser does.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv2d
        Changed in place, and returned. A convolution has stride 1, one group, and zero or circular
        padding; its norm is bounded for images of every size.
    bound : float
        Between 0 and 1. A weight whose norm exceeds √½ · bound is scaled down to that first.

    Returns
    -------
    nn.Module
        `layer`, its weight now computed from `layer.parametrizations.weight.original`.

    Raises
    ------
    ValueError, TypeError
        If bound is no number between 0 and 1, or the layer is none of the above.

    Notes
    -----
    The parametrisation is smooth and onto: for matrices the whole open ball ‖W‖₂ < bound. Like
    every parametrised layer of PyTorch it is copied by `copy.deepcopy` and saved by `state_dict`,
    not by `pickle`.

    Examples
    --------
    >>> import torch
    >>> layer = contractive(torch.nn.Linear(8, 8), bound=0.5)
    >>> lipschitz_bound(layer) < 0.5
    True
    """
    return _constrain(layer, _checked(bound))


def _checked(bound: float) -> float:
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise TypeError(f"bound must be a number between 0 and 1; got {bound!r}")
    if not 0 < bound < 1:
        raise ValueError(
            f"bound must lie strictly between 0 and 1, for a contraction; got {bound!r}: a cell "
            "that is well posed with a larger norm is MonotoneCell"
        )
    return float(bound)


def _constrain(layer: nn.Module, radius: float) -> nn.Module:
    norm = lipschitz_bound(layer)
    if parametrize.is_parametrized(layer, "weight"):
        raise ValueError("the weight of layer is parametrised already; pass a plain layer")
    ball = SpectralBall(radius) if isinstance(layer, nn.Linear) else ConvolutionBall(radius)
    with torch.no_grad():
        if isinstance(ball, ConvolutionBall):
            norm = ball.smooth_norm(layer.weight)
        if norm > KNEE * radius:
            layer.weight.mul_(KNEE * radius / norm)
    parametrize.register_parametrization(layer, "weight", ball)
    return layer


def lipschitz_bound(layer: nn.Module) -> float:
    """A certified upper bound of ‖W‖₂, W the linear part of a layer.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv2d
        Parametrised or not; a convolution as in `contractive`.

    Returns
    -------
    float
        For `nn.Linear` the norm itself, up to rounding. For `nn.Conv2d` a bound for images of every
        size, at most 1 % above what large images attain.

    Raises
    ------
    ValueError, TypeError
        If the layer is of another kind, or its weight is not finite.
    """
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        raise TypeError(f"layer must be an nn.Linear or an nn.Conv2d; got {type(layer).__name__}")
    weight = layer.weight.detach()
    if not bool(torch.isfinite(weight).all()):
        raise ValueError("the weight of layer is not finite: the training has diverged")
    if isinstance(layer, nn.Linear):
        return matrix_norm(weight)
    if layer.groups != 1 or layer.stride != (1, 1):
        raise ValueError(f"a convolution must have stride 1 and groups 1; got {layer}")
    if layer.padding_mode not in ("zeros", "circular"):
        raise ValueError(
            f"padding_mode must be 'zeros' or 'circular'; got {layer.padding_mode!r}, which "
            "repeats pixels and has a larger norm than the kernel"
        )
    return convolution_norm(weight)


def matrix_norm(W: Tensor) -> float:
    """‖W‖₂, widened by the rounding error of its computation."""
    sigma = torch.linalg.svdvals(W.detach().double())[0]
    return float(sigma * (1 + 4 * max(W.shape) * torch.finfo(torch.float64).eps))


class ContractiveCell(SingleLayerCell):
    """f(z, u) = φ(W z + u) with ‖f(z, u) − f(z', u)‖ ≤ bound ‖z − z'‖, u = injection(x).

    Parameters
    ----------
    recurrent : nn.Linear or nn.Conv2d
        W and a bias; made contractive, in place. Its output has the shape of its input.
    injection : nn.Module
        x ↦ u, of the shape of the state; evaluated once per solve.
    bound : float
        Between 0 and 1; of the cell: W itself may have the norm bound / sup φ'.
    activation : Activation

    Raises
    ------
    ValueError, TypeError
        If bound is no number between 0 and 1, or the layers do not fit together.

    Examples
    --------
    >>> import torch
    >>> from deqlab import DEQ
    >>> cell = ContractiveCell(torch.nn.Linear(4, 4), torch.nn.Linear(3, 4), bound=0.8)
    >>> layer = DEQ(cell)
    >>> layer(torch.ones(5, 3)).shape, cell.certificate().contraction < 0.8
    (torch.Size([5, 4]), True)
    """

    def __init__(
        self,
        recurrent: nn.Module,
        injection: nn.Module,
        *,
        bound: float = 0.9,
        activation: Activation = Activation.TANH,
    ) -> None:
        super().__init__(recurrent, injection, activation)
        _constrain(recurrent, _checked(bound) / activation.max_slope)

    def certificate(self) -> Certificate:
        """Its Lipschitz constant, with the weights as they are.

        Raises
        ------
        ValueError
            If a weight is not finite.
        """
        norm = lipschitz_bound(self.recurrent)
        lipschitz = norm * self.activation.max_slope
        return Certificate(lipschitz=lipschitz, contraction=lipschitz, monotonicity=1 - norm)
