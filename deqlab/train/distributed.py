"""One process or several: what `torchrun` says, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch import nn

__all__ = ["Processes", "processes"]


@dataclass(frozen=True)
class Processes:
    """This process among those of the run.

    Attributes
    ----------
    rank, world : int
        Number of this process, and of all.
    """

    rank: int = 0
    world: int = 1

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model whose gradients are averaged over the processes."""
        if self.world == 1:
            return model
        devices = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            torch.distributed.barrier()

    def max(self, number: int) -> int:
        """The largest of the numbers that the processes have."""
        if self.world == 1:
            return number
        numbers = [number] * self.world
        torch.distributed.all_gather_object(numbers, number)
        return max(numbers)


@contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that `torchrun` has started; alone without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(torch.distributed.get_rank(), world)
    finally:
        torch.distributed.destroy_process_group()
