"""Strategies averaged over criteria, and criteria over strategies: average performance kept, as papers end.

What is averaged is score / unpruned score, over ratios and over the rows of the other axis that every
compared strategy (or criterion) ran, so that all have the same company; then over benchmarks.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from prunegrid.axis_names import NO_CRITERION
from prunegrid.statistics.testing import holm
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.kept import Group, Kept
from prunegrid.tables.kept_mean import compared, limits, over_benchmarks
from prunegrid.tables.options import TableOptions

AXES = ("strategy", "criterion")
_OTHER = {"strategy": ("criterion", "criteria"), "criterion": ("strategy", "strategies")}
# So many names are listed; of more it is told how many there are.
_LISTED = 4


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
    company : tuple of str
        Names on the other axis that it is averaged over.
    ratios : tuple of float
    benchmarks : tuple of str
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
    company: tuple[str, ...] = ()
    ratios: tuple[float, ...] = ()
    benchmarks: tuple[str, ...] = ()


def averaged_over(effect: MainEffect) -> list[str]:
    """Return what an average is over, by name where few: `criterion attention`, `ratios 0.5 and 0.7`.

    The names on the other axis come first, then the ratios.
    """
    one, many = _OTHER[effect.axis]
    return [
        _listed(one, many, effect.company),
        _listed("ratio", "ratios", [f"{ratio:g}" for ratio in effect.ratios]),
    ]


def _listed(one: str, many: str, names: Sequence[str]) -> str:
    if len(names) > _LISTED:
        return f"{len(names)} {many}"
    joined = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    return f"{one if len(names) == 1 else many} {joined}"


def members(cells: Iterable[ScoredCell], methods: Container[str] = ()) -> dict[Group, list[RowKey]]:
    """Return the rows that each strategy and each criterion is averaged over, the same for all of an axis.

    Parameters
    ----------
    cells : iterable of ScoredCell
        All cells of one model. Rows without a criterion, and those chosen by gold answers, take no part;
        a criterion that needs the unpruned answer is averaged over strategies, but no strategy over it. A
        row counts where every benchmark has it. Of several matchings each is averaged for itself.
    methods : container of str
        Strategies that are methods, and in none of these averages; see `method_effects`.
    """
    benchmarks: dict[RowKey, set[str]] = {}
    needs: dict[str, bool] = {}
    everywhere = set()
    for cell in cells:
        everywhere.add(cell.benchmark)
        if cell.strategy in methods:
            continue
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
    for group in (group for group in rows if group.axis in AXES):
        axis, name, match, _ = group
        mine = [found[group] for found in kept.values()]
        mean = over_benchmarks(mine, options.seed)
        low, high = limits(mean)
        labelled = axis == "criterion" and name in needs_answer
        averaged = rows[group]
        company = [key.criterion if axis == "strategy" else key.strategy for key in averaged]
        effect = MainEffect(
            axis,
            name,
            mean.value,
            low,
            high,
            len(averaged),
            len(mean.by_seed),
            labelled,
            match,
            company=tuple(dict.fromkeys(company)),
            ratios=tuple(sorted({key.ratio for key in averaged})),
            benchmarks=tuple(kept),
        )
        reference = options.reference_strategy if axis == "strategy" else options.reference_criterion
        beside = Group(axis, reference, match)
        if beside in rows and name != reference:
            others = [found[beside] for found in kept.values()]
            differences = [one.minus(other) for one, other in zip(mine, others, strict=True)]
            difference = compared(differences, options)
            effect.difference, effect.p = difference.value, difference.p
            effect.difference_low, effect.difference_high = difference.low, difference.high
        effects.append(effect)
    for axis in AXES:
        own = [effect for effect in effects if effect.axis == axis]
        for effect, corrected in zip(own, holm(np.array([effect.p for effect in own])), strict=True):
            effect.p_holm = float(corrected)
    return effects
