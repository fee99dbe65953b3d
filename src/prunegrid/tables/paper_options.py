"""What a table for a paper shows: the section `paper` of the configuration's `tables`."""

from collections.abc import Sequence
from dataclasses import dataclass

# Per benchmark. The schema and docs/interface.md list the same names.
VALUE, TO_UNPRUNED, EFFECT, INTERACTED, KEPT, CHANGED = (
    "value",
    "to_unpruned",
    "to_reference",
    "interaction",
    "gain_kept",
    "answers_changed",
)
METRICS = (VALUE, TO_UNPRUNED, EFFECT, INTERACTED, KEPT, CHANGED)


@dataclass(frozen=True)
class PaperOptions:
    """Choice of a table for a paper, from the strategy or the criterion table.

    Attributes
    ----------
    benchmarks : sequence of str
        In this order; empty: all.
    metrics : sequence of str
        Columns of each benchmark: some of `METRICS`.
    rows : sequence of str
        Strategies of the strategy table, criteria of the criterion table, and strategies that take no ratio;
        empty: all.
    fixed : sequence of str
        Criteria of the strategy table's blocks, strategies of the criterion table's; empty: the reference's,
        or the first block's where that is missing.
    ratios : sequence of float
        Empty: the largest.
    match : sequence of str
        What is equal at a ratio; empty: all that the study has.
    columns : sequence of str
        Columns of each row: see `paper_columns.COLUMNS`.
    intervals : bool
        Whether 95 % intervals stand below the figures.
    width : str
        one: LaTeX fits into a column of a page of two; two: into the width of a page.
    """

    benchmarks: Sequence[str] = ()
    metrics: Sequence[str] = (VALUE, EFFECT)
    rows: Sequence[str] = ()
    fixed: Sequence[str] = ()
    ratios: Sequence[float] = ()
    match: Sequence[str] = ()
    columns: Sequence[str] = ("tflops_total_percent",)
    intervals: bool = False
    width: str = "two"
