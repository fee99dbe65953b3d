"""Tests of "no difference": sign flips over clusters, McNemar's exact test, Holm's correction."""

import numpy as np

from prunegrid.statistics.products import WeightedSums

_CHUNK = 8_000_000
# Of means over up to ten seeds, some of which are errors, and of VQA's soft accuracy.
_DENOMINATORS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 20, 30, 60, 420, 2520)
_ROUNDING = 1e-9
# Sums and distinct sizes for which all sums of signs are listed; more are drawn.
_RANGE, _SIZES = 20_000, 40


def sign_flip(differences: np.ndarray, replicates: int = 10_000, seed: int = 0) -> np.ndarray:
    """Two-sided Monte Carlo permutation test for paired differences.

    Under the null the two cells are exchangeable within a cluster, so that each cluster's summed
    difference may change its sign. p = (1 + extreme) / (1 + replicates) (Phipson and Smyth 2010).

    Parameters
    ----------
    differences : ndarray, shape (clusters, columns)
        Sum over the cluster's rows of cell minus other cell.

    Returns
    -------
    ndarray of float64, shape (columns,)
        p of each column.
    """
    differences = np.asarray(differences, dtype=np.float64)
    clusters, columns = differences.shape
    changed = np.any(differences != 0, axis=1)
    differences = _in_whole_numbers(differences[changed])
    observed = np.abs(differences.sum(axis=0))
    limit = observed - 1e-12 * np.abs(differences).sum(axis=0)  # ties are extreme in spite of rounding
    # Sums with random signs, from those of the values that keep theirs: whole numbers stay exact.
    gains, losses = np.maximum(differences, 0).sum(axis=0), np.maximum(-differences, 0).sum(axis=0)
    total, kept = differences.sum(axis=0), WeightedSums(differences, losses, gains)
    extreme = np.zeros(columns, dtype=np.int64)
    generator = np.random.default_rng([seed, clusters, replicates])
    size = max(1, _CHUNK // max(1, len(differences)))
    for start in range(0, replicates, size):
        rows = min(size, replicates - start)
        bits = generator.integers(0, 256, size=(rows, -(-len(differences) // 8)), dtype=np.uint8)
        keeps = np.unpackbits(bits, axis=1, count=len(differences))
        extreme += (np.abs(2 * kept.of(keeps) - total) >= limit).sum(axis=0)
    return (1 + extreme) / (1 + replicates)


def exact_sign_flip(differences: np.ndarray) -> float:
    """Return the p that `sign_flip` draws, exactly; NaN where values are no small whole numbers of a unit.

    Parameters
    ----------
    differences : ndarray, shape (clusters,)
        Sum over the cluster's rows of cell minus other cell.
    """
    changed = differences[differences != 0]
    whole = np.abs(_in_whole_numbers(changed[:, None])[:, 0])
    # A sum such as 0.1 + 0.2 - 0.3 is 0 but for its last digit.
    whole = whole[whole != 0]
    if not len(whole):
        return 1.0
    sizes, counts = np.unique(whole, return_counts=True)
    if len(sizes) > _SIZES or whole.sum() > _RANGE or (whole != np.rint(whole)).any():
        return np.nan
    # Of the sum of those that keep their signs: a binomial count of each size, one added after the other.
    chances = np.ones(1)
    for size, count in zip(sizes.astype(int).tolist(), counts.tolist(), strict=True):
        own = np.zeros(size * count + 1)
        own[::size] = _fair(count)
        chances = np.convolve(chances, own)
    observed = np.rint(np.abs(differences.sum()) * whole.sum() / np.abs(changed).sum())
    kept = np.arange(len(chances))
    return float(min(1.0, chances[np.abs(2 * kept - whole.sum()) >= observed].sum()))


def _fair(count: int) -> np.ndarray:
    """Return the chances of 0 to `count` heads of a fair coin."""
    from scipy.special import gammaln  # slow to import: a job that predicts needs none of it

    heads = np.arange(count + 1)
    chances: np.ndarray = np.exp(
        gammaln(count + 1) - gammaln(heads + 1) - gammaln(count - heads + 1) - count * np.log(2)
    )
    return chances


def _in_whole_numbers(differences: np.ndarray) -> np.ndarray:
    """Multiply each column of fractions that have a common small denominator by it: no p depends on units."""
    differences = differences.copy()
    for number in np.flatnonzero((differences != np.rint(differences)).any(axis=0)):
        for denominator in _DENOMINATORS:
            scaled = denominator * differences[:, number]
            if (np.abs(scaled - np.rint(scaled)) < _ROUNDING).all():
                differences[:, number] = np.rint(scaled)
                break
    return differences


def mcnemar_exact(better: int, worse: int) -> float:
    """Two-sided exact McNemar test of whether `better` and `worse` are equally likely.

    Only where every cluster holds one row (McNemar 1947, with binomial probabilities).
    """
    from scipy.stats import binomtest  # slow to import: a job that predicts needs none of it

    changed = better + worse
    return float(binomtest(better, changed).pvalue) if changed else 1.0


def holm(p: np.ndarray) -> np.ndarray:
    """Holm-adjusted p of one family of tests; NaN stands for no test and stays NaN (Holm 1979)."""
    p = np.asarray(p, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted
