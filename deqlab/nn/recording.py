"""`fixed_point` that also hands over some of the iterates it went through."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from deqlab._state import State
from deqlab.nn.binding import Binding
from deqlab.problem import Problem, make_problem
from deqlab.solution import FlatSolution, Solution
from deqlab.solve import Adjoint, Plan, checked_plan, solve_problem


@dataclass(frozen=True, kw_only=True)
class RecordingPlan(Plan):
    """A plan that keeps the iterates after the given numbers of steps, detached."""

    steps: tuple[int, ...]
    seen: dict[int, Tensor] = field(default_factory=dict)

    def run(self, problem: Problem) -> FlatSolution:
        """One pass of the loop; the last pass is the one that is kept."""
        loop = self.loop(problem)
        for _ in loop:
            if loop.step in self.steps:
                self.seen[loop.step] = loop.rows.z.detach()
        solution = loop.result()
        for step in self.steps:
            if step > loop.step:
                self.seen[step] = solution.value.detach()
        return solution


def solve_recording(
    binding: Binding,
    z0: State,
    *,
    steps: Sequence[int],
    adjoint: Adjoint,
    **options: Any,
) -> tuple[Solution, tuple[State, ...]]:
    """The solution, and the iterates after the given numbers of steps.

    Raises
    ------
    ValueError
        If the steps are not rising integers of at least 0.
    """
    problem = make_problem(binding.f, z0, binding.args, binding.params)
    plan = checked_plan(**options)
    if not steps:
        return solve_problem(problem, plan, adjoint), ()
    whole = all(isinstance(k, int) and not isinstance(k, bool) for k in steps)
    if not whole or list(steps) != sorted(set(steps)) or steps[0] < 0:
        raise ValueError(f"steps must be rising integers of at least 0; got {tuple(steps)}")
    fields = vars(plan) | {"compact": False, "check_every": 1}
    recording = RecordingPlan(steps=tuple(steps), **fields)
    solution = solve_problem(problem, recording, adjoint)
    return solution, tuple(problem.layout.unpack(recording.seen[k]) for k in steps)
