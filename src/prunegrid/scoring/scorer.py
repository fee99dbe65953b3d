"""Base class of scorers: from rows of predictions to metrics with bootstrap intervals.

A scorer turns each row into numbers (`rows`), and names metrics as functions of sums over rows
(`metrics`): point values, bootstrap intervals and later the paired differences of the tables all come
from those two. Rows of status "error" count in `n` and `n_error`, and enter no metric.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from prunegrid.data.prompt_texts import LETTERS
from prunegrid.errors import DataError
from prunegrid.plugins import Plugin
from prunegrid.statistics.calibration import brier, ece_metric, softmax
from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.statistics.sums import SumMetric, intervals, mean

Variants = dict[str, dict[str, float]]

# From the logits of the options: the gold one's margin, the largest probability, whether it is the gold
# one's, and the squared error of all of them.
LOGIT_SCORES = ("gold_margin", "confidence", "confident_correct", "brier")


@dataclass(frozen=True)
class Scores:
    """Scores of one cell.

    Attributes
    ----------
    n, n_error : int
        All rows, and those without a prediction.
    metrics : dict
        Metric -> {"value", "low", "high"}: 95 % percentile interval of the clustered bootstrap. In
        natural units: accuracies are fractions, CIDEr is as pycocoevalcap returns it.
    variants : dict
        Metric -> published variant -> value.
    headline, headline_variant : str
        The metric that stands in the tables, and the rule it follows.
    per_sample : DataFrame
        One row per sample: sample_id, image_id, status, `score` (the headline's own part of the row),
        `parsed_answer` (the extracted answer) and a column per quantity; NaN in error rows.
    """

    n: int
    n_error: int
    metrics: dict[str, dict[str, float]]
    variants: Variants
    headline: str
    headline_variant: str
    per_sample: pd.DataFrame

    def as_json(self) -> dict[str, Any]:
        """Return what scores.json holds, without the compute block; NaN becomes null."""
        return {
            "n": self.n,
            "n_error": self.n_error,
            "headline": self.headline,
            "headline_variant": self.headline_variant,
            "metrics": {name: _without_nan(values) for name, values in self.metrics.items()},
            "variants": {name: _without_nan(values) for name, values in self.variants.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Scorer(Plugin):
    """Base class of scorers: a subclass defines `rows`, `metrics` and, where it differs, `variant_values`.

    Class attributes
    ----------------
    headline : str
        The metric of the tables.
    headline_variant : str
        The published rule that the headline follows.
    variants : tuple of str
        All rules that are computed side by side.
    on_request : tuple of str
        Further metrics that a benchmark's `metrics` may ask for, by the scorer's option `extra`.
    columns : tuple of str
        Columns of predictions that are read beside those that all scorers read.
    """

    headline: ClassVar[str] = "accuracy"
    headline_variant: ClassVar[str]
    variants: ClassVar[tuple[str, ...]]
    on_request: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score rows that all have status "ok".

        Parameters
        ----------
        predictions : DataFrame
            Columns of predictions.parquet.

        Returns
        -------
        DataFrame
            The same index; float columns, among them `score`; `parsed_answer`, string or None.
        """
        raise NotImplementedError

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return the metrics of rows scored by `rows`, the headline first."""
        raise NotImplementedError

    def variant_values(self, rows: pd.DataFrame) -> Variants:
        """Return metric -> variant -> value."""
        return {self.headline: {v: mean(rows[f"correct_{v}"]).value() for v in self.variants}}

    def rows_of_cells(
        self, cells: Mapping[Any, pd.DataFrame]
    ) -> Iterator[tuple[Any, pd.DataFrame, pd.DataFrame]]:
        """Score the ok rows of several cells of one benchmark; overridden where cells share work.

        Yields
        ------
        key, predictions, rows
        """
        for key in cells:
            predictions = plain_columns(cells[key])
            yield key, predictions, self.rows(predictions[predictions["status"] == "ok"])

    def score(self, predictions: pd.DataFrame, replicates: int = 10_000, seed: int = 0) -> Scores:
        """Score one cell."""
        return next(self.score_cells({0: predictions}, replicates, seed))[1]

    def score_cells(
        self, cells: Mapping[Any, pd.DataFrame], replicates: int = 10_000, seed: int = 0
    ) -> Iterator[tuple[Any, Scores]]:
        """Score several cells of one benchmark; a cell's scores do not depend on the others.

        Parameters
        ----------
        cells : mapping
            Key -> predictions; may read them when asked for.
        replicates, seed : int
            Of the bootstrap behind the intervals.

        Yields
        ------
        key, Scores
        """
        bootstraps: dict[int, Bootstrap] = {}
        for key, predictions, rows in self.rows_of_cells(cells):
            ok = predictions.loc[rows.index]
            clusters = Clusters.of(ok["image_id"])
            bootstrap = bootstraps.setdefault(clusters.count, Bootstrap(clusters.count, replicates, seed))
            per_sample = predictions[["sample_id", "image_id", "status"]].join(rows)
            # Without an ok row pandas makes every column one of objects.
            per_sample["score"] = per_sample["score"].astype(np.float64)
            yield (
                key,
                Scores(
                    n=len(predictions),
                    n_error=len(predictions) - len(ok),
                    metrics=intervals(self.metrics(rows), clusters, bootstrap),
                    variants=self.variant_values(rows),
                    headline=self.headline,
                    headline_variant=self.headline_variant,
                    per_sample=per_sample,
                ),
            )


def answer_margin(logits: Sequence[float] | None, gold: int | None) -> float:
    """First position's logit of the gold option minus the best other one; NaN where unknown.

    Parameters
    ----------
    logits : sequence of float or None
        One logit per option.
    gold : int or None
        Number of the gold option.
    """
    if logits is None or gold is None or np.ndim(logits) != 1 or not 0 <= gold < len(logits) > 1:
        return float("nan")
    values = np.asarray(logits, dtype=np.float64)
    return float(values[gold] - np.delete(values, gold).max())


def logit_scores(logits: Sequence[float] | None, gold: int) -> dict[str, float]:
    """Return `LOGIT_SCORES` of one row, from the first position's logits of its options; NaN where unknown.

    Parameters
    ----------
    logits : sequence of float or None
        One logit per option.
    gold : int
        Number of the gold option.
    """
    margin = answer_margin(logits, gold)
    if logits is None or np.isnan(margin):
        return dict.fromkeys(LOGIT_SCORES, float("nan"))
    likely = softmax(logits)
    scores = (margin, float(likely.max()), float(likely.argmax() == gold), brier(likely, gold))
    return dict(zip(LOGIT_SCORES, scores, strict=True))


def logit_metrics(rows: pd.DataFrame) -> dict[str, SumMetric]:
    """Return the metrics of rows with `LOGIT_SCORES`, or nothing where no row has logits."""
    if not rows["gold_margin"].notna().any():
        return {}
    confidence, correct = (rows[name].to_numpy(np.float64) for name in ("confidence", "confident_correct"))
    return {
        "gold_margin": mean(rows["gold_margin"]),
        "brier": mean(rows["brier"]),
        "ece": ece_metric(confidence, correct),
    }


def gold_letter(sample_id: str, answer: object, choices: Sequence[object] | None) -> str:
    """Return the gold letter of a multiple-choice row, checked against its choices."""
    n_choices = 0 if choices is None else len(choices)
    if not isinstance(answer, str) or len(answer) != 1 or answer not in LETTERS[:n_choices]:
        raise DataError(
            f"sample {sample_id!r}: the answer of a multiple-choice row is a letter of its "
            f"{n_choices} choices, found {answer!r}"
        )
    return answer


def plain_columns(predictions: pd.DataFrame) -> pd.DataFrame:
    """Undo what pandas makes of nulls and lists: null is None, a list is a list, no text is ""."""
    plain = predictions.copy(deep=False)
    for name in ("choices", "references", "choice_logits", "answer"):
        if name in plain:
            values = [
                None
                if value is None or isinstance(value, float)
                else value
                if isinstance(value, str)
                else list(value)
                for value in plain[name]
            ]
            plain[name] = pd.Series(values, index=plain.index, dtype=object)
    texts = [value if isinstance(value, str) else "" for value in plain["prediction"]]
    plain["prediction"] = pd.Series(texts, index=plain.index, dtype=object)
    return plain


def _without_nan(values: dict[str, float]) -> dict[str, float | None]:
    return {key: None if np.isnan(value) else value for key, value in values.items()}
