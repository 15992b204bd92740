"""Cells of one layer, z = φ(Wz + u); u = injection(x) is constant while z is sought."""

import torch
from torch import Tensor, nn

from deqlab.activations import Activation


class SingleLayerCell(nn.Module):  # type: ignore[misc]
    """f(z, u) = φ(Wz + u), and the checks that W, the injection and φ fit together."""

    def __init__(self, recurrent: nn.Module, injection: nn.Module, activation: Activation) -> None:
        super().__init__()
        if not isinstance(activation, Activation):
            raise TypeError(
                f"activation must be a deqlab.Activation, such as Activation.RELU; got "
                f"{activation!r}"
            )
        size = _state_size(recurrent)
        given = getattr(injection, "out_features", getattr(injection, "out_channels", size))
        if given != size:
            raise ValueError(
                f"injection must map to the {size} features of the state; got {injection}"
            )
        self.recurrent, self.injection, self.activation = recurrent, injection, activation

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        """φ(Wz + u), of the shape of z; u = inject(x)."""
        return self.activation(self.recurrent(z) + u)

    def inject(self, x: Tensor) -> Tensor:
        """u for the inputs x (B, ...).

        Raises
        ------
        ValueError
            If x does not have the width that the injection expects.
        """
        layer = self.injection
        wanted = getattr(layer, "in_features", getattr(layer, "in_channels", None))
        axis = 1 if isinstance(layer, nn.Conv2d) else -1
        if wanted is not None and (x.ndim < 2 or x.shape[axis] != wanted):
            raise ValueError(
                f"the injection expects {wanted} features on axis {axis} of x; got x of shape "
                f"{tuple(x.shape)}"
            )
        u: Tensor = layer(x)
        return u

    def start(self, x: Tensor) -> Tensor:
        """The zero state for x; it has the shape of u."""
        with torch.no_grad():
            shape = self.inject(x).shape
        return torch.zeros(shape, dtype=x.dtype, device=x.device)


def _state_size(layer: nn.Module) -> int:
    """Features of z, after a check that z and Wz have one shape."""
    if isinstance(layer, nn.Linear):
        sizes, same = (layer.in_features, layer.out_features), True
    elif isinstance(layer, nn.Conv2d):
        sizes = (layer.in_channels, layer.out_channels)
        reach = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        padded = layer.padding == "same" or [2 * p for p in layer.padding] == reach
        same = padded and layer.stride == (1, 1)
    else:
        raise TypeError(
            f"recurrent must be an nn.Linear or an nn.Conv2d; got {type(layer).__name__}"
        )
    if sizes[0] != sizes[1] or not same:
        raise ValueError(f"recurrent must return the shape that it is given; got {layer}")
    return int(sizes[0])
