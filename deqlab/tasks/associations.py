"""Random associations: keys with values that have nothing to do with them.

There is no rule to find. To recall n values out of C, a network must store n log2(C) bits, and
recall on the stored pairs is the whole score: there is nothing to generalise to.
"""

import torch
from torch import Tensor

from deqlab.tasks.bits import binary_digits

__all__ = ["random_associations"]


def random_associations(
    num_pairs: int, num_bits: int, num_values: int, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Different random keys, each with a value drawn uniformly and independently.

    Parameters
    ----------
    num_pairs : int
        At least 1, at most 2**num_bits.
    num_bits : int
        Length of a key, from 1 to 24.
    num_values : int
        How many values there are, at least 2.
    generator : torch.Generator

    Returns
    -------
    keys : Tensor (num_pairs, num_bits) of float32
        Entries −1 and 1; no two rows are equal.
    values : Tensor (num_pairs,) of int64
        From 0 to num_values − 1.

    Raises
    ------
    ValueError
        If there are fewer keys than pairs, or an argument is out of range.

    Examples
    --------
    >>> keys, values = random_associations(4, 2, 10, generator=torch.Generator())
    >>> sorted(keys.tolist())
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    if not 1 <= num_bits <= 24 or num_values < 2:
        raise ValueError(
            f"num_bits={num_bits} and num_values={num_values}: expected 1 <= num_bits <= 24 and "
            "num_values >= 2"
        )
    if not 1 <= num_pairs <= 2**num_bits:
        raise ValueError(
            f"num_pairs={num_pairs} does not fit: {num_bits} bits make {2**num_bits} different keys"
        )
    codes = torch.randperm(2**num_bits, generator=generator)[:num_pairs]
    bits = binary_digits(codes, num_bits)
    values = torch.randint(num_values, (num_pairs,), generator=generator)
    return 2.0 * bits - 1.0, values
