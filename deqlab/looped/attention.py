"""Attention over positions, by PyTorch's fused kernel.

Reference: A. Vaswani et al., Attention is all you need, NeurIPS 2017.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.rotary import Rotary


class Attention(nn.Module):  # type: ignore[misc]
    """Multi-head self-attention: (B, T, d) -> (B, T, d)."""

    def __init__(self, config: LoopedTransformerConfig, rotary: Rotary | None) -> None:
        super().__init__()
        width, bias = config.width, config.bias
        self.heads, self.causal = config.heads, config.causal
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.rotary = rotary
        self.norm_q, self.norm_k = (
            nn.RMSNorm(width // config.heads, config.norm_eps, config.norm_gain)
            if config.qk_norm
            else nn.Identity()
            for _ in range(2)
        )

    def forward(
        self, h: Tensor, mask: Tensor | None = None, injected: Tensor | None = None
    ) -> Tensor:
        """Attend.

        Parameters
        ----------
        h : Tensor (B, T, d)
        mask : Tensor (B, T), bool, optional
            Which positions exist.
        injected : Tensor (B, T, 3d), optional
            Added to queries, keys and values.
        """
        qkv = self.qkv(h)
        if injected is not None:
            qkv = qkv + injected
        parts = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = parts.unbind(0)  # (B, heads, T, d / heads)
        q, k = self.norm_q(q), self.norm_k(k)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        seen = None if mask is None else self._seen(mask)
        mixed = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, is_causal=self.causal and seen is None
        )
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _seen(self, mask: Tensor) -> Tensor:
        """Who sees whom, (B, 1, T, T): what exists, and oneself so that no row is empty."""
        length = mask.shape[1]
        seen = mask[:, None, None, :].expand(-1, 1, length, -1)
        if self.causal:
            seen = seen.tril()
        return seen | torch.eye(length, dtype=torch.bool, device=mask.device)
