"""Monotone cells: the inequality they certify, and the splittings that solve them."""

import copy
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel

import deqlab
from deqlab import (
    DEQ,
    Activation,
    ForwardBackward,
    Implicit,
    MonotoneCell,
    OnFailure,
    PeacemanRachford,
    Picard,
    RelativeResidual,
    Status,
    fixed_point,
)
from deqlab.nn.monotone import MonotoneMatrix
from deqlab.nn.proximal import proximal

EPS = torch.finfo(torch.float64).eps
seeds = st.integers(0, 2**32 - 1)
proximal_activations = [Activation.RELU, Activation.TANH]
methods = st.one_of(
    st.just(ForwardBackward()),
    st.floats(0.05, 20).map(lambda step: PeacemanRachford(step=step)),
    st.just(PeacemanRachford()),
)


def randn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def make(size: int = 5, seed: int = 0, spread: float = 0.0, **options: object) -> MonotoneCell:
    """A cell whose A and B have been moved by `spread` · N(0, 1)."""
    torch.manual_seed(seed)
    layers = nn.Linear(size, size), nn.Linear(3, size)
    cell = MonotoneCell(*(layer.double() for layer in layers), **options)
    with torch.no_grad():
        for k, p in enumerate(cell.recurrent.parametrizations.weight.parameters()):
            p.add_(spread * randn(*p.shape, seed=seed + k))
    return cell


def solved(cell: MonotoneCell, u: Tensor, **options: object) -> Tensor:
    split = cell.splitting(u)
    solution = fixed_point(
        split.f,
        split.start(torch.zeros_like(u)),
        *split.args,
        params=split.params,
        stop=RelativeResidual(rtol=1e-13),
        adjoint=Implicit(rtol=1e-12),
        on_failure=OnFailure.RAISE,
        **options,
    )
    return split.read(solution.value)


@settings(max_examples=25)
@given(
    seed=seeds,
    m=st.floats(0.01, 2.0),
    spread=st.sampled_from([0.0, 0.3, 3.0, 30.0]),
    steps=st.integers(0, 3),
    rate=st.sampled_from([1e-3, 0.1, 1.0]),
)
def test_the_monotonicity_inequality_never_falls_below_the_certificate(
    seed: int, m: float, spread: float, steps: int, rate: float
) -> None:
    cell = make(seed=seed, spread=spread, monotonicity=m)
    optimiser = torch.optim.Adam(cell.parameters(), lr=rate)
    layer = DEQ(cell, on_failure=OnFailure.IGNORE, adjoint=deqlab.JacobianFree())
    x = randn(8, 3, seed=seed)
    for _ in range(steps):
        optimiser.zero_grad()
        (layer(x) - randn(8, 5, seed=seed + 3)).square().mean().backward()
        optimiser.step()
    W = cell.recurrent.weight.detach()
    scale = float(torch.linalg.matrix_norm(W)) + 1
    certified = cell.certificate().monotonicity
    assert certified >= m - 100 * EPS * scale
    symmetric = torch.eye(5, dtype=W.dtype) - (W + W.T) / 2
    worst = torch.linalg.eigh(symmetric).eigenvectors[:, :1].T
    for v in (randn(8, 5, seed=seed + 1), worst):
        inner = (v * (v - v @ W.T)).sum(dim=1)
        assert (inner >= (certified - 20 * EPS * scale) * v.square().sum(dim=1)).all()


@settings(max_examples=40)
@given(
    seed=seeds,
    m=st.floats(0.02, 1.0),
    spread=st.floats(0.0, 3.0),
    method=methods,
    activation=st.sampled_from(proximal_activations),
    distance=st.sampled_from([1e-3, 1.0, 100.0]),
)
def test_a_splitting_contracts_as_certified(
    seed: int,
    m: float,
    spread: float,
    method: object,
    activation: Activation,
    distance: float,
) -> None:
    cell = make(seed=seed, spread=spread, monotonicity=m, splitting=method, activation=activation)
    with torch.no_grad():
        u = cell.inject(randn(8, 3, seed=seed))
        split = cell.splitting(u)
        a = randn(8, 5, seed=seed + 1)
        b = a + distance * randn(8, 5, seed=seed + 2)
        fa, fb = (split.f(s, *split.args, *split.params) for s in (a, b))
        contraction = cell.certificate().contraction
    assert contraction < 1
    rounding = 1e3 * EPS * (1 + a.norm() + b.norm() + u.norm())  # a few products of 5 terms
    assert ((fa - fb).norm(dim=1) <= contraction * (a - b).norm(dim=1) + rounding).all()


@settings(max_examples=40)
@given(seed=seeds, m=st.floats(0.02, 1.0), spread=st.floats(0.0, 3.0), step=st.floats(0.05, 20))
def test_the_stated_bounds_of_the_factors(seed: int, m: float, spread: float, step: float) -> None:
    cell = make(seed=seed, spread=spread, monotonicity=m)
    W = cell.recurrent.weight.detach()
    norm = float(torch.linalg.matrix_norm(torch.eye(5) - W, 2))

    def forward_backward(step: float) -> float:
        return math.sqrt(1 - 2 * step * m + (step * norm) ** 2)

    def peaceman_rachford(step: float) -> float:
        return math.sqrt(1 - 4 * step * m / (1 + 2 * step * m + (step * norm) ** 2))

    def factor(method: object) -> float:
        return float(torch.linalg.matrix_norm(method.matrix(W, m), 2))

    slack = 1 + 1e-9
    best = peaceman_rachford(1 / norm)
    assert factor(PeacemanRachford()) <= best * slack
    assert math.isclose(best, math.sqrt((norm - m) / (norm + m)))
    assert factor(PeacemanRachford(step=step)) <= peaceman_rachford(step) * slack
    assert best <= peaceman_rachford(step) * slack
    best = forward_backward(m / norm**2)
    assert factor(ForwardBackward()) <= best * slack
    share = (step % 1.9 + 0.05) * m / norm**2
    assert factor(ForwardBackward(step=share)) <= forward_backward(share) * slack
    assert best <= forward_backward(share) * slack


@pytest.mark.parametrize("k", [0.5, 3.0, 40.0])
def test_the_bounds_of_the_factors_are_attained(k: float) -> None:
    """For I − W = m I + K with K skew and all its singular values k, a normal matrix."""
    m, norm = 0.3, math.hypot(0.3, k)
    W = torch.tensor([[1 - m, k], [-k, 1 - m]], dtype=torch.float64)

    def factor(method: object) -> float:
        return float(torch.linalg.matrix_norm(method.matrix(W, m), 2))

    best = factor(ForwardBackward())
    assert math.isclose(best, math.sqrt(1 - (m / norm) ** 2))
    assert best < factor(ForwardBackward(step=1.1 * m / norm**2))
    assert best < factor(ForwardBackward(step=0.9 * m / norm**2))
    best = factor(PeacemanRachford())
    assert math.isclose(best, math.sqrt((norm - m) / (norm + m)))
    assert best < factor(PeacemanRachford(step=1.1 / norm))
    assert best < factor(PeacemanRachford(step=0.9 / norm))


@settings(max_examples=15)
@given(
    seed=seeds,
    spread=st.floats(0.0, 1.0),
    method=methods,
    activation=st.sampled_from(proximal_activations),
)
def test_the_fixed_point_of_the_splitting_is_the_equilibrium_of_the_cell(
    seed: int, spread: float, method: object, activation: Activation
) -> None:
    cell = make(seed=seed, spread=spread, monotonicity=0.5, splitting=method, activation=activation)
    assume(cell.certificate().contraction < 0.95)
    with torch.no_grad():
        u = cell.inject(randn(4, 3, seed=seed))
        z = solved(cell, u, solver=Picard(), max_steps=5000)
        # ‖z − z*‖ ≤ 1e-13 ‖s‖/(1 − 0.95), and the cell amplifies it by ‖W‖ + 1
        torch.testing.assert_close(cell(z, u), z, rtol=0, atol=1e-9)
        split = cell.splitting(u)
        s = split.start(z)
        torch.testing.assert_close(split.read(s), z, rtol=0, atol=1e-9)
        image = split.f(s, *split.args, *split.params)
        torch.testing.assert_close(image, s, rtol=0, atol=1e-7)


def test_plain_iteration_of_the_cell_explodes_where_its_splittings_converge() -> None:
    cell = make(spread=6.0, monotonicity=0.5, activation=Activation.RELU)
    x = randn(4, 3)
    with torch.no_grad():
        u = cell.inject(x)
        assert deqlab.lipschitz_bound(cell.recurrent) > 50
        plain = fixed_point(
            cell, torch.zeros_like(u), u, solver=Picard(), on_failure=OnFailure.IGNORE
        )
        assert (plain.status != Status.CONVERGED).any()
        layer = DEQ(cell, solver=Picard(), max_steps=20_000)
        z = layer(x)
    assert layer.solution.converged().all()
    torch.testing.assert_close(cell(z, u), z, rtol=0, atol=1e-4)
    radius = deqlab.spectral_radius(layer.map(x), z).value
    assert radius.max() > 1


@pytest.mark.parametrize("activation", proximal_activations)
@pytest.mark.parametrize(
    "method", [ForwardBackward(), PeacemanRachford(), PeacemanRachford(step=3.0)]
)
def test_the_gradient_is_that_of_the_original_equation(
    activation: Activation, method: object
) -> None:
    cell = make(spread=0.5, monotonicity=0.5, splitting=method, activation=activation)
    u = cell.inject(randn(4, 3))
    z = solved(cell, u, max_steps=2000)
    J = activation.derivative(z.detach() @ cell.recurrent.weight.T + cell.recurrent.bias + u)
    v = randn(4, 5, seed=9)
    found = torch.autograd.grad(z, list(cell.parameters()), v)
    with torch.no_grad():  # w = (I − Jᵀ)⁻¹ v, row by row, J = D W
        matrices = torch.eye(5) - J[:, :, None] * cell.recurrent.weight
        w = torch.linalg.solve(matrices.mT, v)
    image = cell(z.detach(), cell.inject(randn(4, 3)))
    expected = torch.autograd.grad(image, list(cell.parameters()), w)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("activation", proximal_activations)
@pytest.mark.parametrize("method", [ForwardBackward(), PeacemanRachford()])
def test_gradients_of_first_and_second_order(activation: Activation, method: object) -> None:
    cell = make(monotonicity=0.5, splitting=method, activation=activation)
    layer = DEQ(
        cell,
        stop=RelativeResidual(rtol=1e-13),
        adjoint=Implicit(rtol=1e-13),
        max_steps=2000,
        compact=False,
    )
    name = "cell.recurrent.parametrizations.weight.original"
    A, B = (dict(layer.named_parameters())[f"{name}{k}"].detach() for k in (0, 1))

    def solve(A: Tensor, B: Tensor, x: Tensor) -> Tensor:
        return functional_call(layer, {f"{name}0": A, f"{name}1": B}, (x,))

    inputs = [p.clone().requires_grad_() for p in (A, B, randn(2, 3))]
    assert gradcheck(solve, inputs, atol=1e-7, fast_mode=True)
    assert gradgradcheck(solve, inputs, atol=1e-6, fast_mode=True)


@settings(max_examples=50)
@given(step=st.floats(1e-3, 1e3), scale=st.floats(1e-3, 1e3), seed=seeds)
def test_the_proximal_operator_of_tanh(step: float, scale: float, seed: int) -> None:
    """x − p ∈ α ∂f(p), ∂f(p) = artanh p − p: the optimality of min ½(p − x)² + α f(p)."""
    x = scale * randn(50, seed=seed)
    p = proximal(Activation.TANH, x, torch.tensor(step, dtype=torch.float64))
    y = torch.atanh(p)
    inside = p.abs() < 1 - 1e-6  # where artanh resolves p; its error is eps/(1 − p²)
    residual = x - p - step * (y - p)
    assert (residual.abs() <= 1e-15 / 1e-6 * (1 + step) + 1e-12 * x.abs())[inside].all()
    assert (p[x > 0] > 0).all()
    assert (p.abs() <= 1).all()


def test_relu_is_its_own_proximal_operator_for_every_step_and_tanh_only_for_one() -> None:
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)
    for step in (0.1, 1.0, 7.0):
        alpha = torch.tensor(step, dtype=torch.float64)
        assert torch.equal(proximal(Activation.RELU, x, alpha), torch.relu(x))
        difference = (proximal(Activation.TANH, x, alpha) - torch.tanh(x)).abs().max()
        assert difference < 4 * EPS if step == 1 else difference > 0.1


@pytest.mark.parametrize("step", [0.05, 0.9, 1.0, 30.0])
def test_derivatives_of_the_proximal_operator(step: float) -> None:
    x = torch.linspace(-4, 4, 9, dtype=torch.float64).requires_grad_()
    alpha = torch.tensor(step, dtype=torch.float64)

    def call(x: Tensor) -> Tensor:
        return proximal(Activation.TANH, x, alpha)

    assert gradcheck(call, x)
    assert gradgradcheck(call, x)


@settings(max_examples=40)
@given(seed=seeds, m=st.floats(0.05, 1.0), scale=st.floats(0.01, 10.0))
def test_the_start_is_the_nearest_monotone_matrix(seed: int, m: float, scale: float) -> None:
    matrix = MonotoneMatrix(m)
    W = scale * randn(5, 5, seed=seed)
    nearest = matrix(*matrix.right_inverse(W))
    distance = torch.linalg.matrix_norm(W - nearest)
    torch.testing.assert_close(matrix(*matrix.right_inverse(nearest)), nearest)
    # a projection onto a convex set: ⟨W − P, M − P⟩ ≤ 0 for every M in it
    for k in range(4):
        other = matrix(randn(5, 5, seed=seed + k), scale * randn(5, 5, seed=seed - k))
        inner = ((W - nearest) * (other - nearest)).sum()
        assert inner <= 1e-9 * (1 + distance) * (1 + torch.linalg.matrix_norm(other))


@pytest.mark.parametrize("method", [ForwardBackward(), PeacemanRachford()])
def test_copies_averages_and_low_precision(method: object) -> None:
    layer = DEQ(make(monotonicity=0.5, splitting=method), warm_start=True)
    x = randn(4, 3)
    value = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), value)
    torch.testing.assert_close(layer(x), value, rtol=0, atol=1e-7)
    assert layer.solution.num_steps.max() <= 1  # the warm start passes through start and read
    other = DEQ(make(seed=1, monotonicity=0.5, splitting=method))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), value)
    average = AveragedModel(layer)
    average.update_parameters(other)
    average(x)
    assert average.module.cell.certificate().monotonicity >= 0.5 - 1e-14
    single = copy.deepcopy(other).float()
    torch.testing.assert_close(single(x.float()).double(), value, rtol=0, atol=1e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        single(x.float()).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in single.parameters())


def test_training_lowers_a_loss_and_keeps_m() -> None:
    cell = make(size=8, monotonicity=0.2)
    layer = DEQ(cell)
    x = randn(16, 3)
    target = torch.relu(x @ randn(3, 8, seed=5))
    optimiser = torch.optim.Adam(layer.parameters(), lr=5e-2)
    losses = []
    for _ in range(30):
        loss = (layer(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert cell.certificate().monotonicity >= 0.2 - 1e-13


@pytest.mark.parametrize("m", [0.0, -1.0, math.inf, math.nan])
def test_a_monotonicity_that_is_not_positive_is_refused(m: float) -> None:
    with pytest.raises(ValueError, match="with m ≤ 0 there may be no equilibrium, or several"):
        make(monotonicity=m)


def test_options_that_make_no_sense_are_refused() -> None:
    linear = nn.Linear
    with pytest.raises(TypeError, match="monotonicity must be a positive number"):
        make(monotonicity="0.1")
    with pytest.raises(ValueError, match=r"RELU or TANH; got Activation\.SIGMOID"):
        make(activation=Activation.SIGMOID)
    with pytest.raises(ValueError, match="RELU or TANH"):
        proximal(Activation.SOFTPLUS, torch.zeros(1), torch.tensor(1.0))
    with pytest.raises(TypeError, match=r"PeacemanRachford\(\) or ForwardBackward\(\)"):
        make(splitting=ForwardBackward)
    with pytest.raises(TypeError, match=r"must be an nn\.Linear; got Conv2d"):
        MonotoneCell(nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(1, 2, 1))
    with pytest.raises(ValueError, match="the shape that it is given"):
        MonotoneCell(linear(3, 4), linear(2, 4))
    with pytest.raises(ValueError, match=r"expects 3 features on axis -1 of x; got .*\(5, 4\)"):
        DEQ(make())(randn(5, 4))
    for method in (ForwardBackward, PeacemanRachford):
        with pytest.raises(ValueError, match="step must be positive and finite"):
            method(step=0.0)
        with pytest.raises(TypeError, match="step must be a number"):
            method(step="1")


def test_a_forward_step_that_is_too_long_is_refused_with_the_limit() -> None:
    cell = make(spread=1.0, monotonicity=0.5, splitting=ForwardBackward(step=1.0))
    norm = torch.linalg.matrix_norm(torch.eye(5) - cell.recurrent.weight.detach(), 2)
    with pytest.raises(ValueError, match=f"= {1.0 / float(norm) ** 2:.3g}; got 1: take step=None"):
        DEQ(cell)(randn(4, 3))


def test_weights_that_are_not_finite_are_named() -> None:
    cell = make()
    with torch.no_grad():
        cell.recurrent.parametrizations.weight.original0[0, 0] = math.nan
    with pytest.raises(ValueError, match="not finite: the training has diverged"):
        cell.certificate()
