"""What stays the same while one equation is solved, computed once and made an input of its map.

The injection u = inject(x), every parametrised weight (`torch.nn.utils.parametrize`: weight norm,
a certified norm, ...) and every dropout mask are computed before the solve, with their graphs. The
map gets them as arguments: masks and u by rows, so that they leave with the samples; weights
shared. So each step costs what the plain layers cost, and each derivative sees the same map.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils import _pytree as pytree

from deqlab._state import State
from deqlab.nn.dropout import VariationalDropout
from deqlab.problem import declares_step

Masks = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Binding:
    """The map z ↦ f(z, *args, *params) of one solve.

    Attributes
    ----------
    f : callable
        The cell, or the cell with the places for masks and weights.
    args : tuple
        Batch-first: u, further arguments, masks.
    params : tuple
        Shared: the weights that parametrisations compute.
    """

    f: Callable[..., State]
    args: tuple[Any, ...]
    params: tuple[Any, ...] = ()

    def __call__(self, z: State) -> State:
        """f(z)."""
        return self.f(z, *self.args, *self.params)

    def splitting(self, cell: Any) -> Any:
        """cell.splitting(u, ...) with the masks and weights of this map in their places."""
        if not isinstance(self.f, _Filled):
            return cell.splitting(*self.args)
        *args, masks = self.args
        with self.f.in_place(masks, *self.params):
            return cell.splitting(*args)

    def detach(self) -> "Binding":
        """Without the graphs of what was computed before."""
        return self._mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, both=True)

    def head(self, rows: int) -> "Binding":
        """The map of the first rows of the batch."""
        return self._mapped(lambda x: x[:rows] if isinstance(x, Tensor) else x, both=False)

    def _mapped(self, function: Callable[[Any], Any], *, both: bool) -> "Binding":
        params = pytree.tree_map(function, self.params) if both else self.params
        return Binding(f=self.f, args=pytree.tree_map(function, self.args), params=params)


def bind(cell: Callable[..., State], x: Any, args: Sequence[Any], masks: Masks) -> Binding:
    """The map of `cell` for x, with these masks for its active dropouts."""
    dropouts = active_dropouts(cell)
    with _in_place((), (), dropouts, masks):
        u = cell.inject(x) if has_method(cell, "inject") else x  # type: ignore[attr-defined]
    if not isinstance(cell, nn.Module):
        return Binding(f=cell, args=(u, *args))
    sites = [
        (module, name)
        for module in cell.modules()
        if parametrize.is_parametrized(module)
        for name in module.parametrizations
    ]
    if not (sites or masks):
        return Binding(f=cell, args=(u, *args))
    weights = tuple(getattr(module, name) for module, name in sites)
    kind = _StepwiseFilled if declares_step(cell) else _Filled
    return Binding(f=kind(cell, sites, dropouts), args=(u, *args, masks), params=(weights,))


def has_method(cell: Any, name: str) -> bool:
    """Whether the class of the cell defines it; a submodule of that name is something else."""
    return callable(getattr(type(cell), name, None))


def active_dropouts(cell: Any) -> list[VariationalDropout]:
    """The dropouts of a cell that need a mask."""
    if not isinstance(cell, nn.Module):
        return []
    return [m for m in cell.modules() if isinstance(m, VariationalDropout) and m.active]


class _Filled(nn.Module):  # type: ignore[misc]
    """cell(z, ...) with given masks and weights; a module, so that its parameters are found."""

    def __init__(
        self,
        cell: nn.Module,
        sites: Sequence[tuple[nn.Module, str]],
        dropouts: Sequence[VariationalDropout],
    ) -> None:
        super().__init__()
        self.cell = cell
        self._sites, self._dropouts = tuple(sites), tuple(dropouts)

    def in_place(self, masks: Masks, weights: Sequence[Tensor]) -> AbstractContextManager[None]:
        """The cell as f sees it."""
        return _in_place(self._sites, weights, self._dropouts, masks)

    def forward(self, z: State, *inputs: Any) -> State:
        """f(z); the last two inputs are the masks and the weights."""
        with self.in_place(*inputs[-2:]):
            state: State = self.cell(z, *inputs[:-2])
        return state


class _StepwiseFilled(_Filled):
    def forward(self, z: State, *inputs: Any, step: int = 0) -> State:
        """f(z), another one at every step."""
        with self.in_place(*inputs[-2:]):
            state: State = self.cell(z, *inputs[:-2], step=step)
        return state


@contextmanager
def _in_place(
    sites: Sequence[tuple[nn.Module, str]],
    weights: Sequence[Tensor],
    dropouts: Sequence[VariationalDropout],
    masks: Masks,
) -> Iterator[None]:
    """The weights where their parametrisations would be evaluated, the masks in their dropouts."""
    places = [(module.parametrizations._modules, name) for module, name in sites]
    before = [modules[name] for modules, name in places]
    try:
        for (modules, name), weight in zip(places, weights, strict=True):
            modules[name] = _Given(weight)
        for dropout, mask in zip(dropouts, masks, strict=True):
            dropout.mask = mask
        yield
    finally:
        for (modules, name), parametrisation in zip(places, before, strict=True):
            modules[name] = parametrisation
        for dropout in dropouts:
            dropout.mask = None


class _Given:
    """Called like a parametrisation."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    def __call__(self) -> Tensor:
        return self.weight


def refuse_randomness(cell: Any) -> None:
    """Refuse the layers of torch that make a cell another map at every evaluation."""
    if not isinstance(cell, nn.Module):
        return
    for name, module in cell.named_modules():
        if not module.training:
            continue
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"the cell's {name} is {module}: in training mode it mixes the samples of a batch "
                "and changes at every evaluation; use nn.GroupNorm, or call .eval() on it"
            )
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            raise ValueError(
                f"the cell's {name} is {module}: it draws a new mask at every evaluation, so that "
                "f has no fixed point; use deqlab.VariationalDropout, which draws one per solve"
            )


@contextmanager
def refuse_draws(device: torch.device) -> Iterator[None]:
    """Raise if the default random generator was used inside."""
    before = _generator_state(device)
    yield
    if not torch.equal(before, _generator_state(device)):
        raise ValueError(
            "the cell draws random numbers while its equation is solved, so that f is another map "
            "at every evaluation; draw them before and pass them as arguments of the layer, or use "
            "deqlab.VariationalDropout for dropout"
        )


def _generator_state(device: torch.device) -> Tensor:
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.get_rng_state()
