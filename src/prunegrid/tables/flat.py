"""Write a table as CSV: full precision, every statistic, natural units, one line per row of the table."""

import numpy as np
import pandas as pd

from prunegrid.tables import changes
from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.compare import Result
from prunegrid.tables.compute_gap import is_off
from prunegrid.tables.difference import LEVEL, Difference
from prunegrid.tables.row_compute import mean_ledger, share_of_unpruned

# Means over different benchmarks do not compare; shares do.
_SHARED = ("tflops_published", "tflops_total")


def render(table: Table) -> str:
    """Return the table as CSV; an empty field means that there is no such number."""
    rows = [flat_row(table, block.heading, row) for block in table.blocks for row in block.rows]
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def flat_row(table: Table, heading: str, row: TableRow) -> dict[str, object]:
    """Return the columns of a row; an empty one means that there is no such number."""
    results = list(row.results.values())
    flat: dict[str, object] = {
        "block": heading,
        "strategy": row.key.strategy,
        "strategy_type": row.strategy_type,
        "criterion": row.key.criterion,
        "ratio": row.key.ratio,
        **({"match": row.key.match} if table.options.several_matchings else {}),
        "n_seeds": max((len(result.seeds) for result in results), default=0),
        "needs_answer": row.needs_answer,
        "uses_label": row.uses_label,
        "degenerate": row.degenerate,
        "reference": row.reference,
        "unreachable": row.unreachable or "",
    }
    names = dict.fromkeys(name for result in results for name in result.compute)
    flat |= {name: mean_ledger(row, name) for name in names}
    if results:
        flat |= {f"{name}_share": share_of_unpruned(table, row, name) for name in _SHARED}
    for benchmark, result in row.results.items():
        flat |= {f"{benchmark}_{name}": value for name, value in _result(result).items()}
        flat[f"{benchmark}_best"] = benchmark in row.best
        flat[f"{benchmark}_best_group"] = benchmark in row.best_group
        flat[f"{benchmark}_budget_missed"] = benchmark in row.missed_budget
        for kind in table.contrasts:
            difference = result.contrasts.get(kind)
            corrected = table.corrected.get((row.key, benchmark, kind), np.nan)
            few = difference is not None and table.too_few_draws(row, benchmark, kind)
            columns = _difference(difference, corrected, table.families[kind], few)
            flat |= {f"{benchmark}_{kind}{name}": value for name, value in columns.items()}
    return flat


def _result(result: Result) -> dict[str, object]:
    flat: dict[str, object] = {
        "metric": result.metric,
        "variant": result.variant,
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "n": result.n,
        "n_error": result.n_error,
        "n_images": result.n_images,
        "agreement": result.agreement,
        "non_inferior": result.non_inferior,
        "tflops_total": result.compute.get("tflops_total"),
    }
    flat |= {name: result.changes.numbers.get(name) for name in changes.COLUMNS}
    if np.isfinite(result.total_gap):
        flat |= {"total_gap": result.total_gap, "total_is_off": is_off(result.total_gap)}
    if len(result.seeds) > 1 and (known := result.answered):
        flat |= {"seed_sd": result.spread, "seed_low": min(known), "seed_high": max(known)}
    if result.retained is not None:
        flat |= dict(zip(("retained", "retained_low", "retained_high"), result.retained, strict=True))
    return flat


def _difference(
    difference: Difference | None, corrected: float, family: int, too_few: bool
) -> dict[str, object]:
    """Return the columns of a contrast, empty ones where there is none: no study lacks a column."""
    nothing = Difference(np.nan, np.nan, np.nan, np.nan, np.nan)
    found = nothing if difference is None else difference
    return {
        "": found.value,
        "_low": found.low,
        "_high": found.high,
        "_p": found.p,
        "_p_holm": corrected,
        "_p_mcnemar": found.p_mcnemar,
        "_detectable": found.detectable(LEVEL / family) if family else np.nan,
        "_draws": None if difference is None else found.n_draws,
        "_worst_draw": found.worst,
        "_best_draw": found.best,
        "_p_given_draws": found.p_given_draws,
        "_too_few_draws": None if difference is None else too_few,
    }
