"""Strategies averaged over criteria, and criteria over strategies: average performance kept, as papers end.

What is averaged is score / unpruned score, over ratios and over the rows of the other axis that every
compared strategy (or criterion) ran, so that all have the same company; then over benchmarks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from prunegrid.axis_names import NO_CRITERION
from prunegrid.statistics.score_interval import score_limits
from prunegrid.statistics.testing import holm, sign_flip
from prunegrid.statistics.two_way import TwoWay
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.kept import Group, Kept
from prunegrid.tables.options import TableOptions

AXES = ("strategy", "criterion")


@dataclass
class _Mean:
    """Mean of benchmarks of a group's share, or of a difference of two groups.

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


@dataclass
class MainEffect:
    """A strategy or a criterion, averaged over all else.

    Attributes
    ----------
    axis, name : str
    match : str
        What is equal at the ratios that it is averaged over, in a study of several matchings; else empty.
    value, low, high : float
        Share of the unpruned score that is kept, with its 95 % interval over images, and seeds if drawn.
    difference, difference_low, difference_high : float
        To the reference strategy, or criterion; NaN for itself, and where it was not run.
    p, p_holm : float
        That there is no difference: sign flips over images, and the larger of that and the p over images and
        seeds where something is drawn; corrected over the axis.
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
    match: str = ""
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
        row counts where every benchmark has it. Of several matchings each is averaged for itself.
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
    for axis, match in product(AXES, dict.fromkeys(row.match for row in rows)):
        # Name on the axis -> name on the other one and ratio -> row.
        company: dict[str, dict[tuple[str, float], RowKey]] = {}
        for row in (row for row in rows if row.match == match):
            if axis == "criterion":
                company.setdefault(row.criterion, {})[row.strategy, row.ratio] = row
            elif not needs[row.criterion]:
                company.setdefault(row.strategy, {})[row.criterion, row.ratio] = row
        common = set.intersection(*(set(own) for own in company.values())) if company else set()
        if len(company) > 1 and common:
            for name, own in company.items():
                found[Group(axis, name, match)] = [row for place, row in own.items() if place in common]
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
    effects = []
    for group in rows:
        axis, name, match = group
        mine = [found[group] for found in kept.values()]
        mean = _over_benchmarks(mine, options.seed)
        low, high = _limits(mean)
        labelled = axis == "criterion" and name in needs_answer
        effect = MainEffect(
            axis, name, mean.value, low, high, len(rows[group]), len(mean.by_seed), labelled, match
        )
        reference = options.reference_strategy if axis == "strategy" else options.reference_criterion
        compared = Group(axis, reference, match)
        if compared in rows and name != reference:
            others = [found[compared] for found in kept.values()]
            _compare(effect, [one.minus(other) for one, other in zip(mine, others, strict=True)], options)
        effects.append(effect)
    for axis in AXES:
        own = [effect for effect in effects if effect.axis == axis]
        for effect, corrected in zip(own, holm(np.array([effect.p for effect in own])), strict=True):
            effect.p_holm = float(corrected)
    return effects


def _compare(effect: MainEffect, differences: Sequence[Kept], options: TableOptions) -> None:
    """Let an effect have a difference to the reference, given by benchmark."""
    difference = _over_benchmarks(differences, options.seed)
    effect.difference = difference.value
    effect.difference_low, effect.difference_high = _limits(difference)
    if len(difference.by_seed) == 1 or np.isnan(difference.value):
        return
    effect.p = float(sign_flip(difference.parts[:, None], options.replicates, options.seed)[0])
    if difference.by_seed:
        effect.p = max(effect.p, _both(difference).p)


def _over_benchmarks(kept: Sequence[Kept], seed: int) -> _Mean:
    """Return the mean of benchmarks, whose images have nothing to do with each other."""
    resampled = np.zeros_like(kept[0].resampled)
    for number, one in enumerate(kept):
        # Benchmarks of as many images share their resamples, and must not move together.
        order = np.random.default_rng([seed, number]).permutation(len(resampled))
        resampled += one.resampled[order] / len(kept)
    seeds = set.intersection(*(set(one.by_seed) for one in kept))
    reach = [_reach(one) for one in kept]
    return _Mean(
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


def _both(mean: _Mean) -> TwoWay:
    of_seeds = float(np.var([*mean.by_seed.values()], ddof=1)) / len(mean.by_seed)
    images = max(mean.images, 2)
    return TwoWay(mean.value, of_seeds, float(np.nanvar(mean.resampled)), len(mean.by_seed), images)


def _limits(mean: _Mean) -> tuple[float, float]:
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
