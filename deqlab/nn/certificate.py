"""What a well-posed cell guarantees, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Bounds that hold for every input and every pair of states, with the weights as they are.

    They are bounds, not estimates: computed in float64 from the weights that the cell multiplies
    with, and widened by the rounding error of that computation. All refer to the Euclidean norm of
    one sample's state and to exact arithmetic in the cell.

    Attributes
    ----------
    lipschitz : float
        L with ‖f(z) − f(z')‖ ≤ L ‖z − z'‖, f the cell.
    contraction : float
        The same for the map that a solver iterates: the cell itself if it is contractive, else its
        splitting. Below 1 there is one equilibrium, plain iteration finds it from every start, and
        ‖z − z*‖ ≤ ‖residual‖/(1 − contraction), in the variable that is iterated.
    monotonicity : float
        m with ⟨z − z', (I − W)(z − z')⟩ ≥ m ‖z − z'‖², W the linear part of z = φ(Wz + u). Above 0
        there is one equilibrium, whatever the norm of W, for every φ with 0 ≤ φ' ≤ 1.
    """

    lipschitz: float
    contraction: float
    monotonicity: float
