"""POPE: yes/no questions on the presence of objects (Li et al. 2023, arXiv 2305.10355).

Accuracy, precision, recall, F1 (yes is the positive answer) and yes-ratio: pooled, per category, and
as the mean over categories. The yes-ratio counts predictions, not gold answers. `official` is evaluate.py of
AoiDragon/POPE at f3ec604 (2023-05-31), `lmms` is lmms-eval since 8fd9155 (2024-01-21), `strict` and `stated`
are our own.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from prunegrid.errors import DataError
from prunegrid.scoring.answers import stated, yesno
from prunegrid.scoring.scorer import LOGIT_SCORES, Scorer, Variants, logit_metrics, logit_scores
from prunegrid.statistics.sums import SumMetric, mean_of, ratio

_CATEGORY = re.compile(r"^(adversarial|popular|random|balanced)(?=[^A-Za-z0-9])", re.IGNORECASE)
_RULES = {"official": yesno.official, "lmms": yesno.lmms, "strict": yesno.strict, "stated": stated.stated}
_GOLD = ("yes", "no")
# Variants in which a positive that gets neither yes nor no is missed. lmms-eval leaves it out of recall,
# though its accuracy counts it wrong, so that a model may gain recall by rambling.
_UNREAD_IS_MISSED = ("strict", "stated")


@dataclass(frozen=True, kw_only=True)
class Pope(Scorer):
    """Accuracy, precision, recall, F1 and yes-ratio; `sample_id` begins with the category."""

    headline_variant: ClassVar[str] = "official"
    variants: ClassVar[tuple[str, ...]] = ("official", "lmms", "strict", "stated")

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score each row; said_yes_* and said_no_* are 0 or 1, both 0 for an output that is neither."""
        records = [_row(row) for row in predictions.itertuples()]
        columns = ["score", "correct", "gold_yes", *LOGIT_SCORES, "category", "parsed_answer"]
        columns += [f"{what}_{v}" for v in self.variants for what in ("correct", "said_yes", "said_no")]
        return pd.DataFrame(records, index=predictions.index, columns=columns)

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return pooled metrics, then those per category and their means, then those of the logits."""
        pooled = _confusion(rows, self.headline_variant)
        categories = sorted({category for category in rows["category"] if category})
        by_category = {
            category: _confusion(rows, self.headline_variant, rows["category"] == category)
            for category in categories
        }
        result = dict(pooled)
        for category, metrics in by_category.items():
            result |= {f"{name}_{category}": metric for name, metric in metrics.items()}
        if by_category:
            result |= {
                f"{name}_category_mean": mean_of([metrics[name] for metrics in by_category.values()])
                for name in pooled
            }
        return result | logit_metrics(rows)

    def variant_values(self, rows: pd.DataFrame) -> Variants:
        """Return every pooled metric under every rule."""
        by_variant = {variant: _confusion(rows, variant) for variant in self.variants}
        names = by_variant[self.headline_variant]
        return {name: {v: metrics[name].value() for v, metrics in by_variant.items()} for name in names}


def category(sample_id: str) -> str | None:
    """Return the POPE category in front of a sample id, such as `adversarial/17`; None if there is none."""
    match = _CATEGORY.match(sample_id)
    return match.group(1).lower() if match else None


def _row(row: Any) -> dict[str, object]:
    gold = row.answer.strip().lower() if isinstance(row.answer, str) else None
    if gold not in _GOLD:
        raise DataError(f"sample {row.sample_id!r}: a yes/no answer is 'yes' or 'no', found {row.answer!r}")
    parsed = {name: rule(row.prediction) for name, rule in _RULES.items()}
    correct = {name: float(answer == gold) for name, answer in parsed.items()}
    return {
        "score": correct["official"],
        "correct": correct["official"],
        "gold_yes": float(gold == "yes"),
        **logit_scores(row.choice_logits, _GOLD.index(gold)),
        "category": category(row.sample_id),
        "parsed_answer": parsed["official"],
        **{f"correct_{name}": value for name, value in correct.items()},
        **{f"said_yes_{name}": float(answer == "yes") for name, answer in parsed.items()},
        **{f"said_no_{name}": float(answer == "no") for name, answer in parsed.items()},
    }


def _confusion(rows: pd.DataFrame, variant: str, where: pd.Series | None = None) -> dict[str, SumMetric]:
    """Return the metrics of the rows marked by `where`; precision, recall and F1 are 0 if undefined."""
    counted = np.ones(len(rows)) if where is None else where.to_numpy(dtype=np.float64)
    gold_yes = rows["gold_yes"].to_numpy() * counted
    said_yes = rows[f"said_yes_{variant}"].to_numpy() * counted
    said_no = rows[f"said_no_{variant}"].to_numpy() * counted
    true_positive = gold_yes * said_yes
    positive = gold_yes if variant in _UNREAD_IS_MISSED else true_positive + gold_yes * said_no
    return {
        "accuracy": ratio(rows[f"correct_{variant}"].to_numpy() * counted, counted),
        "precision": ratio(true_positive, said_yes, empty=0.0),
        "recall": ratio(true_positive, positive, empty=0.0),
        "f1": ratio(2 * true_positive, said_yes + positive, empty=0.0),
        "yes_ratio": ratio(said_yes, counted),
    }
