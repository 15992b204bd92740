"""TrellisNet and self-attention as equilibria and cut off after K steps, on a memory task.

    python experiments/deq_sequences.py     # writes artifacts/deq_sequences.json

About ten minutes on one thread; on the same machine and versions a second run writes the same
bytes. The task: a sequence of random symbols, one of which is marked; at the end the marked symbol
is asked for. Training sees sequences of 12 places, fresh ones in every step; tests have 12 and 24.

    equilibrium      z = cell(z, x), Anderson to a tolerance of 1e-4, implicit gradient to the same
    K steps          the same cell, applied K times to z = 0, differentiated through all of them;
                     on the longer sequences also tried with 2 K steps (`deeper`)

All arms of a cell have the same weights to train, the same sequences in the same order, the same
number of steps of Adam (the rate falls linearly to zero, gradient norm clipped at 1), and the same
three learning rates tried on the same tuning seed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from deqlab import (
    DEQ,
    AttentionCell,
    Implicit,
    OnFailure,
    Picard,
    RelativeResidual,
    TrellisCell,
    Unrolled,
)
from deqlab.artifact import record_experiment
from deqlab.compare import Arm, Comparison, run_comparison

NAME = "deq_sequences.json"
LEARNING_RATES = (3e-3, 1e-2, 3e-2)
TUNING_SEEDS = (100,)
SEEDS = (0, 1, 2, 3, 4)
SYMBOLS, UNITS, LENGTH = 8, 16, 12


def marked_symbol(n: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Sequences (n, length, SYMBOLS + 2), answers (n,), and how many places ago they were seen.

    The features are the symbol, one-hot, then the mark, then the question, which stands alone at
    the last place.
    """
    symbols = torch.randint(SYMBOLS, (n, length), generator=generator)
    place = torch.randint(length - 1, (n,), generator=generator)
    rows = torch.arange(n)
    x = torch.zeros(n, length, SYMBOLS + 2)
    x[..., :SYMBOLS] = functional.one_hot(symbols, SYMBOLS)
    x[rows, place, SYMBOLS] = 1.0
    x[:, -1] = 0.0
    x[:, -1, SYMBOLS + 1] = 1.0
    return x, symbols[rows, place], length - 1 - place


class Recall(nn.Module):
    """A cell, solved for its equilibrium or applied `steps` times; a readout at the last place."""

    def __init__(self, cell: Callable[[], nn.Module], steps: int | None) -> None:
        super().__init__()
        options: dict[str, Any] = {
            "stop": RelativeResidual(rtol=1e-4),
            "max_steps": 100,
            "adjoint": Implicit(rtol=1e-4),
            "on_failure": OnFailure.IGNORE,
        }
        if steps is not None:
            options = {
                "stop": None,
                "max_steps": steps,
                "solver": Picard(),
                "adjoint": Unrolled(),
            }
        self.layer = DEQ(cell(), **options)
        self.steps = steps
        self.readout = nn.Linear(UNITS, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        z = self.layer(x)
        return self.readout(getattr(self.layer.cell, "read", nn.Identity())(z)[:, -1])


def contestants(kind: str, depths: tuple[int, ...]) -> list[Arm]:
    cells = {
        "trellis": partial(TrellisCell, SYMBOLS + 2, UNITS),
        "attention": partial(AttentionCell, SYMBOLS + 2, UNITS, heads=2),
    }
    arms = {"equilibrium": None, **{f"{k} step{'s' * (k > 1)}": k for k in depths}}
    return [
        Arm(
            name=name,
            build=partial(Recall, cells[kind], steps),
            equal_parameters=None if steps is None else "equilibrium",
        )
        for name, steps in arms.items()
    ]


def fit(
    model: Recall, learning_rate: float, seed: int, *, steps: int, batch: int = 32
) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    forward, backward, failed = [], [], []
    for _ in range(steps):
        x, answers, _ = marked_symbol(batch, LENGTH, generator)
        loss = functional.cross_entropy(model(x), answers)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        solution = model.layer.solution
        equilibrium = model.steps is None
        forward.append(solution.nfe.double().mean().item() if equilibrium else model.steps)
        products = solution.adjoint.products.double().mean().item() if equilibrium else model.steps
        backward.append(products)
        failed.append(1 - solution.converged().double().mean().item() if equilibrium else 0.0)
    measures: dict[str, Any] = {"error": 1 - accuracy(model, LENGTH, seed=1_000_000)["accuracy"]}
    for length in (LENGTH, 2 * LENGTH):
        for name, value in accuracy(model, length, seed=2_000_000).items():
            measures[f"{name}_{length}"] = value
    if model.steps is not None:
        model.layer.max_steps = 2 * model.steps
    measures["deeper"] = accuracy(model, 2 * LENGTH, seed=2_000_000)["accuracy"]
    for name, values in {"forward": forward, "backward": backward, "failed": failed}.items():
        tenth = steps // 10
        measures[f"{name}_first"] = round(sum(values[:tenth]) / tenth, 4)
        measures[f"{name}_last"] = round(sum(values[-tenth:]) / tenth, 4)
    return measures


@torch.no_grad()
def accuracy(model: Recall, length: int, *, seed: int, n: int = 1000) -> dict[str, Any]:
    """Share of right answers, in all and by delay; the solver's effort and failures."""
    x, answers, delay = marked_symbol(n, length, torch.Generator().manual_seed(seed))
    right = (model(x).argmax(1) == answers).double()
    solution = model.layer.solution
    by_delay = [right[delay == d].mean().item() for d in range(1, length)]
    solved = solution.converged() if model.steps is None else torch.ones(n, dtype=torch.bool)
    return {
        "accuracy": round(right.mean().item(), 4),
        "by_delay": [round(value, 4) for value in by_delay],
        "nfe": round(solution.nfe.double().mean().item(), 2),
        "unsolved": round(1 - solved.double().mean().item(), 4),
    }


def experiment(
    *,
    trellis_steps: int = 400,
    attention_steps: int = 200,
    learning_rates: tuple[float, ...] = LEARNING_RATES,
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS,
    seeds: tuple[int, ...] = SEEDS,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Comparison]:
    """Fewer steps or seeds make a smaller experiment of the same kind."""
    plans = {
        "trellis": ((LENGTH, LENGTH // 2), trellis_steps),
        "attention": ((4, 1), attention_steps),
    }
    return {
        kind: run_comparison(
            contestants(kind, depths),
            partial(fit, steps=steps),
            torch.zeros(1, LENGTH, SYMBOLS + 2),
            learning_rates=learning_rates,
            tuning_seeds=tuning_seeds,
            seeds=seeds,
            objective="error",
            progress=progress,
        )
        for kind, (depths, steps) in plans.items()
    }


def main() -> None:
    record_experiment(
        NAME,
        lambda progress: {
            "comparisons": {
                kind: result.to_json() for kind, result in experiment(progress=progress).items()
            }
        },
        script=Path(__file__).name,
    )


if __name__ == "__main__":
    main()
