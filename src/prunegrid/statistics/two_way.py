"""Inference over two crossed random factors: clusters of samples, and seeds that draw schedules or orders.

The design is that of studies in which several readers judge the same cases (Obuchowski and Rockette 1995,
Communications in Statistics - Simulation and Computation 24:285): a seed is a reader, an image a case. The
variance of a mean over both has a part of seeds, with seeds - 1 degrees of freedom, and a part of images,
both from the mean squares of the two-way table. Each part gets its own quantile of Student's t (Banerjee
1960, Sankhya 22:357), whose interval covers at least as often as promised. By simulation it does so with
three seeds too (tests/statistics/test_two_way.py, perf/coverage.py), where Satterthwaite's degrees of
freedom, as Hillis (2007, Statistics in Medicine 26:596) has them, reject a true null too often. Owen's
pigeonhole bootstrap (2007, Annals of Applied Statistics 1:386) resamples both factors: of three seeds it
makes too little.
"""

from dataclasses import dataclass

import numpy as np

_STEPS = 40
# Of the distribution of an estimated variance.
_NODES = 128


@dataclass(frozen=True)
class TwoWay:
    """Mean over clusters x seeds, with the variance that either factor adds to it.

    Attributes
    ----------
    value : float
    of_seeds, of_clusters : float
        Variance of the value that comes from the draw of seeds, and from that of clusters.
    seeds, clusters : int
    """

    value: float
    of_seeds: float
    of_clusters: float
    seeds: int
    clusters: int

    def half_width(self, level: float = 0.95) -> float:
        """Return half the width of the interval of a level, 1 - size of the two-sided test."""
        from scipy.special import stdtrit  # slow to import: a job that predicts needs none of it

        seeds, clusters = (stdtrit(n - 1, (1 + level) / 2) for n in (self.seeds, self.clusters))
        return float(np.hypot(seeds * self.of_seeds**0.5, clusters * self.of_clusters**0.5))

    def detectable(self, size: float, power: float, most: float, pairs: float = np.inf) -> float:
        """Return the smallest true mean that the test of a size finds with a power.

        The part of seeds is taken at its median-unbiased estimate: of three seeds the usual one is mostly
        too small. The test's own estimate of it varies as chi-squared does.

        Parameters
        ----------
        size, power : float
        most : float
            The largest mean that there can be.
        pairs : float
            So many independent pairs of answers change wholly or not at all, the same ones under every seed:
            a mean d adds d (most - d) / pairs to the part of images.

        Returns
        -------
        float
            NaN where not even `most` would be found so often.
        """
        from scipy.special import chdtri, ndtr, stdtrit  # slow to import: see above

        degrees = self.seeds - 1
        of_seeds = self.of_seeds * degrees / chdtri(degrees, 0.5)
        estimated = of_seeds * chdtri(degrees, (np.arange(_NODES) + 0.5) / _NODES) / degrees
        seeds, clusters = (stdtrit(n - 1, 1 - size / 2) for n in (self.seeds, self.clusters))

        def is_found(mean: float) -> bool:
            of_clusters = self.of_clusters + mean * (most - mean) / pairs
            spread = (of_seeds + of_clusters) ** 0.5
            half = np.sqrt(seeds**2 * estimated + clusters**2 * of_clusters)
            return spread == 0 or bool(ndtr((mean - half) / spread).mean() >= power)

        if not is_found(most):
            return np.nan
        low, high = 0.0, most
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if is_found(middle) else (middle, high)
        return high

    @property
    def p(self) -> float:
        """Two-sided p of "the mean is 0": the smallest size at which the interval leaves out 0."""
        if self.value == 0:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(_STEPS):
            # Small p are halved by their logarithm: sizes of 1e-9 are asked for where families are large.
            tried = (low * high) ** 0.5 if low > 0 else high / 16
            if self.half_width(1 - tried) < abs(self.value):
                high = tried
                if high < 1e-12:
                    break
            else:
                low = tried
        return high


def two_way(sums: np.ndarray, counts: np.ndarray) -> TwoWay:
    """Estimate the mean of values that stand in clusters and were drawn by seeds.

    Parameters
    ----------
    sums, counts : ndarray, shape (clusters, seeds)
        Sum of the values of a cluster's rows under a seed, and how many of them are known; at least two
        seeds, and two clusters with a known row.

    Returns
    -------
    TwoWay
        Clusters may differ in size: what is analysed are their linearised contributions to the mean.
    """
    there = counts.sum(axis=1) > 0
    sums, counts = np.asarray(sums[there], np.float64), np.asarray(counts[there], np.float64)
    clusters, seeds = sums.shape
    size = clusters * seeds
    value = sums.sum() / counts.sum()
    table = (sums - value * counts) * (size / counts.sum())
    by_cluster, by_seed = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    of_seeds = clusters * float((by_seed**2).sum()) / (seeds - 1)
    of_clusters = seeds * float((by_cluster**2).sum()) / (clusters - 1)
    of_both = float(((table - by_cluster - by_seed) ** 2).sum()) / ((clusters - 1) * (seeds - 1))
    return TwoWay(float(value), of_seeds / size, max(of_clusters - of_both, 0.0) / size, seeds, clusters)
