"""How an iteration ended: one vocabulary for everything in deqlab that iterates."""

from enum import IntEnum


class Status(IntEnum):
    """Outcome of an iteration, one per sample; `message` says what it means and what to change."""

    CONVERGED = 0
    MAX_STEPS = 1
    STAGNATED = 2
    DIVERGED = 3
    NONFINITE = 4

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES = {
    Status.CONVERGED: "the tolerance was met",
    Status.MAX_STEPS: (
        "max_steps was reached first: raise max_steps if the residual is still falling, "
        "otherwise use relaxation or another solver"
    ),
    Status.STAGNATED: (
        "rounding hides any further progress: loosen the tolerance or use a wider dtype"
    ),
    Status.DIVERGED: (
        "the residual grew without bound: use relaxation, another solver, or a map with a "
        "smaller Lipschitz constant"
    ),
    Status.NONFINITE: (
        "f returned inf or nan: check z0 and f, or use a map with a smaller Lipschitz constant"
    ),
}
