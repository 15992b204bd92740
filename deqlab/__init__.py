"""deqlab: fixed points, equilibrium models and looped transformers.

The library behind the executable textbook *Implicit Layers*. The names in ``__all__`` are the
public surface; each is loaded on first use, so that ``import deqlab`` imports neither torch nor
matplotlib.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deqlab.activations import Activation
    from deqlab.adjoints.implicit import Implicit
    from deqlab.adjoints.phantom import JacobianFree, PhantomGradient, TruncatedNeumann
    from deqlab.adjoints.shine import ReuseInverse
    from deqlab.adjoints.unrolled import Unrolled
    from deqlab.artifact import load_artifact
    from deqlab.banach import iterate_banach
    from deqlab.bounds import a_posteriori_bound, a_priori_bound, a_priori_steps
    from deqlab.compare import Arm, Comparison, run_comparison
    from deqlab.counting import count_flops, count_parameters
    from deqlab.ensembles import (
        ginibre_matrix,
        nonnormal_matrix,
        orthogonal_matrix,
        scale_to_norm,
        shift_matrix,
        symmetric_matrix,
    )
    from deqlab.filters import (
        FIR,
        IIR,
        BandMeasurement,
        FilterFamily,
        FilterSpec,
        HalfWindow,
        PowerBound,
        TruncationErrors,
        averaging_weights,
        averaging_window,
        binomial_window,
        design_filter,
        error_polynomial,
        half_window,
        power_bound,
        power_norm,
        shortest_truncation,
        truncation_errors,
    )
    from deqlab.frobenius import FrobeniusNorm, jacobian_frobenius
    from deqlab.intervals import Interval, mean_interval, proportion_interval
    from deqlab.linear.cg import SymmetrizedCG
    from deqlab.linear.dense import DenseLU
    from deqlab.linear.fixed_point import FixedPointLinear
    from deqlab.linear.gmres import GMRES
    from deqlab.linear.neumann import NeumannSeries
    from deqlab.linear.solution import LinearSolution
    from deqlab.looped import (
        ACTHalting,
        ArgmaxStability,
        ExitGate,
        FixedLoops,
        KLStability,
        LoopedOutput,
        LoopedTransformer,
        LoopedTransformerConfig,
        NoisyPicard,
        PatienceDamping,
        QHalting,
        TokenRatio,
        fir_control,
        looped_preset,
    )
    from deqlab.maps import LinearMap, TanhMap
    from deqlab.memory import peak_bytes, saved_bytes
    from deqlab.nn.attention import AttentionCell
    from deqlab.nn.certificate import Certificate
    from deqlab.nn.contraction import ContractiveCell, contractive, lipschitz_bound
    from deqlab.nn.convolution import ConvolutionCell
    from deqlab.nn.correction import correction_loss
    from deqlab.nn.deq import DEQ
    from deqlab.nn.diagnostics import Diagnostics, WellPosednessError, WellPosednessWarning
    from deqlab.nn.dropout import VariationalDropout
    from deqlab.nn.mlp import MLPCell
    from deqlab.nn.monotone import MonotoneCell
    from deqlab.nn.splitting import ForwardBackward, PeacemanRachford, Splitting
    from deqlab.nn.trellis import TrellisCell
    from deqlab.nn.weights import normalize_weights
    from deqlab.products import jvp_at, vjp_at
    from deqlab.solution import ConvergenceError, ConvergenceWarning, History, OnFailure, Solution
    from deqlab.solve import Iterate, fixed_point, iterate, root
    from deqlab.solvers.anderson import Anderson
    from deqlab.solvers.broyden import Broyden, BroydenKind
    from deqlab.solvers.newton_krylov import NewtonKrylov
    from deqlab.solvers.picard import Picard
    from deqlab.spectral import OperatorNorm, SpectralRadius, operator_norm, spectral_radius
    from deqlab.status import Status
    from deqlab.stopping import Norm, RelativeResidual
    from deqlab.tasks import random_associations, running_parity
    from deqlab.trace import Trace

_EXPORTS = {
    "a_posteriori_bound": "bounds",
    "a_priori_bound": "bounds",
    "a_priori_steps": "bounds",
    "ACTHalting": "looped",
    "Activation": "activations",
    "Anderson": "solvers.anderson",
    "ArgmaxStability": "looped",
    "Arm": "compare",
    "AttentionCell": "nn.attention",
    "averaging_weights": "filters",
    "averaging_window": "filters",
    "BandMeasurement": "filters",
    "binomial_window": "filters",
    "Broyden": "solvers.broyden",
    "BroydenKind": "solvers.broyden",
    "Certificate": "nn.certificate",
    "Comparison": "compare",
    "contractive": "nn.contraction",
    "ContractiveCell": "nn.contraction",
    "ConvergenceError": "solution",
    "ConvergenceWarning": "solution",
    "ConvolutionCell": "nn.convolution",
    "correction_loss": "nn.correction",
    "count_flops": "counting",
    "count_parameters": "counting",
    "DenseLU": "linear.dense",
    "DEQ": "nn.deq",
    "design_filter": "filters",
    "Diagnostics": "nn.diagnostics",
    "error_polynomial": "filters",
    "ExitGate": "looped",
    "FilterFamily": "filters",
    "FilterSpec": "filters",
    "FIR": "filters",
    "fir_control": "looped",
    "fixed_point": "solve",
    "FixedLoops": "looped",
    "FixedPointLinear": "linear.fixed_point",
    "ForwardBackward": "nn.splitting",
    "FrobeniusNorm": "frobenius",
    "ginibre_matrix": "ensembles",
    "GMRES": "linear.gmres",
    "half_window": "filters",
    "HalfWindow": "filters",
    "History": "solution",
    "IIR": "filters",
    "Implicit": "adjoints.implicit",
    "Interval": "intervals",
    "Iterate": "solve",
    "iterate": "solve",
    "iterate_banach": "banach",
    "jacobian_frobenius": "frobenius",
    "JacobianFree": "adjoints.phantom",
    "jvp_at": "products",
    "KLStability": "looped",
    "LinearMap": "maps",
    "LinearSolution": "linear.solution",
    "lipschitz_bound": "nn.contraction",
    "load_artifact": "artifact",
    "looped_preset": "looped",
    "LoopedOutput": "looped",
    "LoopedTransformer": "looped",
    "LoopedTransformerConfig": "looped",
    "mean_interval": "intervals",
    "MLPCell": "nn.mlp",
    "MonotoneCell": "nn.monotone",
    "NeumannSeries": "linear.neumann",
    "NewtonKrylov": "solvers.newton_krylov",
    "NoisyPicard": "looped",
    "nonnormal_matrix": "ensembles",
    "Norm": "stopping",
    "normalize_weights": "nn.weights",
    "OnFailure": "solution",
    "operator_norm": "spectral",
    "OperatorNorm": "spectral",
    "orthogonal_matrix": "ensembles",
    "PatienceDamping": "looped",
    "PeacemanRachford": "nn.splitting",
    "peak_bytes": "memory",
    "PhantomGradient": "adjoints.phantom",
    "Picard": "solvers.picard",
    "power_bound": "filters",
    "power_norm": "filters",
    "PowerBound": "filters",
    "proportion_interval": "intervals",
    "QHalting": "looped",
    "random_associations": "tasks",
    "RelativeResidual": "stopping",
    "ReuseInverse": "adjoints.shine",
    "root": "solve",
    "run_comparison": "compare",
    "running_parity": "tasks",
    "saved_bytes": "memory",
    "scale_to_norm": "ensembles",
    "shift_matrix": "ensembles",
    "shortest_truncation": "filters",
    "Solution": "solution",
    "spectral_radius": "spectral",
    "SpectralRadius": "spectral",
    "Splitting": "nn.splitting",
    "Status": "status",
    "symmetric_matrix": "ensembles",
    "SymmetrizedCG": "linear.cg",
    "TanhMap": "maps",
    "TokenRatio": "looped",
    "Trace": "trace",
    "TrellisCell": "nn.trellis",
    "TruncatedNeumann": "adjoints.phantom",
    "truncation_errors": "filters",
    "TruncationErrors": "filters",
    "Unrolled": "adjoints.unrolled",
    "VariationalDropout": "nn.dropout",
    "vjp_at": "products",
    "WellPosednessError": "nn.diagnostics",
    "WellPosednessWarning": "nn.diagnostics",
}

__all__ = [
    "DEQ",
    "FIR",
    "GMRES",
    "IIR",
    "ACTHalting",
    "Activation",
    "Anderson",
    "ArgmaxStability",
    "Arm",
    "AttentionCell",
    "BandMeasurement",
    "Broyden",
    "BroydenKind",
    "Certificate",
    "Comparison",
    "ContractiveCell",
    "ConvergenceError",
    "ConvergenceWarning",
    "ConvolutionCell",
    "DenseLU",
    "Diagnostics",
    "ExitGate",
    "FilterFamily",
    "FilterSpec",
    "FixedLoops",
    "FixedPointLinear",
    "ForwardBackward",
    "FrobeniusNorm",
    "HalfWindow",
    "History",
    "Implicit",
    "Interval",
    "Iterate",
    "JacobianFree",
    "KLStability",
    "LinearMap",
    "LinearSolution",
    "LoopedOutput",
    "LoopedTransformer",
    "LoopedTransformerConfig",
    "MLPCell",
    "MonotoneCell",
    "NeumannSeries",
    "NewtonKrylov",
    "NoisyPicard",
    "Norm",
    "OnFailure",
    "OperatorNorm",
    "PatienceDamping",
    "PeacemanRachford",
    "PhantomGradient",
    "Picard",
    "PowerBound",
    "QHalting",
    "RelativeResidual",
    "ReuseInverse",
    "Solution",
    "SpectralRadius",
    "Splitting",
    "Status",
    "SymmetrizedCG",
    "TanhMap",
    "TokenRatio",
    "Trace",
    "TrellisCell",
    "TruncatedNeumann",
    "TruncationErrors",
    "Unrolled",
    "VariationalDropout",
    "WellPosednessError",
    "WellPosednessWarning",
    "a_posteriori_bound",
    "a_priori_bound",
    "a_priori_steps",
    "averaging_weights",
    "averaging_window",
    "binomial_window",
    "contractive",
    "correction_loss",
    "count_flops",
    "count_parameters",
    "design_filter",
    "error_polynomial",
    "fir_control",
    "fixed_point",
    "ginibre_matrix",
    "half_window",
    "iterate",
    "iterate_banach",
    "jacobian_frobenius",
    "jvp_at",
    "lipschitz_bound",
    "load_artifact",
    "looped_preset",
    "mean_interval",
    "nonnormal_matrix",
    "normalize_weights",
    "operator_norm",
    "orthogonal_matrix",
    "peak_bytes",
    "power_bound",
    "power_norm",
    "proportion_interval",
    "random_associations",
    "root",
    "run_comparison",
    "running_parity",
    "saved_bytes",
    "scale_to_norm",
    "shift_matrix",
    "shortest_truncation",
    "spectral_radius",
    "symmetric_matrix",
    "truncation_errors",
    "vjp_at",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("deqlab")
    if name not in _EXPORTS:
        raise AttributeError(f"module 'deqlab' has no attribute {name!r}")
    value = getattr(import_module(f"deqlab.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
