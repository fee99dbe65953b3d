"""Shares of the unpruned score that groups of rows keep on a benchmark, collected row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from prunegrid.statistics.clusters import Clusters
from prunegrid.tables.aligned_scores import RowScores
from prunegrid.tables.cells import RowKey
from prunegrid.tables.difference import Resampled

# Of a row that no seed changes.
_ANY_SEED = -1


class Group(NamedTuple):
    """Rows of one strategy or criterion, or the one of a method.

    Attributes
    ----------
    axis, name : str
        strategy, criterion or method, and which.
    match : str
        See `RowKey`.
    ratio : float
        Of a method's row; others are averaged over ratios.
    """

    axis: str
    name: str
    match: str = ""
    ratio: float = 0.0


@dataclass
class Kept:
    """Share of the unpruned score that a group keeps on one benchmark, or the difference of two such shares.

    Attributes
    ----------
    value : float
    resampled : ndarray of float64, shape (replicates,)
        In each resample of images.
    sums, counts : ndarray of float64, shape (images,)
        By image, the sum over its samples of what they add to the share, less what the unpruned model's do;
        and how many samples were compared.
    whole : float
        The most that one answer adds.
    by_seed : dict
        Seed -> value with the draws of that seed; empty where nothing is drawn.
    """

    value: float
    resampled: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    whole: float
    by_seed: dict[int, float] = field(default_factory=dict)

    def minus(self, other: "Kept") -> "Kept":
        """Return the difference to another group, on the same resamples, and seeds where both are drawn."""
        seeds = set(self.by_seed or other.by_seed) & set(other.by_seed or self.by_seed)
        return Kept(
            self.value - other.value,
            self.resampled - other.resampled,
            self.sums - other.sums,
            (self.counts + other.counts) / 2,
            self.whole,
            {s: self.by_seed.get(s, self.value) - other.by_seed.get(s, other.value) for s in sorted(seeds)},
        )


class KeptShares:
    """Collects the groups' shares.

    Parameters
    ----------
    groups : mapping
        Group -> the rows that it is the mean of.
    clusters : Clusters
        Samples by image.
    none : RowScores
        The unpruned model, whose score is above 0.
    resampled : Resampled
        The same in every resample, as the only column.
    bounded : bool
        Whether one answer adds at most 1 to the score; else at most the unpruned mean.
    """

    def __init__(
        self,
        groups: Mapping[Group, Sequence[RowKey]],
        clusters: Clusters,
        none: RowScores,
        resampled: Resampled,
        bounded: bool,
    ) -> None:
        self.kept: dict[Group, Kept] = {}
        self._by_seed: dict[Group, list[dict[int, float]]] = {}
        self._groups, self._clusters = groups, clusters
        self._none, self._resampled = none, resampled.means[:, 0]
        self._score = float(resampled.value[0])
        self._whole = 1 / self._score if bounded else 1.0

    def add(
        self, key: RowKey, row: RowScores, value: float, means: np.ndarray, only_seed: int | None = None
    ) -> None:
        """Add a row to the groups that it is of.

        Parameters
        ----------
        key : RowKey
        row : RowScores
        value : float
            Its score.
        means : ndarray of float64, shape (replicates,)
            The same in each resample.
        only_seed : int, optional
            Of a row that was drawn once.
        """
        groups = [group for group, members in self._groups.items() if key in members]
        if not groups:
            return
        change = (row.score - self._none.score) / self._score
        known = ~np.isnan(change)
        sums, counts = self._clusters.sums(np.column_stack([np.where(known, change, 0.0), known])).T
        with np.errstate(divide="ignore", invalid="ignore"):
            resampled = means / self._resampled
        share = value / self._score
        by_seed = {
            seed: float(score[~np.isnan(score)].mean()) / self._score
            for seed, score in row.by_seed.items()
            if not np.isnan(score).all()
        }
        for group in groups:
            n = len(self._groups[group])
            nothing = Kept(
                0.0, np.zeros_like(resampled), np.zeros_like(sums), np.zeros_like(counts), self._whole
            )
            kept = self.kept.setdefault(group, nothing)
            kept.value += share / n
            kept.resampled += resampled / n
            kept.sums += sums / n
            kept.counts += counts / n
            rows = self._by_seed.setdefault(group, [])
            rows.append(by_seed or {_ANY_SEED if only_seed is None else only_seed: share})
            kept.by_seed = _means_by_seed(rows)


def _means_by_seed(rows: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Return the mean of rows with each seed that all drawn ones have; empty where nothing is drawn."""
    drawn = [set(row) for row in rows if _ANY_SEED not in row]
    seeds = sorted(set.intersection(*drawn)) if drawn else []
    return {
        seed: float(np.mean([row.get(seed, row.get(_ANY_SEED, np.nan)) for row in rows])) for seed in seeds
    }
