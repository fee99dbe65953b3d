"""Which rows stand in which block of the strategy, criterion and methods table (docs/definitions.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prunegrid.axis_names import BASELINE, NO_CRITERION, SHARE, row_name, with_match
from prunegrid.statistics.testing import holm
from prunegrid.tables import best_of_seeds
from prunegrid.tables.budget import missed_budget
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.chance import chance_of
from prunegrid.tables.compare import Result
from prunegrid.tables.compute_gap import is_off
from prunegrid.tables.contrasts import CRITERION, INTERACTION, STRATEGY, TO_NONE
from prunegrid.tables.difference import LEVEL, Difference
from prunegrid.tables.options import TableOptions
from prunegrid.tables.same_computation import computations
from prunegrid.tables.scores_used import scores_used
from prunegrid.tables.told import Told

# Never ranked: they are what others are measured against.
ANCHORS = (BASELINE, "blind", "mismatched")


# Kind of the methods table.
METHODS = "methods"


@dataclass
class TableRow:
    """One row of a block.

    Attributes
    ----------
    key : RowKey
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
    reference_strategy, reference_criterion : bool
        It has the reference strategy; the reference criterion.
    n_draws : int
        Seeds behind it, where it depends on one.
    draws_schedule : bool
        The seed draws where tokens are dropped.
    needs_answer, uses_label : bool
        Its criterion reads the unpruned answer; it was chosen by the gold answers.
    degenerate : bool
        A layer is left with fewer than 4 image tokens.
    guest : bool
        It has another criterion than its block, and is not ranked in it.
    best : set of str
        Benchmarks on which it is the best of its block, told from all others.
    best_group, marked_group : set of str
        Benchmarks on which it is not told from the highest value of its block; those of them on which that
        group is at most half of the block.
    match : str
        What is equal at its ratio.
    """

    key: RowKey
    label: str
    results: dict[str, Result] = field(default_factory=dict)
    unreachable: str | None = None
    strategy_type: str = ""
    anchor: bool = False
    reference_strategy: bool = False
    reference_criterion: bool = False
    n_draws: int = 0
    draws_schedule: bool = False
    needs_answer: bool = False
    uses_label: bool = False
    degenerate: bool = False
    guest: bool = False
    best: set[str] = field(default_factory=set)
    best_group: set[str] = field(default_factory=set)
    marked_group: set[str] = field(default_factory=set)
    match: str = SHARE

    @property
    def reference(self) -> bool:
        """Whether it has the reference strategy and criterion."""
        return self.reference_strategy and self.reference_criterion

    def is_reference_of(self, kind: str) -> bool:
        """Whether others are compared with it in a kind of contrast."""
        return {STRATEGY: self.reference_strategy, CRITERION: self.reference_criterion}.get(kind, False)

    @property
    def drawn(self) -> str:
        """What it is an average over; empty where nothing is drawn."""
        if self.draws_schedule and self.n_draws:
            return f"over {self.n_draws} drawn schedules" if self.n_draws > 1 else "one drawn schedule"
        return f"over {self.n_draws} draws" if self.n_draws > 1 else ""

    @property
    def missed_budget(self) -> dict[str, tuple[float, float]]:
        """Benchmarks on which its strategy did not remove what was asked: the ratio asked, and achieved."""
        missed = {b: missed_budget(result.compute, self.match) for b, result in self.results.items()}
        return {b: ratios for b, ratios in missed.items() if ratios is not None and not self.anchor}

    @property
    def off_target(self) -> dict[str, float]:
        """Benchmarks on which its total compute is not the reference's, as `match` asks: by how much more."""
        return {b: result.total_gap for b, result in self.results.items() if is_off(result.total_gap)}


@dataclass(frozen=True)
class Leaders:
    """The highest value of a block on a benchmark, and how it compares with the others that are ranked.

    Attributes
    ----------
    top : RowKey
    rivals : int
        Computations that are ranked, the top included.
    pairs : int
        What p is multiplied by: all pairs of rivals.
    differences : dict
        Every other rival -> difference of the top to it; None where they share no seed. Best value first.
    untold : list of RowKey
        Those of them that are not told from the top.
    """

    top: RowKey
    rivals: int
    pairs: int
    differences: dict[RowKey, Difference | None]
    untold: list[RowKey]


@dataclass
class Block:
    """Rows that are compared with each other.

    Attributes
    ----------
    heading : str
    rows : list of TableRow
    fixed : str
        Name on the other axis that its rows share: a criterion in the strategy table. Empty in the first
        block, of the unpruned model and the floors.
    ratio : float
    match : str
        See `RowKey`.
    leaders : dict
        Benchmark -> Leaders; none where fewer than two are ranked.
    """

    heading: str
    rows: list[TableRow]
    fixed: str = ""
    ratio: float = 0.0
    match: str = ""
    leaders: dict[str, Leaders] = field(default_factory=dict)

    @property
    def budget(self) -> tuple[float, str] | None:
        """Ratio and matching; None for what is not pruned."""
        return (self.ratio, self.match) if self.fixed else None


@dataclass
class Table:
    """The strategy, the criterion or the methods table of one model.

    Attributes
    ----------
    kind : str
        strategy, criterion or methods.
    model : str
    benchmarks : list of str
    blocks : list of Block
    options : TableOptions
    corrected : dict
        (row key, benchmark, kind of contrast) -> Holm-adjusted p over the table's tests of that kind.
    corrected_given_draws : dict
        The same of what is drawn, were all draws taken as they are: of sign flips over images.
    warnings : list of str
        What keeps its rows from being computed alike.
    families : dict
        Kind of contrast -> number of tests that it was corrected for.
    same : dict
        Row -> the first row that is the same computation.
    scores_used : sequence of str
        Which score each strategy used at each cut.
    chances : mapping
        Benchmark -> accuracy of guessing, None where answers are free.
    """

    kind: str
    model: str
    benchmarks: list[str]
    blocks: list[Block]
    options: TableOptions
    corrected: dict[tuple[RowKey, str, str], float] = field(default_factory=dict)
    corrected_given_draws: dict[tuple[RowKey, str, str], float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    families: dict[str, int] = field(default_factory=dict)
    same: Mapping[RowKey, RowKey] = field(default_factory=dict)
    scores_used: Sequence[str] = ()
    chances: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The kinds of contrast that it shows and corrects: what it costs, its own question, interaction.

        That of methods shows what they cost; their averages are compared in `method_effects`.
        """
        if self.kind == METHODS:
            return (TO_NONE,)
        return TO_NONE, STRATEGY if self.kind == "strategy" else CRITERION, INTERACTION

    def too_few_draws(self, row: TableRow, benchmark: str, kind: str) -> bool:
        """Return whether draws keep a difference from being told: images alone tell it, corrected or not."""
        difference = row.results[benchmark].contrasts[kind]
        place = row.key, benchmark, kind
        as_drawn = self.corrected_given_draws.get(place, np.nan)
        told_if_drawn = difference.n_draws > 1 and as_drawn < LEVEL <= self.corrected[place]
        return difference.too_few_draws or bool(told_if_drawn)

    @property
    def rows(self) -> list[TableRow]:
        """All rows of all blocks."""
        return [row for block in self.blocks for row in block.rows]


class Maker:
    """Makes the strategy, the criterion and the methods table of a model from its results.

    Parameters
    ----------
    cells : sequence of ScoredCell
        All cells of the model, in table order.
    results : mapping
        Benchmark -> row key -> Result.
    unreachable : iterable of mappings
        strategy, criterion, ratio, match (optional), reason.
    options : TableOptions
    told : mapping, optional
        How the rows' predictions were made; see `told.read_told`.
    """

    def __init__(
        self,
        cells: Sequence[ScoredCell],
        results: Mapping[str, Mapping[RowKey, Result]],
        unreachable: Iterable[Mapping[str, Any]],
        options: TableOptions,
        told: Told | None = None,
    ) -> None:
        self.told = told or {}
        self.same = computations(self.told)
        self.options = options
        self.results = results
        self.model = cells[0].model
        self.chances = {
            cell.benchmark: chance_of(cell) for cell in {c.benchmark: c for c in reversed(cells)}.values()
        }
        self.cells = {cell.row: cell for cell in reversed(cells)}
        self.unreachable = {
            RowKey(u["strategy"], u["criterion"], float(u["ratio"]), u.get("match", "")): u["reason"]
            for u in unreachable
        }
        keys = [*dict.fromkeys(cell.row for cell in cells), *self.unreachable]
        self.keys = list(dict.fromkeys(keys))
        own = [key for key in self.keys if key.strategy not in options.methods]
        self.strategies = list(dict.fromkeys(key.strategy for key in own))
        self.criteria = [c for c in dict.fromkeys(key.criterion for key in own) if c != NO_CRITERION]
        # Ratio, and what is equal there: ratios stand together.
        order = ["", *options.matchings]
        self.budgets = sorted(
            {(key.ratio, key.match) for key in self.keys if not self._is_anchor(key)},
            key=lambda budget: (budget[0], order.index(budget[1])),
        )
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
            for budget in self.budgets:
                keys = [RowKey(strategy, criterion, *budget) for strategy in self.strategies]
                if criterion == fixed[0]:
                    keys = self._with_special(keys)
                heading = f"criterion {criterion}, ratio {_words(*budget)}"
                blocks.append(self._block(heading, keys, criterion, budget))
        return self._table("strategy", blocks)

    def criterion(self) -> Table:
        """All criteria, in blocks of a strategy and a ratio, the reference strategy first."""
        reference = self.options.reference_strategy
        ranks = {key.strategy for key in self.keys if key.criterion != NO_CRITERION}
        ranking = [strategy for strategy in self.strategies if strategy in ranks]
        ranking.sort(key=lambda name: name != reference)
        blocks = [self._anchors()]
        for strategy in ranking:
            for budget in self.budgets:
                keys = [RowKey(strategy, criterion, *budget) for criterion in self.criteria]
                heading = f"strategy {strategy}, ratio {_words(*budget)}"
                blocks.append(self._block(heading, keys, strategy, budget))
        return self._table("criterion", blocks)

    def methods(self) -> Table:
        """All methods, in a block for each budget, as published and upside down."""
        blocks, place = [self._anchors()], {name: n for n, name in enumerate(self.options.methods)}
        keys = [key for key in self.keys if key.strategy in place]
        # Those out of reach stand among the others, and one upside down behind the method itself.
        keys.sort(key=lambda key: (place[key.strategy], key.criterion))
        for budget in self.budgets:
            own = [key for key in keys if (key.ratio, key.match) == budget]
            blocks.append(
                self._block(with_match(self.options.budget_words(budget[0]), budget[1]), own, METHODS, budget)
            )
        return self._table(METHODS, blocks)

    def by_budget(self) -> list[Block]:
        """All rows that ran, in a block for each budget; those chosen by the gold answers are left out."""
        blocks = [self._anchors()]
        for budget in self.budgets:
            here = (key for key in self.keys if key in self.cells and (key.ratio, key.match) == budget)
            ran = [key for key in here if not self._is_anchor(key) and not self.cells[key].uses_label]
            blocks.append(self._block(f"ratio {_words(*budget)}", ran, NO_CRITERION, budget))
        return [block for block in blocks if block.rows]

    def _with_special(self, keys: list[RowKey]) -> list[RowKey]:
        """Add what has no criterion, and random tokens at every layer beside random schedules."""
        result = []
        for key in keys:
            result += [key, key._replace(criterion=NO_CRITERION)]
            if self._type_of(key.strategy) == "random":
                result += [
                    key._replace(strategy=other, criterion=drawn)
                    for other in self.strategies
                    for drawn in self.criteria
                    if self._type_of(other) == "uniform" and self.types.get(drawn, drawn) == "random"
                ]
        return list(dict.fromkeys(result))

    def _type_of(self, strategy: str) -> str:
        return next((c.strategy_type for c in self.cells.values() if c.strategy == strategy), strategy)

    def _is_anchor(self, key: RowKey) -> bool:
        return key.ratio == 0 and self._type_of(key.strategy) in ANCHORS

    def _anchors(self) -> Block:
        return self._block("no pruning, and the floors", [key for key in self.keys if self._is_anchor(key)])

    def _block(
        self, heading: str, keys: list[RowKey], fixed: str = "", budget: tuple[float, str] = (0.0, "")
    ) -> Block:
        rows = [
            self._row(key, heading, fixed) for key in keys if key in self.cells or key in self.unreachable
        ]
        return Block(heading, rows, fixed, *budget)

    def _row(self, key: RowKey, heading: str, fixed: str) -> TableRow:
        strategy, criterion = key.strategy, key.criterion
        label, guest = strategy, False
        if strategy in self.options.methods:
            label = row_name(strategy, criterion)
        elif heading.startswith("strategy"):
            label = criterion
        elif fixed and criterion not in (fixed, NO_CRITERION):
            label, guest = f"{strategy} x {criterion}", True
        if key not in self.cells:
            return TableRow(
                key, label, unreachable=self.unreachable[key], strategy_type=self._type_of(strategy)
            )
        results = {b: rows[key] for b, rows in self.results.items() if key in rows}
        return TableRow(
            key,
            label,
            results,
            strategy_type=self.cells[key].strategy_type,
            anchor=self._is_anchor(key),
            reference_strategy=strategy == self.options.reference_strategy,
            reference_criterion=criterion == self.options.reference_criterion,
            n_draws=max((len(result.seeds) for result in results.values()), default=0),
            draws_schedule=self.cells[key].draws_schedule,
            needs_answer=self.cells[key].needs_answer,
            match=self.options.matching(key.match),
            uses_label=self.cells[key].uses_label,
            degenerate=any(result.degenerate for result in results.values()),
            guest=guest,
        )

    def _table(self, kind: str, blocks: list[Block]) -> Table:
        shown = [block for block in blocks if block.rows]
        table = Table(kind, self.model, list(self.results), shown, self.options, same=self.same)
        table.chances = self.chances
        table.scores_used = scores_used(self.told, (row.key for row in table.rows))
        for contrast in table.contrasts:
            # Rows that stand in several blocks, and those that are the same computation, are one test.
            tests: dict[tuple[str, frozenset[tuple[RowKey, int]]], float] = {}
            given: dict[tuple[str, frozenset[tuple[RowKey, int]]], float] = {}
            places = {}
            for row in table.rows:
                for benchmark, result in row.results.items():
                    if (difference := result.contrasts.get(contrast)) is not None:
                        test = benchmark, difference.computed
                        tests.setdefault(test, difference.p)
                        drawn = difference.n_draws > 1
                        given.setdefault(test, difference.p_given_draws if drawn else difference.p)
                        places[row.key, benchmark, contrast] = test
            adjusted = dict(zip(tests, holm(np.array(list(tests.values()), dtype=float)), strict=True))
            table.corrected |= {place: float(adjusted[test]) for place, test in places.items()}
            as_drawn = dict(zip(given, holm(np.array(list(given.values()), dtype=float)), strict=True))
            table.corrected_given_draws |= {place: float(as_drawn[test]) for place, test in places.items()}
            table.families[contrast] = int(np.isfinite(list(tests.values())).sum())
        return table


def _words(ratio: float, match: str) -> str:
    return with_match(f"{ratio:g}", match)
