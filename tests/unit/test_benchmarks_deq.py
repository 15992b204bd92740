"""The digits benchmark: its yardstick, its counts, and what the page says about its results."""

import statistics
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks import deq, page
from deqlab import Anderson, MLPCell

SMALL = deq.Problem(
    name="small",
    cell=lambda g: deq._MLP(64, 6, generator=g),
    image=False,
    features=6,
    epochs=1,
    learning_rate=1e-3,
)


def batch() -> tuple[Tensor, Tensor]:
    x, _, y, _ = deq.digits(SMALL)
    return x[:8], y[:8]


def test_the_digits_are_split_by_class_and_standardised() -> None:
    x, x_test, y, y_test = deq.digits(SMALL)
    assert (len(x), len(x_test)) == (1347, 450)
    shares = [torch.bincount(part, minlength=10) / len(part) for part in (y, y_test)]
    assert (shares[0] - shares[1]).abs().max() < 1.5 / 450
    assert x.mean(0).abs().max() < 1e-5
    images, _, _, _ = deq.digits(deq.PROBLEMS[-1])
    assert torch.equal(images.flatten(1), x)


def test_the_dense_gradient_is_the_implicit_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deq, "TOLERANCE", 1e-13)
    trainer = deq.Trainer(SMALL, lambda cell: deq.Ours(cell, Anderson()), seed=1)
    x, y = batch()
    exact = deq.dense_gradient(SMALL, trainer.model.state_dict(), x, y)
    trainer.model.double()
    loss = nn.functional.cross_entropy(trainer.model(x.double()), y)
    found = deq.flat(torch.autograd.grad(loss, deq.ordered(trainer)))
    assert (found - exact).norm() <= 1e-11 * exact.norm()


def test_evaluations_samples_and_products_are_counted() -> None:
    trainer = deq.Trainer(SMALL, lambda cell: deq.Ours(cell, Anderson()), seed=1)
    x, y = batch()
    trainer.step(x, y)
    counts, solution = trainer.layer.cell.counts, trainer.layer.layer.solution
    # the solve's own, and one with a graph, for the backward pass
    assert counts.evaluations == int(solution.num_steps.max()) + 2
    assert counts.samples == int(solution.nfe.sum()) + len(x)
    # the last pull goes to the parameters and u, past z
    assert counts.vjps == int(solution.adjoint.products.max())
    assert trainer.failures == 0


def test_a_counted_cell_is_the_cell() -> None:
    cell, counted = (
        kind(64, 6, generator=torch.Generator().manual_seed(0)) for kind in (MLPCell, deq._MLP)
    )
    counted.counts = deq.Counts()
    x, _ = batch()
    z = cell.start(x)
    assert torch.equal(cell(z, cell.inject(x)), counted(z, counted.inject(x)))


def rows(**wanted: Any) -> list[dict[str, Any]]:
    return page.of(page.load("deq")["rows"], **wanted)


def median(key: str, **wanted: Any) -> float:
    return statistics.median(row[key] for row in rows(**wanted))


def test_the_stored_results_are_three_seeds_of_every_method() -> None:
    methods = {(row["library"], row["method"]) for row in rows()}
    assert len(methods) == 5
    for problem in deq.PROBLEMS:
        for library, method in methods:
            seeds = [
                row["seed"] for row in rows(problem=problem.name, library=library, method=method)
            ]
            assert sorted(seeds) == [0, 1, 2]


OURS, PLAIN, THEIRS = "Anderson(12), GMRES", "Picard, GMRES", "fixed_point_iter"
PEERS = (THEIRS, "anderson", "broyden")


def test_our_default_evaluates_least_in_every_block() -> None:
    for problem in deq.PROBLEMS:
        ours = median("evaluations", problem=problem.name, method=OURS)
        for method in (PLAIN, *PEERS):
            assert ours < median("evaluations", problem=problem.name, method=method)


def test_a_small_easy_cell_is_fastest_with_torchdeqs_plain_iteration() -> None:
    small = deq.PROBLEMS[0].name
    times = {m: median("ratio", problem=small, method=m) for m in (OURS, PLAIN, *PEERS)}
    assert min(times, key=times.__getitem__) == THEIRS
    assert 1.1 < times[PLAIN] / times[THEIRS] < 1.3
    assert 1.4 < times[OURS] / times[THEIRS] < 1.6


def test_the_two_plain_iterations_are_level_at_512_units() -> None:
    wide = deq.PROBLEMS[1].name
    ours, theirs = (median("ratio", problem=wide, method=m) for m in (PLAIN, THEIRS))
    assert 0.9 < ours / theirs < 1.1


def test_on_the_hard_cell_our_default_is_faster_than_every_solver_of_torchdeq() -> None:
    hard = deq.PROBLEMS[2].name
    assert all(row["ratio"] > 1 for m in PEERS for row in rows(problem=hard, method=m))
    ours, theirs = (median("samples", problem=hard, method=m) for m in (OURS, THEIRS))
    assert 0.2 < ours / theirs < 0.3


def test_torchdeqs_gradients_are_nearer_at_fresh_weights() -> None:
    for problem in deq.PROBLEMS:
        ours, theirs = (
            median("gradient_error_fresh", problem=problem.name, method=m) for m in (OURS, THEIRS)
        )
        assert 5 < ours / theirs < 40


def test_the_accuracies_do_not_tell_the_methods_apart() -> None:
    lost = [row for row in rows() if row["accuracy"] < 0.2]
    assert [(row["problem"], row["method"], row["seed"]) for row in lost] == [
        (deq.PROBLEMS[2].name, "broyden", 1)
    ]
    for problem in deq.PROBLEMS:
        for seed in range(3):
            shares = [
                row["accuracy"] for row in rows(problem=problem.name, seed=seed) if row not in lost
            ]
            assert max(shares) - min(shares) < 0.01
