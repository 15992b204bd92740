"""The test problems of the benchmarks: generator, scale, dtype and seed fix an instance.

The main problem is one equilibrium cell, z = tanh(Wz + Ux + b), with W = c M/‖M‖₂ and M Gaussian
(`ginibre`), its symmetric part (`symmetric`) or its orthogonal factor (`orthogonal`). U = G'/√d,
x ~ s N(0, 1) per sample and b ~ s/10 N(0, 1), shared; s = 1 for ginibre, 0.02 for the others. Large
inputs saturate tanh: at c = 0.99 the local rate ρ(J) of ginibre is about 0.36, that of the two
others about 0.98. The zoo holds maps on which acceleration fails, or gains everything.

Every instance is drawn in float64 with numpy.random.default_rng(seed) and then cast, so the float32
and float64 problems of one seed are the same problem, and `Instance.digest` names its bits.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deqlab import (
    ginibre_matrix,
    nonnormal_matrix,
    orthogonal_matrix,
    shift_matrix,
    symmetric_matrix,
)

BATCH = 64
ENSEMBLES = {"ginibre": 1.0, "symmetric": 0.02, "orthogonal": 0.02}  # name: input scale s
MATRICES = {
    "ginibre": ginibre_matrix,
    "symmetric": symmetric_matrix,
    "orthogonal": orthogonal_matrix,
}
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}  # of the relative residual, worst sample


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A batch of fixed-point problems z = activation(z Wᵀ + inputs), z₀ = start.

    Attributes
    ----------
    name : str
    W : Tensor (d, d) or (B, d, d)
        Shared by the batch, or one matrix per sample.
    inputs : Tensor (B, d)
        Ux + b for a cell, b for a linear map.
    start : Tensor (B, d)
    activation : callable
        Componentwise.
    """

    name: str
    W: Tensor
    inputs: Tensor
    start: Tensor
    activation: Callable[[Tensor], Tensor] = torch.tanh

    def __call__(self, z: Tensor) -> Tensor:
        return self.apply(z, self.inputs, self.W)

    def apply(self, z: Tensor, inputs: Tensor, W: Tensor) -> Tensor:
        """f with its tensors explicit; a W per sample follows the rows of z under compaction."""
        product = z @ W.T if W.ndim == 2 else torch.einsum("bij,bj->bi", W, z)
        return self.activation(product + inputs)

    def sample(self, row: int) -> "Instance":
        """The problem of one sample alone, as a batch of one."""
        W = self.W if self.W.ndim == 2 else self.W[row : row + 1]
        keep = slice(row, row + 1)
        return self._replace(W=W, inputs=self.inputs[keep], start=self.start[keep])

    def to(self, dtype: torch.dtype, device: str = "cpu") -> "Instance":
        """The same instance in another precision or on another device."""
        return self._replace(
            W=self.W.to(device, dtype),
            inputs=self.inputs.to(device, dtype),
            start=self.start.to(device, dtype),
        )

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of W, inputs and start."""
        parts = (self.W, self.inputs, self.start)
        data = b"".join(part.detach().cpu().contiguous().numpy().tobytes() for part in parts)
        return hashlib.sha256(data).hexdigest()[:16]

    def _replace(self, W: Tensor, inputs: Tensor, start: Tensor) -> "Instance":
        return Instance(name=self.name, W=W, inputs=inputs, start=start, activation=self.activation)


def cell(ensemble: str, *, d: int, c: float, seed: int, batch: int = BATCH) -> Instance:
    """The equilibrium cell of the module's docstring, in float64.

    Parameters
    ----------
    ensemble : {"ginibre", "symmetric", "orthogonal"}
    d : int
        State and input dimension.
    c : float
        ‖W‖₂, a Lipschitz constant of the map.
    seed : int
    batch : int
    """
    rng = np.random.default_rng(seed)
    s = ENSEMBLES[ensemble]
    W = MATRICES[ensemble](d, norm=c, generator=rng)
    U = rng.standard_normal((d, d)) / np.sqrt(d)
    x = s * rng.standard_normal((batch, d))
    b = 0.1 * s * rng.standard_normal(d)
    return _instance(f"{ensemble} c={c} d={d}", W, x @ U.T + b)


def linear(ensemble: str, *, d: int, c: float, seed: int, batch: int = BATCH) -> Instance:
    """z = Wz + b with the same W; the fixed point (I − W)⁻¹b is known in closed form."""
    rng = np.random.default_rng(seed)
    W = MATRICES[ensemble](d, norm=c, generator=rng)
    b = rng.standard_normal((batch, d))
    return _instance(f"linear {ensemble} c={c} d={d}", W, b, torch.nn.Identity())


def rotation(*, angle: float = 1.0, batch: int = BATCH, seed: int = 0) -> Instance:
    """A rotation of the plane about a point: |λ| = 1, so plain iteration circles for ever."""
    rng = np.random.default_rng(seed)
    W = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _instance("rotation", W, rng.standard_normal((batch, 2)), torch.nn.Identity())


def reflection(*, d: int = 256, c: float = 0.99, batch: int = BATCH, seed: int = 0) -> Instance:
    """z = c H z + b with a Householder reflection H: orthogonal, but its spectrum is only ±c."""
    rng = np.random.default_rng(seed)
    v = rng.standard_normal(d)
    W = c * (np.eye(d) - 2 * np.outer(v, v) / (v @ v))
    b = rng.standard_normal((batch, d))
    return _instance(f"reflection c={c} d={d}", W, b, torch.nn.Identity())


def nonnormal(*, d: int = 256, seed: int = 0, batch: int = BATCH) -> Instance:
    """A tanh cell with ρ(W) = 0.9 but ‖W‖₂ = 1.5, and small inputs."""
    rng = np.random.default_rng(seed)
    W = nonnormal_matrix(d, spectral_radius=0.9, norm=1.5, generator=rng)
    return _instance(f"non-normal d={d}", W, 0.02 * rng.standard_normal((batch, d)))


def shift(*, d: int = 40) -> Instance:
    """The nilpotent shift z ← Nz + e₁: information moves one place per step, z* = (1, …, 1)."""
    b = np.zeros((1, d))
    b[0, 0] = 1.0
    return _instance(f"nilpotent shift d={d}", shift_matrix(d), b, torch.nn.Identity())


def heterogeneous(*, d: int = 256, seed: int = 0, batch: int = BATCH) -> Instance:
    """Symmetric cells with one matrix direction and cᵢ from 0.2 to 0.99, one per sample."""
    rng = np.random.default_rng(seed)
    s = ENSEMBLES["symmetric"]
    W = symmetric_matrix(d, norm=1.0, generator=rng)
    U = rng.standard_normal((d, d)) / np.sqrt(d)
    x = s * rng.standard_normal((batch, d))
    b = 0.1 * s * rng.standard_normal(d)
    c = np.linspace(0.2, 0.99, batch)
    return _instance(f"heterogeneous d={d}", c[:, None, None] * W, x @ U.T + b)


def zero_solution(*, d: int = 256, seed: int = 0, batch: int = BATCH) -> Instance:
    """A symmetric cell without inputs, c = 0.9: z* = 0, so no tolerance relative to z* is met."""
    rng = np.random.default_rng(seed)
    W = symmetric_matrix(d, norm=0.9, generator=rng)
    start = rng.standard_normal((batch, d))
    return _instance(f"z* = 0, d={d}", W, np.zeros((batch, d)), start=start)


def babylonian(z: Tensor, a: float = 2.0) -> Tensor:
    """z ← (z + a/z)/2, Newton's map for √a: plain iteration converges quadratically."""
    return (z + a / z) / 2


def _instance(
    name: str,
    W: np.ndarray,
    inputs: np.ndarray,
    activation: Callable[[Tensor], Tensor] = torch.tanh,
    start: np.ndarray | None = None,
) -> Instance:
    start = np.zeros_like(inputs) if start is None else start
    tensors = [torch.from_numpy(np.ascontiguousarray(part)) for part in (W, inputs, start)]
    return Instance(
        name=name, W=tensors[0], inputs=tensors[1], start=tensors[2], activation=activation
    )
