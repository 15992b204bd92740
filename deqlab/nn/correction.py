"""Fixed-point correction: a loss on states along the way to the equilibrium.

Reference: S. Bai, Z. Geng, Y. Savani and J. Z. Kolter, Deep equilibrium optical flow estimation,
CVPR 2022.
"""

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from deqlab._state import State

__all__ = ["correction_loss"]


def correction_loss(
    criterion: Callable[[State], Tensor], states: Sequence[State], *, decay: float = 0.8
) -> Tensor:
    """Σₖ decayⁿ⁻¹⁻ᵏ criterion(stateₖ), k = 0, …, n − 1: full weight for the equilibrium.

    Parameters
    ----------
    criterion : callable
        state -> scalar Tensor; its own head and target are inside.
    states : sequence of State
        From `DEQ.trajectory`, the equilibrium last.
    decay : float
        0 < decay ≤ 1. The first state is the least important.

    Returns
    -------
    Tensor ()

    Raises
    ------
    ValueError
        If there is no state, or decay is not in (0, 1].

    Examples
    --------
    >>> import torch
    >>> float(correction_loss(torch.sum, [torch.ones(2), torch.ones(4)], decay=0.5))
    5.0
    """
    if not (math.isfinite(decay) and 0 < decay <= 1):
        raise ValueError(f"decay must be in (0, 1]; got {decay!r}")
    if len(states) == 0:
        raise ValueError("states is empty: pass what DEQ.trajectory returned")
    total = criterion(states[-1])
    for back, state in enumerate(reversed(states[:-1]), start=1):
        total = total + decay**back * criterion(state)
    return total
