"""The job of the rule `compute_plan`."""

import logging
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.study import compute_plan
from prunegrid.study.plan import Plan

_LOG = logging.getLogger(__name__)


def print_compute_plan(plan: Plan, table: str | Path) -> None:
    """Print schedule and ledger of every cell, and write them to a CSV file."""
    rows = compute_plan.compute_plan(plan)
    write_text(table, rows.to_csv(index=False))
    print(compute_plan.as_text(rows, plan.grid.unreachable), flush=True)
    _LOG.info(f"{len(rows)} cells in {table}")
