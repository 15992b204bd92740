"""Few batch sizes for compiled code: a batch is padded up to the next of eight.

Compaction takes finished samples out one by one, and every new batch size would be compiled anew.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

BUCKETS = 8


def bucket(rows: int, full: int) -> int:
    """The smallest multiple of full/8 that holds `rows`."""
    unit = -(-full // BUCKETS)
    return min(full, -(-rows // unit) * unit)


def bucketed(f: Callable[..., Any], full: int) -> Callable[..., Any]:
    """f for batches of at most `full` rows, called with a bucket's number of rows.

    f acts on each row alone; the rows that pad are zeros, and are cut off again.
    """

    def padded(*args: Any, **keywords: Any) -> Any:
        rows = pytree.tree_leaves(args)[0].shape[0]
        extra = bucket(rows, full) - rows
        if not extra:
            return f(*args, **keywords)

        def pad(x: Tensor) -> Tensor:
            return torch.cat([x, x.new_zeros(extra, *x.shape[1:])])

        out = f(*pytree.tree_map(pad, args), **keywords)
        return pytree.tree_map(lambda x: x[:rows], out)

    def with_step(*args: Any, step: int) -> Any:
        return padded(*args, step=step)

    declares = "step" in inspect.signature(getattr(f, "forward", f)).parameters
    return with_step if declares else lambda *args: padded(*args)
