"""The looped benchmark: its contestants compute the same, its counts and rooflines add up."""

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import looped, utilisation
from deqlab import count_flops
from deqlab.looped import LoopedTransformer, looped_preset
from deqlab.looped.flops import flops_per_token


def test_the_contestants_do_the_same_work() -> None:
    """Equal FLOPs but for the convolution, the injected norm, and the encoder's biases."""
    config = looped_preset("book").config(vocab_size=2)
    tokens = torch.randint(2, (4, 6))
    flops = {
        name: count_flops(Wrapped(run), tokens) for name, run in looped.contestants(config).items()
    }
    assert flops["looped"] == flops["sequential"]
    assert flops["encoder"] == pytest.approx(flops["looped"], rel=0.02)


class Wrapped(torch.nn.Module):
    """A function as a module."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run

    def forward(self, tokens: Tensor) -> Tensor:
        return self.run(tokens)


@pytest.mark.parametrize("training", [False, True])
def test_overhead_rows(training: bool) -> None:
    rows = list(looped.overhead(width=16, batch=2, length=4, training=training, repeats=2))
    assert [row["method"] for row in rows] == ["looped", "sequential", "encoder"]
    assert all(len(row["seconds"]) == 2 and min(row["seconds"]) > 0 for row in rows)
    assert rows[1]["ratio"] == 1


def test_halting_rows_compare_at_equal_accuracy() -> None:
    model = looped.trained(3)
    compacted, plain, fixed = looped.halting(model, batch=24, longest=8, repeats=1)
    assert compacted["accuracy"] == plain["accuracy"] <= fixed["accuracy"]
    assert compacted["mean_loops"] == plain["mean_loops"]
    assert fixed["mean_loops"] == fixed["largest_loops"]


def test_the_book_s_model_learns_in_the_benchmark() -> None:
    """80 steps of the one-step gradient already beat guessing on what it was trained on."""
    model = looped.trained(80)
    bits = torch.randint(2, (200, 8), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        right = (model(bits, loops=16).logits.argmax(-1) == looped.running_parity(bits)).float()
    assert float(right.mean()) > 0.7


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's tracer looks at its inputs
@pytest.mark.parametrize("compiled", [False, True])
def test_throughput_counts_parameters_times_loops(compiled: bool) -> None:
    """The logic of the device part on a processor; no known peak, no utilisation."""
    row = utilisation.throughput(
        width=64, batch=2, length=8, loops=3, device="cpu", compiled=compiled, repeats=1,
        backend="eager",
    )  # fmt: skip
    assert row["method"] == ("compiled" if compiled else "eager")
    assert "mfu" not in row
    config = looped_preset("book").config(
        vocab_size=256, width=64, heads=1, hidden=None, loops=3, convolution=None, final_norm=True
    )
    model = LoopedTransformer(config)
    flops = flops_per_token(model, 8, loops=3, differentiated=3)
    assert flops == pytest.approx(6 * matrix_entries(model) + 3 * 12 * 64 * 8 - 0, rel=1e-12)
    assert row["model_flops_per_second"] * row["seconds"] == pytest.approx(flops * 16, rel=1e-9)


def matrix_entries(model: LoopedTransformer) -> int:
    """Of the head once and of the core three times; neither embeddings nor gains."""
    matrices = [w for w in model.loop.parameters() if w.ndim == 2]
    return model.head.weight.numel() + 3 * sum(w.numel() for w in matrices)


def test_a_known_device_has_a_roofline(monkeypatch: pytest.MonkeyPatch) -> None:
    assert utilisation.looked_up(utilisation.PEAK, "NVIDIA H100 80GB HBM3") == 989.4e12
    assert utilisation.looked_up(utilisation.PEAK, "cpu") is None
    monkeypatch.setitem(utilisation.PEAK, "cpu", 1e12)
    monkeypatch.setitem(utilisation.BANDWIDTH, "cpu", 1e9)
    row = utilisation.throughput(
        width=64, batch=2, length=8, loops=2, device="cpu", compiled=False, repeats=1
    )
    assert row["mfu"] == pytest.approx(row["model_flops_per_second"] / 1e12)
    assert 1e9 < row["attainable"] <= 1e12


def test_more_tokens_move_fewer_bytes_each() -> None:
    core = LoopedTransformer(looped_preset("book").config(vocab_size=2)).loop.core
    entries = sum(part.weight.numel() for part in core.modules() if type(part) is torch.nn.Linear)
    few, many = (utilisation.bytes_per_token(core, tokens) for tokens in (1, 1000))
    assert few - many == pytest.approx(2 * entries * (1 - 1e-3))


def test_host_reads_are_seen_and_do_not_grow_with_the_loops() -> None:
    reads = utilisation.waits(lambda: torch.ones(3).sum().item())
    assert reads["aten::_local_scalar_dense"] == 1
    short, long = (utilisation.host_reads(width=16, loops=n, device="cpu") for n in (4, 12))
    for name in utilisation.WAITS:
        assert short[name] == long[name]
