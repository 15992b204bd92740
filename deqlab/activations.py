"""Componentwise activations φ with 0 ≤ φ' ≤ 1, the class for which the book's theorems are stated.

For such a φ the mean value theorem gives φ(x) − φ(y) = D (x − y) with a diagonal 0 ≤ D ≤ I, and
‖D‖ ≤ 1 in every p-norm: z ↦ φ(Wz + b) is then at most as expansive as W.
"""

from enum import Enum

import array_api_compat
import numpy as np

from deqlab._arrays import Array


class Activation(Enum):
    """A componentwise nonlinearity with 0 ≤ φ' ≤ 1; call it, or take its `derivative`.

    ======== ================= ========
    member   φ(y)              sup φ'
    ======== ================= ========
    TANH     tanh y            1
    RELU     max(y, 0)         1
    SIGMOID  1 / (1 + exp(−y)) 1/4
    SOFTPLUS log(1 + exp(y))   1
    ======== ================= ========

    Examples
    --------
    >>> import numpy as np
    >>> Activation.RELU(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    TANH = "tanh"
    RELU = "relu"
    SIGMOID = "sigmoid"
    SOFTPLUS = "softplus"

    def __call__(self, y: Array) -> Array:
        """φ(y), componentwise; y of any shape."""
        xp = array_api_compat.array_namespace(y)
        match self:
            case Activation.TANH:
                return xp.tanh(y)
            case Activation.RELU:
                return xp.where(y <= 0, xp.zeros_like(y), y)  # a nan stays a nan
            case Activation.SIGMOID:
                return 0.5 * xp.tanh(0.5 * y) + 0.5  # neither end overflows
            case Activation.SOFTPLUS:
                with np.errstate(invalid="ignore"):  # NumPy warns of a nan that only passes through
                    return xp.logaddexp(y, xp.zeros_like(y))

    def derivative(self, y: Array) -> Array:
        """φ'(y), componentwise. RELU is not differentiable at 0; its derivative there is set to 0,
        the choice of automatic differentiation."""
        xp = array_api_compat.array_namespace(y)
        match self:
            case Activation.TANH:
                return 1.0 - xp.tanh(y) ** 2
            case Activation.RELU:
                return xp.astype(y > 0, y.dtype)
            case Activation.SIGMOID:
                return 0.25 * (1.0 - xp.tanh(0.5 * y) ** 2)
            case Activation.SOFTPLUS:
                return Activation.SIGMOID(y)

    @property
    def max_slope(self) -> float:
        """sup φ', the Lipschitz constant of φ."""
        return 0.25 if self is Activation.SIGMOID else 1.0
