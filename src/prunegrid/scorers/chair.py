"""CHAIR: the share of named objects that are in the picture (Rohrbach et al. 2018, arXiv 1809.02156).

The headline is 1 - CHAIR_i, so that more is better in every table, test and share that is kept; CHAIR_i and
CHAIR_s stand beside it as papers print them, less being better, with the recall of objects: who names nothing
invents nothing.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from prunegrid.data.object_words import object_words
from prunegrid.errors import DataError
from prunegrid.scoring.answers.objects import ObjectFinder
from prunegrid.scoring.scorer import Scorer, Variants
from prunegrid.statistics.sums import SumMetric, mean, ratio


@dataclass(frozen=True, kw_only=True)
class Chair(Scorer):
    """Precision and recall of named objects, and the paper's two rates of invented ones.

    Parameters
    ----------
    synonyms : str, optional
        File of the words for each category; default lmms-eval's list.
    """

    headline: ClassVar[str] = "object_precision"
    headline_variant: ClassVar[str] = "synonyms"
    variants: ClassVar[tuple[str, ...]] = ("synonyms",)

    synonyms: str | None = None

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Count named, invented, shown and found objects of each row."""
        finder = ObjectFinder(object_words(self.synonyms))
        records = [_row(row, finder) for row in predictions.itertuples()]
        columns = ["n_named", "n_invented", "invents", "n_shown", "n_found", "parsed_answer"]
        rows = pd.DataFrame(records, index=predictions.index, columns=columns)
        rows.insert(0, "score", _influence(rows))
        return rows

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return precision, 0 where nothing is named; then CHAIR_i, CHAIR_s, recall and objects per text."""
        named, invented = rows["n_named"].to_numpy(), rows["n_invented"].to_numpy()
        return {
            "object_precision": ratio(named - invented, named, empty=0.0),
            "chair_i": ratio(invented, named),
            "chair_s": mean(rows["invents"]),
            "object_recall": ratio(rows["n_found"], rows["n_shown"]),
            "objects_named": mean(rows["n_named"]),
        }

    def variant_values(self, rows: pd.DataFrame) -> Variants:
        """Return the headline under its one rule."""
        return {self.headline: {self.headline_variant: self.metrics(rows)[self.headline].value()}}


def _row(row: Any, finder: ObjectFinder) -> dict[str, object]:
    if row.references is None:
        raise DataError(
            f"sample {row.sample_id!r}: it has no references, which are the objects that it shows"
        )
    shown = {finder.category(str(one)) for one in row.references}
    named = finder.find(row.prediction)
    invented = sum(one not in shown for one in named)
    return {
        "n_named": float(len(named)),
        "n_invented": float(invented),
        "invents": float(invented > 0),
        "n_shown": float(len(shown)),
        "n_found": float(len(shown & {*named})),
        "parsed_answer": ", ".join(sorted({*named})) or None,
    }


def _influence(rows: pd.DataFrame) -> np.ndarray:
    """Return a number per row whose mean is the precision: it, and the row's influence on it.

    Differences of two cells' numbers have the mean, and by pictures the variance, of the difference of the
    precisions (the delta method).
    """
    named = rows["n_named"].to_numpy(np.float64)
    right = named - rows["n_invented"].to_numpy(np.float64)
    total = named.sum()
    if not total:
        return np.zeros(len(rows))
    precision = right.sum() / total
    return np.asarray(precision + len(rows) * (right - precision * named) / total)
