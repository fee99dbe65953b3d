"""Tasks of lmms-eval: each sample is scored by the task's own function, from its document."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from prunegrid.errors import DataError
from prunegrid.lmms_tasks.headlines import headline_of
from prunegrid.lmms_tasks.task import LmmsTask, task_of
from prunegrid.scoring.lmms_values import Ratios, check_mean, structure_of, value_of
from prunegrid.scoring.scorer import Scorer, Variants
from prunegrid.statistics.sums import SumMetric, mean

_LOG = logging.getLogger(__name__)

# Cells of one study often give a sample the same answer.
_REMEMBERED = 100_000
_TOP, _BOTTOM = "top", "bottom"


@dataclass(frozen=True, kw_only=True)
class LmmsEval(Scorer):
    """The task's metrics, as means over samples or as in `prunegrid.scoring.lmms_values.STRUCTURES`.

    The headline's kind is `accuracy`, or a name of its own where it is no share of samples; its variant is
    the task's own name of it.

    Parameters
    ----------
    task : str
        Name of the task.
    include_path : str, optional
        Folder of task files; default those of the installed lmms-eval.
    """

    headline_variant: ClassVar[str] = "lmms_eval"
    variants: ClassVar[tuple[str, ...]] = ("lmms_eval",)
    columns: ClassVar[tuple[str, ...]] = ("document",)

    task: str
    include_path: str | None = None

    def __post_init__(self) -> None:
        headline = headline_of(self._task)
        # The task tells, and not the class.
        for name, value in (
            ("headline", headline.kind),
            ("headline_variant", headline.metric),
            ("variants", (headline.metric,)),
        ):
            object.__setattr__(self, name, value)

    @property
    def _task(self) -> LmmsTask:
        return task_of(self.task, self.include_path)

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score each row; `value_<metric>` is NaN where the task has no such number of a sample."""
        results = [
            _results(self.task, self.include_path, self._document(row), row.prediction)
            for row in predictions.itertuples()
        ]
        rows = pd.DataFrame(index=predictions.index)
        for metric in self._metrics():
            try:
                found = self._columns(metric, [result.get(metric) for result in results])
            except DataError as error:
                if metric in headline_of(self._task).parts:
                    raise
                _LOG.warning(f"{metric} is left out: {error}")
                continue
            rows[list(found)] = pd.DataFrame(found, index=rows.index)
        rows["score"] = self._scores(rows)
        rows["parsed_answer"] = pd.Series([None] * len(rows), index=rows.index, dtype=object)
        return rows

    def _columns(self, metric: str, results: Sequence[Any]) -> dict[str, np.ndarray]:
        """Return the columns of one metric; a result is None where the task has none of a sample."""
        values = np.array(
            [np.nan if one is None else value_of(self._task, metric, one) for one in results], np.float64
        )
        structure = structure_of(self.task, metric)
        if structure is None:
            known = ~np.isnan(values)
            check_mean(self._task, metric, [one for one in results if one is not None], values[known])
            return {f"value_{metric}": values}
        ratios = structure.ratios([one or {} for one in results], values)
        return {
            f"{metric}_{number}_{end}": part[:, number]
            for number in range(ratios.tops.shape[1])
            for end, part in ((_TOP, ratios.tops), (_BOTTOM, ratios.bottoms))
        }

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return the headline, then the task's metrics under its own names."""
        single = {metric: self._metric(rows, metric) for metric in self._metrics() if self._has(rows, metric)}
        parts = headline_of(self._task).parts
        first = single[parts[0]] if len(parts) == 1 else _sum([single[name] for name in parts])
        return {self.headline: first, **single}

    def variant_values(self, rows: pd.DataFrame) -> Variants:
        """Return the headline under the task's own name."""
        return {self.headline: {self.headline_variant: self.metrics(rows)[self.headline].value()}}

    def _has(self, rows: pd.DataFrame, metric: str) -> bool:
        return f"value_{metric}" in rows or structure_of(self.task, metric) is not None

    def _metrics(self) -> list[str]:
        return [str(one["metric"]) for one in self._task.metrics]

    def _document(self, row: Any) -> str:
        if not isinstance(row.document, str):
            raise DataError(
                f"sample {row.sample_id!r}: its row has no document, which task {self.task!r} scores"
            )
        return row.document

    def _ratios(self, rows: pd.DataFrame, metric: str) -> Ratios | None:
        structure = structure_of(self.task, metric)
        if structure is None:
            return None
        parts = {}
        for end in (_TOP, _BOTTOM):
            names = [name for name in rows if re.fullmatch(rf"{re.escape(metric)}_\d+_{end}", str(name))]
            parts[end] = rows[names].to_numpy(np.float64)
        return Ratios(parts[_TOP], parts[_BOTTOM], structure.averaged)

    def _metric(self, rows: pd.DataFrame, metric: str) -> SumMetric:
        ratios = self._ratios(rows, metric)
        return mean(rows[f"value_{metric}"]) if ratios is None else _of_ratios(ratios)

    def _scores(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the headline's own part of each row."""
        parts = [self._ratios(rows, name) for name in headline_of(self._task).parts]
        known = [one for one in parts if one is not None]
        if not known:
            values: np.ndarray = rows[f"value_{headline_of(self._task).parts[0]}"].to_numpy(np.float64)
            if np.nanmax(values, initial=0) > 1 or np.nanmin(values, initial=0) < 0:
                raise DataError(
                    f"task {self.task!r}: its {self.headline_variant} goes beyond 0 and 1 for a sample: "
                    "such metrics are not scored here"
                )
            return values
        total: np.ndarray = np.stack([one.of_rows() for one in known]).sum(axis=0)
        return total


def _of_ratios(ratios: Ratios) -> SumMetric:
    """Return the metric of sums over rows; a category that a resample does not hold takes no part."""
    width = ratios.tops.shape[1]

    def combine(sums: np.ndarray) -> np.ndarray:
        tops, bottoms = sums[..., :width], sums[..., width:]
        there = bottoms != 0
        shares = np.where(there, tops / np.where(there, bottoms, 1.0), 0.0)
        counted = there.sum(axis=-1)
        total = shares.sum(axis=-1)
        value = total / np.maximum(counted, 1) if ratios.averaged else total
        return np.where(counted > 0, value, np.nan)

    bounded = bool(width == 1 or ratios.averaged)
    return SumMetric(np.concatenate([ratios.tops, ratios.bottoms], axis=1), combine, bounded)


def _sum(metrics: Sequence[SumMetric]) -> SumMetric:
    """Return the sum of metrics of the same rows; one without a value takes no part."""
    edges = np.cumsum([0, *(metric.parts.shape[1] for metric in metrics)])

    def combine(sums: np.ndarray) -> np.ndarray:
        values = [m.combine(sums[..., a:b]) for m, a, b in zip(metrics, edges, edges[1:], strict=False)]
        stacked = np.stack(values)
        return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))

    return SumMetric(np.concatenate([metric.parts for metric in metrics], axis=1), combine)


@lru_cache(_REMEMBERED)
def _results(task: str, include_path: str | None, document: str, answer: str) -> Mapping[str, Any]:
    return task_of(task, include_path).results(json.loads(document), answer)
