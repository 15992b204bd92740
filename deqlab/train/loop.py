"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from deqlab.train.distributed import processes
from deqlab.train.log import Log
from deqlab.train.objective import Objective
from deqlab.train.run import Evaluate, Run, own_randomness
from deqlab.train.settings import TrainSettings

__all__ = ["TrainResult", "run_training"]


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
    >>> import torch
    >>> from torch import nn
    >>> from deqlab.train import Supervised, TrainSettings
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
    with processes(device) as group, own_randomness(device):
        run = Run(model, objective, settings, folder, identity or {}, group, device)
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


def _bar(steps: range, shown: bool, start: int, settings: TrainSettings) -> Any:
    if not shown:
        return steps
    from tqdm import tqdm

    return tqdm(steps, initial=start, total=settings.steps, unit="step")
