"""Depth-wise convolution over positions: each channel is filtered alone."""

from torch import Tensor, nn
from torch.nn import functional


class DepthwiseConvolution(nn.Module):  # type: ignore[misc]
    """A FIR filter per channel: (B, T, d) -> (B, T, d).

    Parameters
    ----------
    width, taps : int
    causal : bool
        Position t sees t − taps + 1, …, t; otherwise (taps − 1)/2 on either side.
    """

    def __init__(self, width: int, taps: int, *, causal: bool) -> None:
        super().__init__()
        self.width = width
        self.pad = (taps - 1, 0) if causal else (taps // 2, taps // 2)
        self.weight = nn.Parameter(nn.Conv1d(width, width, taps, groups=width).weight.detach())

    def forward(self, h: Tensor) -> Tensor:
        """Filter along the positions."""
        padded = functional.pad(h.mT, self.pad)
        return functional.conv1d(padded, self.weight, groups=self.width).mT
