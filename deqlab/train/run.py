"""The parts of a training run that change from step to step, and are stored together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deqlab.train import checkpoint
from deqlab.train.distributed import Processes
from deqlab.train.objective import Objective
from deqlab.train.settings import TrainSettings

__all__ = ["Evaluate", "NonFiniteLossError", "Run", "own_randomness"]

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


class Run:
    """Model, optimiser, average, generators and objective of one process."""

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
        """Raise if a loss or a gradient was not finite, in any process."""
        step = self.group.max(int(self.bad))
        if step >= 0:
            path = None if self.folder is None else checkpoint.latest(self.folder)
            raise NonFiniteLossError(step, path)

    def best(self) -> nn.Module:
        """The averaged model if there is one."""
        return self.model if self.average is None else self.average.module

    def evaluate(self, evaluate: Evaluate) -> dict[str, float]:
        """What `evaluate` says of the best model."""
        model = self.best()
        with torch.no_grad(), own_randomness(self.device):
            values = evaluate(model.eval())
        model.train()
        return dict(values)

    def save(self, step: int) -> None:
        """Write the checkpoint of a step."""
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
def own_randomness(device: torch.device) -> Iterator[None]:
    """Leave the random state as it is found."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
