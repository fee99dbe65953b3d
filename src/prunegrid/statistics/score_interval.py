"""Score interval of paired differences, also where few answers changed.

A bootstrap only redraws the changes that were seen: without any, its interval is [0, 0], although n
samples exclude no loss smaller than about 3 / n (the rule of three, Hanley and Lippman-Hand 1983).
"""

import numpy as np

# Normal quantile: two-sided 5 %.
_Z = 1.959964


def score_limits(sums: np.ndarray, counts: np.ndarray, whole: np.ndarray | float = 1.0) -> np.ndarray:
    """95 % score interval of mean paired differences, open also where nothing changed.

    Tango's interval (1998, Statistics in Medicine 17:891) of b better and c worse among n pairs, exactly,
    where every cluster has one row with an answer that is right or wrong. Elsewhere b, c and n are
    effective numbers: gains, losses and rows in units of what a changed cluster typically changes. The
    unit comes from the data and one imagined cluster that is wholly changed, which many observed changes
    outvote. Without any change the limits are +- z^2 / (k + z^2) for k clusters, whatever their sizes.

    Parameters
    ----------
    sums : ndarray, shape (clusters, columns)
        Sum over the cluster's rows of cell minus other cell.
    counts : ndarray, shape (clusters, columns)
        Rows that were compared.
    whole : ndarray, shape (columns,), or float
        Change of a row's score that counts as whole: 1 for accuracies.

    Returns
    -------
    ndarray of float64, shape (2, columns)
        Lower and upper limits; NaN where nothing was compared.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        better, worse, pairs, worth = changed_pairs(sums, counts, whole)
        limits = np.stack([-_tango_upper(worse, better, pairs), _tango_upper(better, worse, pairs)])
        result: np.ndarray = limits * worth
        return result


def _tango_upper(better: np.ndarray, worse: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the largest difference that Tango's score test does not reject, by bisection."""
    low = (better - worse) / pairs
    high = np.ones_like(low)
    for _ in range(50):
        tried = (low + high) / 2
        # The most likely share of changes for the worse if the difference were the one tried.
        linear = (2 * pairs - better + worse) * tried - better - worse
        root = np.sqrt(linear**2 + 8 * pairs * worse * tried * (1 - tried))
        variance = pairs * ((root - linear) / (2 * pairs) + tried * (1 - tried))
        rejected = pairs * tried - better + worse > _Z * np.sqrt(np.maximum(variance, 0))
        low, high = np.where(rejected, low, tried), np.where(rejected, tried, high)
    return np.where(np.isnan(pairs), np.nan, high)


def changed_pairs(
    sums: np.ndarray, counts: np.ndarray, whole: np.ndarray | float = 1.0, fewest: float = np.inf
) -> np.ndarray:
    """Return better, worse, all pairs and what a pair is worth: effective numbers, those of `score_limits`.

    Parameters
    ----------
    sums, counts, whole
        See `score_limits`.

    fewest : float
        No cluster is imagined where at least so many changed.

    Returns
    -------
    ndarray of float64, shape (4, columns)
        The last is the mean difference if all pairs changed the same way.
    """
    clusters, rows = (counts > 0).sum(axis=0), counts.sum(axis=0)
    gains, losses = np.maximum(sums, 0).sum(axis=0), np.maximum(-sums, 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        imagined = np.where((sums != 0).sum(axis=0) < fewest, whole * rows / clusters, 0.0)
        unit = ((sums**2).sum(axis=0) + imagined**2) / (gains + losses + imagined)
        better, worse = gains / unit, losses / unit
        # Scores without an upper end, such as CIDEr, can change by more than a whole.
        pairs = np.maximum(whole * rows / unit, better + worse)
        return np.stack([better, worse, pairs, pairs * unit / rows])
