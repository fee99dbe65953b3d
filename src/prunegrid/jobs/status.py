"""The job of the rule `status`. Imports no torch."""

import logging

from prunegrid.study import status
from prunegrid.study.plan import Plan

_LOG = logging.getLogger(__name__)


def print_status(plan: Plan) -> None:
    """Print which cells are missing, and why."""
    cells = status.status(plan)
    print(status.as_text(cells, plan), flush=True)
    _LOG.info(f"{len(cells)} cells")
