"""J^T v and J v of a function of several tensors, differentiable and composable to any order.

J v comes from two reverse passes: u ↦ J^T u is linear, and its transpose is J. Forward mode is not
nested in forward mode this way, which torch refuses.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

Tensors = Sequence[Tensor | None]


def pull(
    f: Callable[..., Tensor], primals: Sequence[Tensor], cotangent: Tensor, wanted: Sequence[bool]
) -> list[Tensor | None]:
    """The products of `cotangent` with ∂f/∂primals, where wanted; None elsewhere."""
    index = [i for i, p in enumerate(primals) if wanted[i] and p.is_floating_point()]
    if not index:
        return [None] * len(primals)

    def of_wanted(*xs: Tensor) -> Tensor:
        full = list(primals)
        for i, x in zip(index, xs, strict=True):
            full[i] = x
        return f(*full)

    xs = [primals[i] for i in index]
    if transforming():
        grads = torch.func.vjp(of_wanted, *xs)[1](cotangent)
    else:  # also for an f that torch.func cannot transform: checkpointing, old-style Functions
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            xs = [x.view_as(x) if again and x.requires_grad else _leaf(x) for x in xs]
            y = of_wanted(*xs)
            if y.requires_grad:
                grads = torch.autograd.grad(
                    y, xs, cotangent, create_graph=again, allow_unused=True, materialize_grads=True
                )
            else:
                grads = tuple(torch.zeros_like(x) for x in xs)
    out: list[Tensor | None] = [None] * len(primals)
    for i, g in zip(index, grads, strict=True):
        out[i] = g
    return out


def push(f: Callable[..., Tensor], primals: Sequence[Tensor], tangents: Tensors) -> Tensor | None:
    """The sum of the products of ∂f/∂primals with the tangents that are not None."""
    wanted = [
        t is not None and p.is_floating_point() for p, t in zip(primals, tangents, strict=True)
    ]
    if not any(wanted):
        return None

    def transposed(u: Tensor) -> Tensor:
        products = pull(f, primals, u, wanted)
        pairs = zip(products, tangents, strict=True)
        return sum((p * t).sum() for p, t in pairs if p is not None and t is not None)

    with torch.enable_grad():
        u = torch.zeros_like(f(*primals))
    one = u.new_ones(())
    return pull(transposed, (u,), one, (True,))[0]


@contextmanager
def within_jvp(ctx: Any) -> Iterator[list[Tensor]]:
    """The saved tensors of a `Function` for use in its `jvp`.

    torch switches forward mode off inside `jvp`, also for the outer levels of `torch.func`, so that
    jvp of jvp would be silently wrong. Here it is on, and the tensors have lost the tangents of
    this level alone.
    """
    with forward_ad._set_fwd_grad_enabled(True):
        yield [forward_ad.unpack_dual(x).primal for x in ctx.saved_tensors]


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_()


def transforming() -> bool:
    """Whether a transformation of torch.func is running."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def differentiable(x: Tensor) -> bool:
    """Whether x needs a derivative: reverse or forward, at any level of torch.func."""
    while True:
        if x.requires_grad or forward_ad.unpack_dual(x).tangent is not None:
            return True
        if not torch._C._functorch.is_functorch_wrapped_tensor(x):
            return False
        x = torch._C._functorch.get_unwrapped(x)
