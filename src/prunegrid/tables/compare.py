"""Statistics of every row of a table on one benchmark: values, paired differences and retained gain.

All rows share the resamples of one clustered bootstrap, so that differences are paired and a hundred
rows cost one matrix product. Several seeds of a row are averaged per sample first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.score_interval import detectable_difference, score_limits
from prunegrid.statistics.testing import mcnemar_exact, sign_flip
from prunegrid.tables.aligned_scores import AlignedScores, RowScores, agreement
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.compute_gap import reference_totals, total_gap
from prunegrid.tables.options import TableOptions

_AT_ONCE = 50


@dataclass
class Difference:
    """Paired difference of a row to another one, on the samples that both answered.

    Attributes
    ----------
    value, low, high : float
        Mean difference and its 95 % interval: the bootstrap's, joined with the score interval, which
        stays open where no answer changed.
    p : float
        Sign-flip permutation over clusters, uncorrected; NaN where nothing is tested.
    p_mcnemar : float
        McNemar's exact test; NaN where a cluster has several rows, or answers are no single 0 or 1.
    detectable : float
        Minimum detectable difference: two-sided 5 %, power 80 %, before correction.
    """

    value: float
    low: float
    high: float
    p: float
    p_mcnemar: float
    detectable: float


@dataclass
class Result:
    """A row's numbers on one benchmark, in natural units.

    Attributes
    ----------
    metric, variant : str
        The headline metric and the rule behind it.
    value, low, high : float
        Mean over samples, with its 95 % interval; NaN where every row is an error.
    n, n_error : int
        Samples, and errors over all seeds.
    seeds : list of float
        The metric by seed; NaN where every row is an error.
    to_none, to_reference : Difference or None
        None for the row itself and where there is nothing to compare with.
    retained : tuple of float or None
        Retained visual gain with its interval; None where none minus blind may be 0.
    agreement : float
        Share of samples that get the answer of the unpruned model; NaN for several seeds.
    compute : dict
        Mean ledger, and mean places of the kept tokens.
    degenerate : bool
        A layer is left with fewer than 4 image tokens.
    total_gap : float
        How much more total compute it takes than the reference, relative; NaN unless rows were matched.
    non_inferior : bool or None
        Whether the interval of `to_none` excludes a loss larger than the margin; None where nothing is known.
    """

    metric: str
    variant: str
    value: float
    low: float
    high: float
    n: int
    n_error: int
    seeds: list[float]
    compute: dict[str, float]
    degenerate: bool
    to_none: Difference | None = None
    to_reference: Difference | None = None
    retained: tuple[float, float, float] | None = None
    agreement: float = np.nan
    total_gap: float = np.nan
    non_inferior: bool | None = field(default=None)

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
    """

    def __init__(self, cells: Sequence[ScoredCell], options: TableOptions, permutations: int) -> None:
        self.options = options
        self.permutations = permutations
        self.groups: dict[RowKey, list[ScoredCell]] = {}
        for cell in cells:
            self.groups.setdefault(cell.row, []).append(cell)
        self.keys = list(self.groups)
        self._targets = reference_totals(cells, options)
        self.baseline = self._only(BASELINE)
        self.floor = self._only("blind")

    def _only(self, strategy_type: str) -> RowKey | None:
        keys = (key for key, cells in self.groups.items() if cells[0].strategy_type == strategy_type)
        return next(keys, None)

    def reference(self, key: RowKey) -> RowKey | None:
        """Return the reference row at a row's ratio, if it was run and is another row."""
        wanted = (self.options.reference_strategy, self.options.reference_criterion, key[2])
        return wanted if wanted in self.groups and wanted != key else None

    @cached_property
    def _samples(self) -> AlignedScores:
        baseline = self.groups[self.baseline][0] if self.baseline is not None else None
        return AlignedScores([cell for cells in self.groups.values() for cell in cells], baseline)

    def _read(self, key: RowKey) -> RowScores:
        return self._samples.scores(self.groups[key])

    @cached_property
    def _others(self) -> dict[RowKey, RowScores]:
        """What rows are compared with: few, and read once."""
        found = {self.baseline, self.floor, *map(self.reference, self.keys)} - {None}
        return {key: self._read(key) for key in self.keys if key in found}

    def results(self) -> dict[RowKey, Result]:
        """Return the result of every row."""
        clusters = self._samples.clusters
        bootstrap = Bootstrap(clusters.count, self.options.replicates, self.options.seed)
        means = {
            key: _Resampled(bootstrap, clusters, [self._others[key].score])
            for key in (self.baseline, self.floor)
            if key is not None
        }
        results: dict[RowKey, Result] = {}
        for start in range(0, len(self.keys), _AT_ONCE):
            results |= self._some(self.keys[start : start + _AT_ONCE], bootstrap, means)
        return results

    def _some(
        self, keys: list[RowKey], bootstrap: Bootstrap, anchors: dict[RowKey, "_Resampled"]
    ) -> dict[RowKey, Result]:
        rows = {key: self._others.get(key) or self._read(key) for key in keys}
        own = _Resampled(bootstrap, self._samples.clusters, [row.score for row in rows.values()])
        results = {key: self._result(key, own, number) for number, key in enumerate(keys)}
        for attribute, other_of in (("to_none", self._baseline_of), ("to_reference", self.reference)):
            compared = {key: other for key in keys if (other := other_of(key)) is not None}
            if compared:
                differences = self._differences(compared, rows, bootstrap)
                for key, difference in zip(compared, differences, strict=True):
                    if self.groups[key][0].uses_label:
                        # What was chosen by the gold answers is no method to be tested.
                        difference = replace(difference, p=np.nan, p_mcnemar=np.nan)
                    setattr(results[key], attribute, difference)
        for number, key in enumerate(keys):
            result = results[key]
            result.retained = self._retained(own, number, anchors)
            if self.baseline is None or result.to_none is None:
                continue
            if not self.groups[key][0].uses_label:
                low = result.to_none.low
                result.non_inferior = None if np.isnan(low) else low > -self.options.margin(result.metric)
                result.agreement = agreement(rows[key], self._others[self.baseline])
        return results

    def _baseline_of(self, key: RowKey) -> RowKey | None:
        return self.baseline if key != self.baseline else None

    def _result(self, key: RowKey, own: "_Resampled", number: int) -> Result:
        cells = self.groups[key]
        ledgers = pd.DataFrame([cell.numbers for cell in cells]).mean(numeric_only=True)
        compute = {str(name): float(value) for name, value in ledgers.items()}
        headline = cells[0].scores["headline"]
        values = [cell.scores["metrics"][headline]["value"] for cell in cells]
        return Result(
            metric=headline,
            variant=cells[0].scores["headline_variant"],
            value=float(own.value[number]),
            low=float(own.limits[0, number]),
            high=float(own.limits[1, number]),
            n=max(cell.scores["n"] for cell in cells),
            n_error=sum(cell.scores["n_error"] for cell in cells),
            seeds=[np.nan if value is None else float(value) for value in values],
            compute=compute,
            degenerate=any(cell.degenerate for cell in cells),
            total_gap=total_gap(compute, self._targets.get((cells[0].benchmark, key[2]))),
        )

    def _differences(
        self, compared: Mapping[RowKey, RowKey], rows: Mapping[RowKey, RowScores], bootstrap: Bootstrap
    ) -> list[Difference]:
        """Compare rows with others, in order; `compared` tells which with which."""
        columns = [rows[key].score - self._others[other].score for key, other in compared.items()]
        resampled = _Resampled(bootstrap, self._samples.clusters, columns)
        flips = sign_flip(resampled.sums, self.permutations, self.options.seed)
        whole = np.array(
            [self._whole(column, other) for column, other in zip(columns, compared.values(), strict=True)]
        )
        scarce = score_limits(resampled.sums, resampled.counts, whole)
        detectable = detectable_difference(resampled.sums, resampled.counts, whole)
        return [
            Difference(
                value=float(resampled.value[number]),
                low=float(min(resampled.limits[0, number], scarce[0, number])),
                high=float(max(resampled.limits[1, number], scarce[1, number])),
                p=float(flips[number]) if resampled.counted[number] else np.nan,
                p_mcnemar=self._mcnemar(column, rows[key], self._others[other]),
                detectable=float(detectable[number]),
            )
            for number, ((key, other), column) in enumerate(zip(compared.items(), columns, strict=True))
        ]

    def _whole(self, column: np.ndarray, other: RowKey) -> float:
        """Return the change of a score that counts as whole; a caption can lose what the other one has."""
        if self.groups[other][0].scores["headline"] != "cider":
            return 1.0
        known = self._others[other].score[~np.isnan(column)]
        return float(known.mean()) if known.any() else 1.0

    def _mcnemar(self, column: np.ndarray, *rows: RowScores) -> float:
        binary = all(row.parsed_answer is not None and row.binary for row in rows)
        if not binary or not self._samples.clusters.single or np.isnan(column).all():
            return np.nan
        return mcnemar_exact(int((column == 1).sum()), int((column == -1).sum()))

    def _retained(
        self, own: "_Resampled", number: int, anchors: dict[RowKey, "_Resampled"]
    ) -> tuple[float, float, float] | None:
        if self.baseline is None or self.floor is None:
            return None
        none, blind = anchors[self.baseline], anchors[self.floor]
        gain = none.means[:, 0] - blind.means[:, 0]
        low, high = interval(gain[:, None])[:, 0]
        if np.isnan(own.value[number]) or not (low > 0 or high < 0):
            return None
        value = (own.value[number] - blind.value[0]) / (none.value[0] - blind.value[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = interval(((own.means[:, number] - blind.means[:, 0]) / gain)[:, None])[:, 0]
        return float(value), float(limits[0]), float(limits[1])


class _Resampled:
    """Means of columns of per-sample values, NaN left out, over all samples and in every resample."""

    def __init__(self, bootstrap: Bootstrap, clusters: Clusters, columns: list[np.ndarray]) -> None:
        values = np.column_stack(columns)
        known = ~np.isnan(values)
        self.sums = clusters.sums(np.where(known, values, 0.0))
        self.counts = clusters.sums(known)
        self.counted = self.counts.sum(axis=0)
        # Most rows answer the same samples.
        counts, place = np.unique(self.counts, axis=1, return_inverse=True)
        totals = bootstrap.totals(np.hstack([self.sums, counts]))
        width = values.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            self.value = self.sums.sum(axis=0) / self.counted
            self.means = totals[:, :width] / totals[:, width:][:, place.reshape(-1)]
        self.limits = interval(self.means)
