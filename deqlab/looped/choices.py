"""The switches of the family: one enum for each question on which looped transformers differ."""

from enum import Enum


class Tying(Enum):
    """What the N loops share."""

    BLOCK = "block"  # every parameter: one core, applied N times
    NONE = "none"  # nothing: N cores, applied in turn; the FIR control at equal compute


class Mixer(Enum):
    """What moves information between positions."""

    ATTENTION = "attention"
    MLP = "mlp"  # a feed-forward net over the positions of a fixed length


class Positions(Enum):
    """How a position is told from another one."""

    NONE = "none"
    LEARNED = "learned"  # added to the embedding
    ROTARY = "rotary"  # turns queries and keys


class FeedForwardKind(Enum):
    """The position-wise net."""

    SWIGLU = "swiglu"
    RELU = "relu"
    GELU = "gelu"


class NormKind(Enum):
    """What a normalisation divides by."""

    RMS = "rms"
    LAYER = "layer"  # subtracts the mean as well


class NormPlacement(Enum):
    """Where a sub-layer h ← h + ε F(h) is normalised."""

    PRE = "pre"  # h + ε F(n(h))
    POST = "post"  # n(h + ε F(h))
    SANDWICH_BRANCH = "sandwich_branch"  # h + ε n′(F(n(h))), as Ouro does
    SANDWICH_DUAL = "sandwich_dual"  # n′(h + ε F(n(h))), as Huginn does


class Injection(Enum):
    """How a loop sees the input e."""

    NONE = "none"  # only through the initial state
    ONCE = "once"  # e is added to the initial state
    ADD = "add"  # z + e
    CONCAT = "concat"  # W [z, e]
    GATE = "gate"  # g ⊙ z + (1 − g) ⊙ e,  g = σ(W [z, e])
    QKV = "qkv"  # U e is added to the queries, keys and values of every layer
    ALPHA_BETA = "alpha_beta"  # α₂ z + β₂ e, tied to the residual scale of that name


class ResidualScale(Enum):
    """ε, the weight of a branch; L layers, N loops at training."""

    ONE = "one"
    INVERSE_SQRT_LAYERS = "inverse_sqrt_layers"  # 1/√L
    INVERSE_LOOPS = "inverse_loops"  # 1/N
    INVERSE_LOOPS_SQRT_LAYERS = "inverse_loops_sqrt_layers"  # λ/(N √L)
    ALPHA_BETA = "alpha_beta"  # α₁ h + β₁ F(h), learned, tied so that iterates stay bounded


class Latents(Enum):
    """What is iterated."""

    Z = "z"
    YZ = "yz"  # an answer y and a latent z: n updates of z, then one of y


class InitialState(Enum):
    """Where the loop starts."""

    ZEROS = "zeros"
    INPUT = "input"
    LEARNED = "learned"  # one vector for all positions
    FIXED = "fixed"  # one random vector for all positions, drawn once and not trained
    NORMAL = "normal"  # drawn anew at every call


class HaltingHead(Enum):
    """A linear unit that reads the state, for a rule that learns when to stop."""

    NONE = "none"
    Q = "q"  # one number per sample: halt where it is positive
    GATE = "gate"  # one probability per token and loop of leaving now
    ACT = "act"  # as GATE, and the output is the mean of the states with these weights
