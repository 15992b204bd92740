"""The DEQ module: a layer like any other to PyTorch."""

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import deqlab
from deqlab import DEQ, OnFailure, Picard, RelativeResidual


class Cell(nn.Module):
    def __init__(self, size: int = 4, inputs: int = 3) -> None:
        super().__init__()
        self.state = nn.Linear(size, size)
        self.inject = nn.Linear(inputs, size)
        with torch.no_grad():
            self.state.weight.mul_(0.5)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        return torch.tanh(self.state(z) + self.inject(x))


@pytest.fixture
def layer() -> DEQ:
    torch.manual_seed(0)
    return DEQ(Cell(), state_shape=(4,))


def x(batch: int = 5) -> Tensor:
    return torch.randn(batch, 3, generator=torch.Generator().manual_seed(1))


def test_output_solves_the_equation(layer: DEQ) -> None:
    z = layer(x())
    assert z.shape == (5, 4)
    residual = torch.linalg.vector_norm(layer.cell(z, x()) - z, dim=1)
    assert (residual <= 2e-5 * torch.linalg.vector_norm(z, dim=1)).all()


def test_gradients_reach_every_parameter_in_train_and_eval_mode(layer: DEQ) -> None:
    gradients = []
    for mode in (layer.train, layer.eval):
        mode()
        layer.zero_grad()
        layer(x()).square().sum().backward()
        gradients.append([p.grad.clone() for p in layer.parameters()])
    assert len(gradients[0]) == 4
    for train, evaluation in zip(*gradients, strict=True):
        assert torch.equal(train, evaluation)
        assert train.abs().max() > 0


def test_the_last_solutions_are_kept(layer: DEQ) -> None:
    assert layer.solution is None
    value = layer(x())
    assert layer.solution.converged().all()
    assert torch.equal(layer.solution.value, value)
    assert not layer.solution.value.requires_grad
    assert layer.solution.adjoint is None
    value.sum().backward()
    assert layer.solution.adjoint.converged().all()
    assert not layer.solution.adjoint.value.requires_grad


def test_pickle_deepcopy_and_save(layer: DEQ) -> None:
    value = layer(x())
    value.sum().backward()
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    twins = (
        pickle.loads(pickle.dumps(layer)),
        copy.deepcopy(layer),
        torch.load(buffer, weights_only=False),
    )
    for twin in twins:
        assert twin.solution is None
        assert torch.equal(twin(x()), value)
    twin = DEQ(Cell(), state_shape=(4,))
    twin.load_state_dict(layer.state_dict())
    assert torch.equal(twin(x()), value)


def test_an_exponential_moving_average(layer: DEQ) -> None:
    layer(x()).sum().backward()
    average = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    before = [p.detach().clone() for p in layer.parameters()]
    average.update_parameters(layer)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(1.0)
    average.update_parameters(layer)
    for p, old in zip(average.module.parameters(), before, strict=True):
        torch.testing.assert_close(p, old + 0.5)
    average(x())


def test_training_lowers_a_loss(layer: DEQ) -> None:
    optimiser = torch.optim.Adam(layer.parameters(), lr=1e-2)
    target = 0.5 * torch.tanh(x() @ torch.ones(3, 4))
    losses = []
    for _ in range(30):
        loss = (layer(x()) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_warm_start_continues_where_the_batch_fits(layer: DEQ) -> None:
    layer.warm_start = True
    cold = layer(x())
    steps = layer.solution.num_steps
    assert (steps > 0).all()
    warm = layer(x())
    assert layer.solution.num_steps.tolist() == [0] * 5
    assert torch.equal(warm, cold)
    layer(x(3))  # another batch size: from zero
    assert (layer.solution.num_steps > 0).all()


def test_a_start_can_be_given_and_defaults_to_the_shape_of_x() -> None:
    layer = DEQ(lambda z, x: torch.tanh(0.5 * z + x))
    value = layer(x())
    assert value.shape == (5, 3)
    layer(x(), z0=value.detach())
    assert layer.solution.num_steps.tolist() == [0] * 5


def test_tuple_states_through_z0() -> None:
    def cell(z: tuple[Tensor, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = z
        return torch.tanh(0.4 * b + x), torch.tanh(0.4 * a - x)

    layer = DEQ(cell)
    a, b = layer(x(), z0=(torch.zeros(5, 3), torch.zeros(5, 3)))
    torch.testing.assert_close(a, torch.tanh(0.4 * b + x()), rtol=0, atol=1e-4)


def test_finished_samples_leave_the_computation() -> None:
    rows = []

    def cell(z: Tensor, x: Tensor) -> Tensor:
        rows.append(len(z))
        return x * torch.cos(z)

    layer = DEQ(cell, solver=Picard())
    with torch.no_grad():
        layer(torch.tensor([[0.1], [0.9], [0.5]]))
    assert sum(rows) == int(layer.solution.nfe.sum())
    assert rows[-1] == 1


def test_options_are_those_of_fixed_point() -> None:
    layer = DEQ(Cell(), state_shape=(4,), max_steps=1, stop=RelativeResidual(rtol=1e-7))
    with pytest.warns(deqlab.ConvergenceWarning, match="after 1 steps"):
        layer(x())
    layer.on_failure = OnFailure.RAISE
    with pytest.raises(deqlab.ConvergenceError):
        layer(x())
    with pytest.raises(TypeError, match="max_step"):
        DEQ(Cell(), max_step=3)
    assert "max_steps=1" in repr(layer)


def test_autocast_and_bfloat16(layer: DEQ) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = layer(x())
    assert layer.solution.converged().all()
    value.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())
    low = copy.deepcopy(layer).to(torch.bfloat16)
    value = low(x().to(torch.bfloat16))
    assert value.dtype == torch.bfloat16
    assert low.solution.converged().all()
    value.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in low.parameters())
