"""The presets: each can be built, trained and halted, and says where it comes from."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from deqlab import JacobianFree, Unrolled, count_flops, count_parameters
from deqlab.looped import (
    PRESETS,
    HaltingHead,
    LoopedTransformer,
    LoopedTransformerConfig,
    Mixer,
    Positions,
    Tying,
    fir_control,
    looped_preset,
)
from deqlab.looped.flops import flops_per_token, implicit_flops_per_token, loop_flops

TOKENS = torch.randint(7, (3, 5), generator=torch.Generator().manual_seed(0))
SMALL: dict[str, Any] = {"vocab_size": 7, "width": 16, "heads": 2, "hidden": 24}


def build(name: str, **options: Any) -> LoopedTransformer:
    torch.manual_seed(0)
    return looped_preset(name).build(**{**SMALL, **options})


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_trains_and_halts(name: str) -> None:
    model = build(name)
    preset = PRESETS[name]
    stop = preset.stop(model) if preset.stop else None
    rule = stop if name == "deq-transformer" else None  # its gradient holds at a fixed point
    output = model(TOKENS, stop=rule)
    loss = output.logits.square().mean()
    if output.halting is not None and model.config.halting_head is not HaltingHead.ACT:
        loss = loss + output.halting.square().mean()
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(torch.isfinite(parameter.grad).all()), parameter_name
    with torch.no_grad():
        loops = model.config.loops if model.config.tying is Tying.NONE else 12
        halted = model.eval()(TOKENS, stop=stop, loops=loops, compact=True)
    assert bool((halted.loops <= loops).all())
    assert bool(torch.isfinite(halted.logits).all())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_says_where_it_comes_from(name: str) -> None:
    preset = PRESETS[name]
    assert preset.name == name
    assert preset.citation
    assert preset.source
    if preset.source != "this book":
        assert preset.not_reproduced
    config = preset.config(**SMALL)
    assert LoopedTransformerConfig.from_json(config.to_json()) == config


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no preset 'tmr'; the presets are"):
        looped_preset("tmr")


def test_the_fir_preset_is_the_control_of_the_book_s() -> None:
    assert fir_control(PRESETS["book"].config(vocab_size=2)) == PRESETS["fir"].config(vocab_size=2)


def test_the_book_s_model_is_small() -> None:
    assert count_parameters(PRESETS["book"].build(vocab_size=2)) < 9000


SHAPES: list[dict[str, Any]] = [
    {},
    {"prelude": 1, "coda": 2, "layers": 2, "convolution": 3},
    {"mixer": Mixer.MLP, "positions": Positions.NONE, "max_length": 5},
]


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["trm", "hrm", "huginn", "fprm", "deq-transformer", "fir"])
def test_the_flops_of_a_forward_pass_are_counted(name: str, options: dict[str, Any]) -> None:
    """The formula against a count of the operations of a run (attention as dense products)."""
    try:
        config = replace(PRESETS[name].config(**SMALL), **{"causal": False, "loops": 2, **options})
    except ValueError:
        return
    model = LoopedTransformer(config, adjoint=Unrolled())
    per_token = flops_per_token(model, 5, loops=config.loops)
    counted = count_flops(model, TOKENS)
    if config.halting_head is HaltingHead.Q:
        counted -= 2 * len(TOKENS) * config.width  # one number per sample
    assert counted == per_token * TOKENS.numel()


def test_the_flops_of_training() -> None:
    """A loop without gradient costs a third of one with it; the implicit gradient has its own."""
    model = build("huginn")
    inside, outside = loop_flops(model, 5), flops_per_token(model, 5, loops=1)
    outside -= inside
    cost = flops_per_token(model, 5, loops=32, differentiated=8)
    assert cost == 3 * outside + (24 + 3 * 8) * inside
    implicit = implicit_flops_per_token(model, 5, evaluations=20, products=15)
    assert implicit == 3 * outside + (20 + 15 + 3) * inside
    with pytest.raises(ValueError, match="differentiated=3 exceeds loops=2"):
        flops_per_token(model, 5, loops=2, differentiated=3)


def test_a_one_step_gradient_of_the_book_s_model_runs() -> None:
    config = PRESETS["book"].config(vocab_size=2)
    model = LoopedTransformer(config, adjoint=JacobianFree())
    model(torch.tensor([[0, 1, 1]])).logits.sum().backward()
    assert bool(model.embedding.weight.grad.any())
