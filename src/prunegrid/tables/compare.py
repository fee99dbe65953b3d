"""Statistics of every row of a table on one benchmark: values, contrasts and retained gain.

All rows share the resamples of one clustered bootstrap, so that differences are paired and a hundred
rows cost one matrix product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.value_interval import joined, value_limits
from prunegrid.tables.aligned_scores import AlignedScores, RowScores
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.changes import Changes, RowChanges
from prunegrid.tables.compute_gap import reference_totals, total_gap
from prunegrid.tables.contrasts import INTERACTION, KINDS, TO_NONE, Terms, distinct, terms
from prunegrid.tables.difference import Contrast, Difference, Resampled, differences, over_draws
from prunegrid.tables.kept import Group, Kept, KeptShares
from prunegrid.tables.options import TableOptions
from prunegrid.tables.signs import UNBOUNDED

_AT_ONCE = 50
# Rows kept for blocks: a few of them.
_RECENT = 150


@dataclass
class Result:
    """A row's numbers on one benchmark, in natural units.

    Attributes
    ----------
    metric, variant : str
        The headline metric and the rule behind it.
    value, low, high : float
        Mean over samples, with its 95 % interval, over images, and seeds where they draw something; joined
        with a score interval, which stays open at 0 and at 1. NaN where every row is an error.
    n, n_error, n_images : int
        Samples, errors over all seeds, and images with an answer.
    seeds : list of float
        The metric by seed; NaN where every row is an error.
    contrasts : dict
        Kind (`contrasts.KINDS`) -> Difference; none of a kind for the reference itself and where there is
        nothing to compare with.
    retained : tuple of float or None
        Retained visual gain with its interval; None where none minus blind may be 0, and of these two.
    changes : RowChanges
        Agreement with the unpruned model, what turned wrong and right, certainty, and scores where the image
        is needed and where not.
    compute : dict
        Mean ledger, and mean places of the kept tokens.
    degenerate : bool
        A layer is left with fewer than 4 image tokens.
    total_gap : float
        How much more total compute it takes than the reference, relative; NaN unless rows were matched.
    non_inferior : bool or None
        Whether the interval of `to_none` excludes a loss larger than the margin; None where nothing is known,
        and of a single drawn schedule.
    """

    metric: str
    variant: str
    value: float
    low: float
    high: float
    n: int
    n_error: int
    n_images: int
    seeds: list[float]
    compute: dict[str, float]
    degenerate: bool
    contrasts: dict[str, Difference] = field(default_factory=dict)
    retained: tuple[float, float, float] | None = None
    changes: RowChanges = field(default_factory=RowChanges)
    total_gap: float = np.nan
    non_inferior: bool | None = field(default=None)

    @property
    def to_none(self) -> Difference | None:
        """The difference to the unpruned model."""
        return self.contrasts.get(TO_NONE)

    @property
    def agreement(self) -> float:
        """Share of samples that get the answer of the unpruned model; NaN where none is compared."""
        return self.changes.numbers.get("agreement", np.nan)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; NaN for one seed that answered."""
        return float(np.std(self.answered, ddof=1)) if len(self.answered) > 1 else np.nan

    @property
    def answered(self) -> list[float]:
        """The metric of the seeds that have one."""
        return [value for value in self.seeds if np.isfinite(value)]


class Comparison:
    """Computes the results of all rows of one model and benchmark.

    Parameters
    ----------
    cells : sequence of ScoredCell
        All cells of the benchmark.
    options : TableOptions
    permutations : int
        Sign flips per test.
    computations : mapping, optional
        Row -> the first row that is the same computation; see `same_computation`.
    """

    def __init__(
        self,
        cells: Sequence[ScoredCell],
        options: TableOptions,
        permutations: int,
        computations: Mapping[RowKey, RowKey] | None = None,
    ) -> None:
        self.computations = computations or {}
        self.options = options
        self.permutations = permutations
        self.groups: dict[RowKey, list[ScoredCell]] = {}
        for cell in cells:
            self.groups.setdefault(cell.row, []).append(cell)
        self.keys = list(self.groups)
        self._recent: dict[RowKey, RowScores] = {}
        # Set before `results`, which then fills `kept`; see `main_effects`.
        self.groups_of: Mapping[Group, Sequence[RowKey]] = {}
        self.kept: Mapping[Group, Kept] = {}
        self._targets = reference_totals(cells, options)
        self.baseline = self._only(BASELINE)
        self.floor = self._only("blind")

    def _only(self, strategy_type: str) -> RowKey | None:
        keys = (key for key, cells in self.groups.items() if cells[0].strategy_type == strategy_type)
        return next(keys, None)

    @cached_property
    def _samples(self) -> AlignedScores:
        baseline = self.groups[self.baseline][0] if self.baseline is not None else None
        return AlignedScores([cell for cells in self.groups.values() for cell in cells], baseline)

    @cached_property
    def _bootstrap(self) -> Bootstrap:
        return Bootstrap(self._samples.clusters.count, self.options.replicates, self.options.seed)

    @cached_property
    def changes(self) -> Changes:
        """What pruning changed in the rows that were read; complete after `results`."""
        none, blind = (
            self.groups[key][0] if key is not None else None for key in (self.baseline, self.floor)
        )
        return Changes(self._samples, self._bootstrap, none, blind, self._bounded)

    @cached_property
    def _bounded(self) -> bool:
        """Whether each sample's score is between 0 and 1."""
        return bool(next(iter(self.groups.values()))[0].scores["headline"] not in UNBOUNDED)

    def _read(self, key: RowKey) -> RowScores:
        """Read a row, and see what changed in its cells: once for each row."""
        cells = self.groups[key]
        scores = [self._samples.read(cell, logits=True) for cell in cells]
        self.changes.add(cells, scores)
        return RowScores.of(scores)

    @cached_property
    def _contrasts(self) -> dict[tuple[str, RowKey], Terms]:
        """Every contrast that compares different computations."""
        found: dict[tuple[str, RowKey], Terms] = {}
        for kind in KINDS:
            for key in self.keys:
                made = terms(kind, key, self.groups, self.baseline, self.options)
                if made is not None and distinct(made, self.computations):
                    found[kind, key] = made
        return found

    @cached_property
    def _others(self) -> dict[RowKey, RowScores]:
        """What rows are compared with: few, and read once."""
        found = {other for (_, key), made in self._contrasts.items() for other in made if other != key}
        found |= {key for key in (self.baseline, self.floor) if key is not None}
        return {key: self._read(key) for key in self.keys if key in found}

    def results(self) -> dict[RowKey, Result]:
        """Return the result of every row."""
        clusters, bootstrap = self._samples.clusters, self._bootstrap
        anchors = {
            key: Resampled(bootstrap, clusters, [self._others[key].score])
            for key in (self.baseline, self.floor)
            if key is not None
        }
        shares = self._shares(anchors)
        results: dict[RowKey, Result] = {}
        for start in range(0, len(self.keys), _AT_ONCE):
            results |= self._some(self.keys[start : start + _AT_ONCE], bootstrap, anchors, shares)
        self.changes.finish()
        self.kept = {} if shares is None else shares.kept
        return results

    def _some(
        self,
        keys: list[RowKey],
        bootstrap: Bootstrap,
        anchors: dict[RowKey, Resampled],
        shares: KeptShares | None,
    ) -> dict[RowKey, Result]:
        rows = {key: self._others.get(key) or self._read(key) for key in keys}
        own = Resampled(bootstrap, self._samples.clusters, [row.score for row in rows.values()])
        limits = self._limits(own, [*rows.values()])
        results = {key: self._result(key, own, limits, number) for number, key in enumerate(keys)}
        for kind in KINDS:
            compared = {key: made for key in keys if (made := self._contrast(kind, key, rows)) is not None}
            found = differences(
                [*compared.values()],
                self._samples.clusters,
                bootstrap,
                self.permutations,
                self.options.seed,
            )
            for key, difference in zip(compared, found, strict=True):
                results[key].contrasts[kind] = difference
        if shares is not None:
            for number, key in enumerate(keys):
                drawn = [cell.seed for cell in self.groups[key] if cell.draws_schedule]
                only = drawn[0] if len(drawn) == 1 else None
                shares.add(key, rows[key], float(own.value[number]), own.means[:, number], only)
        for number, key in enumerate(keys):
            result = results[key]
            result.changes = self.changes.rows.get(key, result.changes)
            if key not in (self.baseline, self.floor):
                result.retained = self._retained(own, number, anchors, result.to_none)
            if result.to_none is not None and not self.groups[key][0].uses_label:
                result.non_inferior = self._non_inferior(result.to_none, result.metric)
        return results

    def _non_inferior(self, to_none: Difference, metric: str) -> bool | None:
        """Return whether a loss beyond the margin is excluded; one drawn schedule says nothing of others."""
        if np.isnan(to_none.low) or to_none.n_draws == 1:
            return None
        return to_none.low > -self.options.margin(metric)

    def _shares(self, anchors: Mapping[RowKey, Resampled]) -> KeptShares | None:
        """Return what collects the averages; None where the unpruned model has no score above 0."""
        if not self.groups_of or self.baseline is None or not anchors[self.baseline].value[0] > 0:
            return None
        none, clusters = self._others[self.baseline], self._samples.clusters
        return KeptShares(self.groups_of, clusters, none, anchors[self.baseline], self._bounded)

    def _contrast(self, kind: str, key: RowKey, rows: Mapping[RowKey, RowScores]) -> Contrast | None:
        """Return a row's contrast by sample and seed; None where it has none, or rows share no seed."""
        made = self._contrasts.get((kind, key))
        return None if made is None else self._made(kind, made, rows)

    def against(self, key: RowKey, others: Sequence[RowKey]) -> list[Difference | None]:
        """Compare a row with others; None where they share no seed."""
        rows = {row: self._others.get(row) or self._read_again(row) for row in (key, *others)}
        contrasts = [self._made(TO_NONE, {key: 1, other: -1}, rows) for other in others]
        found = iter(
            differences(
                [contrast for contrast in contrasts if contrast is not None],
                self._samples.clusters,
                self._bootstrap,
                self.permutations,
                self.options.seed,
            )
        )
        return [None if contrast is None else next(found) for contrast in contrasts]

    def _read_again(self, key: RowKey) -> RowScores:
        """Read a row, or take it from the last ones: it stands in a block of either table."""
        if key not in self._recent:
            while len(self._recent) >= _RECENT:
                del self._recent[next(iter(self._recent))]
            self._recent[key] = self._samples.scores(self.groups[key])
        return self._recent[key]

    def _made(self, kind: str, made: Terms, rows: Mapping[RowKey, RowScores]) -> Contrast | None:
        scores = {row: self._others.get(row) or rows[row] for row in made}
        cells = [cell for row in made for cell in self.groups[row]]
        drawn = [set(row.by_seed) for row in scores.values() if row.by_seed]
        seeds = sorted(set.intersection(*drawn)) if drawn else []
        if drawn and not seeds:
            return None
        columns = [
            sum(sign * scores[row].by_seed.get(seed, scores[row].score) for row, sign in made.items())
            for seed in seeds or [-1]
        ]
        schedules = any(cell.draws_schedule for cell in cells)
        binary = all(row.binary and not row.by_seed for row in scores.values())
        return Contrast(
            by_seed=np.column_stack(columns),
            whole=self._whole(kind, scores[list(made)[-1]], np.asarray(columns[0])),
            n_draws=len(seeds) or int(schedules),
            drawn="schedules" if schedules else "draws",
            bounded=self._bounded,
            tested=not any(cell.uses_label for cell in cells),
            binary=binary and len(made) == 2,
            computed=distinct(made, self.computations),
        )

    def _whole(self, kind: str, other: RowScores, column: np.ndarray) -> float:
        """Return the most that one answer changes a contrast; a caption can lose what the other one has."""
        times = 2.0 if kind == INTERACTION else 1.0
        if self._bounded:
            return times
        known = other.score[~np.isnan(column) & other.answered]
        return times * float(known.mean()) if known.any() else times

    def _limits(self, own: Resampled, rows: Sequence[RowScores]) -> np.ndarray:
        """Return the intervals of rows' values, shape (2, rows)."""
        clusters = self._samples.clusters
        limits = own.limits.copy()
        for number, row in enumerate(rows):
            if row.by_seed:
                limits[:, number] = over_draws(np.column_stack([*row.by_seed.values()]), clusters)
        scarce = value_limits(own.value, own.means.var(axis=0), (own.counts > 0).sum(axis=0))
        # CIDEr has no upper end; where no caption scores above 1, most of all at 0, it is taken for a rate.
        bounded = np.array([bool((row.score[row.answered] <= 1).all()) for row in rows])
        limits[:, bounded] = np.clip(joined(limits[:, bounded], scarce[:, bounded]), 0.0, 1.0)
        return limits

    def _result(self, key: RowKey, own: Resampled, limits: np.ndarray, number: int) -> Result:
        cells = self.groups[key]
        ledgers = pd.DataFrame([cell.numbers for cell in cells]).mean(numeric_only=True)
        compute = {str(name): float(value) for name, value in ledgers.items()}
        headline = cells[0].scores["headline"]
        values = [cell.scores["metrics"][headline]["value"] for cell in cells]
        return Result(
            metric=headline,
            variant=cells[0].scores["headline_variant"],
            value=float(own.value[number]),
            low=float(limits[0, number]),
            high=float(limits[1, number]),
            n=max(cell.scores["n"] for cell in cells),
            n_error=sum(cell.scores["n_error"] for cell in cells),
            n_images=int((own.counts[:, number] > 0).sum()),
            seeds=[np.nan if value is None else float(value) for value in values],
            compute=compute,
            degenerate=any(cell.degenerate for cell in cells),
            total_gap=total_gap(compute, self._targets.get((cells[0].benchmark, key.ratio, key.match))),
        )

    def _retained(
        self, own: Resampled, number: int, anchors: dict[RowKey, Resampled], to_none: Difference | None
    ) -> tuple[float, float, float] | None:
        if self.baseline is None or self.floor is None or to_none is None:
            return None
        none, blind = anchors[self.baseline], anchors[self.floor]
        gain = none.means[:, 0] - blind.means[:, 0]
        low, high = interval(gain[:, None])[:, 0]
        if np.isnan(own.value[number]) or not (low > 0 or high < 0):
            return None
        scale = none.value[0] - blind.value[0]
        value = (own.value[number] - blind.value[0]) / scale
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = interval(((own.means[:, number] - blind.means[:, 0]) / gain)[:, None])[:, 0]
        # 1 + (row - none) / (none - blind): its difference's interval is open where no answer changed.
        ends = sorted((1 + to_none.low / scale, 1 + to_none.high / scale))
        return float(value), float(np.fmin(limits[0], ends[0])), float(np.fmax(limits[1], ends[1]))
