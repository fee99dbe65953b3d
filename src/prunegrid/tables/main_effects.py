"""Strategies averaged over criteria, and criteria over strategies: average performance kept, as papers end.

What is averaged is score / unpruned score, over ratios and over the rows of the other axis that every
compared strategy (or criterion) ran, so that all have the same company; then over benchmarks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prunegrid.axis_names import NO_CRITERION
from prunegrid.statistics.testing import holm
from prunegrid.statistics.two_way import TwoWay
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.options import TableOptions

AXES = ("strategy", "criterion")
# Axis, and a name on it.
Group = tuple[str, str]


@dataclass
class Kept:
    """Share of the unpruned score that a group keeps, on one benchmark or on the mean of several.

    Attributes
    ----------
    value : float
    resampled : ndarray of float64, shape (replicates,)
        In each resample of images.
    by_seed : dict
        Seed -> value with the draws of that seed; empty where nothing is drawn.
    images : int
    """

    value: float
    resampled: np.ndarray
    by_seed: dict[int, float] = field(default_factory=dict)
    images: int = 0


@dataclass
class MainEffect:
    """A strategy or a criterion, averaged over all else.

    Attributes
    ----------
    axis, name : str
    value, low, high : float
        Share of the unpruned score that is kept, with its 95 % interval over images, and seeds if drawn.
    difference, difference_low, difference_high : float
        To the reference strategy, or criterion; NaN for itself, and where it was not run.
    p, p_holm : float
        That there is no difference; corrected over the axis.
    n_rows, n_draws : int
        Rows of the tables behind it, per benchmark; seeds, 0 where nothing is drawn.
    needs_answer : bool
    """

    axis: str
    name: str
    value: float
    low: float
    high: float
    n_rows: int
    n_draws: int
    needs_answer: bool
    difference: float = np.nan
    difference_low: float = np.nan
    difference_high: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan


def members(cells: Iterable[ScoredCell]) -> dict[Group, list[RowKey]]:
    """Return the rows that each strategy and each criterion is averaged over, the same for all of an axis.

    Parameters
    ----------
    cells : iterable of ScoredCell
        All cells of one model. Rows without a criterion, and those chosen by gold answers, take no part;
        a criterion that needs the unpruned answer is averaged over strategies, but no strategy over it. A
        row counts where every benchmark has it.
    """
    benchmarks: dict[RowKey, set[str]] = {}
    needs: dict[str, bool] = {}
    everywhere = set()
    for cell in cells:
        everywhere.add(cell.benchmark)
        if cell.criterion != NO_CRITERION and cell.ratio > 0 and not cell.uses_label:
            benchmarks.setdefault(cell.row, set()).add(cell.benchmark)
            needs[cell.criterion] = cell.needs_answer
    rows = [row for row, where in benchmarks.items() if where == everywhere]
    found: dict[Group, list[RowKey]] = {}
    for axis in AXES:
        # Name on the axis -> name on the other one and ratio -> row.
        company: dict[str, dict[tuple[str, float], RowKey]] = {}
        for row in rows:
            strategy, criterion, ratio = row
            if axis == "criterion":
                company.setdefault(criterion, {})[strategy, ratio] = row
            elif not needs[criterion]:
                company.setdefault(strategy, {})[criterion, ratio] = row
        common = set.intersection(*(set(own) for own in company.values())) if company else set()
        if len(company) > 1 and common:
            for name, own in company.items():
                found[axis, name] = [row for place, row in own.items() if place in common]
    return found


def main_effects(
    kept: Mapping[str, Mapping[Group, Kept]],
    rows: Mapping[Group, Sequence[RowKey]],
    options: TableOptions,
    needs_answer: Iterable[str],
) -> list[MainEffect]:
    """Average over benchmarks, and compare with the reference.

    Parameters
    ----------
    kept : mapping
        Benchmark -> group -> Kept.
    rows : mapping
        See `members`.
    options : TableOptions
        Names the references.
    needs_answer : iterable of str
        Criteria that need the unpruned answer.
    """
    if not kept:
        return []
    means = {
        group: _over_benchmarks([found[group] for found in kept.values()], options.seed) for group in rows
    }
    effects = []
    for (axis, name), mean in means.items():
        low, high = _limits(mean)
        labelled = axis == "criterion" and name in needs_answer
        effect = MainEffect(
            axis, name, mean.value, low, high, len(rows[axis, name]), len(mean.by_seed), labelled
        )
        wanted = options.reference_strategy if axis == "strategy" else options.reference_criterion
        reference = means.get((axis, wanted))
        if reference is not None and name != wanted:
            difference = _minus(mean, reference)
            effect.difference = difference.value
            effect.difference_low, effect.difference_high = _limits(difference)
            if len(difference.by_seed) != 1 and np.isfinite(difference.value):
                effect.p = _both(difference).p
        effects.append(effect)
    for axis in AXES:
        own = [effect for effect in effects if effect.axis == axis]
        for effect, corrected in zip(own, holm(np.array([effect.p for effect in own])), strict=True):
            effect.p_holm = float(corrected)
    return effects


def _over_benchmarks(kept: Sequence[Kept], seed: int) -> Kept:
    """Return the mean of benchmarks, whose images have nothing to do with each other."""
    resampled = np.zeros_like(kept[0].resampled)
    for number, one in enumerate(kept):
        # Benchmarks of as many images share their resamples, and must not move together.
        order = np.random.default_rng([seed, number]).permutation(len(resampled))
        resampled += one.resampled[order] / len(kept)
    seeds = set.intersection(*(set(one.by_seed) for one in kept))
    return Kept(
        float(np.mean([one.value for one in kept])),
        resampled,
        {seed: float(np.mean([one.by_seed[seed] for one in kept])) for seed in sorted(seeds)},
        min(one.images for one in kept),
    )


def _minus(mine: Kept, theirs: Kept) -> Kept:
    """Return the difference of two groups on the same resamples, and seeds where both are drawn."""
    seeds = set(mine.by_seed or theirs.by_seed) & set(theirs.by_seed or mine.by_seed)
    by_seed = {
        seed: mine.by_seed.get(seed, mine.value) - theirs.by_seed.get(seed, theirs.value)
        for seed in sorted(seeds)
    }
    return Kept(mine.value - theirs.value, mine.resampled - theirs.resampled, by_seed, mine.images)


def _both(kept: Kept) -> TwoWay:
    seeds = len(kept.by_seed)
    of_seeds = float(np.var([*kept.by_seed.values()], ddof=1)) / seeds if seeds > 1 else 0.0
    return TwoWay(kept.value, of_seeds, float(np.nanvar(kept.resampled)), max(seeds, 2), max(kept.images, 2))


def _limits(kept: Kept) -> tuple[float, float]:
    if np.isnan(kept.value):
        # Some row is of errors only.
        return np.nan, np.nan
    if len(kept.by_seed) > 1:
        half = _both(kept).half_width()
        return kept.value - half, kept.value + half
    low, high = np.nanquantile(kept.resampled, [0.025, 0.975])
    return float(low), float(high)
