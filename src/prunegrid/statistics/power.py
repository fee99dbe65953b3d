"""What a paired test can find: power of the sign-flip test, by its own exact distribution.

Pairs change for the better as often as for the worse, and for the worse by the true difference more often.
Of the changed pairs' signs the test asks whether they are a fair coin's: McNemar's exact test. This is the
sign-flip test of single rows; other data are counted in effective pairs (`score_interval.changed_pairs`).
"""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

POWER = 0.8
_Z2 = 1.959964**2
_PRECISION = 5e-5
_TAIL = 8.0


def power(pairs: int, both_ways: float, difference: float, size: float) -> float:
    """Probability that the two-sided exact sign test rejects.

    Parameters
    ----------
    pairs : int
        Number of pairs.
    both_ways : float
        Expected number of pairs that change for the better, and as many for the worse.
    difference : float
        Share of the pairs that change for the worse beyond that.
    size : float
        The test's level.
    """
    from scipy.special import betainc, gammaln, xlog1py, xlogy  # slow to import: predicting needs none of it

    background = both_ways / pairs
    changing = min(1.0, 2 * background + difference)
    if changing == 0:
        return 0.0
    middle, spread = pairs * changing, _TAIL * np.sqrt(pairs * changing) + _TAIL
    changed = np.arange(max(0, int(middle - spread)), min(pairs, int(middle + spread)) + 1)
    needed = _needed(size, _ceiling(pairs))[changed]
    reached = needed <= changed
    for_the_worse = min(1.0, (background + difference) / changing)
    found = np.zeros(len(changed))
    # P(X >= needed) of a binomial distribution.
    found[reached] = betainc(needed[reached], (changed - needed)[reached] + 1, for_the_worse)
    chance = gammaln(pairs + 1) - gammaln(changed + 1) - gammaln(pairs - changed + 1)
    chance = chance + xlogy(changed, changing) + xlog1py(pairs - changed, -changing)
    return float(np.exp(chance) @ found)


@lru_cache(maxsize=64)
def _needed(size: float, most: int) -> np.ndarray:
    """Fewest changes for the worse that the test rejects, of 0 to `most` changes; shape (most + 1,)."""
    from scipy.stats import binom

    found: np.ndarray = binom.isf(size / 2, np.arange(most + 1), 0.5) + 1
    return found


def _ceiling(pairs: int) -> int:
    """Return the next power of two, so that few arrays serve all numbers of pairs."""
    return int(2 ** max(4, np.ceil(np.log2(pairs + 1))))


@lru_cache(maxsize=4096)
def detectable_share(pairs: int, both_ways: int, size: float) -> float:
    """Smallest true difference, as a share of the pairs, that the test finds with a power of 80 %.

    Returns
    -------
    float
        NaN where not even a change of all pairs would be found so often.
    """
    low, high = 0.0, max(0.0, 1.0 - 2 * both_ways / pairs) if pairs else 0.0
    if not high or power(pairs, both_ways, high, size) < POWER:
        return np.nan
    while high - low > _PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if power(pairs, both_ways, middle, size) >= POWER else (middle, high)
    return high


def detectable_mean(error: float, clusters: int, size: float) -> float:
    """Smallest true mean that sign flips of clusters find with a power of 80 %, where sums are near normal.

    Flipped sums spread around 0 as their values do, the mean included: z_size sqrt(e^2 + d^2 / k) + z_power e
    = d, for a standard error e and k clusters.

    Returns
    -------
    float
        NaN where so few clusters find nothing at this size.
    """
    z_size, z_power = NormalDist().inv_cdf(1 - size / 2), NormalDist().inv_cdf(POWER)
    left = 1 - z_size**2 / clusters if clusters else 0.0
    if left <= 0:
        return np.nan
    return float(error * (z_power + np.sqrt(z_power**2 + left * (z_size**2 - z_power**2))) / left)


@lru_cache(maxsize=256)
def pairs_needed(difference: float, size: float) -> int:
    """Fewest pairs among which a loss, with no other change, is found with a power of 80 %."""
    low, high = 0, 1
    while power(high, 0, difference, size) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, 0, difference, size) >= POWER else (middle, high)
    return high


def loss_left_open(clusters: int) -> float:
    """Largest loss that the score interval of so many clusters does not exclude where no answer changes."""
    return _Z2 / (clusters + _Z2)


def clusters_to_exclude(loss: float) -> int:
    """Fewest clusters of which an interval excludes a loss so large where no answer changes."""
    return int(np.ceil(_Z2 * (1 - loss) / loss))
