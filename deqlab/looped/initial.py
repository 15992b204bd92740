"""Where the loop starts: one state for every input e (B, T, d)."""

import torch
from torch import Tensor, nn

from deqlab._state import State
from deqlab.looped.choices import InitialState, Injection, Latents
from deqlab.looped.config import LoopedTransformerConfig


class InitialValue(nn.Module):  # type: ignore[misc]
    """e ↦ z₀, or (y₀, z₀): zeros, e, a learned or fixed vector, or normal noise.

    Normal numbers are truncated at three standard deviations, so that no state starts far out.
    """

    def __init__(self, config: LoopedTransformerConfig) -> None:
        super().__init__()
        self.kind, self.std = config.initial, config.initial_std
        self.adds_input = config.injection is Injection.ONCE
        self.is_pair = config.state is Latents.YZ
        if self.kind in (InitialState.LEARNED, InitialState.FIXED):
            vectors = self._normal(torch.empty(1 + self.is_pair, config.width))
            if self.kind is InitialState.LEARNED:
                self.vectors = nn.Parameter(vectors)
            else:
                self.register_buffer("vectors", vectors)

    def forward(self, e: Tensor) -> State:
        """The state of the shape of e; two of them for the latents y and z."""
        if self.is_pair:
            return self._one(e, 0), self._one(e, 1)
        z = self._one(e, 0)
        return z + e if self.adds_input else z

    def _one(self, e: Tensor, index: int) -> Tensor:
        if self.kind is InitialState.INPUT:
            return e
        if self.kind is InitialState.ZEROS:
            return torch.zeros_like(e)
        if self.kind is InitialState.NORMAL:
            return self._normal(torch.empty_like(e))
        return self.vectors[index].to(e.dtype).expand_as(e)

    def _normal(self, x: Tensor) -> Tensor:
        return nn.init.trunc_normal_(x, std=self.std, a=-3 * self.std, b=3 * self.std)
