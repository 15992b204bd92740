"""A disc and the ring round it: which maps make them separable by a straight line?

    python experiments/annulus.py     # writes artifacts/annulus.json

About four minutes on one thread; on the same machine and versions a second run writes the same
bytes. Every arm maps a point x of the plane to a state, which a linear readout classifies. The
state has the dimension of x, or one more; flows and residual nets then start at (x, 0). All arms
see the same fresh points, for the same number of steps of Adam (linear decay to 5 %), at the better
of two learning rates. R(h) = V tanh(W h + b), 16 hidden units, is the block of all arms but the
single-layer cells.

    flow                 h' = R(h), h(0) = x, read at time 1; dopri5 of torchdiffeq
    residual net         four blocks, h ← h + R_k(h)
    equilibrium, x + R   z = x + R(z)
    equilibrium, tanh    z = tanh(W z + U x + b)
    equilibrium, relu    z = relu(W z + U x + b)
    equilibrium, inside  z = V tanh(W z + U x + b) + c

The equilibrium maps are contractions by construction, with the constant 0.8.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchdiffeq import odeint

from deqlab import DEQ, Activation, ContractiveCell, Picard, RelativeResidual, contractive
from deqlab.artifact import record_experiment
from deqlab.compare import Arm, Comparison, run_comparison

NAME = "annulus.json"
LEARNING_RATES = (3e-2, 1e-1)
TUNING_SEEDS = (100,)
SEEDS = (0, 1, 2, 3, 4)
BOUND = 0.8
HIDDEN = 16


def disc_and_ring(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points (n, 2) uniform on a disc of radius 0.5, or on the ring from 1 to 1.5; labels (n,)."""
    ring = torch.rand(n, generator=generator) < 0.5
    share, turn = torch.rand(2, n, generator=generator)
    radius = torch.where(ring, 1.0 + 1.25 * share, 0.25 * share).sqrt()
    angle = 2 * math.pi * turn
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1), ring


def block(width: int, inputs: int | None = None) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs or width, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, width))


def lifted(x: Tensor, width: int) -> Tensor:
    return functional.pad(x, (0, width - x.shape[-1]))


class Flow(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.R, self.evaluations = width, block(width), 0

    def field(self, t: Tensor, h: Tensor) -> Tensor:
        self.evaluations += 1
        return self.R(h)

    def forward(self, x: Tensor) -> Tensor:
        return self.states(x, 2)[-1]

    def states(self, x: Tensor, times: int) -> Tensor:
        """(times, n, width), from time 0 to 1."""
        self.evaluations = 0
        t = torch.linspace(0.0, 1.0, times)
        return odeint(self.field, lifted(x, self.width), t, rtol=1e-4, atol=1e-4, method="dopri5")


class ResidualNet(nn.Module):
    evaluations = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.blocks = nn.ModuleList(block(width) for _ in range(self.evaluations))

    def forward(self, x: Tensor) -> Tensor:
        h = lifted(x, self.width)
        for R in self.blocks:
            h = h + R(h)
        return h


class Outside(nn.Module):
    """(z, x) ↦ x + R(z)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.R = width, block(width)
        for layer in (self.R[0], self.R[2]):
            contractive(layer, bound=math.sqrt(BOUND))

    def inject(self, x: Tensor) -> Tensor:
        return lifted(x, self.width)

    def start(self, x: Tensor) -> Tensor:
        return lifted(x, self.width)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        return u + self.R(z)


class Inside(nn.Module):
    """(z, x) ↦ V tanh(W z + U x + b) + c."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Linear(2, HIDDEN)
        self.read = contractive(nn.Linear(width, HIDDEN, bias=False), bound=math.sqrt(BOUND))
        self.write = contractive(nn.Linear(HIDDEN, width), bound=math.sqrt(BOUND))

    def start(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), self.width)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        return self.write(torch.tanh(self.read(z) + self.enter(x)))


def single_layer(width: int, activation: Activation) -> ContractiveCell:
    return ContractiveCell(
        nn.Linear(width, width), nn.Linear(2, width), bound=BOUND, activation=activation
    )


class Equilibrium(nn.Module):
    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.deq = DEQ(cell, solver=Picard(), stop=RelativeResidual(rtol=1e-4))

    @property
    def evaluations(self) -> int:
        return int(self.deq.solution.nfe.max())

    def forward(self, x: Tensor) -> Tensor:
        return self.deq(x)

    def states(self, x: Tensor, times: int) -> Tensor:
        """(times, n, width): the start and the iterates after 1, 2, ... steps."""
        z = self.deq.cell.start(x)
        f = self.deq.map(x)
        states = [z]
        for _ in range(times - 1):
            states.append(z := f(z))
        return torch.stack(states)


class Classifier(nn.Module):
    def __init__(self, build: Callable[[], nn.Module], width: int) -> None:
        super().__init__()
        self.features, self.readout = build(), nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))[:, 0]


def fit(
    model: Classifier, learning_rate: float, seed: int, *, steps: int, num_tests: int = 4000
) -> dict[str, Any]:
    """Share of test points on the wrong side, and what one evaluation of the test batch took."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: max(1 - k / steps, 0.05))
    for _ in range(steps):
        x, ring = disc_and_ring(128, generator)
        loss = functional.binary_cross_entropy_with_logits(model(x), ring.to(x.dtype))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    x, ring = disc_and_ring(num_tests, torch.Generator().manual_seed(10**6))
    with torch.no_grad():
        logits = model(x)
        error = ((logits > 0) != ring).float().mean().item()
        loss = functional.binary_cross_entropy_with_logits(logits, ring.to(x.dtype)).item()
    evaluations = model.features.evaluations
    return {"error": round(error, 5), "loss": round(loss, 5), "evaluations": float(evaluations)}


def contestants() -> list[Arm]:
    kinds: dict[str, Callable[[int], nn.Module]] = {
        "flow": Flow,
        "residual net": ResidualNet,
        "equilibrium, x + R": lambda width: Equilibrium(Outside(width)),
        "equilibrium, tanh": lambda width: Equilibrium(single_layer(width, Activation.TANH)),
        "equilibrium, relu": lambda width: Equilibrium(single_layer(width, Activation.RELU)),
        "equilibrium, inside": lambda width: Equilibrium(Inside(width)),
    }
    return [
        Arm(name=f"{name}, {width}", build=partial(Classifier, partial(kind, width), width))
        for name, kind in kinds.items()
        for width in ((2,) if name in ("residual net", "equilibrium, inside") else (2, 3))
    ]


def experiment(
    *,
    steps: int = 300,
    learning_rates: tuple[float, ...] = LEARNING_RATES,
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS,
    seeds: tuple[int, ...] = SEEDS,
    progress: Callable[[str], None] = lambda line: None,
) -> Comparison:
    return run_comparison(
        contestants(),
        partial(fit, steps=steps),
        torch.zeros(1, 2),
        learning_rates=learning_rates,
        tuning_seeds=tuning_seeds,
        seeds=seeds,
        objective="loss",
        progress=progress,
    )


def particles(result: Comparison, *, steps: int = 300, count: int = 120) -> dict[str, Any]:
    """Where points of the plane are under the flow and under the iteration of the equilibrium."""
    x, ring = disc_and_ring(count, torch.Generator().manual_seed(7))
    moved: dict[str, Any] = {"ring": ring.long().tolist()}
    arms = {arm.name: arm for arm in contestants()}
    for key, name in (("flow", "flow, 2"), ("equilibrium", "equilibrium, x + R, 2")):
        torch.manual_seed(SEEDS[0])
        model = arms[name].build()
        fit(model, result.arms[name].learning_rate, SEEDS[0], steps=steps)
        with torch.no_grad():
            states = model.features.states(x, 25)
        moved[key] = [[[round(c, 3) for c in p] for p in z] for z in states.tolist()]
    return moved


def measure(progress: Callable[[str], None]) -> dict[str, Any]:
    result = experiment(progress=progress)
    return {"comparison": result.to_json(), "particles": particles(result)}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    record_experiment(NAME, measure, script=Path(__file__).name)


if __name__ == "__main__":
    main()
