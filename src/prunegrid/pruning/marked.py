"""Marked tokens of a batch, packed side by side: what rules about sets, and merging, compute on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.pruning.token_layout import gather_tokens, right_aligned


@dataclass(frozen=True)
class Marked:
    """The marked tokens of each row, in their order, at the right end of some places.

    Attributes
    ----------
    index : Tensor
        (batch, places), int64: which of the present tokens stands there; distinct within a row.
    valid : Tensor
        (batch, places), bool: False for places that hold none.
    """

    index: Tensor
    valid: Tensor

    @classmethod
    def of(cls, marks: Tensor, most: int | None) -> Marked:
        """Pack tokens.

        Parameters
        ----------
        marks : Tensor
            (batch, present tokens), bool.
        most : int or None
            The most marked tokens of a row; without it the device is asked, and waited for.
        """
        if most is None:
            most = int(marks.sum(1).max())
        index = right_aligned(marks, max(1, most))
        return cls(index, marks.gather(1, index))

    def states(self, hidden: Tensor) -> Tensor:
        """Return their hidden states, (batch, places, hidden size), float32; 0 in places that hold none."""
        return gather_tokens(hidden, self.index, dim=1).float().masked_fill(~self.valid[..., None], 0.0)

    def units(self, hidden: Tensor) -> Tensor:
        """Return the same of length 1."""
        return torch.nn.functional.normalize(self.states(hidden), dim=-1)

    def spread(self, marks: Tensor, tokens: int) -> Tensor:
        """Return marks of places, (batch, places), bool, as marks of the present tokens."""
        none = torch.zeros(len(marks), tokens, dtype=torch.bool, device=marks.device)
        return none.scatter(1, self.index, marks & self.valid)
