"""A tensor that f merely closes over gets its exact gradient, or the call is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from deqlab import Implicit
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard
from deqlab.stopping import RelativeResidual

G = torch.Generator().manual_seed(0)
X = torch.randn(3, 4, generator=G, dtype=torch.float64)
W = 0.3 * torch.randn(4, 4, generator=G, dtype=torch.float64)


def solve(f: Callable[..., Tensor], *args: Tensor, params: tuple[Tensor, ...] = ()) -> Tensor:
    return fixed_point(
        f,
        torch.zeros_like(X),
        *args,
        params=params,
        solver=Picard(),
        stop=RelativeResidual(rtol=1e-14),
        adjoint=Implicit(rtol=1e-13),
    ).value


def explicit(W: Tensor) -> Tensor:
    return solve(lambda z, W: torch.tanh(z @ W.T + X), params=(W,)).square().sum()


class OldFunction(torch.autograd.Function):
    """z W, whose use of W no torch call shows."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, W: Tensor) -> Tensor:
        ctx.save_for_backward(z, W)
        return z @ W

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        z, W = ctx.saved_tensors
        return g @ W.T, z.T @ g


def ways_to_use(W: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """One map, z ↦ tanh(Wz + X), with W hidden in several ways."""
    parts = [W[:2], W[2:]]
    holder = {"weight": W}
    return {
        "name": lambda z: torch.tanh(z @ W.T + X),
        "view": lambda z: torch.tanh(z @ torch.cat(parts).T + X),
        "dict": lambda z: torch.tanh(nn.functional.linear(z, holder["weight"]) + X),
        "method": lambda z: z.matmul(W.mT).add(X).tanh(),
        "keyword": lambda z: torch.tanh(torch.matmul(z, other=W.T) + X),
        "einsum": lambda z: torch.tanh(torch.einsum("bi,ji->bj", z, W) + X),
    }


@pytest.mark.parametrize("way", list(ways_to_use(W)))
def test_a_closed_over_tensor_has_its_exact_gradient(way: str) -> None:
    exact = grad(explicit)(W)

    def hidden(W: Tensor) -> Tensor:
        return solve(ways_to_use(W)[way]).square().sum()

    leaf = W.clone().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(hidden(leaf), leaf)[0], exact)
    torch.testing.assert_close(grad(hidden)(W), exact)
    torch.testing.assert_close(vmap(grad(hidden))(W[None])[0], exact)


def test_a_module_in_a_closure_has_its_exact_gradient() -> None:
    cell = nn.Linear(4, 4).double()
    with torch.no_grad():
        cell.weight.copy_(W)
        cell.bias.zero_()
    value = solve(lambda z, x: torch.tanh(cell(z) + x), X)
    gradient = torch.autograd.grad(value.square().sum(), cell.weight)[0]
    torch.testing.assert_close(gradient, grad(explicit)(W))


def test_a_tensor_both_passed_and_closed_over_counts_twice() -> None:
    """The same tensor object in params and in the closure: both paths contribute."""
    leaf = W.clone().requires_grad_()
    value = solve(lambda z, V: torch.tanh(z @ (0.5 * V + 0.5 * leaf).T + X), params=(leaf,))
    gradient = torch.autograd.grad(value.square().sum(), leaf)[0]
    torch.testing.assert_close(gradient, grad(explicit)(W))


def test_a_tensor_passed_but_ignored_for_its_closure_is_exact() -> None:
    leaf = W.clone().requires_grad_()
    value = solve(lambda z, _: torch.tanh(z @ leaf.T + X), params=(leaf,))
    gradient = torch.autograd.grad(value.square().sum(), leaf)[0]
    torch.testing.assert_close(gradient, grad(explicit)(W))


def test_second_derivatives_of_a_closed_over_tensor_are_exact() -> None:
    hidden = lambda W: solve(lambda z: torch.tanh(z @ W.T + X)).square().sum()  # noqa: E731
    leaf = W.clone().requires_grad_()
    (first,) = torch.autograd.grad(hidden(leaf), leaf, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), leaf)
    oracle = grad(lambda V: grad(explicit)(V).sum())(W)
    torch.testing.assert_close(second, oracle, rtol=1e-9, atol=1e-11)


def test_what_cannot_be_made_an_input_is_refused_with_the_remedy() -> None:
    leaf = W.clone().requires_grad_()
    with pytest.raises(ValueError, match="pass it in args or params"):
        solve(lambda z: torch.tanh(OldFunction.apply(z, leaf) + X))


def test_an_old_style_function_given_its_tensors_is_differentiated() -> None:
    leaf = W.clone().requires_grad_()
    value = solve(lambda z, V: torch.tanh(OldFunction.apply(z, V.T) + X), params=(leaf,))
    gradient = torch.autograd.grad(value.square().sum(), leaf)[0]
    torch.testing.assert_close(gradient, grad(explicit)(W))


def test_constants_in_a_closure_cost_nothing() -> None:
    """X and W need no gradient here; f is called with the tensors it was written with."""
    seen = []

    def f(z: Tensor, x: Tensor) -> Tensor:
        seen.append(W)
        return torch.tanh(z @ W.T + x)

    leaf = X.clone().requires_grad_()
    value = solve(f, leaf)
    torch.autograd.grad(value.sum(), leaf)
    assert all(w is W for w in seen)


def test_compiled_code_is_differentiated_exactly_with_and_without_a_closure() -> None:
    leaf = W.clone().requires_grad_()
    compiled = torch.compile(lambda z, V: torch.tanh(z @ V.T + X), backend="aot_eager")
    hiding = torch.compile(lambda z: torch.tanh(z @ leaf.T + X), backend="aot_eager")
    for value in (solve(compiled, params=(leaf,)), solve(hiding)):
        gradient = torch.autograd.grad(value.square().sum(), leaf)[0]
        torch.testing.assert_close(gradient, grad(explicit)(W))
