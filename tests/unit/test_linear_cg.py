"""Where conjugate gradients are the right tool, and that they say so where they are not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deqlab import GMRES, Status, SymmetrizedCG


def draw(seed: int, d: int = 24, batch: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """W = Wᵀ of norm .95, slopes D in (0.1, 1) per row, right-hand sides."""
    g = torch.Generator().manual_seed(seed)
    G = torch.randn(d, d, generator=g, dtype=torch.float64)
    W = G + G.T
    W *= 0.95 / torch.linalg.matrix_norm(W, 2)
    D = 0.1 + 0.9 * torch.rand(batch, d, generator=g, dtype=torch.float64)
    return W, D, torch.randn(batch, d, generator=g, dtype=torch.float64)


@settings(max_examples=25)
@given(seed=st.integers(0, 99), transposed=st.booleans())
def test_cg_is_right_where_j_is_a_slope_times_a_symmetric_matrix(
    seed: int, transposed: bool
) -> None:
    W, D, b = draw(seed)
    product = (lambda v: (D * v) @ W) if transposed else (lambda v: D * (v @ W))
    solver = SymmetrizedCG(slope=lambda z: D).at(torch.zeros_like(b), transposed=transposed)
    answer = solver.solve(product, b, rtol=1e-10)
    J = torch.diag_embed(D) @ W
    A = torch.eye(24, dtype=torch.float64) - (J.mT if transposed else J)
    exact = torch.linalg.solve(A, b[:, :, None])[:, :, 0]
    assert answer.converged().all()
    inverse = 1 / torch.linalg.svdvals(A).amin(1)
    error = torch.linalg.vector_norm(answer.value - exact, dim=1)
    assert (error <= 1.01e-10 * inverse * torch.linalg.vector_norm(b, dim=1)).all()


def test_cg_takes_about_as_many_products_as_gmres_in_constant_memory() -> None:
    W, D, b = draw(0, d=128)
    by_cg = SymmetrizedCG(weight=1 / D).solve(lambda v: D * (v @ W), b, rtol=1e-10)
    by_gmres = GMRES(restart=128).solve(lambda v: D * (v @ W), b, rtol=1e-10)
    assert by_cg.converged().all()
    # CG minimises the energy norm and GMRES the residual: the same Krylov space, a few steps apart
    assert (by_cg.products - by_gmres.products).abs().max() <= 5


def test_cg_is_right_for_gradient_steps() -> None:
    """z ↦ z − η∇F(z), ∇²F = H ≻ 0: I − J = ηH."""
    g = torch.Generator().manual_seed(0)
    B = torch.randn(12, 12, generator=g, dtype=torch.float64)
    H = B @ B.T + torch.eye(12, dtype=torch.float64)
    eta = 1 / torch.linalg.matrix_norm(H, 2)
    b = torch.randn(2, 12, generator=g, dtype=torch.float64)
    answer = SymmetrizedCG().solve(lambda v: v - eta * v @ H, b, rtol=1e-10)
    assert answer.converged().all()
    exact = torch.linalg.solve(eta * H, b.T).T
    condition = torch.linalg.cond(H)
    assert (answer.value - exact).norm() <= 1.01e-10 * condition * exact.norm()


@settings(max_examples=25)
@given(seed=st.integers(0, 99))
def test_cg_reports_its_failure_on_a_general_cell(seed: int) -> None:
    """J neither symmetric nor a slope times a symmetric matrix: never converged and wrong."""
    g = torch.Generator().manual_seed(seed)
    J = torch.randn(16, 16, generator=g, dtype=torch.float64)
    J *= 0.95 / torch.linalg.matrix_norm(J, 2)
    b = torch.randn(2, 16, generator=g, dtype=torch.float64)
    answer = SymmetrizedCG(max_iterations=200).solve(lambda v: v @ J.T, b, rtol=1e-8)
    residual = torch.linalg.vector_norm(b - answer.value + answer.value @ J.T, dim=1)
    wrong = residual > 1.01e-8 * torch.linalg.vector_norm(b, dim=1)
    assert torch.equal(wrong, ~answer.converged())
    assert wrong.all()


def test_cg_reports_an_indefinite_system() -> None:
    """An eigenvalue of J above 1: the curvature is negative along the first direction."""
    b = torch.ones(1, 3, dtype=torch.float64)
    answer = SymmetrizedCG().solve(lambda v: 1.5 * v, b, rtol=1e-8)
    assert answer.status[0] == Status.STAGNATED
    assert (answer.value == 0).all()


@pytest.mark.parametrize("weight", [torch.zeros(1, 3), torch.ones(2, 3), -torch.ones(1, 3)])
def test_the_weight_must_be_positive_and_of_the_shape_of_b(weight: Tensor) -> None:
    with pytest.raises(ValueError, match="must be positive, of the shape \\(1, 3\\) of b"):
        SymmetrizedCG(weight=weight).solve(lambda v: v, torch.ones(1, 3), rtol=1e-3)
