"""How well probabilities of options agree with what is right: Brier score and expected calibration error.

Brier score over several classes: Brier 1950. Calibration error in bins of equal width: Guo et al. 2017
(arXiv 1706.04599, 15 bins); in bins of equal mass: Nguyen and O'Connor 2015 (arXiv 1508.05154).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from prunegrid.statistics.sums import SumMetric

BINS = 15


def softmax(logits: Sequence[float]) -> np.ndarray:
    """Return probabilities, float64 of shape (options,), that sum to 1."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max())
    probabilities: np.ndarray = powers / powers.sum()
    return probabilities


def brier(probabilities: np.ndarray, gold: int) -> float:
    """Return the squared distance of probabilities from certainty of the gold option: 0 at best, 2 at worst.

    Parameters
    ----------
    probabilities : ndarray of float, shape (options,)
    gold : int
        Number of the gold option.
    """
    wanted = np.zeros(len(probabilities))
    wanted[gold] = 1.0
    return float(((probabilities - wanted) ** 2).sum())


def ece_metric(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> SumMetric:
    """Return the expected calibration error in bins of equal width, as a function of sums over rows.

    Bin k of m holds confidences in (k/m, (k+1)/m], and 0 is in the first. The error is the mean over rows of
    their bin's |mean confidence - share that is correct|. It is biased upwards where bins hold few rows, so
    that it compares cells of the same rows, and its interval does not correct that.

    Parameters
    ----------
    confidence : ndarray of float, shape (rows,)
        Probability of the option that has the largest, in [0, 1]; NaN where unknown.
    correct : ndarray of float, shape (rows,)
        Whether that option is the gold one, 0 or 1.
    bins : int
        Number of bins.
    """
    known = ~np.isnan(confidence)
    sure = np.where(known, confidence, 0.0)
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    parts = np.zeros((len(sure), bins + 1))
    parts[np.arange(len(sure)), place] = np.where(known, sure - np.where(known, correct, 0.0), 0.0)
    parts[:, bins] = known
    return SumMetric(parts, _mean_gap)


def expected_calibration_error(
    confidence: np.ndarray,
    correct: np.ndarray,
    bins: int = BINS,
    binning: Literal["equal_width", "equal_mass"] = "equal_width",
) -> float:
    """Return the calibration error in bins of equal width, or of equally many rows.

    Parameters
    ----------
    confidence, correct : ndarray of float, shape (rows,)
        As for `ece_metric`.
    bins : int
        Number of bins.
    binning : str
        "equal_width"; or "equal_mass": rows in the order of their confidence are divided into bins whose
        sizes differ by one at most, the larger ones first. Rows of one confidence may be divided.

    Returns
    -------
    float
        In [0, 1]; NaN without a row.

    Raises
    ------
    ValueError
        If `binning` is neither.
    """
    if binning == "equal_width":
        return ece_metric(confidence, correct, bins).value()
    if binning != "equal_mass":
        raise ValueError(f"binning is 'equal_width' or 'equal_mass', found {binning!r}")
    known = ~np.isnan(confidence)
    order = np.argsort(confidence[known], kind="stable")
    gaps = (confidence[known] - correct[known])[order]
    if not len(gaps):
        return float("nan")
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, bins)) / len(gaps))


def _mean_gap(sums: np.ndarray) -> np.ndarray:
    count = sums[..., -1]
    gap = np.abs(sums[..., :-1]).sum(axis=-1)
    return np.where(count > 0, gap / np.where(count > 0, count, 1.0), np.nan)
