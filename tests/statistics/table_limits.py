"""Intervals of values as the tables and scores.json have them, for simulations."""

import numpy as np

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.value_interval import joined, value_limits

REPLICATES = 500


def table_limits(correct: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return intervals of the means of columns of rows about `images`, shape (2, columns)."""
    clusters = Clusters.of([f"{k:05d}" for k in images])
    bootstrap = Bootstrap(clusters.count, REPLICATES)
    totals = bootstrap.totals(clusters.sums(np.hstack([correct, np.ones((len(correct), 1))])))
    means = totals[:, :-1] / totals[:, -1:]
    value, count = correct.mean(axis=0), np.full(correct.shape[1], clusters.count)
    return joined(interval(means), value_limits(value, means.var(axis=0), count))
