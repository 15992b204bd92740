"""HRM, TRM and EqR: the recursion of y and z, what of it is differentiated, and EqR's noise."""

import pytest
import torch
from torch import Tensor

from deqlab.looped import Mixer, Positions

from .parts import linear, within
from .setting import BATCH, LENGTH, WIDTH, agree, build, inputs, spoiled, tokens, weights
from .two_states import latent_recursion, reasoning_module

MLP_MIXER = {"mixer": Mixer.MLP, "max_length": LENGTH, "positions": Positions.NONE}
YZ_STATE: dict[str, tuple[str, dict[str, object], dict[str, float]]] = {
    "hrm": ("hrm", {}, {"cycles": 2}),
    "trm": ("trm", {}, {"cycles": 6}),
    "trm, MLP over positions": ("trm", MLP_MIXER, {"cycles": 6}),
    "eqr": ("eqr", {"noise": 0.0}, {"cycles": 6, "relaxation": 0.95}),
}


@pytest.mark.parametrize("case", YZ_STATE)
def test_one_update_of_two_states_is_that_of_the_source(case: str) -> None:
    preset, options, settings = YZ_STATE[case]
    model = build(preset, **options)
    e, y, z, w = inputs(1), inputs(2), inputs(4), within(weights(model), "loop.")
    out = model.loop((y, z), e)
    for mine, theirs in zip(out, latent_recursion(w, y, z, e, **settings), strict=True):
        agree(mine, theirs)
    for name in w:
        answer, _ = latent_recursion(spoiled(w, name), y, z, e, **settings)
        assert (out[0] - answer).abs().max() > 1e-4, name
    assert ("answer_core.layers.0.mixer.function.qkv.weight" in w) == (preset == "hrm")


@pytest.mark.parametrize(
    ("case", "recursions", "last_update_only"),
    [("hrm", 2, True), ("trm", 3, False), ("trm, MLP over positions", 3, False), ("eqr", 3, False)],
)
def test_recursions_and_their_truncated_gradient(
    case: str, recursions: int, last_update_only: bool
) -> None:
    """No gradient before the last recursion; HRM: none before its last update of z and of y."""
    preset, options, settings = YZ_STATE[case]
    model = build(preset, **options)
    w = weights(model)
    loop, x = within(w, "loop."), w["embedding.weight"][tokens()]
    state = (inputs(2), inputs(4))
    y, z = (
        (w["initial.vectors"].expand(BATCH, LENGTH, 2, WIDTH).unbind(2))
        if preset != "eqr"
        else state
    )
    with torch.no_grad():
        for _ in range(recursions - 1):
            y, z = latent_recursion(loop, y, z, x, **settings)
        if last_update_only:
            for _ in range(int(settings["cycles"]) - 1):
                z = reasoning_module(within(loop, "core."), z + y + x)
    if last_update_only:
        y, z = latent_recursion(loop, y, z, x, cycles=1)
    else:
        y, z = latent_recursion(loop, y, z, x, **settings)
    logits = linear(w, "head", y)
    output = model(tokens(), **({"state": state} if preset == "eqr" else {}))
    agree(output.logits, logits)
    learned = {n: p for n, p in model.named_parameters() if "halting" not in n}
    mine = torch.autograd.grad(
        output.logits.square().sum(), list(learned.values()), allow_unused=True
    )
    theirs = torch.autograd.grad(logits.square().sum(), list(learned.values()), allow_unused=True)
    for name, a, b in zip(learned, mine, theirs, strict=True):
        assert (a is None) == (b is None), name
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9, msg=name)


def test_eqr_adds_noise_to_every_update() -> None:
    """+ β ξ after the relaxation, β = 0.01, in the update of z and in that of y."""
    model = build("eqr", inner_loops=1)
    core = within(weights(model), "loop.core.")
    e, y, z = inputs(1), inputs(2), inputs(4)
    noise: dict[str, list[Tensor]] = {"y": [], "z": []}
    with torch.no_grad():
        for _ in range(100):
            y1, z1 = model.loop((y, z), e)
            noise["z"].append(z1 - 0.05 * z - 0.95 * reasoning_module(core, z + y + e))
            noise["y"].append(y1 - 0.05 * y - 0.95 * reasoning_module(core, y + z1))
    for samples in noise.values():
        xi = torch.stack(samples)
        assert float(xi.std()) == pytest.approx(0.01, rel=0.03)
        assert abs(xi.mean()) < 5 * 0.01 / xi.numel() ** 0.5
