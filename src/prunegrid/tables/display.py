"""Numbers of a table as text, which Markdown, LaTeX and HTML print alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from prunegrid.cost.flops_unit import flops_unit
from prunegrid.tables import speed_fields
from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.compare import Result
from prunegrid.tables.contrasts import INTERACTION
from prunegrid.tables.difference import LEVEL, Difference
from prunegrid.tables.notes import GAIN, column_notes, notes
from prunegrid.tables.row_compute import mean_ledger, share_of_unpruned
from prunegrid.tables.signs import (
    BEST_GROUP,
    DASH,
    DEGENERATE,
    METRICS,
    MISSED_BUDGET,
    NEEDS_ANSWER,
    NO_LOSS,
    OFF_TARGET,
    SIGNIFICANT,
    flops,
    gap,
    p_value,
    plain,
    scaled,
    signed,
    whole,
)

_HEADINGS = {
    "strategy": ("value", "to unpruned", "to reference strategy", INTERACTION, GAIN),
    "criterion": ("value", "to unpruned", "to reference criterion", INTERACTION, GAIN),
}


@dataclass(frozen=True)
class Field:
    """One field of a printed table.

    Attributes
    ----------
    main : str
        The number.
    below : tuple of str
        Lines below it: its interval, its spread over seeds.
    mark : str
        Signs behind the number, such as that of a significant difference.
    bold : bool
        Whether it is the best of its block.
    tip : str
        What HTML shows where a reader points at it.
    """

    main: str
    below: tuple[str, ...] = ()
    mark: str = ""
    bold: bool = False
    tip: str = ""


@dataclass(frozen=True)
class Line:
    """One printed row.

    Attributes
    ----------
    fields : list of Field
    quiet : bool
        Whether it is not ranked, or out of reach.
    reference : bool
        Whether others are compared with it.
    """

    fields: list[Field]
    quiet: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Printed:
    """A printed table.

    Attributes
    ----------
    title : str
    label : str
        What LaTeX calls it.
    columns : list of str
        The first columns' names.
    groups : list of (str, list of str)
        Per benchmark: its heading and its columns' names.
    blocks : list of (str, list of Line)
        Heading, which may be empty, and rows.
    notes : list of str
    column_notes : list of (str, str)
        Name of a column, and a note that concerns it alone.
    """

    title: str
    columns: list[str]
    groups: list[tuple[str, list[str]]]
    blocks: list[tuple[str, list[Line]]]
    notes: list[str] = field(default_factory=list)
    column_notes: list[tuple[str, str]] = field(default_factory=list)
    label: str = "table"

    @property
    def all_notes(self) -> list[str]:
        """All of them, those of columns last."""
        return [*self.notes, *(note for _, note in self.column_notes)]


def printed(table: Table) -> Printed:
    """Return a table with all numbers as text."""
    factor, unit = unit_of(table)
    headline = headlines(table)
    measured = speed_fields.columns(table)
    blocks = [
        (block.heading, [_line(table, row, factor, measured) for row in block.rows]) for block in table.blocks
    ]
    return Printed(
        title=f"{'Where and how much' if table.kind == 'strategy' else 'Which tokens'}: "
        f"the {table.kind} table of {table.model}",
        columns=[table.kind, f"{unit} (published)", f"{unit} (total)", "removed", *measured],
        groups=[(group_heading(b, headline[b]), list(_HEADINGS[table.kind])) for b in table.benchmarks],
        blocks=blocks,
        notes=list(notes(table, headline)),
        column_notes=list(column_notes(table)),
        label=f"{table.model}-{table.kind}",
    )


def headlines(table: Table) -> dict[str, str]:
    """Return the headline metric of each benchmark."""
    return {
        b: next(row.results[b].metric for row in table.rows if b in row.results) for b in table.benchmarks
    }


def group_heading(benchmark: str, metric: str) -> str:
    """Return what stands over a benchmark's columns: its name, and what its metric is called."""
    return f"{benchmark}: {METRICS.get(metric, metric)}"


def unit_of(table: Table) -> tuple[float, str]:
    """Return the unit of FLOPs, in 1e12, in which a table's figures are not too small, and its name."""
    means = (mean_ledger(row, "tflops_published") for row in table.rows)
    largest = max((mean for mean in means if np.isfinite(mean)), default=1.0)
    return flops_unit(largest)


def _line(table: Table, row: TableRow, factor: float, measured: Sequence[str]) -> Line:
    marks = NEEDS_ANSWER * row.needs_answer + DEGENERATE * (row.degenerate and not row.anchor)
    name = Field(row.label, (row.drawn,) if row.drawn else (), marks, tip=row.unreachable or "")
    if row.unreachable is not None:
        empty = Field(DASH, tip=row.unreachable)
        columns = len(_HEADINGS[table.kind]) * len(table.benchmarks)
        return Line([name, *[empty] * (3 + len(measured) + columns)], quiet=True)
    fields = [name]
    for ledger in ("tflops_published", "tflops_total"):
        value, share = mean_ledger(row, ledger), share_of_unpruned(table, row, ledger)
        below = (f"{100 * share:.1f} %",) if np.isfinite(share) else ()
        gaps = row.off_target if ledger == "tflops_total" else {}
        tip = "; ".join(f"{name}: {gap(own)} of the reference's total" for name, own in gaps.items())
        fields.append(Field(flops(value / factor), below, OFF_TARGET * bool(gaps), tip=tip))
    missed = MISSED_BUDGET * bool(row.missed_budget)
    fields.append(Field(plain(mean_ledger(row, "ratio_achieved"), 3), mark=missed))
    fields += [Field(main or DASH, below, mark) for main, below, mark in speed_fields.texts(row, measured)]
    for benchmark in table.benchmarks:
        fields += _benchmark(table, row, benchmark)
    return Line(fields, row.anchor, row.reference)


def _benchmark(table: Table, row: TableRow, benchmark: str) -> list[Field]:
    result = row.results.get(benchmark)
    if result is None:
        return [Field(DASH)] * len(_HEADINGS[table.kind])
    cost, effect, interaction = table.contrasts
    return [
        value_field(result, benchmark in row.best, BEST_GROUP * (benchmark in row.marked_group)),
        difference_field(table, row, benchmark, cost, NO_LOSS if result.non_inferior else ""),
        Field("reference")
        if row.is_reference_of(effect)
        else difference_field(table, row, benchmark, effect),
        difference_field(table, row, benchmark, interaction),
        retained_field(result),
    ]


def value_field(result: Result, bold: bool, mark: str) -> Field:
    """Return a row's value on a benchmark with its interval, and its spread over seeds."""
    if np.isnan(result.value):
        return Field(DASH, (f"{result.n_error} errors",), tip="every row is an error")
    below = [f"{scaled(result.low)} to {scaled(result.high)}"]
    if len(result.seeds) > 1:
        known = result.answered
        below.append(f"seeds {scaled(min(known))} to {scaled(max(known))}, sd {scaled(result.spread)}")
    return Field(scaled(result.value), tuple(below), mark, bold=bold)


def difference_field(table: Table, row: TableRow, benchmark: str, kind: str, mark: str = "") -> Field:
    """Return a difference with its interval, its draws and its p, and whether it is told after correction."""
    difference = row.results[benchmark].contrasts.get(kind)
    if difference is None or np.isnan(difference.value):
        return Field(DASH)
    corrected = table.corrected[row.key, benchmark, kind]
    below = [f"{signed(difference.low)} to {signed(difference.high)}"]
    if difference.n_draws > 1:
        below.append(f"draws {signed(difference.worst)} to {signed(difference.best)}")
    below.append(_tested(difference, corrected, table.too_few_draws(row, benchmark, kind)))
    return Field(signed(difference.value), tuple(below), SIGNIFICANT * bool(corrected < LEVEL) + mark)


def _tested(difference: Difference, corrected: float, too_few: bool) -> str:
    """Return p and the corrected p, or why there is none."""
    p = f"p {p_value(difference.p)}, Holm {p_value(corrected)}" if np.isfinite(difference.p) else "not tested"
    return f"{p}; too few {difference.drawn}" if too_few else p


def retained_field(result: Result) -> Field:
    """Return the gain kept, with its interval."""
    if result.retained is None or result.to_none is None:
        return Field(DASH)
    value, low, high = (100 * number for number in result.retained)
    return Field(f"{whole(value)} %", (f"{whole(low)} to {whole(high)}",))
