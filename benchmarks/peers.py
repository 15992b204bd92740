"""Methods of other libraries, and of the textbook, as functions of a map and a start.

A peer is called as peer(f, start, tol, limit) and iterates until f raises `Enough`, or for about
`limit` evaluations. Peers whose library is not installed are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deqlab import Anderson, Broyden, BroydenKind, OnFailure, Picard, fixed_point

Map = Callable[[Tensor], Tensor]


class Enough(Exception):  # noqa: N818
    """Raised by the map when every sample has met its tolerance, or the budget is spent."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A method of a library.

    Attributes
    ----------
    library, method : str
    memory : int, optional
        Pairs of vectors that it keeps; None if it keeps all.
    run : callable
        run(f, start, limit).
    single : bool
        It solves one sample at a time.
    solver : Solver, optional
        The solver of deqlab that it is.
    """

    library: str
    method: str
    memory: int | None
    run: Callable[[Map, Tensor, int], Any]
    single: bool = False
    solver: Any = None


def ours(memories: tuple[int, ...] = (5, 12, 20)) -> list[Peer]:
    """The solvers of deqlab."""
    solvers: list[tuple[str, int, Any]] = [("Picard", 0, Picard())]
    solvers += [(f"Anderson({m})", m, Anderson(memory=m)) for m in memories]
    solvers.append(("Broyden(60), good", 60, Broyden(memory=60)))
    solvers.append(("Broyden(60), bad", 60, Broyden(memory=60, kind=BroydenKind.BAD)))
    return [
        Peer(library="deqlab", method=name, memory=memory, run=_deqlab(solver), solver=solver)
        for name, memory, solver in solvers
    ]


def keeping_all() -> Peer:
    """Broyden's method with room for all updates, as torchdeq's and SciPy's have."""
    solver = Broyden(memory=300, kind=BroydenKind.BAD)
    run = _deqlab(solver)
    return Peer(library="deqlab", method="Broyden(300), bad", memory=300, run=run, solver=solver)


def textbook(memories: tuple[int, ...] = (12, 20)) -> list[Peer]:
    """Anderson's method with a window of plain differences, solved by QR in float64."""
    return [
        Peer(
            library="textbook",
            method=f"Anderson({m}), least squares",
            memory=m,
            run=lambda f, start, limit, m=m: least_squares_anderson(f, start, limit, memory=m),
        )
        for m in memories
    ]


def torchdeq() -> list[Peer]:
    """The solvers of torchdeq, with their defaults but for the memory."""
    try:
        from torchdeq.solver import anderson_solver, broyden_solver, fixed_point_iter
    except ImportError:
        return []
    return [
        Peer(library="torchdeq", method=name, memory=memory, run=_torchdeq(solver, **options))
        for name, memory, solver, options in (
            ("fixed_point_iter", 0, fixed_point_iter, {}),
            ("anderson(m=6)", 6, anderson_solver, {"m": 6}),
            ("anderson(m=12)", 12, anderson_solver, {"m": 12}),
            ("broyden", None, broyden_solver, {}),
        )
    ]


def jaxopt() -> list[Peer]:
    """jaxopt's Anderson acceleration, every sample on its own, with its default ridge 1e-5."""
    try:
        import jaxopt  # noqa: F401
    except ImportError:
        return []
    return [Peer(library="jaxopt", method="AndersonAcceleration(12)", memory=12, run=_jaxopt)]


def scipy() -> list[Peer]:
    """The quasi-Newton solvers of SciPy, which know no batch."""
    try:
        from scipy import optimize
    except ImportError:
        return []
    return [
        Peer(library="scipy", method=name, memory=memory, run=_scipy(solver, options), single=True)
        for name, memory, solver, options in (
            ("broyden1", None, optimize.broyden1, {}),
            ("broyden2", None, optimize.broyden2, {}),
            ("anderson(M=12)", 12, optimize.anderson, {"M": 12}),
        )
    ]


def _deqlab(solver: Any) -> Callable[[Map, Tensor, int], Any]:
    def run(f: Map, start: Tensor, limit: int) -> Any:
        with torch.no_grad():
            return fixed_point(
                f,
                start,
                solver=solver,
                stop=None,
                max_steps=limit,
                on_failure=OnFailure.IGNORE,
            )

    return run


def _torchdeq(solver: Any, **options: Any) -> Callable[[Map, Tensor, int], Any]:
    def run(f: Map, start: Tensor, limit: int) -> Any:
        with torch.no_grad():
            return solver(f, start, max_iter=limit, tol=0.0, stop_mode="rel", **options)

    return run


def _scipy(solver: Any, options: dict[str, Any]) -> Callable[[Map, Tensor, int], Any]:
    def run(f: Map, start: Tensor, limit: int) -> Any:
        def residual(z: Any) -> Any:
            x = torch.from_numpy(np.asarray(z, dtype=start.numpy().dtype))[None]
            return (f(x) - x)[0].numpy()

        try:
            return solver(residual, start[0].numpy(), maxiter=limit, f_tol=1e-300, **options)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise Enough from error

    return run


def least_squares_anderson(f: Map, z: Tensor, limit: int, *, memory: int) -> Tensor:
    """z ← f(z) − ΔF γ, γ = argmin ‖r − ΔR γ‖, the last differences as columns, QR in float64."""
    memory = min(memory, z.shape[1])
    images: list[Tensor] = []
    residuals: list[Tensor] = []
    for _ in range(limit):
        fz = f(z)
        images, residuals = [*images, fz][-memory - 1 :], [*residuals, fz - z][-memory - 1 :]
        z = fz
        if len(images) > 1:
            F = torch.stack(images, 2).diff(dim=2).double()
            Q, R = torch.linalg.qr(torch.stack(residuals, 2).double().diff(dim=2))
            right = Q.mT @ residuals[-1].double()[..., None]
            gamma = torch.linalg.solve_triangular(R, right, upper=True)
            z = fz - (F @ gamma)[..., 0].to(fz.dtype)
    return z


def _jaxopt(f: Any, start: Tensor, limit: int) -> Any:
    """Step by step; f is asked for its instance, and told what jaxopt has evaluated."""
    import jax
    import jax.numpy as jnp
    from jaxopt import AndersonAcceleration

    jax.config.update("jax_enable_x64", start.dtype == torch.float64)
    instance = f.instance
    W = jnp.asarray(instance.W.numpy())
    activation = jnp.tanh if instance.activation is torch.tanh else lambda z: z
    single = instance.W.ndim == 3

    def cell(z: Any, x: Any, W: Any) -> Any:
        return activation(W @ z + x)

    solver = AndersonAcceleration(cell, history_size=12, tol=0.0, implicit_diff=False)
    axes = (0, 0, 0 if single else None)
    x, z = jnp.asarray(instance.inputs.numpy()), jnp.asarray(start.numpy())
    state = jax.vmap(solver.init_state, in_axes=axes)(z, x, W)
    step = jax.jit(jax.vmap(solver.update, in_axes=(0, 0, *axes[1:])))
    for k in range(limit):
        z, state = step(z, state, x, W)
        slot = k % 12
        at = np.array(state.params_history[:, slot])
        r = np.array(state.residuals_history[:, slot])
        f.observe(torch.from_numpy(at), torch.from_numpy(at + r))
    return z


def compiled(instance: Any, n: int) -> dict[tuple[str, str], Callable[[], Any]]:
    """n steps of the JAX libraries on the whole batch, compiled, ready to be timed."""
    try:
        import jax
        import jax.numpy as jnp
        import jaxopt
        import optimistix
    except ImportError:
        return {}
    jax.config.update("jax_enable_x64", instance.W.dtype == torch.float64)
    W, x = jnp.asarray(instance.W.numpy()), jnp.asarray(instance.inputs.numpy())
    start = jnp.zeros_like(x)

    def cell(z: Any, args: Any) -> Any:
        return jnp.tanh(z @ args[0].T + args[1])

    def one(z: Any, x: Any, W: Any) -> Any:
        return jnp.tanh(W @ z + x)

    plain = optimistix.FixedPointIteration(rtol=1e-300, atol=1e-300)
    anderson = jaxopt.AndersonAcceleration(
        one, history_size=12, maxiter=n, tol=0.0, implicit_diff=False
    )
    iterate = jax.jit(
        lambda W, x: (
            optimistix.fixed_point(cell, plain, start, (W, x), max_steps=n, throw=False).value
        )
    )
    accelerate = jax.jit(
        jax.vmap(lambda z, x, W: anderson.run(z, x, W).params, in_axes=(0, 0, None))
    )
    runs = {
        ("optimistix", "FixedPointIteration, compiled"): lambda: iterate(W, x).block_until_ready(),
        ("jaxopt", "AndersonAcceleration(12), compiled"): lambda: accelerate(
            start, x, W
        ).block_until_ready(),
    }
    for run in runs.values():
        run()  # compile
    return runs
