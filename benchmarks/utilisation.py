"""How busy a looped transformer keeps a device: part of `benchmarks.looped`.

throughput    A training step in bfloat16, eager and compiled. Model FLOPs count parameters × loops
              (`deqlab.looped.flops`). `attainable` is the roofline: min(peak, bandwidth × FLOPs per
              byte), where a byte is counted when a matrix product must move it.
host_reads    How often the host waits for the device in a forward pass, by the profiler, for 8 and
              32 loops: equal numbers mean that nothing in the loop waits.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from deqlab import RelativeResidual
from deqlab.looped import LoopedTransformer, LoopedTransformerConfig
from deqlab.looped import looped_preset as preset
from deqlab.looped.flops import flops_per_token, forward_flops

Row = dict[str, Any]
PEAK = {"H100": 989.4e12, "H200": 989.4e12, "A100": 312e12}  # bfloat16, dense, FLOP/s
BANDWIDTH = {"H100": 3.35e12, "H200": 4.8e12, "A100": 2.04e12}  # byte/s
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "aten::_local_scalar_dense")
SHAPES = ((512, 64), (1024, 32), (2048, 16))  # width, batch


def rows(device: str) -> list[Row]:
    """All of them."""
    measured = [
        throughput(
            width=width,
            batch=batch,
            length=512,
            loops=8,
            device=device,
            compiled=compiled,
            repeats=10,
        )
        for width, batch in SHAPES
        for compiled in (False, True)
    ]
    return [*measured, *(host_reads(width=512, loops=n, device=device) for n in (8, 32))]


def looked_up(table: dict[str, float], device_name: str) -> float | None:
    """The entry whose name is part of the device's; None for a device that is not listed."""
    return next((value for key, value in table.items() if key in device_name), None)


def bytes_per_token(core: nn.Module, tokens: int) -> float:
    """That the matrix products of one loop must move in bfloat16, weights shared by all tokens."""
    linears = [part for part in core.modules() if isinstance(part, nn.Linear)]
    moved = sum(part.in_features + part.out_features for part in linears)
    return 2 * (moved + sum(part.weight.numel() for part in linears) / tokens)


def throughput(
    *,
    width: int,
    batch: int,
    length: int,
    loops: int,
    device: str,
    compiled: bool,
    repeats: int,
    backend: str = "inductor",
) -> Row:
    """Tokens a second and model FLOPs a second of a training step in bfloat16."""
    torch.manual_seed(0)
    config = LoopedTransformerConfig(
        vocab_size=256,
        width=width,
        heads=max(1, width // 64),
        loops=loops,
        causal=True,
        loop_norm=True,
    )
    model = LoopedTransformer(config).to(device)
    if compiled:
        model.compile_loop(backend=backend, dynamic=False)
    tokens = torch.randint(256, (batch, length), device=device)
    times = []
    for _ in range(repeats + 3):
        _wait(device)
        start = time.perf_counter()
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = model(tokens).logits
        functional.cross_entropy(logits.flatten(0, 1).float(), tokens.flatten()).backward()
        _wait(device)
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[3:])
    flops = flops_per_token(model, length, loops=loops, differentiated=loops)
    rate = flops * batch * length / seconds
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    peak, bandwidth = looked_up(PEAK, name), looked_up(BANDWIDTH, name)
    row: Row = {
        "problem": "throughput", "method": "compiled" if compiled else "eager", "width": width,
        "batch": batch, "length": length, "loops": loops, "seconds": seconds,
        "tokens_per_second": batch * length / seconds, "model_flops_per_second": rate,
    }  # fmt: skip
    if peak and bandwidth:
        core = model.loop.core
        intensity = forward_flops(core, width, length) / bytes_per_token(core, batch * length)
        row |= {"mfu": rate / peak, "attainable": min(peak, bandwidth * intensity)}
    return row


def waits(run: Callable[[], Any]) -> dict[str, int]:
    """How often the host has waited for the device, by the name of the call."""
    with torch.profiler.profile() as profile:
        run()
    events = profile.key_averages()
    return {name: sum(e.count for e in events if e.key == name) for name in WAITS}


@torch.no_grad()
def host_reads(*, width: int, loops: int, device: str) -> Row:
    """Waits in one forward pass that never meets its tolerance."""
    torch.manual_seed(0)
    model = LoopedTransformer(preset("book").config(vocab_size=2, width=width)).to(device).eval()
    tokens = torch.randint(2, (8, 16), device=device)
    run = partial(model, tokens, loops=loops, stop=RelativeResidual(rtol=1e-30))
    run()
    return {"problem": "host_reads", "method": device, "loops": loops, **waits(run)}


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
