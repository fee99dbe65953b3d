"""Smaller pictures for strategies that resize them: so many image tokens fewer, the same shape."""

from __future__ import annotations

from math import floor, log

from PIL import Image

from prunegrid.errors import PruningError

# A share comes from a ratio of few decimals: 0.25 of 100 tokens are 25.
_EXACT = 1e-9


def smaller_grid(rows: int, columns: int, share: float) -> tuple[int, int]:
    """Return rows and columns of at most a share of a grid's tokens, as alike in shape as can be.

    Of all grids to which neither a row nor a column could be added it is the one whose rows : columns are
    nearest, and of equally near ones the one with more tokens. So it lacks fewer tokens of that share than
    a further row or column would have.

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
    widest = ((high, min(columns, budget // high)) for high in range(1, min(rows, budget) + 1))
    # 7 x 1 would be nearer in shape to 11 x 2 than 6 x 2 are, with half of 13 tokens.
    grids = [(high, wide) for high, wide in widest if high == rows or (high + 1) * wide > budget]
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
