"""The two error bounds of Banach's theorem, rounding included, and the step count they give.

For ‖f(x) − f(y)‖ ≤ L ‖x − y‖, L < 1, on a complete set that f maps into itself, the fixed point
z* exists and is unique. With r_k = f(z_k) − z_k as computed, and η a bound for the rounding error
of one evaluation of f,

    a priori        ‖z_k − z*‖ ≤ (L^k ‖r_0‖ + η) / (1 − L)
    a posteriori    ‖z_k − z*‖ ≤ (‖r_k‖ + η) / (1 − L)

and η = 0 gives the textbook bounds. Why η enters so: the exact residual is at most ‖r_k‖ + η, and
z − z* = (z − f(z)) + (f(z) − f(z*)) gives ‖z − z*‖ ≤ ‖z − f(z)‖ + L ‖z − z*‖, the second bound. A
computed step turns an error e into at most L e + η; k of them leave L^k e_0 + η (1 − L^k)/(1 − L),
and the second bound for e_0 turns this into the first.

Reference: S. Banach, "Sur les opérations dans les ensembles abstraits et leur application aux
équations intégrales", Fundamenta Mathematicae 3 (1922).
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def a_priori_bound(
    lipschitz: ArrayLike, first_step: ArrayLike, k: ArrayLike, *, rounding: ArrayLike = 0.0
) -> Floats:
    """(L^k ‖z₁ − z₀‖ + η) / (1 − L), a bound for ‖z_k − z*‖ known after one step.

    Parameters
    ----------
    lipschitz : float or array
        L, with 0 ≤ L < 1, in the norm of `first_step`.
    first_step : float or array
        ‖f(z₀) − z₀‖.
    k : int or array of int
        Number of steps.
    rounding : float or array
        η, a bound for the rounding error of one evaluation of f.

    Returns
    -------
    float64 array of the broadcast shape of the arguments (a NumPy float for numbers).

    Raises
    ------
    ValueError
        If L is not in [0, 1), or another argument is negative or nan.

    Examples
    --------
    >>> float(a_priori_bound(0.5, 1.0, 3))
    0.25
    """
    L, k = _contraction(lipschitz), _nonnegative("k", k)
    r, eta = _nonnegative("first_step", first_step), _nonnegative("rounding", rounding)
    half = np.floor(k / 2)
    decayed = L**half * r * L ** (k - half)  # L^k alone underflows before L^k r does
    bound: Floats = (decayed + eta) / (1.0 - L)
    return bound


def a_posteriori_bound(
    lipschitz: ArrayLike, residual: ArrayLike, *, rounding: ArrayLike = 0.0
) -> Floats:
    """(‖f(z) − z‖ + η) / (1 − L), a bound for ‖z − z*‖ at any z, however z was found.

    Parameters
    ----------
    lipschitz : float or array
        L, with 0 ≤ L < 1, in the norm of `residual`.
    residual : float or array
        ‖f(z) − z‖.
    rounding : float or array
        η, a bound for the rounding error of one evaluation of f.

    Returns
    -------
    float64 array of the broadcast shape of the arguments (a NumPy float for numbers).

    Raises
    ------
    ValueError
        If L is not in [0, 1), or another argument is negative or nan.

    Examples
    --------
    >>> float(a_posteriori_bound(0.5, 0.25))
    0.5
    """
    L = _contraction(lipschitz)
    r, eta = _nonnegative("residual", residual), _nonnegative("rounding", rounding)
    bound: Floats = (r + eta) / (1.0 - L)
    return bound


def a_priori_steps(
    lipschitz: float, first_step: float, tol: float, *, rounding: float = 0.0
) -> int:
    """The smallest k with `a_priori_bound(lipschitz, first_step, k, rounding=...)` ≤ tol.

    Raises
    ------
    ValueError
        If L is not in [0, 1), tol is not positive, or tol is at or below the rounding floor
        η/(1 − L), which no number of steps undercuts.

    Examples
    --------
    >>> a_priori_steps(0.5, 1.0, 0.25)
    3
    """
    check_positive("tol", tol)
    floor = float(a_priori_bound(lipschitz, 0.0, 0, rounding=rounding))
    if a_priori_bound(lipschitz, first_step, 0, rounding=rounding) <= tol:
        return 0
    if tol <= floor:
        raise ValueError(
            f"tol={tol:.3g} is not above the rounding floor rounding/(1 - lipschitz) = "
            f"{floor:.3g}: loosen tol or evaluate f in a wider dtype"
        )
    if lipschitz == 0.0:
        return 1
    # L^k first_step = (tol - floor) (1 - L), solved for k, then corrected for rounding
    log_target = math.log(tol - floor) + math.log1p(-lipschitz) - math.log(first_step)
    k = max(1, math.ceil(log_target / math.log(lipschitz)))
    while k > 1 and a_priori_bound(lipschitz, first_step, k - 1, rounding=rounding) <= tol:
        k -= 1
    while a_priori_bound(lipschitz, first_step, k, rounding=rounding) > tol:
        k += 1
    return k


def check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and positive; got {value!r}")


def _contraction(lipschitz: ArrayLike) -> Floats:
    L = _nonnegative("lipschitz", lipschitz)
    if np.any(L >= 1):
        raise ValueError(
            f"lipschitz = {np.max(L):.6g} is not below 1: Banach's bounds need a contraction; "
            "scale the map down, or measure the constant in another norm"
        )
    return L


def _nonnegative(name: str, value: ArrayLike) -> Floats:
    x = np.asarray(value, dtype=np.float64)
    if not np.all(x >= 0):
        raise ValueError(f"{name} must be at least 0; got {value!r}")
    return x
