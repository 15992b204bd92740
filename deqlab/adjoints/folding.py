"""A mapped dimension of `torch.func.vmap` becomes part of the batch.

V problems with batch B are one problem with batch V·B: z (V·B, D), and every batch-first input
likewise. f itself is then mapped over V again, so that it sees the shapes it was written for.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deqlab.problem import Problem


def front(x: Tensor, dim: int | None, size: int) -> Tensor:
    """x with its mapped dimension first, repeated where x has none."""
    return x.expand(size, *x.shape) if dim is None else x.movedim(dim, 0)


def fold(
    problem: Problem, z0: Tensor, inputs: Sequence[Tensor], dims: Sequence[int | None], info: Any
) -> Problem:
    """`problem` at mapped tensors as a problem at ordinary ones; dims[0] belongs to z0.

    Parameters
    ----------
    problem : Problem
        Gives the function and tells which inputs are batch-first.
    z0, inputs : Tensor
        With the mapped dimension at dims[i], or without one where dims[i] is None.
    info : torch's VmapInfo
        batch_size and randomness of the mapping.
    """
    size = info.batch_size
    folded, axes = [], []
    for x, dim, batched in zip(inputs, dims[1:], problem.batched, strict=True):
        if batched:
            folded.append(front(x, dim, size).flatten(0, 1))
        else:
            folded.append(x if dim is None else x.movedim(dim, 0))
        axes.append(0 if batched or dim is not None else None)
    state = front(z0, dims[0], size).flatten(0, 1)

    def function(
        z: Tensor, inputs: Sequence[Tensor], *, rows: Tensor | None = None, **kwargs: Any
    ) -> Tensor:
        if rows is not None:  # the V problems may have different numbers of rows left: take all
            z = state.index_copy(0, rows, z)
        parts = tuple(
            unfold(x, size) if batched else x
            for x, batched in zip(inputs, problem.batched, strict=True)
        )
        mapped = torch.func.vmap(
            lambda z, xs: problem.function(z, xs, **kwargs),
            in_dims=(0, tuple(axes)),
            randomness=info.randomness,
        )
        out = mapped(unfold(z, size), parts).flatten(0, 1)
        return out if rows is None else out[rows]

    return problem.with_(function=function, z0=state, inputs=tuple(folded))


def unfold(x: Tensor, size: int) -> Tensor:
    """(V·B, ...) -> (V, B, ...)."""
    return x.unflatten(0, (size, -1))
