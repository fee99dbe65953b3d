"""Score interval of a mean or rate between 0 and 1, also at the ends, where a bootstrap has no width."""

from statistics import NormalDist

import numpy as np


def value_limits(
    value: np.ndarray, variance: np.ndarray, clusters: np.ndarray, level: float = 0.95
) -> np.ndarray:
    """Score interval of values between 0 and 1 that come from clusters of rows.

    Wilson's interval (1927) with an effective number of rows, as for proportions of complex surveys (Kish
    1965; Franco, Little, Louis and Slud 2019, Journal of Survey Statistics and Methodology 7:334): so many
    independent rows as would have the variance that was found. To it, and to a single row's, an imagined
    cluster is added that is wholly otherwise, as for differences (`score_interval`): at 0 and at 1 every
    cluster counts as one row, and many others outvote it. With one row to a cluster it is Wilson's own.

    Parameters
    ----------
    value : ndarray, shape (columns,)
        Values between 0 and 1.
    variance : ndarray, shape (columns,)
        Of the values, over clusters.
    clusters : ndarray of int, shape (columns,)
        Clusters with a row.
    level : float

    Returns
    -------
    ndarray of float64, shape (2, columns)
        Lower and upper limits, within 0 and 1; NaN where there is no value.
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = value * (1 - value)
        rows = (spread + 1 / clusters) / (variance + 1 / np.square(clusters, dtype=np.float64))
        middle = (value + z2 / (2 * rows)) / (1 + z2 / rows)
        half = np.sqrt(z2 * spread / rows + (z2 / (2 * rows)) ** 2) / (1 + z2 / rows)
        limits: np.ndarray = np.clip(np.stack([middle - half, middle + half]), 0.0, 1.0)
        return limits


def joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the hull of two intervals per column, each of shape (2, columns); NaN gives way to a number."""
    return np.stack([np.fmin(first[0], second[0]), np.fmax(first[1], second[1])])
