"""Gradients of a fixed point: deqlab beside torchdeq, jaxopt and optimistix.

    python -m benchmarks.gradients [--quick] [--output FILE]

One loss, ⟨v, z*⟩ with v ~ N(0, 1), on the cells of `benchmarks.problems`. The yardstick is the
gradient with respect to W and the inputs by a dense float64 solve at a float64 fixed point whose
residual is at rounding. Every method gets the same f, the same start, and the tolerance of
`problems.TOLERANCES` for its forward and its adjoint solve, unless its name says otherwise.

    vjps             products with Jᵀ = (∂f/∂z)ᵀ in the backward pass, counted in f itself, one that
                     only measures the residual included; not the one with (∂f/∂θ)ᵀ at the end
    saved_bytes      of tensors that the forward pass packs for backward, W and inputs aside
    peak_bytes       most bytes allocated at a time by torch, forward and backward
    relative_error   ‖ĝ − g‖/‖g‖ over W and inputs together; cosine likewise
    reported         what the library said about its backward solve: a status, or nothing

    *_seconds        CPU time of the process on one thread, which is blind to what else the machine
                     does; JAX is compiled, without the compilation. One run per seed
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks import problems
from benchmarks._record import peak_bytes, write
from benchmarks.problems import Instance
from deqlab import (
    GMRES,
    Anderson,
    DenseLU,
    FixedPointLinear,
    Implicit,
    NeumannSeries,
    OnFailure,
    PhantomGradient,
    Picard,
    RelativeResidual,
    ReuseInverse,
    Status,
    SymmetrizedCG,
    TruncatedNeumann,
    Unrolled,
    fixed_point,
)
from deqlab.solvers.broyden import Broyden

MAX_STEPS = 4000
PROFILED = 0.5  # seconds; the profiler that measures peak_bytes takes far longer


# ---------------------------------------------------------------- f, with its products counted


class _Count(torch.autograd.Function):
    """The identity; its backward passes are the products with Jᵀ."""

    products = 0

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        _Count.products += 1
        return g


def counted(instance: Instance, z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    """The cell, counting each product with its Jacobian."""
    return instance.apply(_Count.apply(z), x, W)


# ---------------------------------------------------------------- the yardstick


@dataclass(frozen=True, kw_only=True)
class Exact:
    """v and the gradient of ⟨v, z*⟩, in float64."""

    v: Tensor
    gradient: Tensor  # of W and the inputs, flat

    @classmethod
    def of(cls, instance: Instance, seed: int) -> "Exact":
        """By Newton's method and a dense solve per sample; tanh cells only."""
        W, x = instance.W, instance.inputs
        v = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
        z, eye = instance.start, torch.eye(W.shape[0], dtype=x.dtype)
        for _ in range(100):
            fz = instance(z)
            J = (1 - fz**2)[:, :, None] * W
            step = torch.linalg.solve(eye - J, (fz - z)[:, :, None])[:, :, 0]
            z = z + step
            if float(step.norm() / z.norm()) < 1e-15:
                break
        D = 1 - z**2
        w = torch.linalg.solve((eye - D[:, :, None] * W).mT, v[:, :, None])[:, :, 0]
        return cls(v=v, gradient=_flat((D * w).T @ z, D * w))


def _flat(*parts: Tensor) -> Tensor:
    return torch.cat([part.detach().double().flatten() for part in parts])


# ---------------------------------------------------------------- methods


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to the gradient.

    Attributes
    ----------
    solve : callable
        (f, start, x, W, tol) -> the value with its graph, and a callable that tells, after the
        backward pass, what the library reports about it.
    """

    library: str
    name: str
    solve: Callable[..., tuple[Tensor, Callable[[], str | None]]]
    steep: bool = False  # too slow or too large but for the main problem


def by_deqlab(
    f: Any,
    start: Tensor,
    x: Tensor,
    W: Tensor,
    tol: float,
    *,
    adjoint: Any,
    solver: Any,
    **given: Any,
) -> tuple[Tensor, Callable[[], str | None]]:
    if isinstance(adjoint, Implicit):
        adjoint = Implicit(linear_solver=adjoint.linear_solver, rtol=tol)
    options = {"stop": RelativeResidual(rtol=tol), "max_steps": MAX_STEPS} | given
    solution = fixed_point(
        f,
        start,
        x,
        params=(W,),
        solver=solver,
        adjoint=adjoint,
        on_failure=OnFailure.IGNORE,
        **options,
    )

    def report() -> str | None:
        answer = solution.adjoint
        return None if answer is None else Status(int(answer.status.max())).name

    return solution.value, report


def by_torchdeq(
    f: Any, start: Tensor, x: Tensor, W: Tensor, tol: float, **options: Any
) -> tuple[Tensor, Callable[[], str | None]]:
    from torchdeq import get_deq

    solver = {"f_solver": "fixed_point_iter", "f_max_iter": MAX_STEPS, "f_tol": tol}
    deq = get_deq(
        **solver, f_stop_mode="rel", **{k: tol if v == "tol" else v for k, v in options.items()}
    )
    values, _ = deq(lambda z: f(z, x, W), start)
    return values[-1], lambda: None


def torch_methods() -> Iterator[Method]:
    linear = {
        "Implicit, GMRES(256), the default": GMRES(),
        "Implicit, GMRES(40)": GMRES(restart=40, max_restarts=100),
        "Implicit, Anderson(12)": FixedPointLinear(solver=Anderson(), max_steps=MAX_STEPS),
        "Implicit, Neumann series": NeumannSeries(max_terms=MAX_STEPS),
        "Implicit, symmetrised CG": SymmetrizedCG(slope=lambda z: 1 - z**2),
        "Implicit, dense LU": DenseLU(),
    }
    deqlab = partial(Method, library="deqlab")
    accelerated = partial(by_deqlab, solver=Anderson())
    for name, solver in linear.items():
        adjoint = Implicit(linear_solver=solver)
        steep = not isinstance(solver, GMRES)
        yield deqlab(name=name, solve=partial(accelerated, adjoint=adjoint), steep=steep)
    for k in (1, 5, 20, 100):
        name = "Jacobian-free (1 term)" if k == 1 else f"truncated Neumann, {k} terms"
        solve = partial(accelerated, adjoint=TruncatedNeumann(k))
        yield deqlab(name=name, solve=solve, steep=k > 5)
    solve = partial(accelerated, adjoint=PhantomGradient(terms=5, relaxation=0.5))
    yield deqlab(name="phantom, 5 terms, relaxation 0.5", solve=solve)
    for k in (50, 200, 1000):
        plain = partial(by_deqlab, solver=Picard(), stop=None, max_steps=k)
        yield deqlab(
            name=f"unrolled, {k} steps", solve=partial(plain, adjoint=Unrolled()), steep=True
        )
    yield deqlab(
        name="SHINE from Broyden",
        solve=partial(by_deqlab, solver=Broyden(memory=100), adjoint=ReuseInverse()),
    )
    peer = partial(Method, library="torchdeq")
    yield peer(name="default (1-step phantom)", solve=by_torchdeq)
    yield peer(name="ift=True, its backward defaults", solve=partial(by_torchdeq, ift=True))
    tuned = {"ift": True, "b_max_iter": MAX_STEPS, "b_tol": "tol", "b_stop_mode": "rel"}
    yield peer(name="ift=True, plain to tolerance", solve=partial(by_torchdeq, **tuned), steep=True)
    for solver in ("anderson", "broyden"):
        solve = partial(by_torchdeq, **tuned, b_solver=solver)
        yield peer(name=f"ift=True, {solver} to tolerance", solve=solve, steep=True)


# ---------------------------------------------------------------- measuring


def measure(
    method: Method, instance: Instance, exact: Exact, tol: float, peak: bool
) -> dict[str, Any]:
    """One method on one instance."""
    v = exact.v.to(instance.W.dtype)
    W, x = (t.clone().requires_grad_() for t in (instance.W, instance.inputs))
    f = partial(counted, instance)
    row: dict[str, Any] = {"library": method.library, "method": method.name}
    kept: dict[int, int] = {}
    with _packed(kept, aside=(W, x)):
        begin = time.process_time()
        value, report = method.solve(f, instance.start, x, W, tol)
        forward = time.process_time() - begin
    _Count.products = 0
    begin = time.process_time()
    gradient = _flat(*torch.autograd.grad(value, (W, x), v))
    backward = time.process_time() - begin
    row |= {
        "vjps": _Count.products,
        "forward_seconds": forward,
        "backward_seconds": backward,
        "saved_bytes": sum(kept.values()),
        "reported": report(),
    }
    if peak and forward + backward < PROFILED:
        row["peak_bytes"] = peak_bytes(
            lambda: torch.autograd.grad(method.solve(f, instance.start, x, W, tol)[0], (W, x), v)
        )
    return row | _quality(gradient, exact)


def _quality(gradient: Tensor, exact: Exact) -> dict[str, float | None]:
    error = float((gradient - exact.gradient).norm() / exact.gradient.norm())
    cosine = float(torch.nn.functional.cosine_similarity(gradient, exact.gradient, dim=0))
    finite = error == error and cosine == cosine
    return {"relative_error": error if finite else None, "cosine": cosine if finite else None}


@contextmanager
def _packed(kept: dict[int, int], aside: tuple[Tensor, ...]) -> Iterator[None]:
    """Collect the storages that are saved for backward: address -> bytes."""
    known = {t.untyped_storage().data_ptr() for t in aside}
    held = []  # no address is used twice

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(storage)
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        yield


# ---------------------------------------------------------------- JAX


def jax_rows(instance: Instance, exact: Exact, tol: float) -> Iterator[dict[str, Any]]:
    """jaxopt and optimistix with their implicit gradients; nothing if they are not installed."""
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    try:
        import jax
        import jax.numpy as jnp
        import jaxopt
        import optimistix
    except ImportError:
        return
    jax.config.update("jax_enable_x64", instance.W.dtype == torch.float64)
    W, x, v, z0 = (
        jnp.asarray(t.numpy())
        for t in (instance.W, instance.inputs, exact.v.to(instance.W.dtype), instance.start)
    )

    def f(z: Any, x: Any, W: Any) -> Any:
        return jnp.tanh(z @ W.T + x)

    def by_jaxopt(adjoint: Any) -> Callable[..., Any]:
        options = {} if adjoint is None else {"implicit_diff_solve": adjoint}
        solver = jaxopt.FixedPointIteration(
            lambda z, x, W: f(z, x, W), maxiter=MAX_STEPS, tol=tol, **options
        )
        return lambda x, W: solver.run(z0, x, W).params

    def by_optimistix() -> Callable[..., Any]:
        solver = optimistix.FixedPointIteration(rtol=tol, atol=tol)

        def one(z: Any, x: Any, W: Any) -> Any:
            solution = optimistix.fixed_point(
                lambda z, a: f(z, *a), solver, z, (x, W), max_steps=MAX_STEPS, throw=False
            )
            return solution.value

        return lambda x, W: jax.vmap(one, (0, 0, None))(z0, x, W)

    gmres = partial(jaxopt.linear_solve.solve_gmres, tol=tol, restart=100, maxiter=10)
    methods = {
        ("jaxopt", "implicit, default (CG on the normal equations)"): by_jaxopt(None),
        ("jaxopt", "implicit, GMRES(100) to tolerance"): by_jaxopt(gmres),
        ("optimistix", "implicit, default (dense)"): by_optimistix(),
    }
    for (library, name), value in methods.items():
        forward = jax.jit(value)
        both = jax.jit(jax.grad(lambda x, W, value=value: jnp.vdot(v, value(x, W)), (1, 0)))
        row: dict[str, Any] = {"library": library, "method": name, "vjps": None, "reported": None}
        try:
            seconds = [_time_jax(call, x, W) for call in (forward, both)]
            gradient = _flat(*(torch.from_numpy(_numpy(g)) for g in both(x, W)))
        except Exception as error:  # an out-of-memory or a solver that raises is a result, too
            yield row | {"failed": f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"}
            continue
        row |= {"forward_seconds": seconds[0], "backward_seconds": seconds[1] - seconds[0]}
        yield row | _quality(gradient, exact)


def _time_jax(call: Callable[..., Any], *arguments: Any) -> float:
    import jax

    jax.block_until_ready(call(*arguments))  # compiles
    begin = time.process_time()
    jax.block_until_ready(call(*arguments))
    return time.process_time() - begin


def _numpy(x: Any) -> Any:
    import numpy as np

    return np.array(x)


# ---------------------------------------------------------------- the run

CELLS = [("symmetric", 0.99), ("symmetric", 0.9), ("orthogonal", 0.99), ("ginibre", 0.99)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one seed, d = 32, 8 samples")
    parser.add_argument("--output", default="benchmarks/results/gradients.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    d, batch, seeds = (32, 8, (0,)) if options.quick else (256, problems.BATCH, (0, 1, 2))
    rows = []
    for ensemble, c in CELLS:
        main_problem = (ensemble, c) == CELLS[0]
        for seed in seeds:
            instance = problems.cell(ensemble, d=d, c=c, seed=seed, batch=batch)
            exact = Exact.of(instance, seed)
            for dtype, tol in problems.TOLERANCES.items():
                peak = main_problem and seed == 0 and dtype == torch.float32
                where = {
                    "problem": instance.name,
                    "digest": instance.digest(),
                    "seed": seed,
                    "dtype": str(dtype).removeprefix("torch."),
                    "tolerance": tol,
                }
                found = list(_torch_rows(instance.to(dtype), exact, tol, main_problem, peak))
                if main_problem:
                    found += jax_rows(instance.to(dtype), exact, tol)
                rows += [where | row for row in found]
                _show(where, found)
                write(options.output, benchmark="gradients", rows=rows)


def _torch_rows(
    instance: Instance, exact: Exact, tol: float, main_problem: bool, peak: bool
) -> Iterator[dict[str, Any]]:
    for method in torch_methods():
        if method.steep and not main_problem:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield measure(method, instance, exact, tol, peak)
            except ImportError:
                continue
            except Exception as error:
                failed = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
                yield {"library": method.library, "method": method.name, "failed": failed}


def _show(where: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    print(f"\n{where['problem']} {where['dtype']} seed {where['seed']}")
    for row in rows:
        cells = [f"{row['library']:>10} {row['method']:<46}"]
        for name, form in (
            ("vjps", "d"),
            ("relative_error", ".2e"),
            ("cosine", ".4f"),
            ("backward_seconds", ".3f"),
            ("saved_bytes", ",d"),
            ("peak_bytes", ",d"),
        ):
            value = row.get(name)
            cells.append(f"{name.split('_')[0]} " + ("-" if value is None else format(value, form)))
        print("  ".join(cells), row.get("reported") or "", row.get("failed") or "", flush=True)


if __name__ == "__main__":
    main()
