"""deqlab: fixed points, equilibrium models and looped transformers.

The library behind the executable textbook *Implicit Layers*. What is listed in ``__all__`` is the
public surface; names are loaded on first use, so that ``import deqlab`` imports neither torch nor
matplotlib.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deqlab import banach, explore, maps

_MODULES = ("banach", "explore", "maps")

__all__ = ["banach", "explore", "maps"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("deqlab")
    if name in _MODULES:
        return import_module(f"deqlab.{name}")
    raise AttributeError(f"module 'deqlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
