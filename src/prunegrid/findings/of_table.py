"""Findings of the strategy or the criterion table: one for each of its comparisons, none beyond its test."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from prunegrid.axis_names import BASELINE, NO_CRITERION
from prunegrid.findings.found_difference import (
    BEST,
    DEGENERATE,
    LEADERS,
    NEEDS_ANSWER,
    NOT_TOLD,
    REFERENCE,
    UNPRUNED,
    FoundDifference,
    relation,
)
from prunegrid.tables.blocks import Block, Leaders, Table, TableRow
from prunegrid.tables.cells import RowKey
from prunegrid.tables.contrasts import compared_with
from prunegrid.tables.difference import LEVEL, Difference
from prunegrid.tables.signs import gap

_UNPRUNED_MODEL = "the unpruned model"


def findings_of(table: Table) -> Iterator[FoundDifference]:
    """Yield the findings of a table, without their sentences.

    Rows that were chosen by gold answers are no methods and have none. A row that is the same computation as
    what it would be compared with has no comparison, hence no finding. One that stands in a block of its own
    criterion, too, is compared there.
    """
    elsewhere = {block.fixed for block in table.blocks if table.kind == "strategy"}
    for block in (block for block in table.blocks if block.fixed):
        rows = {row.key: row for row in block.rows}
        for benchmark in table.benchmarks:
            leaders = block.leaders.get(benchmark)
            if leaders is not None:
                yield from _of_leaders(table, block, benchmark, leaders, rows)
            for row in block.rows:
                guest = row.key.criterion in elsewhere - {block.fixed, NO_CRITERION}
                if benchmark in row.results and not row.uses_label and not guest:
                    yield from _of_row(table, block, benchmark, row)


def _of_leaders(
    table: Table, block: Block, benchmark: str, leaders: Leaders, rows: dict[RowKey, TableRow]
) -> Iterator[FoundDifference]:
    """Yield that the highest is told from all its rivals, or from whom it is not."""
    top = rows[leaders.top]
    corrected = {
        key: _corrected(table, benchmark, top, rows[key], difference.p * leaders.pairs)
        for key, difference in leaders.differences.items()
        if difference is not None
    }
    untold = [key for key, p in corrected.items() if not p < LEVEL]
    best = not untold and len(corrected) == len(leaders.differences)
    # Of those told, the one that is hardest to tell speaks for all.
    for key in [max(corrected, key=corrected.__getitem__)] if best else untold:
        difference = leaders.differences[key]
        assert difference is not None
        found = _finding(
            table,
            block,
            benchmark,
            top,
            about=LEADERS,
            object_=_name(table, rows, rows[key]),
            difference=difference,
            corrected=corrected[key],
            correction=f"Bonferroni over {leaders.pairs} pairs of the block, and the table's Holm where "
            "one is the reference",
            relation_=BEST if best else NOT_TOLD,
        )
        yield replace(found, rivals=leaders.rivals, subject=_name(table, rows, top))


def _corrected(table: Table, benchmark: str, top: TableRow, rival: TableRow, p: float) -> float:
    """Return the corrected p of two rivals: no smaller than the table's own, where one is the reference."""
    effect = table.contrasts[1]
    of_table = [
        table.corrected[row.key, benchmark, effect]
        for row, other in ((top, rival), (rival, top))
        if compared_with(effect, row.key, table.options) == other.key
        and (row.key, benchmark, effect) in table.corrected
    ]
    return max([min(1.0, p), *of_table])


def _name(table: Table, rows: dict[RowKey, TableRow], row: TableRow) -> str:
    """Return the row's name, with those of the block's rows that are the same computation."""
    first = table.same.get(row.key, row.key)
    twins = [other.label for other in rows.values() if table.same.get(other.key, other.key) == first]
    return " = ".join(twins)


def _of_row(table: Table, block: Block, benchmark: str, row: TableRow) -> Iterator[FoundDifference]:
    """Yield how a row compares with the reference, and with the unpruned model."""
    cost, effect, _ = table.contrasts
    reference = compared_with(effect, row.key, table.options)
    beside = f"{reference.strategy} x {reference.criterion}"
    axis = reference.strategy if table.kind == "strategy" else reference.criterion
    name = axis if table.kind == "criterion" or reference.criterion == block.fixed else beside
    for kind, about, other in ((effect, REFERENCE, name), (cost, UNPRUNED, _UNPRUNED_MODEL)):
        difference = row.results[benchmark].contrasts.get(kind)
        if difference is None or np.isnan(difference.value):
            continue
        corrected, family = table.corrected[row.key, benchmark, kind], table.families[kind]
        yield _finding(
            table,
            block,
            benchmark,
            row,
            about=about,
            object_=other,
            difference=difference,
            corrected=corrected,
            correction=f"Holm over {family} tests of the table",
            relation_=relation(difference.value, corrected),
            detectable=difference.detectable(LEVEL / family) if family else np.nan,
            too_few=table.too_few_draws(row, benchmark, kind),
            compared_with=next((r for r in table.rows if about == REFERENCE and r.key == reference), None),
        )


def _finding(
    table: Table,
    block: Block,
    benchmark: str,
    row: TableRow,
    *,
    about: str,
    object_: str,
    difference: Difference,
    corrected: float,
    correction: str,
    relation_: str,
    detectable: float = np.nan,
    too_few: bool | None = None,
    compared_with: TableRow | None = None,
) -> FoundDifference:
    result = row.results[benchmark]
    unpruned = next((r for r in table.rows if r.strategy_type == BASELINE and benchmark in r.results), None)
    whole = {} if unpruned is None else unpruned.results[benchmark].compute
    theirs = None if compared_with is None else compared_with.results.get(benchmark)
    return FoundDifference(
        question=table.kind,
        about=about,
        fixed=block.fixed,
        ratio=block.ratio,
        match=block.match,
        benchmark=benchmark,
        metric=result.metric,
        subject=row.label,
        relation=relation_,
        object=object_,
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        p=difference.p,
        p_corrected=corrected,
        correction=correction,
        detectable=detectable,
        compute_share=_share(result.compute, whole),
        object_compute_share=_share({} if theirs is None else theirs.compute, whole),
        prefill_ms=result.compute.get("prefill_ms", np.nan),
        unpruned_prefill_ms=whole.get("prefill_ms", np.nan),
        no_loss=about == UNPRUNED and bool(result.non_inferior),
        subject_is_reference=row.is_reference_of(table.contrasts[1]),
        n_draws=difference.n_draws,
        too_few=difference.drawn if (difference.too_few_draws if too_few is None else too_few) else "",
        notes=tuple(_notes(row, benchmark, difference)),
    )


def _share(compute: dict[str, float], whole: dict[str, float]) -> float:
    total = whole.get("tflops_total", np.nan)
    return compute.get("tflops_total", np.nan) / total if total else np.nan


def _notes(row: TableRow, benchmark: str, difference: Difference) -> Iterator[str]:
    """Yield what keeps a row from being a method like the others, and what it is inferred over."""
    if row.needs_answer:
        yield NEEDS_ANSWER
    if row.degenerate:
        yield DEGENERATE
    if benchmark in row.missed_budget:
        asked, achieved = row.missed_budget[benchmark]
        yield f"removes {achieved:.3f} instead of {asked:g}"
    if benchmark in row.off_target:
        yield f"has {gap(row.off_target[benchmark])} of the reference's total compute"
    if difference.n_draws:
        drawn = f"drawn {difference.drawn}" if difference.drawn == "schedules" else difference.drawn
        yield f"is over {difference.n_draws} {drawn if difference.n_draws > 1 else drawn.removesuffix('s')}"
