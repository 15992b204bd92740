"""The affine map z ↦ Az + b: everything about its iteration has a closed form."""

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from deqlab._arrays import Array, check_ord, float_array, host, machine_eps, vector_norm


class LinearMap:
    """The affine map f(z) = A z + b.

    Parameters
    ----------
    A : array (d, d), or a number
        A number makes a scalar map: states have shape ().
    b : array (..., d), optional
        Leading axes hold one b per sample. For a scalar map, (...). Default zero.

    Raises
    ------
    TypeError
        If an argument is not real, or A and b differ in kind (NumPy, torch) or dtype.
    ValueError
        If A is not square, b does not fit, or an entry is inf or nan.

    Examples
    --------
    >>> import numpy as np
    >>> f = LinearMap(0.5, 1.0)
    >>> f(np.array([0.0, 2.0, 4.0])), f.lipschitz(), f.fixed_point()
    (array([1., 2., 3.]), 0.5, 2.0)
    """

    def __init__(self, A: Any, b: Any = None) -> None:
        self.A, self.b = matrix_and_offset(A, b, "A")
        self._like = _first_array(self.A, self.b)
        self.state_shape: tuple[int, ...] = tuple(np.shape(self.A))[:1]
        """(d,), or () for a scalar map."""

    def __repr__(self) -> str:
        return f"LinearMap(A: {tuple(np.shape(self.A))}, b: {tuple(np.shape(self.b))})"

    def __call__(self, z: Any) -> Array:
        """f(z) of shape (..., d) for z of shape (..., d); (...) for a scalar map.

        Raises
        ------
        TypeError
            If z is an array of another kind (NumPy, torch) or dtype than A and b.
        ValueError
            If the last axis of z is not d long.
        """
        z = self.state(z)
        if not self.state_shape:
            return self.A * z + self.b
        xp = array_api_compat.array_namespace(z)
        return xp.matmul(z, xp.matrix_transpose(self.A)) + self.b

    def jacobian(self, z: Any) -> Array:
        """J = A, as an array of shape (..., d, d); of shape (...) for a scalar map."""
        z = self.state(z)
        shape = np.broadcast_shapes(tuple(z.shape), np.shape(self.b)) + self.state_shape
        xp = array_api_compat.array_namespace(z)
        return xp.zeros(shape, dtype=z.dtype, device=array_api_compat.device(z)) + self.A

    def lipschitz(self, ord: float = 2) -> float:  # noqa: A002
        """The smallest L with ‖f(x) − f(y)‖ ≤ L ‖x − y‖ in the p-norm `ord`: the norm of A.

        ord = 1 is the largest column sum, inf the largest row sum, 2 the largest singular value.
        For d ≥ 2 the computed norm is raised by the relative 4 d eps of float64, more than its own
        rounding error, so that the returned number is an upper bound.

        Raises
        ------
        ValueError
            If `ord` is none of 1, 2, numpy.inf.
        """
        check_ord(ord)
        A = self._matrix()
        if len(A) == 1:
            return float(abs(A[0, 0]))
        return float(np.linalg.norm(A, ord)) * (1 + 4 * len(A) * np.finfo(np.float64).eps)

    def spectral_radius(self) -> float:
        """ρ(A) = max |λ|. Iterating f converges from every z₀ to the same limit iff ρ(A) < 1.

        Eigenvalues of a non-normal A are sensitive: a perturbation of size ε moves those of a
        Jordan block of size m by ε^(1/m), and rounding is such a perturbation.
        """
        return float(np.max(np.abs(np.linalg.eigvals(self._matrix()))))

    def fixed_point(self) -> Array:
        """The solution z* of (I − A) z = b, of the shape of b.

        Raises
        ------
        ValueError
            If 1 is an eigenvalue of A to working precision: then there is no fixed point, or a
            whole affine subspace of them.
        """
        A, eps = self._matrix(), machine_eps(self._like)
        d = len(A)
        gap = float(np.linalg.svd(np.eye(d) - A, compute_uv=False)[-1])
        if gap <= d * eps * (1 + np.linalg.norm(A, 2)):
            raise ValueError(
                "1 is an eigenvalue of A to working precision (smallest singular value of I - A: "
                f"{gap:.3g}): z = A z + b has no solution or infinitely many; change A so that "
                "I - A is invertible"
            )
        if not self.state_shape:
            return self.b / (1.0 - self.A)
        xp = array_api_compat.array_namespace(self.A)
        identity = xp.eye(d, dtype=self.A.dtype, device=array_api_compat.device(self.A))
        columns = xp.matrix_transpose(xp.reshape(self.b, (-1, d)))  # (d, batch)
        solution = xp.linalg.solve(identity - self.A, columns)
        return xp.reshape(xp.matrix_transpose(solution), tuple(self.b.shape))

    def rounding_error(self, z: Any, ord: float = 2) -> NDArray[np.float64]:  # noqa: A002
        """η of shape (...): a bound for ‖f̂(z) − f(z)‖, with f̂ evaluated in the dtype of z.

        Entry i of f(z) is the inner product of (A_i, b_i) and (z, 1), of length d + 1. Summed in
        any order with unit roundoff u = eps/2, its error is at most (d + 1) u (|A_i| |z| + |b_i|)
        [1]_. The bound returned has eps in place of u, which pays for its own rounding, and one
        smallest normal number per product for underflow.

        References
        ----------
        .. [1] C.-P. Jeannerod, S. M. Rump, "Improved error bounds for inner products in
           floating-point arithmetic", SIAM J. Matrix Anal. Appl. 34 (2013).
        """
        check_ord(ord)
        errors = self.componentwise_rounding(self.state(z))
        return vector_norm(errors, ord, errors.ndim - len(self.state_shape))

    def componentwise_rounding(self, z: Array) -> NDArray[np.float64]:
        A, b, x = np.abs(self._matrix()), np.abs(host(self.b)), np.abs(host(z))
        tiny = float(array_api_compat.array_namespace(z).finfo(z.dtype).smallest_normal)
        with np.errstate(over="ignore", invalid="ignore"):
            magnitude = (x @ A.T if self.state_shape else A[0, 0] * x) + b
            return (len(A) + 1) * (machine_eps(z) * magnitude + tiny)

    def _matrix(self) -> NDArray[np.float64]:
        A = host(self.A)
        return A if self.state_shape else A.reshape(1, 1)

    def state(self, z: Any) -> Array:
        z = float_array(z, "z", like=self._like)
        if self.state_shape and tuple(z.shape[-1:]) != self.state_shape:
            raise ValueError(
                f"z has shape {tuple(z.shape)}; expected (..., {self.state_shape[0]}), the state "
                "in the last axis"
            )
        try:
            np.broadcast_shapes(tuple(z.shape), np.shape(self.b))
        except ValueError as error:
            raise ValueError(
                f"the batch axes of z, shape {tuple(z.shape)}, and of b, shape "
                f"{tuple(np.shape(self.b))}, do not broadcast"
            ) from error
        return z


def matrix_and_offset(A: Any, b: Any, name: str) -> tuple[Array, Array]:
    """Validate; a number stays a Python number, so that it fits arrays of every kind and dtype."""
    if isinstance(A, int | float):
        A = float(A)
        b = 0.0 if b is None else float(b) if isinstance(b, int | float) else float_array(b, "b")
    else:
        A = float_array(A, name)
        if A.ndim not in (0, 2) or (A.ndim == 2 and (A.shape[0] != A.shape[1] or not A.shape[0])):
            raise ValueError(
                f"{name} has shape {tuple(A.shape)}; expected (d, d) with d >= 1, or a number"
            )
        b = float_array(np.zeros(A.shape[:1]).tolist() if b is None else b, "b", like=A)
        if A.ndim == 2 and tuple(b.shape[-1:]) != (A.shape[0],):
            raise ValueError(
                f"b has shape {tuple(b.shape)}; {name} of shape {tuple(A.shape)} needs "
                f"(..., {A.shape[0]})"
            )
    for label, value in ((name, A), ("b", b)):
        if not np.all(np.isfinite(host(value))):
            raise ValueError(f"{label} has entries that are inf or nan; all must be finite")
    return A, b


def _first_array(*values: Array | float) -> Array | None:
    return next((v for v in values if not isinstance(v, float)), None)
