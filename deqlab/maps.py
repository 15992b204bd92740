"""The two maps the book iterates: z ↦ Az + b and z ↦ φ(Wz + Ux + b).

A state is a vector of length d in the last axis; all axes before it are a batch. With a *number* in
place of the matrix the state is a number too, and every axis of z is a batch: a scalar map can be
called on a whole grid. NumPy arrays and torch tensors work alike, and torch gradients flow through
`__call__` and `jacobian`. Certificates (`lipschitz`, `spectral_radius`, `rounding_error`) are
computed in float64 on the CPU and returned detached.
"""

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from deqlab._arrays import Array, check_ord, float_array, host, machine_eps, vector_norm
from deqlab.activations import Activation
from deqlab.affine import LinearMap, matrix_and_offset

__all__ = ["LinearMap", "TanhMap"]


class TanhMap:
    """The cell f(z) = φ(W z + U x + b), φ = tanh unless another activation is given.

    Parameters
    ----------
    W : array (d, d), or a number
        A number makes a scalar map: states have shape ().
    b : array (..., d), optional
        Leading axes hold one b per sample. Default zero.
    U : array (d, n), x : array (..., n), optional
        The injection, given together or not at all, and only with a matrix W. U x + b is
        computed once; the leading axes of x and b are the batch.
    activation : Activation
        Any φ with 0 ≤ φ' ≤ 1.

    Notes
    -----
    For φ = tanh a fixed point exists for every W (Brouwer). It is unique if ‖W‖ < 1 in a p-norm,
    that is `lipschitz(ord) < 1`; ρ(W) < 1 is not sufficient.

    Raises
    ------
    TypeError
        If an argument is not real, arrays differ in kind or dtype, or activation is no Activation.
    ValueError
        If shapes do not fit, an entry is inf or nan, or only one of U and x is given.

    Examples
    --------
    >>> f = TanhMap([[2.0, -4.0], [1.0, -2.0]], [-1.0, -1.5], activation=Activation.RELU)
    >>> f([0.0, 0.0]), f([1.0, 0.0]), f.spectral_radius()
    (array([0., 0.]), array([1., 0.]), 0.0)
    """

    def __init__(
        self,
        W: Any,
        b: Any = None,
        *,
        U: Any = None,
        x: Any = None,
        activation: Activation = Activation.TANH,
    ) -> None:
        if not isinstance(activation, Activation):
            raise TypeError(
                f"activation must be a member of deqlab.Activation, such as Activation.RELU; "
                f"got {activation!r}"
            )
        self.W, self.b = matrix_and_offset(W, b, "W")
        self.U, self.x = U, x
        self.activation = activation
        self.injection = self.b if U is None and x is None else self._inject(U, x)
        self._inner = LinearMap(self.W, self.injection)
        self.state_shape = self._inner.state_shape

    def __repr__(self) -> str:
        shapes = f"W: {tuple(np.shape(self.W))}, injection: {tuple(np.shape(self.injection))}"
        return f"TanhMap({shapes}, activation={self.activation})"

    def __call__(self, z: Any) -> Array:
        """f(z) of shape (..., d) for z of shape (..., d); (...) for a scalar map.

        Raises
        ------
        TypeError
            If z is an array of another kind (NumPy, torch) or dtype than W and b.
        ValueError
            If the last axis of z is not d long.
        """
        return self.activation(self._inner(z))

    def jacobian(self, z: Any) -> Array:
        """J(z) = diag(φ'(W z + U x + b)) W, of shape (..., d, d); (...) for a scalar map."""
        slope = self.activation.derivative(self._inner(z))
        return slope[..., None] * self.W if self.state_shape else slope * self.W

    def lipschitz(self, ord: float = 2) -> float:  # noqa: A002
        """An upper bound sup φ' · ‖W‖ for the Lipschitz constant of f in the p-norm `ord`.

        It holds on the whole space. See `LinearMap.lipschitz` for `ord`, rounding and errors.
        """
        return self.activation.max_slope * self._inner.lipschitz(ord)

    def spectral_radius(self, z: Any = None) -> float | NDArray[np.float64]:
        """ρ(J(z)), of shape (...); with no z, ρ(W).

        ρ(J(z*)) < 1 makes the fixed point z* attract its neighbourhood, and ρ(J(z*)) > 1 makes it
        repel. ρ(W) is the radius of the linear part alone: it decides neither uniqueness of the
        fixed point nor convergence.
        """
        if z is None:
            return LinearMap(self.W).spectral_radius()
        J = host(self.jacobian(z))
        eigenvalues = np.linalg.eigvals(J) if self.state_shape else J[..., None]
        radius: NDArray[np.float64] = np.max(np.abs(eigenvalues), axis=-1)
        return radius

    def fixed_point(self) -> Array:
        """Refused: z = φ(W z + U x + b) has no solution in closed form.

        Raises
        ------
        NotImplementedError
            Always; the message names what to use instead.
        """
        L = self.lipschitz()
        remedy = (
            f"f is a contraction (L = {L:.4g}): use iterate_banach(f, z0, error_tol=...)"
            if L < 1
            else f"the Lipschitz bound {L:.4g} certifies no contraction in the 2-norm: "
            "iterate_banach(f, z0, residual_tol=...), from several z0"
        )
        raise NotImplementedError(f"{self!r} has no fixed point in closed form; {remedy}")

    def rounding_error(self, z: Any, ord: float = 2) -> NDArray[np.float64]:  # noqa: A002
        """η of shape (...): a bound for ‖f̂(z) − f(z)‖, with f̂ evaluated in the dtype of z.

        The error of the affine part (see `LinearMap.rounding_error`) passes through φ with a slope
        of at most sup φ'. RELU adds nothing; TANH and SOFTPLUS add 4 eps |φ|, SIGMOID, evaluated
        as ½ + ½ tanh(y/2), 4 eps, which assumes tanh and log(1 + exp) to be computed to four units
        in the last place. The injection U x + b is taken as it is stored.
        """
        check_ord(ord)
        y = self._inner(z)
        errors = self.activation.max_slope * self._inner.componentwise_rounding(
            self._inner.state(z)
        )
        if self.activation is Activation.SIGMOID:
            errors = errors + 4 * machine_eps(y)
        elif self.activation is not Activation.RELU:
            errors = errors + 4 * machine_eps(y) * np.abs(host(self.activation(y)))
        return vector_norm(errors, ord, errors.ndim - len(self.state_shape))

    def _inject(self, U: Any, x: Any) -> Array:
        if U is None or x is None:
            raise ValueError(
                f"{'U' if U is None else 'x'} is missing: give U and x together, or neither"
            )
        if isinstance(self.W, float):
            raise ValueError(
                "W is a number: give its injection in b, as b = u * x + b, not as U, x"
            )
        U, x = float_array(U, "U", like=self.W), float_array(x, "x", like=self.W)
        d = self.W.shape[:1]
        if U.ndim != 2 or tuple(U.shape[:1]) != tuple(d) or x.shape[-1:] != U.shape[1:]:
            raise ValueError(
                f"U has shape {tuple(U.shape)} and x {tuple(x.shape)}; W of shape "
                f"{tuple(self.W.shape)} needs (d, n) and (..., n)"
            )
        xp = array_api_compat.array_namespace(U)
        return xp.matmul(x, xp.matrix_transpose(U)) + self.b
