"""How many image tokens stay before which decoder layers: shares, counts of whole tokens, layers.

Notation (docs/definitions.md, Notation and Ratio): L decoder layers; a_l is the share of the N image tokens
that layer l computes on; ratio = 1 - mean over l of a_l. This module imports no torch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from prunegrid.errors import PruningError

# (layer, share of the N image tokens that stays before it), layers ascending.
Cuts = Sequence[tuple[int, float]]
# How a share of the tokens becomes a whole number of them.
HALF_UP, FLOOR, HALF_EVEN = "half_up", "floor", "half_even"
ROUNDINGS = (HALF_UP, FLOOR, HALF_EVEN)
# A share such as 0.125 may arrive as 0.12499999999999999 from the solver.
_EXACT = 1e-9
# Shares of the image tokens, or numbers of them.
_Share = TypeVar("_Share", int, float)

# How often one criterion may hand a layer on to another.
MOST_STEPS = 10


@dataclass(frozen=True)
class Schedule:
    """A solved schedule: before each listed layer, the share of the N image tokens that stays.

    Attributes
    ----------
    n_layers : int
        L, decoder layers.
    cuts : tuple of (int, float)
        (layer, share of N), layers ascending, shares non-increasing.
    attempts : int
        Draws it took to find a schedule that reaches the ratio; 1 where nothing is drawn.
    deep_from : int or None
        The layer whose cut is the first deep one: a hint for criteria that rank deep layers otherwise. None
        where the strategy has no such notion.
    rounding : str
        How shares become whole tokens; see `count_tokens`.
    """

    n_layers: int
    cuts: tuple[tuple[int, float], ...] = ()
    attempts: int = 1
    deep_from: int | None = None
    rounding: str = HALF_UP

    def shares(self) -> list[float]:
        """Return a_l for l = 0..L-1."""
        return _per_layer(self.cuts, self.n_layers, 1.0)

    def counts(self, n_tokens: int) -> list[tuple[int, int]]:
        """Return (layer, image tokens kept) per cut; see `count_tokens`."""
        return count_tokens(self.cuts, n_tokens, self.rounding)

    def tokens_per_layer(self, n_tokens: int) -> list[int]:
        """Return the number of image tokens that each layer computes on."""
        return _per_layer(self.counts(n_tokens), self.n_layers, n_tokens)

    def ratio(self, n_tokens: int | None = None) -> float:
        """Return the achieved ratio; with `n_tokens`, that of whole tokens."""
        if n_tokens is None:
            return removed(self.cuts, self.n_layers, 1.0)
        return removed(self.counts(n_tokens), self.n_layers, n_tokens)


def count_tokens(cuts: Cuts, n_tokens: int, rounding: str = HALF_UP) -> list[tuple[int, int]]:
    """Turn shares into token counts: rounded, at least 1 (0 for a share of 0), non-increasing.

    Parameters
    ----------
    cuts : sequence of (int, float)
        (layer, share of the tokens).
    n_tokens : int
        N.
    rounding : str
        `half_up`: to the nearest, halves up; `half_even`: to the nearest, halves to the even number, as
        Python's `round`; `floor`: down, as `int`.
    """
    counts, present = [], n_tokens
    for layer, share in cuts:
        wanted = _whole(share * n_tokens, rounding)
        present = min(present, wanted if share <= 0 else max(wanted, min(1, n_tokens)))
        counts.append((layer, present))
    return counts


def _whole(tokens: float, rounding: str) -> int:
    if rounding == FLOOR:
        return math.floor(tokens + _EXACT)
    nearest = math.floor(tokens + 0.5 + _EXACT)
    is_half = abs(tokens + 0.5 - nearest) <= _EXACT
    return nearest - 1 if rounding == HALF_EVEN and is_half and nearest % 2 else nearest


def removed(cuts: Cuts, n_layers: int, full: float) -> float:
    """Return 1 - mean over layers of what is present, relative to `full`."""
    if not full:
        return 0.0
    return 1 - sum(_per_layer(cuts, n_layers, full)) / (n_layers * full)


def _per_layer(cuts: Sequence[tuple[int, _Share]], n_layers: int, full: _Share) -> list[_Share]:
    present, after = full, dict(cuts)
    return [present := after.get(layer, present) for layer in range(n_layers)]


def resolve_layer(value: float, n_layers: int) -> int:
    """Return the layer meant by an integer, or by a fraction of L (floor, at least 1).

    Raises
    ------
    PruningError
        If it is not among 0..L-1. Before layer 0 not every criterion can score; see `Criterion.first_layer`.
    """
    if isinstance(value, float) and 0 < value < 1:
        # Through text, so that 0.29 of 100 layers is 29 and not 28.
        return max(1, math.floor(Fraction(str(value)) * n_layers))
    if value != int(value) or not 0 <= value < n_layers:
        raise PruningError(
            f"layer {value!r} is not among 0..{n_layers - 1} of this model, nor a fraction between 0 and 1"
        )
    return int(value)


def increasing_layers(values: Sequence[float], n_layers: int) -> list[int]:
    """Resolve several layers and check that they increase."""
    layers = [resolve_layer(value, n_layers) for value in values]
    if any(b <= a for a, b in pairwise(layers)):
        raise PruningError(f"layers {list(values)} give {layers} of {n_layers}: they must increase")
    return layers


def one_per_cut(n_parts: int, schedule: Schedule) -> str:
    """Say that a list of criteria does not fit the cuts of a schedule."""
    layers = ", ".join(str(layer) for layer, _ in schedule.cuts)
    return f"parts names {n_parts} criteria, but there are {len(schedule.cuts)} cuts, before layers {layers}"


def not_first(name: str, layer: int, schedule: Schedule) -> str:
    """Say that a criterion cannot score before a layer, as some tokens are gone by then."""
    return (
        f"criterion {name!r} cannot score before layer {layer}, only before the first cut, layer "
        f"{schedule.cuts[0][0]}: it reads the grid of all image tokens; choose another criterion for later "
        "cuts (staged, parts)"
    )


def too_early(name: str, layer: int, first_layer: int) -> str:
    """Say that a criterion cannot score before a layer."""
    return (
        f"criterion {name!r} cannot score before layer {layer}, only from layer {first_layer} on: it reads "
        "what a layer before the cut has computed; cut later, or choose another criterion"
    )
