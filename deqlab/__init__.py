"""deqlab: fixed points, equilibrium models and looped transformers.

The library behind the executable textbook *Implicit Layers*. The names in ``__all__`` are the
public surface; each is loaded on first use, so that ``import deqlab`` imports neither torch nor
matplotlib.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deqlab.banach import iterate_banach
    from deqlab.maps import LinearMap, TanhMap
    from deqlab.status import Status
    from deqlab.trace import Trace

_HOME = {
    "LinearMap": "maps",
    "Status": "status",
    "TanhMap": "maps",
    "Trace": "trace",
    "iterate_banach": "banach",
}

__all__ = ["LinearMap", "Status", "TanhMap", "Trace", "iterate_banach"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("deqlab")
    if name not in _HOME:
        raise AttributeError(f"module 'deqlab' has no attribute {name!r}")
    value = getattr(import_module(f"deqlab.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
