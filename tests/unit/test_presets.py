"""Each preset of the looped transformer against a transcription of its system's equations.

The transcriptions are written from the papers and from the authors' code, named beside each, by
someone who has not read `deqlab.looped`: products of matrices, a softmax, two norms. Weights are
random, in double precision; one update and several must agree to 1e-10, and gradients where the
system truncates them. That every weight of a loop takes part is a test of its own: the
transcription with that weight changed no longer agrees.
"""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from deqlab import RelativeResidual
from deqlab.looped import LoopedTransformer, Mixer, Positions, looped_preset

BATCH, LENGTH, WIDTH, HEADS, HIDDEN, VOCABULARY = 2, 5, 16, 2, 24, 7

Weights = dict[str, Tensor]
Update = Callable[..., Tensor]


def within(w: Weights, prefix: str) -> Weights:
    return {name[len(prefix) :]: v for name, v in w.items() if name.startswith(prefix)}


def depth(w: Weights, prefix: str = "layers.") -> list[Weights]:
    count = len({name.split(".")[1] for name in w if name.startswith(prefix)})
    return [within(w, f"{prefix}{i}.") for i in range(count)]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    y = x @ w[f"{name}.weight"].mT
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def rms_norm(x: Tensor, gain: Tensor | float = 1.0, *, eps: float) -> Tensor:
    return gain * x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


def layer_norm(x: Tensor, w: Weights | None = None, *, eps: float) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    x = x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)
    return x if w is None else w["weight"] * x + w["bias"]


def rotate_halves(x: Tensor) -> Tensor:
    """Rotary positions, channel j paired with channel j + h/2 (HRM, TRM, EqR, FPRM, Ouro)."""
    t, h = torch.arange(x.shape[-2], dtype=x.dtype), x.shape[-1]
    angle = t[:, None] * 10000.0 ** (-torch.arange(0, h, 2, dtype=x.dtype) / h)
    a, b = x[..., : h // 2], x[..., h // 2 :]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


def rotate_neighbours(x: Tensor) -> Tensor:
    """Rotary positions, channel 2j paired with channel 2j + 1 (Huginn)."""
    t, h = torch.arange(x.shape[-2], dtype=x.dtype), x.shape[-1]
    angle = t[:, None] * 10000.0 ** (-torch.arange(0, h, 2, dtype=x.dtype) / h)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(turned * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


def attention(
    w: Weights,
    x: Tensor,
    *,
    causal: bool = False,
    rotate: Callable[[Tensor], Tensor] = lambda x: x,
    injected: Tensor | float = 0.0,
) -> Tensor:
    """Multi-head attention: softmax(q kᵀ / √h) v, heads side by side, then one matrix."""
    q, k, v = (
        part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for part in (linear(w, "qkv", x) + injected).chunk(3, -1)
    )
    scores = rotate(q) @ rotate(k).mT / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -math.inf)
    return linear(w, "out", (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2))


def swiglu(w: Weights, x: Tensor) -> Tensor:
    gate, value = linear(w, "expand", x).chunk(2, -1)
    return linear(w, "contract", gate * torch.sigmoid(gate) * value)


def convolve(taps: Tensor, z: Tensor, *, causal: bool) -> Tensor:
    """Each channel along the positions; the last tap, or the middle one, is position t itself."""
    n = taps.shape[-1]
    centre = n - 1 if causal else n // 2
    out = torch.zeros_like(z)
    for t in range(z.shape[1]):
        for i in range(n):
            if 0 <= t + i - centre < z.shape[1]:
                out[:, t] += taps[:, 0, i] * z[:, t + i - centre]
    return out


# --------------------------------------------------------------------------- one state z


def deq_transformer(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """S. Bai et al. 2019, section 4: LN(φ(LN(Attention(z W + U x) + z))), φ with its residual.

    `locuslab/deq`, DEQ-Sequence/models/deq_transformer.py, post-norm: the norms have no gain, the
    product with z no bias, the injection has one. Without positions and memory.
    """
    (layer,) = depth(w)
    mixer, feed_forward = within(layer, "mixer.function."), within(layer, "feed_forward.function.")
    u = linear(w, "inject_qkv", e)
    z = layer_norm(z + attention(mixer, z, causal=True, injected=u), eps=1e-5)
    hidden = torch.relu(linear(feed_forward, "expand", z))
    return layer_norm(z + linear(feed_forward, "contract", hidden), eps=1e-5)


def post_norm_encoder(
    w: Weights, z: Tensor, activation: Callable[[Tensor], Tensor], eps: float
) -> Tensor:
    (layer,) = depth(w)
    mixer, feed_forward = within(layer, "mixer."), within(layer, "feed_forward.")
    z = layer_norm(z + attention(within(mixer, "function."), z), within(mixer, "after."), eps=eps)
    hidden = activation(linear(feed_forward, "function.expand", z))
    z = z + linear(feed_forward, "function.contract", hidden)
    return layer_norm(z, within(feed_forward, "after."), eps=eps)


def universal_transformer(w: Weights, z: Tensor, e: Tensor, step: int = 0) -> Tensor:
    """M. Dehghani et al. 2019, equations (4) to (7): a signal of position t and of time k.

    A = LN(H + P + Attention(H + P)), then LN(A + Transition(A)). The constant of the norm is that
    of `tensorflow/tensor2tensor`.
    """
    signal = torch.empty(LENGTH, WIDTH, dtype=z.dtype)
    for t in range(LENGTH):
        for j in range(WIDTH // 2):
            wave = 10000.0 ** (2 * j / WIDTH)
            signal[t, 2 * j] = math.sin((t + 1) / wave) + math.sin((step + 1) / wave)
            signal[t, 2 * j + 1] = math.cos((t + 1) / wave) + math.cos((step + 1) / wave)
    return post_norm_encoder(w, z + signal, torch.relu, eps=1e-6)


def albert(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """Z. Lan et al. 2020; `google-research/albert`, modeling.py: one block, applied N times.

    The code takes the tanh formula for GELU; the preset and this transcription take Φ exactly.
    """
    return post_norm_encoder(w, z, lambda x: x * torch.special.ndtr(x), eps=1e-12)


def huginn_block(layer: Weights, x: Tensor) -> Tensor:
    """`SandwichBlock` of `seal-rg/recurrent-pretraining`: the outer norm follows the addition."""
    norm = partial(rms_norm, eps=1e-6)
    a, m = within(layer, "mixer."), within(layer, "feed_forward.")
    out = attention(
        neighbours(within(a, "function.")),
        norm(x, a["before.weight"]),
        causal=True,
        rotate=rotate_neighbours,
    )
    x = norm(out + x, a["after.weight"])
    out = swiglu(within(m, "function."), norm(x, m["before.weight"]))
    return norm(out + x, m["after.weight"])


def neighbours(w: Weights) -> Weights:
    """The same attention with rotary pairs (2j, 2j + 1): channels of q and k change places."""
    h = WIDTH // HEADS
    order = torch.arange(h).view(2, -1).mT.flatten()
    rows = (torch.arange(2 * HEADS)[:, None] * h + order).flatten()
    rows = torch.cat((rows, torch.arange(2 * WIDTH, 3 * WIDTH)))
    return {**w, "qkv.weight": w["qkv.weight"][rows]}


def huginn(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """J. Geiping et al. 2025, section 3; raven_modeling_minimal.py: R(A [s, e]) every loop."""
    z = torch.cat((z, e), -1) @ w["injection.adapter.weight"].mT
    for layer in depth(w):
        z = huginn_block(layer, z)
    return z


def ouro(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """R.-J. Zhu et al. 2025: h + n₂(f(n₁ h)) twice a layer, a norm at the end of every loop.

    Code derived from the authors' release: `OuroDecoderLayer` and `_run_recurrent_step`.
    """
    norm = partial(rms_norm, eps=1e-6)
    for layer in depth(w):
        a, m = within(layer, "mixer."), within(layer, "feed_forward.")
        out = norm(z, a["before.weight"])
        out = attention(within(a, "function."), out, causal=True, rotate=rotate_halves)
        z = z + norm(out, a["within.weight"])
        out = swiglu(within(m, "function."), norm(z, m["before.weight"]))
        z = z + norm(out, m["within.weight"])
    return norm(z, w["norm.weight"])


def book(w: Weights, z: Tensor, e: Tensor) -> Tensor:
    """This book's block: a causal convolution, the input added, pre-norm, a norm at the end."""
    (layer,) = depth(w)
    a, m = within(layer, "mixer."), within(layer, "feed_forward.")
    norm = partial(rms_norm, eps=1e-5)
    z = convolve(w["convolution.weight"], z, causal=True) + e
    z = z + attention(within(a, "function."), norm(z, a["before.weight"]), causal=True)
    z = z + swiglu(within(m, "function."), norm(z, m["before.weight"]))
    return norm(z, w["norm.weight"])


def fprm(w: Weights, z: Tensor, e: Tensor, *, causal: bool = False) -> Tensor:
    """`nilskiKonjIzDunava/fprm`, models/transformer.py (pre-norm, input-independent scales).

    α₂ z + β₂ x, then α₁ z + β₁ f(RMS z) for each of the 2L sub-layers, with the tie
    β₂ = 1 - α₂ α₁^(2L), β₁ = β₂ (1 - α₁) / (1 - α₁^(2L)); the code adds 1e-5 to that denominator.
    After the code alone: the paper (arXiv 2606.18206) was not read.
    """
    layers = depth(w)
    a1, a2 = torch.sigmoid(w["scale.layer_logit"]), torch.sigmoid(w["scale.loop_logit"])
    power = a1 ** (2 * len(layers))
    b2 = 1 - a2 * power
    b1 = b2 * (1 - a1) / (1 - power)
    rotate = (lambda x: x) if causal else rotate_halves
    z = a2 * convolve(w["convolution.weight"], z, causal=causal) + b2 * e
    for layer in layers:
        a, m = within(layer, "mixer.function."), within(layer, "feed_forward.function.")
        out = attention(a, rms_norm(z, eps=1e-5), causal=causal, rotate=rotate)
        z = a1 * z + b1 * out
        z = a1 * z + b1 * swiglu(m, rms_norm(z, eps=1e-5))
    return z


# --------------------------------------------------------------------------- two states y, z


def reasoning_module(w: Weights, x: Tensor) -> Tensor:
    """Post-norm RMS layers without gains; tokens mixed by attention, or by an MLP over positions.

    Read in `sapientinc/HRM`, `SamsungSAILMontreal/TinyRecursiveModels` and `locuslab/EqR`; with
    the MLP (`mlp_t`) the norm too runs over the positions.
    """
    for layer in depth(w):
        if "mixer.function.module.expand.weight" in layer:
            columns = x.mT
            columns = columns + swiglu(within(layer, "mixer.function.module."), columns)
            x = rms_norm(columns, eps=1e-5).mT
        else:
            a = within(layer, "mixer.function.")
            x = rms_norm(x + attention(a, x, rotate=rotate_halves), eps=1e-5)
        x = rms_norm(x + swiglu(within(layer, "feed_forward.function."), x), eps=1e-5)
    return x


def latent_recursion(
    w: Weights, y: Tensor, z: Tensor, x: Tensor, *, cycles: int, relaxation: float = 1.0
) -> tuple[Tensor, Tensor]:
    """n updates of z from (z, y + x), then one of y from (y, z).

    HRM (arXiv 2506.21734; hrm_act_v1.py) has a module for each, TRM (2510.04871; trm.py) one for
    both, and EqR (2605.21488; models/eqr.py) relaxes every update: (1 - λ) state + λ f, λ = 0.95.
    """
    core = within(w, "core.")
    answer = within(w, "answer_core.") or core
    for _ in range(cycles):
        z = (1 - relaxation) * z + relaxation * reasoning_module(core, z + y + x)
    y = (1 - relaxation) * y + relaxation * reasoning_module(answer, y + z)
    return y, z


# --------------------------------------------------------------------------- the tests

Z_STATE: dict[str, tuple[Update, dict[str, object]]] = {
    "deq-transformer": (deq_transformer, {}),
    "universal-transformer": (universal_transformer, {}),
    "albert": (albert, {"max_length": LENGTH}),
    "huginn": (huginn, {}),
    "ouro": (ouro, {}),
    "book": (book, {}),
    "fprm": (fprm, {}),
}
MLP_MIXER = {"mixer": Mixer.MLP, "max_length": LENGTH, "positions": Positions.NONE}
YZ_STATE: dict[str, tuple[str, dict[str, object], dict[str, float]]] = {
    "hrm": ("hrm", {}, {"cycles": 2}),
    "trm": ("trm", {}, {"cycles": 6}),
    "trm, MLP over positions": ("trm", MLP_MIXER, {"cycles": 6}),
    "eqr": ("eqr", {"noise": 0.0}, {"cycles": 6, "relaxation": 0.95}),
}


def build(preset: str, **options: object) -> LoopedTransformer:
    """The preset, tiny, in double precision, every parameter drawn anew."""
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCABULARY, "width": WIDTH, "heads": HEADS, "hidden": HIDDEN}
    model = looped_preset(preset).build(**sizes, **options).double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = p.shape[-1] ** -0.5 if p.dim() > 1 else 0.3
            p.copy_(scale * torch.randn(p.shape) + (p.dim() == 1 and name.endswith("weight")))
            if preset == "deq-transformer" and name.endswith("qkv.bias") and "inject" not in name:
                p.zero_()
    if model.rotary is not None:
        model.rotary.prepare(LENGTH, inputs())
    return model


def weights(model: LoopedTransformer) -> Weights:
    return {**model.state_dict(), **dict(model.named_parameters())}


def inputs(seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, LENGTH, WIDTH, generator=generator, dtype=torch.float64)


def tokens() -> Tensor:
    return torch.randint(VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(3))


def agree(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def spoiled(w: Weights, name: str) -> Weights:
    return {**w, name: w[name] + 0.1 * torch.randn_like(w[name])}


@pytest.mark.parametrize("preset", Z_STATE)
def test_one_update_is_that_of_the_source(preset: str) -> None:
    update, options = Z_STATE[preset]
    model = build(preset, **options)
    e, z, w = inputs(1), inputs(2), within(weights(model), "loop.core.")
    fz = model.loop(z, e)
    agree(fz, update(w, z, e))
    for name in w:
        assert (fz - update(spoiled(w, name), z, e)).abs().max() > 1e-4, name


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


@pytest.mark.parametrize("loops", [2, 12])
def test_universal_transformer_halts_position_by_position(loops: int) -> None:
    """`universal_transformer_act_accumulated` of tensor2tensor, with three changes of the preset.

    The halting unit reads the state without its signals; a halted position keeps its state, as
    section 2.2 of the paper says, where the code goes on transforming it; a position that has not
    halted when the loops are spent gives the weight left over to its last state (A. Graves,
    arXiv 1603.08983, equation 7), where the code drops it.
    """
    model = build("universal-transformer")
    with torch.no_grad():
        model.halting_unit.weight *= 2
        model.halting_unit.bias.fill_(-0.5)
    w = weights(model)
    state = w["embedding.weight"][tokens()]
    answer = torch.zeros_like(state)
    halting, remainders, updates = (torch.zeros(BATCH, LENGTH, dtype=state.dtype) for _ in range(3))
    for k in range(loops):
        p = torch.sigmoid(linear(w, "halting_unit", state))[..., 0]
        running = halting < 1
        stops = running & (halting + p > 1 - 0.01)
        goes_on = running & ~stops
        halting = halting + p * goes_on
        remainders = remainders + (1 - halting) * stops
        halting = halting + remainders * stops
        updates = updates + running
        after = universal_transformer(within(w, "loop.core."), state, state, k)
        answer = answer + (p * goes_on + remainders * stops)[..., None] * after
        state = torch.where(running[..., None], after, state)
    output = model(tokens(), loops=loops)
    finished = halting >= 1
    if loops == 12:
        assert finished.all()
        assert len(updates.unique()) > 1
    else:
        assert finished.any()
        assert not finished.all()
    answer = answer + (1 - halting)[..., None] * state
    agree(output.ponder_time, updates + remainders)
    agree(output.logits, linear(w, "head", answer))


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


def test_fprm_causal_with_four_taps_is_the_setting_of_state_tracking() -> None:
    """config/cfg_pretrain_state_tracking_fprm_a5.yaml: causal, conv1d of 4 taps, no positions."""
    model = build("fprm", causal=True, convolution=4, positions=Positions.NONE)
    w = within(weights(model), "loop.core.")
    agree(model.loop(inputs(2), inputs(1)), fprm(w, inputs(2), inputs(1), causal=True))


@pytest.mark.parametrize(("training", "decay"), [(False, 0.5), (True, 0.75)])
def test_fprm_relaxes_where_the_residual_stops_improving(training: bool, decay: float) -> None:
    """`FixedPointOptimizer.step` of models/fixed_point_reasoning/model_utils.py.

    Residual: the worst token's ‖f(y) - y‖∞ / ‖f(y)‖∞. After `patience` steps without a new best,
    and above 0.1, the relaxation shrinks: by 0.9 in training and 0.99 in evaluation; here by
    numbers without a rounding error, so that only the rule itself is compared.
    """
    published = build("fprm").config
    assert (published.patience, published.patience_tolerance) == (5, 0.1)
    assert (published.patience_decay, published.patience_decay_eval) == (0.9, 0.99)
    model = build("fprm", patience=2, patience_decay=0.75, patience_decay_eval=0.5)
    with torch.no_grad():
        model.loop.core.scale.layer_logit.fill_(-3.0)
        model.loop.core.scale.loop_logit.fill_(3.0)
        for layer in model.loop.core.layers:
            layer.mixer.function.qkv.weight *= 2
            layer.feed_forward.function.expand.weight *= 2
    w = weights(model)
    e, y = w["embedding.weight"][tokens()], inputs(6)
    output = model.train(training)(tokens(), loops=12, state=y)
    best, s = torch.full((BATCH,), math.inf, dtype=y.dtype), torch.ones(BATCH, dtype=y.dtype)
    left = torch.full((BATCH,), 2)
    with torch.no_grad():
        for _ in range(12):
            fy = fprm(within(w, "loop.core."), y, e)
            residual = ((fy - y).abs().amax(-1) / (fy.abs().amax(-1) + 1e-8)).amax(1)
            y = s[:, None, None] * fy + (1 - s[:, None, None]) * y
            left = torch.where(residual < best, 2, left - 1)
            best = torch.minimum(best, residual)
            tired = (left <= 0) & (residual >= 0.1)
            left = torch.where(tired, 2, left)
            s = torch.where(tired, decay * s, s)
    assert (s < 1).all()
    assert s[0] != s[1]
    agree(output.state, y)
