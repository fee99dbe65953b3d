"""Foot-notes of a table for a paper: they explain what it shows, and nothing else."""

from collections.abc import Iterable, Sequence

from prunegrid.tables import notes, speed_fields
from prunegrid.tables.blocks import Table
from prunegrid.tables.display import Field, headlines
from prunegrid.tables.hopeless import hopeless
from prunegrid.tables.paper_columns import HEADINGS
from prunegrid.tables.paper_options import CHANGED, EFFECT, INTERACTED, KEPT, TO_UNPRUNED, PaperOptions
from prunegrid.tables.signs import BEST_GROUP, MINUS, NO_LOSS, SIGNIFICANT

_TIMES = {"prefill_ms", "ms_per_token", "peak_memory_mb", "prefill_speedup"}


def paper_notes(whole: Table, shown: Table, options: PaperOptions, fields: Sequence[Field]) -> Iterable[str]:
    """Yield the foot-notes.

    Parameters
    ----------
    whole, shown : Table
        Of the benchmarks that are shown: all rows, and those that are shown.
    options : PaperOptions
    fields : sequence of Field
        All that is printed: what a mark means is said where it stands.
    """
    marks = {mark for field in fields for mark in field.mark}
    if whole.options.toy:
        yield notes.TOY
    yield from hopeless(whole)
    yield from shown.warnings
    yield _of_benchmarks(shown)
    yield from _of_metrics(shown, options.metrics)
    if SIGNIFICANT in marks:
        yield (
            f"{SIGNIFICANT} p < 0.05, sign flips over images, after Holm over all differences of that kind "
            f"in the full {shown.kind} table."
        )
    if NO_LOSS in marks:
        own = shown.options
        yield (
            f"{NO_LOSS} no loss to the unpruned model: the 95 % interval's lower limit is above {MINUS}"
            f"{own.accuracy_margin:g} points of accuracy, or {MINUS}{own.cider_margin:g} of CIDEr."
        )
    if options.intervals:
        yield "Below figures: 95 % intervals over images, not corrected for the number of rows."
    if any(field.bold for field in fields):
        yield (
            "Bold: the best of its block in the full table, told from every other row there (p < 0.05 after "
            "correction for all pairs)."
        )
    if BEST_GROUP in marks:
        yield f"{BEST_GROUP} not told from the highest value of its block in the full table."
    if any(row.drawn for row in shown.rows):
        of = "p and intervals" if options.intervals else "p"
        yield f"Over drawn schedules, or draws: seeds are averaged per sample, and a random factor of {of}."
    if any(row.draws_schedule and row.n_draws == 1 for row in shown.rows):
        yield "One drawn schedule is not tested."
    yield from _of_columns(shown, options.columns)
    yield from shown.scores_used
    yield from notes.same_computations(shown)
    matchings = dict.fromkeys(row.match for row in shown.rows if not row.anchor)
    yield from notes.of_matchings(shown, [*matchings])
    yield from notes.missed_budgets(shown)
    yield from notes.kinds_of_rows(shown)


def _of_benchmarks(table: Table) -> str:
    metric = headlines(table)
    parts = []
    for benchmark in table.benchmarks:
        results = [row.results[benchmark] for row in table.rows if benchmark in row.results]
        sizes = " to ".join(map(str, sorted({result.n for result in results})))
        errors = sum(result.n_error for result in results)
        lost = f", {errors} errors in all rows" if errors else ""
        parts.append(f"{benchmark}, {metric[benchmark]} by rule {results[0].variant}, n = {sizes}{lost}")
    return f"Values: {'; '.join(parts)}."


def _of_metrics(table: Table, metrics: Sequence[str]) -> Iterable[str]:
    options, (cost, effect, _) = table.options, table.contrasts
    if TO_UNPRUNED in metrics:
        yield (
            f"{HEADINGS[TO_UNPRUNED]}: paired difference to the unpruned model ({table.families[cost]} tests "
            "in the full table)."
        )
    if EFFECT in metrics:
        reference, other = options.reference_strategy, options.reference_criterion
        to = f"{reference} with the row's own criterion"
        if table.kind == "criterion":
            to = f"{other} in the row's own strategy"
        elif any(row.key.criterion == "none" and not row.anchor for row in table.rows):
            to += f", of what takes no criterion to {reference} x {other}"
        yield (
            f"{HEADINGS[EFFECT]}: paired difference to {to}, at the same ratio ({table.families[effect]} "
            "tests in the full table)."
        )
    told = dict(notes.column_notes(table))
    if INTERACTED in metrics:
        yield told[INTERACTED]
    if KEPT in metrics:
        yield f"{HEADINGS[KEPT]}, %: {told[notes.GAIN].replace('Gain kept: ', '100 x ')}"
    if CHANGED in metrics:
        yield (
            f"{HEADINGS[CHANGED]}, %: samples whose answer (captions: whose text) is another one than the "
            "unpruned model's, right or wrong."
        )


def _of_columns(table: Table, columns: Sequence[str]) -> Iterable[str]:
    ledgers = [name for name in columns if name.startswith("tflops_")]
    if ledgers:
        texts = [
            text
            for start, text in (("tflops_published", notes.PUBLISHED), ("tflops_total", notes.ALL_FLOPS))
            if any(name.startswith(start) for name in ledgers)
        ]
        percent = any(name.endswith("_percent") for name in ledgers)
        share = "; %: of the unpruned model's" if percent else ""
        yield f"{' '.join(texts)} Means over the benchmarks shown{share}."
    if "removed" in columns:
        yield "Removed: 1 - mean share of image tokens per layer, as achieved."
    if _TIMES & {*columns}:
        yield from speed_fields.notes(table)
