"""Tensors that f uses without being given them: found on one evaluation, made explicit inputs.

An `autograd.Function` sees the tensors it is passed and no others; a weight that f merely closes
over would get no gradient (under `torch.func.grad` silently so). Here f is evaluated once while
every torch call is watched. A tensor that takes part, that was neither passed in nor computed, and
that needs a derivative (or is mapped over by `torch.func.vmap`) becomes one more input, put in its
place at each later evaluation. What cannot be replaced that way, because it is used behind torch's
back, is refused. Compiled code is watched as the Python it was compiled from.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from deqlab.adjoints.derivatives import differentiable, transforming
from deqlab.problem import Problem


def make_explicit(problem: Problem) -> Problem:
    """The same problem with its closed-over tensors among the inputs.

    Raises
    ------
    ValueError
        If f(z) depends on a tensor that needs a gradient and that cannot be made an input.
    """
    if not transforming():
        before = _version(problem.z0)
        image = _with_constants(problem)
        if not differentiable(image):
            changed = _version(problem.z0) != before  # by f: the loop will find out, and say so
            return problem.with_(image=None if changed else image)
    with torch.enable_grad(), _eagerly(), _Watch() as watch:
        z0, *inputs = [watch.constant(x) for x in (problem.z0, *problem.inputs)]
        out = problem.function(z0, tuple(inputs))
    if not transforming() and differentiable(out):  # torch.func shows the watch everything
        raise ValueError(
            "f(z) depends on a tensor that needs a gradient and that f was not given, in a way "
            "that hides it, such as a custom autograd.Function; pass it in args or params"
        )
    hidden = watch.hidden
    if not hidden:
        return problem
    function, given = problem.function, len(problem.inputs)

    def with_hidden(z: Tensor, inputs: Sequence[Tensor], **kwargs: Any) -> Tensor:
        with _eagerly(), _Replace(hidden, inputs[given:]):
            return function(z, tuple(inputs[:given]), **kwargs)

    return problem.with_(
        function=with_hidden,
        inputs=(*problem.inputs, *hidden),
        batched=(*problem.batched, *(False for _ in hidden)),
    )


def _with_constants(problem: Problem) -> Tensor:
    """f(z0) of inputs without derivatives: it has one only through tensors f was not given."""
    z0, *inputs = [_constant(x) for x in (problem.z0, *problem.inputs)]
    with torch.enable_grad(), _eagerly():
        return problem.function(z0, tuple(inputs))


def _version(x: Tensor) -> int:
    return 0 if x.is_inference() else int(x._version)


class _Watch(TorchFunctionMode):  # type: ignore[misc]
    """Records the tensors a computation takes from outside and lets it see them as constants."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[Tensor] = []
        self._known: dict[int, Tensor] = {}  # the tensors are kept, so that no id is used twice
        self._constants: dict[int, Tensor] = {}

    def constant(self, x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            y = _constant(x)
        self._known[id(y)] = y
        return y

    def _look(self, x: Any) -> Any:
        if not isinstance(x, Tensor) or id(x) in self._known:
            return x
        if id(x) not in self._constants:
            if not (differentiable(x) or torch._C._functorch.is_functorch_wrapped_tensor(x)):
                return x
            self.hidden.append(x)
            self._constants[id(x)] = self.constant(x)
        return self._constants[id(x)]

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        args, kwargs = pytree.tree_map(self._look, (args, kwargs or {}))
        out = func(*args, **kwargs)
        self._known.update((id(x), x) for x in pytree.tree_leaves(out) if isinstance(x, Tensor))
        return out


class _Replace(TorchFunctionMode):  # type: ignore[misc]
    """Puts `new[i]` wherever a torch call is given `old[i]`."""

    def __init__(self, old: Sequence[Tensor], new: Sequence[Tensor]) -> None:
        super().__init__()
        self._new = {id(x): y for x, y in zip(old, new, strict=True)}

    def _swap(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return self._new.get(id(x), x)
        if type(x) in (tuple, list):
            return type(x)(self._swap(y) for y in x)
        return x

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = {name: self._swap(x) for name, x in (kwargs or {}).items()}
        return func(*self._swap(tuple(args)), **kwargs)


def _eagerly() -> AbstractContextManager[Any]:
    """Compiled code shows no torch calls."""
    if "torch._dynamo" not in sys.modules:  # nothing is compiled; the import takes seconds
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def _constant(x: Tensor) -> Tensor:
    """Another tensor object of the same value, without derivatives (torch.func keeps its own)."""
    return x.view_as(x) if transforming() else forward_ad.unpack_dual(x).primal.detach()
