"""Compute of a row over its benchmarks, and its share of what the unpruned model needs for the same ones."""

import numpy as np

from prunegrid.axis_names import BASELINE
from prunegrid.tables.blocks import Table, TableRow


def mean_ledger(row: TableRow, name: str) -> float:
    """Return a ledger's mean over the row's benchmarks that have one; NaN if none has."""
    values = [row.results[benchmark].compute[name] for benchmark in _known(row, name)]
    return float(np.mean(values)) if values else np.nan


def share_of_unpruned(table: Table, row: TableRow, name: str) -> float:
    """Return a ledger's mean over that of the unpruned model, both over the benchmarks that both have."""
    whole = next((other for other in table.rows if other.strategy_type == BASELINE), None)
    if whole is None:
        return np.nan
    both = [b for b in _known(row, name) if b in _known(whole, name)]
    mine, theirs = (sum(r.results[b].compute[name] for b in both) for r in (row, whole))
    return mine / theirs if theirs else np.nan


def _known(row: TableRow, name: str) -> list[str]:
    return [b for b, result in row.results.items() if np.isfinite(result.compute.get(name, np.nan))]
