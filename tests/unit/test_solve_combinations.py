"""Every solver with every adjoint works, to an oracle, or is refused with the remedy."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import deqlab
from deqlab import (
    GMRES,
    DenseLU,
    FixedPointLinear,
    Implicit,
    JacobianFree,
    NeumannSeries,
    PhantomGradient,
    RelativeResidual,
    ReuseInverse,
    SymmetrizedCG,
    TruncatedNeumann,
    Unrolled,
    fixed_point,
)

DOUBLE = torch.float64
L = 0.5
SOLVERS: dict[str, Any] = {
    "Picard": deqlab.Picard(),
    "Picard, relaxed": deqlab.Picard(relaxation=0.8),
    "Anderson": deqlab.Anderson(),
    "Anderson, m=1": deqlab.Anderson(memory=1),
    "Broyden": deqlab.Broyden(),
    "Broyden, bad": deqlab.Broyden(kind=deqlab.BroydenKind.BAD),
    "NewtonKrylov": deqlab.NewtonKrylov(),
}
ADJOINTS: dict[str, Any] = {
    "Implicit, GMRES": Implicit(rtol=1e-12),
    "Implicit, GMRES(3)": Implicit(rtol=1e-12, linear_solver=GMRES(restart=3)),
    "Implicit, Neumann": Implicit(rtol=1e-12, linear_solver=NeumannSeries()),
    "Implicit, fixed point": Implicit(
        rtol=1e-12, linear_solver=FixedPointLinear(solver=deqlab.Anderson())
    ),
    "Implicit, LU": Implicit(rtol=1e-12, linear_solver=DenseLU()),
    "Implicit, CG": Implicit(rtol=1e-12, linear_solver=SymmetrizedCG(slope=lambda z: 1 - z * z)),
    "PhantomGradient": PhantomGradient(terms=3, relaxation=0.5),
    "JacobianFree": JacobianFree(),
    "TruncatedNeumann": TruncatedNeumann(4),
    "Unrolled": Unrolled(),
    "Unrolled, checkpoint": Unrolled(checkpoint=True),
    "Unrolled, truncate": Unrolled(truncate=3),
    "ReuseInverse": ReuseInverse(),
}
HAS_INVERSE = {"Broyden", "Broyden, bad"}
NOT_UNROLLED = {"NewtonKrylov"}


def expected(solver: str, adjoint: str) -> str:
    """The table: 'works', or what the refusal says."""
    if adjoint == "ReuseInverse" and solver not in HAS_INVERSE:
        return "use solver=Broyden(), or adjoint=Implicit()"
    if adjoint.startswith("Unrolled") and solver in NOT_UNROLLED:
        return "use adjoint=Implicit(), or Anderson() or Picard() as the solver"
    return "works"


def cell(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    return torch.tanh(z @ W.T + x)


@pytest.fixture
def instance() -> tuple[Tensor, Tensor, Tensor]:
    """x, a symmetric W (so that CG applies) with ‖W‖ = L, and a cotangent."""
    generator = torch.Generator().manual_seed(0)
    G = torch.randn(5, 5, generator=generator, dtype=DOUBLE)
    x, v = torch.randn(2, 3, 5, generator=generator, dtype=DOUBLE)
    W = L * (G + G.T) / torch.linalg.matrix_norm(G + G.T, 2)
    return x.requires_grad_(), W.requires_grad_(), v


def dense_gradient(
    z: Tensor, x: Tensor, W: Tensor, v: Tensor, adjoint: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """∂(v · z*)/∂x from dense matrices, with w = adjoint(Jᵀ, v) in the place of (I − Jᵀ)⁻¹ v."""
    rows = []
    for row in range(len(z)):
        slope = 1 - z[row] ** 2
        J = slope[:, None] * W
        rows.append(slope * adjoint(J.T, v[row]))
    return torch.stack(rows)


def exact(JT: Tensor, v: Tensor) -> Tensor:
    return torch.linalg.solve(torch.eye(len(v), dtype=DOUBLE) - JT, v)


def series(terms: int, relaxation: float = 1.0) -> Callable[[Tensor, Tensor], Tensor]:
    """τ Σ_{j<k} ((1 − τ) I + τ Jᵀ)^j v."""

    def adjoint(JT: Tensor, v: Tensor) -> Tensor:
        M = (1 - relaxation) * torch.eye(len(v), dtype=DOUBLE) + relaxation * JT
        return relaxation * sum(torch.linalg.matrix_power(M, j) @ v for j in range(terms))

    return adjoint


# what each adjoint computes, and the error allowed, relative to the gradient
ORACLES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], float]] = {
    # forward and adjoint residuals of 1e-12 over (1 − L)² = 1/4, and the constants of tanh
    "Implicit": (exact, 1e-10),
    "PhantomGradient": (series(3, 0.5), 1e-10),
    "JacobianFree": (series(1), 1e-10),
    "TruncatedNeumann": (series(4), 1e-10),
    # K L^K for plain iteration, K = 40 steps to 1e-12; an accelerated one may lag behind its value
    "Unrolled": (exact, 1e-5),
    "ReuseInverse": (exact, 0.2),
}


@pytest.mark.parametrize(
    ("adjoint", "compact"),
    [
        *((name, False) for name in ADJOINTS),
        *((name, True) for name in ("Implicit, GMRES", "Unrolled", "ReuseInverse")),
    ],
)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_combination_works_or_is_refused(
    solver: str, adjoint: str, compact: bool, instance: tuple[Tensor, Tensor, Tensor]
) -> None:
    x, W, v = instance

    def solve() -> deqlab.Solution:
        return fixed_point(
            cell,
            torch.zeros_like(x),
            x,
            params=(W,),
            solver=SOLVERS[solver],
            adjoint=ADJOINTS[adjoint],
            stop=RelativeResidual(rtol=1e-12),
            compact=compact,
        )

    outcome = expected(solver, adjoint)
    if outcome != "works":
        with pytest.raises(ValueError, match=re.escape(outcome)):
            solve()
        return
    solution = solve()
    assert solution.converged().all()
    by_x, by_W = torch.autograd.grad((solution.value * v).sum(), (x, W))
    if adjoint == "Unrolled, truncate":
        # the last three evaluations: for plain iteration a series of three terms from near z*
        if solver == "Picard":
            reference = dense_gradient(solution.value.detach(), x, W, v, series(3)).detach()
            torch.testing.assert_close(by_x, reference, rtol=0, atol=1e-5)
        assert 0 < float(by_x.norm()) < torch.inf
        return
    oracle, tolerance = ORACLES[adjoint.split(",")[0]]
    reference = dense_gradient(solution.value.detach(), x, W, v, oracle).detach()
    assert float((by_x - reference).norm()) <= tolerance * float(reference.norm())
    # ∂ℓ/∂W = Σ_rows (∂ℓ/∂x) z*ᵀ, since x and W z enter f as a sum
    if not adjoint.startswith("Unrolled"):
        torch.testing.assert_close(by_W, by_x.T @ solution.value.detach(), rtol=1e-9, atol=1e-11)


def test_the_table_covers_every_public_solver_and_adjoint() -> None:
    public = {
        name
        for name in deqlab.__all__
        if inspect.getmodule(getattr(deqlab, name)).__name__.startswith(
            ("deqlab.solvers", "deqlab.adjoints")
        )
        and name != "BroydenKind"
    }
    used = {type(item).__name__ for item in (*SOLVERS.values(), *ADJOINTS.values())}
    assert public - {"JacobianFree", "TruncatedNeumann"} <= used  # constructors of PhantomGradient


@pytest.mark.parametrize("adjoint", [name for name in ADJOINTS if not name.startswith("Unrolled")])
def test_a_map_that_changes_with_the_step_is_refused(adjoint: str) -> None:
    with pytest.raises(ValueError, match=r"f declares step=.*use adjoint=Unrolled\(\)"):
        fixed_point(
            lambda z, step: z / 2,
            torch.zeros(1, 1),
            solver=deqlab.Broyden(),
            adjoint=ADJOINTS[adjoint],
        )


@pytest.mark.parametrize("adjoint", ["Implicit, GMRES", "JacobianFree", "Unrolled"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_no_graph_is_built_where_no_gradient_is_wanted(solver: str, adjoint: str) -> None:
    if expected(solver, adjoint) != "works":
        pytest.skip("refused")
    for value in (
        fixed_point(
            torch.cos, torch.zeros(1, 1), solver=SOLVERS[solver], adjoint=ADJOINTS[adjoint]
        ).value,
    ):
        assert not value.requires_grad
