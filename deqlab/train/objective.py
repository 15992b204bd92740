"""What is trained: a source of losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

__all__ = ["Loss", "Objective", "Stateless", "Supervised"]

Loss = tuple[Tensor, Mapping[str, Tensor | float]]


class Objective(Protocol):
    """Draws batches and yields losses.

    `losses` is called once per step. Every pair that it yields, a scalar and what to log, becomes
    one update of the weights before the next is asked for, so that deep supervision is a loop that
    yields after each segment and goes on from a detached state. Randomness comes from `generator`,
    or from torch's global one. What is carried from step to step is in the state dictionary.
    """

    def losses(self, model: nn.Module, generator: torch.Generator) -> Iterator[Loss]:
        """Draw a batch and yield its losses."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What `losses` carries from one call to the next: tensors, numbers, strings."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        ...


class Stateless:
    """An objective that carries nothing from step to step."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take nothing."""
        if state:
            raise ValueError(f"nothing is carried between batches, but the state has {list(state)}")


class Supervised(Stateless):
    """One loss per batch, and nothing carried over.

    Parameters
    ----------
    batch : callable
        `batch(generator)` draws whatever `loss` understands.
    loss : callable
        `loss(model, batch)` returns a scalar and what to log.
    """

    def __init__(
        self,
        batch: Callable[[torch.Generator], Any],
        loss: Callable[[nn.Module, Any], Loss],
    ) -> None:
        self.batch, self.loss = batch, loss

    def losses(self, model: nn.Module, generator: torch.Generator) -> Iterator[Loss]:
        """Draw a batch and yield its loss."""
        yield self.loss(model, self.batch(generator))
