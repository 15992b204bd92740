"""The looped transformer: what the loop costs, what halting saves, how busy it keeps a device.

    python -m benchmarks.looped [--quick] [--device cuda] [--output FILE]

overhead      `LoopedTransformer` beside an `nn.Sequential` of N untied copies of its core (the same
              Python module, the same inputs), and beside N `nn.TransformerEncoderLayer`s of as many
              parameters. One entry per repetition, which runs all of them in turn; CPU time of the
              process, which is blind to what else the machine does.
halting       A model trained on running parity of length 3 to 12 by the one-step gradient, on a
              batch of mixed lengths: residual halting with compaction, without it, and the smallest
              fixed number of loops that gets as many strings right.

On CUDA the rows of `benchmarks.utilisation` are added.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import utilisation
from benchmarks._record import write
from deqlab import JacobianFree, RelativeResidual, running_parity
from deqlab.looped import LoopedTransformer, LoopedTransformerConfig, fir_control
from deqlab.looped import looped_preset as preset

Row = dict[str, Any]


# ---------------------------------------------------------------- the loop beside a stack


class Step(nn.Module):
    """(z, e) ↦ (core(z, e), e)."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.core = core

    def forward(self, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return self.core(*pair), pair[1]


def contestants(config: LoopedTransformerConfig) -> dict[str, Callable[[Tensor], Tensor]]:
    """Tokens -> logits, three ways."""
    looped, untied = (LoopedTransformer(c) for c in (config, fir_control(config)))
    stack = nn.Sequential(*(Step(core) for core in untied.loop.cores))
    hidden = config.inner_width * 3 // 2  # two matrices with the entries of SwiGLU's three
    encoder = nn.Sequential(
        *(
            nn.TransformerEncoderLayer(
                config.width, config.heads, hidden, 0.0, batch_first=True, norm_first=True
            )
            for _ in range(config.loops)
        )
    )

    def sequential(tokens: Tensor) -> Tensor:
        e = untied.embedding(tokens)
        return untied.head(stack((torch.zeros_like(e), e))[0])

    return {
        "looped": lambda tokens: looped(tokens).logits,
        "sequential": sequential,
        "encoder": lambda tokens: looped.head(encoder(looped.embedding(tokens))),
    }


def overhead(*, width: int, batch: int, length: int, training: bool, repeats: int) -> Iterator[Row]:
    """CPU seconds of each contestant, repetition by repetition."""
    torch.manual_seed(0)
    config = preset("book").config(vocab_size=2, width=width, hidden=None)
    runs = contestants(config)
    tokens = torch.randint(2, (batch, length))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 2):
        for name, run in runs.items():
            start = time.process_time()
            with torch.set_grad_enabled(training):
                logits = run(tokens)
                if training:
                    logits.square().mean().backward()
            if repeat >= 2:  # the first two warm up
                seconds[name].append(time.process_time() - start)
    shape = {"width": width, "batch": batch, "length": length, "loops": config.loops}
    for name, times in seconds.items():
        ratios = [a / b for a, b in zip(times, seconds["sequential"], strict=True)]
        yield {
            "problem": "overhead",
            "method": name,
            **shape,
            "training": training,
            "seconds": [round(t, 6) for t in times],
            "ratio": round(statistics.median(ratios), 4),
        }


# ---------------------------------------------------------------- halting


def trained(steps: int, seed: int = 0) -> LoopedTransformer:
    """The book's model after so many steps of the one-step gradient."""
    torch.manual_seed(seed)
    config = preset("book").config(vocab_size=2)
    model = LoopedTransformer(config, adjoint=JacobianFree())
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        length, loops = (
            int(torch.randint(low, high, (), generator=generator))
            for low, high in ((3, 13), (12, 29))
        )
        bits = torch.randint(2, (64, length), generator=generator)
        logits = model(bits, loops=loops).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), running_parity(bits).flatten())
        optimiser.param_groups[0]["lr"] = 2e-3 * min(1, (step + 1) / 100)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.eval()


@torch.no_grad()
def halting(
    model: LoopedTransformer, *, batch: int, longest: int, repeats: int, device: str = "cpu"
) -> list[Row]:
    """Seconds and accuracy on strings of 4 to `longest` bits, padded to one length."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(4, longest + 1, (batch,), generator=generator)
    mask = (torch.arange(longest) < lengths[:, None]).to(device)
    bits = torch.randint(2, (batch, longest), generator=generator).to(device) * mask
    answers, model = running_parity(bits), model.to(device)
    limit = 4 * longest

    def right(logits: Tensor) -> float:
        return float(((logits.argmax(-1) == answers) | ~mask).all(1).float().mean())

    rule = RelativeResidual(rtol=1e-2)
    runs = {
        "halting, compacted": partial(model, bits, mask=mask, loops=limit, stop=rule, compact=True),
        "halting": partial(model, bits, mask=mask, loops=limit, stop=rule),
    }
    wanted = right(runs["halting"]().logits)
    budget = next(
        (n for n in range(1, limit) if right(model(bits, mask=mask, loops=n).logits) >= wanted),
        limit,
    )
    runs["fixed"] = partial(model, bits, mask=mask, loops=budget)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    clock = time.perf_counter if device == "cuda" else time.process_time
    rows = []
    for _ in range(repeats):
        for name, run in runs.items():
            start = clock()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(clock() - start)
    for name, run in runs.items():
        output = run()
        rows.append(
            {
                "problem": "halting",
                "method": name,
                "batch": batch,
                "longest": longest,
                "accuracy": round(right(output.logits), 4),
                "mean_loops": round(float(output.loops.float().mean()), 2),
                "largest_loops": int(output.loops.max()),
                "seconds": [round(t, 6) for t in seconds[name]],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--output", default="benchmarks/results/looped.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    repeats, steps = (3, 50) if options.quick else (25, 1200)
    if options.device == "cpu":
        for width, batch, length in ((32, 64, 12), (128, 32, 32)):
            for training in (False, True):
                rows += overhead(
                    width=width, batch=batch, length=length, training=training, repeats=repeats
                )
    rows += halting(trained(steps), batch=256, longest=48, repeats=repeats, device=options.device)
    if options.device == "cuda":
        rows += utilisation.rows("cuda")
    write(options.output, benchmark="looped", rows=rows, cores=os.cpu_count())


if __name__ == "__main__":
    main()
