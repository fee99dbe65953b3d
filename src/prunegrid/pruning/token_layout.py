"""Which prompt columns are present in a layer, per batch row, and how tensors follow them.

A layout packs each row's present tokens to the right end, in their original order. Rows that keep fewer
tokens than the longest one are filled on the left with columns that nothing attends to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Present columns.

    Attributes
    ----------
    columns : Tensor
        (batch, width), int64: original prompt columns, ascending among the valid ones.
    valid : Tensor
        (batch, width), bool: False for padding.
    width_before : int
        Columns of the unpruned prompt.
    untouched : bool
        Whether every original column is still in its place.
    lengths : tuple of int or None
        Valid columns per row; None where only the device knows.
    """

    columns: Tensor
    valid: Tensor
    width_before: int
    untouched: bool = False
    lengths: tuple[int, ...] | None = None

    @classmethod
    def whole(cls, valid: Tensor, lengths: tuple[int, ...] | None = None) -> Layout:
        """Return the layout of an unpruned prompt; `valid` is (batch, columns), False for padding."""
        batch, width = valid.shape
        columns = torch.arange(width, device=valid.device).expand(batch, width)
        return cls(columns, valid, width, True, lengths)

    def to(self, device: torch.device) -> Layout:
        """Return the same layout on another device: layers may lie on several."""
        return replace(self, columns=self.columns.to(device), valid=self.valid.to(device))

    @cached_property
    def has_padding(self) -> bool:
        """Whether any row has columns that do not count."""
        if self.lengths is None:
            return not bool(self.valid.all())
        return min(self.lengths) < self.valid.shape[1]

    def select(self, keep: Tensor, lengths: tuple[int, ...]) -> tuple[Layout, Tensor]:
        """Keep the marked columns.

        Parameters
        ----------
        keep : Tensor
            (batch, width), bool: valid ones.
        lengths : tuple of int
            How many they are, per row.

        Returns
        -------
        Layout
            The new layout, as wide as the row that keeps most.
        Tensor
            (batch, new width), int64: where its columns lie in this layout.
        """
        index = right_aligned(keep, max(lengths))
        valid = keep.gather(1, index)
        columns = self.columns.gather(1, index)
        return Layout(columns, valid, self.width_before, lengths=lengths), index

    def gather(self, tensor: Tensor, dim: int) -> Tensor:
        """Return the present columns of a tensor over the unpruned prompt; see `gather_tokens`."""
        return gather_tokens(tensor, self.columns, dim)

    def prefill_mask(self, mask: Tensor | None, *, flash: bool = False) -> Tensor | None:
        """Cut a layer's attention mask of the unpruned prompt down to the present columns.

        Parameters
        ----------
        mask : Tensor or None
            (batch or 1, heads or 1, columns, columns), bool or additive; None means causal; or
            (batch, columns), flash attention's padding mask.
        flash : bool
            Masks are flash attention's: where nothing was padded before, but rows now differ in length, the
            mask is (batch, present columns), too.

        Returns
        -------
        Tensor or None
            The same in the present columns; None stays None where nothing is padded.
        """
        if mask is None and not self.has_padding:
            return None
        if mask is None and flash:
            return self.valid
        if mask is not None and mask.dim() == 2:
            return self.valid.to(mask)
        if mask is not None and mask.device != self.columns.device:
            return self.to(mask.device).prefill_mask(mask, flash=flash)
        columns = self.columns[:, None, None, :]
        if mask is None:
            cut = columns <= self.columns[:, None, :, None]
        else:
            rows = gather_tokens(mask.transpose(0, 1), self.columns, dim=2).transpose(0, 1)
            cut = rows.gather(3, columns.expand(-1, rows.shape[1], columns.shape[3], -1))
        return self._hide_padding(cut, own=torch.eye(cut.shape[2], dtype=torch.bool, device=cut.device))

    def decode_mask(self, mask: Tensor | None, n_new: int, *, flash: bool = False) -> Tensor | None:
        """Cut a mask of later tokens down to the present columns and all columns after the prompt.

        Parameters
        ----------
        mask : Tensor or None
            (batch or 1, heads or 1, queries, columns + n_new), bool or additive, or (batch, columns +
            n_new), or None: everything is seen.
        n_new : int
            Tokens after the prompt that the cache holds, those of this call included.
        flash : bool
            Masks are flash attention's, (batch, columns).
        """
        if mask is None and not self.has_padding:
            return None
        if mask is not None and mask.device != self.columns.device:
            return self.to(mask.device).decode_mask(mask, n_new, flash=flash)
        later = torch.arange(n_new, device=self.columns.device) + self.width_before
        later = later.expand(len(self.columns), n_new)
        columns = torch.cat([self.columns, later], dim=1)
        seen = torch.cat([self.valid, torch.ones_like(later, dtype=torch.bool)], dim=1)
        if mask is None:
            return seen if flash else seen[:, None, None, :]
        if mask.dim() == 2:
            return mask.gather(1, columns) * seen.to(mask.dtype)
        mask = mask.expand(len(self.columns), -1, -1, -1)
        cut = mask.gather(3, columns[:, None, None, :].expand(-1, mask.shape[1], mask.shape[2], -1))
        return _hide(cut, ~seen[:, None, None, :])

    def _hide_padding(self, mask: Tensor, own: Tensor) -> Tensor:
        """Hide padded columns, but let padded rows see themselves: a softmax over nothing is NaN."""
        mask = _hide(mask, ~self.valid[:, None, None, :])
        lonely = ~self.valid[:, None, :, None] & own
        return mask | lonely if mask.dtype == torch.bool else mask.masked_fill(lonely, 0.0)


def _hide(mask: Tensor, hidden: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        return mask & ~hidden
    return mask.masked_fill(hidden, torch.finfo(mask.dtype).min)


def right_aligned(keep: Tensor, width: int) -> Tensor:
    """Return (batch, width) positions of the marked entries in order, packed to the right end."""
    # A stable sort puts unmarked entries first and keeps the order of the marked ones.
    return keep.to(torch.uint8).argsort(dim=1, stable=True)[:, keep.shape[1] - width :]


def gather_tokens(tensor: Tensor, index: Tensor, dim: int) -> Tensor:
    """Gather along the token dimension `dim`, row by row.

    Parameters
    ----------
    tensor : Tensor
        (..., batch or 1, tokens, ...) with the batch just before `dim`.
    index : Tensor
        (batch, width), int64.
    dim : int
        The token dimension, negative or not.

    Returns
    -------
    Tensor
        (..., batch, width, ...).
    """
    dim %= tensor.dim()
    batch, n_tokens = tensor.shape[dim - 1 : dim + 1]
    index = index.to(tensor.device)
    # A whole token is copied at once; `gather` would look up each of its features.
    flat = index if batch == 1 else index + n_tokens * torch.arange(batch, device=index.device)[:, None]
    found = tensor.flatten(dim - 1, dim).index_select(dim - 1, flat.flatten())
    gathered: Tensor = found.unflatten(dim - 1, index.shape)
    return gathered
