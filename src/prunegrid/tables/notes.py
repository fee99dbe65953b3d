"""Foot-notes of a printed table."""

from collections.abc import Iterable, Sequence

from prunegrid.axis_names import REVERSED, TOTAL, match_in_brackets, row_name
from prunegrid.cost.equal_compute import MATCH_TOLERANCE
from prunegrid.tables import speed_fields
from prunegrid.tables.blocks import Table
from prunegrid.tables.budget import RATIO_TOLERANCE
from prunegrid.tables.cells import RowKey
from prunegrid.tables.contrasts import INTERACTION
from prunegrid.tables.hopeless import hopeless
from prunegrid.tables.limits_of_n import limits_of_n
from prunegrid.tables.signs import (
    BEST_GROUP,
    DASH,
    DEGENERATE,
    MINUS,
    MISSED_BUDGET,
    NEEDS_ANSWER,
    NO_LOSS,
    OFF_TARGET,
    SIGNIFICANT,
    gap,
)

GAIN = "gain kept"
TOY = "Toy model, toy world: this shows the method, not the merits of any pruning."
PUBLISHED = (
    "FLOPs (published): multiply-accumulates of image tokens in the decoder, two feed-forward matrices, as "
    "papers count them."
)
ALL_FLOPS = (
    "FLOPs (total): 2 per multiply-accumulate; tower, projector, prefill of all tokens, the criterion's own "
    "cost, decoding."
)


def notes(table: Table, headline: dict[str, str]) -> Iterable[str]:
    """Yield the foot-notes that concern every format of a table.

    Parameters
    ----------
    table : Table
    headline : dict
        Benchmark -> its metric.
    """
    if table.options.toy:
        yield TOY
    yield from hopeless(table)
    yield from table.warnings
    yield from _of_benchmarks(table, headline)
    yield from _of_contrasts(table)
    yield from _of_compute(table)
    yield from _of_rows(table)


def column_notes(table: Table) -> Iterable[tuple[str, str]]:
    """Yield name of a column and foot-note, for columns that not every format shows."""
    options = table.options
    axis, other = ("strategy", "criterion") if table.kind == "strategy" else ("criterion", "strategy")
    yield (
        INTERACTION,
        f"Interaction: how much the row's difference to the reference {axis} is larger than the same "
        f"difference at the reference {other}, (s, c) - (s0, c) - (s, c0) + (s0, c0) with s0 = "
        f"{options.reference_strategy}, c0 = {options.reference_criterion}. Where it is not 0, an answer to "
        f"the table's question at one {other} does not hold at the other. {_family(table, INTERACTION)}",
    )
    yield (
        GAIN,
        "Gain kept: (value - blind) / (unpruned - blind), left out where the interval of that denominator "
        "includes 0. Its interval is joined with that of the difference to unpruned.",
    )


def _of_benchmarks(table: Table, headline: dict[str, str]) -> Iterable[str]:
    for benchmark in table.benchmarks:
        results = [row.results[benchmark] for row in table.rows if benchmark in row.results]
        errors = sum(result.n_error for result in results)
        sizes = sorted({result.n for result in results})
        metric = headline[benchmark]
        note = f"{benchmark}: n = {' to '.join(map(str, sizes))} per cell, {errors} errors; {metric} by rule "
        yield f"{note}{results[0].variant}."
        yield from limits_of_n(table, benchmark)
        if metric == "cider":
            yield f"{benchmark}: CIDEr's IDF comes from these n samples, so that it compares with no other n."


def _of_contrasts(table: Table) -> Iterable[str]:
    options = table.options
    cost, effect, _ = table.contrasts
    if table.kind == "strategy":
        yield (
            f"To reference strategy: paired difference to {options.reference_strategy} with the row's own "
            "criterion, at the same ratio: the effect of where and how much is dropped. What takes no "
            f"criterion is compared with {options.reference_strategy} x {options.reference_criterion}. "
            f"{_family(table, effect)}"
        )
    else:
        yield (
            f"To reference criterion: paired difference to {options.reference_criterion} in the row's own "
            "strategy, at the same ratio: the effect of which tokens are dropped. "
            f"{_family(table, effect)}"
        )
    yield f"To unpruned: paired difference to the unpruned model. {_family(table, cost)}"
    yield (
        f"Below each figure its 95 % interval: percentiles of {options.replicates} bootstrap resamples of "
        "images, joined with a score interval over images (values: after Wilson 1927; paired differences: "
        "after Tango 1998), which stays open where every "
        "answer is right or none changed. p is of sign flips over images. "
        f"{SIGNIFICANT} p < 0.05 after Holm over all of this table's differences of that kind, all "
        "benchmarks together. Intervals are not corrected: one that leaves out 0 beside a p above 0.05 after "
        "Holm is one of many."
    )
    yield (
        f"{NO_LOSS} no loss to the unpruned model: the interval's lower limit is above "
        f"{MINUS}{options.accuracy_margin:g} points of accuracy, or {MINUS}{options.cider_margin:g} of CIDEr."
    )
    yield (
        "Bold: the best of its block, told from every other one there (p < 0.05 after correction for all "
        f"pairs of the block). {BEST_GROUP} not told from the highest value of its block, where no more than "
        "half of the rows are; else none is marked."
    )
    yield from table.scores_used
    yield from same_computations(table)


def same_computations(table: Table) -> Iterable[str]:
    """Yield which rows of a table are one computation under several names."""
    twins: dict[RowKey, list[str]] = {}
    for key in dict.fromkeys(row.key for row in table.rows):
        first = table.same.get(key, key)
        if first != key:
            twins.setdefault(first, [_method(first)]).append(_method(key))
    if twins:
        equal = ", ".join(dict.fromkeys(" = ".join(names) for names in twins.values()))
        yield f"The same computation, counted once by Holm: {equal}."


def _of_compute(table: Table) -> Iterable[str]:
    yield from of_matchings(table, table.options.matchings)
    yield (
        f"{PUBLISHED} {ALL_FLOPS} Means over samples and the row's benchmarks; below, per "
        "cent of the unpruned model's on the same benchmarks. Removed: 1 - mean share of image "
        "tokens per layer, as achieved."
    )
    yield from speed_fields.notes(table)


def of_matchings(table: Table, matchings: Sequence[str]) -> Iterable[str]:
    """Yield what is equal at a ratio, and how far rows are from the total compute that they were matched to.

    Parameters
    ----------
    table : Table
    matchings : sequence of str
        Those of its rows.
    """
    several = len(matchings) > 1
    if several:
        yield (
            "Blocks of equal share of tokens, and of equal total compute: a row is compared with the "
            "reference of its own block, and both kinds of blocks are corrected for together."
        )
    if TOTAL in matchings:
        where = "In blocks of equal total compute, rows" if several else "Rows"
        yield (
            f"{where} at one ratio have the total compute that the reference has there, as nearly as whole "
            "tokens allow and for a prompt of assumed length: what they remove differs."
        )
    gaps = [own for row in table.rows for own in row.off_target.values()]
    if gaps:
        yield (
            f"{OFF_TARGET} on the samples that were run its total is more than "
            f"{100 * MATCH_TOLERANCE:g} % from the reference's on some benchmark "
            f"({gap(min(gaps))} to {gap(max(gaps))} in this table), so that it "
            "does not cost the same; it is ranked all the same."
        )


def missed_budgets(table: Table) -> Iterable[str]:
    """Yield which rows did not remove what was asked."""
    missed = {
        f"{row.key.strategy} {ratios[1]:.3f} for {ratios[0]:g}": None
        for row in table.rows
        for ratios in row.missed_budget.values()
    }
    if missed:
        yield (
            f"{MISSED_BUDGET} does not remove what was asked, by more than {RATIO_TOLERANCE:g}: "
            f"{', '.join(missed)}. It is compared all the same."
        )


def _of_rows(table: Table) -> Iterable[str]:
    yield from missed_budgets(table)
    if any(row.drawn for row in table.rows):
        yield (
            "Over drawn schedules, or draws of orders or images: seeds are averaged per sample and are a "
            "random factor of intervals and p, crossed with images (two-way mean squares, Obuchowski and "
            "Rockette 1995; Student's t for either factor, Banerjee 1960). Below stand the range of seeds, "
            "and the worst and the best difference of a draw. Too few schedules, or draws: images alone "
            "would tell (p < 0.05), the draws do not."
        )
    yield from kinds_of_rows(table)


def kinds_of_rows(table: Table) -> Iterable[str]:
    """Yield what is said of rows that are no method to deploy, degenerate, or out of reach."""
    if any(row.needs_answer for row in table.rows):
        yield f"{NEEDS_ANSWER} needs the unpruned model's own answer: no method to deploy, and not ranked."
    if any(row.uses_label for row in table.rows):
        yield (
            "Best of seeds (uses the label): per sample the best score of all seeds, chosen by the gold "
            "answer: what any choice among these subsets could reach. No method: neither tested nor ranked. "
            "Its FLOPs are those of one subset."
        )
    if any(row.degenerate and not row.anchor for row in table.rows):
        yield f"{DEGENERATE} degenerate: fewer than 4 image tokens in some layer; not ranked."
    reasons: dict[str, list[str]] = {}
    for row in table.rows:
        if row.unreachable is not None:
            reasons.setdefault(row.unreachable, []).append(_method(row.key))
    for reason, names in reasons.items():
        yield f"{DASH} {', '.join(dict.fromkeys(names))}: {reason}."


def _method(key: RowKey) -> str:
    """Return what a row runs, with what is equal at its ratio in a study of several matchings."""
    method = key.criterion.removesuffix(REVERSED) == key.strategy
    name = row_name(key.strategy, key.criterion) if method else f"{key.strategy} x {key.criterion}"
    return f"{name}{match_in_brackets(key.match)}"


def _family(table: Table, kind: str) -> str:
    """Say of how many tests a correction is."""
    return f"Holm over {table.families[kind]} tests."
