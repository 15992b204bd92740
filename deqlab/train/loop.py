"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deqlab.train import checkpoint
from deqlab.train.distributed import Processes, processes
from deqlab.train.log import Log
from deqlab.train.objective import Objective
from deqlab.train.settings import TrainSettings

__all__ = ["NonFiniteLossError", "TrainResult", "run_training"]

Evaluate = Callable[[nn.Module], Mapping[str, float]]


class NonFiniteLossError(ArithmeticError):
    """A loss or its gradient was inf or nan; `step` and `checkpoint` say where, and what is left.

    Attributes
    ----------
    step : int
        The step, from 0, whose batch did it.
    checkpoint : Path, or None
        The last checkpoint, written before that step.
    """

    def __init__(self, step: int, path: Path | None) -> None:
        self.step, self.checkpoint = step, path
        left = (
            "no checkpoint was written" if path is None else f"the last good checkpoint is {path}"
        )
        super().__init__(
            f"the loss or its gradient is not finite at step {step}; {left}. Lower learning_rate, "
            "set clip_norm, train without bf16, or damp the loop"
        )


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes
    ----------
    model : nn.Module
        The trained model; its moving average if `TrainSettings.ema` was set.
    log : list of dict
        The lines of the log.
    seconds : float
        Wall time of the steps that this call did.
    """

    model: nn.Module
    log: list[dict[str, Any]]
    seconds: float


def run_training(
    model: nn.Module,
    objective: Objective,
    settings: TrainSettings,
    *,
    folder: Path | str | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
    evaluate: Evaluate | None = None,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainResult:
    """Train a model in place.

    The same settings, model and objective give the same weights again, bit for bit on one CPU
    thread, also when the run was interrupted and resumed in between. The caller's random state is
    left as it was. Started by ``torchrun``, the processes draw different batches and average their
    gradients; the first one writes the log and the checkpoints.

    Parameters
    ----------
    model : nn.Module
        On the device where it is trained.
    objective : Objective
    settings : TrainSettings
    folder : path-like, optional
        For the log and the checkpoints. Nothing is written without it.
    resume : bool
        Go on from the folder's last checkpoint, or start if it has none.
    identity : mapping, optional
        JSON values, for example the model's configuration. A checkpoint in which they, or the
        settings, are others is refused.
    evaluate : callable, optional
        `evaluate(model)` returns what to log; called at every checkpoint and at the end, on the
        averaged weights if there are such, in evaluation mode and without gradients.
    progress : bool
        Show a bar with the expected time.
    tensorboard : bool
        Write TensorBoard's event files too.

    Returns
    -------
    TrainResult

    Raises
    ------
    NonFiniteLossError
        If a loss or a gradient is inf or nan. On a GPU it is noticed at the next line of the log.
    CheckpointError
        If the checkpoint is damaged or of another run.
    ValueError
        If the folder holds checkpoints already and `resume` is False.

    Examples
    --------
    >>> from deqlab.train import Supervised
    >>> model = nn.Linear(1, 1)
    >>> def loss(model, x):
    ...     return (model(x) - 2 * x).square().mean(), {}
    >>> objective = Supervised(lambda generator: torch.randn(8, 1, generator=generator), loss)
    >>> result = run_training(model, objective, TrainSettings(steps=300, learning_rate=0.1))
    >>> round(result.model.weight.item(), 2)
    2.0
    """
    folder = None if folder is None else Path(folder)
    device = next(model.parameters()).device
    with processes(device) as group, _own_randomness(device):
        run = _Run(model, objective, settings, folder, identity or {}, group, device)
        start = run.resume(resume)
        log = Log(folder, step=start, tensorboard=tensorboard) if group.rank == 0 else Log(None)
        began = time.perf_counter()
        bar = _bar(range(start, settings.steps), progress and group.rank == 0, start, settings)
        totals, count = dict[str, Tensor](), 0
        for step in bar:
            values = run.step(step)
            totals = {name: totals.get(name, 0.0) + value for name, value in values.items()}
            count, done = count + 1, step + 1
            due = done % settings.checkpoint_every == 0 or done == settings.steps
            if done % settings.log_every == 0 or due:
                run.check_finite()
                line = {name: float(total) / count for name, total in totals.items()}
                totals, count = {}, 0
                if due and evaluate is not None:
                    line |= run.evaluate(evaluate)
                log.write(done, line)
            if due and folder is not None:
                run.save(done)
        log.close()
        return TrainResult(run.best(), log.lines, time.perf_counter() - began)


class _Run:
    """The parts of a run that change from step to step, and are stored together."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        settings: TrainSettings,
        folder: Path | None,
        identity: Mapping[str, Any],
        group: Processes,
        device: torch.device,
    ) -> None:
        self.model, self.objective, self.settings = model, objective, settings
        self.folder, self.group, self.device = folder, group, device
        intervals = ("checkpoint_every", "compile")
        asked = {key: value for key, value in asdict(settings).items() if key not in intervals}
        self.identity = {**identity, "settings": asked}
        seed = settings.seed * group.world + group.rank
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in self.parameters if p.ndim >= 2]},
                {"params": [p for p in self.parameters if p.ndim < 2], "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=device.type == "cuda",
        )
        self.average = None
        if settings.ema is not None:
            average = get_ema_multi_avg_fn(settings.ema)
            self.average = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        if settings.compile is not None:
            model.compile(backend=settings.compile)
        self.trained = group.wrap(model, device)
        self.bad = torch.full((), -1, device=device)

    def step(self, step: int) -> dict[str, Tensor]:
        """One batch; the means over its losses of what they log."""
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(step)
        sums, count = dict[str, Tensor](), 0
        losses = self.objective.losses(self.trained, self.generator)
        while True:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16):
                item = next(losses, None)
            if item is None:
                break
            loss, values = item
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(
                self.parameters, self.settings.clip_norm or math.inf, foreach=True
            )
            good = torch.isfinite(loss.detach()) & torch.isfinite(norm)
            self.bad = torch.where((self.bad < 0) & ~good, step, self.bad)
            if self.device.type == "cpu":
                self.check_finite()
            self.optimiser.step()
            if self.average is not None:
                self.average.update_parameters(self.model)
            for name, value in {"loss": loss, "gradient_norm": norm, **values}.items():
                value = value.detach() if isinstance(value, Tensor) else torch.tensor(value)
                sums[name] = sums.get(name, 0.0) + value
            count += 1
        if not count:
            raise ValueError("the objective yielded no loss")
        return {name: total / count for name, total in sums.items()}

    def check_finite(self) -> None:
        step = self.group.max(int(self.bad))
        if step >= 0:
            path = None if self.folder is None else checkpoint.latest(self.folder)
            raise NonFiniteLossError(step, path)

    def best(self) -> nn.Module:
        return self.model if self.average is None else self.average.module

    def evaluate(self, evaluate: Evaluate) -> dict[str, float]:
        model = self.best()
        with torch.no_grad(), _own_randomness(self.device):
            values = evaluate(model.eval())
        model.train()
        return dict(values)

    def save(self, step: int) -> None:
        assert self.folder is not None
        shared = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        if self.average is not None:
            shared["average"] = self.average.state_dict()
        own = {
            "data": self.generator.get_state(),
            "noise": torch.get_rng_state(),
            "objective": self.objective.state_dict(),
        }
        if self.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state(self.device)
        checkpoint.write(
            self.folder,
            step,
            identity=self.identity,
            shared=shared,
            own=own,
            processes=self.group,
        )

    def resume(self, wanted: bool) -> int:
        """Load the last checkpoint; the number of steps that are done."""
        path = None if self.folder is None else checkpoint.latest(self.folder)
        if self.folder is not None and self.group.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
        if path is None:
            return 0
        if not wanted:
            raise ValueError(f"{path.parent} holds a run: resume it, or name another folder")
        step, shared, own = checkpoint.read(
            path, identity=self.identity, processes=self.group, device=self.device
        )
        self.model.load_state_dict(shared["model"])
        self.optimiser.load_state_dict(shared["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(shared["average"])
        self.objective.load_state_dict(own["objective"])
        self.generator.set_state(own["data"])
        torch.set_rng_state(own["noise"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(own["cuda"], self.device)
        return step


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _bar(steps: range, shown: bool, start: int, settings: TrainSettings) -> Any:
    if not shown:
        return steps
    from tqdm import tqdm

    return tqdm(steps, initial=start, total=settings.steps, unit="step")
