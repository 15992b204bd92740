"""What the backward pass keeps: nothing that grows with the steps, except where it must."""

import pytest
import torch
from torch import Tensor, nn

from deqlab import Implicit, JacobianFree, PhantomGradient, Unrolled
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard


class Cell(nn.Module):
    """z ↦ tanh(V relu(Wz) + x): f saves more than its argument."""

    def __init__(self, d: int) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.W = nn.Parameter(torch.randn(4 * d, d, generator=g) / (4 * d**0.5))
        self.V = nn.Parameter(torch.randn(d, 4 * d, generator=g) / (4 * d**0.5))

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        return torch.tanh(torch.relu(z @ self.W.T) @ self.V.T + x)


def saved_bytes(adjoint: object, steps: int) -> int:
    """Bytes of distinct tensors packed for backward during `steps` steps."""
    cell, x = Cell(16), torch.ones(8, 16)
    kept: dict[int, Tensor] = {}

    def pack(t: Tensor) -> Tensor:
        kept[t.untyped_storage().data_ptr()] = t
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        fixed_point(
            cell,
            torch.zeros_like(x),
            x,
            solver=Picard(),
            stop=None,
            max_steps=steps,
            adjoint=adjoint,
        )
    return sum(t.untyped_storage().nbytes() for t in kept.values())


@pytest.mark.parametrize("adjoint", [Implicit(), JacobianFree(), PhantomGradient(terms=5)])
def test_bytes_saved_for_backward_do_not_depend_on_max_steps(adjoint: object) -> None:
    assert saved_bytes(adjoint, 2) == saved_bytes(adjoint, 50)


def test_unrolling_saves_every_step_and_checkpointing_only_the_states() -> None:
    plain = [saved_bytes(Unrolled(), k) for k in (10, 20, 40)]
    assert plain[2] - plain[1] == 2 * (plain[1] - plain[0])
    state, hidden = 8 * 16 * 4, 8 * 64 * 4
    assert (plain[1] - plain[0]) / 10 >= state + hidden
    lean = [saved_bytes(Unrolled(checkpoint=True), k) for k in (10, 20, 40)]
    assert lean[2] - lean[1] == 2 * (lean[1] - lean[0])
    assert (lean[1] - lean[0]) / 10 <= 2 * state


def test_truncated_unrolling_saves_the_last_steps() -> None:
    assert saved_bytes(Unrolled(truncate=5), 20) == saved_bytes(Unrolled(truncate=5), 60)
