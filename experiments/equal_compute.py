"""An equilibrium layer, a weight-tied stack and an untied one, trained with the same number of
floating-point operations.

    python experiments/equal_compute.py     # writes artifacts/equal_compute.json

Some minutes on one thread; on the same machine and versions a second run writes the same
bytes. The task is scikit-learn's 8×8 digits: 1200 images to train on, 237 to tune on, 360 to test
on, one stratified split. Every layer is z ← tanh(W z + U x + b) from z = 0, with 64 units and a
linear readout, in float32, trained by Adam on batches of 128.

What is equal is the budget of products with a matrix W, forward and backward, over the whole of
training: that of 12 layers for 300 steps. A layer of a stack takes three of them for each sample,
one forward and two back. The equilibrium takes one for each evaluation and each product with the
Jacobian, and is charged four for attaching the gradient; it trains until its budget is spent.
Readout and U x are the same for all, and are not counted. Learning rates are tuned alike for all.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from deqlab import (
    DEQ,
    Arm,
    Comparison,
    Implicit,
    JacobianFree,
    OnFailure,
    PhantomGradient,
    RelativeResidual,
    peak_bytes,
    run_comparison,
)
from deqlab.artifact import record_experiment

NAME = "equal_compute.json"
LEARNING_RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
TUNING_SEEDS = (100, 101)
SEEDS = (0, 1, 2, 3, 4, 5)
UNITS, BATCH, LAYERS, STEPS = 64, 128, 12, 300
RTOL = 1e-3  # of the equilibrium, forward and backward


class Layer(nn.Module):
    """z ↦ tanh(W z + c), with ‖W‖₂ = 0.8 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(UNITS, UNITS, bias=False)
        with torch.no_grad():
            self.linear.weight.mul_(0.8 / torch.linalg.matrix_norm(self.linear.weight, 2))

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        return torch.tanh(self.linear(z) + c)


class Stack(nn.Module):
    """`depth` layers, all the same one if `tied`."""

    def __init__(self, depth: int, *, tied: bool) -> None:
        super().__init__()
        self.depth = depth
        self.layers = nn.ModuleList(Layer() for _ in range(1 if tied else depth))

    def forward(self, c: Tensor) -> Tensor:
        z = torch.zeros_like(c)
        for k in range(self.depth):
            z = self.layers[k % len(self.layers)](z, c)
        return z

    def spent(self, samples: int) -> int:
        """Products with W of the last training step, over all samples."""
        return 3 * self.depth * samples


class Equilibrium(nn.Module):
    """The state that one layer leaves as it is."""

    def __init__(self, adjoint: Implicit | PhantomGradient) -> None:
        super().__init__()
        self.solve = DEQ(
            Layer(),
            stop=RelativeResidual(rtol=RTOL),
            max_steps=100,
            adjoint=adjoint,
            on_failure=OnFailure.IGNORE,
        )

    def forward(self, c: Tensor) -> Tensor:
        z: Tensor = self.solve(c)
        return z

    def spent(self, samples: int) -> int:
        solution = self.solve.solution
        assert solution is not None
        backward = 0 if solution.adjoint is None else int(solution.adjoint.products.sum())
        return int(solution.nfe.sum()) + backward + 4 * samples


class Classifier(nn.Module):
    def __init__(self, body: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.body = body()
        self.inject, self.readout = nn.Linear(64, UNITS), nn.Linear(UNITS, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.body(self.inject(x)))


def digits() -> dict[str, tuple[Tensor, Tensor]]:
    """The three parts of the split: images (n, 64) in [0, 1], and classes (n,)."""
    images, classes = load_digits(return_X_y=True)
    rest, test = train_test_split(
        range(len(classes)), test_size=360, stratify=classes, random_state=0
    )
    train, tune = train_test_split(rest, test_size=237, stratify=classes[rest], random_state=0)
    x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(classes)
    return {name: (x[i], y[i]) for name, i in (("train", train), ("tune", tune), ("test", test))}


def fit(model: Classifier, learning_rate: float, seed: int, *, steps: int) -> dict[str, Any]:
    """Train until `steps` steps of `LAYERS` layers are paid for, and test."""
    data = digits()
    x, y = data["train"]
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    budget = 3 * LAYERS * steps * BATCH
    spent, taken, last = 0, 0, 0
    while spent < budget:
        rows = torch.randint(len(x), (BATCH,), generator=generator)
        # linear decay to a tenth, over the budget
        optimiser.param_groups[0]["lr"] = learning_rate * (1 - 0.9 * spent / budget)
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        last = model.body.spent(BATCH)
        spent, taken = spent + last, taken + 1
    with torch.no_grad():
        right = {name: (model(x).argmax(1) == y).float().mean() for name, (x, y) in data.items()}
    measures: dict[str, Any] = {
        "error": round(1 - right["tune"].item(), 5),
        "accuracy": round(right["test"].item(), 5),
        "trained": round(right["train"].item(), 5),
        "steps": taken,
        "last_cost": round(last / (3 * BATCH), 2),  # in layers of a stack
        "peak_bytes": step_memory(model, x[:BATCH], y[:BATCH]),
    }
    if isinstance(model.body, Equilibrium):
        solution = model.body.solve.solution
        assert solution is not None
        with torch.no_grad():
            model(data["test"][0])
        solution = model.body.solve.solution
        measures["converged"] = round(solution.converged().float().mean().item(), 4)
        measures["evaluations"] = round(solution.nfe.float().mean().item(), 2)
    return measures


def step_memory(model: nn.Module, x: Tensor, y: Tensor) -> int:
    """Peak of one forward and backward pass, the gradients themselves aside."""

    def step() -> None:
        functional.cross_entropy(model(x), y).backward()

    step()
    return peak_bytes(step)


def experiment(
    *,
    steps: int = STEPS,
    learning_rates: tuple[float, ...] = LEARNING_RATES,
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS,
    seeds: tuple[int, ...] = SEEDS,
    progress: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """The comparison. Fewer steps or seeds make a smaller experiment of the same kind."""
    bodies: dict[str, Callable[[], nn.Module]] = {
        "equilibrium": partial(Equilibrium, Implicit(rtol=RTOL)),
        "equilibrium, one-step gradient": partial(Equilibrium, JacobianFree()),
    }
    for depth in (4, LAYERS):
        bodies[f"tied, {depth} layers"] = partial(Stack, depth, tied=True)
        bodies[f"untied, {depth} layers"] = partial(Stack, depth, tied=False)
    return run_comparison(
        [Arm(name=name, build=partial(Classifier, body)) for name, body in bodies.items()],
        partial(fit, steps=steps),
        torch.zeros(1, 64),
        learning_rates=learning_rates,
        tuning_seeds=tuning_seeds,
        seeds=seeds,
        objective="error",
        progress=progress,
    )


def main() -> None:
    record_experiment(
        NAME,
        lambda progress: {"comparison": experiment(progress=progress).to_json()},
        script=Path(__file__).name,
    )


if __name__ == "__main__":
    main()
