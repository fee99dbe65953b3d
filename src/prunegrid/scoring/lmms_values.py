"""Numbers of samples from the results of lmms-eval's tasks, and how a metric is made of them.

Most metrics are means over samples. Those of `STRUCTURES` are sums or means of ratios over groups of samples:
each of their parts is a ratio of sums over rows, so that resampled pictures change sums alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunegrid.errors import DataError
from prunegrid.lmms_tasks.task import LmmsTask

Results = Sequence[Mapping[str, Any] | Any]
# Keys under which a result holds its sample's score.
_SCORES = ("score", "is_correct", "correct")
# lmms-eval returns some rates as such, others in per cent.
_SCALES = (1.0, 100.0)
_PER_CENT = _SCALES[1]
_IN_PER_CENT = ("mmbench", "mmt_")


@dataclass(frozen=True)
class Ratios:
    """A metric as ratios of sums over rows.

    Attributes
    ----------
    tops, bottoms : ndarray of float64, shape (rows, ratios)
        What each row adds.
    averaged : bool
        Whether the metric is the mean of the ratios that have a bottom; else their sum.
    """

    tops: np.ndarray
    bottoms: np.ndarray
    averaged: bool = False

    def of_rows(self) -> np.ndarray:
        """Return a number per row whose mean is the metric, shape (rows,).

        It is the metric plus the row's influence on it: differences of two cells' numbers have the mean, and
        by pictures the variance, of the difference of the metrics (the delta method).
        """
        totals = self.bottoms.sum(axis=0)
        known = totals > 0
        ratios = self.tops.sum(axis=0)[known] / totals[known]
        influence = (self.tops[:, known] - ratios * self.bottoms[:, known]) / totals[known]
        spread = influence.mean(axis=1) if self.averaged else influence.sum(axis=1)
        value = ratios.mean() if self.averaged else ratios.sum()
        return np.asarray(value + len(self.tops) * spread)


@dataclass(frozen=True)
class Structure:
    """How results of a metric become ratios.

    Attributes
    ----------
    groups : callable
        Result -> the group of its sample: the metric is the share of groups whose samples are all right.
    categories : callable
        Result -> its category, of which the metric is the mean or the sum.
    averaged : bool
        Whether categories are averaged.
    samples_too : bool
        Whether the share of right samples is added to that of right groups, as MME does.
    size : int, optional
        How many samples a whole group has; others, of which a sample is an error, are left out.
    """

    groups: Callable[[Mapping[str, Any]], Any] | None = None
    categories: Callable[[Mapping[str, Any]], Any] | None = None
    averaged: bool = False
    samples_too: bool = False
    size: int | None = None

    def ratios(self, results: Results, values: np.ndarray) -> Ratios:
        """Return the ratios of a metric; `values` are those of the samples, NaN where it has none."""
        n = len(values)
        known = [at for at in range(n) if not np.isnan(values[at])]
        category = {at: self.categories(results[at]) if self.categories else None for at in known}
        names = sorted(set(category.values()), key=str)
        column = {name: number for number, name in enumerate(names)}
        if self.groups is None:
            tops, bottoms = np.zeros((n, len(names))), np.zeros((n, len(names)))
            for at in known:
                tops[at, column[category[at]]], bottoms[at, column[category[at]]] = values[at], 1.0
            return Ratios(tops, bottoms, self.averaged)
        members: dict[tuple[Any, Any], list[int]] = {}
        for at in known:
            members.setdefault((category[at], self.groups(results[at])), []).append(at)
        width = len(names) * (2 if self.samples_too else 1)
        tops, bottoms = np.zeros((n, width)), np.zeros((n, width))
        for (name, _), places in members.items():
            if self.size is not None and len(places) != self.size:
                continue
            first, at = places[0], column[name]
            tops[first, at], bottoms[first, at] = float(values[places].min() == 1), 1.0
            if self.samples_too:
                tops[places, len(names) + at], bottoms[places, len(names) + at] = values[places], 1.0
        return Ratios(tops, bottoms, self.averaged)


def _circular(result: Mapping[str, Any]) -> int:
    """Return the question of a row of MMBench, whose options are shifted in rows a million further on."""
    return int(result["index"]) % 1_000_000


def _fields(*names: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda result: tuple(str(result[name]) for name in names)


_PAIRS = Structure(_fields("question_id"), _fields("category"), samples_too=True, size=2)
_QUESTION = ("category", "subcategory", "set_id", "question_id")
_FIGURE = ("category", "subcategory", "set_id", "figure_id")

# Task, or the beginning of its name with a *, -> metric -> what it is.
STRUCTURES: dict[str, dict[str, Structure]] = {
    "mme": {"mme_perception_score": _PAIRS, "mme_cognition_score": _PAIRS},
    "mmbench*": {"gpt_eval_score": Structure(_circular)},
    "mmstar*": {"average": Structure(categories=_fields("l2_category"), averaged=True)},
    "mmvp": {"mmvp_pair_accuracy": Structure(_fields("pair_index"))},
    "hallusion_bench_image": {
        "qAcc": Structure(_fields(*_QUESTION)),
        "fAcc": Structure(_fields(*_FIGURE)),
    },
}
# Tasks whose aggregation keeps a count from call to call, or fails without every type of question: means.
_MEANS = frozenset({"ocrbench"})


def structure_of(task: str, metric: str) -> Structure | None:
    """Return how a metric is made of its samples; None for a mean over them."""
    for name, metrics in STRUCTURES.items():
        if task == name or (name.endswith("*") and task.startswith(name[:-1])):
            return metrics.get(metric)
    return None


def value_of(task: LmmsTask, metric: str, result: Any) -> float:
    """Return one sample's value: its number, its score, or what the task's aggregation makes of it alone.

    Raises
    ------
    DataError
        If there is no such number.
    """
    if isinstance(result, (bool, int, float, np.number)):
        return float(result)
    if isinstance(result, Mapping):
        for key in (str(task.settings.get("score_key") or _SCORES[0]), *_SCORES[1:]):
            if isinstance(result.get(key), (bool, int, float, np.number)):
                return float(result[key])
    alone = result
    if structure_of(task.name, metric) is not None and isinstance(result, Mapping) and "index" in result:
        alone = {**result, "index": _circular(result)}
    value = task.aggregated(metric, [alone])
    if not isinstance(value, (bool, int, float, np.number)):
        raise DataError(
            f"task {task.name!r}: its {metric} gives {type(value).__name__} for a sample, no number"
        )
    scale = _PER_CENT if task.name.startswith(_IN_PER_CENT) else 1.0
    return float(value) / scale


def check_mean(task: LmmsTask, metric: str, results: Results, values: np.ndarray) -> None:
    """Compare the mean over samples with what the task's own aggregation gives.

    Raises
    ------
    DataError
        If they differ: the metric is then made in another way, which nobody has told `STRUCTURES`.
    """
    function = next(one.get("aggregation") for one in task.metrics if one["metric"] == metric)
    if isinstance(function, str) or function is None or task.name in _MEANS or not results:
        return
    own = task.aggregated(metric, results)
    mean = float(np.mean(values))
    if not isinstance(own, (int, float, np.number)) or not any(
        np.isclose(float(own), scale * mean, rtol=1e-6, atol=1e-5 * scale) for scale in _SCALES
    ):
        raise DataError(
            f"task {task.name!r}: its {metric} of all samples is {own}, the mean of theirs {mean:.6g}: "
            "it is no mean over samples, and intervals of others are known for "
            f"{', '.join(STRUCTURES)} alone"
        )
