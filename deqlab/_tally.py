"""What the host knows of a running batch: which samples are done, and after how many steps.

On a CPU the mask of unfinished rows is read at once. On a GPU reading it would stall the queue, so
it is copied to pinned memory and read one check late; the device has masked the finished rows all
the same, so that no count depends on the delay.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass
class _Report:
    mask: Tensor  # on the host
    event: Any  # recorded after the copy
    rows: NDArray[np.int64]  # whom the mask speaks of
    step: int


class Tally:
    """Counts of a batch of `size` samples on `device`."""

    def __init__(self, size: int, device: torch.device, *, deferred: bool) -> None:
        self.rows = np.arange(size)  # those present in the computation
        self.running = np.ones(size, dtype=np.bool_)
        self.num_steps = np.zeros(size, dtype=np.int64)
        self.finished = size == 0
        self.mixed = False  # some of the rows present are finished
        self._deferred = deferred
        self._cuda = device.type == "cuda"
        self._pending: _Report | None = None

    def report(self, mask: Tensor, step: int) -> None:
        """Take note of the mask of unfinished rows, as measured before this step."""
        if not self._deferred:
            self._read(on_host(mask), self.rows, step)
            return
        host = torch.empty(mask.shape, dtype=torch.bool, pin_memory=self._cuda)
        host.copy_(mask, non_blocking=True)
        event = torch.cuda.current_stream(mask.device).record_event() if self._cuda else None
        previous, self._pending = self._pending, _Report(host, event, self.rows, step)
        if previous is not None:
            self._settle(previous)

    def close(self, step: int) -> None:
        """Read what is still on its way; rows that run on have taken `step` steps."""
        if self._pending is not None:
            self._settle(self._pending)
            self._pending = None
        self.num_steps[self.running] = step

    def compact(self) -> NDArray[np.bool_]:
        """Forget the finished rows; returns which of the rows present stay."""
        stay = self.running[self.rows]
        self.rows, self.mixed = self.rows[stay], False
        return stay

    def _settle(self, report: _Report) -> None:
        if report.event is not None:
            report.event.synchronize()  # a check old: the queue behind it stays full
        self._read(report.mask.numpy(), report.rows, report.step)

    def _read(self, mask: NDArray[np.bool_], rows: NDArray[np.int64], step: int) -> None:
        if mask.all():
            return
        done = rows[~mask]
        done = done[self.running[done]]
        self.running[done] = False
        self.num_steps[done] = step
        self.mixed, self.finished = True, not self.running.any()


def on_host(mask: Tensor) -> NDArray[np.bool_]:
    """The numbers of a mask, from under any wrapper of torch.func; waits for a GPU."""
    functorch = torch._C._functorch
    if not functorch.is_functorch_wrapped_tensor(mask):
        return np.asarray(mask.cpu().numpy())
    with torch._C._DisableFuncTorch():
        while functorch.is_functorch_wrapped_tensor(mask):
            if functorch.is_batchedtensor(mask):
                raise ValueError(
                    "torch.func.vmap cannot map a solve that is differentiated step by step: use "
                    "adjoint=Implicit(), or put the mapped dimension into the batch of z0"
                )
            mask = functorch.get_unwrapped(mask)
        return np.asarray(mask.cpu().numpy())
