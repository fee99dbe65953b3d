"""Iterate over the rows of predictions that have no error, with the grids of their images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prunegrid.pruning.patch_grid import PatchGrid

if TYPE_CHECKING:
    import pandas as pd

PatchGrids = tuple[PatchGrid, ...]


def answered(predictions: pd.DataFrame) -> Iterator[tuple[Any, PatchGrids]]:
    """Yield the rows of samples without error, each with what the vision tower ran on.

    Parameters
    ----------
    predictions : DataFrame
        With the columns `status` and `image_grids`.

    Yields
    ------
    row : namedtuple
        All columns.
    grids : tuple of (int, int, int)
        Its `image_grids`. They are Python's integers: a file's 32 bits do not hold a tower's FLOPs.
    """
    rows: Iterator[Any] = predictions[predictions["status"] == "ok"].itertuples()
    for row in rows:
        yield row, tuple((int(tiles), int(high), int(wide)) for tiles, high, wide in row.image_grids)
