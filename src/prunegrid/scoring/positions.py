"""Mean row and column of a cell's kept image tokens, and maps of where they survive.

Places are centres of patches in (0, 1), so that a choice without a preference has the mean 0.5.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from math import isqrt
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.scoring.answered import PatchGrids, answered

COLUMNS = ("token_depth", "image_grids", "status")
# Maps of pictures of several sizes are drawn on a common grid, and so are larger ones.
_BINS = 16
_LARGEST_MAP = 32


@cache
def token_places(n_tokens: int, grids: PatchGrids) -> np.ndarray | None:
    """Return where each image token of a sample lies in its picture.

    Parameters
    ----------
    n_tokens : int
        N, image tokens of the sample.
    grids : tuple of (int, int, int)
        Per picture: tiles, rows and columns of patches that the vision tower ran on.

    Returns
    -------
    ndarray of float64, shape (2, N), or None
        Row and column. None where tokens are no plain grid of the picture: it was cut into tiles, or
        has tokens beside its patches (line ends of LLaVA-NeXT).
    """
    patches = sum(rows * columns for _, rows, columns in grids)
    if not n_tokens or not patches or any(tiles != 1 for tiles, _, _ in grids) or patches % n_tokens:
        return None
    # Towers merge s x s patches into a token.
    side = isqrt(patches // n_tokens)
    if side**2 * n_tokens != patches or any(rows % side or columns % side for _, rows, columns in grids):
        return None
    pictures = [(rows // side, columns // side) for _, rows, columns in grids]
    return np.concatenate([_centres(*picture) for picture in pictures], axis=1)


def _centres(rows: int, columns: int) -> np.ndarray:
    row, column = np.divmod(np.arange(rows * columns), columns)
    return np.stack([(row + 0.5) / rows, (column + 0.5) / columns])


def cell_positions(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mean places of the tokens that a cell kept.

    Parameters
    ----------
    predictions : DataFrame
        Its `COLUMNS`.
    metadata : mapping
        The file's `prunegrid` metadata.

    Returns
    -------
    dict
        For the survivors of the first and of the last cut (`first_cut_*`, `kept_*`), each the mean over
        samples of the sample's mean: `*_position_mean`, the place in the sequence of image tokens;
        `*_row_mean` and `*_column_mean`, the place in the picture, left out where no sample has a
        plain grid (see `token_places`). `map`, for schedules with a cut: `rows`, `columns`, `samples`
        and, per cut, a list of rows with the share of samples in which a patch survives. Nothing
        is said of survivors where there are none.
    """
    n_layers = metadata["n_layers"]
    first = metadata["schedule"][0][0] if metadata["schedule"] else None
    groups = _by_grid(predictions)
    # token_depth is the number of layers that computed on a token: those kept by a cut before l have more.
    cuts = {"first_cut": n_layers - 1 if first is None else first, "kept": n_layers - 1}
    found: dict[str, Any] = {}
    for name, layer in cuts.items():
        sums: dict[str, list[np.ndarray]] = {}
        for (n_tokens, grids), depth in groups.items():
            places = {"position": (np.arange(n_tokens) + 0.5) / n_tokens}
            if (plane := token_places(n_tokens, grids)) is not None:
                places |= {"row": plane[0], "column": plane[1]}
            survives = depth > layer
            with np.errstate(invalid="ignore"):
                for axis, place in places.items():
                    sums.setdefault(axis, []).append(survives @ place / survives.sum(axis=1))
        for axis, means in sums.items():
            known = np.concatenate(means)
            if np.isfinite(known).any():
                found[f"{name}_{axis}_mean"] = float(np.nanmean(known))
    planes = {key: plane for key in groups if (plane := token_places(*key)) is not None}
    if first is not None and planes:
        found["map"] = _maps(groups, planes, cuts)
    return found


def _by_grid(predictions: pd.DataFrame) -> dict[tuple[int, PatchGrids], np.ndarray]:
    """Return (N, grids) -> token depths, shape (samples, N), of samples without error."""
    groups: dict[tuple[int, PatchGrids], list[np.ndarray]] = {}
    for row, grids in answered(predictions):
        depth = np.asarray(row.token_depth)
        if len(depth):
            groups.setdefault((len(depth), grids), []).append(depth)
    return {key: np.stack(depths) for key, depths in groups.items()}


def _maps(
    groups: Mapping[tuple[int, PatchGrids], np.ndarray],
    planes: Mapping[tuple[int, PatchGrids], np.ndarray],
    cuts: Mapping[str, int],
) -> dict[str, Any]:
    """Return `map` of `cell_positions` over the samples whose tokens have a place, which `planes` holds."""
    rows, columns = _map_size(list(planes))
    seen = np.zeros((rows, columns))
    survived = {name: np.zeros((rows, columns)) for name in cuts}
    for key, plane in planes.items():
        depth = groups[key]
        row, column = (plane * [[rows], [columns]]).astype(int)
        np.add.at(seen, (row, column), len(depth))
        for name, layer in cuts.items():
            np.add.at(survived[name], (row, column), (depth > layer).sum(axis=0))
    with np.errstate(invalid="ignore"):
        maps = {name: np.round(counts / seen, 4) for name, counts in survived.items()}
    return {
        "rows": rows,
        "columns": columns,
        "samples": sum(len(groups[key]) for key in planes),
        # Small pictures may have no patch in some part of the common grid.
        **{
            name: [[None if np.isnan(x) else x for x in line] for line in m.tolist()]
            for name, m in maps.items()
        },
    }


def _map_size(keys: Sequence[tuple[int, PatchGrids]]) -> tuple[int, int]:
    if len(keys) == 1 and len(keys[0][1]) == 1:
        n_tokens, ((_, rows, columns),) = keys[0]
        side = isqrt(rows * columns // n_tokens)
        if max(rows, columns) // side <= _LARGEST_MAP:
            return rows // side, columns // side
    return _BINS, _BINS
