"""The experiment of chapter 07: equal budgets, honest counts, the same bytes on a second run."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from deqlab import (
    DEQ,
    Comparison,
    Implicit,
    JacobianFree,
    NeumannSeries,
    Picard,
    RelativeResidual,
    load_artifact,
)

PATH = Path(__file__).parents[2] / "experiments" / "equal_compute.py"
spec = importlib.util.spec_from_file_location("equal_compute", PATH)
experiment = importlib.util.module_from_spec(spec)
spec.loader.exec_module(experiment)


def products(model: torch.nn.Module, samples: int) -> tuple[float, int]:
    """Products with W of one training step: by PyTorch's counter, and as the model counts."""
    x = torch.randn(samples, 64, generator=torch.Generator().manual_seed(0))
    outside = 2 * samples * 64 * (64 * 2 + 10 * 3)  # input and readout; x needs no gradient
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(model(x), torch.zeros(samples, dtype=torch.long)).backward()
    counted = (counter.get_total_flops() - outside) / (2 * 64 * 64)
    return counted, model.body.spent(samples)


@pytest.mark.parametrize("tied", [True, False])
def test_a_stack_pays_three_products_for_a_layer(tied):
    model = experiment.Classifier(lambda: experiment.Stack(5, tied=tied))
    counted, spent = products(model, 7)
    assert spent == 3 * 5 * 7
    assert counted == spent - 7  # the first state needs no gradient


def test_the_equilibrium_pays_for_all_products_with_its_weights():
    """With solvers that have no products of their own."""
    torch.manual_seed(0)
    adjoint = Implicit(linear_solver=NeumannSeries(), rtol=experiment.RTOL)
    model = experiment.Classifier(lambda: experiment.Equilibrium(adjoint))
    W = model.body.solve.cell.linear.weight
    stop = RelativeResidual(rtol=experiment.RTOL)
    # no module: PyTorch's counter follows modules, and fails on a leaf within a backward pass
    model.body.solve = DEQ(
        lambda z, c: torch.tanh(z @ W.T + c),
        solver=Picard(),
        stop=stop,
        adjoint=adjoint,
        compact=False,
    )
    counted, _ = products(model, 40)
    solution = model.body.solve.solution
    F, B = int(solution.nfe.max()), int(solution.adjoint.products.max())
    assert (F + B + 2) * 40 <= counted <= (F + B + 4) * 40


@pytest.mark.parametrize("adjoint", [Implicit(rtol=experiment.RTOL), JacobianFree()])
def test_the_same_seed_trains_the_same_model(adjoint):
    def fit() -> dict[str, object]:
        torch.manual_seed(3)
        model = experiment.Classifier(lambda: experiment.Equilibrium(adjoint))
        return experiment.fit(model, 1e-2, 3, steps=1)

    assert fit() == fit()


def test_the_stored_arms_spent_the_same_budget():
    stored = json.loads(load_artifact("equal_compute.json"))["comparison"]
    result = Comparison.from_json(stored)
    assert result.learning_rates == list(experiment.LEARNING_RATES)
    budget = experiment.LAYERS * experiment.STEPS
    for name in result.arms:
        steps = result.values(name, "steps")
        if "layers" in name:
            depth = int(name.split()[1])
            assert (steps == budget / depth).all()
        else:
            assert (steps * 2 < budget).all()


def test_the_equilibrium_takes_more_memory_than_twelve_thin_layers():
    stored = json.loads(load_artifact("equal_compute.json"))["comparison"]
    result = Comparison.from_json(stored)
    least = result.values("equilibrium", "peak_bytes").min()
    assert least > 3 * result.values("tied, 12 layers", "peak_bytes").max()


def test_all_arms_end_within_a_point_and_a_half():
    stored = json.loads(load_artifact("equal_compute.json"))["comparison"]
    result = Comparison.from_json(stored)
    scores = {name: result.interval(name, "accuracy").estimate for name in result.arms}
    assert max(scores.values()) - min(scores.values()) < 0.015
    shallow = [scores["tied, 4 layers"], scores["untied, 4 layers"]]
    assert min(shallow) > max(score for name, score in scores.items() if "4 layers" not in name)
    assert min(result.values("equilibrium", "converged")) > 0.99
