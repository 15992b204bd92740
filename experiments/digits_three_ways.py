"""One block as a residual net, a flow and an equilibrium: what the same accuracy costs.

    python experiments/digits_three_ways.py     # writes artifacts/digits_three_ways.json

About three minutes on one thread; counts are the same on a second run, times are not. The 8 × 8
digits of scikit-learn, split by class into 60 % for training, 20 % that say when to stop and 20 %
for the test. Every model reads h = U x (32 components), applies R(h) = V tanh(W h + b) with 64
hidden units in its own way, and has a linear readout. Training is by Adam on batches of 64, at the
best of three learning rates, until 96 % of the middle part are right after an epoch. What is
counted is one training step of the last epoch, and all of them together; what is timed is a
forward and a backward pass at initialisation.

    residual net         h ← h + R_k(h), four blocks of their own weights
    flow                 h' = R(h) to time 1, torchdiffeq: dopri5 or two steps of rk4; gradients by
                         backpropagation through the solver, or by the backsolve adjoint
    equilibrium          z = U x + R(z), a contraction with the constant 0.9, by Anderson's method;
                         implicit or Jacobian-free gradients
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional
from torchdiffeq import odeint, odeint_adjoint

from deqlab import DEQ, Implicit, JacobianFree, RelativeResidual, contractive
from deqlab.artifact import record_experiment
from deqlab.compare import Arm, Comparison, run_comparison

NAME = "digits_three_ways.json"
LEARNING_RATES = (3e-3, 1e-2, 3e-2)
TUNING_SEEDS = (100, 101)
SEEDS = (0, 1, 2, 3, 4)
WIDTH, HIDDEN = 32, 64
TARGET, MAX_EPOCHS = 0.96, 60


def block() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, WIDTH))


class ResidualNet(nn.Module):
    def __init__(self, depth: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block() for _ in range(depth))
        self.evaluations = self.products = float(depth)

    def forward(self, h: Tensor) -> Tensor:
        for R in self.blocks:
            h = h + R(h)
        return h


class Flow(nn.Module):
    def __init__(self, *, adjoint: bool = False, **how: Any) -> None:
        super().__init__()
        self.R, self.how = block(), how
        self.integrate = partial(odeint_adjoint, adjoint_options={"norm": "seminorm"})
        if not adjoint:
            self.integrate = odeint
        self.evaluations = self.products = 0.0

    def forward(self, h: Tensor) -> Tensor:
        self.evaluations = self.products = 0.0
        return self.integrate(Counted(self), h, torch.tensor([0.0, 1.0]), **self.how)[1]


class Counted(nn.Module):
    """The field of a flow; counts its evaluations, and the VJPs of the backward pass."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.R, self.count = flow.R, lambda name: setattr(flow, name, getattr(flow, name) + 1)

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.count("evaluations")
        change = self.R(h)
        if change.requires_grad:
            change.register_hook(lambda _: self.count("products"))
        return change


class Outside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.R = block()
        for layer in (self.R[0], self.R[2]):
            contractive(layer, bound=math.sqrt(0.9))

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        return u + self.R(z)


class Equilibrium(nn.Module):
    def __init__(self, rtol: float, *, jacobian_free: bool = False) -> None:
        super().__init__()
        adjoint = JacobianFree() if jacobian_free else Implicit(rtol=rtol)
        self.deq = DEQ(Outside(), stop=RelativeResidual(rtol=rtol), adjoint=adjoint)
        self.jacobian_free = jacobian_free

    @property
    def evaluations(self) -> float:
        return self.deq.solution.nfe.double().mean().item()

    @property
    def products(self) -> float:
        """One for the parameters, and those of the linear solve."""
        if self.jacobian_free or self.deq.solution.adjoint is None:
            return 1.0
        return 1.0 + self.deq.solution.adjoint.products.double().mean().item()

    def forward(self, h: Tensor) -> Tensor:
        return self.deq(h)


class Classifier(nn.Module):
    def __init__(self, build: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.encoder, self.features = nn.Linear(64, WIDTH), build()
        self.readout = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(self.encoder(x)))


@dataclass(frozen=True)
class Digits:
    """Inputs (n, 64) in [-1, 1] and labels of the three parts."""

    train: tuple[Tensor, Tensor]
    held_out: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    @staticmethod
    def load() -> "Digits":
        inputs, labels = load_digits(return_X_y=True)
        x, rest, y, others = train_test_split(
            inputs / 8.0 - 1.0, labels, train_size=0.6, stratify=labels, random_state=0
        )
        halves = train_test_split(rest, others, train_size=0.5, stratify=others, random_state=0)
        parts = ((x, y), (halves[0], halves[2]), (halves[1], halves[3]))
        return Digits(*((torch.tensor(a, dtype=torch.float32), torch.tensor(b)) for a, b in parts))


@torch.no_grad()
def accuracy(model: nn.Module, part: tuple[Tensor, Tensor]) -> float:
    x, y = part
    return (model(x).argmax(-1) == y).double().mean().item()


def fit(model: Classifier, learning_rate: float, seed: int, *, digits: Digits) -> dict[str, Any]:
    """Train until the target; the epochs and counts that it took; accuracy on the test."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    x, y = digits.train
    epochs, reached = 0, False
    forward, evaluations, products = [], [], []  # one entry per step
    while epochs < MAX_EPOCHS and not reached:
        for rows in torch.randperm(len(x), generator=generator).split(64):
            loss = functional.cross_entropy(model(x[rows]), y[rows])
            forward.append(model.features.evaluations)
            optimiser.zero_grad()
            loss.backward()
            evaluations.append(model.features.evaluations)  # the backward pass may evaluate too
            products.append(model.features.products)
            optimiser.step()
        epochs += 1
        reached = accuracy(model, digits.held_out) >= TARGET
    last = slice(-len(products) // epochs, None)
    return {
        "epochs": float(epochs) if reached else math.inf,
        "accuracy": round(accuracy(model, digits.test), 4),
        "forward": round(mean(forward[last]), 2),
        "backward": round(mean(evaluations[last]) - mean(forward[last]), 2),
        "products": round(mean(products[last]), 2),
        "work": round(sum(evaluations) + sum(products), 1),
    }


def step_times(digits: Digits, *, rounds: int = 40) -> dict[str, float]:
    """Processor time of one training step, in milliseconds: the least of many, in turns."""
    x, y = (part[:64] for part in digits.train)
    models = {}
    for arm in contestants():
        torch.manual_seed(0)
        models[arm.name] = arm.build()
    best = dict.fromkeys(models, math.inf)
    for _ in range(rounds):
        for name, model in models.items():
            start = time.process_time()
            functional.cross_entropy(model(x), y).backward()
            best[name] = min(best[name], time.process_time() - start)
            model.zero_grad()
    return {name: round(1000 * seconds, 3) for name, seconds in best.items()}


def contestants() -> list[Arm]:
    dopri5 = partial(Flow, method="dopri5")
    kinds: dict[str, Callable[[], nn.Module]] = {
        "residual net": ResidualNet,
        "flow, rk4": partial(Flow, method="rk4", options={"step_size": 0.5}),
        "flow, 1e-2": partial(dopri5, rtol=1e-2, atol=1e-2),
        "flow, 1e-4": partial(dopri5, rtol=1e-4, atol=1e-4),
        "flow, 1e-6": partial(dopri5, rtol=1e-6, atol=1e-6),
        "flow, 1e-4, backsolve": partial(dopri5, rtol=1e-4, atol=1e-4, adjoint=True),
        "equilibrium, 1e-2": partial(Equilibrium, 1e-2),
        "equilibrium, 1e-4": partial(Equilibrium, 1e-4),
        "equilibrium, 1e-6": partial(Equilibrium, 1e-6),
        "equilibrium, 1e-2, JFB": partial(Equilibrium, 1e-2, jacobian_free=True),
    }
    return [Arm(name=name, build=partial(Classifier, kind)) for name, kind in kinds.items()]


def experiment(
    *,
    learning_rates: tuple[float, ...] = LEARNING_RATES,
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS,
    seeds: tuple[int, ...] = SEEDS,
    progress: Callable[[str], None] = lambda line: None,
) -> Comparison:
    return run_comparison(
        contestants(),
        partial(fit, digits=Digits.load()),
        torch.zeros(1, 64),
        learning_rates=learning_rates,
        tuning_seeds=tuning_seeds,
        seeds=seeds,
        objective="epochs",
        progress=progress,
    )


def main() -> None:
    record_experiment(
        NAME,
        lambda progress: {
            "comparison": experiment(progress=progress).to_json(),
            "milliseconds": step_times(Digits.load()),
        },
        script=Path(__file__).name,
    )


if __name__ == "__main__":
    main()
