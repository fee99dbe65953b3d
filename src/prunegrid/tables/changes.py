"""How many answers of a row turned wrong and right, and how it does where the image is needed."""

from dataclasses import asdict

import numpy as np

from prunegrid.statistics.paired import strata, turned
from prunegrid.tables.aligned_scores import RowScores

COLUMNS = (
    "right_to_wrong",
    "wrong_to_right",
    "answerable_blind",
    "needs_image",
    "n_answerable_blind",
    "n_needs_image",
)


def changes(row: RowScores, none: RowScores | None, blind: RowScores | None) -> dict[str, float]:
    """Return some of `COLUMNS`, those for which there is something to compare with.

    Parameters
    ----------
    row : RowScores
        Scores between 0 and 1.
    none, blind : RowScores or None
        The unpruned model, and without the image.

    Returns
    -------
    dict
        Shares of the samples that both answered whose score fell and rose, mean over seeds; the mean score,
        over seeds, where the blind model's is at least one half and where it is not, with their samples.
    """
    found: dict[str, float] = {}
    if none is not None:
        shares = []
        for score in row.by_seed.values() or [row.score]:
            compared = int((~np.isnan(score) & none.answered).sum())
            if compared:
                shares.append(np.array(turned(none.score, score)) / compared)
        if shares:
            found |= dict(zip(COLUMNS, np.mean(shares, axis=0).tolist(), strict=False))
    if blind is not None:
        found |= asdict(strata(row.score, blind.score))
    return found
