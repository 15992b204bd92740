"""Peak and saved bytes: against closed forms, the profiler, and a fake CUDA allocator."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import _record
from deqlab import peak_bytes, saved_bytes

SIZE = 8 * 1000


def _zeros() -> torch.Tensor:
    return torch.zeros(1000, dtype=torch.float64)


def test_peak_is_the_most_at_a_time_not_the_sum() -> None:
    def one_after_another() -> None:
        for _ in range(10):
            _zeros()

    assert peak_bytes(one_after_another) == SIZE
    assert peak_bytes(lambda: [_zeros() for _ in range(10)]) == 10 * SIZE


def test_views_and_work_in_place_take_nothing() -> None:
    before = _zeros()
    assert peak_bytes(lambda: before.reshape(10, 100).T[3:].add_(1.0)) == 0
    assert peak_bytes(lambda: _zeros().reshape(10, 100).T) == SIZE


def test_what_was_there_before_does_not_count() -> None:
    before = _zeros()
    assert peak_bytes(lambda: before + 1) == SIZE


def test_what_run_leaves_behind_counts_once() -> None:
    left = []
    assert peak_bytes(lambda: left.append(_zeros())) == SIZE
    assert peak_bytes(lambda: left.append(_zeros())) == SIZE


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 20), d=st.integers(1, 20), depth=st.integers(1, 12))
def test_unrolled_peak_agrees_with_the_profiler(n: int, d: int, depth: int) -> None:
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(d, d, generator=generator).requires_grad_()
    x = torch.randn(n, d, generator=generator)

    def step() -> None:
        z = torch.zeros(n, d)
        for _ in range(depth):
            z = torch.tanh(z @ W.T + x)
        torch.autograd.grad(z.sum(), W)

    counted, measured = peak_bytes(step), _record.peak_bytes(step)
    assert counted <= measured
    assert measured - counted <= 64 + 2 * 4 * d * max(n, d)  # scratch within one product


def test_saved_bytes_are_those_of_the_formulas() -> None:
    W = torch.zeros(30, 30, dtype=torch.float64, requires_grad=True)

    def unroll(depth: int) -> torch.Tensor:
        z = torch.zeros(7, 30, dtype=torch.float64)
        for _ in range(depth):
            z = torch.tanh(z @ W.T)
        return z

    state = 7 * 30 * 8
    for depth in (2, 3, 10):  # z_0, ..., z_depth, and W
        assert saved_bytes(partial(unroll, depth)) == (depth + 1) * state + 30 * 30 * 8


def test_saved_bytes_of_nothing_is_zero() -> None:
    assert saved_bytes(lambda: _zeros() * 2) == 0


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match=r"device must be 'cpu' or a CUDA device; got 'meta'"):
        peak_bytes(_zeros, device="meta")


def test_on_cuda_the_allocator_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its high-water mark is reset before the run, and what was allocated then is subtracted."""
    calls = []
    level = {"now": 100, "most": 900}

    def reset(device: torch.device) -> None:
        calls.append("reset")
        level["most"] = level["now"]

    def run() -> None:
        calls.append("run")
        level["most"] = max(level["most"], level["now"] + 50)

    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: calls.append("synchronise"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: level["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: level["most"])
    assert peak_bytes(run, device="cuda:0") == 50
    assert calls == ["synchronise", "reset", "run", "synchronise"]
