"""The last lines of a run: which cells are done, where the page is, and how to ask for what is missing."""

from pathlib import Path

from prunegrid.study.plan import Plan
from prunegrid.study.status import status, summary


def last_lines(plan: Plan, page: str | Path | None, ask: str) -> list[str]:
    """Return them. What a study has found belongs before the page's line: this is the place for it.

    Parameters
    ----------
    plan : Plan
        Of the study.
    page : path or None
        The page, where the run was to write one.
    ask : str
        The command that tells what is missing.
    """
    cells = status(plan)
    lines = summary(cells, len(plan.grid.unreachable)).splitlines()
    if page is not None and Path(page).is_file():
        lines.append(f"page: {page}")
    if any(cell.missing for cell in cells):
        lines.append(f"what is missing, and why: {ask}")
    return lines
