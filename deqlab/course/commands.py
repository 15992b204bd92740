"""The subcommands ``release``, ``check`` and ``grade``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

RELEASE = "deqlab release"
SHOWN = 10  # of many lines


def register(subparsers: Any) -> None:
    """Add the course's subcommands to the ``deqlab`` command."""
    add = subparsers.add_parser("release", help="make exercises from solutions, and prove them")
    add.add_argument("solutions", nargs="*", type=Path, help="sol*.ipynb (default: solutions/)")
    add.add_argument("--out", type=Path, default=Path("exercises"), help="folder for ex*.ipynb")
    add.add_argument(
        "--mutants", type=Path, default=Path("tests/grading/mutants"), help="folder of variants"
    )
    add.add_argument("--check", action="store_true", help="write nothing; fail if out of date")
    add.set_defaults(run=_release)

    add = subparsers.add_parser("check", help="run the public checks of a notebook")
    add.add_argument("notebook", type=Path)
    add.add_argument("--cell-timeout", type=float, default=60.0, metavar="S", help="seconds")
    add.set_defaults(run=_check)

    add = subparsers.add_parser("grade", help="grade submitted notebooks, one or a class")
    add.add_argument("submissions", type=Path, help="a folder, or one notebook")
    add.add_argument("--out", type=Path, help="folder for a class's results; FILE.json for one")
    add.add_argument("--jobs", type=int, metavar="N", help="at a time (default: all cores)")
    add.add_argument("--seed", type=int, help="of the hidden inputs (default: random, and kept)")
    add.add_argument("--resume", action="store_true", help="go on with the run in --out")
    add.add_argument("--solution", type=Path, help="sol*.ipynb (default: found in --solutions)")
    add.add_argument(
        "--solutions", type=Path, default=Path("solutions"), help="folder of sol*.ipynb"
    )
    add.add_argument(
        "--mutants", type=Path, default=Path("tests/grading/mutants"), help="known mistakes"
    )
    add.add_argument(
        "--student", metavar="REGEX", help="its group is the student, in a submission's path"
    )
    add.add_argument("--isolation", choices=("namespace", "guard-rail"), help="(default: the best)")
    add.add_argument("--cell-timeout", type=float, default=30.0, metavar="S", help="seconds")
    add.add_argument("--memory", type=float, default=2.0, metavar="GIB", help="address space")
    add.set_defaults(run=_grade)


def _release(args: argparse.Namespace) -> int:
    from deqlab.course.exercise import read_exercise
    from deqlab.course.releasing import released_path, released_text
    from deqlab.course.verification import verify

    paths = args.solutions or sorted(Path("solutions").glob("sol*.ipynb"))
    if not paths:
        raise ValueError("no solutions/sol*.ipynb; give the notebooks to release")
    stale, refused = [], []
    for path in paths:
        exercise = read_exercise(path)
        target, text = released_path(exercise, args.out), released_text(exercise)
        if args.check:
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                stale.append(target)
            continue
        report = verify(exercise, args.mutants)
        print("\n".join(report.lines))
        if report.problems:
            refused.append(target)
            print("\n".join(f"  refused: {problem}" for problem in report.problems))
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        print(f"  wrote {target}")
    if args.check and len(paths) > 0:
        expected = {released_path(read_exercise(path), args.out) for path in paths}
        orphans = set() if args.solutions else set(args.out.glob("ex*.ipynb")) - expected
        for target in [*stale, *sorted(orphans)]:
            print(f"{target} is not what its solution gives; run: {RELEASE}")
        return 1 if stale or orphans else 0
    return 1 if refused else 0


def _check(args: argparse.Namespace) -> int:
    from deqlab.course.checking import run_public_checks

    verdicts = run_public_checks(args.notebook, cell_seconds=args.cell_timeout)
    for verdict in verdicts:
        print(verdict.text)
    passed = sum(verdict.passed for verdict in verdicts)
    print(f"\n{passed} of {len(verdicts)} questions pass their public checks")
    return 0 if passed == len(verdicts) else 1


def _grade(args: argparse.Namespace) -> int:
    if not args.submissions.exists():
        raise ValueError(f"{args.submissions}: no such file or folder; give the submissions")
    for name, least in (("jobs", 1), ("seed", 0)):
        number = getattr(args, name)
        if number is not None and number < least:
            raise ValueError(f"--{name} is {number}; give a whole number from {least} on")
    for name in ("cell_timeout", "memory"):
        number = getattr(args, name)
        if not 0 < number < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} is {number:g}; give a number above 0")
    one = args.submissions.is_file() and (args.out is None or args.out.suffix == ".json")
    return _grade_one(args) if one else _grade_class(args)


def _limits(args: argparse.Namespace) -> Any:
    from deqlab.course.following import Limits

    return Limits(cell_seconds=args.cell_timeout, memory_bytes=int(args.memory * 2**30))


def _grade_one(args: argparse.Namespace) -> int:
    from deqlab.course.grading import grade_submission
    from deqlab.course.locating import find_solution
    from deqlab.course.reports import record, text_report

    grade = grade_submission(
        args.submissions,
        find_solution(args.submissions, args.solution, args.solutions),
        seed=args.seed,
        limits=_limits(args),
        isolation=args.isolation,
        variants=args.mutants if args.mutants.is_dir() else None,
    )
    print(text_report(grade))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(record(grade), indent=2) + "\n", encoding="utf-8")
    return 0


def _grade_class(args: argparse.Namespace) -> int:
    import joblib

    from deqlab.course.class_grading import grade_class
    from deqlab.course.discovery import printable
    from deqlab.course.locating import solutions_in

    if args.out is None:
        raise ValueError("--out is missing: give the folder for the class's results")
    try:
        run = grade_class(
            args.submissions,
            args.out,
            solutions=[args.solution] if args.solution else solutions_in(args.solutions),
            seed=args.seed,
            limits=_limits(args),
            isolation=args.isolation,
            variants=args.mutants if args.mutants.is_dir() else None,
            student_pattern=args.student,
            jobs=args.jobs or joblib.cpu_count(),
            resume=args.resume,
            progress=True,
        )
    except KeyboardInterrupt:
        print(f"interrupted: go on with --out {args.out} --resume", file=sys.stderr)
        return 130
    plural = "" if len(run.rows) == 1 else "s"
    print(f"{len(run.rows)} submission{plural}, seed {run.seed}, isolation: {run.isolation}")
    for path in (run.folder.grades, run.folder.summary, run.folder.feedback):
        print(f"  wrote {path}")
    for row in run.failed[:SHOWN]:
        print(f"  not graded: {row.place}: {printable(row.failed)}")
    if len(run.failed) > SHOWN:
        print(f"  not graded: {len(run.failed) - SHOWN} more")
    return 1 if run.failed else 0
