"""The norm of a convolution, for images of every size; kernels with a bound on it.

Without a boundary, a convolution with the kernel K (k taps an axis) is multiplication by the small
matrix K̂(ω) at every frequency ω, and its norm is sup ‖K̂(ω)‖₂. A circular image samples ω; zero
padding is the restriction of the unbounded convolution to a window: neither has a larger norm.

From n frequencies an axis to all: Re u*K̂(ω)v is, along an axis and up to a phase, a trigonometric
polynomial T of degree d = (k − 1)/2, and T(ω) ≥ sup|T| cos(d |ω − ω₀|) around a maximiser ω₀ (from
T'² + d²T² ≤ d² sup|T|², Duffin and Schaeffer 1938). Some sampled frequency is within π/n, so

    sup ‖K̂(ω)‖₂ ≤ max over the n × n frequencies of ‖K̂‖₂ / cos(π d/n)²

The kernels of bounded norm are K = c V/√(1 + ν²), where ν is the same bound with a Schatten norm in
place of max ‖·‖₂, which is larger and, unlike a maximum, smooth:

    max ‖K̂‖₂ ≤ (Σ over ω of tr (K̂*K̂)^q)^{1/2q},   q = 2, 4, 8, …, by repeated squaring

References
----------
.. [1] H. Sedghi, V. Gupta, P. M. Long, The singular values of convolutional layers, ICLR 2019.
.. [2] B. Delattre, Q. Barthélemy, A. Araujo, A. Allauzen, Efficient bound of Lipschitz constant for
       convolutional layers by Gram iteration, ICML 2023.
"""

import math

import torch
from torch import Tensor, nn

FINE, COARSE = 16, 8  # sampled frequencies per axis and per tap beyond the first
SQUARINGS = 4  # q = 2⁴


def convolution_norm(kernel: Tensor) -> float:
    """An upper bound of ‖K‖₂ for images of every size, zero-padded or circular.

    Parameters
    ----------
    kernel : Tensor (C_out, C_in, k₁, k₂)

    Returns
    -------
    float
        At most 1 % above sup ‖K̂(ω)‖₂, which large images attain.
    """
    K, widening = _frequencies(kernel.detach().double(), FINE)
    sigma = torch.linalg.svdvals(K)[..., 0].max()
    rounding = 1 + 16 * (kernel[0].numel() + max(kernel.shape[:2])) * torch.finfo(K.dtype).eps
    return float(sigma * widening * rounding)


class ConvolutionBall(nn.Module):  # type: ignore[misc]
    """V ↦ K with ‖K‖₂ < bound for images of every size, for `torch.nn.utils.parametrize`.

    Parameters
    ----------
    bound : float
    """

    def __init__(self, bound: float) -> None:
        super().__init__()
        if not (bound > 0 and math.isfinite(bound)):
            raise ValueError(f"bound must be positive and finite; got {bound!r}")
        self.bound = bound

    def forward(self, V: Tensor) -> Tensor:
        """K (C_out, C_in, k₁, k₂) for V of that shape."""
        with torch.autocast(V.device.type, enabled=False):
            X = V.to(torch.promote_types(V.dtype, torch.float32))
            return (self.bound * X / torch.sqrt(1 + _square_bound(X))).to(V.dtype)

    def right_inverse(self, K: Tensor) -> Tensor:
        """The V that is mapped to K; a ValueError if K is not in the image, ν(K) < bound."""
        norm = self.smooth_norm(K)
        if not norm < self.bound:
            raise ValueError(
                f"the bound of the kernel's norm is {norm:.6g}, not below {self.bound:.6g}: scale "
                "it first"
            )
        return K.detach() / math.sqrt(self.bound**2 - norm**2)

    def smooth_norm(self, kernel: Tensor) -> float:
        """ν(K), at least ‖K‖₂; a kernel is in the image of the map if it is below the bound."""
        return math.sqrt(float(_square_bound(kernel.detach().double())))

    def extra_repr(self) -> str:
        """The bound."""
        return f"bound={self.bound}"


def _square_bound(V: Tensor) -> Tensor:
    """ν(V)², smooth."""
    K, widening = _frequencies(V, COARSE)
    wide = K.shape[-2] < K.shape[-1]
    gram = K @ K.mH if wide else K.mH @ K
    scale = torch.linalg.matrix_norm(gram).max().detach()
    scale = torch.where(scale > 0, scale, 1.0)
    power = gram / scale
    for _ in range(SQUARINGS):
        power = power @ power
    trace = power.diagonal(dim1=-2, dim2=-1).real.sum()
    tiny = torch.finfo(trace.dtype).tiny  # a finite gradient at V = 0
    return widening**2 * scale * (trace + tiny) ** (0.5**SQUARINGS)


def _frequencies(kernel: Tensor, per_tap: int) -> tuple[Tensor, float]:
    """K̂ (n₁, n₂/2 + 1, C_out, C_in) at n frequencies an axis, and 1/Π cos(π d/n)."""
    sizes = [max(per_tap * (k - 1), 1) for k in kernel.shape[2:]]
    cosines = [
        math.cos(math.pi * (k - 1) / (2 * n)) for k, n in zip(kernel.shape[2:], sizes, strict=True)
    ]
    K = torch.fft.rfft2(kernel, s=sizes).permute(2, 3, 0, 1)
    return K, 1 / math.prod(cosines)
