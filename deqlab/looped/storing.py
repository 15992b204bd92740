"""A trained looped transformer in a folder: ``config.json`` and ``model.safetensors``."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from deqlab.adjoints.unrolled import Unrolled
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.model import LoopedTransformer
from deqlab.solve import Adjoint

__all__ = ["load_looped", "save_looped"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_looped(model: LoopedTransformer, folder: Path | str) -> None:
    """Write the configuration and the weights, each at once or not at all.

    Parameters
    ----------
    model : LoopedTransformer
    folder : path-like
        Made if it is not there.
    """
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    for name, data in (
        (CONFIG, model.config.to_json().encode()),
        (WEIGHTS, save(weights)),
    ):
        partial = folder / f"{name}.partial"
        partial.write_bytes(data)
        os.replace(partial, folder / name)


def load_looped(
    folder: Path | str,
    *,
    adjoint: Adjoint = Unrolled(),  # noqa: B008
    device: torch.device | str = "cpu",
) -> LoopedTransformer:
    """Read what `save_looped` wrote.

    Parameters
    ----------
    folder : path-like
    adjoint : Adjoint
        How the loop is differentiated, as in `LoopedTransformer`.
    device : torch.device or str

    Returns
    -------
    LoopedTransformer

    Raises
    ------
    ValueError
        If a file is missing or damaged, or the weights are of another configuration.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    try:
        config = LoopedTransformerConfig.from_json((folder / CONFIG).read_text(encoding="utf-8"))
        weights = load((folder / WEIGHTS).read_bytes())
    except OSError as error:
        raise ValueError(f"{folder} holds no trained model: {error.strerror}") from error
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged ({error}): save it again") from error
    model = LoopedTransformer(config, adjoint=adjoint)
    mine = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in weights.items()}
    if mine != theirs:
        other = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
        raise ValueError(
            f"{folder / WEIGHTS} is of another configuration than {CONFIG}: "
            f"{other[0]} is {theirs.get(other[0])} there and {mine.get(other[0])} here"
        )
    model.load_state_dict(weights)
    model.to(device)
    return model
