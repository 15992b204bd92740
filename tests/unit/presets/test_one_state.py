"""DEQ-Transformer, Universal Transformer, ALBERT, Huginn, Ouro, FPRM, this book and its control."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from deqlab import RelativeResidual
from deqlab.looped import Positions

from .one_state import (
    albert,
    book,
    deq_transformer,
    fprm,
    huginn,
    huginn_block,
    ouro,
    universal_transformer,
)
from .parts import depth, linear, rms_norm, within
from .setting import LENGTH, WIDTH, agree, build, inputs, spoiled, tokens, weights

Update = Callable[..., Tensor]

Z_STATE: dict[str, tuple[Update, dict[str, object]]] = {
    "deq-transformer": (deq_transformer, {}),
    "universal-transformer": (universal_transformer, {}),
    "albert": (albert, {"max_length": LENGTH}),
    "huginn": (huginn, {}),
    "ouro": (ouro, {}),
    "book": (book, {}),
    "fprm": (fprm, {}),
}


@pytest.mark.parametrize("preset", Z_STATE)
def test_one_update_is_that_of_the_source(preset: str) -> None:
    update, options = Z_STATE[preset]
    model = build(preset, **options)
    e, z, w = inputs(1), inputs(2), within(weights(model), "loop.core.")
    fz = model.loop(z, e)
    agree(fz, update(w, z, e))
    for name in w:
        assert (fz - update(spoiled(w, name), z, e)).abs().max() > 1e-4, name


def test_deq_transformer_ends_at_a_fixed_point_of_the_source() -> None:
    """From z = 0; the injection is made once from the embedding and added in every evaluation."""
    model = build("deq-transformer")
    with torch.no_grad():
        for layer in model.loop.core.layers:
            layer.mixer.function.out.weight *= 0.1
            layer.feed_forward.function.contract.weight *= 0.1
    w = weights(model)
    e = w["embedding.weight"][tokens()]
    assert not model.start(e).any()
    output = model(tokens(), loops=200, stop=RelativeResidual(rtol=1e-12))
    agree(output.state, deq_transformer(within(w, "loop.core."), output.state, e))
    agree(output.logits, linear(w, "head", output.state))


@pytest.mark.parametrize("preset", ["albert", "book"])
def test_recursion_from_the_initial_state_to_the_logits(preset: str) -> None:
    """From zero, or from the embedding itself (ALBERT, with learned positions added to it)."""
    update, options = Z_STATE[preset]
    model = build(preset, **options)
    w = weights(model)
    e = w["embedding.weight"][tokens()]
    z = torch.zeros_like(e)
    if preset == "albert":
        z = e = e + w["positions.weight"]
    for _ in range(3):
        z = update(within(w, "loop.core."), z, e)
    output = model(tokens(), loops=3)
    agree(output.state, z)
    agree(output.logits, linear(w, "head", z))


def test_fir_control_has_a_core_of_its_own_in_every_loop() -> None:
    """The equation of the book's block, its weights untied: z ← f_k(z, e)."""
    model = build("fir", loops=3)
    w = weights(model)
    cores = depth(within(w, "loop."), "cores.")
    assert len(cores) == 3
    e = w["embedding.weight"][tokens()]
    z = torch.zeros_like(e)
    for k, core in enumerate(cores):
        agree(model.loop(z, e, step=k), book(core, z, e))
        z = book(core, z, e)
    agree(model(tokens()).logits, linear(w, "head", z))


def test_huginn_from_prelude_to_coda() -> None:
    """e = P(x), s_i = R(e, s_{i-1}), p = C(s_r); one norm is used twice, before and after C."""
    model = build("huginn")
    w = weights(model)
    norm = partial(rms_norm, gain=w["norm.weight"], eps=1e-6)
    e = w["embedding.weight"][tokens()]
    for layer in depth(w, "prelude."):
        e = huginn_block(layer, e)
    agree(model.embed(tokens()), e)
    s = inputs(2)
    output = model(tokens(), loops=3, state=s)
    for _ in range(3):
        s = huginn(within(w, "loop.core."), s, e)
    agree(output.state, s)
    s = norm(s)
    for layer in depth(w, "coda."):
        s = huginn_block(layer, s)
    agree(output.logits, linear(w, "head", norm(s)))


@pytest.mark.parametrize(("preset", "std"), [("huginn", math.sqrt(2 / 5)), ("fprm", 6.0)])
def test_initial_state_is_a_truncated_normal(preset: str, std: float) -> None:
    """Huginn: σ = √(2/5d) cut off at 3σ, times the embedding's scale √d. FPRM: σ = 6."""
    model = build(preset)
    z = model.start(torch.zeros(50, 40, WIDTH, dtype=torch.float64))
    assert z.abs().max() <= 3 * std
    assert abs(z.mean()) < 5 * std / z.numel() ** 0.5
    assert float(z.std()) == pytest.approx(std, rel=0.03)
    assert not torch.equal(z[0], z[1])


def test_ouro_starts_at_the_embedding_and_its_gate_reads_the_normed_state() -> None:
    model = build("ouro")
    w = weights(model)
    z = w["embedding.weight"][tokens()]
    for _ in range(4):
        z = ouro(within(w, "loop.core."), z, torch.zeros_like(z))
    output = model(tokens())
    agree(output.logits, linear(w, "head", z))
    agree(output.halting, linear(w, "halting_unit", z)[..., 0])


@pytest.mark.parametrize("step", [0, 1, 7])
def test_universal_transformer_knows_the_time(step: int) -> None:
    model = build("universal-transformer")
    w = within(weights(model), "loop.core.")
    agree(
        model.loop(inputs(), inputs(2), step=step),
        universal_transformer(w, inputs(), inputs(), step),
    )


def test_fprm_causal_with_four_taps_is_the_setting_of_state_tracking() -> None:
    """config/cfg_pretrain_state_tracking_fprm_a5.yaml: causal, conv1d of 4 taps, no positions."""
    model = build("fprm", causal=True, convolution=4, positions=Positions.NONE)
    w = within(weights(model), "loop.core.")
    agree(model.loop(inputs(2), inputs(1)), fprm(w, inputs(2), inputs(1), causal=True))
