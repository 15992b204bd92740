"""What all benchmarks share: one JSON schema, and the measure of memory.

A record is {schema_version, benchmark, date, commit, device, processor, threads, versions, rows}
and further keys of the benchmark. A row is a flat dictionary: its `problem`, `digest`, `seed`,
`dtype`, `library` and `method` say what was run, its other keys are numbers, or text for a failure.
"""

import json
import platform
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

SCHEMA_VERSION = 1
PACKAGES = (
    *("deqlab", "jax", "jaxopt", "numpy", "optimistix", "scikit-learn", "scipy", "torch"),
    "torchdeq",
)
ROOT = Path(__file__).parent.parent


def write(path: str | Path, *, benchmark: str, rows: Sequence[dict[str, Any]], **more: Any) -> None:
    """Write a record as JSON, one row a line."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": benchmark,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        **more,
    }
    head = json.dumps(record, indent=1, ensure_ascii=False)
    body = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f'{head[:-2]},\n "rows": [\n  {body}\n ]\n}}\n', encoding="utf-8")


def read(path: str | Path) -> dict[str, Any]:
    """A record of this schema version."""
    record: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    if record.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path} has schema_version {record.get('schema_version')!r}; this program reads "
            f"{SCHEMA_VERSION}: run the benchmark again"
        )
    return record


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = (line for line in info.read_text().splitlines() if line.startswith("model name"))
    return next(lines, "unknown: ").partition(":")[2].strip()


def peak_bytes(run: Callable[[], Any]) -> int:
    """Most bytes that torch held at a time, beyond what it held before."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        run()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    level = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        level += event.nbytes()
        most = max(most, level)
    return most
