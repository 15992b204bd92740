"""Weight normalisation of a cell: each row of a weight as a length times a direction.

Reference: T. Salimans and D. P. Kingma, Weight normalization, NeurIPS 2016.
"""

from torch import nn
from torch.nn.utils import parametrizations, parametrize

__all__ = ["normalize_weights"]

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def normalize_weights(module: nn.Module) -> nn.Module:
    """Put W = g V/‖V‖, row by row, in the place of the weights inside `module`.

    The rows are the outputs of linear layers and convolutions; a weight that already has a
    parametrisation keeps it. The map is the same at first; g and V are then trained in place of W.

    They are parameters like others (`torch.nn.utils.parametrizations.weight_norm`): copying,
    averaging, `state_dict` and `torch.func.functional_call` need no special care, and there is
    nothing to reset between batches. `DEQ` computes W once for each solve. As with every
    parametrised module of torch, save the state_dict; pickling the module itself is refused.

    Parameters
    ----------
    module : nn.Module
        Such as a cell; changed in place.

    Returns
    -------
    nn.Module
        The same module.

    Raises
    ------
    ValueError
        If there is no weight to normalise, or one has a row of zeros, which has no direction.

    Examples
    --------
    >>> from deqlab import MLPCell
    >>> sorted(dict(normalize_weights(MLPCell(3, 4)).recurrent.named_parameters()))
    ['parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    layers = {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, _LAYERS) and not parametrize.is_parametrized(layer, "weight")
    }
    if not layers:
        raise ValueError(
            f"{type(module).__name__} has no linear layer or convolution without a parametrisation"
        )
    for name, layer in layers.items():
        if not bool(layer.weight.detach().flatten(1).any(1).all()):
            raise ValueError(f"the weight of {name or 'the module'} has a row of zeros")
    for layer in layers.values():
        parametrizations.weight_norm(layer, "weight", dim=0)
    return module
