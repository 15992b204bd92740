"""Products with the Jacobian J = ∂f/∂z at a state: v ↦ vᵀJ and v ↦ J v, row by row.

Neither forms J. vᵀJ costs one reverse pass. J v costs two: u ↦ Jᵀu is linear, and its own
reverse pass multiplies by J (the "double-backward trick"), which any f with a second derivative
supports, forward mode or not.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from deqlab._state import State
from deqlab.adjoints.derivatives import pull, push
from deqlab.problem import Map, Problem, make_problem


def vjp_at(
    f: Callable[..., State],
    z: State,
    v: State,
    *args: Any,
    params: tuple[Any, ...] = (),
    batch_dims: int = 1,
) -> State:
    """vᵀJ, J = ∂f/∂z at (z, *args, *params), for every sample.

    Parameters
    ----------
    f, z, args, params, batch_dims
        As in `fixed_point`, z in the place of z0.
    v : State
        What z is.

    Returns
    -------
    State
        What z is; differentiable in z, v, args and params.

    Raises
    ------
    ValueError, TypeError
        As in `fixed_point`; also if v is not what z is.

    Examples
    --------
    >>> import torch
    >>> z, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0]])
    >>> vjp_at(lambda z: z * z.sum(dim=1, keepdim=True), z, v).tolist()
    [[6.0, 6.0]]
    """
    problem, vector = _linear_problem(f, z, v, args, params, batch_dims)
    product = pull(problem.at(), (problem.z0,), vector, (True,))[0]
    assert product is not None
    return problem.layout.unpack(product)


def jvp_at(
    f: Callable[..., State],
    z: State,
    v: State,
    *args: Any,
    params: tuple[Any, ...] = (),
    batch_dims: int = 1,
) -> State:
    """J v, J = ∂f/∂z at (z, *args, *params), for every sample.

    Parameters, returns and errors are those of `vjp_at`.

    Examples
    --------
    >>> import torch
    >>> z, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0]])
    >>> jvp_at(lambda z: z * z.sum(dim=1, keepdim=True), z, v).tolist()
    [[5.0, 7.0]]
    """
    problem, vector = _linear_problem(f, z, v, args, params, batch_dims)
    product = push(problem.at(), (problem.z0,), (vector,))
    assert product is not None
    return problem.layout.unpack(product)


class Linearisation:
    """J of a flat map at z (B, D), one graph for many products, all of them detached."""

    def __init__(self, f: Map, z: Tensor) -> None:
        with torch.enable_grad():
            self._z = z.detach().requires_grad_()
            self._y = f(self._z)
            self._u = torch.zeros_like(self._y, requires_grad=True)
            self._pulled: Tensor | None = None

    def vjp(self, v: Tensor) -> Tensor:
        """vᵀJ (B, D)."""
        return _grad(self._y, self._z, v)

    def jvp(self, v: Tensor) -> Tensor:
        """J v (B, D)."""
        if self._pulled is None:
            self._pulled = _grad(self._y, self._z, self._u, create_graph=True)
        return _grad(self._pulled, self._u, v)


def _grad(y: Tensor, x: Tensor, v: Tensor, *, create_graph: bool = False) -> Tensor:
    if not y.requires_grad:  # y does not depend on x
        return torch.zeros_like(x)
    (g,) = torch.autograd.grad(
        y,
        x,
        v,
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return g


def _linear_problem(
    f: Callable[..., State],
    z: State,
    v: State,
    args: tuple[Any, ...],
    params: tuple[Any, ...],
    batch_dims: int,
) -> tuple[Problem, Tensor]:
    problem = make_problem(f, z, args, params, batch_dims=batch_dims)
    shapes = [x.shape for x in (z if isinstance(z, tuple) else (z,))]
    given = v if isinstance(v, tuple) else (v,)
    if isinstance(v, tuple) != isinstance(z, tuple) or [x.shape for x in given] != shapes:
        raise ValueError(
            f"v must have the shape of z, {[tuple(s) for s in shapes]}; got "
            f"{[tuple(x.shape) for x in given]}"
        )
    return problem, problem.layout.pack(v)
