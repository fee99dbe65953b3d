"""Where the image tokens of a prompt lie in its picture: one grid, tiles, or tiles whose rows end in a token.

It stands apart from the families in `models/`: their files are part of the key of every prediction, and how
a picture is drawn changes none. What tells the kind of layout is the shape of what the tower ran on and the
keys of the model's configuration, not its name, so that a family from outside is drawn as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt, log, sqrt
from typing import Any

import numpy as np

from prunegrid.errors import PruningError
from prunegrid.pruning.patch_grid import PatchGrid

# LLaVA-OneVision makes its grid coarser where it is more than so much larger than it may be.
_SLACK = 1.1


@dataclass(frozen=True)
class View:
    """One grid of image tokens that covers the picture.

    Attributes
    ----------
    numbers : ndarray of int, shape (rows, columns)
        Number of the token at each place, in the order of the prompt.
    tiles : (int, int)
        Rows and columns of tiles that it is put together of.
    overview : bool
        Whether it is the whole picture once more, beside its tiles.
    """

    numbers: np.ndarray
    tiles: tuple[int, int] = (1, 1)
    overview: bool = False


@dataclass(frozen=True)
class PictureLayout:
    """All image tokens of one picture.

    Attributes
    ----------
    views : tuple of View
        The one with most detail first.
    beside : ndarray of int, shape (tokens,)
        Numbers of tokens that stand for no part of the picture, such as ends of rows.
    """

    views: tuple[View, ...]
    beside: np.ndarray

    @property
    def is_tiled(self) -> bool:
        """Whether the picture was cut into tiles, or may have been."""
        return len(self.views) > 1 or len(self.beside) > 0


def lay_out(
    n_tokens: int, grids: Sequence[PatchGrid], config: Mapping[str, Any], size: tuple[int, int]
) -> PictureLayout:
    """Return where the image tokens of a prompt lie in its picture.

    Parameters
    ----------
    n_tokens : int
        N, image tokens of the prompt.
    grids : sequence of (int, int, int)
        Per picture: tiles, rows and columns of patches in each, as `image_grids` of predictions.parquet.
    config : mapping
        The model's whole configuration, as `model.config.to_dict()` gives it.
    size : (int, int)
        Width and height of the picture, in pixels, as the processor was given it.

    Raises
    ------
    PruningError
        If the prompt has no picture or several, or the count of tokens fits no layout that is known.
    """
    if len(grids) != 1 or not n_tokens:
        raise PruningError(
            f"{n_tokens} image tokens of {len(grids)} pictures: only those of one can be drawn"
        )
    tiles, rows, columns = (int(count) for count in grids[0])
    if config.get("image_grid_pinpoints"):
        found = _rows_with_ends(tiles, rows, columns, config, size)
    elif tiles == 1:
        found = PictureLayout((View(_grid(n_tokens, rows, columns)),), _none())
    else:
        found = _tiles_and_overview(n_tokens, tiles, rows, columns, size)
    n_placed = sum(view.numbers.size for view in found.views) + len(found.beside)
    if n_placed != n_tokens:
        raise PruningError(
            f"{n_tokens} image tokens of {tiles} x {rows} x {columns} patches, where a picture of "
            f"{size[0]} x {size[1]} pixels should have {n_placed}: they cannot be laid out"
        )
    return found


def _none() -> np.ndarray:
    return np.zeros(0, dtype=int)


def _grid(n_tokens: int, rows: int, columns: int, start: int = 0) -> np.ndarray:
    """Return the numbers of tokens of a tile, each of s x s patches."""
    side = isqrt(rows * columns // n_tokens)
    if not side or rows % side or columns % side or rows * columns != side**2 * n_tokens:
        raise PruningError(
            f"{n_tokens} image tokens of {rows} x {columns} patches: they are no grid of the picture"
        )
    return start + np.arange(n_tokens).reshape(rows // side, columns // side)


def _tiles_and_overview(
    n_tokens: int, tiles: int, rows: int, columns: int, size: tuple[int, int]
) -> PictureLayout:
    """Lay out tiles, row by row, and after them the whole picture: Idefics3, SmolVLM, InternVL.

    The picture is stretched over the tiles. How many stand in a row follows from its shape: of all ways to
    arrange so many, the one that is nearest to it.
    """
    each, rest = divmod(n_tokens, tiles)
    if rest:
        raise PruningError(f"{n_tokens} image tokens are not the same number for each of {tiles} tiles")
    high, wide = _arrangement(tiles - 1, size[0] / size[1])
    parts = [
        [_grid(each, rows, columns, start=each * (line * wide + column)) for column in range(wide)]
        for line in range(high)
    ]
    overview = _grid(each, rows, columns, start=each * (tiles - 1))
    return PictureLayout((View(np.block(parts), (high, wide)), View(overview, overview=True)), _none())


def _arrangement(n_tiles: int, aspect: float) -> tuple[int, int]:
    """Return rows and columns of so many tiles, for a picture's width over its height.

    Idefics3 gives the longer side k tiles and rounds the other one up: of the arrangements of one number,
    that is the one whose logarithm of width over height is nearest. InternVL takes the nearest of all.
    """
    fitting = [(high, n_tiles // high) for high in range(1, n_tiles + 1) if n_tiles % high == 0]
    return min(fitting, key=lambda one: abs(log(one[1] / one[0] / aspect)))


def _rows_with_ends(
    tiles: int, rows: int, columns: int, config: Mapping[str, Any], size: tuple[int, int]
) -> PictureLayout:
    """Lay out the whole picture, then the rows of all tiles together, each row with a token at its end.

    So LLaVA-NeXT and LLaVA-OneVision do: what the tiles have beyond the picture's edges is left out.
    """
    each = rows * columns
    overview = _grid(each, rows, columns)
    if tiles == 1:
        return PictureLayout((View(overview),), np.array([each]))
    tile = int(config["vision_config"]["image_size"])
    height, width = _best_resolution(size, config["image_grid_pinpoints"])
    arranged = height // tile, width // tile
    if arranged[0] * arranged[1] != tiles - 1:
        raise PruningError(
            f"a picture of {size[0]} x {size[1]} pixels should have {arranged[0]} x {arranged[1]} tiles, "
            f"and has {tiles - 1}: they cannot be laid out"
        )
    high, wide = _without_padding(arranged[0] * rows, arranged[1] * columns, size)
    if most := config.get("vision_aspect_ratio"):
        times = sqrt(high * wide / (int(str(most).rpartition("_")[2]) * rows**2))
        if times > _SLACK:
            high, wide = int(high // times), int(wide // times)
    numbers = each + np.arange(high * (wide + 1)).reshape(high, wide + 1)
    return PictureLayout((View(numbers[:, :-1], arranged), View(overview, overview=True)), numbers[:, -1])


def _best_resolution(size: tuple[int, int], offered: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return height and width of the tiles together: what shows most of the picture, with least beside it."""
    width, height = size

    def worth(one: Sequence[int]) -> tuple[int, int]:
        scale = min(one[1] / width, one[0] / height)
        shown = min(int(width * scale) * int(height * scale), width * height)
        return shown, shown - one[0] * one[1]

    best = max(offered, key=worth)
    return int(best[0]), int(best[1])


def _without_padding(rows: int, columns: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of patches that show the picture, which stands in their middle."""
    width, height = size
    if width / height > columns / rows:
        return rows - 2 * ((rows - int(round(height * columns / width, 7))) // 2), columns
    return rows, columns - 2 * ((columns - int(round(width * rows / height, 7))) // 2)
