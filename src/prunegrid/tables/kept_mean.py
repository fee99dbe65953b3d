"""Mean over benchmarks of the share of the unpruned score that is kept, and of differences of shares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prunegrid.statistics.score_interval import score_limits
from prunegrid.statistics.testing import sign_flip
from prunegrid.statistics.two_way import TwoWay
from prunegrid.tables.kept import Kept
from prunegrid.tables.options import TableOptions


@dataclass
class KeptMean:
    """Mean over benchmarks of a group's share, or of a difference of two groups.

    Attributes
    ----------
    value, resampled, by_seed
        As of `Kept`.
    parts : ndarray of float64
        What each image of each benchmark adds to the value.
    below, above : float
        How far score intervals reach from the value.
    images : int
        Of the benchmark that has the fewest.
    """

    value: float
    resampled: np.ndarray
    by_seed: dict[int, float]
    parts: np.ndarray
    below: float
    above: float
    images: int


@dataclass(frozen=True)
class KeptDifference:
    """A difference of two groups, averaged over benchmarks.

    Attributes
    ----------
    value, low, high : float
        The difference, with its 95 % interval.
    p : float
        That there is none; NaN where one drawn schedule says nothing of others, or nothing is known.
    """

    value: float
    low: float
    high: float
    p: float


def compared(differences: Sequence[Kept], options: TableOptions) -> KeptDifference:
    """Return the mean of a difference that is given by benchmark, with its interval and p."""
    difference = over_benchmarks(differences, options.seed)
    low, high = limits(difference)
    p = np.nan
    if len(difference.by_seed) != 1 and not np.isnan(difference.value):
        p = float(sign_flip(difference.parts[:, None], options.replicates, options.seed)[0])
        if difference.by_seed:
            p = max(p, _both(difference).p)
    return KeptDifference(difference.value, low, high, p)


def over_benchmarks(kept: Sequence[Kept], seed: int) -> KeptMean:
    """Return the mean of benchmarks, whose images have nothing to do with each other."""
    resampled = np.zeros_like(kept[0].resampled)
    for number, one in enumerate(kept):
        # Benchmarks of as many images share their resamples, and must not move together.
        order = np.random.default_rng([seed, number]).permutation(len(resampled))
        resampled += one.resampled[order] / len(kept)
    seeds = set.intersection(*(set(one.by_seed) for one in kept))
    reach = [_reach(one) for one in kept]
    return KeptMean(
        value=float(np.mean([one.value for one in kept])),
        resampled=resampled,
        by_seed={seed: float(np.mean([one.by_seed[seed] for one in kept])) for seed in sorted(seeds)},
        parts=np.concatenate([one.sums / max(one.counts.sum(), 1) for one in kept]) / len(kept),
        below=float(np.linalg.norm([below for below, _ in reach])) / len(kept),
        above=float(np.linalg.norm([above for _, above in reach])) / len(kept),
        images=min(int((one.counts > 0).sum()) for one in kept),
    )


def _reach(kept: Kept) -> tuple[float, float]:
    """Return how far the score interval reaches below and above the value; it is open if nothing changed."""
    low, high = score_limits(kept.sums[:, None], kept.counts[:, None], kept.whole)[:, 0]
    value = kept.sums.sum() / kept.counts.sum() if kept.counts.any() else np.nan
    return float(value - low), float(high - value)


def _both(mean: KeptMean) -> TwoWay:
    of_seeds = float(np.var([*mean.by_seed.values()], ddof=1)) / len(mean.by_seed)
    images = max(mean.images, 2)
    return TwoWay(mean.value, of_seeds, float(np.nanvar(mean.resampled)), len(mean.by_seed), images)


def limits(mean: KeptMean) -> tuple[float, float]:
    """Return the interval: percentiles or over seeds, joined with the benchmarks' score intervals.

    Intervals of parts make that of a sum as Zou and Donner have it (2008, Statistics in Medicine 27:1693).
    """
    if np.isnan(mean.value):
        # Some row is of errors only.
        return np.nan, np.nan
    if len(mean.by_seed) > 1:
        half = _both(mean).half_width()
        low, high = mean.value - half, mean.value + half
    else:
        low, high = np.nanquantile(mean.resampled, [0.025, 0.975])
    return float(np.fmin(low, mean.value - mean.below)), float(np.fmax(high, mean.value + mean.above))
