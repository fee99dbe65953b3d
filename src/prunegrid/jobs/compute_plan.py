"""The job of the rule `compute_plan`."""

import logging
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.study import compute_plan, forecast, method_budgets
from prunegrid.study.plan import Plan

_LOG = logging.getLogger(__name__)


def print_compute_plan(plan: Plan, table: str | Path) -> None:
    """Print the ledger of every cell, and the hours that predicting takes; write both to CSV files."""
    rows = compute_plan.compute_plan(plan)
    write_text(table, rows.to_csv(index=False))
    print(compute_plan.as_text(rows, plan.grid.unreachable, plan.grid.n_excluded), flush=True)
    budgets = method_budgets.method_budgets(plan, rows)
    if len(budgets):
        write_text(Path(table).with_name("method_budgets.csv"), budgets.to_csv(index=False))
        print(f"\n{method_budgets.as_text(budgets)}", flush=True)
    hours = forecast.forecast(plan, rows)
    write_text(Path(table).with_name("forecast.csv"), hours.to_csv(index=False))
    print(f"\n{forecast.as_text(hours)}", flush=True)
    _LOG.info(f"{len(rows)} cells in {table}; {hours['hours'].sum():.3g} hours")
