"""Short free answers: exact match, and VQA's accuracy where a row has several references."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from prunegrid.errors import DataError
from prunegrid.scoring.answers import short, vqa
from prunegrid.scoring.scorer import Scorer
from prunegrid.statistics.sums import SumMetric, mean

# VQA's accuracy asks for three equal references among the others.
_ENOUGH = 4


@dataclass(frozen=True, kw_only=True)
class Vqa(Scorer):
    """Headline `auto`: `lmms` in rows with four references or more, `exact` elsewhere.

    `soft` is the official program, which normalises nothing where all references agree; `lmms` is lmms-eval,
    which always does.
    """

    headline_variant: ClassVar[str] = "auto"
    variants: ClassVar[tuple[str, ...]] = ("auto", "exact", "soft", "lmms")

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score each row; `correct_soft` and `correct_lmms` are NaN with fewer than four references."""
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
    exact = float(any(_equal(output, gold) for gold in golds))
    several = len(references) >= _ENOUGH
    lmms = vqa.lmms(output, references) if several else np.nan
    best = lmms if several else exact
    return {
        "score": best,
        "correct": best,
        "correct_auto": best,
        "correct_exact": exact,
        "correct_soft": vqa.official(output, references) if several else np.nan,
        "correct_lmms": lmms,
        "parsed_answer": parsed,
    }


def _equal(output: str, gold: str) -> bool:
    """Compare normal forms; where the gold answer has none left ("the", "..."), the texts themselves."""
    form = short.exact_form(gold)
    return short.exact_form(output) == form if form else output.strip().lower() == gold.strip().lower()
