"""Bookkeeping is cheap: tensor operations a step and a check, host reads, graph breaks."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import deqlab
from deqlab import Anderson, Picard, RelativeResidual
from deqlab._loop import Loop
from deqlab.problem import make_problem
from deqlab.solve import Plan

READS = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item")
FREE = (
    "view",
    "unsqueeze",
    "slice",
    "select",
    "expand",
    "detach",
    "alias",
    "unbind",
    "transpose",
    "t",
    "mT",
    "split",
    "permute",
    "_unsafe_view",
    "squeeze",
)  # no kernel runs
BUDGETS = {"Picard": 3, "Anderson": 21, "Broyden": 26}


class Operations(TorchDispatchMode):
    """Counts the tensor operations that launch a kernel, outside f."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.inside = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if not self.inside and name not in FREE:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


def count(solver: Any, *, max_steps: int, check_every: int, deferred: bool) -> Counter[str]:
    """The operations of `max_steps` steps of a solve in which no sample finishes."""
    size = 200
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(size, size, generator=generator, dtype=torch.float64)
    W = 0.9999 * torch.linalg.qr(W).Q  # its eigenvalues fill a circle: no solver gets far
    x = torch.randn(3, size, generator=generator, dtype=torch.float64)
    operations = Operations()

    def f(z: Tensor, x: Tensor) -> Tensor:
        operations.inside = True
        fz = z @ W + x
        operations.inside = False
        return fz

    with torch.no_grad():
        loop = Loop(
            make_problem(f, torch.zeros_like(x), (x,)),
            solver,
            RelativeResidual(rtol=1e-14),
            max_steps=max_steps,
            check_every=check_every,
            compact=False,
            history=False,
            deferred=deferred,
        )
        with operations:
            for _ in loop:
                pass
    return operations.counts


def per_step(solver: Any, *, deferred: bool) -> tuple[float, float]:
    """Operations of a step, and of a check, from runs that differ in nothing else."""
    short, long = (
        count(solver, max_steps=n, check_every=40, deferred=deferred).total() for n in (40, 80)
    )
    rare = (long - short) / 40  # one step, and 1/40 of a check
    short, long = (
        count(solver, max_steps=n, check_every=1, deferred=deferred).total() for n in (40, 80)
    )
    often = (long - short) / 40  # one step and one check
    check = (often - rare) * 40 / 39
    return rare - check / 40, check


@pytest.mark.parametrize("name", BUDGETS)
def test_operations_of_a_step_besides_f(name: str) -> None:
    """On a GPU one more, the `where` that keeps the finished rows."""
    for deferred in (False, True):
        step, _ = per_step(getattr(deqlab, name)(), deferred=deferred)
        assert step <= BUDGETS[name] + deferred


def test_operations_of_a_check() -> None:
    """An eighth of the look at the trend included.

    A check that is read late, every eighth step, also selects the best iterates on the device (4
    operations), copies the mask (2), and looks for states that run away even if no row is done (6).
    """
    assert per_step(Picard(), deferred=False)[1] <= 12
    assert per_step(Picard(), deferred=True)[1] <= 24


@pytest.mark.parametrize("solver", [Picard(), Anderson()])
def test_no_host_read_on_the_way(solver: Any) -> None:
    """As on a GPU: the mask is copied, not read, until the solve ends."""
    counts = count(solver, max_steps=40, check_every=8, deferred=True)
    longer = count(solver, max_steps=80, check_every=8, deferred=True)
    for name in READS:
        assert longer[name] == counts[name] == 0, name


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("solver", [Picard(), Anderson()])
def test_reading_the_mask_a_check_late_changes_no_result(solver: Any, compact: bool) -> None:
    c = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)[:, None]
    c[3] = torch.nan
    problem = make_problem(lambda z, c: c * torch.cos(z), torch.zeros_like(c), (c,))
    runs = []
    with torch.no_grad():
        for deferred in (False, True):
            loop = Loop(
                problem,
                solver,
                RelativeResidual(),
                max_steps=100,
                check_every=3,
                compact=compact,
                history=True,
                deferred=deferred,
            )
            checks = sum(1 for _ in loop)
            runs.append((loop.result(), checks))
    (now, checks), (late, late_checks) = runs
    assert late_checks == checks + 1
    for name in ("value", "residual", "num_steps", "nfe", "status"):
        assert torch.equal(getattr(now, name), getattr(late, name)), name


@pytest.mark.parametrize("name", BUDGETS)
def test_a_step_compiles_without_a_graph_break(name: str) -> None:
    solver = getattr(deqlab, name)()
    W = 0.1 * torch.ones(4, 4)

    def step(z: Tensor, state: Any) -> tuple[Tensor, Any]:
        fz = torch.tanh(z @ W + 1)
        return solver.step(z, fz, state, torch.tanh)

    compiled = torch.compile(step, fullgraph=True, backend="eager", dynamic=False)
    z = torch.zeros(2, 4)
    state, same = solver.init(z), solver.init(z)
    plain = z
    for _ in range(3):
        z, state = compiled(z, state)
        plain, same = step(plain, same)
    assert torch.equal(z, plain)


def test_a_compiled_f_is_solved() -> None:
    f = torch.compile(lambda z: torch.cos(z), fullgraph=True, backend="aot_eager")
    solution = deqlab.fixed_point(f, torch.zeros(2, 3))
    assert solution.converged().all()


def test_memory_does_not_grow_with_the_steps() -> None:
    """What the loop holds after many steps is what it holds after few, for a plain solve."""
    z = torch.zeros(3, 5, dtype=torch.float64)
    plan = Plan(solver=Picard(), rule=RelativeResidual(rtol=1e-300), max_steps=400)
    held = []
    with torch.no_grad():
        for _ in (loop := plan.loop(make_problem(lambda z: 1 - z, z))):
            held.append(sum(isinstance(v, Tensor) for v in vars(loop.rows).values()))
    assert len(set(held)) == 1
    assert loop.history is None
