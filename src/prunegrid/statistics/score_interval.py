"""Score interval and smallest detectable value of paired differences, also where few answers changed.

A bootstrap only redraws the changes that were seen: without any, its interval is [0, 0], although n
samples exclude no loss smaller than about 3 / n (the rule of three, Hanley and Lippman-Hand 1983).
"""

import numpy as np

# Normal quantiles: two-sided 5 %, and a power of 80 %.
_Z = 1.959964
_POWER = 0.841621


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
    clusters, rows = (counts > 0).sum(axis=0), counts.sum(axis=0)
    gains, losses = np.maximum(sums, 0).sum(axis=0), np.maximum(-sums, 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        imagined = whole * rows / clusters
        unit = ((sums**2).sum(axis=0) + imagined**2) / (gains + losses + imagined)
        better, worse = gains / unit, losses / unit
        # Scores without an upper end, such as CIDEr, can change by more than a whole.
        pairs = np.maximum(whole * rows / unit, better + worse)
        limits = np.stack([-_tango_upper(worse, better, pairs), _tango_upper(better, worse, pairs)])
        result: np.ndarray = limits * pairs * unit / rows
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


def detectable_difference(
    sums: np.ndarray, counts: np.ndarray, whole: np.ndarray | float = 1.0
) -> np.ndarray:
    """Smallest true difference found with a power of 80 % at a two-sided 5 %, from a standard error never 0.

    As Agresti and Min (2005, Statistics in Medicine 24:729) add half a pair to each cell of the 2 x 2
    table, two clusters are added, with one whole change between them.

    Parameters
    ----------
    sums, counts, whole
        See `score_limits`.

    Returns
    -------
    ndarray of float64, shape (columns,)
    """
    clusters, rows = (counts > 0).sum(axis=0), counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, size = sums.sum(axis=0) / rows, rows / clusters
        squares = ((sums - value * counts) ** 2).sum(axis=0) + (whole * size) ** 2
        result: np.ndarray = (_Z + _POWER) * np.sqrt(squares) / (size * (clusters + 2))
        return result
