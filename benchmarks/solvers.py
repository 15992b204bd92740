"""Solvers of z = f(z): deqlab beside torchdeq, jaxopt, SciPy and the textbook.

    python -m benchmarks.solvers [--quick] [--device cuda] [--output FILE]

Every method gets the same f and the same z₀. f itself watches: an evaluation counts for all methods
alike, and a sample is done at the first evaluation whose relative residual

    ‖f(z) − z‖ / max(‖f(z)‖, ‖f(z₀) − z₀‖)

is within the tolerance, whatever the method's own rule says. `evaluations` is that of the worst
sample, `error` is ‖z − z*‖/‖z*‖ there, also of the worst sample, against a float64 z* by Newton's
method. A method is stopped when it has spent more than plain iteration, or 600 on a ginibre or
symmetric cell; `evaluations` is then null. SciPy solves one sample at a time: the first two.

`gmres` is the number of products of full-memory GMRES on the linearisation at z*: no Krylov method
needs fewer on the linear problem. Wall times are medians of interleaved runs of one thread on one
core, each for the number of evaluations that the method needs, without the watching.
"""

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from benchmarks import peers, problems
from benchmarks._record import peak_bytes, write
from benchmarks.peers import Enough, Peer
from benchmarks.problems import Instance
from deqlab import GMRES, Anderson, OnFailure, Picard, RelativeResidual, fixed_point

LIMIT = 4000
ENOUGH = 600  # evaluations on a cell where half of the methods need fewer than 150
BATCHES = {256: 64, 1024: 16}  # d: samples
SINGLES = 2  # samples for the methods that know no batch
Row = dict[str, Any]


class Watch:
    """f, counting its evaluations and noting when every sample met the tolerance."""

    def __init__(
        self, instance: Instance, tol: float, limit: int = LIMIT, exact: Tensor | None = None
    ) -> None:
        self.instance, self.tol, self.limit, self.exact = instance, tol, limit, exact
        self.count = 0
        batch = instance.start.shape[0]
        self.met = torch.zeros(batch, dtype=torch.int64)
        self.error = torch.full((batch,), math.nan, dtype=torch.float64)
        self.lowest = torch.full((batch,), math.inf, dtype=torch.float64)
        self.first: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        fz = self.instance(z)
        self.observe(z, fz)
        return fz

    def observe(self, z: Tensor, fz: Tensor) -> None:
        """An evaluation f(z) = fz has been made."""
        self.count += 1
        r, scale = (fz - z).double().norm(dim=1), fz.double().norm(dim=1)
        if self.count == 1:
            self.first = r
        relative = r / torch.maximum(scale, self.first).clamp_min(1e-300)
        self.lowest = torch.fmin(self.lowest, relative)
        new = (relative <= self.tol) & (self.met == 0)
        self.met[new] = self.count
        if self.exact is not None and bool(new.any()):
            gap = (z.double() - self.exact).norm(dim=1) / self.exact.norm(dim=1)
            self.error[new] = gap[new]
        if bool(self.met.all()) or self.count >= self.limit:
            raise Enough


def watch(peer: Peer, instance: Instance, tol: float, limit: int, exact: Tensor | None) -> Watch:
    """Run a method until every sample is done, or `limit` evaluations."""
    f = Watch(instance, tol, limit, exact)
    with suppress(Enough):
        peer.run(f, instance.start, limit + 1)
    return f


def measured(f: Watch) -> Row:
    """What a watch has seen, as numbers of a row."""
    done = bool(f.met.all())
    row: Row = {"evaluations": int(f.met.max()) if done else None}
    row["residual"] = float(f.lowest.max())
    if f.exact is not None and done:
        row["error"] = float(f.error.max())
    if not done:
        row["stopped_at"] = f.count
    return row


def evaluate(peer: Peer, instance: Instance, tol: float, limit: int, exact: Tensor | None) -> Row:
    """The row of one method on one instance."""
    row: Row = {"library": peer.library, "method": peer.method, "memory": peer.memory}
    try:
        if not peer.single:
            return {**row, **measured(watch(peer, instance, tol, limit, exact))}
        parts = []
        for i in range(min(SINGLES, instance.start.shape[0])):
            own = None if exact is None else exact[i : i + 1]
            parts.append(measured(watch(peer, instance.sample(i), tol, limit, own)))
        worst = max(parts, key=lambda part: part["evaluations"] or math.inf)
        return {**row, "samples": len(parts), **worst}
    except Exception as error:
        return {**row, "evaluations": None, "failed": f"{type(error).__name__}: {error}"[:120]}


def solution_of(instance: Instance) -> Tensor:
    """z* of a cell or linear map with one W, in float64, to rounding."""
    eye = torch.eye(instance.W.shape[0], dtype=torch.float64)
    z = instance.start
    for _ in range(50):
        fz = instance(z)
        slope = 1 - fz**2 if instance.activation is torch.tanh else torch.ones_like(fz)
        r = fz - z
        step = torch.stack(
            [torch.linalg.solve(eye - slope[i, :, None] * instance.W, r[i]) for i in range(len(z))]
        )
        z = z + step
        if float(step.norm() / z.norm()) < 1e-14:
            break
    return z


def gmres_products(instance: Instance, exact: Tensor, tol: float) -> int | None:
    """Products of full-memory GMRES on (I − J(z*)) x = f(z₀) − z₀ for the same reduction."""
    slope = 1 - exact**2 if instance.activation is torch.tanh else torch.ones_like(exact)
    b = instance(instance.start) - instance.start
    reduction = tol * torch.maximum(exact.norm(dim=1), b.norm(dim=1)) / b.norm(dim=1)
    answer = GMRES(restart=min(exact.shape[1], 300), max_restarts=0).solve(
        lambda v: slope * (v @ instance.W.T), b, rtol=reduction
    )
    return int(answer.products.max()) if bool(answer.converged().all()) else None


def cells(quick: bool) -> Iterable[tuple[Instance, int, int]]:
    """(instance, d, seed) of the main problems."""
    sizes, seeds = ({32: 8}, (0,)) if quick else (BATCHES, (0, 1, 2))
    for d, batch in sizes.items():
        for ensemble in problems.ENSEMBLES:
            for c in (0.9, 0.99):
                for seed in seeds:
                    yield problems.cell(ensemble, d=d, c=c, seed=seed, batch=batch), d, seed


def count_cells(quick: bool) -> list[Row]:
    """Evaluations of every method on every cell."""
    everyone = [
        *peers.ours((12,)),
        *peers.textbook((12,)),
        *peers.torchdeq()[2:],
        *peers.jaxopt(),
        *peers.scipy(),
    ]
    everyone = [peer for peer in everyone if peer.method != "Broyden(60), good"]
    rows: list[Row] = []
    for instance, d, seed in cells(quick):
        exact = solution_of(instance)
        for dtype, tol in problems.TOLERANCES.items():
            same = instance.to(dtype)
            where = {
                "table": "cells",
                "problem": instance.name,
                "d": d,
                "seed": seed,
                "dtype": str(dtype).removeprefix("torch."),
                "tolerance": tol,
                "digest": instance.digest(),
                "batch": instance.start.shape[0],
            }
            plain = evaluate(everyone[0], same, tol, LIMIT, exact)
            limit = plain["evaluations"] or LIMIT
            if "orthogonal" not in instance.name:
                limit = min(limit, ENOUGH)
            found = [plain]
            for peer in (*everyone[1:], *([peers.keeping_all()] if d <= 256 else [])):
                if peer.single and (dtype == torch.float32 or d > 256):
                    continue
                found.append(evaluate(peer, same, tol, limit + 2, exact))
            gmres = gmres_products(instance, exact, tol)
            rows += [{**where, "gmres": gmres, **row} for row in found]
            _show(where, found, gmres)
    return rows


def count_zoo(quick: bool) -> list[Row]:
    """Evaluations on the maps where acceleration fails or gains everything."""
    zoo = {
        "nilpotent shift D=40": problems.shift(d=40),
        "nilpotent shift D=75": problems.shift(d=75),
        "rotation": problems.rotation(),
        "reflection": problems.reflection(),
        "non-normal": problems.nonnormal(),
        "z* = 0": problems.zero_solution(),
        **{
            f"linear {e}, c = 0.99": problems.linear(e, d=256, c=0.99, seed=0, batch=8)
            for e in problems.ENSEMBLES
        },
    }
    everyone = [
        *peers.ours((1, 12)),
        *peers.textbook((12,)),
        *peers.torchdeq()[1:],
        *peers.jaxopt(),
    ]
    rows: list[Row] = []
    for name, instance in list(zoo.items())[: 3 if quick else None]:
        found = [evaluate(peer, instance, 1e-10, LIMIT // 2, None) for peer in everyone]
        where = {"table": "zoo", "problem": name, "dtype": "float64", "tolerance": 1e-10}
        where["digest"] = instance.digest()
        rows += [{**where, **row} for row in found]
        _show(where, found, None)
    start = torch.tensor([[1.0], [5.0], [30.0]], dtype=torch.float64)
    square_root = problems.Instance(
        name="Babylonian", W=torch.empty(0, 0), inputs=start, start=start
    )
    object.__setattr__(square_root, "apply", lambda z, inputs, W: problems.babylonian(z))
    batched = [peer for peer in everyone if peer.library != "jaxopt"]
    found = [evaluate(peer, square_root, 1e-10, LIMIT // 2, None) for peer in batched]
    where = {"table": "zoo", "problem": "Babylonian, z₀ ≤ 30", "dtype": "float64"}
    where |= {"tolerance": 1e-10, "digest": square_root.digest()}
    rows += [{**where, **row} for row in found]
    _show(where, found, None)
    return rows


def count_batch(quick: bool) -> list[Row]:
    """Evaluations of single samples in a batch of unequal ones: f called with the rows present."""
    rows: list[Row] = []
    for seed in (0,) if quick else (0, 1, 2):
        instance = problems.heterogeneous(d=32 if quick else 256, seed=seed)
        where = {
            "table": "heterogeneous",
            "problem": instance.name,
            "seed": seed,
            "dtype": "float64",
            "tolerance": 1e-10,
            "digest": instance.digest(),
        }
        for name, solver in (("Picard", Picard()), ("Anderson(12)", Anderson())):
            for compact in (False, True):
                row = {"library": "deqlab", "method": name + (", compact" if compact else "")}
                spent = _spent_in(instance, solver, compact)
                rows.append({**where, **row, "sample_evaluations": spent})
        for peer in (*peers.textbook((12,)), *peers.torchdeq()):
            f2 = watch(peer, instance, 1e-10, 1000, None)
            total = f2.count * len(f2.met) if bool(f2.met.all()) else None
            rows.append(
                {
                    **where,
                    "library": peer.library,
                    "method": peer.method,
                    "sample_evaluations": total,
                    "compacted": int(f2.met.sum()) if total else None,
                }
            )
        for row in rows[-8:]:
            print(seed, row["library"], row["method"], row["sample_evaluations"], flush=True)
    return rows


def _spent_in(instance: Instance, solver: Any, compact: bool) -> int:
    spent = 0

    def f(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
        nonlocal spent
        spent += z.shape[0]
        return instance.apply(z, x, W)

    with torch.no_grad():
        fixed_point(
            f,
            instance.start,
            instance.inputs,
            instance.W,
            solver=solver,
            stop=RelativeResidual(rtol=1e-10),
            max_steps=LIMIT,
            compact=compact,
        )
    return spent


def count_scales(quick: bool) -> list[Row]:
    """The same map with the state in other units: f_s(z) = s f(z/s)."""
    rows: list[Row] = []
    base = problems.cell("symmetric", d=32 if quick else 256, c=0.99, seed=0)
    everyone = [*peers.ours((12,))[1:2], *peers.torchdeq()[2:3]]
    for exponent in (-20, -7, 0, 7, 13, 20):
        scale = 2.0**exponent
        instance = Instance(
            name=base.name,
            W=base.W,
            inputs=base.inputs,
            start=base.start * scale,
            activation=torch.tanh,
        )

        def apply(z: Tensor, inputs: Tensor, W: Tensor, scale: float = scale) -> Tensor:
            return scale * base.apply(z / scale, inputs, W)

        object.__setattr__(instance, "apply", apply)
        for peer in everyone:
            row = evaluate(peer, instance, 1e-10, LIMIT // 2, None)
            where = {"table": "scales", "problem": base.name, "scale": scale, "dtype": "float64"}
            rows.append({**where, "tolerance": 1e-10, "digest": base.digest(), **row})
            print(scale, row["library"], row["method"], row["evaluations"], flush=True)
    return rows


def time_solvers(quick: bool, device: str, counts: list[Row]) -> list[Row]:
    """Wall time of the evaluations that a method needs, and the share that f takes of it."""
    rows: list[Row] = []
    sizes = {32: 8} if quick else BATCHES
    for d, batch in sizes.items():
        for dtype, tol in problems.TOLERANCES.items():
            instance = problems.cell("symmetric", d=d, c=0.99, seed=0, batch=batch)
            same = instance.to(dtype, device)
            runs: dict[tuple[str, str], tuple[int, Callable[[], Any]]] = {}
            everyone = [*peers.ours((12,)), *peers.textbook((12,)), *peers.torchdeq()]
            for peer in everyone:
                n = _count_of(counts, instance, dtype, peer)
                if n is None or n > 900:
                    n = 800 if peer.memory == 0 else 200
                runs[peer.library, peer.method] = (n, _timed(peer, same, n))
            if device == "cpu":
                for key, run in peers.compiled(same, 200).items():
                    runs[key] = (200, run)
            runs["f", "alone"] = (200, _calls(same, 200))
            times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
            for _ in range(2 if quick else 5):
                for key, (_, run) in runs.items():
                    times[key].append(_seconds(run, device))
            alone = min(times["f", "alone"]) / 200
            for key, (n, _) in runs.items():
                seconds = statistics.median(times[key])
                row = {
                    "table": "walls",
                    "problem": instance.name,
                    "dtype": str(dtype).removeprefix("torch."),
                    "tolerance": tol,
                    "seed": 0,
                    "digest": instance.digest(),
                    "library": key[0],
                    "method": key[1],
                    "evaluations": n,
                    "seconds": seconds,
                    "least_seconds": min(times[key]),
                    "microseconds_per_step": 1e6 * min(times[key]) / n,
                    "microseconds_of_f": 1e6 * alone,
                }
                if device == "cuda":
                    row["kernels_per_step"] = kernels(runs[key][1]) / n
                else:
                    torch_runs = key[0] not in ("jaxopt", "optimistix") and n < 500
                    row["peak_bytes"] = peak_bytes(runs[key][1]) if torch_runs else None
                rows.append(row)
                print(instance.name, dtype, *key, n, f"{1e3 * seconds:.1f} ms", flush=True)
    return rows


def _timed(peer: Peer, instance: Instance, n: int) -> Callable[[], Any]:
    if peer.library == "deqlab":
        solver = {s.method: s for s in peers.ours((12,))}[peer.method].solver
        rule = RelativeResidual(rtol=1e-300)

        def run() -> Any:
            with torch.no_grad():
                return fixed_point(
                    instance,
                    instance.start,
                    solver=solver,
                    stop=rule,
                    max_steps=n - 1,
                    on_failure=OnFailure.IGNORE,
                )

        return run
    return lambda: peer.run(instance, instance.start, n)


def _calls(instance: Instance, n: int) -> Callable[[], Any]:
    def run() -> None:
        with torch.no_grad():
            z = instance.start
            for _ in range(n):
                z = instance(z)

    return run


def _count_of(counts: list[Row], instance: Instance, dtype: torch.dtype, peer: Peer) -> int | None:
    name = str(dtype).removeprefix("torch.")
    for row in counts:
        if (row["digest"], row["dtype"], row["library"], row["method"]) == (
            instance.digest(),
            name,
            peer.library,
            peer.method,
        ):
            found: int | None = row["evaluations"]
            return found
    return None


def _seconds(run: Callable[[], Any], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def kernels(run: Callable[[], Any]) -> int:
    """Kernels that a run launches."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        run()
        torch.cuda.synchronize()
    events = profile.events() or []
    return sum(event.name in ("cudaLaunchKernel", "cudaLaunchKernelExC") for event in events)


def _show(where: Row, found: list[Row], gmres: int | None) -> None:
    numbers = "  ".join(f"{row['method']} {row['evaluations'] or '–'}" for row in found)
    place = f"{where['problem']} {where['dtype']} seed {where.get('seed', 0)}"
    print(f"{place}: GMRES {gmres}  {numbers}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one seed")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--output", default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.setdefault(  # before jax is imported
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    if options.device == "cpu" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    name = "solvers" if options.device == "cpu" else "solvers-cuda"
    output = options.output or f"benchmarks/results/{name}.json"
    rows: list[Row] = []
    if options.device == "cpu":  # counts are those of the CPU: the arithmetic is the same
        for count in (count_zoo, count_batch, count_scales, count_cells):
            rows += count(options.quick)
            write(output, benchmark=name, rows=rows)
    rows += time_solvers(options.quick, options.device, rows)
    write(output, benchmark=name, rows=rows)


if __name__ == "__main__":
    main()
