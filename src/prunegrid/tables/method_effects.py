"""What each method keeps on average, as papers' tables end: with intervals and paired differences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prunegrid.axis_names import NO_CRITERION, REVERSED
from prunegrid.statistics.testing import holm
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.kept import Group, Kept
from prunegrid.tables.kept_mean import KeptDifference, compared, limits, over_benchmarks
from prunegrid.tables.options import TableOptions

AXIS = "method"
# What a method's average is compared with: the reference method, and the method upside down.
REFERENCE, UPSIDE_DOWN = "reference", "reversed"


@dataclass
class MethodEffect:
    """A method at one budget, averaged over benchmarks.

    Attributes
    ----------
    key : RowKey
    value, low, high : float
        Share of the unpruned score that is kept, with its 95 % interval over images, and seeds if drawn.
    differences : dict
        REFERENCE and UPSIDE_DOWN -> difference to that one at the same budget; missing where it was not run,
        or is the same row.
    p_holm : dict
        The same -> p after Holm over all methods and budgets.
    """

    key: RowKey
    value: float
    low: float
    high: float
    differences: dict[str, KeptDifference] = field(default_factory=dict)
    p_holm: dict[str, float] = field(default_factory=dict)


def method_rows(cells: Iterable[ScoredCell], options: TableOptions) -> dict[Group, list[RowKey]]:
    """Return a group for each method and budget that every benchmark has."""
    benchmarks: dict[RowKey, set[str]] = {}
    everywhere = set()
    for cell in cells:
        everywhere.add(cell.benchmark)
        if cell.strategy in options.methods and cell.ratio > 0:
            benchmarks.setdefault(cell.row, set()).add(cell.benchmark)
    return {_group(row): [row] for row, where in benchmarks.items() if where == everywhere}


def _group(row: RowKey) -> Group:
    return Group(AXIS, "/".join((row.strategy, row.criterion)), row.match, row.ratio)


def method_effects(
    kept: Mapping[str, Mapping[Group, Kept]],
    rows: Mapping[Group, Sequence[RowKey]],
    options: TableOptions,
) -> dict[RowKey, MethodEffect]:
    """Average over benchmarks, and compare at the same budget.

    Parameters
    ----------
    kept : mapping
        Benchmark -> group -> Kept.
    rows : mapping
        See `method_rows`.
    options : TableOptions
        Names the reference method.
    """
    keys = [own[0] for group, own in rows.items() if group.axis == AXIS]
    if not kept:
        return {}
    effects = {}
    for key in keys:
        mine = [found[_group(key)] for found in kept.values()]
        mean = over_benchmarks(mine, options.seed)
        effect = effects[key] = MethodEffect(key, mean.value, *limits(mean))
        for kind, other in _others(key, options).items():
            if other in keys and other != key:
                beside = [found[_group(other)] for found in kept.values()]
                differences = [one.minus(two) for one, two in zip(mine, beside, strict=True)]
                effect.differences[kind] = compared(differences, options)
    for kind in (REFERENCE, UPSIDE_DOWN):
        tested = [effect for effect in effects.values() if kind in effect.differences]
        corrected = holm(np.array([effect.differences[kind].p for effect in tested], dtype=float))
        for effect, p in zip(tested, corrected, strict=True):
            effect.p_holm[kind] = float(p)
    return effects


def _others(key: RowKey, options: TableOptions) -> dict[str, RowKey]:
    """Return what a row is compared with; a reversed one with nothing: its method is, with it."""
    if key.criterion == f"{key.strategy}{REVERSED}":
        return {}
    reference = options.reference_method
    criterion = options.methods.get(reference, {}).get("criterion")
    found = {REFERENCE: key._replace(strategy=reference, criterion=reference if criterion else NO_CRITERION)}
    if key.criterion != NO_CRITERION:
        found[UPSIDE_DOWN] = key._replace(criterion=f"{key.strategy}{REVERSED}")
    return found
