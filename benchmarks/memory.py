"""Memory and time of a gradient against depth: one cell, eight ways back.

    python -m benchmarks.memory [--device cpu] [--output FILE]

The cell is a block with one hidden layer four times as wide as the state, f(z) = V tanh(W z + c)
with V = 0.95 Wᵀ and ‖W‖₂ = 1, so a contraction at any state. A run is one forward pass of `depth`
steps of plain iteration from zero, and the gradient of ⟨v, z⟩ with respect to W and V. The last two
methods are the layer as one would use it: Anderson(12) to a tolerance, then the adjoint system to
the same; they have no depth.

    peak_bytes       most bytes allocated at a time by torch, beyond W, V, c and v
    saved_bytes      put aside for the backward pass when the forward pass is over
    operations       products of matrices, forward and backward, in evaluations of f
    relative_error   ‖ĝ − g‖/‖g‖ over W and V, g the gradient of the fixed point
    seconds          one list entry per repetition, which runs every method once; CPU time of the
                     process, which is blind to what else the machine does, or wall time on CUDA
"""

import argparse
import hashlib
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import _record
from benchmarks._record import ROOT, write
from deqlab import (
    Anderson,
    Implicit,
    JacobianFree,
    OnFailure,
    PhantomGradient,
    Picard,
    RelativeResidual,
    fixed_point,
    peak_bytes,
    saved_bytes,
    scale_to_norm,
)

DEPTHS = (4, 8, 16, 32, 64, 128, 256)
TERMS = 5  # of the truncated and the phantom gradient
RTOL = 1e-5
REPEATS = 7


@dataclass(frozen=True, kw_only=True)
class Block:
    """f(z) = V tanh(W z + c) and a loss ⟨v, z⟩.

    Attributes
    ----------
    W, V : Tensor (hidden, d), (d, hidden)
    c, v : Tensor (n, hidden), (n, d)
    """

    W: Tensor
    V: Tensor
    c: Tensor
    v: Tensor

    @classmethod
    def draw(
        cls, *, n: int, d: int, widening: int, norm: float, seed: int, dtype: torch.dtype
    ) -> "Block":
        rng = np.random.default_rng(seed)
        W = torch.from_numpy(scale_to_norm(rng.normal(size=(widening * d, d)), 1.0)).to(dtype)
        c, v = (
            torch.from_numpy(scale * rng.normal(size=(n, m))).to(dtype)
            for scale, m in ((0.3, widening * d), (1.0, d))
        )
        V = (norm * W.T).contiguous()
        return cls(W=W.requires_grad_(), V=V.requires_grad_(), c=c, v=v)

    def to(self, where: torch.device | torch.dtype) -> "Block":
        """A copy on another device, or in another dtype."""
        W, V = (t.detach().to(where).requires_grad_() for t in (self.W, self.V))
        return Block(W=W, V=V, c=self.c.to(where), v=self.v.to(where))

    def __call__(self, z: Tensor, c: Tensor, W: Tensor, V: Tensor) -> Tensor:
        return torch.tanh(z @ W.T + c) @ V.T

    def steps(self, z: Tensor, count: int) -> Tensor:
        for _ in range(count):
            z = self(z, self.c, self.W, self.V)
        return z

    @property
    def start(self) -> Tensor:
        return torch.zeros_like(self.v)

    @property
    def digest(self) -> str:
        bits = b"".join(t.detach().cpu().numpy().tobytes() for t in (self.W, self.c, self.v))
        return hashlib.sha256(bits).hexdigest()[:12]

    def gradient(self, z: Tensor) -> tuple[Tensor, ...]:
        grads: tuple[Tensor, ...] = torch.autograd.grad(z, (self.W, self.V), self.v)
        return grads


# ---------------------------------------------------------------- methods: (block, depth) -> z


def unrolled(block: Block, depth: int) -> Tensor:
    return block.steps(block.start, depth)


def checkpointed(block: Block, depth: int, *, length: int | None) -> Tensor:
    """In segments of `length` steps, by default of the length with the lowest peak."""
    saved = 1 + block.W.shape[0] / block.W.shape[1]  # a/s: the argument and the hidden layer
    length = length or max(1, round(math.sqrt(depth / saved)))
    z, how = block.start, {"use_reentrant": False, "preserve_rng_state": False}
    for begin in range(0, depth, length):
        z = checkpoint(block.steps, z, min(length, depth - begin), **how)
    return z


def truncated(block: Block, depth: int) -> Tensor:
    with torch.no_grad():
        z = block.steps(block.start, max(depth - TERMS, 0))
    return block.steps(z, min(TERMS, depth))


def solved(block: Block, depth: int | None, *, adjoint: Any) -> Tensor:
    how: dict[str, Any] = {"solver": Picard(), "stop": None, "max_steps": depth}
    if depth is None:
        how = {"solver": Anderson(), "stop": RelativeResidual(rtol=RTOL), "max_steps": 1000}
    solution = fixed_point(
        block,
        block.start,
        block.c,
        params=(block.W, block.V),
        adjoint=adjoint,
        on_failure=OnFailure.IGNORE,
        **how,
    )
    value: Tensor = solution.value
    return value


METHODS: dict[str, Callable[[Block, int], Tensor]] = {
    "unrolled (BPTT)": unrolled,
    "checkpoint every step": partial(checkpointed, length=1),
    "checkpoint, best spacing": partial(checkpointed, length=None),
    f"truncated, last {TERMS}": truncated,
    f"phantom, {TERMS} terms": partial(
        solved, adjoint=PhantomGradient(terms=TERMS, relaxation=0.5)
    ),
    "one step (JFB)": partial(solved, adjoint=JacobianFree()),
    "implicit, GMRES": partial(solved, adjoint=Implicit(rtol=RTOL)),
}
EQUILIBRIUM: dict[str, Callable[[Block, int | None], Tensor]] = {
    "equilibrium, implicit": METHODS["implicit, GMRES"],
    "equilibrium, one step": METHODS["one step (JFB)"],
}


def measure(block: Block, depths: tuple[int, ...], repeats: int) -> list[dict[str, Any]]:
    """Every method at every depth, and the equilibrium."""
    exact = _flat(
        Block.gradient(
            fine := block.to(torch.float64),
            fixed_point(
                fine,
                fine.start,
                fine.c,
                params=(fine.W, fine.V),
                stop=RelativeResidual(rtol=1e-12),
                max_steps=1000,
                adjoint=Implicit(rtol=1e-12),
            ).value,
        )
    )
    runs = [(name, depth, way) for depth in depths for name, way in METHODS.items()]
    runs += [(name, None, way) for name, way in EQUILIBRIUM.items()]
    rows = [_count(block, name, depth, way, exact) for name, depth, way in runs]
    for _ in range(repeats):
        for row, (_, depth, way) in zip(rows, runs, strict=True):
            begin = _clock(block)
            block.gradient(way(block, depth))
            row["seconds"].append(float(f"{_clock(block) - begin:.4g}"))
    return rows


def _clock(block: Block) -> float:
    if block.W.is_cuda:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _count(
    block: Block, name: str, depth: int | None, way: Callable[..., Tensor], exact: Tensor
) -> dict[str, Any]:
    def run() -> tuple[Tensor, ...]:
        return block.gradient(way(block, depth))

    on_cuda = block.W.is_cuda
    error = (_flat(run()) - exact).norm() / exact.norm()
    with FlopCounterMode(display=False) as counter:
        run()
    evaluation = 2 * 2 * block.c.shape[0] * block.W.numel()
    return {
        "problem": f"block d={block.W.shape[1]}, hidden {block.W.shape[0]}, n={len(block.c)}",
        "digest": block.digest,
        "seed": 0,
        "dtype": str(block.W.dtype).removeprefix("torch."),
        "library": "deqlab",
        "method": name,
        "depth": depth,
        "peak_bytes": peak_bytes(run, device="cuda") if on_cuda else _record.peak_bytes(run),
        "saved_bytes": saved_bytes(lambda: way(block, depth)),
        "operations": round(counter.get_total_flops() / evaluation, 2),
        "relative_error": float(f"{error.item():.3g}"),
        "seconds": [],
    }


def _flat(parts: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([part.detach().double().flatten() for part in parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--output", default=ROOT / "benchmarks" / "results" / "memory.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    block = Block.draw(n=64, d=128, widening=4, norm=0.95, seed=0, dtype=torch.float32)
    rows = measure(block.to(torch.device(options.device)), DEPTHS, REPEATS)
    write(options.output, benchmark="memory", rows=rows, repeats=REPEATS, on=options.device)


if __name__ == "__main__":
    main()
