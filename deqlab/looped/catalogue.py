"""The book's own model and its control, and looped transformers for language.

Every preset is the update equation at the size of a first experiment; `published` has the sizes of
the paper. What is listed as not reproduced is not there; nothing else is claimed.
"""

from deqlab.adjoints.implicit import Implicit
from deqlab.adjoints.unrolled import Unrolled
from deqlab.looped.act import ACTHalting
from deqlab.looped.choices import (
    FeedForwardKind,
    HaltingHead,
    InitialState,
    Injection,
    NormKind,
    NormPlacement,
    Positions,
    Tying,
)
from deqlab.looped.halting import ExitGate, KLStability
from deqlab.looped.preset import Preset
from deqlab.solvers.broyden import Broyden
from deqlab.stopping import RelativeResidual

_BOOK = {
    "width": 32,
    "hidden": 42,
    "loops": 12,
    "causal": True,
    "positions": Positions.NONE,
    "convolution": 2,
    "loop_norm": True,
    "final_norm": False,
}

LANGUAGE = (
    Preset(
        name="book",
        citation="this book, chapter 13",
        source="this book",
        options=_BOOK,
        stop=lambda model: RelativeResidual(rtol=1e-2),
    ),
    Preset(
        name="fir",
        citation="the untied control of this book's model",
        source="this book",
        options={**_BOOK, "tying": Tying.NONE},
    ),
    Preset(
        name="deq-transformer",
        citation="S. Bai, J. Z. Kolter, V. Koltun, Deep equilibrium models, NeurIPS 2019",
        source="authors' code: locuslab/deq, DEQ-Sequence/models/deq_transformer.py",
        options={
            "loops": 30,
            "causal": True,
            "positions": Positions.NONE,
            "injection": Injection.QKV,
            "norm": NormPlacement.POST,
            "norm_kind": NormKind.LAYER,
            "norm_gain": False,
            "final_norm": False,
            "feed_forward": FeedForwardKind.RELU,
            "bias": True,
        },
        adjoint=Implicit(rtol=1e-3),
        solver=Broyden(),
        stop=lambda model: RelativeResidual(rtol=1e-3),
        published={"width": 700, "heads": 10, "hidden": 48_000},
        not_reproduced=(
            "relative positions with their two bias vectors, and memory of earlier segments",
            "adaptive embedding and softmax, weight normalisation, variational dropout",
            "qkv has a bias here beside that of the injection",
            "pre-training with few unrolled loops",
        ),
    ),
    Preset(
        name="universal-transformer",
        citation="M. Dehghani et al., Universal transformers, ICLR 2019",
        source="authors' code: tensorflow/tensor2tensor, universal_transformer_util.py "
        "(act_accumulated); the update equation is the paper's, known through it",
        options={
            "loops": 12,
            "positions": Positions.NONE,
            "injection": Injection.NONE,
            "initial": InitialState.INPUT,
            "time_signal": True,
            "norm": NormPlacement.POST,
            "norm_kind": NormKind.LAYER,
            "norm_eps": 1e-6,
            "final_norm": False,
            "feed_forward": FeedForwardKind.RELU,
            "bias": True,
            "halting_head": HaltingHead.ACT,
            "halting_bias": 1.0,
        },
        stop=lambda model: ACTHalting(),
        not_reproduced=(
            "encoder and decoder: this is the encoder alone; dropout",
            "the halting unit reads the state without the signals of position and loop",
            "a halted token is carried along unchanged, as the paper says; the code goes on "
            "transforming it",
            "a token that still runs when the loops are spent gives the weight left over to its "
            "last state (Graves); the code drops it, and neither adds it to the ponder time",
        ),
    ),
    Preset(
        name="albert",
        citation="Z. Lan et al., ALBERT: a lite BERT, ICLR 2020",
        source="authors' code: google-research/albert, modeling.py",
        options={
            "loops": 12,
            "max_length": 512,
            "positions": Positions.LEARNED,
            "injection": Injection.NONE,
            "initial": InitialState.INPUT,
            "norm": NormPlacement.POST,
            "norm_kind": NormKind.LAYER,
            "norm_eps": 1e-12,
            "final_norm": False,
            "feed_forward": FeedForwardKind.GELU,
            "bias": True,
        },
        published={"width": 768, "heads": 12, "hidden": 3072},
        not_reproduced=(
            "factorised and segment embeddings, norm and dropout of the embedding",
            "GELU is exact here, the tanh formula there; the head of the masked language model",
        ),
    ),
    Preset(
        name="huginn",
        citation="J. Geiping et al., Scaling up test-time compute with latent reasoning: a "
        "recurrent depth approach, arXiv 2502.05171",
        source="authors' code: seal-rg/recurrent-pretraining, raven_modeling_minimal.py",
        options={
            "prelude": 2,
            "layers": 4,
            "coda": 2,
            "loops": 32,
            "causal": True,
            "norm": NormPlacement.SANDWICH_DUAL,
            "norm_eps": 1e-6,
            "exit_norm": True,
            "injection": Injection.CONCAT,
            "initial": InitialState.NORMAL,
            "initial_std": 0.4**0.5,
        },
        adjoint=Unrolled(truncate=8),
        stop=lambda model: KLStability(decode=model.decode, tol=5e-4),
        published={"width": 5280, "heads": 55, "hidden": 17_920, "vocab_size": 65_536},
        not_reproduced=(
            "biases of queries and keys, the embedding's scale, the initialisation",
            "rotary pairs are (j, j + h/2) here and (2j, 2j + 1) there: a permutation of channels",
            "the base of the rotary angles is 10 000 here and 50 000 there",
            "halting of single tokens in generation, the key-value cache",
        ),
    ),
    Preset(
        name="ouro",
        citation="R.-J. Zhu et al., Scaling latent reasoning via looped language models, "
        "arXiv 2510.25741",
        source="code derived from the authors' release: LoopedLMs/ouro_rl, modeling_ouro.py",
        options={
            "layers": 4,
            "loops": 4,
            "causal": True,
            "norm": NormPlacement.SANDWICH_BRANCH,
            "norm_eps": 1e-6,
            "loop_norm": True,
            "final_norm": False,
            "injection": Injection.NONE,
            "initial": InitialState.INPUT,
            "halting_head": HaltingHead.GATE,
        },
        stop=lambda model: ExitGate(score=model.halting_score, quantile=0.5),
        published={"width": 2048, "layers": 24, "vocab_size": 49_152},
        not_reproduced=(
            "the loss: an average over loops with an entropy term, then the gate's second stage",
            "the key-value cache shared between loops; another base of the rotary angles than "
            "10 000, which every checkpoint sets for itself",
        ),
    ),
)
