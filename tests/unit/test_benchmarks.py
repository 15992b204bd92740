"""The benchmarks: their problems are what they say, their judge counts, their page is current."""

import math

import pytest
import torch
from torch import Tensor

from benchmarks import page, peers, problems
from benchmarks._record import SCHEMA_VERSION, read, write
from benchmarks.peers import Enough, least_squares_anderson
from benchmarks.solvers import Watch, evaluate, gmres_products, solution_of

DOUBLE = torch.float64


@pytest.mark.parametrize("c", [0.9, 0.99])
@pytest.mark.parametrize("ensemble", problems.ENSEMBLES)
def test_a_cell_has_the_norm_and_the_local_rate_it_is_named_for(ensemble: str, c: float) -> None:
    instance = problems.cell(ensemble, d=64, c=c, seed=0)
    assert instance.inputs.shape == (64, 64)
    assert float(torch.linalg.matrix_norm(instance.W, 2)) == pytest.approx(c, rel=1e-12)
    z = solution_of(instance)
    torch.testing.assert_close(instance(z), z, rtol=0, atol=1e-14)
    J = (1 - z[0] ** 2)[:, None] * instance.W
    rate = float(torch.linalg.eigvals(J).abs().max())
    assert rate < 0.6 if ensemble == "ginibre" else 0.95 * c < rate < c


def test_an_instance_is_its_seed_in_every_precision() -> None:
    one, same = (problems.cell("symmetric", d=16, c=0.9, seed=3) for _ in range(2))
    other = problems.cell("symmetric", d=16, c=0.9, seed=4)
    assert one.digest() == same.digest() != other.digest()
    single = one.to(torch.float32)
    assert torch.equal(single.W, one.W.float())
    assert torch.equal(one.sample(5)(one.start[5:6]), one(one.start)[5:6])


def test_the_zoo_is_what_it_says() -> None:
    shift = problems.shift(d=6)
    z = shift.start
    for _ in range(6):
        assert not torch.equal(shift(z), z)
        z = shift(z)
    assert torch.equal(z, torch.ones(1, 6, dtype=DOUBLE))
    values = torch.linalg.eigvals(problems.rotation().W).abs()
    torch.testing.assert_close(values, torch.ones(2, dtype=DOUBLE))
    reflection = torch.linalg.eigvalsh(problems.reflection(d=8, c=0.5).W)
    torch.testing.assert_close(reflection.abs(), torch.full((8,), 0.5, dtype=DOUBLE))
    W = problems.nonnormal(d=32).W
    assert float(torch.linalg.matrix_norm(W, 2)) == pytest.approx(1.5)
    c = torch.linalg.matrix_norm(problems.heterogeneous(d=16).W, 2)
    assert float(c.min()) == pytest.approx(0.2)
    assert float(c.max()) == pytest.approx(0.99)
    root = torch.full((1, 1), 2.0, dtype=DOUBLE).sqrt()
    torch.testing.assert_close(problems.babylonian(root), root)


def test_the_judge_counts_evaluations_of_the_worst_sample() -> None:
    """z ← z/2 and z ← z/4 from 1: the residuals fall as 2^-k and 4^-k."""
    instance = problems.Instance(
        name="",
        W=torch.diag(torch.tensor([0.5], dtype=DOUBLE)),
        inputs=torch.zeros(2, 1, dtype=DOUBLE),
        start=torch.ones(2, 1, dtype=DOUBLE),
        activation=lambda z: z * torch.tensor([[1.0], [0.5]], dtype=DOUBLE),
    )
    f, z = Watch(instance, tol=2.0**-10, limit=99), instance.start
    for _ in range(10):
        z = f(z)
    with pytest.raises(Enough):
        f(z)
    assert f.met.tolist() == [11, 6]


def test_the_yardstick_gmres_is_a_lower_bound_for_anderson_on_a_linear_problem() -> None:
    instance = problems.linear("symmetric", d=48, c=0.9, seed=0, batch=4)
    products = gmres_products(instance, solution_of(instance), 1e-8)
    anderson = next(peer for peer in peers.ours() if peer.method == "Anderson(20)")
    found = evaluate(anderson, instance, 1e-8, 400, None)["evaluations"]
    assert products is not None
    # one evaluation after GMRES, and one that sees it; the products include one that measures
    assert products - 2 <= found <= products + 4


def test_the_textbook_anderson_minimises_the_residual() -> None:
    instance = problems.cell("ginibre", d=12, c=0.9, seed=0, batch=2)
    seen: list[tuple[Tensor, Tensor]] = []

    def f(z: Tensor) -> Tensor:
        seen.append((z, instance(z)))
        return seen[-1][1]

    z = least_squares_anderson(f, instance.start, 5, memory=3)
    Z, F = (torch.stack([pair[i] for pair in seen[-4:]], 2) for i in (0, 1))
    R = F - Z
    gamma = torch.linalg.lstsq(R.diff(dim=2), R[..., -1:]).solution
    expected = (F[..., -1:] - F.diff(dim=2) @ gamma)[..., 0]
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-12)


def test_a_record_names_its_setting_and_survives_a_round_trip(tmp_path: object) -> None:
    path = f"{tmp_path}/record.json"
    rows = [{"problem": "p", "evaluations": 3}, {"problem": "q", "evaluations": None}]
    write(path, benchmark="test", rows=rows)
    record = read(path)
    assert record["rows"] == rows
    assert record["schema_version"] == SCHEMA_VERSION
    assert set(record) >= {"date", "commit", "device", "processor", "threads", "versions"}
    assert record["versions"]["torch"].startswith(torch.__version__.partition("+")[0])
    write(path, benchmark="test", rows=rows, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(ValueError, match="run the benchmark again"):
        read(path)


def test_the_page_shows_the_stored_results() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.render(text) == text


def test_the_stored_results_are_three_seeds_of_every_cell() -> None:
    rows = page.load("solvers")["rows"]
    cells = page.of(rows, table="cells", library="deqlab", method="Anderson(12)")
    keys = {(row["problem"], row["dtype"], row["seed"]) for row in cells}
    wanted = {
        (f"{ensemble} c={c} d={d}", dtype, seed)
        for ensemble in problems.ENSEMBLES
        for c in (0.9, 0.99)
        for d in (256, 1024)
        for dtype in ("float32", "float64")
        for seed in range(3)
    }
    assert keys == wanted
    digests = {row["digest"] for row in cells if row["problem"] == "symmetric c=0.99 d=256"}
    built = {problems.cell("symmetric", d=256, c=0.99, seed=s).digest() for s in range(3)}
    assert len(digests) == len(built) == 3
    for row in cells:
        assert row["residual"] <= row["tolerance"]
        assert math.isfinite(row["error"])


def test_the_counts_of_a_stored_cell_are_reproduced() -> None:
    """To two evaluations: rounding differs between processors and library versions."""
    rows = page.load("solvers")["rows"]
    wanted = page.of(rows, table="cells", problem="symmetric c=0.99 d=256", dtype="float64", seed=1)
    instance = problems.cell("symmetric", d=256, c=0.99, seed=1)
    for peer in peers.ours((12,))[1:2]:
        (row,) = page.of(wanted, library="deqlab", method=peer.method)
        found = evaluate(peer, instance, 1e-10, 200, None)["evaluations"]
        assert abs(found - row["evaluations"]) <= 2
