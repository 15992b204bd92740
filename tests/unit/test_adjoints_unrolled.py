"""Unrolling: exact for the K-step model, whatever the route through it."""

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from deqlab import Implicit, TruncatedNeumann, Unrolled
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard
from deqlab.stopping import RelativeResidual

STOP = RelativeResidual(rtol=1e-14)


def cell(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    return torch.tanh(z @ W.T + x)


def draw(norm: float = 0.8, d: int = 4, batch: int = 3) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    W = torch.randn(d, d, generator=g, dtype=torch.float64)
    W *= norm / torch.linalg.matrix_norm(W, 2)
    x = torch.randn(batch, d, generator=g, dtype=torch.float64)
    return x.requires_grad_(), W.requires_grad_()


def value(x: Tensor, W: Tensor, adjoint: object, steps: int | None = None) -> Tensor:
    return fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=Picard(),
        adjoint=adjoint,
        stop=STOP if steps is None else None,
        max_steps=500 if steps is None else steps,
    ).value


WAYS = [Unrolled(), Unrolled(checkpoint=True), Unrolled(truncate=100)]


@pytest.mark.parametrize("adjoint", WAYS, ids=str)
def test_unrolling_is_exact_for_the_k_step_model(adjoint: Unrolled) -> None:
    x, W = draw(d=2, batch=2)
    assert gradcheck(lambda x, W: value(x, W, adjoint, steps=4), (x, W))
    assert gradgradcheck(lambda x, W: value(x, W, adjoint, steps=3), (x, W))


def test_checkpointing_changes_no_bit_of_the_gradient() -> None:
    x, W = draw()
    plain = torch.autograd.grad(value(x, W, Unrolled()).sum(), (x, W))
    lean = torch.autograd.grad(value(x, W, Unrolled(checkpoint=True)).sum(), (x, W))
    assert all(torch.equal(a, b) for a, b in zip(plain, lean, strict=True))


def test_the_unrolled_derivative_approaches_the_implicit_one_like_k_rho_to_the_k() -> None:
    """Scalar z ↦ ρz + x: dz_K/dρ − dz*/dρ = −x (K ρ^{K−1}(1 − ρ) + ρ^K)/(1 − ρ)² exactly."""
    rho = torch.tensor([[0.7]], dtype=torch.float64, requires_grad=True)
    x = torch.ones(1, 1, dtype=torch.float64)
    r = 0.7
    for K in (1, 5, 20, 60):
        unrolled = fixed_point(
            lambda z, rho: rho * z + x,
            torch.zeros_like(x),
            rho,
            solver=Picard(),
            stop=None,
            max_steps=K,
            adjoint=Unrolled(),
        ).value
        (gradient,) = torch.autograd.grad(unrolled.sum(), rho)
        error = -(K * r ** (K - 1) * (1 - r) + r**K) / (1 - r) ** 2
        assert gradient.item() == pytest.approx(1 / (1 - r) ** 2 + error, rel=1e-12)


def test_truncation_keeps_the_last_evaluations_of_each_row() -> None:
    """Rows that take different numbers of steps: each is differentiated over its own last K."""
    x, W = draw(norm=0.9)
    x = (x.detach() * torch.tensor([[0.01], [1.0], [5.0]], dtype=x.dtype)).requires_grad_()
    solution = fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=Picard(),
        adjoint=Unrolled(truncate=4),
        stop=STOP,
        max_steps=2000,
    )
    assert solution.num_steps.unique().numel() == 3
    cut = torch.autograd.grad(solution.value.sum(), (x, W))
    neumann = torch.autograd.grad(value(x, W, TruncatedNeumann(4)).sum(), (x, W))
    for a, b in zip(cut, neumann, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_truncation_at_more_than_all_steps_is_plain_unrolling() -> None:
    x, W = draw()
    plain = torch.autograd.grad(value(x, W, Unrolled(), 7).sum(), (x, W))
    cut = torch.autograd.grad(value(x, W, Unrolled(truncate=7), 7).sum(), (x, W))
    assert all(torch.equal(a, b) for a, b in zip(plain, cut, strict=True))


def test_unrolling_to_convergence_agrees_with_the_implicit_gradient() -> None:
    x, W = draw()
    unrolled = torch.autograd.grad(value(x, W, Unrolled()).square().sum(), (x, W))
    implicit = torch.autograd.grad(value(x, W, Implicit(rtol=1e-13)).square().sum(), (x, W))
    for a, b in zip(unrolled, implicit, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_a_step_dependent_f_is_unrolled_with_its_steps() -> None:
    W = torch.tensor([[0.5]], dtype=torch.float64, requires_grad=True)

    def f(z: Tensor, W: Tensor, step: int) -> Tensor:
        return W * z + step

    z0 = torch.ones(1, 1, dtype=torch.float64)
    for adjoint, expected in ((Unrolled(), 3 * 0.25 + 1), (Unrolled(truncate=1), 0.25 + 1)):
        value = fixed_point(
            f, z0, params=(W,), solver=Picard(), stop=None, max_steps=3, adjoint=adjoint
        ).value  # ((W + 0) W + 1) W + 2
        assert value.item() == pytest.approx(0.125 + 0.5 + 2)
        assert torch.autograd.grad(value, W)[0].item() == pytest.approx(expected)


def test_torch_func_goes_through_the_steps() -> None:
    x, W = draw()
    by_func = torch.func.grad(lambda W: value(x.detach(), W, Unrolled(), 5).sum())(W.detach())
    torch.testing.assert_close(by_func, torch.autograd.grad(value(x, W, Unrolled(), 5).sum(), W)[0])


def test_unrolled_can_be_pickled_copied_and_checks_its_options() -> None:
    for adjoint in WAYS:
        assert pickle.loads(pickle.dumps(adjoint)) == copy.deepcopy(adjoint) == adjoint
    with pytest.raises(ValueError, match="truncate must be an integer of at least 1; got 0"):
        Unrolled(truncate=0)
