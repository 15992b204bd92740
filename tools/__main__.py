"""``python -m tools notebooks [--force] [SOURCE ...]`` and ``python -m tools drift``."""

import argparse
import sys
from pathlib import Path

from tools import facts
from tools.notebook import PipelineError, drift, generate, sources
from tools.source import SourceError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    notebooks = commands.add_parser("notebooks", help="bring generated files up to date")
    notebooks.add_argument("--force", action="store_true", help="run every cell again")
    notebooks.add_argument("source", nargs="*", type=Path, help="MyST sources (default: all)")
    commands.add_parser("drift", help="name generated files that are stale; runs nothing")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "drift":
            return _drift()
        return _notebooks(arguments.source or sources(), arguments.force)
    except (SourceError, PipelineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _notebooks(paths: list[Path], force: bool) -> int:
    for path in paths:
        print(f"{path.name}: {'run' if generate(path, force=force) else 'up to date'}", flush=True)
    facts.write()
    return 0


def _drift() -> int:
    found = [message for path in sources() if (message := drift(path))] + facts.drift()
    for message in found:
        print(message, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
