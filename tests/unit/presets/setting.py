"""A preset, tiny, with random weights in double precision, and what it is run on."""

import torch
from torch import Tensor

from deqlab.looped import LoopedTransformer, looped_preset

from .parts import HEADS, Weights

BATCH, LENGTH, WIDTH, HIDDEN, VOCABULARY = 2, 5, 16, 24, 7


def build(preset: str, **options: object) -> LoopedTransformer:
    """The preset, tiny, in double precision, every parameter drawn anew."""
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCABULARY, "width": WIDTH, "heads": HEADS, "hidden": HIDDEN}
    model = looped_preset(preset).build(**sizes, **options).double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = p.shape[-1] ** -0.5 if p.dim() > 1 else 0.3
            p.copy_(scale * torch.randn(p.shape) + (p.dim() == 1 and name.endswith("weight")))
            if preset == "deq-transformer" and name.endswith("qkv.bias") and "inject" not in name:
                p.zero_()
    if model.rotary is not None:
        model.rotary.prepare(LENGTH, inputs())
    return model


def weights(model: LoopedTransformer) -> Weights:
    return {**model.state_dict(), **dict(model.named_parameters())}


def inputs(seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, LENGTH, WIDTH, generator=generator, dtype=torch.float64)


def tokens() -> Tensor:
    return torch.randint(VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(3))


def agree(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def spoiled(w: Weights, name: str) -> Weights:
    return {**w, name: w[name] + 0.1 * torch.randn_like(w[name])}
