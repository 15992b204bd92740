"""When a row should rather iterate plainly: the safeguard that the accelerated solvers share.

Every 12 steps the residual of a row is compared with the last mark. A window of accelerated steps
that did not halve it starts a trial of plain steps: 4 windows at first and four times as many at
each later trial, ended early if the residual doubles. As many accelerated windows follow before the
row is judged again. So a map that plain iteration solves in a few steps, and no Krylov method, is
found out; and where neither helps, plain steps make up about half.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

WINDOW = 12  # steps between judgements
FIRST = 4  # windows of the first trial, and the factor from each to the next


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The progress of every row; all tensors (B, 1).

    Attributes
    ----------
    threshold : Tensor
        What the solver's test of a new pair compares with: its own level, or inf in a trial, so
        that every pair fails and the step is plain.
    mark : Tensor
        Norm of the residual at the last judgement.
    left : Tensor
        Windows until the next one counts.
    length : Tensor
        Windows of the next trial.
    steps : int
    """

    threshold: Tensor
    mark: Tensor
    left: Tensor
    length: Tensor
    steps: int = 0

    @classmethod
    def start(cls, work: Tensor) -> "Trial":
        """Before the first step, which is plain."""
        zero = work.new_zeros(work.shape[0], 1)
        return cls(threshold=torch.full_like(zero, math.inf), mark=zero, left=zero, length=zero)

    @property
    def judged(self) -> bool:
        """Whether the last step ended a window."""
        return self.steps % WINDOW == 1

    def after(self, residual: Tensor, level: float) -> "Trial":
        """After one more step, from an iterate with this residual (B, D)."""
        steps = self.steps + 1
        if self.steps % WINDOW:
            return replace(self, steps=steps)
        norm = torch.linalg.vector_norm(residual.detach(), dim=1, keepdim=True)
        plain = torch.isinf(self.threshold)
        left = self.left - 1
        over = left <= 0
        stop = plain & (over | (norm > 2 * self.mark))
        start = ~plain & over & (norm > self.mark / 2)
        threshold = torch.where(stop, level, self.threshold)
        return Trial(
            threshold=torch.where(start, math.inf, threshold),
            mark=norm,
            left=torch.where(stop | start, self.length, left),
            length=torch.where(stop, (FIRST * self.length).clamp_min(FIRST), self.length),
            steps=steps,
        )
