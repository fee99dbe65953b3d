"""The share of a cell's cuts that fell on a tie. Imports no torch."""

import pandas as pd

COLUMNS = ("cut_ties", "status")


def cell_ties(predictions: pd.DataFrame) -> dict[str, float]:
    """Return over all samples the share of cuts by scores that fell on a tie.

    Parameters
    ----------
    predictions : DataFrame
        Its `COLUMNS`.

    Returns
    -------
    dict
        tied_cuts; empty where scores cut nothing.
    """
    answered = predictions[predictions["status"] == "ok"]
    ties = [tied for cuts in answered["cut_ties"] for tied in cuts]
    return {"tied_cuts": sum(map(bool, ties)) / len(ties)} if ties else {}
