"""A layer defined by the equation z = cell(z, x): a deep equilibrium model.

References
----------
.. [1] S. Bai, J. Z. Kolter, V. Koltun, Deep equilibrium models, NeurIPS 2019.
.. [2] S. Bai, V. Koltun, J. Z. Kolter, Stabilizing equilibrium models by Jacobian regularization,
   ICML 2021.
.. [3] S. Bai, Z. Geng, Y. Savani, J. Z. Kolter, Deep equilibrium optical flow estimation,
   CVPR 2022: the corrections.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from deqlab._state import State
from deqlab.adjoints.derivatives import transforming
from deqlab.adjoints.implicit import Implicit
from deqlab.frobenius import jacobian_frobenius
from deqlab.nn.binding import (
    Binding,
    Masks,
    active_dropouts,
    bind,
    has_method,
    refuse_draws,
    refuse_randomness,
)
from deqlab.nn.recording import solve_recording
from deqlab.solution import OnFailure, Solution
from deqlab.solve import Adjoint
from deqlab.solvers.anderson import Anderson
from deqlab.solvers.protocol import Solver
from deqlab.stopping import RelativeResidual, StoppingRule


class DEQ(nn.Module):  # type: ignore[misc]
    """x ↦ z* with z* = cell(z*, x, ...).

    Parameters
    ----------
    cell : nn.Module, or callable
        cell(z, u, ...) returns what z is, for each sample alone: no batch statistics, and no random
        numbers but those of `VariationalDropout`. Here u = cell.inject(x), computed once for each
        solve, or x itself where the cell has no `inject`. Weights under a parametrisation
        (`torch.nn.utils.parametrize`) are also computed once for each solve.
        A cell with a `splitting` method, such as `MonotoneCell`, is solved by what that returns.
    state_shape : tuple of int, optional
        Shape of one sample's state, which starts at zero. Default: cell.start(x) where the cell has
        it, otherwise zeros like x.
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
    binding : Binding, or None
        The map of the last forward solve, detached: binding(z) is f(z).

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
        cell: Any,
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
        self.binding: Binding | None = None
        self._masks: Masks = ()
        self._versions: list[int] = []

    def forward(
        self,
        x: Tensor,
        *args: Any,
        z0: State | None = None,
        generator: torch.Generator | None = None,
    ) -> State:
        """z* (B, *state_shape) for x (B, ...); further args are batch-first too.

        Parameters
        ----------
        z0 : State, optional
            Where to start. Default: zero, or the last solution with `warm_start`.
        generator : torch.Generator, optional
            For the masks of `VariationalDropout`.

        Raises
        ------
        ValueError, TypeError, ConvergenceError
            As `fixed_point`; also if x is not finite, or the cell is random.
        """
        return self._solve(x, args, z0, generator, ())[-1]

    def trajectory(
        self,
        x: Tensor,
        *args: Any,
        steps: Sequence[int],
        z0: State | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[State, ...]:
        """f(z_k) for the iterates z_k after the given numbers of steps, and z* as the last.

        For fixed-point corrections [3]_: losses on states along the way, each with the gradient of
        one evaluation of f (z_k counts as a constant), and the gradient of `adjoint` for z*. They
        pull the whole solve towards the target, and cost one evaluation and one product each. A
        sample that is done before step k counts with its solution.

        Parameters
        ----------
        steps : sequence of int
            At least 0 and rising, as in (2, 5).
        x, args, z0, generator
            As in `forward`, with its errors.
        """
        return self._solve(x, args, z0, generator, tuple(steps))

    def map(self, x: Tensor, *args: Any) -> Binding:
        """z ↦ f(z) = cell(z, inject(x), ...) with the dropout masks of the last forward pass.

        For `spectral_radius`, `operator_norm` and `jacobian_frobenius` at a state of your choice.
        Differentiable in x and in the parameters.
        """
        return bind(self.cell, x, args, self._masks)

    def jacobian_penalty(
        self,
        z: State,
        x: Tensor,
        *args: Any,
        probes: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """‖J‖_F²/D at z, the mean over the batch, by Hutchinson's unbiased estimate [2]_.

        To be added to a loss, with a weight. D is the dimension of one sample's state. It is a
        nudge and no certificate: a small value bounds neither ‖J‖₂ nor ρ(J) by 1.

        Parameters
        ----------
        z : State
            The layer's value for x. With its graph the gradient is exact, and takes the way of z
            into account, by second derivatives of the cell; z.detach() leaves that part out, as the
            reference does.
        probes : int
            Random directions, each one vector–Jacobian product.
        generator : torch.Generator, optional
        x, args
            As in `forward`.

        Returns
        -------
        Tensor ()
        """
        found = jacobian_frobenius(self.map(x, *args), z, probes=probes, generator=generator)
        parts = z if isinstance(z, tuple) else (z,)
        size = sum(part[0].numel() for part in parts)
        return found.squared.mean() / size

    def parameters_changed(self) -> bool:
        """Whether a parameter was changed in place since the last forward pass."""
        return self._versions != self._parameter_versions()

    def _parameter_versions(self) -> list[int]:
        return [p._version for p in self.parameters() if not p.is_inference()]

    def _solve(
        self,
        x: Tensor,
        args: tuple[Any, ...],
        z0: State | None,
        generator: torch.Generator | None,
        steps: tuple[int, ...],
    ) -> tuple[State, ...]:
        refuse_randomness(self.cell)
        _refuse_nonfinite(x)
        start = self._start(x) if z0 is None else z0
        like = start[0] if isinstance(start, tuple) else start
        self._masks = tuple(d.draw(like, generator) for d in active_dropouts(self.cell))
        binding = bind(self.cell, x, args, self._masks)
        split = binding.splitting(self.cell) if has_method(self.cell, "splitting") else None
        iterated = binding
        if split is not None:
            iterated = Binding(f=split.f, args=split.args, params=split.params)
        with refuse_draws(like.device):
            solution, states = solve_recording(
                iterated,
                start if split is None else split.start(start),
                steps=steps,
                solver=self.solver,
                stop=self.stop,
                max_steps=self.max_steps,
                adjoint=self.adjoint,
                compact=self.compact,
                on_failure=self.on_failure,
            )
        states = (*(iterated(state) for state in states), solution.value)
        if split is not None:
            states = tuple(split.read(state) for state in states)
        self.solution = replace(solution, value=states[-1]).detach()
        self.binding, self._versions = binding.detach(), self._parameter_versions()
        return states

    def _start(self, x: Tensor) -> State:
        if self.state_shape is not None:
            zero = x.new_zeros((x.shape[0], *self.state_shape))
        else:
            zero = self.cell.start(x) if has_method(self.cell, "start") else torch.zeros_like(x)
        if self.warm_start and self.solution is not None:
            last = self.solution.value
            if isinstance(last, Tensor) and (last.shape, last.dtype) == (zero.shape, zero.dtype):
                return last
        return zero

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "solution": None, "binding": None, "_masks": ()}

    def extra_repr(self) -> str:
        """The options that decide what is computed."""
        names = ("solver", "stop", "max_steps", "adjoint")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


def _refuse_nonfinite(x: Any) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point() or transforming():
        return
    finite = torch.isfinite(x)
    if bool(finite.all()):
        return
    rows = torch.nonzero(~finite.flatten(1).all(1)).flatten().tolist()
    raise ValueError(
        f"x holds inf or nan in {len(rows)} of {len(x)} samples, the first of them number "
        f"{rows[0]}: clean the data, or leave those samples out"
    )
