"""What the transcriptions share: attention, rotary positions, norms, gated units."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

HEADS = 2

Weights = dict[str, Tensor]


def within(w: Weights, prefix: str) -> Weights:
    return {name[len(prefix) :]: v for name, v in w.items() if name.startswith(prefix)}


def depth(w: Weights, prefix: str = "layers.") -> list[Weights]:
    count = len({name.split(".")[1] for name in w if name.startswith(prefix)})
    return [within(w, f"{prefix}{i}.") for i in range(count)]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    y = x @ w[f"{name}.weight"].mT
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def rms_norm(x: Tensor, gain: Tensor | float = 1.0, *, eps: float) -> Tensor:
    return gain * x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


def layer_norm(x: Tensor, w: Weights | None = None, *, eps: float) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    x = x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)
    return x if w is None else w["weight"] * x + w["bias"]


def rotate_halves(x: Tensor) -> Tensor:
    """Rotary positions, channel j paired with channel j + h/2 (HRM, TRM, EqR, FPRM, Ouro)."""
    t, h = torch.arange(x.shape[-2], dtype=x.dtype), x.shape[-1]
    angle = t[:, None] * 10000.0 ** (-torch.arange(0, h, 2, dtype=x.dtype) / h)
    a, b = x[..., : h // 2], x[..., h // 2 :]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


def rotate_neighbours(x: Tensor) -> Tensor:
    """Rotary positions, channel 2j paired with channel 2j + 1 (Huginn)."""
    t, h = torch.arange(x.shape[-2], dtype=x.dtype), x.shape[-1]
    angle = t[:, None] * 10000.0 ** (-torch.arange(0, h, 2, dtype=x.dtype) / h)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(turned * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


def attention(
    w: Weights,
    x: Tensor,
    *,
    causal: bool = False,
    rotate: Callable[[Tensor], Tensor] = lambda x: x,
    injected: Tensor | float = 0.0,
) -> Tensor:
    """Multi-head attention: softmax(q kᵀ / √h) v, heads side by side, then one matrix."""
    q, k, v = (
        part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for part in (linear(w, "qkv", x) + injected).chunk(3, -1)
    )
    scores = rotate(q) @ rotate(k).mT / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -math.inf)
    return linear(w, "out", (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2))


def swiglu(w: Weights, x: Tensor) -> Tensor:
    gate, value = linear(w, "expand", x).chunk(2, -1)
    return linear(w, "contract", gate * torch.sigmoid(gate) * value)


def convolve(taps: Tensor, z: Tensor, *, causal: bool) -> Tensor:
    """Each channel along the positions; the last tap, or the middle one, is position t itself."""
    n = taps.shape[-1]
    centre = n - 1 if causal else n // 2
    out = torch.zeros_like(z)
    for t in range(z.shape[1]):
        for i in range(n):
            if 0 <= t + i - centre < z.shape[1]:
                out[:, t] += taps[:, 0, i] * z[:, t + i - centre]
    return out
