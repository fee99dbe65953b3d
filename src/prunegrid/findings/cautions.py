"""Warnings: what keeps a model's findings from meaning what they seem to (docs/findings.md, Warnings)."""

from collections.abc import Iterator

import numpy as np

from prunegrid.axis_names import BASELINE
from prunegrid.findings.words import capital
from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.cells import RowKey
from prunegrid.tables.hopeless import hopeless
from prunegrid.tables.notes import TOY
from prunegrid.tables.options import SCALE
from prunegrid.tables.row_compute import mean_ledger
from prunegrid.tables.signs import gap

# Natural units: so near its maximum nothing can gain, and little can be told to lose.
CEILING = 0.03
# With fewer drawn schedules, or draws, hardly any difference survives the correction: docs/definitions.md.
FEWEST_DRAWS = 5
# Of a row's cuts: beyond it the tokens' order, not the criterion, decides a part worth telling.
TIED = 0.05


def cautions_of(tables: list[Table]) -> list[str]:
    """Return the warnings of one model, each once.

    Parameters
    ----------
    tables : list of Table
        The strategy and the criterion table.
    """
    rows = {row.key: row for table in tables for row in table.rows if row.results}
    found = [TOY] * any(table.options.toy for table in tables)
    found += [_without_prefix(text) for table in tables for text in (*hopeless(table), *table.warnings)]
    for benchmark in tables[0].benchmarks:
        own = {key: row for key, row in rows.items() if benchmark in row.results}
        found += [*_errors(own, benchmark), *_ceiling(own, benchmark)]
    found += [*_few_draws(rows, tables), *_degenerate(rows), *_ties(rows), *_budgets(rows)]
    return list(dict.fromkeys(found))


def _without_prefix(text: str) -> str:
    """Return a foot-note as a warning among warnings."""
    return capital(text.removeprefix("Warning: "))


def _errors(rows: dict[RowKey, TableRow], benchmark: str) -> Iterator[str]:
    errors = [row.results[benchmark].n_error for row in rows.values()]
    if sum(errors):
        yield (
            f"{benchmark}: {sum(errors)} error rows, in {np.count_nonzero(errors)} of {len(errors)} table "
            "rows. They are left out: every difference is over the samples that both answered."
        )


def _ceiling(rows: dict[RowKey, TableRow], benchmark: str) -> Iterator[str]:
    """Warn where the unpruned model and more than half of the pruned rows are near the maximum."""
    results = {key: row.results[benchmark] for key, row in rows.items()}
    unpruned = [one.value for key, one in results.items() if rows[key].strategy_type == BASELINE]
    pruned = [one.value for key, one in results.items() if not rows[key].anchor and np.isfinite(one.value)]
    if not unpruned or not pruned or any(one.metric == "cider" for one in results.values()):
        return
    high = sum(value >= 1 - CEILING for value in pruned)
    if unpruned[0] >= 1 - CEILING and 2 * high > len(pruned):
        yield (
            f"{benchmark}: a ceiling. The unpruned model and {high} of {len(pruned)} pruned rows are within "
            f"{SCALE * CEILING:g} points of the maximum: it can hardly tell methods apart."
        )


def _few_draws(rows: dict[RowKey, TableRow], tables: list[Table]) -> Iterator[str]:
    few: dict[tuple[int, str], list[str]] = {}
    for row in rows.values():
        drawn = "schedules" if row.draws_schedule else "draws"
        if not row.anchor and not row.uses_label and row.drawn and row.n_draws < FEWEST_DRAWS:
            name = f"strategy {row.key.strategy}" if row.draws_schedule else f"criterion {row.key.criterion}"
            few.setdefault((row.n_draws, drawn), []).append(name)
    for (number, drawn), names in few.items():
        what = f"{number} {drawn}" if number > 1 else f"a single {drawn[:-1]}: it is not tested"
        yield capital(
            f"{', '.join(dict.fromkeys(names))}: over {what}. With fewer than {FEWEST_DRAWS} hardly any "
            "difference survives the correction; a missing finding says little."
        )
    few_of = {
        (row.key, benchmark, kind)
        for table in tables
        for row in table.rows
        for benchmark, result in row.results.items()
        for kind in table.contrasts
        if (difference := result.contrasts.get(kind)) is not None and difference.n_draws > 1
        if table.too_few_draws(row, benchmark, kind)
    }
    if few_of:
        yield (
            f"In {len(few_of)} comparisons the images alone would tell a difference, but the draws are too "
            "few."
        )


def _degenerate(rows: dict[RowKey, TableRow]) -> Iterator[str]:
    parts = []
    for ratio in sorted({key.ratio for key in rows}):
        own = [row for row in rows.values() if row.key.ratio == ratio and not row.anchor]
        if broken := [row for row in own if row.degenerate]:
            parts.append(f"{len(broken)} of {len(own)} rows at ratio {ratio:g}")
    if parts:
        yield f"Fewer than 4 image tokens in some layer: {', '.join(parts)}; compared, but not ranked."


def _ties(rows: dict[RowKey, TableRow]) -> Iterator[str]:
    """Warn of criteria whose scores often do not tell the last kept token from the first dropped one."""
    shares: dict[str, list[float]] = {}
    for row in rows.values():
        share = mean_ledger(row, "tied_cuts")
        if share > TIED:
            shares.setdefault(f"{row.key.strategy} with {row.key.criterion}", []).append(share)
    if shares:
        parts = [f"{name} ({100 * max(own):.0f} %)" for name, own in shares.items()]
        yield (
            f"Cuts that fell on a tie: {', '.join(parts)}. There the last kept token and the first dropped "
            "one have the same score, and the order of tokens in the prompt decides: the first stays."
        )


def _budgets(rows: dict[RowKey, TableRow]) -> Iterator[str]:
    missed = {
        f"{row.key.strategy} removes {ratios[1]:.3f} instead of {ratios[0]:g}": None
        for row in rows.values()
        for ratios in row.missed_budget.values()
    }
    if missed:
        yield f"Budgets that were missed; the rows are compared all the same: {'; '.join(missed)}."
    gaps = [own for row in rows.values() for own in row.off_target.values()]
    if gaps:
        yield (
            f"{len(gaps)} rows do not have the reference's total compute, by {gap(min(gaps))} to "
            f"{gap(max(gaps))}; they are compared all the same."
        )
