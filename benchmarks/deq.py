"""A DEQ on handwritten digits: deqlab beside torchdeq.

    python -m benchmarks.deq [--quick] [--output FILE]

The same cell (a module of deqlab), the same initial weights, the same batches, the same optimiser,
and the same tolerance for the forward and the backward solve. The cells: tanh(W z + U x + b) of 64
and of 512 units, and the convolutional cell of 8 channels on the 8×8 images. The data are the 1797
digits of scikit-learn, three quarters of each class for training, standardised by these.

    accuracy            on the test part, after the last epoch
    step_seconds        of a training step, median: CPU time of the process on one thread. The
                        methods take turns, step by step, so that what else the machine does hits
                        all alike
    ratio               of a step's time to that of deqlab's default on the same batch, median
    epoch_seconds       of training, 22 times step_seconds
    evaluations         of the cell per training step, by forward and backward pass together
    samples             the same, counted in samples: a cell may be evaluated for some rows only
    vjps                products with the cell's Jacobian per training step
    failures            training steps in which a sample missed the forward tolerance
    gradient_error      ‖ĝ − g‖/‖g‖ over all parameters, for one batch at common weights, "fresh"
                        and "trained"; g by Newton's method and a dense solve in float64

torchdeq computes what does not change in a solve before it, as deqlab does, differentiates
implicitly (ift=True), and gets the relative stopping mode and as many iterations as deqlab.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._record import write
from deqlab import (
    DEQ,
    Anderson,
    ConvolutionCell,
    Implicit,
    MLPCell,
    OnFailure,
    Picard,
    RelativeResidual,
)

TOLERANCE = 1e-4
MAX_STEPS = 200
BATCH = 64


# ---------------------------------------------------------------- the cells, counted


class _Product(torch.autograd.Function):
    """The identity; its backward passes are the products with Jᵀ."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, counts: "Counts") -> Tensor:
        ctx.counts = counts
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        ctx.counts.vjps += 1
        return g, None


@dataclass
class Counts:
    """Since the start of training."""

    evaluations: int = 0
    samples: int = 0
    vjps: int = 0


class _Counted(nn.Module):
    counts: Counts

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        self.counts.evaluations += 1
        self.counts.samples += z.shape[0]
        if z.requires_grad:
            z = _Product.apply(z, self.counts)
        return super().forward(z, u)


class _MLP(_Counted, MLPCell):
    pass


class _Convolution(_Counted, ConvolutionCell):
    pass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A cell on the digits, and how it is trained."""

    name: str
    cell: Callable[[torch.Generator], nn.Module]
    image: bool
    features: int
    epochs: int
    learning_rate: float


PROBLEMS = (
    Problem(
        name="MLP cell, 64 units",
        cell=lambda g: _MLP(64, 64, generator=g),
        image=False,
        features=64,
        epochs=6,
        learning_rate=1e-3,
    ),
    Problem(
        name="MLP cell, 512 units",
        cell=lambda g: _MLP(64, 512, generator=g),
        image=False,
        features=512,
        epochs=3,
        learning_rate=5e-4,
    ),
    Problem(
        name="convolutional cell, 8×8×8",
        cell=lambda g: _Convolution(1, 8, generator=g),
        image=True,
        features=512,
        epochs=2,
        learning_rate=2e-3,
    ),
)


# ---------------------------------------------------------------- the two libraries


class Ours(nn.Module):
    """The cell in deqlab."""

    library = "deqlab"

    def __init__(self, cell: nn.Module, solver: Any) -> None:
        super().__init__()
        self.layer = DEQ(
            cell,
            solver=solver,
            stop=RelativeResidual(rtol=TOLERANCE),
            adjoint=Implicit(rtol=TOLERANCE),
            max_steps=MAX_STEPS,
            on_failure=OnFailure.IGNORE,
        )
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.layer(x)
        return z

    def failed(self) -> bool:
        """Whether a sample of the last batch missed the tolerance."""
        return not bool(self.layer.solution.converged().all())


class Theirs(nn.Module):
    """The cell in torchdeq."""

    library = "torchdeq"

    def __init__(self, cell: nn.Module, **options: Any) -> None:
        from torchdeq import get_deq

        super().__init__()
        limits = dict.fromkeys(("f_max_iter", "b_max_iter"), MAX_STEPS)
        modes = dict.fromkeys(("f_stop_mode", "b_stop_mode"), "rel")
        tolerances = dict.fromkeys(("f_tol", "b_tol"), TOLERANCE)
        self.options = {k: v for k, v in options.items() if k not in ("f_solver", "b_solver")}
        solvers = {k: options[k] for k in ("f_solver", "b_solver")}
        self.deq = get_deq(ift=True, **limits, **modes, **tolerances, **solvers)
        self.cell = cell
        self.residual = torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        u = self.cell.inject(x)
        values, info = self.deq(
            lambda z: self.cell(z, u), self.cell.start(x), solver_kwargs=self.options
        )
        self.residual = info["rel_lowest"]
        z: Tensor = values[-1]
        return z

    def failed(self) -> bool:
        """Whether a sample of the last batch missed the tolerance."""
        return not bool((self.residual < TOLERANCE).all())


def methods() -> dict[str, Callable[[nn.Module], nn.Module]]:
    """What is compared; without torchdeq, deqlab alone."""
    found: dict[str, Callable[[nn.Module], nn.Module]] = {
        "Anderson(12), GMRES": lambda cell: Ours(cell, Anderson()),
        "Picard, GMRES": lambda cell: Ours(cell, Picard()),
    }
    try:
        import torchdeq  # noqa: F401
    except ImportError:
        return found
    for solver in ("fixed_point_iter", "anderson", "broyden"):
        found[solver] = lambda cell, s=solver: Theirs(cell, f_solver=s, b_solver=s)
    return found


# ---------------------------------------------------------------- training


def digits(problem: Problem) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and test images and labels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=0)
    x, x_test = (torch.tensor(part, dtype=torch.float32) for part in split[:2])
    y, y_test = (torch.tensor(part) for part in split[2:])
    mean, scale = x.mean(0), x.std()
    x, x_test = (x - mean) / scale, (x_test - mean) / scale
    if problem.image:
        x, x_test = (part.reshape(-1, 1, 8, 8) for part in (x, x_test))
    return x, x_test, y, y_test


class Trainer:
    """One method on one problem and seed."""

    def __init__(self, problem: Problem, wrap: Callable[[nn.Module], nn.Module], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        cell = problem.cell(generator)
        cell.counts = Counts()
        self.layer = wrap(cell)
        self.head = nn.Linear(problem.features, 10)
        nn.init.normal_(self.head.weight, std=problem.features**-0.5, generator=generator)
        nn.init.zeros_(self.head.bias)
        self.model = nn.Sequential(self.layer, nn.Flatten(), self.head)
        rate = problem.learning_rate
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=rate)
        self.seconds: list[float] = []
        self.failures = 0

    def step(self, x: Tensor, y: Tensor) -> None:
        """On one batch, timed."""
        begin = time.process_time()
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.seconds.append(time.process_time() - begin)
        self.failures += self.layer.failed()

    def accuracy(self, x: Tensor, y: Tensor) -> float:
        """Share of the test part."""
        before = copy.copy(self.layer.cell.counts)
        with torch.no_grad():
            share = float((self.model(x).argmax(1) == y).float().mean())
        self.layer.cell.counts = before
        return share


def run(problem: Problem, seed: int, epochs: int) -> Iterator[dict[str, Any]]:
    """Rows of all methods, trained in turns."""
    x, x_test, y, y_test = digits(problem)
    trainers = {name: Trainer(problem, wrap, seed) for name, wrap in methods().items()}
    fresh = copy.deepcopy(next(iter(trainers.values())).model.state_dict())
    order = torch.Generator().manual_seed(seed + 1000)
    for _ in range(epochs):
        batches = torch.randperm(len(x), generator=order).split(BATCH)
        for batch in batches:
            for trainer in trainers.values():
                trainer.step(x[batch], y[batch])
    steps, reference = epochs * len(batches), next(iter(trainers.values())).seconds
    trained = copy.deepcopy(next(iter(trainers.values())).model.state_dict())
    batch = x[:BATCH], y[:BATCH]
    exact = {
        state: dense_gradient(problem, values, *batch)
        for state, values in (("fresh", fresh), ("trained", trained))
    }
    for name, trainer in trainers.items():
        counts = trainer.layer.cell.counts
        row = {
            "problem": problem.name,
            "seed": seed,
            "dtype": "float32",
            "library": trainer.layer.library,
            "method": name,
            "tolerance": TOLERANCE,
            "epochs": epochs,
            "accuracy": trainer.accuracy(x_test, y_test),
            "step_seconds": (middle := statistics.median(trainer.seconds)),
            "epoch_seconds": middle * len(batches),
            "ratio": statistics.median(
                a / b for a, b in zip(trainer.seconds, reference, strict=True)
            ),
            "evaluations": counts.evaluations / steps,
            "samples": counts.samples / steps,
            "vjps": counts.vjps / steps,
            "failures": trainer.failures,
            "steps": steps,
        }
        for state, values in (("fresh", fresh), ("trained", trained)):
            trainer.model.load_state_dict(_renamed(values, trainer.model))
            loss = nn.functional.cross_entropy(trainer.model(batch[0]), batch[1])
            found = flat(torch.autograd.grad(loss, ordered(trainer)))
            error = (found - exact[state]).norm() / exact[state].norm()
            row[f"gradient_error_{state}"] = float(error)
        yield row


def ordered(trainer: Trainer) -> list[Tensor]:
    """The parameters of the cell and of the head."""
    return [*trainer.layer.cell.parameters(), *trainer.head.parameters()]


def flat(parts: Any) -> Tensor:
    return torch.cat([part.detach().double().flatten() for part in parts])


def _renamed(values: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The weights of one library's wrapper under the names of another's."""
    short = {name.split("cell.", 1)[-1]: value for name, value in values.items()}
    return {name: short[name.split("cell.", 1)[-1]] for name in model.state_dict()}


# ---------------------------------------------------------------- the yardstick


def dense_gradient(problem: Problem, values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Of the loss with respect to the cell's and the head's parameters, in float64."""
    trainer = Trainer(problem, methods()["Anderson(12), GMRES"], 0)
    trainer.model.load_state_dict(values)
    cell, head = trainer.layer.cell.double(), trainer.head.double()
    x = x.double()
    with torch.no_grad():
        u, z = cell.inject(x), cell.start(x)
        for _ in range(20):  # plain steps, to be near
            z = cell(z, u)
    eye = torch.eye(z[0].numel(), dtype=z.dtype)
    for _ in range(50):
        with torch.no_grad():
            r = (cell(z, u) - z).flatten(1)
        if float(r.norm(dim=1).max() / z.flatten(1).norm(dim=1).min()) < 1e-14:
            break
        J = jacobian(cell, z, u)
        z = z + torch.linalg.solve(eye - J, r[:, :, None])[:, :, 0].view_as(z)
    J = jacobian(cell, z, u)
    z = z.requires_grad_()
    loss = nn.functional.cross_entropy(head(z.flatten(1)), y)
    head_grads = torch.autograd.grad(loss, list(head.parameters()), retain_graph=True)
    (v,) = torch.autograd.grad(loss, z)
    w = torch.linalg.solve((eye - J).mT, v.flatten(1)[:, :, None])[:, :, 0].view_as(z)
    image = cell(z.detach(), cell.inject(x))
    cell_grads = torch.autograd.grad(image, list(cell.parameters()), w)
    return flat([*cell_grads, *head_grads])


def jacobian(cell: nn.Module, z: Tensor, u: Tensor) -> Tensor:
    """∂f/∂z (B, D, D), by one product for each unit vector."""
    z = z.detach().requires_grad_()
    image = cell(z, u.detach()).flatten(1)
    rows = [
        torch.autograd.grad(image[:, i].sum(), z, retain_graph=True)[0].flatten(1)
        for i in range(image.shape[1])
    ]
    return torch.stack(rows, dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs, the MLP alone")
    parser.add_argument("--output", default="benchmarks/results/deq.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for problem in PROBLEMS[:1] if arguments.quick else PROBLEMS:
        for seed in range(1 if arguments.quick else 3):
            for row in run(problem, seed, 2 if arguments.quick else problem.epochs):
                rows.append(row)
                shown = {k: v for k, v in row.items() if k not in ("dtype", "epochs", "tolerance")}
                print(shown, flush=True)
    write(arguments.output, benchmark="deq", rows=rows)


if __name__ == "__main__":
    main()
