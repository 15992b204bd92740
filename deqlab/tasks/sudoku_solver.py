"""Count the solutions of a Sudoku, by depth-first search on bit masks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Box", "count_solutions", "random_grid"]


@dataclass(frozen=True)
class Box:
    """Rows and columns of a box; a grid has `size` = rows × columns of each."""

    rows: int
    columns: int

    @property
    def size(self) -> int:
        """Side of the grid, and number of digits."""
        return self.rows * self.columns

    def index(self, place: int) -> tuple[int, int, int]:
        """Row, column and box of a place."""
        row, column = divmod(place, self.size)
        return row, column, row // self.rows * self.rows + column // self.columns


class _Search:
    """Digits that rows, columns and boxes still lack, as bit masks, and the blanks."""

    def __init__(self, puzzle: Sequence[int], box: Box) -> None:
        full = (1 << box.size) - 1
        self.rows, self.columns, self.boxes = ([full] * box.size for _ in range(3))
        self.grid = list(puzzle)
        self.units = [box.index(place) for place in range(len(puzzle))]
        self.blanks = [place for place, digit in enumerate(puzzle) if not digit]
        self.consistent = True
        for place, digit in enumerate(puzzle):
            if digit:
                bit = 1 << (digit - 1)
                self.consistent &= bool(self.candidates(place) & bit)
                self.toggle(place, bit)

    def candidates(self, place: int) -> int:
        row, column, box = self.units[place]
        return self.rows[row] & self.columns[column] & self.boxes[box]

    def toggle(self, place: int, bit: int) -> None:
        row, column, box = self.units[place]
        self.rows[row] ^= bit
        self.columns[column] ^= bit
        self.boxes[box] ^= bit

    def count(self, limit: int, rng: random.Random | None = None) -> int:
        if not self.blanks:
            return 1
        chosen = min(self.blanks, key=lambda place: self.candidates(place).bit_count())
        self.blanks.remove(chosen)
        found, digits = 0, list(range(len(self.rows)))
        if rng is not None:
            rng.shuffle(digits)
        for digit in digits:
            bit = 1 << digit
            if self.candidates(chosen) & bit:
                self.toggle(chosen, bit)
                self.grid[chosen] = digit + 1
                found += self.count(limit - found, rng)
                if found >= limit:
                    return found
                self.toggle(chosen, bit)
        self.blanks.append(chosen)
        return found


def count_solutions(puzzle: Sequence[int], box: Box, *, limit: int = 2) -> int:
    """Number of solutions, or `limit` if there are at least so many.

    Parameters
    ----------
    puzzle : sequence of int
        n·n numbers row by row, 0 for a blank.
    box : Box
    limit : int
        Where to stop; 2 tells whether the solution is unique.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the puzzle is not n·n numbers from 0 to n.

    Examples
    --------
    >>> count_solutions([1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 0, 0, 0, 0], Box(2, 2))
    1
    """
    n = box.size
    if len(puzzle) != n * n or not all(0 <= digit <= n for digit in puzzle):
        raise ValueError(f"expected {n * n} numbers from 0 to {n}")
    search = _Search(puzzle, box)
    return search.count(limit) if search.consistent else 0


def random_grid(box: Box, rng: random.Random) -> list[int]:
    """A full grid, by a search that tries digits in random order; not uniform among all grids."""
    search = _Search([0] * box.size**2, box)
    search.count(1, rng)
    return search.grid
