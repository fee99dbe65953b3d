"""The methods table as papers print it: blocks by budget, a row a method, and what is kept on average."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE, REVERSED
from prunegrid.tables import speed_fields
from prunegrid.tables.blocks import METHODS, Block, Table, TableRow
from prunegrid.tables.cells import RowKey
from prunegrid.tables.contrasts import TO_NONE
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.display import (
    Field,
    Line,
    Printed,
    difference_field,
    group_heading,
    headlines,
    unit_of,
    value_field,
)
from prunegrid.tables.flat import flat_row
from prunegrid.tables.four_formats import write_four_formats
from prunegrid.tables.hopeless import hopeless
from prunegrid.tables.kept_mean import KeptDifference
from prunegrid.tables.method_effects import REFERENCE, UPSIDE_DOWN, MethodEffect
from prunegrid.tables.notes import (
    ALL_FLOPS,
    PUBLISHED,
    TOY,
    kinds_of_rows,
    missed_budgets,
    of_matchings,
    same_computations,
)
from prunegrid.tables.row_compute import mean_ledger, share_of_unpruned
from prunegrid.tables.signs import (
    DASH,
    DEGENERATE,
    MISSED_BUDGET,
    NEEDS_ANSWER,
    NO_LOSS,
    OFF_TARGET,
    SIGNIFICANT,
    flops,
    p_value,
    plain,
    scaled,
    signed,
)

# What is behind a benchmark's columns: its own figure, and what the method costs there.
_COLUMNS = ("value", "to unpruned")
# Statistics of a difference of averages in the CSV, in their order.
_STATISTICS = ("", "_low", "_high", "_p", "_p_holm")

Effects = Mapping[RowKey, MethodEffect]


def write_methods(table: Table, effects: Effects, averaged: Iterable[str], folder: Path) -> None:
    """Write methods.{csv,md,tex,html}.

    Parameters
    ----------
    table : Table
        Of `Maker.methods`.
    effects : mapping
        Row -> its average; see `method_effects`.
    averaged : iterable of str
        Benchmarks that it is over.
    folder : Path
    """
    rows = [
        {**_names(row), **_flat(table, block, row), **_average(row, effects)}
        for block in table.blocks
        for row in block.rows
    ]
    csv = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    shown = printed(table, effects, averaged)
    write_four_formats(METHODS, csv, shown, folder, brief=in_brief(shown, table.benchmarks))


def _flat(table: Table, block: Block, row: TableRow) -> dict[str, object]:
    """Return the columns that other tables have, but for who is best: methods are compared by averages."""
    ranked = tuple(f"{benchmark}{end}" for benchmark in table.benchmarks for end in ("_best", "_best_group"))
    found = {**flat_row(table, block.heading, row), "reference": _is_reference(table, row)}
    return {name: value for name, value in found.items() if name not in ranked}


def _names(row: TableRow) -> dict[str, object]:
    return {"method": row.label, "reversed": _is_reversed(row)}


def _is_reversed(row: TableRow) -> bool:
    return row.key.criterion == f"{row.key.strategy}{REVERSED}"


def _is_reference(table: Table, row: TableRow) -> bool:
    return row.key.strategy == table.options.reference_method and not _is_reversed(row)


def _average(row: TableRow, effects: Effects) -> dict[str, object]:
    """Return the columns of a row's average, empty ones where there is none: no study lacks a column."""
    effect = effects.get(row.key)
    found: dict[str, object] = {
        f"kept{name}": getattr(effect, value, np.nan)
        for name, value in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    for kind in (REFERENCE, UPSIDE_DOWN):
        difference = None if effect is None else effect.differences.get(kind)
        values = [np.nan] * len(_STATISTICS)
        if effect is not None and difference is not None:
            values = [difference.value, difference.low, difference.high, difference.p, effect.p_holm[kind]]
        found |= {f"to_{kind}{name}": value for name, value in zip(_STATISTICS, values, strict=True)}
    return found


def printed(table: Table, effects: Effects, averaged: Iterable[str]) -> Printed:
    """Return the table with all numbers as text."""
    factor, unit = unit_of(table)
    headline, averaged = headlines(table), [*averaged]
    turned = any(UPSIDE_DOWN in effect.differences for effect in effects.values())
    compared = {REFERENCE: f"to {table.options.reference_method}, points"}
    if turned:
        compared[UPSIDE_DOWN] = "to itself reversed, points"
    measured = speed_fields.columns(table)
    columns = ["method", "image tokens a layer", f"{unit} (published)", f"{unit} (total)", *measured]
    return Printed(
        title=f"Methods as published: {table.model}",
        label=f"{table.model}-{METHODS}",
        columns=columns,
        groups=[
            *((group_heading(b, headline[b]), [*_COLUMNS]) for b in table.benchmarks),
            ("average", ["kept, % of unpruned", *compared.values()]),
        ],
        blocks=[
            (block.heading, [_line(table, row, effects, factor, measured, [*compared]) for row in block.rows])
            for block in table.blocks
        ],
        notes=[*_notes(table, headline, averaged, turned=turned)],
    )


def in_brief(shown: Printed, benchmarks: Sequence[str]) -> Printed:
    """Return the table as papers print it: of a benchmark the value alone, of averages with their intervals.

    Parameters
    ----------
    shown : Printed
        As `printed` returns it.
    benchmarks : sequence of str
        Its groups but for the last.
    """
    first, n_averages = len(shown.columns), len(shown.groups[-1][1])

    def line(one: Line) -> Line:
        values = one.fields[first : -n_averages : len(_COLUMNS)]
        bare = [replace(value, below=()) for value in values]
        averages = [replace(average, below=average.below[:1]) for average in one.fields[-n_averages:]]
        return replace(one, fields=[*one.fields[:first], *bare, *averages])

    blocks = [(heading, [line(one) for one in lines]) for heading, lines in shown.blocks]
    return replace(shown, groups=[("score", [*benchmarks]), shown.groups[-1]], blocks=blocks)


def _line(
    table: Table, row: TableRow, effects: Effects, factor: float, measured: list[str], compared: list[str]
) -> Line:
    marks = NEEDS_ANSWER * row.needs_answer + DEGENERATE * (row.degenerate and not row.anchor)
    marks += MISSED_BUDGET * bool(row.missed_budget)
    drawn = (row.drawn,) if row.drawn else ()
    shown = "unpruned" if row.strategy_type == BASELINE else row.label
    name = Field(shown, drawn, marks, tip=row.unreachable or "")
    if row.unreachable is not None:
        empty = Field(DASH, tip=row.unreachable)
        n_others = 3 + len(measured) + len(_COLUMNS) * len(table.benchmarks) + 1 + len(compared)
        return Line([name, *[empty] * n_others], quiet=True)
    fields = [name, Field(plain(mean_ledger(row, "mean_image_tokens"), 1))]
    for ledger in ("tflops_published", "tflops_total"):
        value, share = mean_ledger(row, ledger), share_of_unpruned(table, row, ledger)
        below = (f"{100 * share:.1f} %",) if np.isfinite(share) else ()
        off = OFF_TARGET * bool(row.off_target if ledger == "tflops_total" else {})
        fields.append(Field(flops(value / factor), below, off))
    fields += [Field(main or DASH, below, mark) for main, below, mark in speed_fields.texts(row, measured)]
    for benchmark in table.benchmarks:
        result = row.results.get(benchmark)
        if result is None:
            fields += [Field(DASH)] * len(_COLUMNS)
            continue
        no_loss = NO_LOSS if result.non_inferior else ""
        fields += [value_field(result, False, ""), difference_field(table, row, benchmark, TO_NONE, no_loss)]
    is_reference = _is_reference(table, row)
    fields += _averages(row, effects.get(row.key), compared, is_reference=is_reference)
    return Line(fields, row.anchor or _is_reversed(row), is_reference)


def _averages(
    row: TableRow, effect: MethodEffect | None, compared: list[str], *, is_reference: bool
) -> list[Field]:
    if row.strategy_type == BASELINE:
        return [Field(scaled(1.0)), *[Field(DASH)] * len(compared)]
    if effect is None:
        return [Field(DASH)] * (1 + len(compared))
    fields = [Field(scaled(effect.value), (f"{scaled(effect.low)} to {scaled(effect.high)}",))]
    for kind in compared:
        difference = effect.differences.get(kind)
        if difference is None:
            fields.append(Field("reference" if is_reference and kind == REFERENCE else DASH))
        else:
            fields.append(_difference(difference, effect.p_holm[kind]))
    return fields


def _difference(difference: KeptDifference, corrected: float) -> Field:
    tested = np.isfinite(difference.p)
    p = f"p {p_value(difference.p)}, Holm {p_value(corrected)}" if tested else "not tested"
    span = f"{signed(difference.low)} to {signed(difference.high)}"
    return Field(signed(difference.value), (span, p), SIGNIFICANT * bool(corrected < LEVEL))


def _notes(table: Table, headline: dict[str, str], averaged: list[str], *, turned: bool) -> Iterable[str]:
    options = table.options
    if options.toy:
        yield TOY
    yield from hopeless(table)
    yield from table.warnings
    others = f" ({', '.join(averaged)}; on the others it scores 0)" if set(averaged) != set(headline) else ""
    yield (
        f"Kept: score / unpruned score, mean over benchmarks{others}. Intervals are of 95 %, over images, "
        "resampled for each benchmark apart, and over seeds where something is drawn; joined with score "
        "intervals, which stay open where no answer changed; not corrected."
    )
    yield (
        f"To {options.reference_method}: paired difference of what is kept, on the same samples and at the "
        f"same budget. p is of sign flips over images; {SIGNIFICANT} p < 0.05 after Holm over all methods "
        "and budgets."
    )
    if turned:
        yield (
            "Reversed: the same method keeps the image tokens that it would drop. Where its ranking tells "
            "anything, the method keeps more than itself reversed. Corrected apart, by Holm."
        )
    yield (
        "To unpruned: paired difference to the unpruned model, by Holm over "
        f"{table.families[TO_NONE]} tests of this table. {NO_LOSS} the interval's lower limit excludes a "
        f"loss of {options.accuracy_margin:g} points of accuracy, or {options.cider_margin:g} of CIDEr."
    )
    yield (
        "Image tokens a layer: mean over layers of those that a layer computes on, and over samples. "
        f"{PUBLISHED} {ALL_FLOPS} Below, per cent of the unpruned model's."
    )
    yield from speed_fields.notes(table)
    yield from of_matchings(table, options.matchings)
    yield from missed_budgets(table)
    yield from same_computations(table)
    yield from kinds_of_rows(table)
    yield from _of_methods(table)


def _of_methods(table: Table) -> Iterable[str]:
    """Yield what each method of the table is, and what of the published one it is not."""
    shown = dict.fromkeys(row.key.strategy for row in table.rows)
    for name, told in table.options.methods.items():
        if name in shown:
            what = told["strategy"] + (f" x {told['criterion']}" if told["criterion"] else "")
            differs = f" Differs: {told['differs']}" if told["differs"] else ""
            yield f"{name}: {told['title']} ({told['paper']}), {what}.{differs}"
