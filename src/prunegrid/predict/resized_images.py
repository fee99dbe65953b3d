"""Smaller pictures for strategies that resize them: so many image tokens fewer, the same shape."""

from __future__ import annotations

from math import floor, log

from PIL import Image

from prunegrid.errors import PruningError

# A share comes from a ratio of few decimals: 0.25 of 100 tokens are 25.
_EXACT = 1e-9


def smaller_grid(rows: int, columns: int, share: float) -> tuple[int, int]:
    """Return rows and columns of at most a share of a grid's tokens, as alike in shape as can be.

    Of all grids to which no column could be added it is the one whose rows : columns are nearest, and of
    equally near ones the one with more tokens.

    Parameters
    ----------
    rows, columns : int
        Of the picture's image tokens.
    share : float
        Of them, in (0, 1].

    Raises
    ------
    PruningError
        If that is less than one token.
    """
    budget = floor(share * rows * columns + _EXACT)
    if budget < 1:
        raise PruningError(
            f"a picture of {rows} x {columns} image tokens cannot be made of {share:.3f} of them: that is "
            "less than one"
        )
    grids = [(high, min(columns, budget // high)) for high in range(1, min(rows, budget) + 1)]
    return min(grids, key=lambda grid: (abs(log(grid[0] * columns / (grid[1] * rows))), -grid[0] * grid[1]))


def resized(picture: Image.Image, rows: int, columns: int, side: int) -> Image.Image:
    """Return a picture of so many image tokens of side x side pixels.

    Parameters
    ----------
    picture : Image
        RGB.
    rows, columns, side : int
        Image tokens; pixels.
    """
    return picture.resize((columns * side, rows * side), Image.Resampling.BICUBIC)
