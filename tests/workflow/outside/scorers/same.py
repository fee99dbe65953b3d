"""Is the output the answer, as far as letters go?"""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from prunegrid import Scorer
from prunegrid.statistics.sums import SumMetric, mean


@dataclass(frozen=True, kw_only=True)
class Same(Scorer):
    """Accuracy by two rules: case aside, and to the letter."""

    headline_variant: ClassVar[str] = "letters"
    variants: ClassVar[tuple[str, ...]] = ("letters", "exact")

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Return a row of numbers for each prediction, one column `correct_<variant>` a rule."""
        said = predictions["prediction"].str.strip()
        letters = (said.str.lower() == predictions["answer"].str.lower()).astype(float)
        exact = (said == predictions["answer"]).astype(float)
        columns = {"score": letters, "correct": letters, "correct_letters": letters, "correct_exact": exact}
        return pd.DataFrame({**columns, "parsed_answer": said}, index=predictions.index)

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return metrics as functions of sums over rows, the headline first."""
        return {"accuracy": mean(rows["score"])}
