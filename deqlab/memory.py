"""What a computation takes in memory: the most at a time, and what waits for the backward pass.

On a CPU the bytes are counted as tensors come and go, so the number is the same on every run and
says nothing about what the allocator keeps in reserve. On a CUDA device it is the allocator's own.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["peak_bytes", "saved_bytes"]


def peak_bytes(run: Callable[[], object], *, device: str | torch.device = "cpu") -> int:
    """Most bytes of tensors that are alive at a time during `run()`, beyond those from before.

    Parameters
    ----------
    run : callable
        Takes no argument. What it returns is dropped.
    device : str or torch.device
        Where the tensors are: "cpu", counted; or a CUDA device, as its allocator measures.

    Returns
    -------
    int
        Bytes. On a CPU, memory that one operation takes and frees within itself is not seen, and
        neither is what NumPy or Python allocate.

    Raises
    ------
    ValueError
        If the device is neither a CPU nor CUDA.

    Examples
    --------
    >>> def run():
    ...     x = torch.zeros(1000, dtype=torch.float64)  # 8 kB
    ...     y = x + 1  # and 8
    ...     del x
    ...     return y + 1  # 16 again
    >>> peak_bytes(run)
    16000
    """
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    if device.type != "cpu":
        raise ValueError(f"device must be 'cpu' or a CUDA device; got {str(device)!r}")
    ledger = _Ledger()
    with ledger:
        run()
    return ledger.peak


def saved_bytes(run: Callable[[], object]) -> int:
    """Bytes of the distinct storages that `run()` puts aside for its backward pass.

    Parameters, inputs and constants that a backward pass needs count as well, once each.

    Examples
    --------
    >>> x = torch.ones(100, dtype=torch.float64, requires_grad=True)  # 800 bytes
    >>> saved_bytes(lambda: x.tanh()), saved_bytes(lambda: x.tanh().tanh()), saved_bytes(lambda: -x)
    (800, 1600, 0)
    """
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no key is used twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() for storage in kept.values())


class _Ledger(TorchDispatchMode):  # type: ignore[misc]
    """Enters every storage when an operation makes it, and strikes it off when it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self.entered: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        given = {storage._cdata for storage in _storages((args, kwargs))}
        result = func(*args, **kwargs)
        for storage in _storages(result):
            key, size = storage._cdata, storage.nbytes()
            if key not in given and key not in self.entered:
                self.entered.add(key)
                self.alive += size
                weakref.finalize(storage, self._strike, key, size)
        self.peak = max(self.peak, self.alive)
        return result

    def _strike(self, key: int, size: int) -> None:
        self.entered.discard(key)
        self.alive -= size


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    return [t.untyped_storage() for t in tree_leaves(tree) if isinstance(t, Tensor)]
