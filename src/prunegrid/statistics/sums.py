"""Metrics as functions of sums over rows, and their bootstrap intervals.

An accuracy is a sum over a sum, F1 and BLEU are functions of a few sums: in a resample only the sums
change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval


@dataclass(frozen=True)
class SumMetric:
    """A metric that is a function of sums over rows.

    Attributes
    ----------
    parts : ndarray of float64, shape (rows, parts)
        What each row adds.
    combine : callable
        Takes sums, shape (..., parts), and returns the metric, shape (...).
    """

    parts: np.ndarray
    combine: Callable[[np.ndarray], np.ndarray]

    def value(self) -> float:
        """Return the metric of all rows."""
        return float(self.combine(self.parts.sum(axis=0)))


def mean(values: ArrayLike) -> SumMetric:
    """Mean of the rows that are not NaN; NaN if there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(numbers)
    return SumMetric(np.column_stack([np.where(known, numbers, 0.0), known]), divide)


def ratio(numerator: ArrayLike, denominator: ArrayLike, empty: float = np.nan) -> SumMetric:
    """Sum of `numerator` over sum of `denominator`; `empty` where the latter is 0."""
    parts = np.column_stack([np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)])
    return SumMetric(parts, lambda sums: divide(sums, empty))


def mean_of(metrics: Sequence[SumMetric]) -> SumMetric:
    """Unweighted mean of several metrics of the same rows."""
    edges = np.cumsum([0, *(metric.parts.shape[1] for metric in metrics)])

    def combine(sums: np.ndarray) -> np.ndarray:
        values = [m.combine(sums[..., a:b]) for m, a, b in zip(metrics, edges, edges[1:], strict=False)]
        average: np.ndarray = np.mean(values, axis=0)
        return average

    return SumMetric(np.concatenate([metric.parts for metric in metrics], axis=1), combine)


def divide(sums: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """Divide column 0 by column 1 along the last axis; `empty` where column 1 is 0."""
    top, bottom = sums[..., 0], sums[..., 1]
    return np.where(bottom != 0, top / np.where(bottom != 0, bottom, 1.0), empty)


def intervals(
    metrics: dict[str, SumMetric], clusters: Clusters, bootstrap: Bootstrap, level: float = 0.95
) -> dict[str, dict[str, float]]:
    """Value and percentile interval of each metric.

    Returns
    -------
    dict
        Metric name -> {"value", "low", "high"}, floats, NaN where not defined.
    """
    if not metrics:
        return {}
    parts = np.concatenate([metric.parts for metric in metrics.values()], axis=1)
    totals = bootstrap.totals(clusters.sums(parts))
    edges = np.cumsum([0, *(metric.parts.shape[1] for metric in metrics.values())])
    resampled = [
        metric.combine(totals[:, a:b])
        for metric, a, b in zip(metrics.values(), edges, edges[1:], strict=False)
    ]
    limits = interval(np.column_stack(resampled), level)
    return {
        name: {"value": metric.value(), "low": float(low), "high": float(high)}
        for (name, metric), low, high in zip(metrics.items(), *limits, strict=True)
    }
