"""Layers that prefills of one batch have in common are run once.

Two cells prune a batch alike up to the first cut in which they differ: what they do before each layer
tells where that is (`Pruning.decisions`). Cells are put in an order in which neighbours have as much in
common as they can; each records what the next one shares with it, and the next takes over the same tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor
from transformers.cache_utils import DynamicLayer

from prunegrid.pruning.attention import Projected
from prunegrid.pruning.cut_cache import CutLayer
from prunegrid.pruning.kept_tokens import Cut
from prunegrid.pruning.sharing_order import SharedPrefill, parting_layers
from prunegrid.pruning.token_layout import Layout


@dataclass
class LayerRecord:
    """What a prefill did in one layer.

    Attributes
    ----------
    layout : Layout
        The tokens that the layer computed on.
    cut : Cut or None
        The cut before it.
    explained : list of int
        Per batch row the answer tokens that gradients were taken of so far.
    keys, values : Tensor or None
        (batch, key heads, present tokens, head size), as the cache holds them; None until the layer has run.
    """

    layout: Layout
    cut: Cut | None
    explained: list[int]
    keys: Tensor | None = None
    values: Tensor | None = None


class Entering(NamedTuple):
    """What is known just before a layer, of the tokens present in the layer before.

    Attributes
    ----------
    hidden : Tensor
        (batch, present tokens, hidden size): what enters the layer.
    projected : Projected or None
        Queries, keys and values of the layer before.
    before : Tensor or None
        As `hidden`: what entered the layer before.
    """

    hidden: Tensor
    projected: Projected | None
    before: Tensor | None


class PrefixSharing:
    """The layers that prefills of one batch take over from one another.

    Attributes
    ----------
    shared : int
        Layers that the prefill under way takes over.
    """

    def __init__(self, order: Sequence[SharedPrefill]) -> None:
        # Where later prefills part from one: there they need the hidden states, and what a criterion reads.
        self._parting = dict(zip((prefill.cells for prefill in order), parting_layers(order), strict=True))
        self._leaves: frozenset[int] = frozenset()
        self._records: list[LayerRecord] = []
        self._entering: dict[int, Entering] = {}
        self._shared_after = 0
        self.shared = 0

    def begin(self, prefill: SharedPrefill) -> None:
        """Make ready for the next prefill; what it does not share is let go."""
        # Nothing is there if the prefill before failed, or if its cache was of another kind.
        whole = prefill.shared_before in self._entering and len(self._records) >= prefill.shared_before
        self.shared = prefill.shared_before if whole else 0
        self._shared_after = prefill.shared_after
        self._leaves = self._parting[prefill.cells]
        del self._records[self.shared :]
        kept = {at for at in self._leaves if at <= self.shared} | {self.shared}
        self._entering = {at: found for at, found in self._entering.items() if at in kept}

    def takes_over(self, layer: int) -> bool:
        """Return whether the prefill takes a layer over."""
        return layer < self.shared

    def leaves_at(self, layer: int) -> bool:
        """Return whether a later prefill may part from this one at the cut before a layer."""
        return layer in self._leaves and self.shared < layer <= self._shared_after

    def record(self, layer: int) -> LayerRecord:
        """Return what was done in a layer that is taken over."""
        return self._records[layer]

    def entering(self, layer: int) -> Entering:
        """Return what is known where a prefill parts from another."""
        return self._entering[layer]

    def record_input(
        self, layer: int, hidden: Tensor, projected: Projected | None, before: Tensor | None
    ) -> None:
        """Keep what enters a layer if a later prefill needs it: see `Entering`."""
        if self.leaves_at(layer):
            self._entering[layer] = Entering(hidden, projected, before)

    def record_cut(self, layer: int, record: LayerRecord) -> None:
        """Keep what was done before a layer, if the next prefill shares it."""
        if self.shared <= layer < self._shared_after and len(self._records) == layer:
            self._records.append(record)

    def record_cache(self, layer: int, cache: Any) -> None:
        """Keep what a layer left in the cache, if the next prefill shares it."""
        if layer >= self._shared_after or len(self._records) != layer + 1:
            return
        part = None if cache is None else cache.layers[layer]
        # A layer that holds a window's tokens only would not do for one that holds all.
        if part is not None and type(part) in (DynamicLayer, CutLayer):
            self._records[layer].keys, self._records[layer].values = part.keys, part.values
        else:
            del self._records[layer:]

    def take_over(self, layer: int, cache: Any) -> None:
        """Fill the cache of a layer that is taken over."""
        part, record = cache.layers[layer], self._records[layer]
        part.lazy_initialization(record.keys, record.values)
        # Later tokens make longer tensors; these are never written to.
        part.keys, part.values = record.keys, record.values
