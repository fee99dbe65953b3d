"""Which rows stand in which block of the strategy and the criterion table (docs/definitions.md, Tables)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prunegrid.axis_names import BASELINE, NO_CRITERION
from prunegrid.statistics.testing import holm
from prunegrid.tables import best_of_seeds
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.compare import Result
from prunegrid.tables.compute_gap import is_off
from prunegrid.tables.options import TableOptions

# Never ranked: they are what others are measured against.
_ANCHORS = (BASELINE, "blind", "mismatched")


@dataclass
class TableRow:
    """One row of a block.

    Attributes
    ----------
    key : RowKey
        Strategy, criterion, ratio.
    label : str
        What the line is called in its block.
    results : dict
        Benchmark -> Result; empty for a row out of reach.
    unreachable : str or None
        Why there are no results.
    strategy_type : str
        Plug-in behind the strategy's name.
    anchor : bool
        It is not ranked: unpruned, or without the image, or with another one.
    reference : bool
        It has the reference strategy and criterion.
    needs_answer, uses_label : bool
        Its criterion reads the unpruned answer; it was chosen by the gold answers.
    degenerate : bool
        A layer is left with fewer than 4 image tokens.
    best : set of str
        Benchmarks on which it is the best of its block.
    """

    key: RowKey
    label: str
    results: dict[str, Result] = field(default_factory=dict)
    unreachable: str | None = None
    strategy_type: str = ""
    anchor: bool = False
    reference: bool = False
    needs_answer: bool = False
    uses_label: bool = False
    degenerate: bool = False
    best: set[str] = field(default_factory=set)

    @property
    def off_target(self) -> dict[str, float]:
        """Benchmarks on which its total compute is not the reference's, as `match` asks: by how much more."""
        return {b: result.total_gap for b, result in self.results.items() if is_off(result.total_gap)}


@dataclass
class Block:
    """Rows that are compared with each other, under a heading: those of one ratio, and a fixed other axis."""

    heading: str
    rows: list[TableRow]


@dataclass
class Table:
    """The strategy table or the criterion table of one model.

    Attributes
    ----------
    kind : str
        strategy or criterion.
    model : str
    benchmarks : list of str
    blocks : list of Block
    options : TableOptions
    corrected : dict
        (row key, benchmark, "to_none" or "to_reference") -> Holm-adjusted p over the table's tests of
        that kind.
    warnings : list of str
        What keeps its rows from being computed alike.
    """

    kind: str
    model: str
    benchmarks: list[str]
    blocks: list[Block]
    options: TableOptions
    corrected: dict[tuple[RowKey, str, str], float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[TableRow]:
        """All rows of all blocks."""
        return [row for block in self.blocks for row in block.rows]


class Maker:
    """Makes the strategy table and the criterion table of a model from its results.

    Parameters
    ----------
    cells : sequence of ScoredCell
        All cells of the model, in table order.
    results : mapping
        Benchmark -> row key -> Result.
    unreachable : iterable of mappings
        strategy, criterion, ratio, reason.
    options : TableOptions
    """

    def __init__(
        self,
        cells: Sequence[ScoredCell],
        results: Mapping[str, Mapping[RowKey, Result]],
        unreachable: Iterable[Mapping[str, Any]],
        options: TableOptions,
    ) -> None:
        self.options = options
        self.results = results
        self.model = cells[0].model
        self.cells = {cell.row: cell for cell in reversed(cells)}
        self.unreachable = {
            (u["strategy"], u["criterion"], float(u["ratio"])): u["reason"] for u in unreachable
        }
        keys = [*dict.fromkeys(cell.row for cell in cells), *self.unreachable]
        self.keys = list(dict.fromkeys(keys))
        self.strategies = list(dict.fromkeys(key[0] for key in self.keys))
        self.criteria = [c for c in dict.fromkeys(key[1] for key in self.keys) if c != NO_CRITERION]
        self.ratios = sorted({key[2] for key in self.keys if not self._is_anchor(key)})
        self.types = {cell.criterion: cell.criterion_type for cell in cells}

    def strategy(self) -> Table:
        """All strategies, in blocks of a fixed criterion and a ratio."""
        fixed = [
            criterion
            for wanted in self.options.fixed_criteria
            for criterion in self.criteria
            if self.types.get(criterion, criterion) == wanted
        ]
        fixed = (
            fixed or [c for c in self.criteria if self.types.get(c) != best_of_seeds.TYPE] or [NO_CRITERION]
        )
        blocks = [self._anchors()]
        for criterion in fixed:
            for ratio in self.ratios:
                keys = [(strategy, criterion, ratio) for strategy in self.strategies]
                if criterion == fixed[0]:
                    keys = self._with_special(keys, ratio)
                blocks.append(self._block(f"criterion {criterion}, ratio {ratio:g}", keys, fixed=criterion))
        return self._table("strategy", blocks)

    def criterion(self) -> Table:
        """All criteria, in blocks of a strategy and a ratio, the reference strategy first."""
        reference = self.options.reference_strategy
        ranking = [s for s in self.strategies if any(k[0] == s and k[1] != NO_CRITERION for k in self.keys)]
        ranking.sort(key=lambda name: name != reference)
        blocks = [self._anchors()]
        for strategy in ranking:
            for ratio in self.ratios:
                keys = [(strategy, criterion, ratio) for criterion in self.criteria]
                blocks.append(self._block(f"strategy {strategy}, ratio {ratio:g}", keys))
        return self._table("criterion", blocks)

    def _with_special(self, keys: list[RowKey], ratio: float) -> list[RowKey]:
        """Add what has no criterion, and random tokens at every layer beside random schedules."""
        result = []
        for strategy, criterion, _ in keys:
            result += [(strategy, criterion, ratio), (strategy, NO_CRITERION, ratio)]
            if self._type_of(strategy) == "random":
                result += [
                    (other, drawn, ratio)
                    for other in self.strategies
                    for drawn in self.criteria
                    if self._type_of(other) == "uniform" and self.types.get(drawn, drawn) == "random"
                ]
        return list(dict.fromkeys(result))

    def _type_of(self, strategy: str) -> str:
        return next((c.strategy_type for c in self.cells.values() if c.strategy == strategy), strategy)

    def _is_anchor(self, key: RowKey) -> bool:
        return key[2] == 0 and self._type_of(key[0]) in _ANCHORS

    def _anchors(self) -> Block:
        return self._block("no pruning, and the floors", [key for key in self.keys if self._is_anchor(key)])

    def _block(self, heading: str, keys: list[RowKey], fixed: str | None = None) -> Block:
        rows = [
            self._row(key, heading, fixed) for key in keys if key in self.cells or key in self.unreachable
        ]
        for benchmark in self.results:
            _mark_best(rows, benchmark)
        return Block(heading, rows)

    def _row(self, key: RowKey, heading: str, fixed: str | None) -> TableRow:
        strategy, criterion, _ = key
        label = strategy
        if heading.startswith("strategy"):
            label = criterion
        elif fixed is not None and criterion not in (fixed, NO_CRITERION):
            label = f"{strategy} x {criterion}"
        if key not in self.cells:
            return TableRow(
                key, label, unreachable=self.unreachable[key], strategy_type=self._type_of(strategy)
            )
        results = {b: rows[key] for b, rows in self.results.items() if key in rows}
        wanted = (self.options.reference_strategy, self.options.reference_criterion)
        return TableRow(
            key,
            label,
            results,
            strategy_type=self.cells[key].strategy_type,
            anchor=self._is_anchor(key),
            reference=(strategy, criterion) == wanted,
            needs_answer=self.cells[key].needs_answer,
            uses_label=self.cells[key].uses_label,
            degenerate=any(result.degenerate for result in results.values()),
        )

    def _table(self, kind: str, blocks: list[Block]) -> Table:
        table = Table(
            kind, self.model, list(self.results), [block for block in blocks if block.rows], self.options
        )
        for which in ("to_none", "to_reference"):
            tests = {
                (row.key, benchmark, which): difference.p
                for row in table.rows
                for benchmark, result in row.results.items()
                if (difference := getattr(result, which)) is not None
            }
            adjusted = holm(np.array(list(tests.values()), dtype=float))
            table.corrected |= dict(zip(tests, adjusted.tolist(), strict=True))
        return table


def _mark_best(rows: list[TableRow], benchmark: str) -> None:
    """Mark the highest values; anchors, degenerate rows and those that need an answer do not compete.

    Nor do rows of errors only, which have no value.
    """
    values = [
        (row, row.results[benchmark].value)
        for row in rows
        if benchmark in row.results
        and np.isfinite(row.results[benchmark].value)
        and not (row.anchor or row.degenerate or row.needs_answer or row.uses_label)
    ]
    if len(values) > 1:
        top = max(value for _, value in values)
        for row, value in values:
            if value >= top - 1e-12:
                row.best.add(benchmark)
