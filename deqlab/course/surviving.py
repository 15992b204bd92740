"""Apply a function to many items in worker processes, whichever of them dies.

A worker that dies takes with it what the others were doing. So each item leaves a marker while it
is worked on; after a death the marked items are tried again one by one, and only an item that kills
a worker of its own is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from deqlab.course.errors import CourseError
from deqlab.course.storing import STARTED, remove_unfinished


def run_surviving(
    function: Callable[[Any], None],
    items: Sequence[Any],
    *,
    key: Callable[[Any], str],
    markers: Path,
    lost: Callable[[Any, BaseException], None],
    done: Callable[[], object],
    jobs: int | None,
) -> None:
    """Apply a function to items, several at a time.

    Parameters
    ----------
    function : callable
        Works by its effects; an exception in it counts as the death of the worker.
    items : sequence
    key : callable
        Names an item's marker.
    markers : Path
        Folder for empty files that say which items were started and not finished.
    lost : callable
        Called with an item that killed its worker while it was alone, and the error.
    done : callable
        Called once for each item that is finished or lost.
    jobs : int, optional
    """

    def marked(item: Any) -> None:
        marker = markers / f"{key(item)}{STARTED}"
        marker.touch()
        function(item)
        marker.unlink(missing_ok=True)

    def attempt(
        batch: Sequence[Any], workers: int | None
    ) -> tuple[list[Any], BaseException | None]:
        """Return the items that were begun or not begun when a worker died, and its error."""
        left = dict.fromkeys(map(key, batch))
        run = Parallel(n_jobs=workers, batch_size=1, return_as="generator_unordered")
        try:
            for name in run(delayed(_named)(marked, item, key(item)) for item in batch):
                left.pop(name)
                done()
        except Exception as error:
            return [item for item in batch if key(item) in left], error
        return [], None

    rest: Sequence[Any] = items
    while rest:
        remove_unfinished(markers)
        rest, error = attempt(rest, jobs)
        if error is None:
            return
        suspects = [item for item in rest if (markers / f"{key(item)}{STARTED}").exists()]
        if not suspects:
            raise CourseError(f"the workers stopped: {type(error).__name__}: {error}") from error
        for item in suspects:
            _, error = attempt([item], 2)  # two, so that it is not in this process
            if error is not None:
                lost(item, error)
                done()
        rest = [item for item in rest if item not in suspects]


def _named(function: Callable[[Any], None], item: Any, name: str) -> str:
    function(item)
    return name
