"""Problems in flat form: layouts, inputs, rows, precision."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from deqlab._loop import Rows
from deqlab._state import Layout, join_rows, select_rows
from deqlab.problem import make_problem

shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


@given(parts=st.lists(shapes, min_size=1, max_size=3), batch=st.integers(0, 3))
def test_unpack_inverts_pack(parts: list[tuple[int, ...]], batch: int) -> None:
    state = tuple(torch.randn(batch, *shape) for shape in parts)
    layout = Layout.of(state, 1)
    flat = layout.pack(state)
    assert flat.shape == (batch, sum(layout.sizes))
    for part, back in zip(state, layout.unpack(flat), strict=True):
        assert torch.equal(part, back)
    alone = Layout.of(state[0], 1)
    assert torch.equal(alone.unpack(alone.pack(state[0])), state[0])


@given(shape=st.lists(st.integers(1, 3), max_size=3).map(tuple))
def test_unpack_inverts_pack_for_one_problem(shape: tuple[int, ...]) -> None:
    z = torch.randn(shape)
    layout = Layout.of(z, 0)
    assert layout.pack(z).shape == (1, z.numel())
    assert torch.equal(layout.unpack(layout.pack(z)), z)


def test_inputs_are_found_in_containers_and_only_args_are_batched() -> None:
    x, y, W = torch.ones(2, 1), torch.ones(2, 3), torch.ones(3)

    def f(z: Tensor, args: dict[str, Any], W: list[Tensor], name: str) -> Tensor:
        assert name == "tanh"
        return z + args["x"] + args["more"][0].sum(1, keepdim=True) + W[0].sum()

    problem = make_problem(f, torch.zeros(2, 1), ({"x": x, "more": (y, None)},), ([W], "tanh"))
    assert all(t is u for t, u in zip(problem.inputs, (x, y, W), strict=True))
    assert problem.batched == (True, True, False)
    assert problem.at()(problem.z0).tolist() == [[7.0], [7.0]]
    doubled = problem.at(tuple(2 * t for t in problem.inputs))
    assert doubled(problem.z0).tolist() == [[14.0], [14.0]]


@given(rows=st.lists(st.integers(0, 4), max_size=6))
def test_rows_of_a_problem_are_the_rows_of_its_batch(rows: list[int]) -> None:
    x, W = torch.randn(5, 3), torch.randn(3, 3)
    problem = make_problem(lambda z, x, W: z @ W + x, torch.randn(5, 3), (x,), (W,))
    index = torch.tensor(rows, dtype=torch.int64)
    z = problem.z0[index]
    expected = z @ W + x[index]
    assert torch.equal(problem.at(rows=index)(z), expected)
    assert torch.equal(problem.select(index).at()(z), expected)
    assert torch.equal(problem.function(z, problem.inputs, rows=index), expected)
    wrapped = problem.with_(function=lambda *args, **kw: problem.function(*args, **kw))
    assert torch.equal(wrapped.at(rows=index)(z), expected)


def test_parameters_of_a_module_are_inputs_that_can_be_replaced() -> None:
    layer = nn.Linear(2, 2)
    problem = make_problem(layer, torch.ones(1, 2))
    assert problem.inputs[0] is layer.weight
    zeros = tuple(torch.zeros_like(p) for p in problem.inputs)
    assert problem.at(zeros)(problem.z0).tolist() == [[0.0, 0.0]]
    assert torch.equal(problem.at()(problem.z0), layer(problem.z0))


def test_step_is_declared_in_the_signature() -> None:
    class Stepwise(nn.Module):
        def forward(self, z: Tensor, step: int) -> Tensor:
            return z * step

    assert make_problem(Stepwise(), torch.ones(1, 1)).stepwise
    assert make_problem(Stepwise(), torch.ones(1, 1)).at()(torch.ones(1, 1), step=3).item() == 3
    assert make_problem(lambda z, step: z, torch.ones(1, 1)).stepwise
    assert not make_problem(torch.cos, torch.ones(1, 1)).stepwise


def test_autocast_is_remembered() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        problem = make_problem(lambda z: z @ z.T, torch.ones(2, 2))
    assert problem.precision == torch.bfloat16
    y = problem.at()(torch.full((2, 2), 1 + 2**-10))
    assert y.dtype == torch.float32
    assert y.tolist() == [[2.0, 2.0], [2.0, 2.0]]  # 1 + 2^-10 is 1 in bfloat16
    assert make_problem(torch.cos, torch.ones(2, 2)).precision == torch.float32


def test_joined_rows_are_the_rows_before_selection() -> None:
    state = (torch.randn(5, 2), (torch.arange(5), None), 7)
    order = torch.tensor([3, 0, 4, 1, 2])
    first, second = (select_rows(state, part) for part in (order[:2], order[2:]))
    joined = join_rows([first, second], order.argsort())
    assert torch.equal(joined[0], state[0])
    assert torch.equal(joined[1][0], state[1][0])
    assert joined[1][1:] == (None,)
    assert joined[2] == 7


def test_every_field_of_the_loop_has_rows() -> None:
    """A field without rows would survive compaction unnoticed."""
    assert all(name in ("Tensor", "Any", Tensor, Any) for name in Rows.__annotations__.values())


@pytest.mark.parametrize("device", ["meta"])
def test_an_input_on_another_device_is_an_error(device: str) -> None:
    with pytest.raises(TypeError, match="on the device of z0, cpu; got meta"):
        make_problem(lambda z, x: z, torch.ones(1, 1), (torch.ones(1, 1, device=device),))
