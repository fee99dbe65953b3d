"""Mark the best rows of a block, where it can be told which they are."""

from collections.abc import Callable, Sequence

import numpy as np

from prunegrid.tables.blocks import TableRow
from prunegrid.tables.cells import RowKey
from prunegrid.tables.difference import LEVEL, Difference

# Takes a row and others; returns the difference of each of these to it, None where they share no seed.
Against = Callable[[RowKey, Sequence[RowKey]], Sequence[Difference | None]]


def mark_best(rows: Sequence[TableRow], benchmark: str, against: Against) -> None:
    """Mark the best row of a block, or the group that cannot be told from it.

    The highest value competes with every other one. As it was chosen by its value, p is corrected for all
    pairs of the block (Bonferroni), under which no true tie is taken for a difference more often than in
    5 % of blocks. Anchors, degenerate rows and those that need an answer do not compete, nor do rows of
    errors only, which have no value.

    Parameters
    ----------
    rows : sequence of TableRow
        A block; `best` and `best_group` are filled.
    benchmark : str
    against : callable
        Compares rows on the benchmark.
    """
    rivals = [
        row
        for row in rows
        if benchmark in row.results
        and np.isfinite(row.results[benchmark].value)
        and not (row.anchor or row.degenerate or row.needs_answer or row.uses_label)
    ]
    if len(rivals) < 2:
        return
    top = max(rivals, key=lambda row: row.results[benchmark].value)
    others = [row for row in rivals if row is not top]
    pairs = len(rivals) * (len(rivals) - 1) // 2
    differences = against(top.key, [row.key for row in others])
    group = [
        row
        for row, difference in zip(others, differences, strict=True)
        if difference is None or not difference.p * pairs < LEVEL
    ]
    if not group:
        top.best.add(benchmark)
    for row in (top, *group):
        row.best_group.add(benchmark)
        # Where most tie, a mark says nothing.
        if group and 2 * (1 + len(group)) <= len(rivals):
            row.marked_group.add(benchmark)
