"""Estimates, intervals and tests of contrasts from per-sample values, many of a benchmark at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.power import POWER, detectable_mean, detectable_share
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.score_interval import changed_pairs, score_limits
from prunegrid.statistics.testing import exact_sign_flip, mcnemar_exact, sign_flip
from prunegrid.statistics.two_way import TwoWay, two_way
from prunegrid.statistics.value_interval import joined
from prunegrid.tables.aligned_scores import mean_of_seeds
from prunegrid.tables.cells import RowKey

LEVEL = 0.05
# Standard errors by which changes both ways may differ by chance.
_CHANCE = 1.96
# So many changed images tell what a changed image changes; fewer need the imagined one.
_ENOUGH = 10


@dataclass
class Difference:
    """A contrast of rows on the samples that all of them answered, paired by sample, and by seed if drawn.

    Attributes
    ----------
    value, low, high : float
        Mean difference and its 95 % interval, uncorrected: the bootstrap's over images, or over images and
        seeds where a row is drawn; joined with the score interval, which stays open where no answer changed.
    p : float
        Uncorrected: sign flips over images, exact where sums are whole numbers of a unit; where a row is
        drawn, the larger of that and the p over images and seeds. NaN where nothing is tested.
    p_mcnemar : float
        McNemar's exact test; NaN where a cluster has several rows, or answers are no single 0 or 1.
    n_draws : int
        Seeds that it is inferred over; 0 where nothing is drawn.
    drawn : str
        What a seed draws: schedules, or draws of something else.
    p_given_draws : float
        Sign flips over images, the draws taken as they are.
    worst, best : float
        The smallest and the largest difference of a draw; NaN where nothing is drawn.
    pairs : tuple of float
        Effective pairs for the better, for the worse, in all, and what one is worth, all changing.
    spread : tuple of float and int, or None
        Standard error over images, and their number, of scores without an upper end; None of others.
    over_both : TwoWay or None
        Its variance over images and seeds.
    pairs_of_draw : float
        Effective pairs of a single draw, their mean; infinite for scores without an upper end.
    computed : frozenset
        What was compared, in terms of computations; see `contrasts.distinct`.
    """

    value: float
    low: float
    high: float
    p: float
    p_mcnemar: float
    p_given_draws: float = np.nan
    n_draws: int = 0
    drawn: str = ""
    worst: float = np.nan
    best: float = np.nan
    pairs: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    spread: tuple[float, int] | None = None
    over_both: TwoWay | None = None
    pairs_of_draw: float = np.inf
    computed: frozenset[tuple[RowKey, int]] = field(default_factory=frozenset)

    @property
    def too_few_draws(self) -> bool:
        """Whether the draws are what keeps a difference from being told: images alone would tell it."""
        return self.n_draws == 1 or (self.n_draws > 1 and self.p_given_draws < LEVEL <= self.p)

    def detectable(self, size: float) -> float:
        """Return the smallest true difference that a test of a size finds with a power of 80 %.

        Changes that cancel each other go on as often as they were seen. NaN where nothing is tested, or not
        even the largest difference would be found so often.
        """
        if np.isnan(self.p):
            return np.nan
        better, worse, pairs, worth = self.pairs
        # As many for the better as for the worse where that may be: else the rest is the difference itself.
        chance = abs(better - worse) <= _CHANCE * np.sqrt(better + worse)
        both_ways = (better + worse) / 2 if chance else min(better, worse)
        if self.spread is None:
            found = worth * detectable_share(round(pairs), round(both_ways), size)
        else:
            # Nearly every caption changes, and the flipped sum is as good as normal; few changes are counted.
            few = worth * detectable_share(round(pairs), 0, size)
            found = float(np.maximum(detectable_mean(*self.spread, size), few))
        if self.over_both is not None:
            drawn = self.over_both.detectable(size, POWER, worth, self.pairs_of_draw)
            found = float(np.maximum(found, drawn))
        return found if found <= worth else np.nan


@dataclass
class Contrast:
    """What a difference is made of, per sample.

    Attributes
    ----------
    by_seed : ndarray of float64, shape (samples, seeds)
        The contrast of each sample; one column where nothing is drawn. NaN where a row has no score.
    whole : float
        The most that one answer can change it.
    n_draws : int
        Seeds that it is inferred over; 0 where nothing is drawn, 1 where a single schedule was.
    drawn : str
        See `Difference`.
    bounded : bool
        No value is beyond `whole`.
    tested : bool
        Whether it may be: what was chosen by gold answers may not.
    binary : bool
        Every row's answers are single ones, right or wrong.
    computed : frozenset
        See `Difference`.
    """

    by_seed: np.ndarray
    whole: float
    n_draws: int
    drawn: str
    bounded: bool
    tested: bool
    binary: bool
    computed: frozenset[tuple[RowKey, int]]

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean over the seeds that answered, by sample, shape (samples,); NaN if none did."""
        return mean_of_seeds(self.by_seed)


class Resampled:
    """Means of columns of per-sample values, NaN left out, over all samples and in every resample."""

    def __init__(self, bootstrap: Bootstrap, clusters: Clusters, columns: Sequence[np.ndarray]) -> None:
        values = np.column_stack(columns)
        known = ~np.isnan(values)
        self.sums = clusters.sums(np.where(known, values, 0.0))
        self.counts = clusters.sums(known)
        self.counted = self.counts.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.value = self.sums.sum(axis=0) / self.counted
        self._bootstrap = bootstrap

    @cached_property
    def means(self) -> np.ndarray:
        """Mean of every column in every resample, shape (replicates, columns)."""
        return resampled_means(self._bootstrap, self.sums, self.counts)

    @cached_property
    def limits(self) -> np.ndarray:
        """Percentile interval of every column, shape (2, columns)."""
        return interval(self.means)


def resampled_means(bootstrap: Bootstrap, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean of every column in every resample, shape (replicates, columns).

    Parameters
    ----------
    bootstrap : Bootstrap
    sums, counts : ndarray of float64, shape (images, columns)
        Sum over an image's known values, and how many there are.
    """
    # Most rows answer the same samples.
    distinct, place = np.unique(counts, axis=1, return_inverse=True)
    totals = bootstrap.totals(np.hstack([sums, distinct]))
    width = sums.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        means: np.ndarray = totals[:, :width] / totals[:, width:][:, place.reshape(-1)]
    return means


def differences(
    contrasts: Sequence[Contrast], clusters: Clusters, bootstrap: Bootstrap, permutations: int, seed: int
) -> list[Difference]:
    """Estimate and test contrasts of one benchmark.

    Parameters
    ----------
    contrasts : sequence of Contrast
    clusters : Clusters
        Samples by image.
    bootstrap : Bootstrap
    permutations, seed : int
        Of the sign flips.

    Returns
    -------
    list of Difference
        In order.
    """
    if not contrasts:
        return []
    found = Resampled(bootstrap, clusters, [contrast.mean for contrast in contrasts])
    whole = np.array([contrast.whole for contrast in contrasts])
    limits = score_limits(found.sums, found.counts, whole)
    pairs = changed_pairs(found.sums, found.counts, whole, fewest=_ENOUGH)
    images = (found.counts > 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(((found.sums - found.value * found.counts) ** 2).sum(axis=0)) / found.counted
    p = np.where(found.counted > 0, 1.0, np.nan)
    # Without any change there is nothing to resample or to flip, and a bootstrap's interval is [0, 0].
    changed = np.flatnonzero((found.sums != 0).any(axis=0)).tolist()
    if changed:
        some = Resampled(bootstrap, clusters, [contrasts[number].mean for number in changed])
        p[changed] = [exact_sign_flip(column) for column in some.sums.T]
        drawn = [place for place, number in enumerate(changed) if np.isnan(p[number])]
        if drawn:
            p[[changed[place] for place in drawn]] = sign_flip(some.sums[:, drawn], permutations, seed)
        single = [place for place, number in enumerate(changed) if contrasts[number].n_draws < 2]
        if single:
            places = [changed[place] for place in single]
            limits[:, places] = joined(limits[:, places], some.limits[:, single])
    results = []
    for number, contrast in enumerate(contrasts):
        low, high = limits[:, number]
        difference = Difference(
            value=float(found.value[number]),
            low=float(low),
            high=float(high),
            p=float(p[number]) if contrast.tested else np.nan,
            p_mcnemar=_mcnemar(contrast, clusters) if contrast.tested else np.nan,
            p_given_draws=float(p[number]) if contrast.tested and contrast.n_draws else np.nan,
            n_draws=contrast.n_draws,
            drawn=contrast.drawn,
            pairs=tuple(pairs[:, number].tolist()),
            spread=None if contrast.bounded else (float(spread[number]), int(images[number])),
            computed=contrast.computed,
        )
        if contrast.n_draws == 1:
            # One schedule says nothing of others.
            difference.p = np.nan
        elif contrast.n_draws > 1:
            _over_draws(difference, contrast, clusters)
        results.append(difference)
    return results


def over_draws(by_seed: np.ndarray, clusters: Clusters) -> tuple[float, float]:
    """Return the 95 % interval, over images and seeds, of the mean of values, shape (samples, seeds)."""
    both = estimate(*_summed(by_seed, clusters))
    if both is None:
        return np.nan, np.nan
    half = both.half_width()
    return both.value - half, both.value + half


def estimate(sums: np.ndarray, counts: np.ndarray) -> TwoWay | None:
    """Estimate a mean over images and seeds; None where a seed has no value, or a single image has one.

    Parameters
    ----------
    sums, counts : ndarray of float64, shape (images, seeds)
        See `two_way`.
    """
    if (counts.sum(axis=0) == 0).any() or (counts.sum(axis=1) > 0).sum() < 2:
        return None
    return two_way(sums, counts)


def _summed(by_seed: np.ndarray, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
    """Return sums of the known values, and their numbers, by image and seed."""
    known = ~np.isnan(by_seed)
    return clusters.sums(np.where(known, by_seed, 0.0)), clusters.sums(known)


def _over_draws(difference: Difference, contrast: Contrast, clusters: Clusters) -> None:
    """Let a difference be one over images and draws."""
    difference.over_both = both = estimate(*_summed(contrast.by_seed, clusters))
    if both is None:
        difference.p = np.nan
        return
    values = [column[~np.isnan(column)].mean() for column in contrast.by_seed.T]
    difference.worst, difference.best = float(min(values)), float(max(values))
    half = both.half_width()
    limits = np.array([both.value - half, both.value + half])
    if contrast.bounded:
        limits = np.clip(limits, -contrast.whole, contrast.whole)
        of_draws = changed_pairs(*_summed(contrast.by_seed, clusters), contrast.whole, fewest=_ENOUGH)
        difference.pairs_of_draw = float(of_draws[2].mean())
    difference.low = float(np.fmin(difference.low, limits[0]))
    difference.high = float(np.fmax(difference.high, limits[1]))
    difference.p = float(np.maximum(difference.p, both.p))  # NaN, where nothing is tested, stays


def _mcnemar(contrast: Contrast, clusters: Clusters) -> float:
    if not contrast.binary or not clusters.single or np.isnan(contrast.mean).all():
        return np.nan
    return mcnemar_exact(int((contrast.mean == 1).sum()), int((contrast.mean == -1).sum()))
