"""torch.func grad, vmap, jacfwd, jacrev and hessian, and their mixtures, through a solve."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from deqlab import Implicit, JacobianFree
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard
from deqlab.stopping import RelativeResidual

with warnings.catch_warnings():  # torch's first use of forward mode compiles with its own old tools
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch._decomp.decompositions_for_jvp

D, B = 3, 2
G = torch.Generator().manual_seed(0)
X = torch.randn(B, D, generator=G, dtype=torch.float64)
W = 0.3 * torch.randn(D, D, generator=G, dtype=torch.float64)
MANY_X = torch.randn(4, B, D, generator=G, dtype=torch.float64)
MANY_W = 0.3 * torch.randn(4, D, D, generator=G, dtype=torch.float64)
Z0 = torch.zeros(B, D, dtype=torch.float64)


def by_unrolling(x: Tensor, W: Tensor) -> Tensor:
    """The oracle: 200 steps of a contraction with factor < .8, differentiated as they are."""
    z = torch.zeros_like(x)
    for _ in range(200):
        z = torch.tanh(z @ W.T + x)
    return z


def options() -> dict[str, Any]:
    return {
        "solver": Picard(),
        "stop": RelativeResidual(rtol=1e-14),
        "max_steps": 500,
        "adjoint": Implicit(rtol=1e-13),
    }


def with_inputs(x: Tensor, W: Tensor) -> Tensor:
    f = lambda z, x, W: torch.tanh(z @ W.T + x)  # noqa: E731
    return fixed_point(f, Z0, x, params=(W,), **options()).value


def with_closure(x: Tensor, W: Tensor) -> Tensor:
    return fixed_point(lambda z: torch.tanh(z @ W.T + x), Z0, **options()).value


def with_mapped_start(x: Tensor, W: Tensor) -> Tensor:
    f = lambda z, x: torch.tanh(z @ W.T + x)  # noqa: E731
    return fixed_point(f, 0.1 * x, x, **options()).value


def cubed(value: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, W: (value(x, W) ** 3).sum()


ways = pytest.mark.parametrize("solved", [with_inputs, with_closure, with_mapped_start])
BOTH = (0, 1)
TRANSFORMS: dict[str, Callable[[Callable[..., Tensor]], Callable[..., Any]]] = {
    "grad": lambda f: grad(f, BOTH),
    "jacrev": lambda f: jacrev(f, BOTH),
    "jacfwd": lambda f: jacfwd(f, BOTH),
    "hessian": lambda f: hessian(f, BOTH),
    "jacfwd of jacfwd": lambda f: jacfwd(jacfwd(f, BOTH), BOTH),
    "jacfwd of jacrev": lambda f: jacfwd(jacrev(f, BOTH), BOTH),
    "jacrev of jacfwd": lambda f: jacrev(jacfwd(f, BOTH), BOTH),
    "jacrev of jacrev": lambda f: jacrev(jacrev(f, BOTH), BOTH),
    "third derivative": lambda f: jacfwd(jacfwd(grad(f, 0), 0), 0),
}


@ways
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_agree_with_unrolling(solved: Callable[..., Tensor], name: str) -> None:
    transform = TRANSFORMS[name]
    torch.testing.assert_close(
        transform(cubed(solved))(X, W), transform(cubed(by_unrolling))(X, W), rtol=1e-10, atol=1e-10
    )


@ways
@pytest.mark.parametrize(
    ("arguments", "dims"),
    [((MANY_X, W), (0, None)), ((X, MANY_W), (None, 0)), ((MANY_X, MANY_W), (0, 0))],
    ids=["x", "W", "both"],
)
def test_vmap_of_and_under_grad_agree_with_unrolling(
    solved: Callable[..., Tensor], arguments: tuple[Tensor, Tensor], dims: tuple[Any, Any]
) -> None:
    close = {"rtol": 1e-10, "atol": 1e-10}
    mapped, oracle = vmap(solved, dims), vmap(by_unrolling, dims)
    torch.testing.assert_close(mapped(*arguments), oracle(*arguments), **close)
    torch.testing.assert_close(
        vmap(grad(cubed(solved), BOTH), dims)(*arguments),
        vmap(grad(cubed(by_unrolling), BOTH), dims)(*arguments),
        **close,
    )
    torch.testing.assert_close(
        grad(cubed(mapped), BOTH)(*arguments), grad(cubed(oracle), BOTH)(*arguments), **close
    )


def test_vmap_of_vmap_and_other_dimensions() -> None:
    xs = MANY_X.movedim(0, 2)  # (B, D, 4)
    value = vmap(with_inputs, (2, None), out_dims=1)(xs, W)
    torch.testing.assert_close(value.movedim(1, 0), vmap(with_inputs, (0, None))(MANY_X, W))
    twice = vmap(vmap(with_inputs, (0, None)), (None, 0))(MANY_X, MANY_W)
    for i, j in ((0, 3), (2, 1)):
        torch.testing.assert_close(
            twice[i, j], by_unrolling(MANY_X[j], MANY_W[i]), rtol=1e-10, atol=1e-12
        )


def test_per_sample_gradients_agree_with_a_loop() -> None:
    def loss(W: Tensor, x: Tensor) -> Tensor:
        f = lambda z, x: torch.tanh(z @ W.T + x)  # noqa: E731
        z0 = torch.zeros(1, D, dtype=torch.float64)
        return fixed_point(f, z0, x[None], **options()).value.square().sum()

    together = vmap(grad(loss), (None, 0))(W, X)
    alone = torch.stack([grad(loss)(W, x) for x in X])
    torch.testing.assert_close(together, alone, rtol=1e-11, atol=1e-13)


def test_one_unbatched_problem_can_be_mapped() -> None:
    def solved(x: Tensor, W: Tensor) -> Tensor:
        f = lambda z, x, W: torch.tanh(W @ z + x)  # noqa: E731
        start = torch.zeros(D, dtype=torch.float64)
        return fixed_point(f, start, x, params=(W,), batch_dims=0, **options()).value

    rows = vmap(solved, (0, None))(X, W)
    torch.testing.assert_close(rows, by_unrolling(X, W), rtol=1e-10, atol=1e-12)
    jacobian = vmap(jacrev(solved, 1), (0, None))(X, W)
    torch.testing.assert_close(jacobian, jacrev(by_unrolling, 1)(X, W), rtol=1e-10, atol=1e-10)


def test_compaction_under_vmap_gives_the_same_values() -> None:
    scale = torch.tensor([[0.1], [1.0]], dtype=torch.float64)

    def value(x: Tensor, W: Tensor, compact: bool) -> Tensor:
        f = lambda z, x, W: torch.tanh(scale[: len(z)] * 0 + z @ W.T + x)  # noqa: E731
        return fixed_point(f, Z0, x, params=(W,), compact=compact, **options()).value

    plain = vmap(lambda x, W: value(x, W, False))(MANY_X, MANY_W)
    compacted = vmap(lambda x, W: value(x, W, True))(MANY_X, MANY_W)
    torch.testing.assert_close(compacted, plain, rtol=0, atol=1e-12)


def test_solution_columns_are_mapped_too() -> None:
    def columns(x: Tensor) -> tuple[Tensor, Tensor]:
        solution = fixed_point(lambda z, x: torch.tanh(z @ W.T + x), Z0, x, **options())
        return solution.num_steps, solution.residual

    steps, residual = vmap(columns)(MANY_X)
    assert steps.shape == residual.shape == (4, B)
    for x, n in zip(MANY_X, steps, strict=True):
        assert (columns(x)[0] - n).abs().max() <= 1


def test_jacobian_free_gradients_can_be_transformed_once() -> None:
    def loss(x: Tensor, W: Tensor) -> Tensor:
        f = lambda z, x, W: torch.tanh(z @ W.T + x)  # noqa: E731
        settings = options() | {"adjoint": JacobianFree()}
        return fixed_point(f, Z0, x, params=(W,), **settings).value.sum()

    z = with_inputs(X, W)
    by_hand = (1 - z**2).T @ z
    torch.testing.assert_close(grad(loss, 1)(X, W), by_hand, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(jacfwd(loss, 1)(X, W), by_hand, rtol=1e-12, atol=1e-12)
    mapped = vmap(grad(loss, 1), (0, None))(X[None], W)
    torch.testing.assert_close(mapped[0], by_hand, rtol=1e-12, atol=1e-12)


def test_jvp_costs_no_reverse_pass_by_the_user() -> None:
    tangent = jvp(lambda W: with_inputs(X, W), (W,), (W,))[1]
    step = 1e-6
    difference = (with_inputs(X, (1 + step) * W) - with_inputs(X, (1 - step) * W)) / (2 * step)
    # central differences: step² of the third derivative, and the rounding 1e-13/step of the solves
    torch.testing.assert_close(tangent, difference, rtol=0, atol=1e-8)
