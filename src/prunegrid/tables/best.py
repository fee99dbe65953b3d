"""Mark the best rows of a block, where it can be told which they are."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from prunegrid.tables.blocks import Leaders, TableRow
from prunegrid.tables.cells import RowKey
from prunegrid.tables.difference import LEVEL, Difference

# Takes a row and others; returns the difference of each of these to it, None where they share no seed.
Against = Callable[[RowKey, Sequence[RowKey]], Sequence[Difference | None]]


def mark_best(
    rows: Sequence[TableRow], benchmark: str, against: Against, same: Mapping[RowKey, RowKey] | None = None
) -> Leaders | None:
    """Mark the best row of a block, or the group that cannot be told from it.

    The highest value competes with every other one. As it was chosen by its value, p is corrected for all
    pairs of the block (Bonferroni), under which no true tie is taken for a difference more often than in
    5 % of blocks. Anchors, degenerate rows and those that need an answer do not compete, nor do rows of
    errors only, which have no value, and rows of another criterion than the block's. Rows that are one
    computation compete as one, and are marked alike.

    Parameters
    ----------
    rows : sequence of TableRow
        A block; `best` and `best_group` are filled.
    benchmark : str
    against : callable
        Compares rows on the benchmark.
    same : mapping, optional
        Row -> the first row that is the same computation.

    Returns
    -------
    Leaders or None
        What the marks rest on; None where fewer than two compete.
    """
    ranked = [
        row
        for row in rows
        if benchmark in row.results
        and np.isfinite(row.results[benchmark].value)
        and not (row.anchor or row.guest or row.degenerate or row.needs_answer or row.uses_label)
    ]
    computed: dict[RowKey, list[TableRow]] = {}
    for row in ranked:
        computed.setdefault((same or {}).get(row.key, row.key), []).append(row)
    rivals = [twins[0] for twins in computed.values()]
    if len(rivals) < 2:
        return None
    twins_of = {twins[0].key: twins for twins in computed.values()}
    top = max(rivals, key=lambda row: row.results[benchmark].value)
    others = sorted((row for row in rivals if row is not top), key=lambda row: -row.results[benchmark].value)
    pairs = len(rivals) * (len(rivals) - 1) // 2
    differences = against(top.key, [row.key for row in others])
    group = [
        row
        for row, difference in zip(others, differences, strict=True)
        if difference is None or not difference.p * pairs < LEVEL
    ]
    # Where most tie, a mark says nothing.
    is_marked = bool(group) and 2 * (1 + len(group)) <= len(rivals)
    for row in (twin for one in (top, *group) for twin in twins_of[one.key]):
        row.best_group.add(benchmark)
        if not group:
            row.best.add(benchmark)
        if is_marked:
            row.marked_group.add(benchmark)
    found = dict(zip((row.key for row in others), differences, strict=True))
    return Leaders(top.key, len(rivals), pairs, found, [row.key for row in group])
