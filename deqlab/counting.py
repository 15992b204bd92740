"""What a model costs: trainable numbers, and operations of a forward evaluation."""

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["count_flops", "count_parameters"]


def count_parameters(model: nn.Module) -> int:
    """The number of trainable numbers; a tensor that is used in several places counts once.

    Examples
    --------
    >>> cell = nn.Linear(3, 3)
    >>> count_parameters(nn.Sequential(cell, cell)), count_parameters(cell)
    (12, 12)
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_flops(model: nn.Module, *inputs: Tensor) -> int:
    """Floating-point operations of one forward evaluation `model(*inputs)`.

    Counted while the model runs, so a cell that is applied K times counts K times. A multiply-add
    is two operations. Only matrix products, convolutions and attention are counted: additions,
    activations and normalisations are not, and neither is the backward pass, about twice as much.
    Divide by the batch size for a number per sample.

    Examples
    --------
    >>> cell = nn.Linear(3, 3, bias=False)
    >>> count_flops(nn.Sequential(cell, cell), torch.zeros(5, 3))
    180
    """
    counter = FlopCounterMode(display=False)
    # as matrix products: torch counts no fused attention on a CPU
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(*inputs)
    return int(counter.get_total_flops())
