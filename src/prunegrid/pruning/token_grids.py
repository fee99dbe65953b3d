"""Grids of image tokens: where in its picture or tile each token stands, and grids made coarser.

All is reckoned in whole numbers, row by row of a batch, without asking the device for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.pruning.marked import Marked
from prunegrid.pruning.patch_grid import TokenGrid


def grid_map(grids: Sequence[TokenGrid], device: torch.device) -> Tensor:
    """Return where tokens stand, (tokens, 6), float32: what the vision map `grid` holds.

    Parameters
    ----------
    grids : sequence of TokenGrid
        In the order of the prompt.
    device : torch.device
        Where the map is to lie.
    """
    found = []
    for number, grid in enumerate(grids, 1):
        shape = grid.rows, grid.columns
        place = torch.arange(grid.rows * grid.columns, device=device)
        known = [torch.full_like(place, value) for value in (number, *shape)]
        own = [place // grid.columns, place % grid.columns, torch.full_like(place, int(grid.ends))]
        found.append(torch.stack([*known, *own], -1).float())
    return torch.cat(found)


@dataclass(frozen=True)
class Cells:
    """Coarser grids: which tokens stand in the middle of their cells, and what those cells are of.

    A grid of R x C tokens becomes r rows. The a-th is of the rows floor(a R / r) to ceil((a + 1) R / r) - 1,
    and the b-th of its c cells of the columns floor(b C / c) to ceil((b + 1) C / c) - 1, as in adaptive
    average pooling: cells overlap where sizes do not divide. All tensors are (batch, present tokens).

    Attributes
    ----------
    centre : Tensor
        bool: the token of row floor((a + 1/2) R / r) and of the column alike, for each cell.
    grid, row, column : Tensor
        int64: the token's own.
    top, bottom, left, right : Tensor
        int64: the first row of the cell and the one behind its last, and columns alike; of centres alone.
    """

    centre: Tensor
    grid: Tensor
    row: Tensor
    column: Tensor
    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor

    @classmethod
    def of(cls, places: Tensor, image: Tensor, n: Tensor) -> Cells:
        """Divide the grids of each row of a batch into n cells.

        Each grid has its share of n: the tokens from the first of a row to the last of a grid have theirs,
        rounded down. m of a grid are r = sqrt(m R / C) rows, rounded, of m / r cells each, as even as whole
        numbers allow. An end of a row is a cell of its own, where its row has others.

        Parameters
        ----------
        places : Tensor
            (batch, present tokens, 6), float32: the vision map `grid`.
        image : Tensor
            (batch, present tokens), bool: all N image tokens of a row.
        n : Tensor
            (batch,), int64: from 0 to N.
        """
        grid, rows, columns, row, column, ends = places.round().long().unbind(-1)
        rows, columns, wanted = rows.clamp_min(1), columns.clamp_min(1), n[:, None]
        total = image.sum(1, keepdim=True).clamp_min(1)
        before = image.cumsum(1) - 1 - row * columns - column
        share = wanted * (before + rows * columns) // total - wanted * before // total
        share = share.masked_fill(~image, 0)
        fewest = _up(share, columns)
        most = rows.minimum(fewest.maximum(share // (1 + ends)))
        even = ((share * rows).double() / columns).sqrt().add(0.5).floor().long()
        coarse = even.maximum(fewest).minimum(most).clamp_min(1)
        band, middle = _middle(row, rows, coarse)
        in_band = (band + 1) * share // coarse - band * share // coarse
        with_end = (ends > 0) & (in_band > 1)
        width, parts = columns - ends, (in_band - with_end.long()).clamp_min(1)
        is_end = (ends > 0) & (column == width)
        cell, central = _middle(column, width.clamp_min(1), parts)
        return cls(
            centre=image & (share > 0) & middle & torch.where(is_end, with_end, central),
            grid=grid,
            row=row,
            column=column,
            top=band * rows // coarse,
            bottom=_up((band + 1) * rows, coarse),
            left=torch.where(is_end, column, cell * width // parts),
            right=torch.where(is_end, column + 1, _up((cell + 1) * width, parts)),
        )

    def shares(self, kept: Marked, image: Marked) -> Tensor:
        """Return 1 / (tokens of the cell) for each token of a centre's cell, (batch, kept, image), float32.

        Parameters
        ----------
        kept, image : Marked
            Some tokens, and all image tokens; what is no centre has no cell.
        """

        def of(values: Tensor) -> Tensor:
            return values.gather(1, kept.index)[..., None]

        def at(values: Tensor) -> Tensor:
            return values.gather(1, image.index)[:, None]

        inside = of(self.centre & (self.grid > 0)) & (of(self.grid) == at(self.grid)) & image.valid[:, None]
        inside = inside & (of(self.top) <= at(self.row)) & (at(self.row) < of(self.bottom))
        inside = inside & (of(self.left) <= at(self.column)) & (at(self.column) < of(self.right))
        return inside / inside.sum(2, keepdim=True).clamp_min(1)


def _up(number: Tensor, by: Tensor) -> Tensor:
    """Return a quotient of whole numbers, rounded up."""
    return -(-number // by)


def _middle(place: Tensor, size: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the part a whose middle, floor((a + 1/2) size / parts), a place could be, and whether it is."""
    part = _up(2 * place * parts - size, 2 * size)
    return part, (part < parts) & ((2 * part + 1) * size // (2 * parts) == place)
