"""One slot of a window of vectors, written anew."""

import torch
from torch import Tensor


def write(window: Tensor, column: Tensor, slot: int) -> Tensor:
    """The window (B, m, ...) with `column` (B, ...) in a slot; in place if there is no graph.

    Copying the window would cost more than the rest of the step.
    """
    if torch.is_grad_enabled():
        return torch.select_scatter(window, column, 1, slot)
    window[:, slot] = column
    return window
