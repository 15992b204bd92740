"""Checks of the options of the solvers."""

import math


def check_integer(name: str, value: int | None, *, least: int) -> None:
    """Raise unless value is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; got {value}")


def check_relaxation(value: float) -> None:
    """Raise unless value is a finite positive number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"relaxation must be a number, τ in z ← (1 − τ) z + τ f(z); got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"relaxation must be finite and positive (1.0 is the plain step); got {value!r}"
        )
