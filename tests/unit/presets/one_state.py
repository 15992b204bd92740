"""The updates of the systems with one state: z ← f(z; e)."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from .parts import (
    HEADS,
    Weights,
    attention,
    convolve,
    depth,
    layer_norm,
    linear,
    rms_norm,
    rotate_halves,
    rotate_neighbours,
    swiglu,
    within,
)


def deq_transformer(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """S. Bai et al. 2019, section 4: LN(φ(LN(Attention(z W + U x) + z))), φ with its residual.

    `locuslab/deq`, DEQ-Sequence/models/deq_transformer.py, post-norm: the norms have no gain, the
    product with z no bias, the injection has one. Without positions and memory.
    """
    (layer,) = depth(w)
    mixer, feed_forward = within(layer, "mixer.function."), within(layer, "feed_forward.function.")
    u = linear(w, "inject_qkv", e)
    z = layer_norm(z + attention(mixer, z, causal=True, injected=u), eps=1e-5)
    hidden = torch.relu(linear(feed_forward, "expand", z))
    return layer_norm(z + linear(feed_forward, "contract", hidden), eps=1e-5)


def post_norm_encoder(
    w: Weights, z: Tensor, activation: Callable[[Tensor], Tensor], eps: float
) -> Tensor:
    (layer,) = depth(w)
    mixer, feed_forward = within(layer, "mixer."), within(layer, "feed_forward.")
    z = layer_norm(z + attention(within(mixer, "function."), z), within(mixer, "after."), eps=eps)
    hidden = activation(linear(feed_forward, "function.expand", z))
    z = z + linear(feed_forward, "function.contract", hidden)
    return layer_norm(z, within(feed_forward, "after."), eps=eps)


def universal_transformer(w: Weights, z: Tensor, e: Tensor, step: int = 0) -> Tensor:
    """M. Dehghani et al. 2019, equations (4) to (7): a signal of position t and of time k.

    A = LN(H + P + Attention(H + P)), then LN(A + Transition(A)). The constant of the norm is that
    of `tensorflow/tensor2tensor`.
    """
    length, width = z.shape[1:]
    signal = torch.empty(length, width, dtype=z.dtype)
    for t in range(length):
        for j in range(width // 2):
            wave = 10000.0 ** (2 * j / width)
            signal[t, 2 * j] = math.sin((t + 1) / wave) + math.sin((step + 1) / wave)
            signal[t, 2 * j + 1] = math.cos((t + 1) / wave) + math.cos((step + 1) / wave)
    return post_norm_encoder(w, z + signal, torch.relu, eps=1e-6)


def albert(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """Z. Lan et al. 2020; `google-research/albert`, modeling.py: one block, applied N times.

    The code takes the tanh formula for GELU; the preset and this transcription take Φ exactly.
    """
    return post_norm_encoder(w, z, lambda x: x * torch.special.ndtr(x), eps=1e-12)


def huginn_block(layer: Weights, x: Tensor) -> Tensor:
    """`SandwichBlock` of `seal-rg/recurrent-pretraining`: the outer norm follows the addition."""
    norm = partial(rms_norm, eps=1e-6)
    a, m = within(layer, "mixer."), within(layer, "feed_forward.")
    out = attention(
        neighbours(within(a, "function.")),
        norm(x, a["before.weight"]),
        causal=True,
        rotate=rotate_neighbours,
    )
    x = norm(out + x, a["after.weight"])
    out = swiglu(within(m, "function."), norm(x, m["before.weight"]))
    return norm(out + x, m["after.weight"])


def neighbours(w: Weights) -> Weights:
    """The same attention with rotary pairs (2j, 2j + 1): channels of q and k change places."""
    width = w["out.weight"].shape[0]
    h = width // HEADS
    order = torch.arange(h).view(2, -1).mT.flatten()
    rows = (torch.arange(2 * HEADS)[:, None] * h + order).flatten()
    rows = torch.cat((rows, torch.arange(2 * width, 3 * width)))
    return {**w, "qkv.weight": w["qkv.weight"][rows]}


def huginn(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """J. Geiping et al. 2025, section 3; raven_modeling_minimal.py: R(A [s, e]) every loop."""
    z = torch.cat((z, e), -1) @ w["injection.adapter.weight"].mT
    for layer in depth(w):
        z = huginn_block(layer, z)
    return z


def ouro(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """R.-J. Zhu et al. 2025: h + n₂(f(n₁ h)) twice a layer, a norm at the end of every loop.

    Code derived from the authors' release: `LoopedLMs/ouro_rl`, modeling_ouro.py.
    """
    norm = partial(rms_norm, eps=1e-6)
    for layer in depth(w):
        a, m = within(layer, "mixer."), within(layer, "feed_forward.")
        out = norm(z, a["before.weight"])
        out = attention(within(a, "function."), out, causal=True, rotate=rotate_halves)
        z = z + norm(out, a["within.weight"])
        out = swiglu(within(m, "function."), norm(z, m["before.weight"]))
        z = z + norm(out, m["within.weight"])
    return norm(z, w["norm.weight"])


def book(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """This book's block: a causal convolution, the input added, pre-norm, a norm at the end."""
    (layer,) = depth(w)
    a, m = within(layer, "mixer."), within(layer, "feed_forward.")
    norm = partial(rms_norm, eps=1e-5)
    z = convolve(w["convolution.weight"], z, causal=True) + e
    z = z + attention(within(a, "function."), norm(z, a["before.weight"]), causal=True)
    z = z + swiglu(within(m, "function."), norm(z, m["before.weight"]))
    return norm(z, w["norm.weight"])


def fprm(w: Weights, z: Tensor, e: Tensor, *, causal: bool = False) -> Tensor:
    """`nilskiKonjIzDunava/fprm`, models/transformer.py (pre-norm, input-independent scales).

    α₂ z + β₂ x, then α₁ z + β₁ f(RMS z) for each of the 2L sub-layers, with the tie
    β₂ = 1 - α₂ α₁^(2L), β₁ = β₂ (1 - α₁) / (1 - α₁^(2L)); the code adds 1e-5 to that denominator.
    After the code alone: the paper (arXiv 2606.18206) was not read.
    """
    layers = depth(w)
    a1, a2 = torch.sigmoid(w["scale.layer_logit"]), torch.sigmoid(w["scale.loop_logit"])
    power = a1 ** (2 * len(layers))
    b2 = 1 - a2 * power
    b1 = b2 * (1 - a1) / (1 - power)
    rotate = (lambda x: x) if causal else rotate_halves
    z = a2 * convolve(w["convolution.weight"], z, causal=causal) + b2 * e
    for layer in layers:
        a, m = within(layer, "mixer.function."), within(layer, "feed_forward.function.")
        out = attention(a, rms_norm(z, eps=1e-5), causal=causal, rotate=rotate)
        z = a1 * z + b1 * out
        z = a1 * z + b1 * swiglu(m, rms_norm(z, eps=1e-5))
    return z
