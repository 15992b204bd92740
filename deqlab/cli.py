"""The ``deqlab`` command. A module that adds subcommands is listed in ``COMMANDS``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = ("deqlab.course.commands", "deqlab.train_command")
"""Each has ``register(subparsers)``; its parsers set ``run``, which takes the arguments and returns
the exit status, as a default."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="deqlab", description="Implicit layers: exercises, checks and grades, and training."
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        import_module(module).register(subparsers)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except (ArithmeticError, OSError, ValueError) as error:
        print(f"deqlab: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
