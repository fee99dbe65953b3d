"""What every strategy shares: schedules, and solving the one free parameter for a ratio.

Notation (docs/definitions.md, Notation and Ratio): L decoder layers; a_l is the share of the N image tokens
that layer l computes on; ratio = 1 - mean over l of a_l. This module imports no torch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar

from prunegrid.errors import PruningError, UnreachableRatioError
from prunegrid.plugins import Plugin

TOLERANCE = 0.005
# The criterion that says which tokens stay where a strategy keeps some and has none ranked.
UNRANKED = "first"
# Bisection steps: enough to exhaust the mantissa of a double on [0, 1].
_STEPS = 60
# Only exit and blind drop everything: any other share stays above 0, hence at least 1 token.
_STRONGEST = 1 - 2**-40

Cuts = Sequence[tuple[int, float]]


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
    second_cut : int or None
        K2 of a hierarchical schedule, where `staged` criteria turn to deep scores by default.
    """

    n_layers: int
    cuts: tuple[tuple[int, float], ...] = ()
    attempts: int = 1
    second_cut: int | None = None

    def shares(self) -> list[float]:
        """Return a_l for l = 0..L-1."""
        return _per_layer(self.cuts, self.n_layers, 1.0)

    def counts(self, n_tokens: int) -> list[tuple[int, int]]:
        """Return (layer, image tokens kept) per cut; see `count_tokens`."""
        return count_tokens(self.cuts, n_tokens)

    def tokens_per_layer(self, n_tokens: int) -> list[int]:
        """Return the number of image tokens that each layer computes on."""
        return _per_layer(self.counts(n_tokens), self.n_layers, n_tokens)

    def ratio(self, n_tokens: int | None = None) -> float:
        """Return the achieved ratio; with `n_tokens`, that of whole tokens."""
        if n_tokens is None:
            return removed(self.cuts, self.n_layers, 1.0)
        return removed(self.counts(n_tokens), self.n_layers, n_tokens)


def count_tokens(cuts: Cuts, n_tokens: int) -> list[tuple[int, int]]:
    """Turn shares into token counts: rounded half up, at least 1 (0 for a share of 0), non-increasing."""
    counts, present = [], n_tokens
    for layer, share in cuts:
        # 1e-9: a share such as 0.125 may arrive as 0.12499999999999999 from the solver.
        wanted = math.floor(share * n_tokens + 0.5 + 1e-9)
        present = min(present, wanted if share <= 0 else max(wanted, min(1, n_tokens)))
        counts.append((layer, present))
    return counts


def removed(cuts: Cuts, n_layers: int, full: float) -> float:
    """Return 1 - mean over layers of what is present, relative to `full`."""
    if not full:
        return 0.0
    return 1 - sum(_per_layer(cuts, n_layers, full)) / (n_layers * full)


def _per_layer(cuts: Cuts, n_layers: int, full: float) -> list:
    present, after = full, dict(cuts)
    return [present := after.get(layer, present) for layer in range(n_layers)]


def resolve_layer(value: float, n_layers: int) -> int:
    """Return the layer meant by an integer, or by a fraction of L (floor, at least 1).

    Raises
    ------
    PruningError
        If it is not among 1..L-1: a criterion reads the layer before the cut.
    """
    if isinstance(value, float) and 0 < value < 1:
        # Through text, so that 0.29 of 100 layers is 29 and not 28.
        return max(1, math.floor(Fraction(str(value)) * n_layers))
    if value != int(value) or not 1 <= value < n_layers:
        raise PruningError(
            f"layer {value!r} is not among 1..{n_layers - 1} of this model, nor a fraction between 0 and 1"
        )
    return int(value)


def increasing_layers(values: Sequence[float], n_layers: int) -> list[int]:
    """Resolve several layers and check that they increase."""
    layers = [resolve_layer(value, n_layers) for value in values]
    if any(b <= a for a, b in pairwise(layers)):
        raise PruningError(f"layers {list(values)} give {layers} of {n_layers}: they must increase")
    return layers


def solve(
    cuts: Callable[[float], Cuts], ratio: float, n_layers: int, n_tokens: int | None = None
) -> Schedule:
    """Find the strength in [0, 1] at which `cuts` removes `ratio`.

    Solved over the reals, so that shares do not depend on a sample. Only where rounding to whole
    tokens then misses by more than 0.005 is the strength moved to the nearest integer solution.

    Parameters
    ----------
    cuts : callable
        strength -> [(layer, share)]; what is removed must not decrease with the strength.
    ratio : float
        Requested 1 - mean(a_l).
    n_layers : int
        L.
    n_tokens : int, optional
        N of the sample.

    Raises
    ------
    UnreachableRatioError
        If even the strongest cut removes less, or the weakest more.
    """

    def strength_for(remove: Callable[[float], float]) -> tuple[float, float]:
        """Bisect to the last strength below the ratio and the first that reaches it."""
        low, high = 0.0, _STRONGEST
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if remove(middle) >= ratio else (middle, high)
        return low, high

    def real(strength: float) -> float:
        return removed(cuts(strength), n_layers, 1.0)

    def whole(strength: float) -> float:
        return removed(count_tokens(cuts(strength), n_tokens), n_layers, n_tokens)

    least, most = real(0.0), real(_STRONGEST)
    if not least - TOLERANCE <= ratio <= most + TOLERANCE:
        raise UnreachableRatioError(
            f"ratio {ratio:.3f} is out of reach: {least:.3f} to {most:.3f} with {n_layers} layers"
        )
    best = strength_for(real)[1]
    if n_tokens and abs(whole(best) - ratio) > TOLERANCE:
        best = min(strength_for(whole), key=lambda strength: abs(whole(strength) - ratio))
    return Schedule(n_layers, tuple((layer, float(share)) for layer, share in cuts(best)))


@dataclass(frozen=True)
class Strategy(Plugin):
    """Base of all strategies. A leaf defines `cuts`; one with no free strength overrides `solve`.

    Class attributes
    ----------------
    stochastic : bool
        The schedule (or the input) is drawn from the seed.
    ranks : bool
        A criterion chooses the tokens; otherwise the strategy stands once, with criterion `none`.
    has_ratio : bool
        It takes a ratio.
    swaps_images : bool
        Each question is shown another sample's image.
    """

    stochastic: ClassVar[bool] = False
    ranks: ClassVar[bool] = True
    has_ratio: ClassVar[bool] = True
    swaps_images: ClassVar[bool] = False

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return [(layer, share of N)] for a strength in [0, 1]: 0 drops nothing, 1 the most.

        What is removed must not decrease with the strength.
        """
        raise NotImplementedError

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the schedule that removes `ratio` of the image-token work.

        Parameters
        ----------
        ratio : float or None
            1 - mean over layers of a_l.
        n_layers : int
            L.
        seed : int
            Seed of drawn schedules.
        n_tokens : int, optional
            N of the sample at hand: see `prunegrid.pruning.schedule.solve`.

        Raises
        ------
        UnreachableRatioError
            If no strength reaches the ratio.
        """
        if ratio is None:
            raise PruningError(f"strategy {type(self).__name__.lower()!r} needs a ratio")
        return solve(lambda strength: self.cuts(strength, n_layers), ratio, n_layers, n_tokens)
