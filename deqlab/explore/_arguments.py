"""Checks of arguments against what the reader's controls offer."""

import math
from collections.abc import Collection


def one_of(name: str, value: object, choices: Collection[object]) -> None:
    """Refuse a value that is not among the choices.

    Raises
    ------
    ValueError
        Naming the argument, its value and the choices.
    """
    if isinstance(value, bool) or value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}")


def real(name: str, value: float, limits: tuple[float, float]) -> float:
    """Return a real number between the limits as a float.

    Raises
    ------
    TypeError
        If the value is no real number.
    ValueError
        If it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {value!r}; expected a real number")
    low, high = limits
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; expected a number from {low} to {high}")
    return float(value)


def on_slider(
    name: str, value: float, limits: tuple[float, float], marks_per_unit: int = 100
) -> float:
    """Return a real number that is a mark of a slider.

    Raises
    ------
    TypeError
        If the value is no real number.
    ValueError
        If it is out of range or between two marks.
    """
    value = real(name, value, limits)
    nearest = round(value * marks_per_unit) / marks_per_unit
    if abs(value - nearest) > 1e-9:
        raise ValueError(
            f"{name} is {value!r}; expected a multiple of {1 / marks_per_unit:g}, as the reader's "
            f"slider offers: {nearest} is the nearest"
        )
    return nearest


def whole(name: str, value: int, limits: tuple[int, int]) -> int:
    """Return an integer between the limits.

    Raises
    ------
    TypeError
        If the value is no integer.
    ValueError
        If it is out of range.
    """
    expected = f"expected an integer from {limits[0]} to {limits[1]}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}; {expected}")
    if not limits[0] <= value <= limits[1]:
        raise ValueError(f"{name} is {value}; {expected}")
    return value


def exponent(name: str, value: float, limits: tuple[int, int]) -> int:
    """Return the exponent of a power of ten.

    Raises
    ------
    TypeError
        If the value is no real number.
    ValueError
        If it is no power of ten between those of the limits.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {value!r}; expected a real number")
    found = round(math.log10(value)) if 0 < value < math.inf else limits[1] + 1
    if not limits[0] <= found <= limits[1] or not math.isclose(value, 10.0**found):
        raise ValueError(
            f"{name} is {value!r}; expected a power of ten from 1e{limits[0]} to 1e{limits[1]}"
        )
    return found


def pair(
    name: str,
    value: tuple[float, float],
    first: tuple[float, float],
    second: tuple[float, float],
) -> tuple[float, float]:
    """Return two real numbers that are marks of two sliders.

    Raises
    ------
    TypeError
        If the value is no pair, or not of real numbers.
    ValueError
        If a number is out of range or between two marks.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} is {value!r}; expected a pair of numbers, such as (0.5, -0.2)")
    return on_slider(name, value[0], first), on_slider(name, value[1], second)


def root(
    name: str,
    value: float | tuple[float, int] | None,
    reals: tuple[float, float],
    radii: tuple[float, float],
) -> tuple[str, float, float, int]:
    """Return kind, real root, radius and angle of a real root or a conjugate pair, or of none.

    What is not given is what the reader's sliders start from.

    Raises
    ------
    TypeError
        If the value is neither a real number nor a pair, or an angle is no integer.
    ValueError
        If a number is out of range or between two marks.
    """
    if value is None:
        return "none", 0.0, 0.9, 45
    if not isinstance(value, (tuple, list)):
        return "real", on_slider(name, value, reals), 0.9, 45
    if len(value) != 2:
        raise TypeError(f"{name} is {value!r}; expected a number, or (radius, angle in degrees)")
    radius, angle = on_slider(name, value[0], radii), whole(name, value[1], (0, 180))
    return "pair", 0.5, radius, angle
