"""Short free answers: exact match, and VQA's soft accuracy where a row has several references."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from prunegrid.errors import DataError
from prunegrid.scoring.answers import short
from prunegrid.scoring.scorer import Scorer
from prunegrid.statistics.sums import SumMetric, mean

# Soft accuracy asks for three equal references among the others.
_ENOUGH = 4


@dataclass(frozen=True, kw_only=True)
class Vqa(Scorer):
    """Headline `auto`: soft accuracy in rows with at least four references, exact match elsewhere."""

    headline_variant: ClassVar[str] = "auto"
    variants: ClassVar[tuple[str, ...]] = ("auto", "exact", "soft")

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score each row; `correct_soft` is NaN where there are fewer than four references."""
        columns = ["score", "correct", *(f"correct_{v}" for v in self.variants), "parsed_answer"]
        return pd.DataFrame(
            [_row(row) for row in predictions.itertuples()], index=predictions.index, columns=columns
        )

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return accuracy."""
        return {"accuracy": mean(rows["score"])}


def _row(row: Any) -> dict[str, object]:
    references = [str(r) for r in row.references] if row.references is not None else []
    golds = [row.answer] if isinstance(row.answer, str) else references
    if not golds:
        raise DataError(f"sample {row.sample_id!r}: a vqa row needs an answer or references, found neither")
    output = row.prediction
    parsed = short.exact_form(output)
    exact = float(parsed in {short.exact_form(gold) for gold in golds})
    soft = short.soft_accuracy(output, references) if len(references) >= _ENOUGH else np.nan
    best = exact if np.isnan(soft) else soft
    return {
        "score": best,
        "correct": best,
        "correct_auto": best,
        "correct_exact": exact,
        "correct_soft": soft,
        "parsed_answer": parsed,
    }
