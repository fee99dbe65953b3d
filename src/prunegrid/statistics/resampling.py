"""The clustered bootstrap (Davison and Hinkley 1997, section 3.8: whole clusters are resampled)."""

from collections.abc import Iterator

import numpy as np

from prunegrid.statistics.products import WeightedSums

_CHUNK = 4_000_000  # weights made at a time: bounds the memory, not the result
_KEEP = 400_000_000  # weights kept for the next call, one byte each


class Bootstrap:
    """Resamples `count` clusters with replacement; every call sees the same resamples.

    Parameters
    ----------
    count : int
        Number of clusters.
    replicates : int
        Number of resamples B.
    seed : int
        With `count` and `replicates` it fixes every resample.
    """

    def __init__(self, count: int, replicates: int = 10_000, seed: int = 0) -> None:
        self.count = count
        self.replicates = replicates
        self.seed = seed
        self._kept: list[np.ndarray] | None = None

    def totals(self, sums: np.ndarray) -> np.ndarray:
        """Total of every column in every resample.

        Parameters
        ----------
        sums : ndarray of float64, shape (clusters, columns)
            Sums over the rows of each cluster.

        Returns
        -------
        ndarray of float64, shape (replicates, columns)
        """
        if len(sums) != self.count:
            raise ValueError(f"{len(sums)} clusters given to a bootstrap of {self.count}")
        if not self.count:
            return np.zeros((self.replicates, sums.shape[1]))
        least, most = np.minimum(sums.min(axis=0), 0), np.maximum(sums.max(axis=0), 0)
        weighted = WeightedSums(sums, -self.count * least, self.count * most)
        return np.concatenate([weighted.of(weights) for weights in self._weights()])

    def _weights(self) -> Iterator[np.ndarray]:
        if self._kept is not None:
            yield from self._kept
            return
        keep: list[np.ndarray] | None = [] if self.count * self.replicates <= _KEEP else None
        for weights in self._draw():
            if keep is not None:
                keep.append(weights)
            yield weights
        self._kept = keep

    def _draw(self) -> Iterator[np.ndarray]:
        generator = np.random.default_rng([self.seed, self.count, self.replicates])
        size = max(1, _CHUNK // self.count)
        for start in range(0, self.replicates, size):
            rows = min(size, self.replicates - start)
            drawn = generator.integers(0, self.count, size=(rows, self.count), dtype=np.int64)
            drawn += np.arange(rows)[:, None] * self.count
            counts = np.bincount(drawn.ravel(), minlength=rows * self.count).reshape(rows, self.count)
            yield counts.astype(np.uint8 if counts.max() < 256 else np.uint32)


def variance(resampled: np.ndarray) -> float:
    """Return the variance of a statistic over the resamples in which it is defined; NaN if in none."""
    defined = resampled[~np.isnan(resampled)]
    return float(defined.var()) if len(defined) else np.nan


def interval(resampled: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Percentile interval of each column, ignoring resamples where a ratio is not defined.

    Parameters
    ----------
    resampled : ndarray, shape (replicates, columns)
        Statistic in each resample.

    Returns
    -------
    ndarray of float64, shape (2, columns)
        Lower and upper limits; NaN where a column is undefined in every resample.
    """
    tails = [(1 - level) / 2, (1 + level) / 2]
    columns = np.ascontiguousarray(resampled.T)
    limits = np.full((2, len(columns)), np.nan)
    complete = ~np.isnan(columns).any(axis=1)
    if complete.any():
        limits[:, complete] = np.quantile(columns[complete], tails, axis=1)
    for number in np.flatnonzero(~complete):
        defined = columns[number][~np.isnan(columns[number])]
        if len(defined):
            limits[:, number] = np.quantile(defined, tails)
    return limits
