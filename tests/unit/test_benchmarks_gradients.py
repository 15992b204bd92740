"""The yardstick and the counters of benchmarks/gradients.py."""

from functools import partial

import pytest
import torch

from benchmarks import gradients, problems
from deqlab import fixed_point


@pytest.fixture(scope="module")
def instance() -> problems.Instance:
    return problems.cell("symmetric", d=16, c=0.9, seed=0, batch=3)


def test_the_yardstick_is_the_gradient(instance: problems.Instance) -> None:
    """Against central differences of ⟨v, z*⟩ along a random direction of W and the inputs."""
    exact = gradients.Exact.of(instance, 0)
    g = torch.Generator().manual_seed(1)
    dW, dx = (
        torch.randn(t.shape, generator=g, dtype=t.dtype) for t in (instance.W, instance.inputs)
    )

    def loss(h: float) -> float:
        z = instance.start
        for _ in range(2000):
            z = instance.apply(z, instance.inputs + h * dx, instance.W + h * dW)
        return float((exact.v * z).sum())

    h = 1e-6
    difference = (loss(h) - loss(-h)) / (2 * h)
    along = exact.gradient @ torch.cat([dW.flatten(), dx.flatten()])
    assert float(along) == pytest.approx(difference, rel=1e-6)


def test_products_are_counted_as_the_library_counts_them(instance: problems.Instance) -> None:
    x = instance.inputs.clone().requires_grad_()
    solution = fixed_point(
        partial(gradients.counted, instance), instance.start, x, params=(instance.W,)
    )
    gradients._Count.products = 0
    torch.autograd.grad(solution.value.sum(), x)
    assert solution.adjoint is not None
    assert gradients._Count.products == solution.adjoint.products.max()


def test_every_method_of_ours_runs(instance: problems.Instance) -> None:
    exact = gradients.Exact.of(instance, 0)
    for method in gradients.torch_methods():
        if method.library == "deqlab":
            row = gradients.measure(method, instance, exact, 1e-8, peak=False)
            implicit = method.name.startswith("Implicit")
            assert row["relative_error"] < (1e-5 if implicit else 1.5), method.name
