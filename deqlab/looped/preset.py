"""What a preset is: a configuration, the gradient it was trained with, and where it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deqlab.adjoints.unrolled import Unrolled
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.model import LoopedTransformer
from deqlab.solve import Adjoint
from deqlab.solvers.protocol import Solver
from deqlab.stopping import StoppingRule


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A system of the literature.

    Attributes
    ----------
    name, citation : str
    source : str
        What the equations were taken from.
    options : mapping
        Of `LoopedTransformerConfig`.
    adjoint : Adjoint
        The gradient that it was trained with.
    solver : Solver, or None
        In place of the plain iteration.
    stop : callable, or None
        model -> the rule by which it halts at inference; None is a fixed number of loops.
    published : mapping
        Sizes of the paper's model.
    not_reproduced : tuple of str
    """

    name: str
    citation: str
    source: str
    options: Mapping[str, Any]
    adjoint: Adjoint = field(default_factory=Unrolled)
    solver: Solver | None = None
    stop: Callable[[LoopedTransformer], StoppingRule] | None = None
    published: Mapping[str, Any] = field(default_factory=dict)
    not_reproduced: tuple[str, ...] = ()

    def config(self, *, vocab_size: int, **overrides: Any) -> LoopedTransformerConfig:
        """The configuration; any option can be overridden."""
        return LoopedTransformerConfig(vocab_size=vocab_size, **{**self.options, **overrides})

    def build(self, *, vocab_size: int, **overrides: Any) -> LoopedTransformer:
        """The model with the preset's gradient and solver."""
        config = self.config(vocab_size=vocab_size, **overrides)
        return LoopedTransformer(config, adjoint=self.adjoint, solver=self.solver)
