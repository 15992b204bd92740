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
    from deqlab.compare import (
        Arm,
        Comparison,
        count_flops,
        count_parameters,
        run_comparison,
    )
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
    from deqlab.intervals import Interval, mean_interval, proportion_interval
    from deqlab.linear.cg import SymmetrizedCG
    from deqlab.linear.dense import DenseLU
    from deqlab.linear.fixed_point import FixedPointLinear
    from deqlab.linear.gmres import GMRES
    from deqlab.linear.neumann import NeumannSeries
    from deqlab.linear.solution import LinearSolution
    from deqlab.maps import LinearMap, TanhMap
    from deqlab.status import Status
    from deqlab.tasks import random_associations, running_parity
    from deqlab.trace import Trace

_EXPORTS = {
    "running_parity": "tasks",
    "random_associations": "tasks",
    "load_artifact": "artifact",
    "proportion_interval": "intervals",
    "mean_interval": "intervals",
    "Interval": "intervals",
    "run_comparison": "compare",
    "count_parameters": "compare",
    "count_flops": "compare",
    "Comparison": "compare",
    "Arm": "compare",
    "GMRES": "linear.gmres",
    "NeumannSeries": "linear.neumann",
    "FixedPointLinear": "linear.fixed_point",
    "SymmetrizedCG": "linear.cg",
    "DenseLU": "linear.dense",
    "LinearSolution": "linear.solution",
    "Implicit": "adjoints.implicit",
    "PhantomGradient": "adjoints.phantom",
    "JacobianFree": "adjoints.phantom",
    "TruncatedNeumann": "adjoints.phantom",
    "ReuseInverse": "adjoints.shine",
    "Unrolled": "adjoints.unrolled",
    "Activation": "activations",
    "FilterFamily": "filters",
    "FIR": "filters",
    "FilterSpec": "filters",
    "HalfWindow": "filters",
    "IIR": "filters",
    "LinearMap": "maps",
    "BandMeasurement": "filters",
    "PowerBound": "filters",
    "Status": "status",
    "TanhMap": "maps",
    "Trace": "trace",
    "TruncationErrors": "filters",
    "a_posteriori_bound": "bounds",
    "a_priori_bound": "bounds",
    "a_priori_steps": "bounds",
    "averaging_weights": "filters",
    "averaging_window": "filters",
    "binomial_window": "filters",
    "design_filter": "filters",
    "error_polynomial": "filters",
    "ginibre_matrix": "ensembles",
    "half_window": "filters",
    "iterate_banach": "banach",
    "nonnormal_matrix": "ensembles",
    "orthogonal_matrix": "ensembles",
    "power_bound": "filters",
    "power_norm": "filters",
    "scale_to_norm": "ensembles",
    "shift_matrix": "ensembles",
    "shortest_truncation": "filters",
    "symmetric_matrix": "ensembles",
    "truncation_errors": "filters",
}

__all__ = [
    "FIR",
    "GMRES",
    "IIR",
    "Activation",
    "Arm",
    "BandMeasurement",
    "Comparison",
    "DenseLU",
    "FilterFamily",
    "FilterSpec",
    "FixedPointLinear",
    "HalfWindow",
    "Implicit",
    "Interval",
    "JacobianFree",
    "LinearMap",
    "LinearSolution",
    "NeumannSeries",
    "PhantomGradient",
    "PowerBound",
    "ReuseInverse",
    "Status",
    "SymmetrizedCG",
    "TanhMap",
    "Trace",
    "TruncatedNeumann",
    "TruncationErrors",
    "Unrolled",
    "a_posteriori_bound",
    "a_priori_bound",
    "a_priori_steps",
    "averaging_weights",
    "averaging_window",
    "binomial_window",
    "count_flops",
    "count_parameters",
    "design_filter",
    "error_polynomial",
    "ginibre_matrix",
    "half_window",
    "iterate_banach",
    "load_artifact",
    "mean_interval",
    "nonnormal_matrix",
    "orthogonal_matrix",
    "power_bound",
    "power_norm",
    "proportion_interval",
    "random_associations",
    "run_comparison",
    "running_parity",
    "scale_to_norm",
    "shift_matrix",
    "shortest_truncation",
    "symmetric_matrix",
    "truncation_errors",
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
