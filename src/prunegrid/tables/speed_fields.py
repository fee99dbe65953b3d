"""Measured times of a row as text, for the columns that a printed table has where cells were measured."""

from collections.abc import Iterator, Sequence

import numpy as np

from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.row_compute import mean_ledger
from prunegrid.tables.speed import MOST_CLOCK_DRIFT

UNSTEADY = "¶"
_PREFILL, _TOKEN, _MEMORY, _SPEEDUP = "prefill, ms", "ms a token", "peak MB", "speed-up"
# Column -> what it is made of.
_COLUMNS = {
    _PREFILL: "prefill_ms",
    _TOKEN: "ms_per_token",
    _MEMORY: "peak_memory_mb",
    _SPEEDUP: "prefill_speedup",
}


def columns(table: Table) -> list[str]:
    """Return the names of the columns: those of which some row has a number."""
    return [
        column
        for column, name in _COLUMNS.items()
        if any(np.isfinite(mean_ledger(row, name)) for row in table.rows)
    ]


def texts(row: TableRow, names: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield per column the number, empty where there is none, the lines below it, and its mark.

    Parameters
    ----------
    row : TableRow
        Means over its measured benchmarks and seeds.
    names : sequence of str
        Some of `columns`.
    """
    for column in names:
        value = mean_ledger(row, _COLUMNS[column])
        if not np.isfinite(value):
            yield "", (), ""
        elif column == _SPEEDUP:
            flops = mean_ledger(row, "prefill_flops_speedup")
            yield f"{value:.2f}", (f"FLOPs {flops:.2f}",) if np.isfinite(flops) else (), _mark(row)
        elif column == _MEMORY:
            yield f"{value:.0f}", (), ""
        else:
            limits = [mean_ledger(row, f"{_COLUMNS[column]}_{quartile}") for quartile in ("q1", "q3")]
            yield _short(value), (f"{_short(limits[0])} to {_short(limits[1])}",), ""


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 1000 else f"{milliseconds:.0f}"


def _mark(row: TableRow) -> str:
    drift = [r.compute.get("clock_drift", np.nan) for r in row.results.values()]
    return UNSTEADY if any(value > MOST_CLOCK_DRIFT for value in drift) else ""


def notes(table: Table) -> Iterator[str]:
    """Yield the foot-notes of these columns; none where nothing was measured."""
    if not columns(table):
        return
    sizes = {int(size) for row in table.rows if np.isfinite(size := mean_ledger(row, "latency_batch_size"))}
    yield (
        f"Measured at batch size {', '.join(map(str, sorted(sizes)))}: medians of single passes, quartiles "
        "below, means over the row's measured benchmarks. Prefill: the prompt in the decoder with what the "
        "criterion computes, without the vision tower. Speed-up: the unpruned model's prefill over the "
        "row's; below it the same of FLOPs, of decoder and criterion. Times hold for the device that "
        "latency.parquet names."
    )
    if any(_mark(row) for row in table.rows):
        yield (
            f"{UNSTEADY} the device's clock moved by more than {100 * MOST_CLOCK_DRIFT:g} % while the row "
            "was measured."
        )
