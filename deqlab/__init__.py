"""deqlab: fixed points, equilibrium models and looped transformers.

The library behind the executable textbook *Implicit Layers*. The names in ``__all__`` are the
public surface; each is loaded on first use, so that ``import deqlab`` imports neither torch nor
matplotlib.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deqlab.activations import Activation
    from deqlab.banach import iterate_banach
    from deqlab.bounds import a_posteriori_bound, a_priori_bound, a_priori_steps
    from deqlab.ensembles import (
        ginibre_matrix,
        nonnormal_matrix,
        orthogonal_matrix,
        scale_to_norm,
        shift_matrix,
        symmetric_matrix,
    )
    from deqlab.maps import LinearMap, TanhMap
    from deqlab.status import Status
    from deqlab.trace import Trace

_EXPORTS = {
    "Activation": "activations",
    "LinearMap": "maps",
    "Status": "status",
    "TanhMap": "maps",
    "Trace": "trace",
    "a_posteriori_bound": "bounds",
    "a_priori_bound": "bounds",
    "a_priori_steps": "bounds",
    "ginibre_matrix": "ensembles",
    "iterate_banach": "banach",
    "nonnormal_matrix": "ensembles",
    "orthogonal_matrix": "ensembles",
    "scale_to_norm": "ensembles",
    "shift_matrix": "ensembles",
    "symmetric_matrix": "ensembles",
}

__all__ = [
    "Activation",
    "LinearMap",
    "Status",
    "TanhMap",
    "Trace",
    "a_posteriori_bound",
    "a_priori_bound",
    "a_priori_steps",
    "ginibre_matrix",
    "iterate_banach",
    "nonnormal_matrix",
    "orthogonal_matrix",
    "scale_to_norm",
    "shift_matrix",
    "symmetric_matrix",
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
