"""Relative gap between a cell's measured total compute and that of the reference, for `match: tflops_total`.

Schedules are solved for a prompt of assumed length and in whole tokens; real prompts, and the answers that
were generated, cost what they cost.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from prunegrid.axis_names import TOTAL
from prunegrid.cost.equal_compute import MATCH_TOLERANCE
from prunegrid.tables.cells import ScoredCell
from prunegrid.tables.options import TableOptions

# Benchmark, ratio and a row's `match` -> total compute (1e12) of the reference cell, its mean over seeds.
Targets = Mapping[tuple[str, float, str], float]


def reference_totals(cells: Sequence[ScoredCell], options: TableOptions) -> Targets:
    """Return what rows at one ratio were to cost in total; empty where they were not to cost the same."""
    found: dict[tuple[str, float, str], list[float]] = {}
    wanted = (options.reference_strategy, options.reference_criterion, TOTAL)
    for cell in cells:
        own = cell.strategy, cell.criterion, options.matching(cell.match)
        if own == wanted and "tflops_total" in cell.numbers:
            place = cell.benchmark, cell.ratio, cell.match
            found.setdefault(place, []).append(cell.numbers["tflops_total"])
    return {place: float(np.mean(totals)) for place, totals in found.items()}


def total_gap(numbers: Mapping[str, float], target: float | None) -> float:
    """Return how much more a ledger's total is than the target, relative to it; NaN without either."""
    return numbers.get("tflops_total", np.nan) / target - 1 if target else np.nan


def is_off(gap: float) -> bool:
    """Return whether a gap is more than rows that cost the same may have; NaN is none."""
    return abs(gap) > MATCH_TOLERANCE


def gap_columns(targets: Targets, cell: ScoredCell) -> dict[str, float | bool | None]:
    """Return a cell's columns of cells.csv; empty fields for what has no target, none where nothing has."""
    if not targets:
        return {}
    gap = total_gap(cell.numbers, targets.get((cell.benchmark, cell.ratio, cell.match)))
    return {"total_gap": gap, "total_is_off": None if np.isnan(gap) else is_off(gap)}
