"""Diagnostics: the numbers are those of dense matrices, and a loss of well-posedness is said."""

import json
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from torch import Tensor, nn

from deqlab import (
    DEQ,
    ConvergenceError,
    ConvergenceWarning,
    Diagnostics,
    Implicit,
    MLPCell,
    OnFailure,
    PhantomGradient,
    Picard,
    WellPosednessError,
    WellPosednessWarning,
    normalize_weights,
)


class Linear(nn.Module):
    """z ↦ W z + x, whose J is W."""

    def __init__(self, W: Tensor) -> None:
        super().__init__()
        self.W = nn.Parameter(W)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        return z @ self.W.T + x


def linear(scale: float = 0.5, **options: object) -> DEQ:
    W = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.5], [1.0, 0.0, 0.0]], dtype=torch.float64)
    return DEQ(Linear(scale * W), **options)  # ρ = scale, ‖J‖₂ = 2 scale


X = torch.ones(4, 3, dtype=torch.float64)


def trained(layer: DEQ, diagnostics: Diagnostics, steps: int = 1) -> None:
    for _ in range(steps):
        layer.zero_grad()
        loss = layer(X).square().mean()
        loss.backward()
        diagnostics.record(loss=loss)


def test_a_record_holds_the_numbers_of_the_step() -> None:
    layer = linear()
    diagnostics = Diagnostics(layer)
    trained(layer, diagnostics)
    (row,) = diagnostics.rows
    assert row["step"] == 0
    assert row["loss"] == pytest.approx(float(layer.solution.value.square().mean()))
    assert row["max_steps"] == int(layer.solution.num_steps.max())
    assert row["evaluations"] == float(layer.solution.nfe.double().mean())
    assert row["residual"] == float(layer.solution.relative_residual.max())
    assert row["status"] == row["backward_status"] == {"CONVERGED": 4}
    assert row["backward_products"] == int(layer.solution.adjoint.products.max())
    assert row["backward_residual"] <= 1e-8
    # three products span the whole space, where both estimates are exact but for rounding
    assert row["spectral_radius"] == pytest.approx(0.5, rel=1e-9)
    assert row["operator_norm"] == pytest.approx(1.0, rel=1e-9)
    assert row["lost"] == []


def test_estimates_are_made_every_so_often_and_disturb_no_training() -> None:
    layer = linear()
    diagnostics = Diagnostics(layer, every=3)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    trained(layer, diagnostics, steps=5)
    assert torch.equal(before, torch.get_rng_state())
    known = [row["spectral_radius"] is not None for row in diagnostics.rows]
    assert known == [True, False, False, True, False]
    assert [row["step"] for row in diagnostics.rows] == [0, 1, 2, 3, 4]


def test_the_map_is_that_of_the_solve_masks_and_weights_included() -> None:
    cell = normalize_weights(
        MLPCell(3, 6, norm=0.9, dropout=0.5, generator=torch.Generator().manual_seed(0))
    ).double()
    layer = DEQ(cell)
    diagnostics = Diagnostics(layer, samples=2)
    trained(layer, diagnostics)
    z, (mask,) = layer.solution.value, layer._masks
    slope = 1 - (z / mask.where(mask != 0, torch.ones_like(mask))) ** 2
    J = (slope * mask)[:2, :, None] * cell.recurrent.weight.detach()
    expected = torch.linalg.eigvals(J).abs().amax(1).max()
    (row,) = diagnostics.rows
    # more products than the six dimensions: exact
    assert row["spectral_radius"] == pytest.approx(float(expected), rel=1e-6)
    norms = torch.linalg.matrix_norm(J, 2)
    assert row["operator_norm"] == pytest.approx(float(norms.max()), rel=1e-6)


def test_a_radius_past_one_is_said_when_it_happens_and_once() -> None:
    layer = linear(1.5)
    diagnostics = Diagnostics(layer, every=1)
    with pytest.warns(WellPosednessWarning, match=r"lost at step 0: ρ\(J\) = 1\.5 .* not below 1"):
        trained(layer, diagnostics)
    trained(layer, diagnostics)  # known: silent, but on record
    assert all("ρ(J) = 1.5" in row["lost"][0] for row in diagnostics.rows)
    with torch.no_grad():
        layer.cell.W.mul_(0.1)
    trained(layer, diagnostics)
    assert diagnostics.rows[-1]["lost"] == []
    with torch.no_grad():
        layer.cell.W.mul_(10)
    with pytest.warns(WellPosednessWarning, match="lost at step 3"):
        trained(layer, diagnostics)


def test_a_failed_solve_is_said_with_its_numbers() -> None:
    layer = linear(0.9, solver=Picard(), max_steps=5)
    diagnostics = Diagnostics(layer)
    with pytest.warns() as caught:
        trained(layer, diagnostics)
    (message,) = [str(w.message) for w in caught if w.category is WellPosednessWarning]
    assert "the solve failed for 4 (MAX_STEPS) of 4 samples" in message
    assert "after 5 steps" in message
    assert f"{diagnostics.rows[0]['residual']:.3g}" in message
    assert {w.category for w in caught} == {ConvergenceWarning, WellPosednessWarning}


def test_a_failed_backward_solve_is_said_with_its_numbers() -> None:
    layer = linear(0.9, adjoint=Implicit(max_products=2))
    diagnostics = Diagnostics(layer)
    with pytest.warns() as caught:
        trained(layer, diagnostics)
    (message,) = [str(w.message) for w in caught if w.category is WellPosednessWarning]
    assert "the backward solve failed for 4 (MAX_STEPS) of 4 samples" in message
    assert "after 2 products" in message
    assert diagnostics.rows[0]["backward_status"] == {"MAX_STEPS": 4}


def test_a_loss_can_be_an_error_or_silent() -> None:
    layer = linear(1.5)
    strict = Diagnostics(layer, on_loss=OnFailure.RAISE)
    with pytest.raises(WellPosednessError, match=r"ρ\(J\) = 1\.5"):
        trained(layer, strict)
    assert len(strict.rows) == 1  # the record is kept
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(layer, Diagnostics(layer, on_loss=OnFailure.IGNORE))
        trained(layer, Diagnostics(layer, max_radius=None))
    assert issubclass(WellPosednessError, ConvergenceError)


class Certified(Linear):
    bound = 1.0

    def certificate(self) -> object:
        class Certificate:
            lipschitz = self.bound

        return Certificate()


def test_a_certified_cell_is_held_to_its_certificate_not_to_its_radius() -> None:
    W = torch.diag(torch.tensor([-3.0, 0.5, 0.1], dtype=torch.float64))
    cell = Certified(W)
    layer = DEQ(cell)
    cell.bound = 3.0
    diagnostics = Diagnostics(layer, every=1)
    trained(layer, diagnostics)
    assert diagnostics.rows[0]["certified_lipschitz"] == 3.0
    assert diagnostics.rows[0]["lost"] == []
    cell.bound = 2.9
    with pytest.warns(WellPosednessWarning, match=r"‖J‖₂ = 3 is above the cell's certificate 2\.9"):
        trained(layer, diagnostics)


def test_gradients_without_a_linear_solve_have_no_backward_record() -> None:
    layer = linear(adjoint=PhantomGradient(terms=2))
    diagnostics = Diagnostics(layer)
    trained(layer, diagnostics)
    assert diagnostics.rows[0]["backward_status"] is None
    assert diagnostics.rows[0]["backward_products"] is None


def test_the_log_is_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    layer = linear()
    diagnostics = Diagnostics(layer, path=path)
    trained(layer, diagnostics, steps=3)
    layer(X)
    diagnostics.record(loss=float("nan"))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[:3] == diagnostics.rows[:3]
    assert rows[3]["loss"] is None


def test_a_record_after_the_optimisers_step_is_refused() -> None:
    layer = linear()
    diagnostics = Diagnostics(layer)
    with pytest.raises(ValueError, match="no solution yet"):
        diagnostics.record()
    layer(X).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    with pytest.raises(ValueError, match="before the optimiser's step"):
        diagnostics.record()


def test_a_state_that_is_not_finite_is_recorded_without_estimates() -> None:
    layer = DEQ(lambda z, x: z / 0 + x, on_failure=OnFailure.IGNORE)
    layer(X, z0=X * torch.inf)
    diagnostics = Diagnostics(layer, on_loss=OnFailure.IGNORE)
    row = diagnostics.record()
    assert row["status"] == {"NONFINITE": 4}
    assert row["spectral_radius"] is None
    assert "NONFINITE" in row["lost"][0]


def test_tuple_states() -> None:
    layer = DEQ(lambda z, x: (0.5 * z[1] + x, 0.5 * z[0] - x))
    layer(X, z0=(torch.zeros_like(X), torch.zeros_like(X)))
    row = Diagnostics(layer).record()
    assert row["spectral_radius"] == pytest.approx(0.5, rel=1e-6)


def test_the_plot_shows_every_quantity() -> None:
    layer = linear(0.9)
    diagnostics = Diagnostics(layer, every=2)
    with pytest.raises(ValueError, match="nothing to plot"):
        diagnostics.plot()
    trained(layer, diagnostics, steps=4)
    figure = diagnostics.plot()
    try:
        lines = {
            line.get_label(): line.get_xydata().tolist()
            for axis in figure.axes
            for line in axis.get_lines()
        }
        steps = [[float(r["step"]), float(r["max_steps"])] for r in diagnostics.rows]
        assert lines["solver steps, worst sample"] == steps
        radius = [[r["step"], r["spectral_radius"]] for r in diagnostics.rows[::2]]
        assert lines[r"$\rho(J)$"] == radius
        assert all(axis.get_ylabel() for axis in figure.axes)
        assert figure.axes[-1].get_xlabel()
    finally:
        plt.close(figure)


def test_bad_options_are_named() -> None:
    with pytest.raises(TypeError, match="layer must be a DEQ; got Linear"):
        Diagnostics(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="every must be an integer of at least 1"):
        Diagnostics(linear(), every=0)
    with pytest.raises(TypeError, match=r"on_loss must be a deqlab\.OnFailure"):
        Diagnostics(linear(), on_loss="raise")
