"""One equilibrium layer on handwritten digits, kept well posed in several ways: what each costs.

    python experiments/deq_cures.py     # writes artifacts/deq_cures.json

About six minutes on one thread; on the same machine and versions a second run writes the same
bytes. Every arm has 40 units, the same data, batches and number of steps of Adam (the rate falls
linearly to zero), the same three learning rates tried on the same two tuning seeds, and the rate
with the fewest wrong answers on validation digits is kept. Test digits are read once per epoch and
decide nothing.

    free                        z = tanh(W z + U x + b), Anderson, tolerance 1e-6, budget 50
    loose tolerance             the same, tolerance 1e-2
    small budget                the same, at most 6 steps
    nudged                      the same, plus γ ‖J‖_F²/d in the loss, γ = 1
    contractive                 ‖W‖₂ ≤ 0.9 and ‖W‖₂ ≤ 0.5, by construction
    monotone                    m ≥ 0.1 by construction, ReLU, Peaceman–Rachford
    no recurrence               z = tanh(U x + b): what the equilibrium is worth at all
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
    ContractiveCell,
    MonotoneCell,
    OnFailure,
    RelativeResidual,
)
from deqlab.artifact import record_experiment
from deqlab.compare import Arm, Comparison, run_comparison

NAME = "deq_cures.json"
LEARNING_RATES = (1e-2, 3e-2, 1e-1)
TUNING_SEEDS = (100, 101)
SEEDS = (0, 1, 2, 3, 4)
UNITS = 40

Split = dict[str, tuple[Tensor, Tensor]]


def digits() -> Split:
    """1078 digits to train on, 269 to choose a rate, 450 to test; stratified, pixels in [0, 1]."""
    pixels, labels = load_digits(return_X_y=True)
    rest, x_test, rest_labels, y_test = train_test_split(
        pixels / 16, labels, test_size=450, stratify=labels, random_state=0
    )
    x_train, x_valid, y_train, y_valid = train_test_split(
        rest, rest_labels, test_size=269, stratify=rest_labels, random_state=0
    )
    parts = {
        "train": (x_train, y_train),
        "valid": (x_valid, y_valid),
        "test": (x_test, y_test),
    }
    return {name: (torch.tensor(x), torch.tensor(y)) for name, (x, y) in parts.items()}


class FreeCell(nn.Module):
    """tanh(W z + U x + b) with nothing to hold W."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.injection = dense()

    def inject(self, x: Tensor) -> Tensor:
        return self.injection(x)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        return torch.tanh(self.recurrent(z) + u)


def dense() -> tuple[nn.Linear, nn.Linear]:
    """W, small, and U with b."""
    recurrent = nn.Linear(UNITS, UNITS, bias=False, dtype=torch.float64)
    nn.init.normal_(recurrent.weight, std=0.1 / UNITS**0.5)
    return recurrent, nn.Linear(64, UNITS, dtype=torch.float64)


class Reader(nn.Module):
    """An equilibrium layer and a linear readout; `penalty` is the γ of the loss."""

    def __init__(
        self,
        cell: Callable[[], nn.Module],
        *,
        rtol: float = 1e-6,
        max_steps: int = 50,
        penalty: float = 0.0,
    ) -> None:
        super().__init__()
        self.layer = DEQ(
            cell(),
            state_shape=(UNITS,),
            stop=RelativeResidual(rtol=rtol),
            max_steps=max_steps,
            on_failure=OnFailure.IGNORE,
        )
        self.penalty = penalty
        self.readout = nn.Linear(UNITS, 10, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.layer(x))

    def loss(self, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        z = self.layer(x)
        loss = functional.cross_entropy(self.readout(z), labels)
        if not self.penalty:
            return loss
        return loss + self.penalty * self.layer.jacobian_penalty(z, x, generator=generator)


class NoRecurrence(nn.Module):
    """tanh(U x + b) and a linear readout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(dense()[1], nn.Tanh(), nn.Linear(UNITS, 10, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)

    def loss(self, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        return functional.cross_entropy(self(x), labels)


def contestants() -> list[Arm]:
    def contractive(bound: float) -> nn.Module:
        return ContractiveCell(*dense(), bound=bound)

    def monotone() -> nn.Module:
        return MonotoneCell(*dense(), monotonicity=0.1)

    readers = {
        "free": partial(Reader, FreeCell),
        "loose tolerance": partial(Reader, FreeCell, rtol=1e-2),
        "small budget": partial(Reader, FreeCell, max_steps=6),
        "nudged": partial(Reader, FreeCell, penalty=1.0),
        "contractive, 0.9": partial(Reader, partial(contractive, 0.9)),
        "contractive, 0.5": partial(Reader, partial(contractive, 0.5)),
        "monotone": partial(Reader, monotone),
        "no recurrence": NoRecurrence,
    }
    return [Arm(name=name, build=build) for name, build in readers.items()]


def fit(
    model: Any,
    learning_rate: float,
    seed: int,
    *,
    data: Split,
    epochs: int = 8,
    batch: int = 98,
    watched: int = 32,
) -> dict[str, Any]:
    """Train, and measure after every epoch; `watched` test digits get their Jacobians in full."""
    generator = torch.Generator().manual_seed(seed)
    x, labels = data["train"]
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    total = epochs * len(torch.arange(len(x)).split(batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / total)
    curves: dict[str, list[float]] = {}
    for _ in range(epochs):
        work: dict[str, list[float]] = {"forward": [], "backward": [], "failed": []}
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            loss = model.loss(x[rows], labels[rows], generator)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            for name, value in effort(model).items():
                work[name].append(value)
        row = {name: sum(values) / len(values) for name, values in work.items()}
        row |= {"accuracy": right(model, *data["test"]), "loss": loss.item()}
        row |= jacobians(model, data["test"][0][:watched])
        for name, value in row.items():
            curves.setdefault(name, []).append(float(f"{value:.6g}"))
    measures: dict[str, Any] = {f"{name}_curve": curve for name, curve in curves.items()}
    error = 1 - right(model, *data["valid"])
    measures |= {"error": round(error, 6), "accuracy": curves["accuracy"][-1]}
    return measures | {"undecided": undecided(model, data["test"][0], generator)}


def effort(model: Any) -> dict[str, float]:
    """Evaluations per digit, forward and backward, and the share of digits left unsolved."""
    solution = model.layer.solution if isinstance(model, Reader) else None
    if solution is None:
        return {"forward": 1.0, "backward": 0.0, "failed": 0.0}
    return {
        "forward": solution.nfe.double().mean().item(),
        "backward": solution.adjoint.products.double().mean().item(),
        "failed": 1 - solution.converged().double().mean().item(),
    }


@torch.no_grad()
def right(model: Any, x: Tensor, labels: Tensor) -> float:
    return (model(x).argmax(1) == labels).double().mean().item()


@torch.no_grad()
def jacobians(model: Any, x: Tensor) -> dict[str, float]:
    """ρ(J), mean and largest; ‖J‖₂, largest; σ_min(I − J), smallest; ‖J‖_F²/d, mean."""
    if not isinstance(model, Reader):
        return dict.fromkeys(("rho", "rho_max", "norm_max", "frobenius"), 0.0) | {"sigma_min": 1.0}
    cell = model.layer.cell
    z, u = model.layer(x), cell.inject(x)
    J = torch.func.vmap(torch.func.jacrev(lambda z, u: cell(z[None], u[None])[0]))(z, u)
    rho, norm = torch.linalg.eigvals(J).abs().amax(1), torch.linalg.matrix_norm(J, 2)
    sigma = torch.linalg.svdvals(torch.eye(UNITS, dtype=J.dtype) - J)[:, -1]
    return {
        "rho": rho.mean().item(),
        "rho_max": rho.max().item(),
        "norm_max": norm.max().item(),
        "sigma_min": sigma.min().item(),
        "frobenius": J.square().sum((1, 2)).mean().item() / UNITS,
    }


@torch.no_grad()
def undecided(model: Any, x: Tensor, generator: torch.Generator, starts: int = 4) -> float:
    """Share of digits whose answer depends on where the solver starts."""
    if not isinstance(model, Reader):
        return 0.0
    first = model(x).argmax(1)
    changed = torch.zeros(len(x), dtype=torch.bool)
    for _ in range(starts):
        z0 = 2 * torch.rand(len(x), UNITS, generator=generator, dtype=x.dtype) - 1
        changed |= model.readout(model.layer(x, z0=z0)).argmax(1) != first
    return changed.double().mean().item()


def experiment(
    *,
    epochs: int = 8,
    learning_rates: tuple[float, ...] = LEARNING_RATES,
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS,
    seeds: tuple[int, ...] = SEEDS,
    names: tuple[str, ...] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Fewer epochs, seeds or arms make a smaller experiment of the same kind."""
    arms = [arm for arm in contestants() if names is None or arm.name in names]
    return run_comparison(
        arms,
        partial(fit, data=digits(), epochs=epochs),
        torch.zeros(1, 64, dtype=torch.float64),
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
