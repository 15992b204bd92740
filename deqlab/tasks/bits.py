"""Bit strings from numbers."""

import torch
from torch import Tensor

__all__ = ["binary_digits"]


def binary_digits(numbers: Tensor, length: int) -> Tensor:
    """The last `length` binary digits of each number, least significant first.

    Parameters
    ----------
    numbers : Tensor (n,) of integers
        `torch.arange(2**length)` gives every string of that length once.
    length : int
        From 1 to 62.

    Returns
    -------
    Tensor (n, length) of int64, zeros and ones

    Raises
    ------
    TypeError
        If numbers is not a one-dimensional tensor of integers.
    ValueError
        If length is out of range.

    Examples
    --------
    >>> binary_digits(torch.tensor([6, 1]), 3).tolist()
    [[0, 1, 1], [1, 0, 0]]
    """
    if not 1 <= length <= 62:
        raise ValueError(f"length must be from 1 to 62; got {length!r}")
    if numbers.is_floating_point() or numbers.ndim != 1:
        raise TypeError(
            f"numbers must be a tensor of integers of shape (n,); got {numbers.dtype} of shape "
            f"{tuple(numbers.shape)}"
        )
    return (numbers[:, None].long() >> torch.arange(length, device=numbers.device)) & 1
