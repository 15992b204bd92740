"""When a row should rather iterate plainly: the safeguard that the accelerated solvers share.

Every max(12, memory) steps the residual of a row is compared with the last mark. A window of
accelerated steps that did not halve it starts a trial of plain steps: 4 windows at first and four
times as many at each later trial, ended early if the residual doubles. As many accelerated windows
follow before the row is judged again. So a map that plain iteration solves in a few steps, and no
Krylov method, is found out; and where neither helps, plain steps make up about half.

No method can do better on every map: one that takes fewer than half of its evaluations along the
plain iteration is beaten by more than two to one on some f that agrees with what it has seen.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

SHORTEST = 12  # steps between judgements, at least
FIRST = 4  # windows of the first trial, and the factor from each to the next


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The progress of every row; all tensors (B, 1).

    Attributes
    ----------
    plain : Tensor, bool
        Whether the next steps are plain.
    threshold : Tensor
        What the solver's test of a new pair compares with: its own level, or one that no pair
        passes, so that the step is plain.
    mark : Tensor
        Norm of the residual at the last judgement.
    left : Tensor
        Windows until the next one counts.
    length : Tensor
        Windows of the next trial.
    window : int
        Steps between judgements.
    steps : int
    """

    plain: Tensor
    threshold: Tensor
    mark: Tensor
    left: Tensor
    length: Tensor
    window: int
    steps: int = 0

    @classmethod
    def start(cls, work: Tensor, *, never: float, memory: int) -> "Trial":
        """Before the first step, which is plain."""
        zero = work.new_zeros(work.shape[0], 1)
        return cls(
            plain=zero == 0,
            threshold=torch.full_like(zero, never),
            mark=zero,
            left=zero,
            length=zero,
            window=max(SHORTEST, memory),
        )

    @property
    def judged(self) -> bool:
        """Whether the last step ended a window."""
        return self.steps % self.window == 1

    def after(self, residual: Tensor, *, level: float, never: float) -> "Trial":
        """After one more step, from an iterate with this residual (B, D)."""
        steps = self.steps + 1
        if self.steps % self.window:
            return replace(self, steps=steps)
        norm = torch.linalg.vector_norm(residual.detach(), dim=1, keepdim=True)
        left = self.left - 1
        over = left <= 0
        stop = self.plain & (over | (norm > 2 * self.mark))
        start = ~self.plain & over & (norm > self.mark / 2)
        plain = (self.plain & ~stop) | start
        return Trial(
            plain=plain,
            threshold=torch.where(plain, never, torch.full_like(norm, level)),
            mark=norm,
            left=torch.where(stop | start, self.length, left),
            length=torch.where(stop, (FIRST * self.length).clamp_min(FIRST), self.length),
            window=self.window,
            steps=steps,
        )
