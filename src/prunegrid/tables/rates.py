"""Means of per-sample values over seeds and samples, and intervals of those that are shares."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.two_way import TwoWay
from prunegrid.statistics.value_interval import joined, value_limits
from prunegrid.tables.aligned_scores import mean_of_seeds
from prunegrid.tables.difference import estimate


@dataclass(frozen=True)
class Mean:
    """The mean of a quantity: over seeds for each sample, then over samples.

    Attributes
    ----------
    sums, counts : ndarray of float64, shape (images,)
        By image, the sum of its samples' means over seeds, and how many samples have one.
    seed_sums, seed_counts : ndarray of float64, shape (images, seeds)
        The same under each seed.
    """

    sums: np.ndarray
    counts: np.ndarray
    seed_sums: np.ndarray
    seed_counts: np.ndarray

    @property
    def n(self) -> int:
        """Samples with a value."""
        return int(self.counts.sum())

    @property
    def value(self) -> float:
        """NaN without a sample."""
        return float(self.sums.sum() / self.counts.sum()) if self.n else np.nan

    def of_seed(self, number: int) -> "Mean":
        """Return the mean under one seed alone."""
        sums, counts = self.seed_sums[:, number], self.seed_counts[:, number]
        return Mean(sums, counts, sums[:, None], counts[:, None])

    def over_draws(self) -> TwoWay | None:
        """Estimate it over images and seeds; None of one seed, and where `estimate` has none."""
        return estimate(self.seed_sums, self.seed_counts) if self.seed_sums.shape[1] > 1 else None

    def share_limits(self) -> tuple[float, float]:
        """Return the 95 % interval of a share, within 0 and 1; NaN where the value is no share.

        It is the score interval of `value_limits`, with the variance over images of a ratio of two sums
        (Cochran 1977, Sampling Techniques, chapter 6); of several seeds the hull of that and of the interval
        over images and seeds.
        """
        value = self.value
        if not 0 <= value <= 1:
            return np.nan, np.nan
        variance = float(((self.sums - value * self.counts) ** 2).sum()) / self.n**2
        images = int((self.counts > 0).sum())
        limits = value_limits(np.array([value]), np.array([variance]), np.array([images]))
        both = self.over_draws()
        if both is not None:
            half = both.half_width()
            drawn = np.clip(np.array([[both.value - half], [both.value + half]]), 0.0, 1.0)
            limits = joined(limits, drawn)
        return float(limits[0, 0]), float(limits[1, 0])


def means(quantities: Mapping[str, np.ndarray], clusters: Clusters) -> dict[str, Mean]:
    """Return the mean of each quantity.

    Parameters
    ----------
    quantities : mapping
        Name -> values of shape (samples, seeds), NaN where there is none.
    clusters : Clusters
        Samples by image.
    """
    if not quantities:
        return {}
    columns = []
    for values in quantities.values():
        # Of one seed the mean over seeds is that seed's.
        parts = [values] if values.shape[1] == 1 else [mean_of_seeds(values)[:, None], values]
        for part in parts:
            known = ~np.isnan(part)
            columns += [np.where(known, part, 0.0), known]
    sums = clusters.sums(np.hstack(columns))
    found, start = {}, 0
    for name, values in quantities.items():
        middle = start + 2
        end = middle if values.shape[1] == 1 else middle + 2 * values.shape[1]
        of_seeds = sums[:, middle:end] if end > middle else sums[:, start:middle]
        found[name] = Mean(sums[:, start], sums[:, start + 1], *np.hsplit(of_seeds, 2))
        start = end
    return found
