"""A layer defined by the equation z = cell(z, x): a deep equilibrium model's forward pass.

References
----------
.. [1] S. Bai, J. Z. Kolter, V. Koltun, Deep equilibrium models, NeurIPS 2019.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from deqlab._state import State
from deqlab.adjoints.implicit import Implicit
from deqlab.solution import OnFailure, Solution
from deqlab.solve import Adjoint, fixed_point
from deqlab.solvers.anderson import Anderson
from deqlab.solvers.protocol import Solver
from deqlab.stopping import RelativeResidual, StoppingRule


class DEQ(nn.Module):  # type: ignore[misc]
    """x ↦ z* with z* = cell(z*, x, ...).

    Parameters
    ----------
    cell : nn.Module, or callable
        cell(z, x, ...) returns what z is, for each sample alone: no batch statistics.
    state_shape : tuple of int, optional
        Shape of one sample's state, which starts at zero. Default: that of x.
    solver, stop, max_steps, adjoint, compact, on_failure
        As in `fixed_point`; finished samples leave the computation by default.
    warm_start : bool
        Start from the last z* if the batch has the same shape and dtype: for a batch that changes
        little from call to call. With several solutions, the answer may then depend on the past.

    Attributes
    ----------
    solution : Solution, or None
        The last forward solve, detached; its `adjoint` is the last backward solve. A copy, by
        pickle, `copy.deepcopy` or `torch.save`, starts without one.

    Examples
    --------
    >>> import torch
    >>> linear = torch.nn.Linear(3, 3)
    >>> layer = DEQ(lambda z, x: torch.tanh(0.1 * linear(z) + x))
    >>> layer(torch.zeros(5, 3)).shape, bool(layer.solution.converged().all())
    (torch.Size([5, 3]), True)
    """

    def __init__(
        self,
        cell: Callable[..., State],
        *,
        state_shape: tuple[int, ...] | None = None,
        solver: Solver = Anderson(),
        stop: StoppingRule | None = RelativeResidual(),
        max_steps: int = 200,
        adjoint: Adjoint = Implicit(),
        compact: bool = True,
        on_failure: OnFailure = OnFailure.WARN,
        warm_start: bool = False,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.state_shape = state_shape
        self.solver, self.stop, self.max_steps = solver, stop, max_steps
        self.adjoint, self.compact, self.on_failure = adjoint, compact, on_failure
        self.warm_start = warm_start
        self.solution: Solution | None = None

    def forward(self, x: Tensor, *args: Any, z0: State | None = None) -> State:
        """z* (B, *state_shape) for x (B, ...); further args are batch-first too.

        Parameters
        ----------
        z0 : State, optional
            Where to start. Default: zero, or the last solution with `warm_start`.

        Raises
        ------
        ValueError, TypeError, ConvergenceError
            As `fixed_point`.
        """
        solution = fixed_point(
            self.cell,
            self._start(x) if z0 is None else z0,
            x,
            *args,
            solver=self.solver,
            stop=self.stop,
            max_steps=self.max_steps,
            adjoint=self.adjoint,
            compact=self.compact,
            on_failure=self.on_failure,
        )
        self.solution = solution.detach()
        return solution.value

    def _start(self, x: Tensor) -> State:
        shape = x.shape if self.state_shape is None else (x.shape[0], *self.state_shape)
        if self.warm_start and self.solution is not None:
            last = self.solution.value
            if isinstance(last, Tensor) and (last.shape, last.dtype) == (shape, x.dtype):
                return last
        return x.new_zeros(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "solution": None}

    def extra_repr(self) -> str:
        """The options that decide what is computed."""
        names = ("solver", "stop", "max_steps", "adjoint")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)
