"""Contractive layers and cells: what their certificates promise, and how they train."""

import copy
import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import deqlab
from deqlab import DEQ, Activation, ContractiveCell, Implicit, RelativeResidual, contractive
from deqlab.nn.convolution_ball import ConvolutionBall, convolution_norm
from deqlab.nn.spectral_ball import SpectralBall

EPS = torch.finfo(torch.float64).eps
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-3, 0.1, 1.0, 10.0, 1e3])


def randn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def dense(size: int = 6, seed: int = 0, **options: object) -> ContractiveCell:
    torch.manual_seed(seed)
    layers = nn.Linear(size, size), nn.Linear(3, size)
    return ContractiveCell(*(layer.double() for layer in layers), **options)


def convolution(padding_mode: str = "zeros", seed: int = 0, **options: object) -> ContractiveCell:
    torch.manual_seed(seed)
    layers = nn.Conv2d(3, 3, 3, padding=1, padding_mode=padding_mode), nn.Conv2d(1, 3, 1)
    return ContractiveCell(*(layer.double() for layer in layers), **options)


def trained(cell: ContractiveCell, x: Tensor, *, steps: int, rate: float, seed: int) -> None:
    """A few steps of Adam towards random targets."""
    layer = DEQ(cell, adjoint=deqlab.JacobianFree(), on_failure=deqlab.OnFailure.IGNORE)
    optimiser = torch.optim.Adam(cell.parameters(), lr=rate)
    for step in range(steps):
        z = layer(x)
        loss = (z - 3 * randn(*z.shape, seed=seed + step)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def assert_certified(cell: ContractiveCell, z: Tensor, other: Tensor, u: Tensor) -> None:
    """‖f(z) − f(z')‖ ≤ L ‖z − z'‖ for each row, up to the rounding of two evaluations.

    A sum of n products is off by at most n · eps times the sum of their moduli.
    """
    recurrent = cell.recurrent
    weight = recurrent.weight.detach().abs()
    terms = weight[0].numel() + 4

    def moduli(v: Tensor) -> Tensor:
        if isinstance(recurrent, nn.Linear):
            product = functional.linear(v.abs(), weight, recurrent.bias.abs())
        else:  # without a boundary, which bounds every padding
            product = functional.conv2d(
                functional.pad(v.abs(), (1, 1, 1, 1), "circular"), weight, recurrent.bias.abs()
            )
        return (product + u.abs()).flatten(1).norm(dim=1)

    with torch.no_grad():
        rounding = terms * EPS * (moduli(z) + moduli(other))
        left = (cell(z, u) - cell(other, u)).flatten(1).norm(dim=1)
        right = cell.certificate().lipschitz * (z - other).flatten(1).norm(dim=1)
        assert (left <= right + rounding).all()


@settings(max_examples=25)
@given(
    seed=seeds,
    bound=st.floats(0.05, 0.999),
    steps=st.integers(0, 5),
    rate=st.sampled_from([1e-3, 0.1, 3.0]),
    scale=scales,
    activation=st.sampled_from(Activation),
)
def test_no_pair_of_states_exceeds_the_certificate_dense(
    seed: int, bound: float, steps: int, rate: float, scale: float, activation: Activation
) -> None:
    cell = dense(seed=seed, bound=bound, activation=activation)
    x = randn(8, 3, seed=seed)
    trained(cell, x, steps=steps, rate=rate, seed=seed)
    lipschitz = cell.certificate().lipschitz
    assert lipschitz < bound * (1 + 100 * EPS)
    direction = torch.linalg.svd(cell.recurrent.weight.detach()).Vh[0]  # the worst one
    z = scale * randn(8, 6, seed=seed + 1)
    u = cell.inject(x).detach()
    assert_certified(cell, z, scale * randn(8, 6, seed=seed + 2), u)
    assert_certified(cell, z, z + scale * direction, u)


@settings(max_examples=10)
@given(
    seed=seeds,
    padding_mode=st.sampled_from(["zeros", "circular"]),
    size=st.integers(3, 9),
    steps=st.integers(0, 3),
    rate=st.sampled_from([1e-3, 0.3]),
    scale=scales,
)
def test_no_pair_of_states_exceeds_the_certificate_convolution(
    seed: int, padding_mode: str, size: int, steps: int, rate: float, scale: float
) -> None:
    cell = convolution(padding_mode, seed=seed, bound=0.95)
    x = randn(4, 1, size, size, seed=seed)
    trained(cell, x, steps=steps, rate=rate, seed=seed)
    assert cell.certificate().lipschitz < 0.95
    z, other = (scale * randn(4, 3, size, size, seed=seed + k) for k in (1, 2))
    assert_certified(cell, z, other, cell.inject(x).detach())


@settings(max_examples=50)
@given(seed=seeds, rows=st.integers(1, 9), columns=st.integers(1, 9), scale=scales)
def test_the_bound_of_a_linear_layer_is_its_norm(
    seed: int, rows: int, columns: int, scale: float
) -> None:
    layer = nn.Linear(columns, rows).double()
    with torch.no_grad():
        layer.weight.copy_(scale * randn(rows, columns, seed=seed))
    v = torch.linalg.svd(layer.weight.detach()).Vh[0]
    with torch.no_grad():
        attained = float((functional.linear(v, layer.weight)).norm())
    assert attained * (1 - 50 * EPS) <= deqlab.lipschitz_bound(layer) <= 1.05 * attained


@settings(max_examples=20)
@given(seed=seeds, k=st.tuples(st.integers(1, 4), st.integers(1, 5)), size=st.integers(5, 9))
def test_the_bound_of_a_convolution_holds_for_every_image_and_is_tight_for_large_ones(
    seed: int, k: tuple[int, int], size: int
) -> None:
    kernel = randn(2, 3, *k, seed=seed)
    bound = convolution_norm(kernel)
    for image in (size, 24):
        circular = _circular(kernel, image)
        assert circular <= bound
    assert bound <= 1.05 * circular
    zero_padded = _matrix(
        lambda z: functional.conv2d(z, kernel, padding=(k[0] - 1, k[1] - 1)), size
    )
    assert torch.linalg.matrix_norm(zero_padded, 2) <= bound


def _matrix(convolve: object, size: int) -> Tensor:
    basis = torch.eye(3 * size * size, dtype=torch.float64).reshape(-1, 3, size, size)
    return convolve(basis).flatten(1).T


def _circular(kernel: Tensor, size: int) -> Tensor:
    """‖K‖₂ on a circular image, from all its frequencies."""
    K = torch.fft.fft2(kernel, s=(size, size)).permute(2, 3, 0, 1)
    return torch.linalg.matrix_norm(K, 2).max()


def test_frequencies_give_the_norm_of_the_circular_convolution() -> None:
    kernel = randn(2, 3, 3, 3)
    dense = _matrix(
        lambda z: functional.conv2d(functional.pad(z, (1, 1, 1, 1), "circular"), kernel), 6
    )
    torch.testing.assert_close(torch.linalg.matrix_norm(dense, 2), _circular(kernel, 6))


@settings(max_examples=50)
@given(seed=seeds, rows=st.integers(1, 7), columns=st.integers(1, 7), norm=st.floats(0, 0.999))
def test_every_matrix_in_the_ball_has_exactly_one_parameter(
    seed: int, rows: int, columns: int, norm: float
) -> None:
    ball = SpectralBall(0.8)
    W = randn(rows, columns, seed=seed)
    W = 0.8 * norm * W / torch.linalg.matrix_norm(W, 2)
    V = ball.right_inverse(W)
    condition = 1 / (1 - norm**2)
    torch.testing.assert_close(ball(V), W, rtol=0, atol=100 * EPS * condition)
    again = ball.right_inverse(ball(V))
    torch.testing.assert_close(again, V, rtol=1e3 * EPS * condition**2, atol=1e3 * EPS)


@settings(max_examples=50)
@given(seed=seeds, scale=st.floats(1e-6, 1e4))
def test_singular_values_are_squashed(seed: int, scale: float) -> None:
    V = scale * randn(5, 5, seed=seed)
    sigma = torch.linalg.svdvals(V)
    expected = 0.7 * sigma / torch.sqrt(1 + sigma**2)
    actual = torch.linalg.svdvals(SpectralBall(0.7)(V))
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12 * scale)
    assert actual[0] <= 0.7 * (1 + 100 * EPS)


@settings(max_examples=20)
@given(seed=seeds, norm=st.floats(0.01, 0.99))
def test_a_kernel_in_the_image_of_its_ball_is_kept(seed: int, norm: float) -> None:
    ball = ConvolutionBall(0.8)
    K = randn(3, 3, 3, 3, seed=seed)
    K = 0.8 * norm * K / ball.smooth_norm(K)
    torch.testing.assert_close(ball(ball.right_inverse(K)), K)
    with pytest.raises(ValueError, match=r"not below 0\.8: scale it first"):
        ball.right_inverse(1.01 * K / norm)


def test_a_small_weight_is_kept_and_a_large_one_scaled() -> None:
    for layer in (nn.Linear(5, 5).double(), nn.Conv2d(2, 2, 3, padding=1).double()):
        with torch.no_grad():
            layer.weight.mul_(0.01)
        small = layer.weight.detach().clone()
        torch.testing.assert_close(contractive(copy.deepcopy(layer)).weight, small)
        with torch.no_grad():
            layer.weight.mul_(1e4)
        large = contractive(layer, bound=0.9).weight.detach()
        ratio = large / small
        torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))
        assert deqlab.lipschitz_bound(layer) < 0.9 * math.sqrt(0.5) * 1.01


@pytest.mark.parametrize("activation", Activation)
def test_the_bound_is_of_the_cell_and_can_be_approached(activation: Activation) -> None:
    cell = dense(bound=0.9, activation=activation)
    with torch.no_grad():
        cell.recurrent.parametrizations.weight.original.mul_(1e3)
    norm = torch.linalg.matrix_norm(cell.recurrent.weight.detach(), 2)
    assert 0.899 < float(norm) * activation.max_slope < 0.9
    assert 0.899 < cell.certificate().lipschitz < 0.9 * (1 + 100 * EPS)


@pytest.mark.parametrize("make", [dense, convolution])
def test_gradients_of_first_and_second_order(make: object) -> None:
    cell = make(bound=0.7)
    layer = DEQ(
        cell, stop=RelativeResidual(rtol=1e-13), adjoint=Implicit(rtol=1e-13), compact=False
    )
    name = "cell.recurrent.parametrizations.weight.original"
    V = dict(layer.named_parameters())[name].detach().clone().requires_grad_()
    x = (randn(2, 3) if make is dense else randn(1, 1, 3, 3)).requires_grad_()

    def solve(V: Tensor, x: Tensor) -> Tensor:
        return functional_call(layer, {name: V}, (x,)).sum(0).flatten()[:4]

    assert gradcheck(solve, (V, x), atol=1e-7, fast_mode=True)
    assert gradgradcheck(solve, (V, x), atol=1e-6, fast_mode=True)


def test_gradients_where_all_singular_values_are_equal() -> None:
    V = torch.linalg.qr(randn(4, 4)).Q.requires_grad_()
    assert gradcheck(SpectralBall(0.9), V)
    assert gradgradcheck(SpectralBall(0.9), V)


def test_a_zero_kernel_has_a_gradient() -> None:
    V = torch.zeros(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(ConvolutionBall(0.9)(V).sum(), V)
    torch.testing.assert_close(gradient, torch.full_like(V, 0.9))


def test_torch_func() -> None:
    cell = dense()
    x, z = randn(2, 3), randn(2, 6)
    parameters = dict(cell.named_parameters())
    stacked = {name: torch.stack([p, 2 * p]).detach() for name, p in parameters.items()}

    def call(parameters: dict[str, Tensor], z: Tensor) -> Tensor:
        return functional_call(cell, parameters, (z, torch.ones_like(z)))

    both = torch.func.vmap(call, in_dims=(0, None))(stacked, z)
    for k in (0, 1):
        one = call({name: p[k] for name, p in stacked.items()}, z)
        torch.testing.assert_close(both[k], one)
    layer = DEQ(cell, stop=RelativeResidual(rtol=1e-12), adjoint=Implicit(rtol=1e-12))
    layer(x).sum().backward()
    named = {f"cell.{name}": p.detach() for name, p in parameters.items()}
    found = torch.func.grad(lambda p: functional_call(layer, p, (x,)).sum())(named)
    for name, p in parameters.items():
        torch.testing.assert_close(found[f"cell.{name}"], p.grad, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("make", [dense, convolution])
def test_copies_averages_and_state_dicts(make: object) -> None:
    cell = make(bound=0.6)
    x = randn(2, 3) if make is dense else randn(2, 1, 4, 4)
    layer = DEQ(cell)
    value = layer(x)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), value)
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other = DEQ(make(seed=1, bound=0.6))
    other.load_state_dict(torch.load(buffer))
    assert torch.equal(other(x), value)
    average = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    with torch.no_grad():
        for p in layer.parameters():
            p.mul_(100.0)
    average.update_parameters(layer)
    average.update_parameters(layer)
    average(x)
    for certified in (twin.cell, layer.cell, average.module.cell):
        assert certified.certificate().contraction < 0.6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision(dtype: torch.dtype) -> None:
    layer = DEQ(dense(bound=0.5)).to(dtype)
    value = layer(randn(4, 3).to(dtype))
    assert value.dtype == dtype
    assert layer.solution.converged().all()
    assert layer.cell.certificate().lipschitz < 0.5 * (1 + torch.finfo(dtype).eps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(randn(4, 3).to(dtype)).float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


def test_the_certificate_bounds_the_error_of_a_solution() -> None:
    cell = dense(bound=0.99)
    x = randn(16, 3)
    exact = DEQ(cell, stop=RelativeResidual(rtol=1e-14))(x).detach()
    layer = DEQ(cell, stop=RelativeResidual(rtol=1e-3))
    error = (layer(x) - exact).norm(dim=1)
    assert (error <= layer.solution.error_bound(cell.certificate().contraction)).all()
    assert (error > 0).any()


@pytest.mark.parametrize("bound", [0.0, -0.5, 1.0, 1, 1.5, math.nan, math.inf])
def test_a_bound_that_makes_no_contraction_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1, for a contraction; got"):
        contractive(nn.Linear(3, 3), bound=bound)
    with pytest.raises(ValueError, match="MonotoneCell"):
        dense(bound=bound)


def test_layers_that_do_not_fit_are_refused() -> None:
    linear = nn.Linear
    with pytest.raises(TypeError, match="bound must be a number"):
        contractive(linear(3, 3), bound="0.9")
    with pytest.raises(TypeError, match=r"nn\.Linear or an nn\.Conv2d; got ReLU"):
        contractive(nn.ReLU())
    with pytest.raises(ValueError, match="parametrised already"):
        contractive(contractive(linear(3, 3)))
    with pytest.raises(ValueError, match="repeats pixels"):
        contractive(nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"))
    with pytest.raises(ValueError, match="groups 1"):
        contractive(nn.Conv2d(2, 2, 3, padding=1, groups=2))
    with pytest.raises(ValueError, match="the shape that it is given"):
        ContractiveCell(linear(3, 4), linear(2, 4))
    with pytest.raises(ValueError, match="the shape that it is given"):
        ContractiveCell(nn.Conv2d(2, 2, 3), nn.Conv2d(1, 2, 3))
    with pytest.raises(TypeError, match="recurrent must be"):
        ContractiveCell(nn.ReLU(), linear(2, 4))
    with pytest.raises(ValueError, match="to the 4 features of the state"):
        ContractiveCell(linear(4, 4), linear(2, 5))
    with pytest.raises(TypeError, match=r"deqlab\.Activation"):
        ContractiveCell(linear(4, 4), linear(2, 4), activation=torch.tanh)


def test_an_input_of_the_wrong_width_is_named() -> None:
    with pytest.raises(ValueError, match=r"expects 3 features on axis -1 of x; got .*\(5, 4\)"):
        DEQ(dense())(randn(5, 4))
    with pytest.raises(
        ValueError, match=r"expects 1 features on axis 1 of x; got .*\(5, 2, 4, 4\)"
    ):
        DEQ(convolution())(randn(5, 2, 4, 4))


def test_weights_that_are_not_finite_are_named() -> None:
    for make in (dense, convolution):
        cell = make()
        with torch.no_grad():
            cell.recurrent.parametrizations.weight.original[0] = math.nan
        with pytest.raises(ValueError, match="not finite: the training has diverged"):
            cell.certificate()
    with pytest.raises(ValueError, match="lower the learning rate, or use weight decay"):
        SpectralBall(0.9)(torch.ones(3, 3) * 1e6)
