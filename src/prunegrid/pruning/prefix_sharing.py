"""Layers that prefills of one batch have in common are run once.

Two cells prune a batch alike up to the first cut in which they differ: what they do before each layer
tells where that is (`Pruning.stages`). Cells are put in an order in which neighbours have as much in common
as they can; each leaves on the trail what the next one shares with it, and the next takes it over: the same
tensors, not others that are as good.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicLayer

from prunegrid.pruning.attention import Projected
from prunegrid.pruning.token_layout import Layout


@dataclass(frozen=True)
class Turn:
    """A prefill's place in the order.

    Attributes
    ----------
    cells : tuple of int
        Which cells it serves: more than one where they prune alike to the end.
    shared, kept : int
        How many layers it has in common with the turn before, and with the next.
    """

    cells: tuple[int, ...]
    shared: int
    kept: int


def turns(stages: Sequence[Sequence[Hashable]]) -> list[Turn]:
    """Order cells so that neighbours have as many layers in common as they can.

    Parameters
    ----------
    stages : sequence of sequence of hashable
        Per cell what it does before each layer.
    """
    numbers: dict[Hashable, int] = {}
    alike: dict[tuple[int, ...], list[int]] = {}
    for cell, stage in enumerate(stages):
        alike.setdefault(tuple(numbers.setdefault(one, len(numbers)) for one in stage), []).append(cell)
    if not alike:
        return []
    order = sorted(alike)
    common = [_common(one, other) for one, other in pairwise(order)]
    return [
        Turn(tuple(alike[key]), shared, kept)
        for key, shared, kept in zip(order, [0, *common], [*common, 0], strict=True)
    ]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next(at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)


@dataclass
class Passed:
    """What a prefill did in one layer.

    Attributes
    ----------
    layout : Layout
        The tokens that the layer computed on.
    kept : dict of int to list of int
        Batch row -> original numbers of the image tokens kept by the cut before it; empty without a cut.
    explained : list of int
        Per batch row the answer tokens that gradients were taken of so far.
    keys, values : Tensor or None
        (batch, key heads, present tokens, head size), as the cache holds them; None until the layer has run.
    """

    layout: Layout
    kept: dict[int, list[int]]
    explained: list[int]
    keys: Tensor | None = None
    values: Tensor | None = None


class Trail:
    """The layers that prefills of one batch take over from one another.

    Attributes
    ----------
    shared : int
        Layers that the prefill under way takes over.
    """

    def __init__(self, order: Sequence[Turn]) -> None:
        # Where a prefill may leave the trail: there it needs the hidden states, and what a criterion reads.
        self._leaves = {turn.shared for turn in order} - {0}
        self._passed: list[Passed] = []
        self._entering: dict[int, tuple[Tensor, Projected | None]] = {}
        self._kept = 0
        self.shared = 0

    def begin(self, turn: Turn) -> None:
        """Make ready for a turn's prefill; what it does not share is let go."""
        # Nothing is there if the turn before failed, or if its cache was of another kind.
        whole = turn.shared in self._entering and len(self._passed) >= turn.shared
        self.shared = turn.shared if whole else 0
        self._kept = turn.kept
        del self._passed[self.shared :]
        self._entering = {at: found for at, found in self._entering.items() if at <= self.shared}

    def takes_over(self, layer: int) -> bool:
        """Return whether the prefill takes a layer over."""
        return layer < self.shared

    def leaves_at(self, layer: int) -> bool:
        """Return whether a later prefill may part from this one at the cut before a layer."""
        return layer in self._leaves and self.shared < layer <= self._kept

    def passed(self, layer: int) -> Passed:
        """Return what was done in a layer that is taken over."""
        return self._passed[layer]

    def entering(self, layer: int) -> tuple[Tensor, Projected | None]:
        """Return the hidden states that enter a layer, and the queries and keys of the layer before."""
        return self._entering[layer]

    def arrive(self, layer: int, hidden: Tensor, projected: Projected | None) -> None:
        """Keep what enters a layer, (batch, present tokens, hidden size), if a later prefill needs it."""
        if self.leaves_at(layer):
            self._entering[layer] = hidden, projected

    def cut(self, layer: int, passed: Passed) -> None:
        """Keep what was done before a layer, if the next prefill shares it."""
        if self.shared <= layer < self._kept and len(self._passed) == layer:
            self._passed.append(passed)

    def leave(self, layer: int, cache: Any) -> None:
        """Keep what a layer left in the cache, if the next prefill shares it."""
        if layer >= self._kept or len(self._passed) != layer + 1:
            return
        part = None if cache is None else cache.layers[layer]
        # A layer that holds a window's tokens only would not do for one that holds all.
        if type(part) is DynamicLayer:
            self._passed[layer].keys, self._passed[layer].values = part.keys, part.values
        else:
            del self._passed[layer:]

    def take_over(self, layer: int, cache: Any) -> None:
        """Fill the cache of a layer that is taken over."""
        part, passed = cache.layers[layer], self._passed[layer]
        part.lazy_initialization(passed.keys, passed.values)
        # Later tokens make longer tensors; these are never written to.
        part.keys, part.values = passed.keys, passed.values
