"""Write the table files of one model from the scores of its cells."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from prunegrid.errors import DataError
from prunegrid.results.computed_on import mixtures
from prunegrid.results.predictions import read_metadata
from prunegrid.results.store import PREDICTIONS
from prunegrid.tables import flat
from prunegrid.tables.best import mark_best
from prunegrid.tables.best_of_seeds import best_of_seeds
from prunegrid.tables.blocks import Maker, Table
from prunegrid.tables.budget import budget_columns
from prunegrid.tables.cells import RowKey, ScoredCell, read_cells, write_cells
from prunegrid.tables.changed_answers import write_changed_answers
from prunegrid.tables.changes_table import write_changes
from prunegrid.tables.compare import Comparison
from prunegrid.tables.compute_gap import Targets, gap_columns, reference_totals
from prunegrid.tables.display import printed
from prunegrid.tables.four_formats import write_four_formats
from prunegrid.tables.main_effects import MainEffect, main_effects, members
from prunegrid.tables.main_effects_table import write_main_effects
from prunegrid.tables.method_effects import MethodEffect, method_effects, method_rows
from prunegrid.tables.methods_table import write_methods
from prunegrid.tables.options import TableOptions
from prunegrid.tables.paper_table import write_paper
from prunegrid.tables.same_computation import computations
from prunegrid.tables.speed import with_speed
from prunegrid.tables.told import read_told

_LOG = logging.getLogger(__name__)
# So that the smallest possible p, times the number of tests, stays well below 5 %.
_FLIPS_PER_TEST = 50


@dataclass(frozen=True)
class Compared:
    """All that is said of one model's cells.

    Attributes
    ----------
    comparisons : dict
        Benchmark -> Comparison, with its results.
    maker : Maker
        Of the tables.
    tables : list of Table
        The strategy and the criterion table.
    effects : list of MainEffect
    averaged : list of str
        Benchmarks that these are averaged over.
    methods : Table or None
        The methods table, in a study that has methods.
    method_effects : dict
        Row of it -> its average over benchmarks.
    """

    comparisons: dict[str, Comparison]
    maker: Maker
    tables: list[Table]
    effects: list[MainEffect]
    averaged: list[str]
    methods: Table | None = None
    method_effects: dict[RowKey, MethodEffect] = field(default_factory=dict)


def build_tables(
    cells: Sequence[Mapping[str, Any]],
    unreachable: Iterable[Mapping[str, Any]],
    folder: str | Path,
    options: Mapping[str, Any] | None = None,
    measurements: pd.DataFrame | None = None,
) -> Compared:
    """Write cells.csv, changed_answers.csv, and the tables of one model, each in four formats.

    In a study with methods, `methods` is one of them.

    Parameters
    ----------
    cells : sequence of mappings
        All cells of one model in table order, each with model, benchmark, strategy, criterion, ratio,
        seed, folder, needs_answer, strategy_type and criterion_type.
    unreachable : iterable of mappings
        strategy, criterion, ratio, match (optional) and reason of what is shown as a dash.
    folder : path
        Where the tables go: `results/{model}/tables`.
    options : mapping, optional
        The `tables` section of the configuration: fields of `TableOptions`.
    measurements : DataFrame, optional
        Rows of `prunegrid.results.measurements.MEASUREMENTS`, of some cells of the model.

    Returns
    -------
    Compared
        What the tables were made from.

    Raises
    ------
    DataError
        If there are no cells, cells of several models, or score files cannot be read.
    """
    folder = Path(folder)
    scored = read_cells(cells)
    if measurements is not None:
        scored = with_speed(scored, measurements)
    if len({cell.model for cell in scored}) != 1:
        raise DataError(
            f"{folder}: tables are of one model, got cells of {sorted({c.model for c in scored})}"
        )
    chosen = TableOptions(**(options or {}))
    warnings = computed_differently(cells)
    for warning in warnings.values():
        _LOG.warning(warning)
    made = compared(scored, unreachable, chosen)
    changed = {name: comparison.changes for name, comparison in made.comparisons.items()}
    targets = reference_totals(scored, chosen)
    write_cells(
        scored,
        folder / "cells.csv",
        lambda cell: {
            **_more_columns(targets, chosen, cell),
            **changed[cell.benchmark].columns_of(cell),
        },
    )
    write_changed_answers(
        (line for cell in scored for line in changed[cell.benchmark].lines_of(cell)), folder
    )
    write_main_effects(made.effects, scored[0].model, made.averaged, chosen, folder)
    write_changes(made.maker.by_budget(), made.tables[0], folder)
    for table in made.tables:
        table.warnings += warnings.values()
        write_table(table, folder)
        write_paper(table, made.maker.told, warnings, folder)
    if made.methods is not None:
        made.methods.warnings += warnings.values()
        write_methods(made.methods, made.method_effects, made.averaged, folder)
    return made


def _more_columns(
    targets: Targets, options: TableOptions, cell: ScoredCell
) -> dict[str, float | bool | None]:
    return {
        **gap_columns(targets, cell),
        **budget_columns(cell.numbers, options.matching(cell.match)),
    }


def make_tables(
    cells: Sequence[ScoredCell], unreachable: Iterable[Mapping[str, Any]], options: TableOptions
) -> list[Table]:
    """Return the strategy and the criterion table of one model's cells."""
    return compared(cells, unreachable, options).tables


def compared(
    cells: Sequence[ScoredCell], unreachable: Iterable[Mapping[str, Any]], options: TableOptions
) -> Compared:
    """Compare one model's cells with each other."""
    cells = [*cells, *best_of_seeds(cells, options.best_of)]
    told = read_told(cells)
    made = comparisons(cells, options, computations(told))
    rows = {**members(cells, options.methods), **method_rows(cells, options)}
    for comparison in made.values():
        comparison.groups_of = rows
    results = {benchmark: comparison.results() for benchmark, comparison in made.items()}
    maker = Maker(cells, results, unreachable, options, told)
    tables = [maker.strategy(), maker.criterion()]
    for benchmark, comparison in made.items():
        for block in (block for table in tables for block in table.blocks):
            leaders = mark_best(block.rows, benchmark, comparison.against, maker.same)
            if leaders is not None:
                block.leaders[benchmark] = leaders
    kept = {benchmark: comparison.kept for benchmark, comparison in made.items() if comparison.kept}
    needs_answer = {cell.criterion for cell in cells if cell.needs_answer}
    return Compared(
        made,
        maker,
        tables,
        main_effects(kept, rows, options, needs_answer),
        [*kept],
        maker.methods() if options.methods else None,
        method_effects(kept, rows, options),
    )


def computed_differently(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return benchmark -> a warning, for those whose cells were computed on different devices or batches.

    Parameters
    ----------
    cells : iterable of mapping
        `benchmark`, and `folder` with the predictions.
    """
    benchmarks: dict[str, dict[str, dict[str, Any]]] = {}
    for cell in cells:
        file = Path(cell["folder"], PREDICTIONS)
        if file.exists():
            benchmarks.setdefault(cell["benchmark"], {})[str(file)] = read_metadata(file)
    return {
        benchmark: (
            f"Warning: cells of {benchmark} were not computed alike: {' and '.join(mixed)}. On a GPU or in "
            "16 bit these change the last digits of logits, and with them some kept tokens and answers: a "
            "difference of a few answers may be theirs."
        )
        for benchmark, own in benchmarks.items()
        if (mixed := mixtures(own))
    }


def comparisons(
    cells: Sequence[ScoredCell], options: TableOptions, same: Mapping[RowKey, RowKey] | None = None
) -> dict[str, Comparison]:
    """Return benchmark -> Comparison of its cells."""
    benchmarks: dict[str, list[ScoredCell]] = {}
    for cell in cells:
        benchmarks.setdefault(cell.benchmark, []).append(cell)
    n_tests = sum(len({cell.row for cell in own}) for own in benchmarks.values())
    flips = max(options.replicates, _FLIPS_PER_TEST * n_tests)
    return {name: Comparison(own, options, flips, same) for name, own in benchmarks.items()}


def write_table(table: Table, folder: Path) -> None:
    """Write one table in its four formats."""
    write_four_formats(table.kind, flat.render(table), printed(table), folder)
