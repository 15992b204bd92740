"""Running parity: y_t = x_1 + ... + x_t mod 2, a rule of one bit of memory, applied t times.

Bit t of the answer depends on every bit up to t. A network whose layers look one place to the left
needs t layers to see them all: the task asks for serial computation, and stores nothing.
"""

from torch import Tensor

__all__ = ["running_parity"]


def running_parity(bits: Tensor) -> Tensor:
    """Parity of every prefix.

    Parameters
    ----------
    bits : Tensor (..., length) of integers
        Zeros and ones.

    Returns
    -------
    Tensor (..., length) of int64
        Entry t is 1 if an odd number of the entries 0, ..., t is 1.

    Raises
    ------
    ValueError
        If an entry is neither 0 nor 1.

    Examples
    --------
    >>> import torch
    >>> running_parity(torch.tensor([1, 0, 1, 1])).tolist()
    [1, 1, 0, 1]
    """
    if not bool(((bits == 0) | (bits == 1)).all()):
        raise ValueError("bits must be zeros and ones; map signs to bits by (1 + x) / 2")
    return bits.long().cumsum(-1) % 2
