"""Tables for a paper: what the configuration chooses of a full table, as LaTeX, Markdown and CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from prunegrid.files import write_text
from prunegrid.tables import latex, markdown
from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.column_panels import panels
from prunegrid.tables.display import Field, Line, Printed, group_heading, headlines, unit_of
from prunegrid.tables.paper_choice import chosen_blocks, of_benchmarks
from prunegrid.tables.paper_columns import COLUMNS, HEADINGS, changed, metric_field
from prunegrid.tables.paper_notes import paper_notes
from prunegrid.tables.paper_options import CHANGED, EFFECT, INTERACTED, KEPT, TO_UNPRUNED, VALUE, PaperOptions
from prunegrid.tables.scores_used import scores_used
from prunegrid.tables.signs import DASH, DEGENERATE, MISSED_BUDGET, NEEDS_ANSWER, OFF_TARGET
from prunegrid.tables.told import Told

# Columns of Markdown that GitHub shows without scrolling.
MOST_COLUMNS = 8
_TITLES = {
    "strategy": "Strategies: where and how many image tokens are dropped, {model}",
    "criterion": "Criteria: which image tokens are dropped, {model}",
}


def write_paper(table: Table, told: Told, warnings: Mapping[str, str], folder: Path) -> None:
    """Write paper-{kind}.tex, .md and .csv of a full table.

    Parameters
    ----------
    table : Table
        The strategy or the criterion table.
    told : mapping
        See `told.read_told`.
    warnings : mapping
        Benchmark -> what keeps its rows from being computed alike.
    folder : path
    """
    options = PaperOptions(**table.options.paper.get(table.kind, {}))
    whole = of_benchmarks(table, options.benchmarks)
    shown = replace(
        whole,
        blocks=chosen_blocks(whole, options),
        warnings=[warnings[name] for name in whole.benchmarks if name in warnings],
    )
    # Drawn schedules differ by seed: the full tables list them all.
    listed = [row.key for row in shown.rows if not row.draws_schedule]
    shown = replace(shown, scores_used=scores_used(told, listed))
    text = printed(whole, shown, options)
    small = panels(text, lambda _heading, places: float(len(places)), MOST_COLUMNS)
    small = [replace(part, title=f"{text.title}{', continued' * bool(n)}") for n, part in enumerate(small)]
    name = f"paper-{table.kind}"
    write_text(folder / f"{name}.tex", latex.floats(text, options.width))
    write_text(folder / f"{name}.md", "\n".join(map(markdown.render, small)))
    write_text(folder / f"{name}.csv", flat(whole, shown, options))


def printed(whole: Table, shown: Table, options: PaperOptions) -> Printed:
    """Return the table with all numbers as text.

    Parameters
    ----------
    whole, shown : Table
        Of the benchmarks that are shown: all rows, and those that are shown.
    options : PaperOptions
    """
    unit = unit_of(shown)
    title = _TITLES[shown.kind].format(model=shown.model)
    label = f"{shown.model}-paper-{shown.kind}"
    names = [shown.kind, *(COLUMNS[name].heading.format(unit=unit[1]) for name in options.columns)]
    if not shown.rows:
        note = f"No row of the study is what tables.paper.{shown.kind} asks for."
        return Printed(title, names, [], [], [note], label=label)
    metric = headlines(shown)
    # What is not pruned stands first and needs no heading.
    blocks = [
        (block.heading if block.budget else "", [_line(whole, row, options, unit[0]) for row in block.rows])
        for block in shown.blocks
    ]
    fields = [field for _, lines in blocks for line in lines for field in line.fields]
    return Printed(
        title=title,
        columns=names,
        groups=[
            (group_heading(b, metric[b]), [HEADINGS[name] for name in options.metrics])
            for b in shown.benchmarks
        ],
        blocks=blocks,
        notes=[*paper_notes(whole, shown, options, fields)],
        label=label,
    )


def _line(table: Table, row: TableRow, options: PaperOptions, unit: float) -> Line:
    # These may have no column of their own to stand in.
    marks = (
        NEEDS_ANSWER * row.needs_answer
        + DEGENERATE * (row.degenerate and not row.anchor)
        + MISSED_BUDGET * bool(row.missed_budget)
        + OFF_TARGET * bool(row.off_target)
    )
    fields = [Field(row.label, (row.drawn,) if row.drawn else (), marks)]
    for name in options.columns:
        column = COLUMNS[name]
        fields.append(Field(column.text(column.number(table, row), unit) if row.results else DASH))
    for benchmark in table.benchmarks:
        fields += [metric_field(table, row, benchmark, name, options.intervals) for name in options.metrics]
    return Line(fields, row.anchor, row.reference)


def flat(whole: Table, shown: Table, options: PaperOptions) -> str:
    """Return CSV of one line per row and benchmark, in the units of the printed table, which names tell.

    Points are what the table prints: per cent of accuracy, 100 x CIDEr.
    """
    metric = headlines(shown) if shown.rows else {}
    lines = [
        {
            "block": block.heading,
            "row": row.label,
            "strategy": row.key.strategy,
            "criterion": row.key.criterion,
            "ratio": row.key.ratio,
            "match": row.match,
            "n_seeds": row.n_draws,
            "needs_answer": row.needs_answer,
            "degenerate": row.degenerate,
            **{COLUMNS[name].csv: COLUMNS[name].number(whole, row) for name in options.columns},
            "benchmark": benchmark,
            "metric": metric[benchmark],
            "n_samples": row.results[benchmark].n,
            "n_errors": row.results[benchmark].n_error,
            **_figures(shown, row, benchmark, options.metrics),
            "best": benchmark in row.best,
            "best_group": benchmark in row.best_group,
        }
        for block in shown.blocks
        for row in block.rows
        for benchmark in shown.benchmarks
        if benchmark in row.results
    ]
    names = None if lines else ["block", "row", "strategy", "criterion", "ratio", "match", "benchmark"]
    return pd.DataFrame(lines, columns=names).to_csv(index=False, lineterminator="\n")


def _figures(table: Table, row: TableRow, benchmark: str, metrics: Sequence[str]) -> dict[str, float]:
    result = row.results[benchmark]
    kinds = dict(zip((TO_UNPRUNED, EFFECT, INTERACTED), table.contrasts, strict=True))
    found: dict[str, float] = {}
    for name in metrics:
        if name in kinds:
            difference = result.contrasts.get(kinds[name])
            ends = (np.nan,) * 3
            if difference is not None:
                ends = (difference.value, difference.low, difference.high)
            found |= _ends(name, "points", ends)
            found[f"{name}_p"] = np.nan if difference is None else difference.p
            found[f"{name}_p_holm"] = table.corrected.get((row.key, benchmark, kinds[name]), np.nan)
        elif name == VALUE:
            found |= _ends(name, "points", (result.value, result.low, result.high))
        elif name == KEPT:
            found |= _ends(name, "percent", result.retained or (np.nan,) * 3)
        elif name == CHANGED:
            found |= _ends(name, "percent", changed(row, benchmark))
    return found


def _ends(name: str, unit: str, values: tuple[float, float, float]) -> dict[str, float]:
    ends = ("", "_low", "_high")
    return {f"{name}{end}_{unit}": 100 * value for end, value in zip(ends, values, strict=True)}
