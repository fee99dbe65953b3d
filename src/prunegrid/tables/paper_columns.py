"""Columns of a table for a paper: those of a row, and those that each benchmark has."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.display import Field, difference_field, retained_field, value_field
from prunegrid.tables.paper_options import CHANGED, EFFECT, INTERACTED, KEPT, METRICS, TO_UNPRUNED, VALUE
from prunegrid.tables.row_compute import mean_ledger, share_of_unpruned
from prunegrid.tables.signs import BEST_GROUP, CHANGE, DASH, NO_LOSS, flops, plain, scaled

# Of `PaperOptions.metrics`: what stands over the column.
HEADINGS = dict(
    zip(METRICS, ("value", f"{CHANGE} none", f"{CHANGE} ref.", "interaction", "kept", "changed"), strict=True)
)


@dataclass(frozen=True)
class RowColumn:
    """A column of a row.

    Attributes
    ----------
    heading : str
        {unit} stands for the unit of FLOPs.
    csv : str
        Its name in CSV, which names its unit.
    number : callable
        Takes the table with all rows, and a row; returns its number, NaN where there is none.
    text : callable
        Takes the number, and the unit of FLOPs in 1e12; returns what is printed.
    """

    heading: str
    csv: str
    number: Callable[[Table, TableRow], float]
    text: Callable[[float, float], str]


def _ledger(name: str) -> Callable[[Table, TableRow], float]:
    return lambda _table, row: mean_ledger(row, name)


def _percent(name: str) -> Callable[[Table, TableRow], float]:
    return lambda table, row: 100 * share_of_unpruned(table, row, name)


def _digits(digits: int) -> Callable[[float, float], str]:
    return lambda number, _unit: plain(number, digits)


def _in_unit(number: float, unit: float) -> str:
    return flops(number / unit) if np.isfinite(number) else DASH


COLUMNS = {
    "removed": RowColumn("removed", "removed_share", _ledger("ratio_achieved"), _digits(3)),
    "tflops_published": RowColumn(
        "{unit} (published)", "tflops_published", _ledger("tflops_published"), _in_unit
    ),
    "tflops_total": RowColumn("{unit} (total)", "tflops_total", _ledger("tflops_total"), _in_unit),
    "tflops_published_percent": RowColumn(
        "FLOPs (published), %", "tflops_published_percent", _percent("tflops_published"), _digits(1)
    ),
    "tflops_total_percent": RowColumn(
        "FLOPs (total), %", "tflops_total_percent", _percent("tflops_total"), _digits(1)
    ),
    "prefill_ms": RowColumn("prefill, ms", "prefill_ms", _ledger("prefill_ms"), _digits(1)),
    "ms_per_token": RowColumn("ms a token", "ms_per_token", _ledger("ms_per_token"), _digits(1)),
    "peak_memory_mb": RowColumn("peak MB", "peak_memory_mb", _ledger("peak_memory_mb"), _digits(0)),
    "prefill_speedup": RowColumn("speed-up", "prefill_speedup", _ledger("prefill_speedup"), _digits(2)),
}


def metric_field(table: Table, row: TableRow, benchmark: str, metric: str, intervals: bool) -> Field:
    """Return one figure of a benchmark, with the marks of the full tables, and its interval if asked for.

    Parameters
    ----------
    table : Table
    row : TableRow
    benchmark : str
    metric : str
        One of `METRICS`.
    intervals : bool
    """
    if benchmark not in row.results:
        return Field(DASH)
    full = _full_field(table, row, benchmark, metric)
    shown = intervals and full.main != DASH
    return replace(full, below=full.below[:1] if shown else (), tip="")


def _full_field(table: Table, row: TableRow, benchmark: str, metric: str) -> Field:
    result = row.results[benchmark]
    cost, effect, interaction = table.contrasts
    if metric == VALUE:
        return value_field(result, benchmark in row.best, BEST_GROUP * (benchmark in row.marked_group))
    if metric == TO_UNPRUNED:
        return difference_field(table, row, benchmark, cost, NO_LOSS if result.non_inferior else "")
    if metric == EFFECT:
        reference = row.is_reference_of(effect)
        return Field("ref.") if reference else difference_field(table, row, benchmark, effect)
    if metric == INTERACTED:
        return difference_field(table, row, benchmark, interaction)
    if metric == KEPT:
        field = retained_field(result)
        return replace(field, main=field.main.removesuffix(" %"))
    assert metric == CHANGED
    value, low, high = changed(row, benchmark)
    return Field(scaled(value), (f"{scaled(low)} to {scaled(high)}",))


def changed(row: TableRow, benchmark: str) -> tuple[float, float, float]:
    """Return the share of answers that pruning changed, with its interval; NaN where none is compared."""
    numbers = row.results[benchmark].changes.numbers
    value, low, high = (numbers.get(f"agreement{end}", np.nan) for end in ("", "_low", "_high"))
    return 1 - value, 1 - high, 1 - low
