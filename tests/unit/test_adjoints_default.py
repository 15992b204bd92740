"""What a user gets who chooses nothing: the exact gradient; and a typo is an error."""

import numpy as np
import pytest
import torch
from torch import Tensor

from deqlab import GMRES, Implicit, PhantomGradient, Unrolled, fixed_point, symmetric_matrix


def draw(norm: float) -> tuple[Tensor, Tensor]:
    """W symmetric, d = 64, and small inputs: the local rate is close to `norm`."""
    generator = np.random.default_rng(0)
    W = torch.from_numpy(symmetric_matrix(64, norm=norm, generator=generator))
    x = torch.from_numpy(0.02 * generator.standard_normal((8, 64)))
    return x.requires_grad_(), W.requires_grad_()


@pytest.mark.parametrize("norm", [0.9, 0.99])
def test_the_default_gradient_is_exact(norm: float) -> None:
    """To the default tolerance 1e-8 and its amplification, not 5 % or 50 % off."""
    x, W = draw(norm)
    value = fixed_point(
        lambda z, x, W: torch.tanh(z @ W.T + x), torch.zeros_like(x), x, params=(W,)
    )
    v = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    gradient = torch.autograd.grad(value.value, x, v)[0]
    z = value.value.detach()
    D = 1 - z**2
    A = torch.eye(64, dtype=z.dtype) - D[:, :, None] * W.detach()
    exact = D * torch.linalg.solve(A.mT, v[:, :, None])[:, :, 0]
    assert value.adjoint is not None
    assert value.adjoint.converged().all()
    # s/(1 − L) for w, and the slope D is that of f at z, not z itself: r more
    assert (gradient - exact).norm() <= 2 * 1e-8 * v.norm() / (1 - norm)
    # a slow adjoint is solved in a few dozen products: at this rate the plain one needs 1/(1 − c)
    assert value.adjoint.products.max() <= 66


def test_the_default_second_derivative_is_exact() -> None:
    """Against central differences of the first derivative, where others are 50 % off."""
    w = torch.tensor([[0.7]], dtype=torch.float64)

    def slope(x: Tensor) -> Tensor:
        x = x.requires_grad_()
        value = fixed_point(lambda z, x: torch.tanh(z @ w + x), torch.zeros_like(x), x).value
        return torch.autograd.grad(value.sum(), x, create_graph=True)[0]

    x = torch.tensor([[0.3]], dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    (second,) = torch.autograd.grad(slope(leaf).sum(), leaf)
    h = 1e-4
    difference = (slope(x + h) - slope(x - h)).detach() / (2 * h)
    # h² z⁗/6 and the solves' 1e-8/h
    torch.testing.assert_close(second, difference, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Implicit, {"linear_slover": GMRES()}),
        (Implicit, {"b_max_iter": 40}),
        (GMRES, {"restarts": 3}),
        (PhantomGradient, {"terms": 3, "tau": 0.5}),
        (Unrolled, {"checkpoints": True}),
    ],
)
def test_a_misspelt_option_is_an_error(make: type, options: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        make(**options)


def test_the_old_vmap_of_autograd_is_refused() -> None:
    """torch.autograd's own batching knows nothing of torch.func: an error, not a wrong number."""
    x = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    value = fixed_point(lambda z, x: torch.cos(z) + x, torch.zeros_like(x), x).value
    with pytest.raises(RuntimeError, match="Batching rule not implemented"):
        torch.autograd.grad(value, x, torch.ones(2, 1, 2).double(), is_grads_batched=True)
