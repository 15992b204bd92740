"""Phantom gradients: the identities that tie them to JFB, Neumann and truncated unrolling."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deqlab import Implicit, JacobianFree, PhantomGradient, TruncatedNeumann, Unrolled
from deqlab.solution import OnFailure
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard
from deqlab.stopping import RelativeResidual


def draw(seed: int, norm: float = 0.8, d: int = 5, batch: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(d, d, generator=g, dtype=torch.float64)
    W *= norm / torch.linalg.matrix_norm(W, 2)
    x, v = (torch.randn(batch, d, generator=g, dtype=torch.float64) for _ in range(2))
    return x.requires_grad_(), W.requires_grad_(), v


def cell(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    return torch.tanh(z @ W.T + x)


def gradient(
    x: Tensor, W: Tensor, v: Tensor, adjoint: object, z0: Tensor | None = None, **options: object
) -> tuple[Tensor, Tensor]:
    settings = {"stop": RelativeResidual(rtol=1e-15), "max_steps": 3000} | options
    start = torch.zeros_like(x) if z0 is None else z0
    value = fixed_point(
        cell,
        start,
        x,
        params=(W,),
        solver=Picard(),
        adjoint=adjoint,
        on_failure=OnFailure.IGNORE,
        **settings,
    ).value
    return torch.autograd.grad(value, (x, W), v)


def at_solution(x: Tensor, W: Tensor) -> tuple[Tensor, Tensor]:
    """z* and J (B, d, d)."""
    z = torch.zeros_like(x)
    with torch.no_grad():
        for _ in range(3000):
            z = cell(z, x, W)
        return z, (1 - z**2)[:, :, None] * W


def pulled_back(w: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    D = 1 - z**2
    return D * w, (D * w).T @ z


CLOSE = {"rtol": 1e-12, "atol": 1e-12}


@given(seed=st.integers(0, 99), relaxation=st.floats(0.05, 1.0))
@settings(max_examples=20)
def test_one_phantom_step_is_jfb_times_the_relaxation(seed: int, relaxation: float) -> None:
    x, W, v = draw(seed)
    phantom = gradient(x, W, v, PhantomGradient(terms=1, relaxation=relaxation))
    jfb = gradient(x, W, v, JacobianFree())
    for p, j in zip(phantom, jfb, strict=True):
        torch.testing.assert_close(p, relaxation * j, **CLOSE)


@given(seed=st.integers(0, 99), terms=st.integers(1, 8))
@settings(max_examples=20)
def test_phantom_is_neumann_is_truncated_bptt_started_at_the_solution(
    seed: int, terms: int
) -> None:
    x, W, v = draw(seed)
    z, J = at_solution(x, W)
    w, power = torch.zeros_like(v), v
    for _ in range(terms):
        w, power = w + power, (power[:, None, :] @ J)[:, 0]
    neumann = pulled_back(w, z)
    phantom = gradient(x, W, v, PhantomGradient(terms=terms))
    bptt = gradient(x, W, v, Unrolled(), z0=z, stop=None, max_steps=terms)
    for a, b, c in zip(phantom, neumann, bptt, strict=True):
        torch.testing.assert_close(a, b.detach(), **CLOSE)
        torch.testing.assert_close(c, b.detach(), **CLOSE)


def test_away_from_the_solution_truncated_bptt_is_another_gradient() -> None:
    """The Jacobians along the path differ by O(‖z − z*‖): that BPTT starts at z* matters."""
    x, W, v = draw(0)
    phantom = gradient(x, W, v, PhantomGradient(terms=3))[1]
    from_zero = gradient(x, W, v, Unrolled(), stop=None, max_steps=3)[1]
    assert (phantom - from_zero).norm() > 0.01 * phantom.norm()


@given(seed=st.integers(0, 99), terms=st.integers(1, 6))
@settings(max_examples=20)
def test_error_of_the_truncated_adjoint_is_exactly_a_power_of_j(seed: int, terms: int) -> None:
    """w_k − w = −(Jᵀ)^k w; with one sample and x = input, ∂ℓ/∂x = D w shows w itself."""
    x, W, v = draw(seed, batch=1)
    z, J = at_solution(x, W)
    exact = gradient(x, W, v, Implicit(rtol=1e-14))[0]
    cut = gradient(x, W, v, TruncatedNeumann(terms))[0]
    D = (1 - z**2).detach()
    w = exact / D
    predicted = -(torch.linalg.matrix_power(J[0].T, terms) @ w[0])[None]
    torch.testing.assert_close((cut - exact) / D, predicted.detach(), rtol=1e-9, atol=1e-11)
    norm = torch.linalg.matrix_norm(torch.linalg.matrix_power(J[0], terms), 2)
    w_k = cut / D
    assert (w_k - w).norm() <= norm * w.norm() * (1 + 1e-9)
    if norm < 1:
        cosine = float((w_k * w).sum() / (w_k.norm() * w.norm()))
        assert cosine >= math.sqrt(1 - min(float(norm) + 1e-9, 1.0) ** 2) - 1e-12


def test_the_bound_on_the_angle_of_jfb_is_attained() -> None:
    """cos∠(v, w) = √(1 − L²) for a dilated rotation J that maps w at a right angle to v."""
    L = 0.6
    # v = (I − Jᵀ) w with Jᵀ w ⟂ v: take w = (1, 0), Jᵀw = L (cos φ, sin φ), cos φ = L
    phi = math.acos(L)
    Jt = L * torch.tensor(
        [[math.cos(phi), -math.sin(phi)], [math.sin(phi), math.cos(phi)]], dtype=torch.float64
    )
    w = torch.tensor([1.0, 0.0], dtype=torch.float64)
    v = w - Jt @ w
    x = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    found = {}
    for name, adjoint in (("exact", Implicit(rtol=1e-14)), ("jfb", JacobianFree())):
        value = fixed_point(
            lambda z, x: z @ Jt + x, torch.zeros_like(x), x, solver=Picard(), adjoint=adjoint
        ).value
        found[name] = torch.autograd.grad(value, x, v[None])[0][0]
    cosine = torch.nn.functional.cosine_similarity(found["exact"], found["jfb"], dim=0)
    assert cosine.item() == pytest.approx(math.sqrt(1 - L**2), abs=1e-12)


def test_jfb_is_exact_on_newtons_map() -> None:
    """The Jacobian of z ↦ (z + a/z)/2 at √a is 0: one term is all there is."""
    a = torch.tensor([[2.0], [9.0]], dtype=torch.float64, requires_grad=True)
    value = fixed_point(
        lambda z, a: (z + a / z) / 2,
        torch.ones_like(a),
        a,
        solver=Picard(),
        stop=RelativeResidual(rtol=1e-14),
        adjoint=JacobianFree(),
    ).value
    (slope,) = torch.autograd.grad(value.sum(), a)
    torch.testing.assert_close(slope, 1 / (2 * a.detach().sqrt()), **CLOSE)


def test_neumann_of_depth_l_is_exact_for_a_nilpotent_jacobian() -> None:
    """Backpropagation through L layers is the adjoint solve of the stacked, nilpotent system."""
    layers, width, batch = 4, 3, 2
    g = torch.Generator().manual_seed(0)
    Ws = [torch.randn(width, width, generator=g, dtype=torch.float64) for _ in range(layers)]
    x = torch.randn(batch, width, generator=g, dtype=torch.float64, requires_grad=True)

    def stacked(z: Tensor, x: Tensor) -> Tensor:
        below = [x, *z.split(width, dim=1)[:-1]]
        return torch.cat([torch.tanh(h @ W.T) for h, W in zip(below, Ws, strict=True)], dim=1)

    h = x
    for W in Ws:
        h = torch.tanh(h @ W.T)
    (backprop,) = torch.autograd.grad(h.sum(), x)
    z0 = torch.zeros(batch, layers * width, dtype=torch.float64)
    for adjoint in (TruncatedNeumann(layers), Implicit(rtol=1e-14)):
        value = fixed_point(stacked, z0, x, solver=Picard(), adjoint=adjoint).value
        (gradient,) = torch.autograd.grad(value[:, -width:].sum(), x)
        torch.testing.assert_close(gradient, backprop, rtol=1e-12, atol=1e-14)


def test_the_phantom_series_tends_to_the_exact_gradient() -> None:
    x, W, v = draw(2)
    exact = gradient(x, W, v, Implicit(rtol=1e-14))
    for relaxation in (1.0, 0.5):
        limit = gradient(x, W, v, PhantomGradient(terms=400, relaxation=relaxation))
        for a, b in zip(limit, exact, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_two_scalar_samples_that_share_a_bias_can_ascend_along_jfb() -> None:
    """JFB's descent theorem needs full row rank of the *stacked* ∂f/∂θ: p ≥ Bn fails here."""
    a = torch.tensor([[0.9], [-0.9]], dtype=torch.float64)
    v = torch.tensor([[1.0], [-3.0]], dtype=torch.float64)
    found = {}
    for name, adjoint in (("exact", Implicit(rtol=1e-14)), ("jfb", JacobianFree())):
        b = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        value = fixed_point(
            lambda z, a, b: a * z + b,
            torch.zeros_like(a),
            a,
            params=(b,),
            solver=Picard(),
            adjoint=adjoint,
        ).value
        found[name] = torch.autograd.grad(value, b, v)[0].item()
    assert found["exact"] == pytest.approx(1 / 0.1 - 3 / 1.9)
    assert found["jfb"] == pytest.approx(-2.0)
    assert found["exact"] * found["jfb"] < 0


def test_the_value_is_that_of_the_solve() -> None:
    x, W, _ = draw(3)
    with_graph = fixed_point(
        cell, torch.zeros_like(x), x, params=(W,), solver=Picard(), adjoint=TruncatedNeumann(3)
    )
    with torch.no_grad():
        without = fixed_point(cell, torch.zeros_like(x), x, params=(W,), solver=Picard())
    assert torch.equal(with_graph.value, without.value)


def test_a_second_derivative_is_refused() -> None:
    x, W, v = draw(4)
    for terms in (1, 3):
        value = fixed_point(
            cell,
            torch.zeros_like(x),
            x,
            params=(W,),
            solver=Picard(),
            adjoint=PhantomGradient(terms=terms),
        ).value
        (first,) = torch.autograd.grad((value * v).sum(), W, create_graph=True)
        with pytest.raises(RuntimeError, match=r"use adjoint=Implicit\(\)"):
            torch.autograd.grad(first.sum(), W)


def test_phantoms_can_be_pickled_and_copied() -> None:
    for adjoint in (JacobianFree(), TruncatedNeumann(4), PhantomGradient(terms=2, relaxation=0.5)):
        assert pickle.loads(pickle.dumps(adjoint)) == copy.deepcopy(adjoint) == adjoint
    assert TruncatedNeumann(1) == JacobianFree()


def test_invalid_options_and_a_step_dependent_f_are_refused() -> None:
    with pytest.raises(ValueError, match="terms must be an integer of at least 1; got 0"):
        PhantomGradient(terms=0)
    with pytest.raises(ValueError, match=r"relaxation must be in \(0, 1\]; got 1\.5"):
        PhantomGradient(terms=1, relaxation=1.5)
    with pytest.raises(ValueError, match=r"use adjoint=Unrolled\(\)"):
        fixed_point(
            lambda z, step: z / 2, torch.ones(1, 1), solver=Picard(), adjoint=JacobianFree()
        )


@given(seed=st.integers(0, 999), L=st.floats(0.1, 0.95))
@settings(max_examples=30)
def test_jfb_descends_if_j_contracts_and_the_parameter_jacobian_is_well_conditioned(
    seed: int, L: float
) -> None:
    """‖J‖ ≤ L < 1, M of full row rank, κ(MMᵀ) < 1/L: ⟨g, g_JFB⟩ > 0, for a batch stacked too."""
    g = torch.Generator().manual_seed(seed)
    batch, d, p = 2, 3, 8
    J = torch.randn(d, d, generator=g, dtype=torch.float64)
    J *= L / torch.linalg.matrix_norm(J, 2)
    rows = torch.linalg.qr(torch.randn(p, batch * d, generator=g, dtype=torch.float64))[0].T
    spread = torch.linspace(1.0, (0.999 / L) ** 0.5, batch * d, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(batch * d, batch * d, generator=g, dtype=torch.float64))[0]
    M = (turn @ (spread[:, None] * rows)).reshape(batch, d, p)
    v = torch.randn(batch, d, generator=g, dtype=torch.float64)
    found = []
    for adjoint in (Implicit(rtol=1e-13), JacobianFree()):
        theta = torch.randn(p, generator=g, dtype=torch.float64, requires_grad=True)
        value = fixed_point(
            lambda z, M, theta: z @ J.T + M @ theta,
            torch.zeros_like(v),
            M,
            params=(theta,),
            solver=Picard(),
            max_steps=2000,
            adjoint=adjoint,
        ).value
        found.append(torch.autograd.grad(value, theta, v)[0])
    assert found[0] @ found[1] > 0


@given(seed=st.integers(0, 999), L=st.floats(0.1, 0.97))
@settings(max_examples=30)
def test_jfb_of_one_sample_of_a_tanh_cell_has_a_bounded_angle(seed: int, L: float) -> None:
    """cos ≥ √(1 − L²) over W and x together, with no condition on κ: D v = (I − D Wᵀ) D w."""
    x, W, v = draw(seed, norm=L, batch=1)
    exact = torch.cat([t.flatten() for t in gradient(x, W, v, Implicit(rtol=1e-13))])
    jfb = torch.cat([t.flatten() for t in gradient(x, W, v, JacobianFree())])
    cosine = torch.nn.functional.cosine_similarity(exact, jfb, dim=0)
    assert cosine >= math.sqrt(1 - L**2) - 1e-9
