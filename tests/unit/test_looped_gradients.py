"""One gradient family on one model: unrolled, truncated, Neumann, one-step, implicit."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from deqlab import (
    Anderson,
    Implicit,
    JacobianFree,
    PhantomGradient,
    RelativeResidual,
    TruncatedNeumann,
    Unrolled,
)
from deqlab.looped import (
    HaltingHead,
    InitialState,
    Injection,
    Latents,
    LoopedTransformer,
    LoopedTransformerConfig,
    Tying,
)

TOKENS = torch.randint(5, (2, 4), generator=torch.Generator().manual_seed(1))


def make(adjoint: Any = None, **options: Any) -> LoopedTransformer:
    """z ← RMSNorm(z + e + branches): a large e makes it a contraction of factor about 1/3."""
    torch.manual_seed(0)
    config = LoopedTransformerConfig(
        **{
            "vocab_size": 5,
            "width": 8,
            "heads": 2,
            "hidden": 8,
            "loops": 4,
            "loop_norm": True,
            "final_norm": False,
            **options,
        }
    )
    model = LoopedTransformer(config, adjoint=adjoint or Unrolled()).double()
    with torch.no_grad():
        model.embedding.weight.mul_(3)
    return model


def gradient(model: LoopedTransformer, **options: Any) -> Tensor:
    """Of a fixed function of the logits, in all parameters of the loop and the embedding."""
    return pulled(model, model(TOKENS, **options).logits)


def pulled(model: LoopedTransformer, logits: Tensor) -> Tensor:
    weights = [model.embedding.weight, *model.loop.parameters()]
    v = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).reshape(logits.shape)
    grads = torch.autograd.grad((logits * v).sum(), weights, allow_unused=True)
    return torch.cat(
        [
            (torch.zeros_like(w) if g is None else g).flatten()
            for w, g in zip(weights, grads, strict=True)
        ]
    )


def by_hand(model: LoopedTransformer, loops: int, differentiated: int) -> Tensor:
    """A plain Python loop whose first loops are constants."""
    e = model.embed(TOKENS)
    z = torch.zeros_like(e)
    for k in range(loops):
        z = model.loop(z, e)
        if k < loops - differentiated:
            z = z.detach()
    return pulled(model, model.decode(z))


def error(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("adjoint", [Unrolled(), Unrolled(checkpoint=True)], ids=str)
def test_backpropagation_through_all_loops(adjoint: Unrolled) -> None:
    model = make(adjoint)
    assert error(gradient(model), by_hand(model, 4, 4)) < 1e-13


@pytest.mark.parametrize("k", [1, 3])
def test_truncated_backpropagation(k: int) -> None:
    """By the adjoint, by burn-in, and by hand."""
    model = make(Unrolled(truncate=k), loops=6)
    expected = by_hand(model, 6, k)
    assert error(gradient(model), expected) < 1e-13
    model.adjoint = Unrolled()
    assert error(gradient(model, burn_in=6 - k, loops=k), expected) < 1e-13
    if k == 3:
        assert error(by_hand(model, 6, 6), expected) > 1e-6  # a whole unrolling is something else


def test_truncation_costs_one_solve_where_the_loops_are_fixed() -> None:
    model = make(Unrolled(truncate=2), loops=6)
    calls: list[bool] = []
    model.loop.core.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    output = model(TOKENS)
    assert calls == [False] * 4 + [True] * 2
    assert output.solution.nfe.tolist() == [6, 6]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_truncated_backpropagation_is_the_truncated_neumann_series_at_the_fixed_point(
    k: int,
) -> None:
    """Both are Σ_{i<k} (Jᵀ)^i v at the same point, once 60 loops have reached it."""
    model = make(Unrolled(truncate=k), loops=60)
    truncated = gradient(model)
    model.adjoint = TruncatedNeumann(k)
    assert error(truncated, gradient(model)) < 1e-10
    if k == 1:
        model.adjoint = JacobianFree()
        assert error(truncated, gradient(model)) < 1e-10


def test_the_truncation_error_shrinks_with_the_jacobian() -> None:
    """It is (Jᵀ)^k w: from k to k + 1 it falls by about the spectral radius, and to nothing."""
    model = make(loops=80)
    exact = gradient(model)
    errors = []
    for k in (1, 2, 4, 8, 16, 32):
        model.adjoint = TruncatedNeumann(k)
        errors.append(error(gradient(model), exact))
    assert all(b < a for a, b in itertools.pairwise(errors))
    assert errors[-1] < 1e-8


@pytest.mark.parametrize("solver", [None, Anderson()], ids=["picard", "anderson"])
def test_the_implicit_gradient_is_the_limit_of_unrolling(solver: Any) -> None:
    model = make(loops=80)
    unrolled = gradient(model)
    model.adjoint, model.own_solver = Implicit(rtol=1e-12), solver
    implicit = gradient(model, stop=RelativeResidual(rtol=1e-12))
    assert error(implicit, unrolled) < 1e-9


def test_the_phantom_gradient_relaxes() -> None:
    """τ Σ_{i<k} ((1 − τ) I + τ J)^i: k relaxed loops from the fixed point."""
    model = make(PhantomGradient(terms=3, relaxation=0.5), loops=60)
    e = model.embed(TOKENS)
    z = model(TOKENS).carry
    for _ in range(3):
        z = 0.5 * z + 0.5 * model.loop(z, e)
    assert error(gradient(model), pulled(model, model.decode(z))) < 1e-10


def test_the_one_step_gradient_of_two_latents() -> None:
    """HRM: constants up to the last update of z, then one update of z and one of y."""
    model = make(
        Unrolled(truncate=1),
        state=Latents.YZ,
        loops=2,
        inner_loops=3,
        inner_gradient=1,
        shared_latents=False,
    )
    e = model.embed(TOKENS)
    core, answer = model.loop.core, model.loop.answer_core
    y = z = torch.zeros_like(e)
    for last in (False, True):
        for i in range(3):
            z = core(z, y + e)
            if not (last and i == 2):
                z = z.detach()
        y = answer(y, z)
        if not last:
            y = y.detach()
    assert error(gradient(model), pulled(model, model.decode(y))) < 1e-13


def test_a_checkpointed_loop_saves_states_only() -> None:
    """Bytes kept for the backward pass grow by a state per loop, not by a block's activations."""

    def saved(adjoint: Unrolled, loops: int) -> int:
        model, kept = make(adjoint, loops=loops), []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: kept.append(x.numel()) or x, lambda x: x
        ):
            model(TOKENS)
        return sum(kept)

    state = TOKENS.numel() * 8
    whole = (saved(Unrolled(), 20) - saved(Unrolled(), 10)) / 10
    lean = (saved(Unrolled(checkpoint=True), 20) - saved(Unrolled(checkpoint=True), 10)) / 10
    assert lean <= 3 * state  # z and e are noted, the rest is computed again
    assert whole > 10 * state


NO_EQUATION: list[tuple[dict[str, Any], Any, str]] = [
    ({"tying": Tying.NONE}, Implicit(), "an untied stack is another map at every step"),
    ({"tying": Tying.NONE}, JacobianFree(), "an untied stack is another map at every step"),
    ({"time_signal": True}, TruncatedNeumann(2), "time_signal makes the loop another map"),
    ({"halting_head": HaltingHead.ACT}, Implicit(), "ACT averages the states on the way"),
    ({"noise": 0.1}, Implicit(), "with noise=0.1 the loop has no fixed point"),
    (
        {"state": Latents.YZ, "inner_loops": 2, "inner_gradient": 1},
        Implicit(),
        "Implicit needs the whole derivative of f",
    ),
    (
        {"injection": Injection.NONE, "initial": InitialState.INPUT},
        Implicit(),
        "the embedding would never be trained",
    ),
    ({"injection": Injection.ONCE}, JacobianFree(), "the embedding would never be trained"),
    ({"injection": Injection.ONCE}, Unrolled(truncate=3), "the embedding would never be trained"),
]


@pytest.mark.parametrize(("options", "adjoint", "text"), NO_EQUATION, ids=lambda x: str(x)[:40])
def test_a_gradient_that_does_not_exist_is_refused_at_construction(
    options: dict[str, Any], adjoint: Any, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        make(adjoint, **options)


def test_a_solver_and_a_damped_configuration_exclude_each_other() -> None:
    for options in ({"relaxation": 0.5}, {"patience": 3}, {"tying": Tying.NONE}):
        config = LoopedTransformerConfig(vocab_size=5, **options)
        with pytest.raises(ValueError, match="leave one of the two out"):
            LoopedTransformer(config, solver=Anderson())
    with pytest.raises(TypeError, match="adjoint must be an instance"):
        LoopedTransformer(LoopedTransformerConfig(vocab_size=5), adjoint=Unrolled)  # type: ignore[arg-type]


def test_a_whole_unrolling_may_be_called_truncated() -> None:
    """truncate ≥ N reaches the initial state, so an input that is injected once is trained."""
    model = make(Unrolled(truncate=4), injection=Injection.ONCE)
    assert error(gradient(model), pulled_once(model)) < 1e-13


def pulled_once(model: LoopedTransformer) -> Tensor:
    z = e = model.embed(TOKENS)
    for _ in range(4):
        z = model.loop(z, e)
    return pulled(model, model.decode(z))
