"""Vision features that a decoder adds to its image tokens after its first layers (arXiv 2406.04334)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.pruning.token_layout import Layout


@dataclass(frozen=True)
class DeepStack:
    """Features of the unpruned prompt, added to the tokens still present.

    Attributes
    ----------
    rows : Tensor
        (batch, columns), int64: which row of the features a prompt column takes, -1 for none.
    features : sequence of Tensor
        Per layer (rows, hidden size), added to what that layer puts out.
    """

    rows: Tensor
    features: Sequence[Tensor]

    @classmethod
    def at(cls, places: Tensor, features: Sequence[Tensor]) -> DeepStack:
        """Return features at marked places, (batch, columns), bool, in their order."""
        order = places.flatten().cumsum(0).view_as(places) - 1
        return cls(torch.where(places, order, -1), features)

    def add(self, layer: int, hidden: Tensor, layout: Layout) -> Tensor:
        """Add a layer's features to its output.

        Parameters
        ----------
        layer : int
            Its index; layers beyond the features' add nothing.
        hidden : Tensor
            (batch, present tokens, hidden size).
        layout : Layout
            Which tokens are present.
        """
        if layer >= len(self.features):
            return hidden
        rows = layout.gather(self.rows, dim=1).to(hidden.device)
        takes = rows >= 0
        features = self.features[layer].to(hidden.device, hidden.dtype)
        if not len(features):
            return hidden
        # Every token looks features up: which ones take them is known on the device alone.
        return torch.where(takes[:, :, None], hidden + features[rows.clamp_min(0)], hidden)
