"""The last lines of a run: which cells are done, what was found, where the page is, what to ask next."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from prunegrid.files import read_object
from prunegrid.study.plan import Plan
from prunegrid.study.status import status, summary

# Of what was found a run tells so many lines of so many characters; findings.md has all.
LINES = 3
WIDTH = 160


def last_lines(
    plan: Plan,
    page: str | Path | None,
    ask: str,
    findings: Sequence[str | Path] = (),
    flows: Sequence[str | Path] = (),
    *,
    failed: bool = False,
) -> list[str]:
    """Return them.

    Parameters
    ----------
    plan : Plan
        Of the study.
    page : path or None
        The page, where the run was to write one.
    ask : str
        The command that tells what is missing.
    findings : sequence of path
        findings.json of each model, as `findings.write_findings` writes it; read where there is a page.
    flows : sequence of path
        flow.json of each model whose flows were asked for, as `report.flow_figure.plot_flow` writes it.
    failed : bool
        Whether the run failed: page, findings and suggestions may then be of an older one, and are not told.
    """
    cells = status(plan)
    lines = summary(cells, len(plan.grid.unreachable)).splitlines()
    if not failed:
        if page is not None and Path(page).is_file():
            lines += _found([Path(file) for file in findings if Path(file).is_file()])
            lines.append(f"page: {page}")
        lines += [line for file in map(Path, flows) if file.is_file() for line in _suggested(file)]
    if any(cell.missing for cell in cells):
        lines.append(f"what is missing, and why: {ask}")
    return lines


def _suggested(file: Path) -> list[str]:
    """Return which layers flows of attention suggest for two cuts, and where the reasons are."""
    content = read_object(file)
    lines = [f"{content.get('model')}: flows of attention: {content.get('sentence')}"]
    return [*lines, f"flows of attention: {file.with_suffix('.svg')}, reasons: {file}"]


def _found(files: Sequence[Path]) -> list[str]:
    """Return the first statements, which are the most important ones, and where all of them are."""
    lines = []
    for file in files:
        content = read_object(file)
        whose = f"{content.get('model')}: " if len(files) > 1 else ""
        for one in content.get("statements", [])[: max(1, LINES // len(files))]:
            lines.append(
                textwrap.shorten(f"{whose}{one['topic']}: {one['sentence']}", WIDTH, placeholder=" ...")
            )
    return [*lines[:LINES], *(f"findings: {file.with_suffix('.md')}" for file in files)]
