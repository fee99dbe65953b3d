"""Metrics as functions of sums over rows, and their bootstrap intervals.

An accuracy is a sum over a sum, F1 and BLEU are functions of a few sums: in a resample only the sums
change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval, variance
from prunegrid.statistics.value_interval import joined, value_limits


@dataclass(frozen=True)
class SumMetric:
    """A metric that is a function of sums over rows.

    Attributes
    ----------
    parts : ndarray of float64, shape (rows, parts)
        What each row adds.
    combine : callable
        Takes sums, shape (..., parts), and returns the metric, shape (...).
    bounded : bool
        It is a rate: between 0 and 1 whatever rows there are. A row with no part in it adds nothing.
    """

    parts: np.ndarray
    combine: Callable[[np.ndarray], np.ndarray]
    bounded: bool = False

    def value(self) -> float:
        """Return the metric of all rows."""
        return float(self.combine(self.parts.sum(axis=0)))


def mean(values: ArrayLike) -> SumMetric:
    """Mean of the rows that are not NaN; NaN if there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(numbers)
    parts = np.column_stack([np.where(known, numbers, 0.0), known])
    return SumMetric(parts, divide, _is_rate(parts))


def ratio(numerator: ArrayLike, denominator: ArrayLike, empty: float = np.nan) -> SumMetric:
    """Sum of `numerator` over sum of `denominator`; `empty` where the latter is 0."""
    parts = np.column_stack([np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)])
    return SumMetric(parts, lambda sums: divide(sums, empty), _is_rate(parts))


def _is_rate(parts: np.ndarray) -> bool:
    """Return whether no row adds more to the numerator than to the denominator."""
    return bool(((parts[:, 0] >= 0) & (parts[:, 0] <= parts[:, 1])).all())


def mean_of(metrics: Sequence[SumMetric]) -> SumMetric:
    """Unweighted mean of several metrics of the same rows."""
    edges = np.cumsum([0, *(metric.parts.shape[1] for metric in metrics)])

    def combine(sums: np.ndarray) -> np.ndarray:
        values = [m.combine(sums[..., a:b]) for m, a, b in zip(metrics, edges, edges[1:], strict=False)]
        average: np.ndarray = np.mean(values, axis=0)
        return average

    parts = np.concatenate([metric.parts for metric in metrics], axis=1)
    return SumMetric(parts, combine, all(metric.bounded for metric in metrics))


def divide(sums: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """Divide column 0 by column 1 along the last axis; `empty` where column 1 is 0."""
    top, bottom = sums[..., 0], sums[..., 1]
    return np.where(bottom != 0, top / np.where(bottom != 0, bottom, 1.0), empty)


def intervals(
    metrics: dict[str, SumMetric], clusters: Clusters, bootstrap: Bootstrap, level: float = 0.95
) -> dict[str, dict[str, float]]:
    """Value and interval of each metric: percentiles, joined with the score interval for rates.

    Returns
    -------
    dict
        Metric name -> {"value", "low", "high"}, floats, NaN where not defined.
    """
    if not metrics:
        return {}
    parts = np.concatenate([metric.parts for metric in metrics.values()], axis=1)
    sums = clusters.sums(parts)
    totals = bootstrap.totals(sums)
    edges = np.cumsum([0, *(metric.parts.shape[1] for metric in metrics.values())])
    resampled = [
        metric.combine(totals[:, a:b])
        for metric, a, b in zip(metrics.values(), edges, edges[1:], strict=False)
    ]
    limits = interval(np.column_stack(resampled), level)
    values = np.array([metric.value() for metric in metrics.values()])
    taking_part = [int(sums[:, a:b].any(axis=1).sum()) for a, b in pairwise(edges)]
    scarce = value_limits(
        values, np.array([variance(column) for column in resampled]), np.array(taking_part), level
    )
    scarce[:, [not metric.bounded for metric in metrics.values()]] = np.nan
    return {
        name: {"value": float(value), "low": float(low), "high": float(high)}
        for name, value, low, high in zip(metrics, values, *joined(limits, scarce), strict=True)
    }
