"""A recursive residual network against its unrolled twins, on a task that needs depth and one that
needs storage.

    python experiments/recursive_vs_unrolled.py     # writes artifacts/recursive_vs_unrolled.json

About a quarter of an hour on one thread; on the same machine and versions a second run writes the
same bytes. All arms see the same examples in the same order, for the same number of steps of AdamW
(no weight decay, linear warm-up over 50 steps, linear decay to 5 %, gradient norm clipped at 1),
with the same learning rates tried on the same tuning seeds; the rate with the fewest wrong answers
(on strings held out from training and test; on the stored pairs) is kept.

    recursive                        one cell, applied K times
    unrolled, equal compute          K different cells of the same width
    unrolled, equal parameters       K different cells, narrow: as many parameters as the one cell

The last comparison gives the unrolled net of equal compute four times the steps, at the learning
rate that it had: does it only learn more slowly?

Truncation at test time (k loops of the recursive net, the first k cells of an unrolled one, the
same readout) is measured in every run.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from deqlab.artifact import record_experiment
from deqlab.compare import Arm, Comparison, run_comparison
from deqlab.tasks import binary_digits, random_associations, running_parity

NAME = "recursive_vs_unrolled.json"
LEARNING_RATES = (3e-3, 1e-2, 3e-2, 1e-1)
TUNING_SEEDS = (100, 101)
SEEDS = (0, 1, 2, 3, 4, 5)


class Cell(nn.Module):
    """z ↦ norm(z + V relu(W [z, left neighbour of z, x] + b)), the same at every place."""

    def __init__(self, width: int, hidden: int, num_inputs: int, *, neighbour: bool) -> None:
        super().__init__()
        self.neighbour = neighbour
        self.read = nn.Linear((1 + neighbour) * width + num_inputs, hidden)
        self.write = nn.Linear(hidden, width, bias=False)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:  # (..., place, width), (..., place, inputs)
        seen = [z, functional.pad(z[..., :-1, :], (0, 0, 1, 0)), x] if self.neighbour else [z, x]
        z = z + self.write(functional.relu(self.read(torch.cat(seen, -1))))
        return functional.rms_norm(z, z.shape[-1:])


class Stack(nn.Module):
    """`depth` cells, all the same one if `tied`, from z = 0; then a linear readout."""

    def __init__(
        self,
        width: int,
        hidden: int,
        depth: int,
        *,
        tied: bool,
        num_inputs: int,
        num_outputs: int,
        neighbour: bool,
    ) -> None:
        super().__init__()
        self.width, self.tied, self.depth = width, tied, depth
        self.cells = nn.ModuleList(
            Cell(width, hidden, num_inputs, neighbour=neighbour)
            for _ in range(1 if tied else depth)
        )
        self.readout = nn.Linear(width, num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        *_, z = self.states(x, self.depth)
        return self.readout(z)

    def states(self, x: Tensor, loops: int) -> list[Tensor]:
        """z_0, ..., z_loops. An unrolled net has no cells beyond `depth`."""
        states = [x.new_zeros(*x.shape[:-1], self.width)]
        for k in range(loops):
            states.append(self.cells[0 if self.tied else k](states[-1], x))
        return states


def train(
    model: nn.Module, learning_rate: float, steps: int, batch: Callable[[], tuple[Tensor, Tensor]]
) -> None:
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / 50, 1.0) * max(1 - step / steps, 0.05)
    )
    for _ in range(steps):
        inputs, targets = batch()
        loss = functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()


def minibatches(
    inputs: Tensor, targets: Tensor, size: int, generator: torch.Generator
) -> Callable[[], tuple[Tensor, Tensor]]:
    def draw() -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(inputs), (size,), generator=generator)
        return inputs[rows], targets[rows]

    return draw


@torch.no_grad()
def truncations(model: Stack, inputs: Tensor, targets: Tensor, loops: int) -> dict[str, Any]:
    """After every number of loops: the share of rows with all answers right, and the step length
    ‖z_{k+1} − z_k‖ / ‖z_{k+1}‖ (mean over rows and places)."""
    states = model.states(inputs, loops if model.tied else min(loops, model.depth))
    right = [(model.readout(z).argmax(-1) == targets) for z in states[1:]]
    moved = [
        ((b - a).norm(dim=-1) / b.norm(dim=-1).clamp_min(1e-12)).mean().item()
        for a, b in pairwise(states)
    ]
    exact = [r.reshape(len(r), -1).all(1).float().mean().item() for r in right]
    return {"exact": [round(e, 4) for e in exact], "moved": [float(f"{m:.3g}") for m in moved]}


def signs(bits: Tensor) -> Tensor:
    return (2.0 * bits - 1.0)[..., None]


def fit_parity(
    model: Stack,
    learning_rate: float,
    seed: int,
    *,
    num_strings: int,
    steps: int,
    lengths: tuple[int, ...] = (12, 24, 48),
    num_tests: int = 512,
    loops: int = 96,
) -> dict[str, Any]:
    """Train on `num_strings` different strings of the first length; test on others, and longer."""
    generator = torch.Generator().manual_seed(seed)
    length = lengths[0]
    codes = torch.randperm(2**length, generator=generator)
    held_out = codes[num_strings:] if num_strings < 2**length else codes
    tests = {length: binary_digits(held_out[:num_tests], length)}
    for longer in lengths[1:]:
        tests[longer] = torch.randint(2, (num_tests, longer), generator=generator)
    bits = binary_digits(codes[:num_strings], length)
    train(
        model, learning_rate, steps, minibatches(signs(bits), running_parity(bits), 64, generator)
    )
    validation = binary_digits(held_out[-num_tests:], length)
    with torch.no_grad():
        logits, answers = model(signs(validation)), running_parity(validation)
        trained = (model(signs(bits)).argmax(-1) == running_parity(bits)).all(-1).float().mean()
    measures: dict[str, Any] = {
        "error": round((logits.argmax(-1) != answers).float().mean().item(), 6),
        "loss": round(functional.cross_entropy(logits.flatten(0, -2), answers.flatten()).item(), 6),
        "trained": round(trained.item(), 4),
    }
    for n, strings in tests.items():
        curves = truncations(model, signs(strings), running_parity(strings), loops)
        measures[f"exact_{n}"] = curves["exact"]
        measures[f"moved_{n}"] = curves["moved"]
    measures["accuracy"] = measures[f"exact_{length}"][model.depth - 1]
    return measures


def fit_associations(
    model: Stack,
    learning_rate: float,
    seed: int,
    *,
    num_pairs: int,
    num_values: int,
    steps: int,
    loops: int = 32,
) -> dict[str, Any]:
    """Train on random pairs and recall them."""
    generator = torch.Generator().manual_seed(seed)
    keys, values = random_associations(num_pairs, 16, num_values, generator=generator)
    train(model, learning_rate, steps, minibatches(keys, values, 256, generator))
    with torch.no_grad():
        loss = functional.cross_entropy(model(keys), values).item()
    curves = truncations(model, keys, values, loops)
    return {
        "error": round(1 - curves["exact"][model.depth - 1], 6),
        "loss": round(loss, 6),
        "bits": round(num_pairs * (math.log2(num_values) - loss / math.log(2)), 1),
        "accuracy": curves["exact"][model.depth - 1],
        "exact": curves["exact"],
        "moved": curves["moved"],
    }


def contestants(depth: int, wide: tuple[int, int], narrow: tuple[int, int], **io: Any) -> list[Arm]:
    build = partial(Stack, depth=depth, **io)
    return [
        Arm(name="recursive", build=partial(build, *wide, tied=True)),
        Arm(
            name="unrolled, equal compute",
            build=partial(build, *wide, tied=False),
            equal_compute="recursive",
        ),
        Arm(
            name="unrolled, equal parameters",
            build=partial(build, *narrow, tied=False),
            equal_parameters="recursive",
        ),
    ]


def experiment(
    *,
    parity_steps: int = 600,
    association_steps: int = 1500,
    learning_rates: tuple[float, ...] = LEARNING_RATES,
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS,
    seeds: tuple[int, ...] = SEEDS,
    progress: Callable[[str], None] = lambda line: None,
) -> Mapping[str, Comparison]:
    """One comparison per task. Fewer steps or seeds make a smaller experiment of the same kind."""
    grid = {
        "learning_rates": learning_rates,
        "tuning_seeds": tuning_seeds,
        "seeds": seeds,
        "objective": "error",
        "progress": progress,
    }
    parity = contestants(12, (16, 32), (5, 8), num_inputs=1, num_outputs=2, neighbour=True)
    recall = contestants(8, (16, 32), (5, 8), num_inputs=16, num_outputs=16, neighbour=False)
    few = partial(fit_parity, num_strings=64, steps=parity_steps)
    every = partial(fit_parity, num_strings=2**12, steps=parity_steps)
    pairs = partial(fit_associations, num_pairs=1024, num_values=16, steps=association_steps)
    comparisons = {
        "parity, 64 strings": run_comparison(parity, few, torch.zeros(1, 12, 1), **grid),
        "parity, all strings": run_comparison(parity, every, torch.zeros(1, 12, 1), **grid),
        "associations": run_comparison(recall, pairs, torch.zeros(1, 16), **grid),
    }
    unrolled = replace(parity[1], equal_compute=None)
    tuned = comparisons["parity, 64 strings"].arms[unrolled.name].learning_rate
    comparisons["parity, 64 strings, four times the steps"] = run_comparison(
        [unrolled],
        partial(fit_parity, num_strings=64, steps=4 * parity_steps),
        torch.zeros(1, 12, 1),
        **{**grid, "learning_rates": (tuned,), "tuning_seeds": tuning_seeds[:1]},
    )
    return comparisons


def main() -> None:
    record_experiment(
        NAME,
        lambda progress: {
            "comparisons": {
                task: result.to_json() for task, result in experiment(progress=progress).items()
            }
        },
        script=Path(__file__).name,
    )


if __name__ == "__main__":
    main()
